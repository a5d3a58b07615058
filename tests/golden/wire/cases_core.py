# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames at a core interface: endpoint behaviours of RFC 8986 and End.SAN. The next segment and
End.DT6 need a route: fc00:2::/32 has one in these configurations, nothing else has."""

from craft import (
    PE_MAC, Ether, IPv6, Pad1, Raw, core_frame, dest, fragment, frame, frame4, ip_packet, routed,
    san_option, san_tlv, segments, srh, tagged, tcp, tlv, udp,
)
from configurations import CONFIGURATIONS

ID = 0x101
END, PSP, USD, USP, ALL3 = ("fc00:9:1::", "fc00:9:2::", "fc00:9:3::", "fc00:9:4::", "fc00:9:5::")
DX6, DX4, UNRESOLVED, UNUSED = "fc00:9:6::", "fc00:9:7::", "fc00:9:8::", "fc00:9:9::"
SMALL6, SMALL4, DT6, SAN = "fc00:9:a::", "fc00:9:b::", "fc00:9:c::", "fc00:9:d::"
KERNEL, NO_PORT = "fc00:9:e::", "fc00:9:f::"
ROUTED, LOST = "fc00:2:1::1", "fc00:3:1::1"
CORE = "core"


def inner6(**fields):
    return frame(dest(san_option(ID)), tcp(), **fields)


def by_route(kind, data, configuration=CORE):
    route = CONFIGURATIONS[configuration]["routes"]["fc00:2::/32"]
    return bytes(Ether(dst=route["dst_mac"], src=route["src_mac"], type=kind)) + data


def taken_out(inner, nexthop=1):
    """The inner packet at a direct next hop, a hop less."""
    kind, data = ip_packet(inner)
    spec = CONFIGURATIONS[CORE]["nexthops"][str(nexthop)]
    return bytes(Ether(dst=spec["dst_mac"], src=spec["src_mac"], type=kind)) + routed(kind, data)[1]


def path(sid, *rest, left=None, listed=None, **fields):
    """An SRH whose active segment is sid and whose next ones are rest."""
    segs = [sid, *rest] if listed is None else listed
    return srh(segs, segleft=len(rest) if left is None else left, **fields)


def relayed(packet, target, left, pop=False):
    """The frame that leaves End: by scapy's own layers."""
    outer = IPv6(packet[14:])
    outer.dst, outer.hlim = target, outer.hlim - 1
    header = outer.payload
    header.segleft = left
    if pop:
        outer.nh = header.nh
        outer.remove_payload()
        body = packet[14 + 40 + (packet[14 + 41] + 1) * 8:]
        outer.plen = len(body)
        return by_route(0x86DD, bytes(outer) + body)
    data = bytearray(packet[14:])
    data[:40] = bytes(IPv6(bytes(outer)[:40]))[:40]
    data[4:6] = packet[18:20]
    data[43] = left
    return by_route(0x86DD, bytes(data))


def before_sids(add):
    whole = core_frame(inner6(), dst=DX6)

    def passes(name, packet, reason, configuration=CORE):
        add.frame(f"core/{name}", packet, reason, configuration=configuration)

    passes("not-local", core_frame(inner6(), dst="fc00:9:99::"), "not_local")
    passes("not-local-beside", core_frame(inner6(), dst="fc00:9:6::1"), "not_local")
    passes("ip4", frame4(tcp()), "not_local")
    passes("arp", whole[:12] + b"\x08\x06" + whole[14:], "not_ip")
    passes("tagged", tagged(whole, (0x8100, 7)), "tagged")
    passes("other-mac", b"\2\0\0\0\0\3" + whole[6:], "not_routable")
    passes("version-5", whole[:14] + b"\x50" + whole[15:], "not_ip")
    passes("39-bytes", whole[:14 + 39], "truncated")
    passes("one-byte-less", whole[:-1], "truncated")
    passes("one-byte-less-strict", whole[:-1], "truncated", "core-open")
    passes("outside", core_frame(inner6(), dst=DX6, src="2001:db8:bad::1"), "outside_source")
    passes("outside-to-kernel-sid", core_frame(inner6(), dst=KERNEL, src="2001:db8:bad::1"),
           "outside_source")
    passes("outside-not-local", core_frame(inner6(), dst="fc00:9:99::", src="2001:db8:bad::1"),
           "not_local")
    passes("kernel-sid", core_frame(inner6(), dst=KERNEL), "kernel_sid")
    add.frame("core/any-source", core_frame(inner6(), dst=DX6, src="2001:db8:bad::1"),
              "decapsulated", taken_out(inner6()), configuration="core-open")
    add.frame("core/inside-another-prefix", core_frame(inner6(), dst=DX6, src="fc00:7::1"),
              "decapsulated", taken_out(inner6()), configuration=CORE)


def end(add):
    def passes(name, packet, reason):
        add.frame(f"end/{name}", packet, reason, configuration=CORE)

    for name, sid in (("plain", END), ("usp", USP), ("psp", PSP), ("all", ALL3)):
        packet = core_frame(inner6(), path(sid, ROUTED, "fc00:5::1"), dst=sid)
        add.frame(f"end/{name}-2-left", packet, "relayed", relayed(packet, ROUTED, 1),
                  configuration=CORE)
        packet = core_frame(inner6(), path(sid, ROUTED), dst=sid)
        add.frame(f"end/{name}-1-left", packet, "relayed",
                  relayed(packet, ROUTED, 0, sid in (PSP, ALL3)), configuration=CORE)
        reduced = core_frame(inner6(), path(sid, ROUTED, listed=[ROUTED], left=1), dst=sid)
        add.frame(f"end/{name}-reduced", reduced, "relayed",
                  relayed(reduced, ROUTED, 0, sid in (PSP, ALL3)), configuration=CORE)
    for count in range(3, 9):
        rest = [ROUTED] + [f"fc00:5::{number}" for number in range(count - 2)]
        packet = core_frame(inner6(), path(PSP, *rest), dst=PSP)
        add.frame(f"end/{count}-segments", packet, "relayed", relayed(packet, ROUTED, count - 2),
                  configuration=CORE)
    with_tlv = core_frame(inner6(), srh([PSP, ROUTED], tlv(200, bytes(6)), segleft=1), dst=PSP)
    add.frame("end/psp-takes-tlvs-along", with_tlv, "relayed", relayed(with_tlv, ROUTED, 0, True),
              configuration=CORE)
    four = core_frame(frame4(tcp()), path(PSP, ROUTED), dst=PSP)
    add.frame("end/psp-ip4-inside", four, "relayed", relayed(four, ROUTED, 0, True),
              configuration=CORE)
    plain = core_frame(inner6(), path(END, ROUTED), dst=END, hlim=2)
    add.frame("end/hop-limit-2", plain, "relayed", relayed(plain, ROUTED, 0), configuration=CORE)
    for limit in (0, 1):
        passes(f"hop-limit-{limit}", core_frame(inner6(), path(END, ROUTED), dst=END, hlim=limit),
               "hop_limit")
    passes("no-route", core_frame(inner6(), path(END, LOST), dst=END), "no_route")
    passes("no-route-psp", core_frame(inner6(), path(PSP, LOST), dst=PSP), "no_route")
    for name, sid in (("end", END), ("psp", PSP), ("usp", USP)):
        passes(f"{name}-no-srh", core_frame(inner6(), dst=sid), "upper_layer")
        passes(f"{name}-0-left", core_frame(inner6(), path("fc00:1::1", left=0), dst=sid), "upper_layer")
    passes("destination-options", core_frame(inner6(), dest(), dst=END), "upper_layer")
    passes("other-routing-type",
           bytes_at(core_frame(inner6(), path(END, ROUTED), dst=END), 14 + 42, 3), "upper_layer")
    passes("usd-tcp", bytes_at(core_frame(inner6(), dst=USD), 20, 6), "upper_layer")
    out = frame(tcp(), dst=ROUTED)
    add.frame("end/usd", core_frame(out, dst=USD), "decapsulated",
              by_route(0x86DD, routed(0x86DD, ip_packet(out)[1])[1]), configuration=CORE)
    add.frame("end/usd-behind-srh", core_frame(out, path("fc00:1::1", USD, left=0), dst=USD),
              "decapsulated", by_route(0x86DD, routed(0x86DD, ip_packet(out)[1])[1]),
              configuration=CORE)
    passes("usd-no-route", core_frame(inner6(), dst=USD), "no_route")
    passes("usd-ip4-no-route", core_frame(frame4(tcp()), dst=USD), "no_route")


def bytes_at(packet, place, *values):
    return packet[:place] + bytes(values) + packet[place + len(values):]


def routing_header(add):
    whole = core_frame(inner6(), path(END, ROUTED), dst=END)
    at = 14 + 40

    def bad(name, packet, reason="bad_srh"):
        add.frame(f"srh-in/{name}", packet, reason, configuration=CORE)
        add.frame(f"srh-in/strict-{name}", packet, reason, configuration="core-open")

    bad("last-entry-2", bytes_at(whole, at + 4, 2))
    bad("last-entry-255", bytes_at(whole, at + 4, 255))
    bad("left-3", bytes_at(whole, at + 3, 3))
    bad("left-255", bytes_at(whole, at + 3, 255))
    bad("length-255", bytes_at(whole, at + 1, 255), "truncated")
    short = whole[:14 + 4] + (4).to_bytes(2, "big") + whole[20:14 + 44]
    bad("4-bytes", short, "truncated")
    bad("length-0", bytes_at(whole, at + 1, 0))
    bad("at-dx6", bytes_at(core_frame(inner6(), path("fc00:1::1", DX6, left=0), dst=DX6), at + 4, 9))


def decapsulation(add):
    six, four = inner6(), frame4(tcp(), tos=0xB9)

    def passes(name, packet, reason, **more):
        add.frame(f"dx/{name}", packet, reason, configuration=more.pop("configuration", CORE))

    add.frame("dx/6", core_frame(six, dst=DX6), "decapsulated", taken_out(six), configuration=CORE)
    add.frame("dx/4", core_frame(four, dst=DX4), "decapsulated", taken_out(four), configuration=CORE)
    for count in (1, 2, 8):
        earlier = [f"fc00:1::{number:x}" for number in range(1, count)]
        add.frame(f"dx/6-srh-{count}",
                  core_frame(six, path(*earlier, DX6, left=0), dst=DX6), "decapsulated",
                  taken_out(six), configuration=CORE)
        add.frame(f"dx/4-srh-{count}",
                  core_frame(four, path(*earlier, DX4, left=0), dst=DX4), "decapsulated",
                  taken_out(four), configuration=CORE)
    padded = core_frame(six, dst=DX6) + bytes(7)
    add.frame("dx/6-padding", padded, "decapsulated", taken_out(six), configuration=CORE)
    ce = core_frame(inner6(tc=2), dst=DX6)
    add.frame("dx/6-outer-ce-stays-outside", bytes_at(ce, 14, 0x60, 0x30), "decapsulated",
              taken_out(inner6(tc=2)), configuration=CORE)
    options = frame4(udp(), options=b"\1" * 12)
    add.frame("dx/4-options", core_frame(options, dst=DX4), "decapsulated", taken_out(options),
              configuration=CORE)
    for name, number in (("tcp", 6), ("udp", 17)):  # ports are nothing to End.DX
        short4, short6 = frame4(Raw(b"\1\2\3"), proto=number), frame(Raw(b"\1\2\3"), nh=number)
        add.frame(f"dx/4-{name}-3-bytes", core_frame(short4, dst=DX4), "decapsulated",
                  taken_out(short4), configuration=CORE)
        add.frame(f"dx/6-{name}-3-bytes", core_frame(short6, dst=DX6), "decapsulated",
                  taken_out(short6), configuration=CORE)
        passes(f"san-{name}-3-bytes", core_frame(short6, dst=SAN), "truncated")
        passes(f"san-ip4-{name}-3-bytes", core_frame(short4, dst=SAN), "truncated")
    for limit in (2, 255):
        packet = inner6(hlim=limit)
        add.frame(f"dx/6-inner-hop-limit-{limit}", core_frame(packet, dst=DX6), "decapsulated",
                  taken_out(packet), configuration=CORE)
    add.frame("dx/6-outer-hop-limit-0", core_frame(six, dst=DX6, hlim=0), "decapsulated",
              taken_out(six), configuration=CORE)
    passes("6-segments-left", core_frame(six, path(DX6, ROUTED), dst=DX6), "segments_left")
    passes("dt6-segments-left", core_frame(six, path(DT6, ROUTED), dst=DT6), "segments_left")
    passes("san-segments-left", core_frame(six, path(SAN, ROUTED), dst=SAN), "segments_left")
    passes("6-gets-4", core_frame(four, dst=DX6), "upper_layer")
    passes("4-gets-6", core_frame(six, dst=DX4), "upper_layer")
    passes("dt6-gets-4", core_frame(four, dst=DT6), "upper_layer")
    passes("6-gets-tcp", bytes_at(core_frame(six, dst=DX6), 20, 6), "upper_layer")
    passes("6-gets-no-next-header", bytes_at(core_frame(six, dst=DX6), 20, 59), "upper_layer")
    passes("6-behind-options", core_frame(six, dest(), dst=DX6), "upper_layer")
    passes("6-unresolved", core_frame(six, dst=UNRESOLVED), "nh_unresolved")
    passes("6-unused", core_frame(six, dst=UNUSED), "nh_invalid")
    passes("6-no-port", core_frame(six, dst=NO_PORT), "nh_unresolved")
    for limit in (0, 1):
        passes(f"6-inner-hop-limit-{limit}", core_frame(inner6(hlim=limit), dst=DX6), "hop_limit")
        passes(f"4-inner-ttl-{limit}", core_frame(frame4(tcp(), ttl=limit), dst=DX4), "hop_limit")
    fits, over = frame(udp(size=1280 - 48)), frame(udp(size=1281 - 48))
    add.frame("dx/6-mtu-fits", core_frame(fits, dst=SMALL6), "decapsulated", taken_out(fits, 3),
              configuration=CORE)
    passes("6-mtu-one-over", core_frame(over, dst=SMALL6), "too_big_kernel")
    passes("4-mtu-one-over", core_frame(frame4(udp(size=1281 - 28), flags="DF"), dst=SMALL4),
           "too_big_kernel")
    for name, inner, reason in (
            ("6-39-bytes", six[:14 + 39], "truncated"), ("6-no-byte-of-60", six[:15], "truncated"),
            ("6-inner-longer-than-outer", six[:-1], "truncated"),
            ("6-inner-version-5", bytes_at(six, 14, 0x50), "not_ip")):
        passes(name, core_frame_as(41, inner, DX6), reason)
        passes(f"strict-{name}", core_frame_as(41, inner, DX6), reason, configuration="core-open")
    for name, inner, reason in (
            ("4-19-bytes", four[:14 + 19], "truncated"), ("4-ihl-4", bytes_at(four, 14, 0x44), "bad_ipv4"),
            ("4-inner-longer-than-outer", four[:-1], "bad_ipv4"),
            ("4-inner-version-6", bytes_at(four, 14, 0x65), "bad_ipv4")):
        passes(name, core_frame_as(4, inner, DX4), reason)
        passes(f"strict-{name}", core_frame_as(4, inner, DX4), reason, configuration="core-open")
    passes("dt6-no-route", core_frame(six, dst=DT6), "no_route")
    out = frame(udp(), dst=ROUTED)
    add.frame("dx/dt6", core_frame(out, dst=DT6), "decapsulated",
              by_route(0x86DD, routed(0x86DD, ip_packet(out)[1])[1]), configuration=CORE)


def core_frame_as(number, inner, sid):
    whole = core_frame(bytes(14) + b"\x60" + bytes(39), dst=sid)[:54]
    data = inner[14:]
    return whole[:18] + len(data).to_bytes(2, "big") + bytes([number]) + whole[21:] + data


def san(add):
    def local(name, inner, reason="local", nexthop=1, **more):
        out = taken_out(inner, nexthop) if reason in ("local", "flow_hit", "flow_moved",
                                                      "fragment_hit") else None
        before = [core_frame(item, dst=SAN) for item in more.pop("before", [])]
        add.frame(f"end-san/{name}", core_frame(inner, dst=SAN), reason, out, configuration=CORE,
                  before=before, **more)

    def header(service, upper=None, **fields):
        return frame(dest(san_option(service)), upper or tcp(), **fields)

    local("header", header(ID))
    local("srh-inside", frame(srh(segments(1), san_tlv(ID), Pad1(), Pad1()), tcp()))
    local("by-class", frame(tcp(), dst="2001:db8:c1::1"))
    local("ip4-wrong-family", frame4(tcp(), dst="203.0.113.7"), "wrong_family")
    local("nothing", header(0x102), "nothing_selected")
    local("flow-first", header(0x103), nexthop=5)
    local("flow-hit", header(0x103, udp()), "flow_hit", 5, before=[header(0x103, udp())])
    local("flow-moved", header(0x103, udp()), "flow_moved", 5, before=[header(0x103, udp())],
          give_up=[5])
    local("flow-syn", header(0x103), "local", 5, before=[header(0x103)])
    local("unused", header(0x105), "nh_invalid")
    local("unresolved", header(0x106), "nh_unresolved")
    local("unknown", header(0x999), "unknown_service")
    local("unknown-class", frame(tcp(), dst="2001:db8:c2::1"), "unknown_service")
    local("no-san", frame(tcp()), "no_san")
    local("no-san-ip4", frame4(tcp(), dst="192.0.2.9"), "no_san")
    local("bad-version", frame(dest(san_option(ID, version=2)), tcp()), "bad_version")
    local("zero-service", header(0), "zero_service")
    local("hop-limit", header(ID, hlim=1), "hop_limit")
    local("too-big", header(0x108, udp(size=1280)), "too_big_kernel")
    local("link-local-source-is-not-checked", header(ID, src="fe80::1"))
    add.frame("end-san/unknown-strict",
              core_frame(header(0x999), dst=SAN), "unknown_service", configuration="core-open")
    first = frame(dest(san_option(ID)), fragment(more=1), udp(size=64))
    later = frame(fragment(9), Raw(b"r" * 40), nh=44)
    local("fragment-first", first)
    local("fragment-later", later, "fragment_hit", before=[first])
    local("fragment-none-before", later, "fragment")


GROUPS = [before_sids, end, routing_header, decapsulation, san]
