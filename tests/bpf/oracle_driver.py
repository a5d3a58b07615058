# SPDX-License-Identifier: GPL-2.0-or-later
"""The program under test as a python object: build/tests/bpf/diff_ingress behind two pipes."""

import ipaddress
import os
import struct
import subprocess
import tempfile
from collections import namedtuple

import oracle
from oracle_steer import CLASS_FIELDS, judge, length

DRIVER = oracle.ROOT / "build/tests/bpf/diff_ingress"
BPFFS = "/sys/fs/bpf"
MODES = {"none": 0, "preferred": 1, "balanced": 2}
AFFINITIES = {"none": 0, "hash": 1, "flow": 2}
KINDS = {"unused": 0, "unresolved": 1, "srv6": 2, "direct": 3, "drop": 4}
ROLES = {"none": 0, "ingress": 1, "core": 2}
VERDICTS = {"steer": 0, "pass": 1, "drop": 2}
POLICIES = {"drop_malformed": 1, "drop_unknown": 2, "vlan": 4, "classify": 8}
ENCAPS = {"red": 0, "full": 1}
BEHAVIOURS = {"End": 1, "End.DX6": 2, "End.DT6": 3, "End.DX4": 4, "End.SAN": 5}
FLAVORS = {"PSP": 1, "USP": 2, "USD": 4}
FAMILIES = {6: 1, 4: 2}
CHUNK = 512
ANSWER = struct.Struct("<QiiiIHBBBB2xI4x")  # struct answer of diff_ingress.c
RESULT = struct.Struct("<Q")
PORT = 7  # ifindex in the driver's namespace: where routes lead

Answer = namedtuple("Answer", "verdict reason native service_id l4_off l4_proto fragment flags more "
                              "frag_id out")
Mass = namedtuple("Mass", "packets reasons steered traced wrong text")


class DriverError(Exception):
    """The driver ended or said something that is no answer."""


def prefix_words(text):
    network = ipaddress.IPv6Network(text)
    return network.network_address.packed + network.netmask.packed


def domain(conf):
    """struct san_domain"""
    blocks, inside = conf.get("blocks", []), conf.get("inside", [])
    data = b"".join(map(prefix_words, blocks)).ljust(8 * 32, b"\0")
    data += b"".join(map(prefix_words, inside)).ljust(16 * 32, b"\0")
    data += struct.pack("<IIII", len(blocks), len(inside), 0, int(conf.get("stray_sids", False)))
    data += oracle.packed(conf.get("source", "::")) + oracle.packed(conf.get("icmp_source", "::"))
    data += oracle.packed(conf.get("icmp_source4", "0.0.0.0"))[12:] + struct.pack("<I", 0)
    return data + bytes(64)


class Driver:
    """Loads a configuration into a private pin directory, runs packets, cleans up."""

    def __init__(self, conf, profile=oracle.EXP1):
        self.names = oracle.reasons()
        self.conf = conf
        self.messages = tempfile.TemporaryFile()
        self.pin_dir = f"{BPFFS}/sand-diff-{os.getpid()}-{id(self):x}"
        self.proc = subprocess.Popen([DRIVER, self.pin_dir], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=self.messages)
        self.next_slot = 0
        self.configure(conf, profile)
        self.flush()
        if conf.get("routes"):
            self.routes(conf["routes"])

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
        try:
            self.proc.stdin.write(struct.pack("<II", ord(code), len(payload)) + payload)
        except BrokenPipeError:
            raise DriverError(self.complaint()) from None

    def flush(self):
        try:
            self.request("F")
            self.proc.stdin.flush()
        except BrokenPipeError:
            raise DriverError(self.complaint()) from None

    # --- configuration ---

    def configure(self, conf, profile):
        policy = sum(POLICIES[name] for name in conf.get("policy", []))
        iface = struct.pack("<6sBBBxHI", oracle.PE_MAC, ROLES[conf.get("role", "ingress")], policy,
                            conf.get("group", 0), 1, 0)
        self.request("C", struct.pack("<6B2x", *profile) + iface + domain(conf))
        for index, spec in conf["nexthops"].items():
            self.nexthop(int(index), spec)
        for local, name in enumerate(("services", "local")):
            for key, spec in conf.get(name, {}).items():
                self.service(int(key, 0), local, spec)
        for address, spec in conf.get("sids", {}).items():
            self.sid(address, spec)
        for spec in conf.get("classes", []):
            self.rule(spec)
        self.request("k")

    def nexthop(self, index, spec, epoch=None):
        segs = b"".join(oracle.packed(seg) for seg in spec["segments"])
        macs = bytes.fromhex((spec["dst_mac"] + spec["src_mac"]).replace(":", ""))
        head = struct.pack("<IIIBBBB", index, spec["mtu"],
                           spec.get("epoch", 0) if epoch is None else epoch,
                           ENCAPS[spec["encap"]], len(spec["segments"]), spec["hop_limit"],
                           KINDS[spec["kind"]])
        families = sum(FAMILIES[name] for name in spec.get("families", [6, 4]))
        tail = bytes([families, spec.get("port", True), 0, 0])
        self.request("N", head + macs + tail + oracle.packed(spec["source"]) + segs.ljust(128, b"\0"))

    def service(self, key, local, spec):
        slots = spec.get("slots", [])
        base, bits = self.next_slot, max(len(slots) - 1, 0).bit_length()
        if slots:
            self.request("L", struct.pack(f"<I{len(slots)}I", base, *slots))
            self.next_slot += len(slots)
        value = struct.pack("<IIIIBBBBIQ", spec["nexthop"], base, 0, 1, MODES[spec["mode"]],
                            AFFINITIES[spec["affinity"]], int(spec.get("key_source", False)), bits,
                            0, spec.get("groups", 1))
        self.request("S", struct.pack("<QQ", key, local) + value)

    def sid(self, address, spec):
        flavors = sum(FLAVORS[name] for name in spec.get("flavors", []))
        value = struct.pack("<BBBxIIIQ", BEHAVIOURS[spec["behaviour"]], flavors,
                            int(spec.get("kernel", False)), spec.get("nexthop", 0), 0, 0,
                            int(spec.get("service", "0"), 0))
        self.request("I", oracle.packed(address) + value)

    def rule(self, spec):
        """struct san_msg_class"""
        addresses = b"".join(oracle.packed(spec[end].split("/")[0]) for end in ("src", "dst"))
        fields = sum(1 << bit for bit, name in enumerate(CLASS_FIELDS) if name in spec)
        value = struct.pack("<Q32sBBBB", int(spec["service"], 0), addresses, length(spec["src"]),
                            length(spec["dst"]), fields, spec.get("proto", 0))
        value += struct.pack(">HHB", spec.get("sport", 0), spec.get("dport", 0), spec.get("dscp", 0))
        mark = 0x40 | spec["mark"] if "mark" in spec else 0
        value += bytes([spec.get("intent", 0), VERDICTS[spec.get("verdict", "steer")], mark])
        self.request("K", value + struct.pack("<III", spec.get("priority", 0), spec.get("act", 0),
                                              spec.get("rate_kbps", 0)))

    def routes(self, routes):
        """A port in the driver's namespace, the routes of the configuration through it."""
        self.forget()
        next(self.run([bytes(60)]))  # by now it is in its namespace
        commands = ["link set lo up", f"link add p index {PORT} type veth peer name q",
                    "link set p up", "link set q up", "-6 address add fe80::1/64 dev p nodad"]
        for number, (prefix, spec) in enumerate(routes.items()):
            gateway = f"fe80::{number + 2:x}"
            commands += [f"link set p address {spec['src_mac']}",
                         f"-6 neigh add {gateway} lladdr {spec['dst_mac']} dev p nud permanent",
                         f"-6 route add {prefix} via {gateway} dev p"]
        script = "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding\n"
        script += "\n".join(f"ip {line}" for line in commands)
        subprocess.run(["nsenter", f"--net=/proc/{self.proc.pid}/ns/net", "sh", "-ec", script],
                       check=True, timeout=60)
        self.request("W", struct.pack("<I", PORT))

    # --- running ---

    def forget(self):
        self.request("R")

    def give_up(self, index):
        """The next hop's index goes to another instance."""
        spec = self.conf["nexthops"][str(index)]
        self.nexthop(index, spec, spec.get("epoch", 0) + 1)

    def restore(self, index):
        self.nexthop(index, self.conf["nexthops"][str(index)])

    def read(self, size):
        data = self.proc.stdout.read(size)
        if len(data) != size:
            raise DriverError(self.complaint() or "ended early")
        return data

    def answer(self):
        fields = ANSWER.unpack(self.read(ANSWER.size))
        service_id, verdict, reason, native, frag_id, off, proto, fragment, flags, more, size = fields
        return Answer(oracle.VERDICTS.get(verdict, f"action {verdict}"), self.name(reason),
                      self.name(native), service_id, off, proto, fragment, flags, more,
                      frag_id.to_bytes(4, "little"), self.read(size))

    def name(self, reason):
        return self.names[reason] if 0 <= reason < len(self.names) else None

    def run(self, packets):
        """An Answer for each packet, in their order."""
        for start in range(0, len(packets), CHUNK):
            part = packets[start:start + CHUNK]
            for packet in part:
                self.request("P", packet)
            self.flush()
            for _ in part:
                yield self.answer()

    def mass(self, seeds, packets, seed):
        """Has the driver make packets from the seeds and judge them in C."""
        for packet in seeds:
            self.request("X", packet)
        self.request("M", struct.pack("<QQ", seed, packets))
        self.flush()
        numbers = struct.unpack(f"<{len(self.names) + 5}Q", self.read(8 * (len(self.names) + 5)))
        text = self.read(numbers[-1]).decode()
        reasons = {name: count for name, count in zip(self.names, numbers[1:]) if count}
        return Mass(numbers[0], reasons, *numbers[-4:-1], text)


def disagreement(packet, options, found, answer):
    """What the program did other than the oracle says, in words; '' when they agree."""
    if found and native(found) != native(answer):
        return f"native cursor: {native(answer)}, oracle: {native(found)}"
    return judge(options, packet, answer)


def native(what):
    reason = what.native if isinstance(what, Answer) else what.reason
    if reason != "forwarded":
        return reason
    return (reason, hex(what.service_id), what.l4_off, what.l4_proto, what.fragment, what.flags)
