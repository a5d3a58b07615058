# SPDX-License-Identifier: GPL-2.0-or-later
"""A second opinion on every packet, written from the rules and not from the program.

find_san() is the parser: the rules at the top of bpf/lib/cursor.h, on plain bytes. Ingress is what
the program does with the answer: service, flow, next hop, hop limit, MTU, encapsulation (RFC 8986
section 5). Fast enough for hundreds of thousands of packets; tests/golden/wire checks it against
scapy's own dissection.
"""

import ipaddress
import re
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_EXT_HDRS = 8
MAX_OPTIONS = 32
DOH, HBH, SRH = 0x1, 0x2, 0x4
NH_HBH, NH_TCP, NH_UDP, NH_IP6, NH_ROUTING, NH_FRAGMENT = 0, 6, 17, 41, 43, 44
NH_ESP, NH_AH, NH_NONE, NH_DOH = 50, 51, 59, 60
EXTENSIONS = {NH_HBH, NH_DOH, NH_ROUTING, NH_FRAGMENT, NH_AH, 135, 139, 140}
VERDICTS = {1: "drop", 2: "pass", 3: "tx", 4: "redirect"}
PE_MAC = bytes.fromhex("020000000002")  # of the interface that receives
MALFORMED = {"truncated", "bad_option", "bad_srh", "zero_service"}

Profile = namedtuple("Profile", "carriers opt_type tlv_type version id_offset id_len")
EXP1 = Profile(DOH | HBH | SRH, 0x1E, 124, 1, 4, 8)
Found = namedtuple("Found", "reason service_id l4_off l4_proto fragment flags")
Outcome = namedtuple("Outcome", "verdict reason out")


def reasons():
    """Names of enum san_reason in their order, from the contract header."""
    text = (ROOT / "include/san/map_abi.h").read_text(encoding="ascii")
    table = text.split("#define SAN_REASONS(X)", 1)[1].split("enum san_reason", 1)[0]
    return re.findall(r'X\([A-Z0-9_]+,\s*"([a-z0-9_]+)"', table)


class Stop(Exception):
    """A rule that ends the walk."""


class Walk:
    """One packet, from its IPv6 header on."""

    def __init__(self, data, profile):
        self.data = data
        self.profile = profile
        self.headers = 0
        self.options = 0
        self.service_id = None
        self.flags = 0
        self.fragment = 0
        self.end = 0

    def run(self):
        """(offset of the upper layer or 0, its number); Stop with the reason otherwise."""
        data = self.data
        if len(data) < 40:
            raise Stop("truncated")
        if data[0] >> 4 != 6:
            raise Stop("not_ipv6")
        self.end = 40 + (data[4] << 8 | data[5])
        if self.end > len(data):
            raise Stop("truncated")
        number, offset = data[6], 40
        while number in EXTENSIONS:
            number, offset = self.extension(number, offset)
        return self.upper(number, offset)

    def upper(self, number, offset):
        if number in (NH_ESP, NH_NONE):
            return 0, number
        if number in (NH_TCP, NH_UDP) and self.end - offset < 4:
            raise Stop("truncated")
        return offset, number

    def extension(self, number, offset):
        data = self.data
        self.headers += 1
        if self.headers > MAX_EXT_HDRS:
            raise Stop("too_deep")
        if offset + 8 > self.end:
            raise Stop("truncated")
        if number == NH_FRAGMENT:
            size = 8
        elif number == NH_AH:
            size = (data[offset + 1] + 2) * 4
        else:
            size = (data[offset + 1] + 1) * 8
        if offset + size > self.end:
            raise Stop("truncated")
        self.contents(number, offset, size)
        return data[offset], offset + size

    def contents(self, number, offset, size):
        profile = self.profile
        if number == NH_FRAGMENT:
            self.fragment = 1
            if (self.data[offset + 2] << 8 | self.data[offset + 3]) & 0xFFF9:
                raise Stop("fragment")
        elif number == NH_DOH and profile.carriers & DOH:
            self.tlvs(offset + 2, offset + size, profile.opt_type)
        elif number == NH_HBH and profile.carriers & HBH:
            self.tlvs(offset + 2, offset + size, profile.opt_type)
        elif number == NH_ROUTING and self.data[offset + 2] == 4 and profile.carriers & SRH:
            entries = self.data[offset + 4] + 1
            if entries * 16 > self.data[offset + 1] * 8 or self.data[offset + 3] > entries:
                raise Stop("bad_srh")
            self.tlvs(offset + 8 + entries * 16, offset + size, profile.tlv_type)

    def tlvs(self, offset, end, san_type):
        data = self.data
        while offset < end:
            self.options += 1
            if self.options > MAX_OPTIONS:
                raise Stop("too_deep")
            if data[offset] == 0:
                offset += 1
                continue
            if offset + 2 > end or offset + 2 + data[offset + 1] > end:
                raise Stop("bad_option")
            value = data[offset + 2:offset + 2 + data[offset + 1]]
            if data[offset] == san_type and self.service_id is None:
                self.san(value)
            offset += 2 + len(value)

    def san(self, value):
        profile = self.profile
        need = profile.id_offset + profile.id_len
        if len(value) < need or (profile.version and len(value) < 12):
            raise Stop("bad_option")
        if profile.version:
            if value[0] >> 4 != profile.version:
                raise Stop("bad_version")
            self.flags = value[0] & 0xF
        service_id = int.from_bytes(value[profile.id_offset:need], "big")
        if not service_id:
            raise Stop("zero_service")
        self.service_id = service_id


def find_san(data, profile=EXP1):
    """data begins with the IPv6 header. reason is "forwarded" when there is a service ID."""
    walk = Walk(data, profile)
    try:
        l4_off, l4_proto = walk.run()
    except Stop as stop:
        return Found(stop.args[0], 0, 0, 0, walk.fragment, 0)
    if walk.service_id is None:
        return Found("no_san", 0, l4_off, l4_proto, walk.fragment, 0)
    return Found("forwarded", walk.service_id, l4_off, l4_proto, walk.fragment, walk.flags)


# --- encapsulation --------------------------------------------------------------------------------


def packed(text):
    return ipaddress.IPv6Address(text).packed


def routing_header(segs, red):
    """The SRH of H.Encaps or H.Encaps.Red; segs in travel order."""
    listed = segs[1:] if red else segs
    if not listed:
        return b""
    fixed = bytes([NH_IP6, 2 * len(listed), 4, len(segs) - 1, len(listed) - 1, 0, 0, 0])
    return fixed + b"".join(packed(seg) for seg in reversed(listed))


class NextHop:
    """A next hop of a configuration, its headers prepared once."""

    def __init__(self, spec):
        self.kind = spec["kind"]
        self.mtu = spec["mtu"]
        self.hop_limit = spec["hop_limit"]
        self.source, self.segments = packed(spec["source"]), spec["segments"]
        self.routing = routing_header(self.segments, spec["encap"] == "red")
        self.ether = bytes.fromhex((spec["dst_mac"] + spec["src_mac"]).replace(":", "")) + b"\x86\xdd"
        self.outer_len = 0 if self.kind == "direct" else 40 + len(self.routing)

    def push(self, inner):
        """inner: the IP packet without Ethernet padding, hop limit already one less."""
        if self.kind == "direct":
            return self.ether + inner
        traffic_class = (inner[0] & 0xF) << 4 | inner[1] >> 4
        number = NH_ROUTING if self.routing else NH_IP6
        head = bytes([0x60 | traffic_class >> 4, (traffic_class & 0xF) << 4, 0, 0])
        head += (len(self.routing) + len(inner)).to_bytes(2, "big")
        head += bytes([number, self.hop_limit or inner[7]])
        return self.ether + head + self.source + packed(self.segments[0]) + self.routing + inner


def without_flow_label(frame):
    """The frame with the outer flow label, which is a matter of the implementation, cleared."""
    return frame[:15] + bytes([frame[15] & 0xF0, 0, 0]) + frame[18:]


# --- the ingress program --------------------------------------------------------------------------


def routable(address):
    """Neither ::/64, nor link-local, nor multicast."""
    first = address[0] << 8 | address[1]
    return any(address[:8]) and address[0] != 0xFF and not 0xFE80 <= first <= 0xFEBF


def found_length(frame):
    """Of the IPv6 packet: header and payload."""
    return 40 + int.from_bytes(frame[18:20], "big")


class Ingress:
    """A configuration and the flows seen so far."""

    def __init__(self, conf, profile=EXP1):
        self.profile = profile
        self.policy = set(conf.get("policy", []))
        self.role = conf.get("role", "ingress")
        self.services = {int(key, 0): value for key, value in conf["services"].items()}
        self.nexthops = {int(key): NextHop(value) for key, value in conf["nexthops"].items()}
        self.flows = {}

    def run(self, frame):
        reason, out = self.decide(frame)
        if reason in ("forwarded", "flow_hit"):
            return Outcome("redirect", reason, out)
        drop = (reason == "nh_drop"
                or (reason in MALFORMED and "drop_malformed" in self.policy)
                or (reason == "unknown_service" and "drop_unknown" in self.policy))
        return Outcome("drop" if drop else "pass", reason, frame)

    def decide(self, frame):
        if self.role != "ingress":
            return "no_role", None
        if frame[:6] != PE_MAC:
            return "not_routable", None
        if frame[12:14] != b"\x86\xdd":
            return "not_ipv6", None
        found = find_san(frame[14:], self.profile)
        if found.reason != "forwarded":
            return found.reason, None
        service = self.services.get(found.service_id)
        if service is None:
            return "unknown_service", None
        if not routable(frame[22:38]) or not routable(frame[38:54]):
            return "not_routable", None
        return self.steer(frame, found, service)

    def flow_key(self, frame, found):
        ports = b""
        if found.l4_proto in (NH_TCP, NH_UDP):
            ports = frame[14 + found.l4_off:18 + found.l4_off]
        return frame[22:54], found.service_id, found.l4_proto, ports

    @staticmethod
    def begins(frame, found):
        """A TCP SYN without ACK, inside the IPv6 packet: an earlier flow of these ports is over."""
        packet = frame[14:14 + found_length(frame)]
        flags = packet[found.l4_off + 13:found.l4_off + 14]
        return found.l4_proto == NH_TCP and bool(flags) and flags[0] & 0x12 == 0x02

    def steer(self, frame, found, service):
        flow = service.get("affinity") == "flow"
        key = self.flow_key(frame, found) if flow else None
        if key in self.flows and not self.begins(frame, found):
            why, out = self.forward(frame, self.nexthops[self.flows[key]])
            return why or "flow_hit", out
        if service["mode"] == "none":
            return "nothing_selected", None
        nexthop = self.nexthops.get(service["nexthop"])
        if nexthop is None or nexthop.kind == "unused":
            return "nh_invalid", None
        if flow:  # also when this packet then goes to the kernel, whose route is the same instance's
            self.flows[key] = service["nexthop"]
        why, out = self.forward(frame, nexthop)
        return why or "forwarded", out

    @staticmethod
    def forward(frame, nexthop):
        """(reason not to, or '', the frame that leaves)"""
        if nexthop.kind == "unresolved":
            return "nh_unresolved", None
        if nexthop.kind == "drop":
            return "nh_drop", None
        if frame[21] <= 1:
            return "hop_limit", None
        size = 40 + (frame[18] << 8 | frame[19])
        if size + nexthop.outer_len > nexthop.mtu:
            return "too_big", None
        inner = bytearray(frame[14:14 + size])
        inner[7] -= 1
        return "", nexthop.push(bytes(inner))
