# SPDX-License-Identifier: GPL-2.0-or-later
"""Building blocks of the golden vectors: packets out of scapy layers.

An encoder of its own: nothing here reads the C sources. Every field that could be random or depend
on the host is given, so that the same code makes the same bytes.
"""

import ipaddress
import struct

from scapy.layers.inet import ICMP, TCP, UDP, IP
from scapy.layers.inet6 import (
    HBHOptUnknown, ICMPv6EchoRequest, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting,
    IPv6ExtHdrSegmentRoutingTLV, Pad1, PadN,
)
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum

__all__ = [
    "AH", "Dot1Q", "ESP", "Ether", "ICMP", "IP", "IPv6", "IPv6ExtHdrRouting", "Pad1", "PadN", "Raw",
    "CLIENT", "CLIENT4", "CLIENT_MAC", "PE_MAC", "SERVICE", "SERVICE4", "PE_ICMP", "PE_ICMP4",
    "core_frame", "fragment_needed", "frame4", "ip_sum", "packet_too_big", "tagged", "routed",
    "ah", "dest", "esp", "fragment", "frame", "generic", "hop_by_hop", "icmp", "option",
    "pe_source", "san_option", "san_tlv", "san_value", "segments", "srh", "steered", "tcp", "tlv",
    "udp",
]

CLIENT = "2001:db8:1::10"
SERVICE = "2001:db8:5a::101"
CLIENT4 = "198.51.100.10"
SERVICE4 = "203.0.113.101"
PE_ICMP = "2001:db8:ffff::2"
PE_ICMP4 = "192.0.2.254"
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


def fragment(offset=0, more=0, number=0x5A5A5A5A):
    return IPv6ExtHdrFragment(offset=offset, m=more, id=number)


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


def frame4(*layers, **ip_fields):
    """Ethernet and IPv4 in front of the layers."""
    ip_fields.setdefault("ttl", 64)
    ip_fields.setdefault("id", 0x1234)
    ip_fields.setdefault("src", CLIENT4)
    ip_fields.setdefault("dst", SERVICE4)
    packet = Ether(dst=PE_MAC, src=CLIENT_MAC, type=0x800) / IP(**ip_fields)
    for layer in layers:
        packet = packet / layer
    return bytes(packet)


def tagged(packet, *tags):
    """The frame with VLAN tags: (TPID, VLAN ID) each, the outer one first."""
    data = packet[:12]
    kinds = [kind for kind, _ in tags]
    following = kinds[1:] + [int.from_bytes(packet[12:14], "big")]
    data += kinds[0].to_bytes(2, "big") if kinds else packet[12:14]
    for (_, vlan), after in zip(tags, following):
        data += bytes(Dot1Q(vlan=vlan, type=after))
    return data + packet[14:]


def core_frame(inner, *headers, dst, src=None, hlim=64):
    """What comes from the domain: IPv6 and the headers around an inner frame's IP packet."""
    version = inner[14] >> 4
    number = 41 if version == 6 else 4
    outer = IPv6(src=src or pe_source(), dst=dst, hlim=hlim)
    for header in headers:
        outer = outer / header
    outer.lastlayer().nh = number
    return bytes(Ether(dst=PE_MAC, src="02:00:00:00:00:03", type=0x86DD) / outer / Raw(inner[14:]))


# --- what the ingress makes of it -----------------------------------------------------------------


def outer_headers(nexthop, inner):
    """The outer IPv6 header and SRH as scapy layers, without the inner packet."""
    segs = nexthop["segments"]
    red = nexthop["encap"] == "red"
    listed = segs[1:] if red else segs
    six = isinstance(inner, IPv6)
    number = 41 if six else 4
    header = IPv6(src=nexthop["source"], dst=segs[0], tc=inner.tc if six else inner.tos, fl=0,
                  hlim=nexthop["hop_limit"] or (inner.hlim if six else 64))
    if red and len(segs) == 1:
        header.nh = number
        return header
    routing = IPv6ExtHdrSegmentRouting(
        nh=number, addresses=list(reversed(listed)), segleft=len(segs) - 1,
        lastentry=len(listed) - 1)
    return header / routing


def ip_packet(packet):
    """(EtherType, bytes) of a frame's IP packet, tags and padding taken off."""
    at = 12
    while packet[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind = int.from_bytes(packet[at:at + 2], "big")
    data = packet[at + 2:]
    size = struct.unpack(">H", data[2:4])[0] if kind == 0x800 else 40 + struct.unpack(">H", data[4:6])[0]
    return kind, data[:size]


def routed(kind, data):
    """The packet behind a router, as a scapy layer with a checksum made anew."""
    raw = bytearray(data)
    if kind == 0x86DD:
        raw[7] -= 1
        return IPv6(bytes(raw)), bytes(raw)
    raw[8] -= 1
    size = (raw[0] & 0xF) * 4
    raw[10:12] = bytes(2)
    raw[10:12] = ip_sum(raw[:size]).to_bytes(2, "big")
    return IP(bytes(raw)), bytes(raw)


def ip_sum(data):
    return checksum(bytes(data))


def steered(packet, nexthop):
    """The frame that leaves: RFC 8986 H.Encaps(.Red), inner hop limit one less, flow label 0.
    A direct next hop only gets a new Ethernet header."""
    kind, data = ip_packet(packet)
    inner, raw = routed(kind, data)
    direct = nexthop["kind"] == "direct"
    ether = bytes(Ether(dst=nexthop["dst_mac"], src=nexthop["src_mac"],
                        type=kind if direct else 0x86DD))
    if direct:
        return ether + raw
    return ether + bytes(outer_headers(nexthop, inner) / Raw(raw))


def back(packet):
    """Ethernet header and tags of an answer to this frame."""
    kind, data = ip_packet(packet)
    size = packet.index(data[:20], 14)
    return packet[6:12] + packet[:6] + packet[12:size], data


def packet_too_big(packet, mtu, source=PE_ICMP):
    """RFC 4443 section 3.2."""
    head, data = back(packet)
    answer = (IPv6(src=source, dst=IPv6(data).src, hlim=64)
              / ICMPv6PacketTooBig(mtu=mtu) / Raw(data[:1232]))
    return head + bytes(answer)


def fragment_needed(packet, mtu, source=PE_ICMP4):
    """RFC 1191 section 4."""
    head, data = back(packet)
    answer = (IP(src=source, dst=IP(data).src, ttl=64, id=0, flags=0)
              / ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(data[:548]))
    return head + bytes(answer)


def address(text):
    return ipaddress.IPv6Address(text).packed
