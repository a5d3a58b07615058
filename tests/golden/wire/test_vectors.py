# SPDX-License-Identifier: GPL-2.0-or-later
"""The vectors are what the generator makes, cover what they must, and two readers agree on them:
tests/bpf/oracle.py (plain bytes) and scapy's dissection."""

import collections
import json
import os
import subprocess
import sys

import pytest
from scapy.layers.inet6 import (
    IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
)
from scapy.layers.ipsec import AH, ESP
from scapy.packet import NoPayload

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bpf"))

import oracle  # noqa: E402
import oracle_core  # noqa: E402

with open(os.path.join(HERE, "vectors.json"), encoding="ascii") as text:
    DOCUMENT = json.load(text)
VECTORS = DOCUMENT["vectors"]
FRAMES = DOCUMENT["frames"]
CARRIERS = {"doh": oracle.DOH, "hbh": oracle.HBH, "srh": oracle.SRH}
WALKED = (IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, IPv6ExtHdrSegmentRouting, IPv6ExtHdrRouting,
          IPv6ExtHdrFragment, AH)


def profile_of(vector):
    spec = dict(DOCUMENT["profiles"][vector["profile"]])
    spec["carriers"] = sum(CARRIERS[name] for name in spec["carriers"])
    return oracle.Profile(**spec)


def test_generator_makes_the_same_file():
    made = subprocess.run([sys.executable, "-B", os.path.join(HERE, "generate.py"), "-"],
                          capture_output=True, check=True).stdout
    with open(os.path.join(HERE, "vectors.json"), "rb") as file:
        assert made == file.read(), "run tests/golden/wire/generate.py"


def test_enough_and_every_reason():
    assert len(VECTORS) + len(FRAMES) >= 250
    counts = collections.Counter(vector["reason"] for vector in VECTORS + FRAMES)
    # a driver without headroom is no matter of a vector: tests/bpf/test_verdict.c has it
    missing = set(oracle.reasons()) - set(counts) - {"no_headroom"}
    assert not missing, f"no vector for {', '.join(sorted(missing))}"
    assert set(counts) <= set(oracle.reasons())


def test_names_are_unique():
    names = [vector["name"] for vector in VECTORS + FRAMES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("vector", VECTORS + FRAMES, ids=lambda vector: vector["name"])
def test_oracle(vector):
    packet = bytes.fromhex(vector["packet"])
    conf = DOCUMENT["configurations"][vector["configuration"]]
    machine = oracle_core.machine(conf, profile_of(vector))
    for earlier in vector.get("before", []):
        machine.run(bytes.fromhex(earlier))
    for index in vector.get("give_up", []):
        machine.give_up(index)
    outcome = machine.run(packet)
    assert (outcome.verdict, outcome.reason) == (vector["verdict"], vector["reason"])
    assert outcome.out.hex() == (vector["packet_out"] or vector["packet"])
    if "parse" in vector and packet[12:14] == b"\x86\xdd":
        assert parsed(oracle.find_san(packet[14:], profile_of(vector))) == vector["parse"]


def parsed(found):
    if found.reason != "forwarded":
        return {"reason": found.reason}
    return {"reason": "forwarded", "service_id": hex(found.service_id), "l4_offset": found.l4_off,
            "l4_proto": found.l4_proto, "fragment": found.fragment, "flags": found.flags}


# --- scapy as the reader --------------------------------------------------------------------------


def san_values(layer, profile):
    """Values of what the profile calls a SAN header, in this layer."""
    if isinstance(layer, IPv6ExtHdrSegmentRouting):
        wanted = profile.tlv_type if profile.carriers & oracle.SRH else None
        return [bytes(tlv.value) for tlv in layer.tlv_objects if tlv.type == wanted]
    on = {IPv6ExtHdrDestOpt: oracle.DOH, IPv6ExtHdrHopByHop: oracle.HBH}.get(type(layer), 0)
    if not on & profile.carriers:
        return []
    return [bytes(opt.optdata) for opt in layer.options if opt.otype == profile.opt_type]


def dissect(packet, profile):
    """(service ID or 0, offset of the upper layer or 0) as scapy reads a well-formed packet."""
    top = IPv6(packet)
    layer, values = top.payload, []
    while isinstance(layer, WALKED):
        values += san_values(layer, profile)
        layer = layer.payload
    service = 0
    if values:
        first = values[0][profile.id_offset:profile.id_offset + profile.id_len]
        service = int.from_bytes(first, "big")
    if isinstance(layer, (NoPayload, ESP)):
        return service, 0
    return service, 40 + top.plen - len(layer.original)


# headers scapy has no layer for or does not chain behind (AH), its own reading of the HMAC TLV,
# and contents that only a carrier that is off may have
SCAPY_KNOWS_NOT = {"chain/header-135", "chain/header-139", "chain/header-140", "bound/mixed-headers",
                   "doh/empty-upper", "hbh/empty-upper", "chain/doh-behind-ah",
                   "chain/ah-4-byte-units", "srh/hmac-in-front", "profile/broken-srh-is-walked-over"}
READABLE = [vector for vector in VECTORS
            if vector["parse"]["reason"] == "forwarded" and vector["name"] not in SCAPY_KNOWS_NOT]


def test_scapy_reads_most():
    assert len(READABLE) >= 100


@pytest.mark.parametrize("vector", READABLE, ids=lambda vector: vector["name"])
def test_scapy_agrees(vector):
    packet = bytes.fromhex(vector["packet"])[14:]
    packet = packet[:40 + int.from_bytes(packet[4:6], "big")]
    service, offset = dissect(packet, profile_of(vector))
    assert hex(service) == vector["parse"]["service_id"]
    assert offset == vector["parse"]["l4_offset"]
