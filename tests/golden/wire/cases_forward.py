# SPDX-License-Identifier: GPL-2.0-or-later
"""What the ingress does with a service ID: selection, encapsulation, hop limit, MTU, policy."""

from craft import (
    Pad1, dest, esp, frame, hop_by_hop, icmp, option, san_option, san_tlv, segments, srh, tcp, udp,
)

ID = 0x101
TCP_, UDP_, ICMP_, ESP_ = 6, 17, 58, 50


def encapsulation(add):
    """Both modes, 1 to 8 segments."""
    for count in (1, 2, 3, 4, 5, 6, 7, 8):
        for mode, base in (("red", 0x200), ("full", 0x300)):
            service = base + count
            add.good(f"encap/{mode}-{count}", frame(dest(san_option(service)), tcp()), 56, TCP_,
                     service=service)
    for mode, service in (("red", 0x203), ("full", 0x303)):
        add.good(f"encap/{mode}-3-udp", frame(hop_by_hop(san_option(service)), udp(size=333)), 56,
                 UDP_, service=service)
        add.good(f"encap/{mode}-3-icmpv6", frame(dest(san_option(service)), icmp()), 56, ICMP_,
                 service=service)
        add.good(f"encap/{mode}-3-esp", frame(dest(san_option(service), nh=ESP_), esp()), 0, ESP_,
                 service=service)
        add.good(f"encap/{mode}-3-over-srh",
                 frame(srh(segments(2), san_tlv(service), Pad1(), Pad1()), tcp()), 96, TCP_,
                 service=service)


def traffic_class(add):
    """DSCP and ECN are copied, the inner flow label stays."""
    for name, value in (("ect1", 1), ("ect0", 2), ("ce", 3), ("ef", 0xB8), ("af41-ce", 0x8B),
                        ("all", 0xFF)):
        add.good(f"tc/{name}", frame(dest(san_option(ID)), tcp(), tc=value), 56, TCP_)
    add.good("tc/srh", frame(dest(san_option(0x302)), tcp(), tc=0xB9), 56, TCP_, service=0x302)
    add.good("tc/inner-flow-label", frame(dest(san_option(ID)), tcp(), fl=0xABCDE, tc=0x55), 56,
             TCP_)


def hop_limits(add):
    for value in (0, 1):
        add.found(f"hop/{value}", frame(dest(san_option(ID)), tcp(), hlim=value), 56, TCP_,
                  "hop_limit")
    for value in (2, 3, 64, 254, 255):
        add.good(f"hop/{value}", frame(dest(san_option(ID)), tcp(), hlim=value), 56, TCP_)
    for value in (2, 255):
        add.good(f"hop/fixed-64-inner-{value}",
                 frame(dest(san_option(0x401)), tcp(), hlim=value), 56, TCP_, service=0x401)
    add.found("hop/fixed-64-inner-1", frame(dest(san_option(0x401)), tcp(), hlim=1), 56, TCP_,
              "hop_limit", service=0x401)


def sized(service, total):
    """A UDP packet whose IPv6 packet has that many bytes."""
    return frame(dest(san_option(service)), udp(size=total - 40 - 16 - 8))


def mtu(add):
    """Outer and inner together at the MTU, and one byte over."""
    for name, service, limit, outer in (("1500-red-1", ID, 1500, 40),
                                        ("1500-red-2", 0x202, 1500, 64),
                                        ("1500-red-8", 0x208, 1500, 160),
                                        ("1500-full-8", 0x308, 1500, 176),
                                        ("1280-red-1", 0x405, 1280, 40)):
        add.good(f"mtu/{name}-fits", sized(service, limit - outer), 56, UDP_, service=service)
        add.found(f"mtu/{name}-one-over", sized(service, limit - outer + 1), 56, UDP_, "too_big_kernel",
                  service=service)
    add.found("mtu/hop-limit-first", frame(dest(san_option(ID)), udp(size=1400), hlim=1), 56, UDP_,
              "hop_limit")
    add.good("mtu/ethernet-padding-does-not-count", sized(ID, 1460) + bytes(8), 56, UDP_)
    add.good("mtu/9000", sized(0x406, 2048), 56, UDP_, service=0x406)


def selection(add):
    packet = lambda service: frame(dest(san_option(service)), tcp())  # noqa: E731
    for name, service, reason in (
            ("unresolved", 0x402, "nh_unresolved"), ("drop", 0x403, "nh_drop"),
            ("unused", 0x404, "nh_invalid"), ("nothing", 0x410, "nothing_selected"),
            ("index-0", 0x411, "nh_invalid"), ("index-beyond-table", 0x412, "nh_invalid"),
            ("unknown", 0x999, "unknown_service"),
            ("unknown-swapped-bytes", 0x0101000000000000, "unknown_service"),
            ("unknown-low-32-bits", 0x100000101, "unknown_service")):
        add.found(f"select/{name}", packet(service), 56, TCP_, reason, service=service)
    add.good("select/direct", packet(0x407), 56, TCP_, service=0x407)
    add.good("select/direct-keeps-label-and-class",
             frame(dest(san_option(0x407)), tcp(), fl=0x12345, tc=0x5A), 56, TCP_, service=0x407)
    add.good("select/direct-mtu-fits", sized(0x407, 1500), 56, UDP_, service=0x407)
    add.found("select/direct-mtu-one-over", sized(0x407, 1501), 56, UDP_, "too_big_kernel", service=0x407)
    add.found("select/direct-hop-limit-1", frame(dest(san_option(0x407)), tcp(), hlim=1), 56, TCP_,
              "hop_limit", service=0x407)
    add.good("select/flow-first-packet", packet(0x413), 56, TCP_, service=0x413)


def policies(add):
    drop = "drop-malformed"
    whole = frame(dest(san_option(ID)), tcp())
    for reason, packet in (
            ("truncated", whole[:-1]),
            ("bad_option", frame(dest(option(0x1E), Pad1(), Pad1(), Pad1(), Pad1()), tcp())),
            ("bad_srh", frame(srh(segments(2), lastentry=2), tcp())),
            ("zero_service", frame(dest(san_option(0)), tcp()))):
        add.bad(f"policy/drop-{reason}", packet, reason, configuration=drop)
    add.none("policy/no_san-passes", frame(tcp()), "no_san", configuration=drop)
    add.none("policy/bad_version-passes", frame(dest(san_option(ID, version=2)), tcp()),
             "bad_version", configuration=drop)
    add.none("policy/too_deep-passes", frame(dest(*[Pad1()] * 38), tcp()), "too_deep",
             configuration=drop)
    unknown = frame(dest(san_option(0x999)), tcp())
    add.found("policy/unknown-passes", unknown, 56, TCP_, "unknown_service", service=0x999,
              configuration=drop)
    add.found("policy/drop-unknown", unknown, 56, TCP_, "unknown_service", service=0x999,
              configuration="drop-unknown")
    add.bad("policy/malformed-passes", whole[:-1], "truncated", configuration="drop-unknown")
    add.good("policy/known-is-steered", whole, 56, TCP_, configuration="drop-unknown")
    add.found("policy/no-role", whole, 56, TCP_, "no_role", configuration="no-role")


def not_routable(add):
    """What a router leaves alone: frames to others, addresses of the link, groups."""
    whole = frame(dest(san_option(ID)), tcp())
    for name, mac in (("other-mac", "020000000003"), ("multicast-mac", "333300000001"),
                      ("broadcast-mac", "ffffffffffff")):
        add.found(f"not-routable/{name}", bytes.fromhex(mac) + whole[6:], 56, TCP_, "not_routable")
    for address in ("::", "::1", "::ffff:192.0.2.1", "fe80::1", "febf::1", "ff02::1", "ff0e::1"):
        for end in ("src", "dst"):
            packet = frame(dest(san_option(ID)), tcp(), **{end: address})
            add.found(f"not-routable/{end}-{address}", packet, 56, TCP_, "not_routable")
    for address in ("fe7f::1", "fec0::1", "fd00::1", "64:ff9b::1", "0:0:0:1::1"):
        packet = frame(dest(san_option(ID)), tcp(), src=address, dst=address)
        add.good(f"not-routable/neighbour-{address}", packet, 56, TCP_)


GROUPS = [encapsulation, traffic_class, hop_limits, mtu, selection, policies, not_routable]
