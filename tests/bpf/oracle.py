# SPDX-License-Identifier: GPL-2.0-or-later
"""A second opinion on every packet, written from the rules and not from the program: what stands in
a packet. find_san() is the walk over IPv6 extension headers (the rules at the top of
bpf/lib/cursor.h, on plain bytes), look() reads a whole frame of either IP version.

What the programs do with it is in oracle_steer.py (both), oracle_ingress.py and oracle_core.py.
tests/golden/wire checks all of it against scapy.
"""

import copy
import ipaddress
import re
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_EXT_HDRS = 8
MAX_OPTIONS = 32
DOH, HBH, SRH = 0x1, 0x2, 0x4
NH_HBH, NH_ICMP, NH_IP4, NH_TCP, NH_UDP, NH_IP6, NH_ROUTING, NH_FRAGMENT = 0, 1, 4, 6, 17, 41, 43, 44
NH_ESP, NH_AH, NH_ICMP6, NH_NONE, NH_DOH = 50, 51, 58, 59, 60
EXTENSIONS = {NH_HBH, NH_DOH, NH_ROUTING, NH_FRAGMENT, NH_AH, 135, 139, 140}
VERDICTS = {1: "drop", 2: "pass", 3: "tx", 4: "redirect"}
MAPPED = bytes(10) + b"\xff\xff"
PE_MAC = bytes.fromhex("020000000002")  # of the interface that receives
MALFORMED = {"truncated", "bad_option", "bad_srh", "zero_service", "bad_ipv4"}

Profile = namedtuple("Profile", "carriers opt_type tlv_type version id_offset id_len")
EXP1 = Profile(DOH | HBH | SRH, 0x1E, 124, 1, 4, 8)
Found = namedtuple("Found", "reason service_id l4_off l4_proto fragment flags more frag_id")


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
        self.more = 0
        self.frag_id = bytes(4)
        self.end = 0

    def run(self):
        """(offset of the upper layer or 0, its number); Stop with the reason otherwise."""
        data = self.data
        if len(data) < 40:
            raise Stop("truncated")
        if data[0] >> 4 != 6:
            raise Stop("not_ip")
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
            self.frag_id = self.data[offset + 4:offset + 8]
            place = self.data[offset + 2] << 8 | self.data[offset + 3]
            if place & 0xFFF8:
                raise Stop("fragment")
            self.more = place & 1
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
        return Found(stop.args[0], 0, 0, 0, walk.fragment, 0, 0, walk.frag_id)
    reason = "no_san" if walk.service_id is None else "forwarded"
    return Found(reason, walk.service_id or 0, l4_off, l4_proto, walk.fragment,
                 walk.flags if walk.service_id else 0, walk.more, walk.frag_id)


# --- frames ---------------------------------------------------------------------------------------


def packed(text):
    """An address as 16 bytes, IPv4 as IPv4-mapped."""
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else MAPPED + address.packed


Layer2 = namedtuple("Layer2", "size tags kind")  # bytes in front of IP, how many tags, 4, 6 or None


def layer2(frame):
    """Ethernet and up to two tags; kind None: nothing that the programs look at."""
    at, tags = 12, 0
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8") and len(frame) >= at + 2:
        tags += 1
        at += 4
        if tags > 2 or len(frame) < at + 2:
            return Layer2(at + 2, tags, None)
    kind = {b"\x86\xdd": 6, b"\x08\x00": 4}.get(bytes(frame[at:at + 2]))
    return Layer2(at + 2, tags, kind)


class Packet:
    """An IP packet of either version, from its header to the end that the header tells."""

    def __init__(self, version, data, size):
        self.version = version
        self.data = bytes(data[:size])
        self.size = size
        self.reason = ""  # why no service ID was read; "" = one was
        self.service_id = 0
        self.proto, self.ports, self.upper = 0, bytes(4), None  # upper: bytes behind the headers
        self.more = self.later = False  # a first fragment; one that is not
        self.frag_key = None
        if version == 6:
            self.src, self.dst = self.data[8:24], self.data[24:40]
            self.hop_limit = data[7]
            self.traffic_class = (data[0] & 0xF) << 4 | data[1] >> 4
        else:
            self.src, self.dst = MAPPED + self.data[12:16], MAPPED + self.data[16:20]
            self.hop_limit = data[8]
            self.traffic_class = data[1]

    def forwardable(self):
        return routable(self.src) and routable(self.dst) if self.version == 6 else (
            routable4(self.src[12:]) and routable4(self.dst[12:]))

    def routed(self):
        """The packet behind a router: one hop less."""
        data = bytearray(self.data)
        if self.version == 6:
            data[7] -= 1
        else:
            data[8] -= 1
            total = int.from_bytes(data[10:12], "big") + 0x100  # RFC 1624 with m' = m - 0x100
            data[10:12] = (total + (total >= 0xFFFF) & 0xFFFF).to_bytes(2, "big")
        return bytes(data)

    def marked(self, dscp):
        """The packet with this DSCP, ECN as it is; None: as it is."""
        if dscp is None:
            return self
        packet, data = copy.copy(self), bytearray(self.data)
        packet.traffic_class = dscp << 2 | self.traffic_class & 3
        if self.version == 6:
            data[0] = 0x60 | packet.traffic_class >> 4
            data[1] = (packet.traffic_class & 0xF) << 4 | data[1] & 0xF
        else:  # RFC 1624 equation 3
            total = 0xFFFF - int.from_bytes(data[10:12], "big") + 0xFFFF - data[1] + packet.traffic_class
            total = (total & 0xFFFF) + (total >> 16)
            total = (total & 0xFFFF) + (total >> 16)
            data[1] = packet.traffic_class
            data[10:12] = (total ^ 0xFFFF).to_bytes(2, "big")
        packet.data = bytes(data)
        return packet

    def of_link(self):
        """Not for a router: its addresses, or neighbour discovery."""
        return not self.forwardable() or (
            self.version == 6 and self.hop_limit == 255 and self.proto == NH_ICMP6
            and bool(self.upper) and 133 <= self.upper[0] <= 137)

    def begins(self):
        """A TCP SYN without ACK: an earlier flow of these ports is over."""
        return (self.proto == NH_TCP and self.upper is not None and len(self.upper) > 13
                and self.upper[13] & 0x12 == 0x02)

    def is_icmp_error(self):
        if not self.upper:
            return False
        if self.version == 6:
            return self.proto == NH_ICMP6 and self.upper[0] < 128
        return self.proto == NH_ICMP and self.upper[0] in (3, 4, 5, 11, 12)

    def dont_fragment(self):
        return self.version == 6 or bool(self.data[6] & 0x40)


def read_ip6(data, profile):
    """A Packet; Stop when there is none. Malformed ones have their reason and no more."""
    if len(data) < 40:
        raise Stop("truncated")
    if data[0] >> 4 != 6:
        raise Stop("not_ip")
    size = 40 + int.from_bytes(data[4:6], "big")
    if size > len(data):
        raise Stop("truncated")
    packet = Packet(6, data, size)
    found = find_san(data, profile)
    packet.reason = "" if found.reason == "forwarded" else found.reason
    packet.service_id = found.service_id
    if found.reason in ("forwarded", "no_san"):
        packet.proto = found.l4_proto
        packet.upper = packet.data[found.l4_off:] if found.l4_off else None
        if packet.proto in (NH_TCP, NH_UDP):
            packet.ports = packet.upper[:4]
        packet.more = bool(found.more)
    packet.later = found.reason == "fragment"
    if found.fragment:
        packet.frag_key = (packet.src, packet.dst, bytes(found.frag_id), 0)
    return packet


def read_ip4(data):
    if len(data) < 20:
        raise Stop("truncated")
    header = (data[0] & 0xF) * 4
    size = int.from_bytes(data[2:4], "big")
    if data[0] >> 4 != 4 or header < 20 or header > len(data) or not header <= size <= len(data):
        raise Stop("bad_ipv4")
    packet = Packet(4, data, size)
    packet.reason = "no_san"
    place = int.from_bytes(data[6:8], "big")
    packet.frag_key = (packet.src, packet.dst, bytes(data[4:6]), data[9])
    packet.proto = data[9]
    if place & 0x1FFF:
        packet.later, packet.reason = True, "fragment"
        return packet
    packet.more = bool(place & 0x2000)
    packet.upper = packet.data[header:]
    if packet.proto in (NH_TCP, NH_UDP):
        if len(packet.upper) < 4:
            packet.reason = "truncated"
        packet.ports = packet.upper[:4].ljust(4, b"\0")
    return packet


def read_ip(kind, data, profile):
    return read_ip6(data, profile) if kind == 6 else read_ip4(data)


def routable(address):
    """Neither ::/64, nor link-local, nor multicast."""
    first = address[0] << 8 | address[1]
    return any(address[:8]) and address[0] != 0xFF and not 0xFE80 <= first <= 0xFEBF


def routable4(address):
    """Neither 0/8, 127/8, 169.254/16, nor 224/3."""
    return (address[0] not in (0, 127) and address[0] < 224 and address[:2] != b"\xa9\xfe")


def without_flow_label(frame):
    """The frame with the outer flow label, which is a matter of the implementation, cleared."""
    return frame[:15] + bytes([frame[15] & 0xF0, 0, 0]) + frame[18:]
