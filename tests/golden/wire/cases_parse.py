# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the service ID may stand, and where it may not. Expectations are written by hand."""

from craft import (
    Pad1, PadN, Raw, ah, dest, esp, fragment, frame, generic, hop_by_hop, icmp, option,
    san_option, san_tlv, san_value, segments, srh, tcp, tlv, udp,
)

ID = 0x101
TCP_, UDP_, ICMP_, ESP_, NONE_ = 6, 17, 58, 50, 59


def carriers(add):
    """The three carriers with each upper layer."""
    uppers = [("tcp", tcp(), TCP_), ("udp", udp(), UDP_), ("icmpv6", icmp(), ICMP_)]
    for name, upper, proto in uppers:
        add.good(f"doh/{name}", frame(dest(san_option(ID)), upper), 56, proto)
        add.good(f"hbh/{name}", frame(hop_by_hop(san_option(ID)), upper), 56, proto)
        add.good(f"srh/{name}", frame(srh(segments(2), san_tlv(ID), Pad1(), Pad1()), upper),
                 40 + 8 + 32 + 16, proto)
    for name, carrier in (("doh", dest), ("hbh", hop_by_hop)):
        add.good(f"{name}/esp", frame(carrier(san_option(ID), nh=ESP_), esp()), 0, ESP_)
        add.good(f"{name}/no-next-header", frame(carrier(san_option(ID), nh=NONE_)), 0, NONE_)
        add.good(f"{name}/unknown-upper", frame(carrier(san_option(ID), nh=253), Raw(b"\1\2\3\4")),
                 56, 253)
        add.good(f"{name}/empty-upper", frame(carrier(san_option(ID), nh=132)), 56, 132)
    add.good("doh/udp-4-bytes", frame(dest(san_option(ID), nh=UDP_), Raw(b"\x9c\x40\0\x35")),
             56, UDP_)
    add.good("hbh/tcp-4-bytes", frame(hop_by_hop(san_option(ID), nh=TCP_), Raw(b"\x9c\x40\0\x50")),
             56, TCP_)
    add.good("doh/ipv6-in-ipv6", frame(dest(san_option(ID), nh=41), Raw(bytes(40))), 56, 41)


def values(add):
    """What the SAN header itself may say."""
    for name, fields in (("oam-flag", {"flags": 8}), ("all-flags", {"flags": 15}),
                         ("reserved-set", {"reserved": 0xFF}), ("token", {"token": 0xBEEF})):
        add.good(f"value/{name}", frame(dest(san_option(ID, **fields)), tcp()), 56, TCP_,
                 flags=fields.get("flags", 0))
    more = san_option(ID, more=bytes([1, 2, 0xAA, 0xBB, 0, 0, 0, 0]))
    add.good("value/further-tlvs", frame(dest(more), tcp()), 64, TCP_)
    longest = san_option(ID, more=b"\xab" * 242)  # Length 254
    add.good("value/length-254", frame(dest(longest, PadN(optdata=bytes(4))), tcp()), 40 + 264, TCP_)
    for name, service in (("all-ones", 2**64 - 1), ("high-bits", 0xFEDCBA9876543210), ("one", 1)):
        add.good(f"value/id-{name}", frame(dest(san_option(service)), tcp()), 56, TCP_,
                 service=service)
    add.good("value/id-twice-the-first-counts",
             frame(dest(san_option(ID), Pad1(), Pad1(), san_option(0x202)), tcp()), 72, TCP_)
    add.good("value/hbh-before-doh",
             frame(hop_by_hop(san_option(ID)), dest(san_option(0x202)), tcp()), 72, TCP_)
    add.good("value/later-zero-id-is-no-san-header",
             frame(dest(san_option(ID), Pad1(), Pad1(), san_option(0)), tcp()), 72, TCP_)
    add.good("value/later-bad-version-is-no-san-header",
             frame(hop_by_hop(san_option(ID)), dest(san_option(5, version=9)), tcp()), 72, TCP_)


def arrangements(add):
    """Legal and unusual: padding, several options, chains."""
    add.good("options/pad1-in-front",
             frame(dest(*[Pad1()] * 8, san_option(ID)), tcp()), 64, TCP_)
    add.good("options/padn-in-front",
             frame(dest(PadN(optdata=bytes(6)), san_option(ID)), tcp()), 64, TCP_)
    add.good("options/padn-behind",
             frame(dest(san_option(ID), PadN(optdata=bytes(6))), tcp()), 64, TCP_)
    add.good("options/empty-padn-behind",
             frame(dest(san_option(ID), *[PadN()] * 4), tcp()), 64, TCP_)
    add.good("options/unaligned",
             frame(dest(Pad1(), san_option(ID), PadN(optdata=bytes(5))), tcp()), 64, TCP_)
    add.good("options/unknown-that-asks-to-discard",
             frame(dest(option(0x9E, bytes(6)), san_option(ID)), tcp()), 64, TCP_)
    add.good("options/router-alert-in-front",
             frame(hop_by_hop(option(5, bytes(2)), PadN(optdata=bytes(2)), san_option(ID)), tcp()),
             64, TCP_)
    add.good("options/nonzero-padding",
             frame(dest(PadN(optdata=b"\xff" * 6), san_option(ID)), tcp()), 64, TCP_)
    add.good("chain/hbh-doh", frame(hop_by_hop(PadN(optdata=bytes(4))), dest(san_option(ID)), tcp()),
             64, TCP_)
    add.good("chain/doh-doh", frame(dest(PadN(optdata=bytes(4))), dest(san_option(ID)), udp()),
             64, UDP_)
    add.good("chain/doh-behind-srh", frame(srh(segments(3)), dest(san_option(ID)), tcp()),
             40 + 56 + 16, TCP_)
    add.good("chain/doh-before-srh", frame(dest(san_option(ID)), srh(segments(1)), tcp()),
             56 + 24, TCP_)
    add.good("chain/doh-behind-ah", frame(ah(4, 60), dest(san_option(ID)), tcp()), 40 + 24 + 16, TCP_)
    add.good("chain/ah-behind-doh", frame(dest(san_option(ID)), ah(6), tcp()), 56 + 32, TCP_)
    add.good("chain/ah-4-byte-units", frame(ah(5, 60), dest(san_option(ID)), tcp()),
             40 + 28 + 16, TCP_)
    add.good("chain/hbh-not-first", frame(dest(PadN(optdata=bytes(4))), hop_by_hop(san_option(ID)),
                                          tcp()), 64, TCP_)
    add.good("chain/atomic-fragment", frame(dest(san_option(ID)), fragment(), tcp()), 64, TCP_,
             fragment=1)
    add.good("chain/behind-atomic-fragment", frame(fragment(), dest(san_option(ID)), tcp()), 64,
             TCP_, fragment=1)
    for kind in (135, 139, 140):
        layer, number = generic(kind, 60, 1)
        add.good(f"chain/header-{kind}",
                 frame(layer, Raw(bytes(dest(san_option(ID), nh=TCP_) / tcp(chksum=0))), nh=number),
                 40 + 16 + 16, TCP_)
    routing = Raw(bytes([60, 2, 2, 1]) + bytes(20))
    add.good("chain/routing-type-2", frame(routing, dest_bytes(ID), nh=43), 40 + 24 + 16, TCP_)
    add.good("chain/segments-left-0", frame(srh(segments(2), segleft=0), dest(san_option(ID)), tcp()),
             40 + 40 + 16, TCP_)


def dest_bytes(service):
    """A Destination Options header and TCP as bytes, for places scapy cannot chain."""
    return Raw(bytes(dest(san_option(service), nh=TCP_) / tcp(chksum=0)))


def srh_tlvs(add):
    """TLVs of the Segment Routing Header."""
    pad6 = tlv(4, bytes(6))
    add.good("srh/padn-in-front", frame(srh(segments(1), pad6, san_tlv(ID), Pad1(), Pad1()), udp()),
             40 + 8 + 16 + 24, UDP_)
    add.good("srh/hmac-in-front",
             frame(srh(segments(1), tlv(5, bytes(38)), san_tlv(ID), Pad1(), Pad1()), udp()),
             40 + 8 + 16 + 56, UDP_)
    add.good("srh/unknown-tlv", frame(srh(segments(1), tlv(200, bytes(6)), san_tlv(ID), Pad1(),
                                          Pad1()), tcp()), 40 + 8 + 16 + 24, TCP_)
    add.good("srh/reduced", frame(srh(segments(1), san_tlv(ID), Pad1(), Pad1(), segleft=1), tcp()),
             40 + 8 + 16 + 16, TCP_)
    add.good("srh/8-segments", frame(srh(segments(8), san_tlv(ID), Pad1(), Pad1()), tcp()),
             40 + 8 + 128 + 16, TCP_)
    add.none("srh/no-tlv", frame(srh(segments(2)), tcp()), "no_san")
    add.none("srh/only-padding", frame(srh(segments(2), pad6), tcp()), "no_san")
    add.none("srh/option-type-is-no-tlv-type",
             frame(srh(segments(1), tlv(0x1E, san_value(ID)), Pad1(), Pad1()), tcp()), "no_san")
    add.none("doh/tlv-type-is-no-option-type",
             frame(dest(option(124, san_value(ID))), tcp()), "no_san")
    routing = Raw(bytes([TCP_, 4, 4, 0, 0, 0, 0, 0]) + bytes(16) + bytes(san_tlv(ID)) + bytes(2))
    add.good("srh/by-hand", frame(routing, tcp(chksum=0), nh=43), 40 + 40, TCP_)
    other = bytearray(bytes(routing))
    other[2] = 3
    add.none("srh/other-routing-type", frame(Raw(bytes(other)), tcp(chksum=0), nh=43), "no_san")


def absent(add):
    """Nothing for the ingress."""
    add.none("none/tcp", frame(tcp()), "no_san")
    add.none("none/tcp-4-bytes", frame(Raw(b"\x9c\x40\0\x50"), nh=TCP_), "no_san")
    add.none("none/udp", frame(udp()), "no_san")
    add.none("none/icmpv6", frame(icmp()), "no_san")
    add.none("none/no-next-header", frame(nh=NONE_), "no_san")
    add.none("none/no-next-header-with-bytes", frame(Raw(bytes(24)), nh=NONE_), "no_san")
    add.none("none/padding-only", frame(dest(PadN(optdata=bytes(12))), tcp()), "no_san")
    add.none("none/behind-esp", frame(esp(), Raw(bytes(dest(san_option(ID)))), nh=ESP_), "no_san")
    add.none("none/inside-ipv6", frame(Raw(frame(dest(san_option(ID)), tcp())[14:]), nh=41),
             "no_san")
    add.none("none/san-bytes-in-payload", frame(udp(), Raw(bytes(dest(san_option(ID))))), "no_san")
    add.none("none/atomic-fragment", frame(fragment(), tcp()), "no_san")
    add.none("none/san-behind-tcp", frame(tcp(), Raw(bytes(san_option(ID)))), "no_san")
    add.good("fragment/first", frame(dest(san_option(ID)), fragment(more=1), tcp()), 64, TCP_,
             fragment=1)
    add.none("fragment/middle", frame(dest(san_option(ID)), fragment(8, 1), Raw(bytes(64))),
             "fragment")
    add.none("fragment/last", frame(fragment(8), Raw(bytes(64)), nh=44), "fragment")
    add.good("fragment/san-behind-it", frame(fragment(more=1), dest(san_option(ID)), tcp()), 64,
             TCP_, fragment=1)
    add.none("fragment/reserved-bits-alone-are-atomic", frame(
        Raw(bytes([TCP_, 0xFF, 0, 6]) + bytes(4)), tcp(chksum=0), nh=44), "no_san")
    add.none("version/0", frame(dest(san_option(ID, version=0)), tcp()), "bad_version")
    add.none("version/2", frame(dest(san_option(ID, version=2)), tcp()), "bad_version")
    add.none("version/15-hbh", frame(hop_by_hop(san_option(ID, version=15)), udp()), "bad_version")
    add.none("version/2-srh", frame(srh(segments(1), san_tlv(ID, version=2), Pad1(), Pad1()), udp()),
             "bad_version")
    add.none("version/before-zero-id", frame(dest(san_option(0, version=2)), tcp()), "bad_version")
    add.none("version/first-option-decides",
             frame(dest(san_option(ID, version=2), Pad1(), Pad1(), san_option(ID)), tcp()),
             "bad_version")


GROUPS = [carriers, values, arrangements, srh_tlvs, absent]
