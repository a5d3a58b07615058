# SPDX-License-Identifier: GPL-2.0-or-later
"""Malformed packets, the work bound, and profiles other than exp-1."""

from craft import (
    CLIENT_MAC, PE_MAC, Dot1Q, Ether, IP, Pad1, PadN, Raw, ah, dest, esp, fragment, frame, generic,
    hop_by_hop, option, san_option, san_tlv, san_value, segments, srh, tcp, tlv, udp,
)

ID = 0x101
TCP_, UDP_ = 6, 17


def cut(packet, ip_bytes, plen=None):
    """The packet with ip_bytes of IPv6 left; payload length as it was, unless plen is given."""
    data = bytearray(packet[:14 + ip_bytes])
    if plen is not None:
        data[18:20] = plen.to_bytes(2, "big")
    return bytes(data)


def truncated(add):
    whole = frame(dest(san_option(ID)), tcp())
    def bad(name, packet):
        add.bad(f"truncated/{name}", packet, "truncated")
    bad("no-ipv6-byte", whole[:14])
    bad("ipv6-1-byte", whole[:15])
    bad("ipv6-39-bytes", whole[:14 + 39])
    bad("payload-length-one-more", frame(dest(san_option(ID)), tcp(), plen=37))
    bad("payload-length-65535", frame(dest(san_option(ID)), tcp(), plen=65535))
    bad("packet-one-less", whole[:-1])
    bad("header-0-bytes", cut(whole, 40, 0))
    bad("header-7-bytes", cut(whole, 47, 7))
    bad("header-15-of-16", cut(whole, 55, 15))
    bad("payload-length-ends-in-header", frame(dest(san_option(ID)), tcp(), plen=15))
    bad("header-length-255", frame(dest(san_option(ID), len=255), tcp()))
    bad("jumbogram", frame(hop_by_hop(option(0xC2, bytes(4)), san_option(ID)), udp(), plen=0))
    bad("tcp-0-bytes", cut(whole, 56, 16))
    bad("tcp-3-bytes", cut(whole, 59, 19))
    bad("udp-3-bytes", frame(dest(san_option(ID), nh=UDP_), Raw(b"\1\2\3")))
    bad("tcp-3-bytes-without-san", frame(Raw(b"\1\2\3"), nh=TCP_))
    bad("fragment-7-bytes", frame(dest(san_option(ID), nh=44), Raw(bytes(7))))
    bad("ah-beyond-end", frame(dest(san_option(ID)), ah(), plen=16 + 16))
    bad("routing-beyond-end", frame(dest(san_option(ID), nh=43), Raw(bytes([6, 2, 4, 0] + [0] * 4))))
    bad("second-header-beyond-end",
        frame(dest(san_option(ID)), dest(PadN(optdata=bytes(4)), len=9, nh=TCP_), tcp(chksum=0)))


def bad_options(add):
    def bad(name, packet):
        add.bad(f"bad_option/{name}", packet, "bad_option")
    bad("san-length-0", frame(dest(option(0x1E), Pad1(), Pad1(), Pad1(), Pad1()), tcp()))
    bad("san-length-11", frame(dest(option(0x1E, san_value(ID)[:11]), Pad1()), tcp()))
    bad("san-length-13-of-12", frame(dest(san_option_with(13)), tcp()))
    bad("san-length-255", frame(dest(san_option_with(255)), tcp()))
    bad("hbh-san-length-11", frame(hop_by_hop(option(0x1E, san_value(ID)[:11]), Pad1()), tcp()))
    bad("type-without-length", frame(dest(san_option(ID), *[Pad1()] * 7, Raw(b"\5")), tcp()))
    bad("padn-beyond-header", frame(dest(PadN(optdata=bytes(4), optlen=5)), tcp()))
    bad("unknown-beyond-header", frame(dest(option(5, bytes(4), 200)), tcp()))
    bad("behind-a-good-one",
        frame(dest(san_option(ID), option(5, bytes(6), 7)), tcp()))
    bad("in-a-later-header",
        frame(dest(san_option(ID)), hop_by_hop(option(5, bytes(4), 5)), tcp()))
    bad("in-front", frame(hop_by_hop(option(5, bytes(4), 5)), dest(san_option(ID)), tcp()))
    bad("srh-tlv-beyond-header",
        frame(srh(segments(1), tlv(124, san_value(ID), 15), Pad1(), Pad1()), tcp()))
    bad("srh-san-length-11",
        frame(srh(segments(1), tlv(124, san_value(ID)[:11]), Pad1(), Pad1(), Pad1()), tcp()))
    bad("srh-type-without-length",
        frame(srh(segments(1), san_tlv(ID), Pad1(), Raw(b"\x7c")), tcp()))
    bad("short-before-bad-version",
        frame(dest(option(0x1E, san_value(ID, version=2)[:11]), Pad1()), tcp()))


def san_option_with(length):
    return option(0x1E, san_value(ID), length)


def bad_srh(add):
    def bad(name, packet):
        add.bad(f"bad_srh/{name}", packet, "bad_srh")
    pads = (Pad1(), Pad1())
    bad("last-entry-one-more", frame(srh(segments(2), lastentry=2), tcp()))
    bad("last-entry-255", frame(srh(segments(2), lastentry=255), tcp()))
    bad("no-room-for-one-segment", frame(srh([], len=0, lastentry=0, segleft=0), tcp()))
    bad("length-1", frame(Raw(bytes([TCP_, 1, 4, 0, 0, 0, 0, 0] + [0] * 8)), tcp(chksum=0), nh=43))
    bad("segments-left-2-over-last-entry", frame(srh(segments(2), segleft=3), tcp()))
    bad("segments-left-255", frame(srh(segments(1), san_tlv(ID), *pads, segleft=255), tcp()))
    bad("behind-the-san-header", frame(dest(san_option(ID)), srh(segments(2), lastentry=2), tcp()))
    bad("last-entry-takes-the-tlvs",
        frame(srh(segments(1), san_tlv(ID), *pads, lastentry=2), tcp()))


def zero_service(add):
    add.bad("zero_service/doh", frame(dest(san_option(0)), tcp()), "zero_service")
    add.bad("zero_service/hbh", frame(hop_by_hop(san_option(0)), tcp()), "zero_service")
    add.bad("zero_service/srh", frame(srh(segments(1), san_tlv(0), Pad1(), Pad1()), tcp()),
            "zero_service")
    add.bad("zero_service/before-a-good-one",
            frame(dest(san_option(0), Pad1(), Pad1(), san_option(ID)), tcp()), "zero_service")


def bounds(add):
    """8 headers, 32 options, 255 x 8 bytes: the last that is walked and the first that is not."""
    pad = dest(PadN(optdata=bytes(4)))
    add.good("bound/8-headers-san-last", frame(*[pad] * 7, dest(san_option(ID)), tcp()),
             40 + 7 * 8 + 16, TCP_)
    add.good("bound/8-headers-san-first", frame(dest(san_option(ID)), *[pad] * 7, tcp()),
             40 + 7 * 8 + 16, TCP_)
    add.none("bound/9-headers-san-last", frame(*[pad] * 8, dest(san_option(ID)), tcp()), "too_deep")
    add.none("bound/9-headers-san-first", frame(dest(san_option(ID)), *[pad] * 8, tcp()), "too_deep")
    add.none("bound/9th-header-not-there", frame(dest(san_option(ID)), *[pad] * 6,
                                                 dest(PadN(optdata=bytes(4)), nh=60)), "too_deep")
    add.none("bound/8-headers-without-san", frame(*[pad] * 8, tcp()), "no_san")
    add.none("bound/9-headers-without-san", frame(*[pad] * 9, tcp()), "too_deep")
    mixed, number = generic(139, 0)
    tail = bytes(hop_by_hop(PadN(optdata=bytes(4)), nh=60) / dest(san_option(ID), nh=51)
                 / Raw(bytes(ah())[:24]))
    tail = tail[:-24] + bytes([TCP_, 4]) + bytes(22) + bytes(tcp(chksum=0))
    add.good("bound/mixed-headers", frame(mixed, Raw(tail), nh=number), 40 + 8 + 8 + 16 + 24, TCP_)
    ones = [Pad1()] * 31
    add.good("bound/32-options-san-last", frame(dest(*ones, san_option(ID, more=bytes(1))), tcp()),
             40 + 48, TCP_)
    add.good("bound/32-options-san-first", frame(dest(san_option(ID, more=bytes(1)), *ones), tcp()),
             40 + 48, TCP_)
    add.none("bound/33-options-san-last",
             frame(dest(Pad1(), *ones, san_option(ID)), tcp()), "too_deep")
    add.none("bound/33-options-san-first",
             frame(dest(san_option(ID), Pad1(), *ones), tcp()), "too_deep")
    add.none("bound/33rd-option-malformed",
             frame(dest(san_option(ID), *ones, Raw(b"\5")), tcp()), "too_deep")
    add.good("bound/32-options-over-two-headers",
             frame(hop_by_hop(*[Pad1()] * 14), dest(*[Pad1()] * 16, san_option(ID),
                                                    PadN(optdata=bytes(6))), tcp()),
             40 + 16 + 40, TCP_)
    add.none("bound/33-options-over-two-headers",
             frame(hop_by_hop(*[Pad1()] * 14), dest(*[Pad1()] * 18, san_option(ID),
                                                    PadN(optdata=bytes(4))), tcp()), "too_deep")
    add.none("bound/33-options-option-and-tlv",
             frame(hop_by_hop(*[Pad1()] * 30), srh(segments(1), san_tlv(ID), Pad1(), Pad1()), tcp()),
             "too_deep")
    add.none("bound/33-pads-without-san", frame(dest(*[Pad1()] * 38), tcp()), "too_deep")
    largest(add)


def largest(add):
    """A header of (255 + 1) * 8 bytes, Hdr Ext Len at its greatest; the next hop takes 9000."""
    wide = 0x406
    fill = [option(0x3F, bytes(250))] * 8
    tail = PadN(optdata=bytes(2048 - 2 - 8 * 252 - 14 - 2))
    last = frame(dest(*fill, tail, san_option(wide)), tcp())
    add.good("bound/255x8-san-last", last, 40 + 2048, TCP_, service=wide)
    add.good("bound/255x8-san-first", frame(dest(san_option(wide), *fill, tail), udp()), 40 + 2048,
             UDP_, service=wide)
    add.good("bound/255x8-hbh", frame(hop_by_hop(*fill, tail, san_option(wide)), udp()), 40 + 2048,
             UDP_, service=wide)
    add.bad("bound/255x8-one-byte-less", cut(last, 40 + 2047, 2047), "truncated")


def other_frames(add):
    whole = frame(dest(san_option(ID)), tcp())
    ether = Ether(dst=PE_MAC, src=CLIENT_MAC)
    ipv4 = bytes(ether / IP(src="192.0.2.1", dst="192.0.2.2", id=1) / udp())
    add.none("frame/ipv4", ipv4, "no_san")
    add.none("frame/vlan", bytes(ether / Dot1Q(vlan=7, type=0x86DD) / Raw(whole[14:])), "tagged")
    add.none("frame/arp-type", whole[:12] + b"\x08\x06" + whole[14:], "not_ip")
    add.none("frame/version-nibble-4", whole[:14] + bytes([0x40]) + whole[15:], "not_ip")
    add.none("frame/version-nibble-7", whole[:14] + bytes([0x70]) + whole[15:], "not_ip")
    add.good("frame/ethernet-padding", frame(dest(san_option(ID)), udp(size=0)) + bytes(6), 56, UDP_)
    add.bad("frame/header-in-ethernet-padding",
            cut(whole, 56, 16) + bytes(20), "truncated")


def profiles(add):
    doh, hbh = frame(dest(san_option(ID)), tcp()), frame(hop_by_hop(san_option(ID)), tcp())
    routed = frame(srh(segments(1), san_tlv(ID), Pad1(), Pad1()), tcp())
    for name, packet, off in (("doh", doh, 56), ("hbh", hbh, 56), ("srh", routed, 80)):
        for only in ("doh", "hbh", "srh"):
            title = f"profile/{only}-only-{name}"
            if name == only:
                add.good(title, packet, off, TCP_, profile=f"{only}-only")
            else:
                add.none(title, packet, "no_san", profile=f"{only}-only")
    broken = frame(hop_by_hop(option(5, bytes(4), 200)), dest(san_option(ID)), tcp())
    add.good("profile/broken-hbh-is-walked-over", broken, 64, TCP_, profile="doh-only")
    many = frame(hop_by_hop(*[Pad1()] * 38), dest(san_option(ID)), tcp())
    add.good("profile/options-of-off-carrier-do-not-count", many, 96, TCP_, profile="doh-only")
    bad_routing = frame(srh(segments(2), lastentry=9), dest(san_option(ID)), tcp())
    add.good("profile/broken-srh-is-walked-over", bad_routing, 40 + 40 + 16, TCP_,
             profile="doh-only")
    add.good("profile/second-carrier-counts",
             frame(hop_by_hop(san_option(0x202)), dest(san_option(ID)), tcp()), 72, TCP_,
             profile="doh-only")
    layouts(add)


def layouts(add):
    four = option(0x1E, bytes([0x10, 0, 0, 0]) + ID.to_bytes(4, "big") + b"\xff" * 4)
    add.good("profile/id4", frame(dest(four), tcp()), 56, TCP_, profile="id4")
    add.bad("profile/id4-length-8", frame(dest(option(0x1E, bytes([0x10]) + bytes(6) + b"\1"),
                                               PadN(optdata=bytes(2))), tcp()),
            "bad_option", profile="id4")
    bare4 = option(0x1E, ID.to_bytes(4, "big"))
    add.good("profile/id4-bare", frame(dest(bare4), tcp()), 48, TCP_, profile="id4-bare")
    add.bad("profile/id4-bare-length-3", frame(dest(option(0x1E, b"\0\1\1"), Pad1()), tcp()),
            "bad_option", profile="id4-bare")
    add.bad("profile/id4-bare-zero", frame(dest(option(0x1E, bytes(4))), tcp()), "zero_service",
            profile="id4-bare")
    bare8 = option(0x1E, (0xFEDCBA9876543210).to_bytes(8, "big"))
    add.good("profile/id8-bare", frame(dest(bare8, PadN(optdata=bytes(2))), tcp()), 56, TCP_,
             profile="id8-bare", service=0xFEDCBA9876543210)
    deep = option(0x1E, bytes([0x18]) + bytes(31) + ID.to_bytes(8, "big"))
    add.good("profile/id8-deep", frame(dest(deep, PadN(optdata=bytes(2))), tcp()), 40 + 48, TCP_,
             profile="id8-deep", flags=8)
    short = option(0x1E, bytes([0x18]) + bytes(31) + bytes(7))
    add.bad("profile/id8-deep-one-short", frame(dest(short, PadN(optdata=bytes(3))), tcp()),
            "bad_option", profile="id8-deep")
    add.good("profile/other-option", frame(dest(option(0x3E, san_value(ID))), tcp()), 56, TCP_,
             profile="other-points")
    add.none("profile/other-option-absent", frame(dest(san_option(ID)), tcp()), "no_san",
             profile="other-points")
    add.good("profile/other-tlv", frame(srh(segments(1), tlv(127, san_value(ID)), Pad1(), Pad1()),
                                        tcp()), 80, TCP_, profile="other-points")
    add.good("profile/version-2", frame(dest(san_option(ID, version=2)), tcp()), 56, TCP_,
             profile="version-2")
    add.none("profile/version-2-sees-1", frame(dest(san_option(ID)), tcp()), "bad_version",
             profile="version-2")


GROUPS = [truncated, bad_options, bad_srh, zero_service, bounds, other_frames, profiles]
