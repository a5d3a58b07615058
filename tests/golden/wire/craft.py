# SPDX-License-Identifier: GPL-2.0-or-later
"""Building blocks of the golden vectors: packets out of scapy layers.

An encoder of its own: nothing here reads the C sources. Every field that could be random or depend
on the host is given, so that the same code makes the same bytes.
"""

import ipaddress
import struct

from scapy.layers.inet import TCP, UDP, IP
from scapy.layers.inet6 import (
    HBHOptUnknown, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting,
    IPv6ExtHdrSegmentRoutingTLV, Pad1, PadN,
)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

__all__ = [
    "AH", "Dot1Q", "ESP", "Ether", "IP", "IPv6", "IPv6ExtHdrRouting", "Pad1", "PadN", "Raw",
    "CLIENT", "CLIENT_MAC", "PE_MAC", "SERVICE",
    "ah", "dest", "esp", "fragment", "frame", "generic", "hop_by_hop", "icmp", "option",
    "pe_source", "san_option", "san_tlv", "san_value", "segments", "srh", "steered", "tcp", "tlv",
    "udp",
]

CLIENT = "2001:db8:1::10"
SERVICE = "2001:db8:5a::101"
CLIENT_MAC = "02:00:00:00:00:01"
PE_MAC = "02:00:00:00:00:02"
OPT_SAN = 0x1E
TLV_SAN = 124


def pe_source():
    return "2001:db8:ffff::1"


def segments(count):
    """Segments in travel order; the last one is the instance's SID."""
    return [f"fc00:0:{number:x}::{0x100 + number:x}" for number in range(1, count + 1)]


# --- the SAN header -------------------------------------------------------------------------------


def san_value(service, version=1, flags=0, reserved=0, token=0, more=b""):
    """What stands behind Type and Length in profile exp-1."""
    return struct.pack(">BBHQ", version << 4 | flags, reserved, token, service) + more


def option(otype, value=b"", optlen=None):
    """An option whose Length can be made to lie."""
    return HBHOptUnknown(otype=otype, optlen=len(value) if optlen is None else optlen,
                         optdata=value)


def san_option(service, **fields):
    return option(OPT_SAN, san_value(service, **fields))


def tlv(kind, value=b"", length=None):
    return IPv6ExtHdrSegmentRoutingTLV(type=kind, len=len(value) if length is None else length,
                                       value=value)


def san_tlv(service, **fields):
    return tlv(TLV_SAN, san_value(service, **fields))


# --- extension headers ----------------------------------------------------------------------------


def dest(*options, **fields):
    return IPv6ExtHdrDestOpt(autopad=0, options=list(options), **fields)


def hop_by_hop(*options, **fields):
    return IPv6ExtHdrHopByHop(autopad=0, options=list(options), **fields)


def srh(segs, *tlvs, **fields):
    """Segment Routing Header; segs in travel order. TLVs must fill multiples of 8 bytes."""
    size = sum(len(bytes(item)) for item in tlvs)
    fields.setdefault("len", (16 * len(segs) + size) // 8)
    fields.setdefault("lastentry", len(segs) - 1)
    fields.setdefault("segleft", len(segs) - 1)
    return IPv6ExtHdrSegmentRouting(addresses=list(reversed(segs)), tlv_objects=list(tlvs), **fields)


def fragment(offset=0, more=0):
    return IPv6ExtHdrFragment(offset=offset, m=more, id=0x5A5A5A5A)


def ah(payloadlen=4, following=6):
    """Authentication Header of (payloadlen + 2) * 4 bytes."""
    return AH(nh=following, payloadlen=payloadlen, spi=0x100, seq=1, icv=b"\xaa" * (payloadlen * 4 - 4))


def esp():
    return ESP(spi=0x200, seq=1, data=b"\xee" * 24)


def generic(kind, following, units=0):
    """A header of the common form (RFC 6564) with (units + 1) * 8 bytes; the next one's number is
    its own business, since scapy knows no such layer."""
    return Raw(struct.pack(">BB", following, units) + b"\0" * 6 + b"\0" * (8 * units)), kind


# --- upper layers ---------------------------------------------------------------------------------


def tcp(sport=40000, dport=80, **fields):
    return TCP(sport=sport, dport=dport, seq=1, ack=0, flags="S", window=64240, **fields)


def udp(sport=40000, dport=53, size=8):
    return UDP(sport=sport, dport=dport) / Raw(b"\x55" * size)


def icmp():
    return ICMPv6EchoRequest(id=7, seq=1, data=b"ping ping")


def frame(*layers, **ip_fields):
    """Ethernet and IPv6 in front of the layers; ip_fields overrides what scapy would compute."""
    ip_fields.setdefault("hlim", 64)
    ip_fields.setdefault("src", CLIENT)
    ip_fields.setdefault("dst", SERVICE)
    packet = Ether(dst=PE_MAC, src=CLIENT_MAC, type=0x86DD) / IPv6(**ip_fields)
    for layer in layers:
        packet = packet / layer
    return bytes(packet)


# --- what the ingress makes of it -----------------------------------------------------------------


def outer_headers(nexthop, inner, hop_limit):
    """The outer IPv6 header and SRH as scapy layers, without the inner packet."""
    segs = nexthop["segments"]
    red = nexthop["encap"] == "red"
    listed = segs[1:] if red else segs
    header = IPv6(src=nexthop["source"], dst=segs[0], tc=inner.tc, fl=0,
                  hlim=nexthop["hop_limit"] or hop_limit)
    if red and len(segs) == 1:
        header.nh = 41
        return header
    routing = IPv6ExtHdrSegmentRouting(
        nh=41, addresses=list(reversed(listed)), segleft=len(segs) - 1, lastentry=len(listed) - 1)
    return header / routing


def steered(packet, nexthop):
    """The frame that leaves: RFC 8986 H.Encaps(.Red), inner hop limit one less, flow label 0.
    A direct next hop only gets a new Ethernet header."""
    inner = Ether(packet)[IPv6]
    raw = bytearray(packet[14:14 + 40 + struct.unpack(">H", packet[18:20])[0]])
    raw[7] -= 1
    ether = bytes(Ether(dst=nexthop["dst_mac"], src=nexthop["src_mac"], type=0x86DD))
    if nexthop["kind"] == "direct":
        return ether + bytes(raw)
    return ether + bytes(outer_headers(nexthop, inner, raw[7]) / Raw(bytes(raw)))


def address(text):
    return ipaddress.IPv6Address(text).packed
