# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole frames at an access interface: tags, IPv4, classifier, groups, boundary, answers about
what does not fit. Without state; cases_states.py has what needs packets before."""

from craft import (
    ICMP, Pad1, Raw, dest, esp, fragment, fragment_needed, frame, frame4, icmp,
    ip_sum,    packet_too_big, pe_source, san_option, san_tlv, segments, srh, tagged, tcp, udp,
)
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

ID = 0x101
C1, C2, C3 = "2001:db8:c1::7", "2001:db8:c2::7", "2001:db8:c3::7"
VLAN, SERVICE_TAG = (0x8100, 7), (0x88A8, 100)


def usual(service=ID, upper=None, **fields):
    return frame(dest(san_option(service)), upper or tcp(), **fields)


def tags(add):
    for name, packet in (("ip6", usual()), ("ip4", frame4(tcp(), id=7))):
        for kinds, title in (((VLAN,), "c"), ((SERVICE_TAG,), "s"), ((SERVICE_TAG, VLAN), "s-c"),
                             ((VLAN, VLAN), "c-c")):
            nexthop = 1 if name == "ip6" else 2
            add.steered(f"vlan/{name}-{title}", tagged(packet, *kinds), nexthop)
        add.frame(f"vlan/{name}-three", tagged(packet, VLAN, VLAN, VLAN), "not_ip")
        add.frame(f"vlan/{name}-off", tagged(packet, VLAN), "tagged", configuration="default")
        add.frame(f"vlan/{name}-off-two", tagged(packet, SERVICE_TAG, VLAN), "tagged",
                  configuration="default")
    whole = usual()
    add.frame("vlan/arp", tagged(whole[:12] + b"\x08\x06" + whole[14:], VLAN), "not_ip")
    add.frame("vlan/nothing-behind", whole[:12] + b"\x81\x00\x00\x07", "not_ip")
    add.frame("vlan/cut-in-tag", whole[:12] + b"\x81\x00\x00", "not_ip")
    add.frame("vlan/second-cut", whole[:12] + b"\x88\xa8\0\7\x81\0\0", "not_ip")
    add.frame("vlan/other-mac", b"\2\0\0\0\0\3" + tagged(whole, VLAN)[6:], "not_routable")
    add.frame("vlan/other-mac-off", b"\2\0\0\0\0\3" + tagged(whole, VLAN)[6:], "not_routable",
              configuration="default")
    add.frame("vlan/truncated", tagged(whole, VLAN)[:-1], "truncated")
    add.frame("vlan/no-ip-byte", tagged(whole, VLAN)[:18], "truncated")
    add.steered("vlan/padding", tagged(whole, VLAN, VLAN) + bytes(20), 1)
    add.steered("vlan/direct", tagged(usual(0x503), SERVICE_TAG, VLAN), 4)
    add.steered("vlan/direct-ip4", tagged(frame4(udp(dport=5000)), VLAN), 4)
    add.steered("vlan/priority-tag", tagged(whole, (0x8100, 0)), 1)


def ipv4(add):
    add.steered("ip4/tcp-80", frame4(tcp()), 2)
    add.frame("ip4/tcp-81", frame4(tcp(dport=81)), "no_san")
    add.steered("ip4/udp", frame4(udp()), 3)
    add.steered("ip4/udp-5000-direct", frame4(udp(dport=5000)), 4)
    add.steered("ip4/tos", frame4(tcp(), tos=0xB9), 2)
    add.steered("ip4/ce", frame4(tcp(), tos=3), 2)
    add.steered("ip4/ttl-2", frame4(tcp(), ttl=2), 2)
    add.steered("ip4/ttl-255", frame4(tcp(), ttl=255), 2)
    add.steered("ip4/fixed-hop-limit", frame4(tcp(), dst="203.0.113.10"), 10)
    for ttl in (0, 1):
        add.frame(f"ip4/ttl-{ttl}", frame4(tcp(), ttl=ttl), "hop_limit")
    add.steered("ip4/options", frame4(tcp(), options=b"\x94\4\0\0"), 2)
    add.steered("ip4/options-40", frame4(tcp(), options=b"\1" * 40), 2)
    add.steered("ip4/df", frame4(tcp(), flags="DF"), 2)
    add.steered("ip4/padding", frame4(udp(size=0)) + bytes(18), 3)
    add.steered("ip4/tcp-4-bytes", frame4(Raw(b"\x9c\x40\0\x50"), proto=6), 2)
    add.steered("ip4/no-upper", frame4(proto=132, dst="203.0.113.10"), 10)
    # where the checksum's carry goes around: HC 0xfeff, 0xff00 (RFC 1624 section 5)
    for wanted in (0xFEFF, 0xFF00, 0xFEFE, 0x0001):
        add.steered(f"ip4/checksum-{wanted:04x}", with_checksum(wanted), 2)
    for size in (0, 1, 19):
        add.frame(f"ip4/{size}-bytes", frame4(tcp())[:14 + size], "truncated")
    for size in (0, 3):
        add.frame(f"ip4/tcp-{size}-bytes", frame4(Raw(bytes(size)), proto=6), "truncated")
        add.frame(f"ip4/udp-{size}-bytes-in-padding",
                  frame4(Raw(bytes(size)), proto=17) + bytes(20), "truncated")
    whole = frame4(tcp())
    for name, at, value in (("version-5", 14, 0x55), ("version-6", 14, 0x65), ("ihl-4", 14, 0x44),
                            ("ihl-0", 14, 0x40), ("ihl-15", 14, 0x4F), ("length-high", 16, 0x10),
                            ("length-19", 17, 19)):
        add.frame(f"ip4/bad-{name}", whole[:at] + bytes([value]) + whole[at + 1:], "bad_ipv4")
        add.frame(f"ip4/drop-bad-{name}", whole[:at] + bytes([value]) + whole[at + 1:], "bad_ipv4",
                  configuration="edge-strict")
    add.frame("ip4/one-byte-less", whole[:-1], "bad_ipv4")
    add.frame("ip4/length-below-header", frame4(tcp(), options=b"\1" * 20, len=39), "bad_ipv4")
    add.frame("ip4/header-beyond-frame", whole[:14] + b"\x4f" + whole[15:14 + 59], "bad_ipv4")
    add.frame("ip4/classifier-off", whole, "no_san", configuration="edge-strict")
    add.frame("ip4/other-mac", b"\2\0\0\0\0\3" + whole[6:], "not_routable")
    for address in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "239.1.1.1",
                    "240.0.0.1", "255.255.255.255"):
        add.frame(f"ip4/source-{address}", frame4(tcp(), src=address), "not_routable")
    for address in ("1.0.0.1", "126.255.255.255", "128.0.0.1", "169.253.1.1", "169.255.0.1",
                    "223.255.255.255", "10.0.0.1"):
        add.steered(f"ip4/source-{address}", frame4(tcp(), src=address), 2)


def with_checksum(wanted):
    """An IPv4 frame whose header checksum is this: its identification makes it so."""
    head = bytearray(frame4(tcp(), id=0)[14:34])
    head[10:12] = b"\0\0"
    for number in range(65536):
        head[4:6] = number.to_bytes(2, "big")
        if ip_sum(head) == wanted:
            return frame4(tcp(), id=number)
    raise AssertionError(wanted)


def classifier(add):
    add.steered("class/dst-tcp-80", frame(tcp(), dst="2001:db8:c1:9::7"), 2)
    add.frame("class/dst-tcp-81", frame(tcp(dport=81), dst="2001:db8:c1:9::7"), "no_san")
    add.steered("class/udp", frame(udp(), dst="2001:db8:c1:9::7"), 3)
    add.steered("class/udp-5000-by-priority", frame(udp(dport=5000), dst="2001:db8:c1:9::7"), 4)
    add.steered("class/dscp-by-priority", frame(udp(dport=5000), dst="2001:db8:c1:9::7", tc=46 << 2), 5)
    add.steered("class/dscp-ignores-ecn",
                frame(udp(dport=5000), dst="2001:db8:c1:9::7", tc=46 << 2 | 3), 5)
    add.steered("class/longer-source", frame(tcp(dport=443), dst=C1), 10)
    add.steered("class/shorter-source-another-port",
                frame(tcp(sport=40001, dport=443), dst=C1, src="2001:db8:1:1::1"), 8)
    add.steered("class/source-beats-nothing-shorter-destination",
                frame(tcp(sport=40002), dst=C1, src="2001:db8:1:1::1"), 2)
    add.steered("class/other-source", frame(tcp(), dst=C1, src="2001:db8:2::1"), 2)
    add.steered("class/longest-destination", frame(tcp(), dst="2001:db8:c1:1::1"), 11)
    add.frame("class/destination-beside-a-host-route", frame(icmp(), dst="2001:db8:c1:1::2"), "no_san")
    add.frame("class/unknown-service", frame(tcp(), dst=C2), "unknown_service")
    add.frame("class/denied", frame(tcp(), dst=C3), "denied")
    add.frame("class/nothing-matches", frame(tcp(), dst="2001:db8:d1::1"), "no_san")
    add.frame("class/proto-any-prefix-by-priority", frame(Raw(bytes(12)), nh=132, dst="2001:db8:d1::1"),
              "nh_drop")
    add.frame("class/proto-any-prefix-ip4", frame4(Raw(bytes(12)), proto=132, dst="192.0.2.77"),
              "nh_drop")
    add.frame("class/icmp", frame(icmp(), dst="2001:db8:c6::1"), "nh_unresolved")
    add.steered("class/bad-version-by-address",
                frame(dest(san_option(ID, version=2)), tcp(), dst="2001:db8:c1:1::1"), 11)
    add.frame("class/bad-version-has-no-ports",
              frame(dest(san_option(ID, version=2)), tcp(), dst="2001:db8:c1:9::7"), "bad_version")
    add.steered("class/header-before-class", usual(0x501, udp(), dst=C1), 2)
    add.frame("class/zero-service-is-no-match", frame(dest(san_option(0)), tcp(), dst=C1),
              "zero_service")
    add.frame("class/too-deep-is-no-match", frame(dest(*[Pad1()] * 38), tcp(), dst=C1), "too_deep")
    add.steered("class/behind-extension-headers",
                frame(srh(segments(2)), tcp(), dst="2001:db8:c1:9::7"), 2)
    add.steered("class/first-fragment", frame(fragment(more=1), tcp(), dst="2001:db8:c1:9::7"), 2)
    add.frame("class/off", frame(tcp(), dst=C1), "no_san", configuration="edge-strict")
    add.steered("class/ip4-source", frame4(tcp(), src="198.51.100.65", dst="203.0.113.77"), 6)
    add.steered("class/ip4-source-127", frame4(tcp(), src="198.51.100.127", dst="203.0.113.77"), 6)
    add.steered("class/ip4-source-128", frame4(tcp(), src="198.51.100.128", dst="203.0.113.77"), 2)
    add.steered("class/ip4-any-destination",
                frame4(tcp(), src="198.51.100.129", dst="192.0.2.1", tos=40), 2)
    add.frame("class/ip4-any-destination-not-ip6",
              frame(tcp(), dst="2001:db8:d1::1", tc=40), "no_san")
    add.steered("class/esp", frame(esp(), nh=50, dst="2001:db8:c1:1::1"), 11)
    add.steered("class/no-next-header", frame(nh=59, dst="2001:db8:c1:1::1"), 11)


def services(add):
    for name, service, reason in (
            ("denied-group-0", 0x510, "denied"), ("denied-group-63", 0x511, "denied"),
            ("denied-no-group", 0x512, "denied"), ("unknown", 0x999, "unknown_service"),
            ("no-port", 0x50B, "nh_unresolved"), ("drop", 0x50C, "nh_drop"),
            ("unresolved", 0x50D, "nh_unresolved"), ("nothing", 0x50E, "nothing_selected"),
            ("ip4-only", 0x505, "wrong_family"), ("unused-slots", 0x526, "nh_invalid")):
        add.frame(f"service/{name}", usual(service), reason)
    add.steered("service/group-1", usual(0x501), 2)
    add.steered("service/ip6-only", usual(0x504), 5)
    add.frame("service/ip4-to-ip6-only", frame4(tcp(), dst="203.0.113.5"), "wrong_family")
    add.frame("service/ip4-class-longer-wins", frame4(udp(), dst="203.0.113.5"), "wrong_family")
    add.steered("service/one-slot", usual(0x525), 2)
    add.frame("service/denied-before-not-routable", usual(0x510, src="fe80::1"), "denied")
    add.frame("service/unknown-before-not-routable", usual(0x999, src="fe80::1"), "unknown_service")
    add.frame("service/strict-unknown", usual(0x999), "unknown_service",
              configuration="edge-strict")
    add.frame("service/wrong-family-before-hop-limit", usual(0x505, hlim=1), "wrong_family")
    add.frame("service/drop-before-wrong-size", usual(0x50C, udp(size=1440)), "nh_drop")


def boundary(add):
    inside = "fc00:0:1::101"
    for name, packet in (
            ("header", usual(dst=inside)), ("no-header", frame(tcp(), dst=inside)),
            ("second-block", frame(udp(), dst="2001:db8:ffff::1")),
            ("first-address", frame(tcp(), dst="fc00::")),
            ("last-address", frame(tcp(), dst="fc00:0:ffff:ffff:ffff:ffff:ffff:ffff")),
            ("srh", frame(srh(segments(2)), tcp(), dst=inside)),
            ("encapsulated", frame(IPv6(src="2001:db8::1", dst="2001:db8::2"), tcp(), dst=inside)),
            ("malformed", frame(dest(san_option(0)), tcp(), dst=inside)),
            ("truncated-behind-header", usual(dst=inside)[:54]),
            ("fragment", frame(fragment(8), Raw(bytes(8)), dst=inside))):
        add.frame(f"boundary/{name}", packet, "boundary")
        add.frame(f"boundary/tagged-{name}", tagged(packet, SERVICE_TAG, VLAN), "boundary")
    add.frame("boundary/other-mac", b"\2\0\0\0\0\3" + usual(dst=inside)[6:], "boundary")
    add.frame("boundary/group-mac", b"\x33\x33\0\0\0\3" + usual(dst=inside)[6:], "boundary")
    add.frame("boundary/tagged-off", tagged(usual(dst=inside), VLAN), "boundary",
              configuration="edge-strict")
    add.frame("boundary/39-bytes", usual(dst=inside)[:14 + 39], "truncated")
    add.frame("boundary/three-tags", tagged(usual(dst=inside), VLAN, VLAN, VLAN), "not_ip")
    add.frame("boundary/version-5", usual(dst=inside)[:14] + b"\x50" + usual(dst=inside)[15:], "not_ip")
    add.frame("boundary/sid-outside", usual(dst="2001:db8:77::1"), "boundary",
              configuration="edge-strict")
    add.steered("boundary/sid-outside-not-looked-for", usual(dst="2001:db8:77::1"), 1)
    for address in ("fbff:ffff::1", "fc00:1::1", "2001:db8:fffe::1", "2001:db9:ffff::1"):
        add.steered(f"boundary/beside-{address}", usual(dst=address), 1)
    add.frame("boundary/beside-a-sid", frame(tcp(), dst="2001:db8:77::2"), "no_san",
              configuration="edge-strict")


def looped(add):
    source = pe_source()
    encapsulated = frame(srh(segments(2), san_tlv(ID), Pad1(), Pad1()), tcp(), src=source)
    add.frame("looped/srh", encapsulated, "looped")
    add.steered("looped/another-source",
                frame(srh(segments(2), san_tlv(ID), Pad1(), Pad1()), tcp(), src="2001:db8:fffe::1"), 1)
    inner = frame(tcp())[14:]
    add.frame("looped/ip6-by-class", frame(Raw(inner), nh=41, src=source, dst="2001:db8:c1:1::1"),
              "looped")
    add.frame("looped/ip4-by-class",
              frame(Raw(frame4(tcp())[14:]), nh=4, src=source, dst="2001:db8:c1:1::1"), "looped")
    add.steered("looped/only-behind-encapsulation", usual(src=source), 1)
    add.steered("looped/no-source-configured", encapsulated, 1, configuration="edge-silent")
    add.frame("looped/before-unknown",
              frame(srh(segments(2), san_tlv(0x999), Pad1(), Pad1()), tcp(), src=source), "looped")


def sized(service, total, **fields):
    """A UDP packet whose IPv6 packet has that many bytes."""
    return frame(dest(san_option(service)), udp(size=total - 40 - 16 - 8), **fields)


def sized4(total, dst="203.0.113.101", **fields):
    return frame4(udp(size=total - 28), dst=dst, **fields)


def too_big(add):
    """Answers: what fits, quotes, tags, and who gets none."""
    def told(name, packet, mtu, **more):
        add.frame(f"big/{name}", packet, "too_big", packet_too_big(packet, mtu), **more)

    def told4(name, packet, mtu):
        add.frame(f"big/{name}", packet, "too_big", fragment_needed(packet, mtu))

    def silent(name, packet, **more):
        add.frame(f"big/{name}", packet, "too_big_kernel", **more)

    add.steered("big/ip6-fits", sized(ID, 1460), 1)
    told("ip6-one-over", sized(ID, 1461), 1460)
    told("ip6-long-quote", sized(ID, 1500), 1460)
    told("ip6-red-2", sized(0x501, 1437), 1436)
    told("ip6-full-8", sized(0x508, 1600 - 176 + 1), 1600 - 176)
    told("ip6-1280", sized(0x507, 1281), 1280)
    add.steered("big/ip6-1280-fits", sized(0x507, 1280), 8)
    silent("ip6-1279", sized(0x506, 1280))
    told("ip6-traffic-class", sized(ID, 1470, tc=0xB9, fl=0x12345), 1460)
    told("ip6-tagged", tagged(sized(ID, 1470), VLAN), 1460)
    told("ip6-two-tags", tagged(sized(ID, 1470), SERVICE_TAG, (0x8100, 0xA007)), 1460)
    told("ip6-padding", sized(ID, 1461) + bytes(9), 1460)
    told("ip6-direct", sized(0x50A, 1401), 1400)
    add.steered("big/ip6-direct-fits", sized(0x50A, 1400), 11)
    told("ip6-tcp", frame(dest(san_option(ID)), tcp(), Raw(b"x" * 1441)), 1460)
    told("ip6-echo", frame(dest(san_option(ID)), icmp(), Raw(b"x" * 1441)), 1460)
    told("ip6-first-fragment", frame(dest(san_option(ID)), fragment(more=1), udp(size=1432)), 1460)
    told("ip6-by-class", frame(udp(size=1420), dst="2001:db8:c1:1::1"), 1400)
    for size in (1461, 1462, 1463, 1464):
        told(f"ip6-odd-{size}", sized(ID, size, src=f"2001:db8:1::{size:x}"), 1460)
    silent("ip6-icmp-error", frame(dest(san_option(ID)), ICMPv6DestUnreach(), Raw(b"x" * 1441)))
    silent("ip6-no-source", sized(ID, 1461), configuration="edge-silent")
    add.frame("big/ip6-hop-limit-first", sized(ID, 1461, hlim=1), "hop_limit")
    told4("ip4-df", sized4(1461 - 24, flags="DF", dst="203.0.113.8"), 1400)
    told4("ip4-df-700", sized4(637, flags="DF", dst="203.0.113.7"), 636)
    told4("ip4-df-long-quote", sized4(1500, flags="DF", dst="203.0.113.7"), 636)
    told4("ip4-df-tcp", frame4(tcp(), Raw(b"x" * 1000), flags="DF", dst="203.0.113.7"), 636)
    told4("ip4-df-options", frame4(udp(size=700), flags="DF", dst="203.0.113.7",
                                   options=b"\1" * 8), 636)
    told4("ip4-df-tagged", tagged(sized4(800, flags="DF", dst="203.0.113.7"), SERVICE_TAG, VLAN), 636)
    told4("ip4-df-tos", sized4(800, flags="DF", dst="203.0.113.7", tos=0xB8), 636)
    told4("ip4-df-first-fragment", sized4(800, flags="MF+DF", dst="203.0.113.7"), 636)
    told4("ip4-df-echo", frame4(ICMP(type=8), Raw(b"x" * 1000), flags="DF", dst="203.0.113.7"), 636)
    add.steered("big/ip4-fits", sized4(636, flags="DF", dst="203.0.113.7"), 15)
    silent("ip4", sized4(637, dst="203.0.113.7"))
    silent("ip4-first-fragment", sized4(800, flags="MF", dst="203.0.113.7"))
    silent("ip4-icmp-error", frame4(ICMP(type=3, code=1), Raw(b"x" * 1000), flags="DF",
                                    dst="203.0.113.7"))
    silent("ip4-no-source", sized4(637, flags="DF", dst="203.0.113.7"), configuration="edge-silent")
    add.frame("big/ip4-ttl-first", sized4(800, flags="DF", dst="203.0.113.7", ttl=1), "hop_limit")


GROUPS = [tags, ipv4, classifier, services, boundary, looped, too_big]
