# SPDX-License-Identifier: GPL-2.0-or-later
"""The program under test as a python object: build/tests/bpf/diff_ingress behind two pipes."""

import os
import struct
import subprocess
import tempfile
from collections import namedtuple

import oracle

DRIVER = oracle.ROOT / "build/tests/bpf/diff_ingress"
BPFFS = "/sys/fs/bpf"
MODES = {"none": 0, "preferred": 1}
AFFINITIES = {"none": 0, "hash": 1, "flow": 2}
KINDS = {"unused": 0, "unresolved": 1, "srv6": 2, "direct": 3, "drop": 4}
ROLES = {"none": 0, "ingress": 1, "core": 2}
POLICIES = {"drop_malformed": 1, "drop_unknown": 2}
ENCAPS = {"red": 0, "full": 1}
CHUNK = 512
ANSWER = struct.Struct("<QiiiHBBB3xI")  # struct answer of diff_ingress.c
MAX_NEXTHOPS = 16384

Answer = namedtuple("Answer", "verdict reason native service_id l4_off l4_proto fragment flags out")


class DriverError(Exception):
    """The driver ended or said something that is no answer."""


class Driver:
    """Loads a configuration into a private pin directory, runs packets, cleans up."""

    def __init__(self, conf, profile=oracle.EXP1):
        self.names = oracle.reasons()
        self.messages = tempfile.TemporaryFile()
        self.pin_dir = f"{BPFFS}/sand-diff-{os.getpid()}-{id(self):x}"
        self.proc = subprocess.Popen([DRIVER, self.pin_dir], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=self.messages)
        self.configure(conf, profile)
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.proc.stdin.close()
        except BrokenPipeError:
            pass  # it has ended, and said why to who wrote last
        self.proc.stdout.close()
        self.proc.wait(30)
        self.messages.close()

    def complaint(self):
        self.proc.wait(30)
        self.messages.seek(0)
        return self.messages.read().decode(errors="replace").strip()

    def request(self, code, payload=b""):
        self.proc.stdin.write(struct.pack("<II", ord(code), len(payload)) + payload)

    def flush(self):
        try:
            self.request("F")
            self.proc.stdin.flush()
        except BrokenPipeError:
            raise DriverError(self.complaint()) from None

    def configure(self, conf, profile):
        policy = sum(POLICIES[name] for name in conf.get("policy", []))
        role = ROLES[conf.get("role", "ingress")]
        self.request("C", struct.pack("<6B2xBB6sI", *profile, role, policy, oracle.PE_MAC,
                                      MAX_NEXTHOPS))
        for index, spec in conf["nexthops"].items():
            self.nexthop(int(index), spec)
        for key, spec in conf["services"].items():
            self.service(int(key, 0), spec)

    def nexthop(self, index, spec):
        segs = b"".join(oracle.packed(seg) for seg in spec["segments"])
        macs = bytes.fromhex((spec["dst_mac"] + spec["src_mac"]).replace(":", ""))
        head = struct.pack("<IIIBBBB", index, spec["mtu"], spec.get("epoch", 0),
                           ENCAPS[spec["encap"]], len(spec["segments"]), spec["hop_limit"],
                           KINDS[spec["kind"]])
        self.request("N", head + macs + oracle.packed(spec["source"]) + segs.ljust(128, b"\0"))

    def service(self, key, spec):
        value = struct.pack("<IIIIIBBBB", spec["nexthop"], 0, 0, 1, 0, MODES[spec["mode"]],
                            AFFINITIES[spec["affinity"]], 0, 0)
        self.request("S", struct.pack("<Q", key) + value)

    def read(self, size):
        data = self.proc.stdout.read(size)
        if len(data) != size:
            raise DriverError(self.complaint() or "ended early")
        return data

    def answer(self):
        fields = ANSWER.unpack(self.read(ANSWER.size))
        service_id, verdict, reason, native, off, proto, fragment, flags, size = fields
        return Answer(oracle.VERDICTS.get(verdict, f"action {verdict}"), self.name(reason),
                      self.name(native), service_id, off, proto, fragment, flags, self.read(size))

    def name(self, reason):
        return self.names[reason] if 0 <= reason < len(self.names) else None

    def run(self, packets):
        """An Answer for each packet, in their order."""
        for start in range(0, len(packets), CHUNK):
            part = packets[start:start + CHUNK]
            try:
                for packet in part:
                    self.request("P", packet)
            except BrokenPipeError:
                raise DriverError(self.complaint()) from None
            self.flush()
            for _ in part:
                yield self.answer()


def disagreement(packet, expected, found, answer):
    """What the program did other than the oracle says, in words; '' when they agree."""
    if (answer.verdict, answer.reason) != (expected.verdict, expected.reason):
        return (f"program: {answer.verdict} {answer.reason}, "
                f"oracle: {expected.verdict} {expected.reason}")
    if found and native(found) != native(answer):
        return f"native cursor: {native(answer)}, oracle: {native(found)}"
    if expected.verdict != "redirect":
        return "" if answer.out == packet else "packet was changed without being steered"
    return frame_difference(packet, expected.out, answer.out)


def native(what):
    reason = what.native if isinstance(what, Answer) else what.reason
    if reason != "forwarded":
        return reason
    return (reason, hex(what.service_id), what.l4_off, what.l4_proto, what.fragment, what.flags)


def frame_difference(packet, want, got):
    """Ethernet padding behind the inner packet may stay where it was or go."""
    padding = packet[54 + int.from_bytes(packet[18:20], "big"):]
    if len(got) > len(want) and got[len(want):] == padding:
        got = got[:len(want)]
    if want == oracle.without_flow_label(want):
        got = oracle.without_flow_label(got)
    if got == want:
        return ""
    place = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return f"frame differs at byte {place}: {got.hex()}, oracle: {want.hex()}"
