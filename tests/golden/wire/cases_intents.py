# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames that meet classifier rules which drop, pass, mark, limit or lead to services of the host's
own making; see configurations.intents()."""

from craft import (
    Raw, dest, fragment, frame, frame4, icmp, san_option, steered, tagged, tcp, udp,
)
from configurations import CONFIGURATIONS, OWN
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS

CONF = {"configuration": "intents"}
VLAN = (0x8100, 7)
DROP, PASS, STEER, SELF, LIMIT, SLOW, PORT, DENIED = (f"2001:db8:a{n}::7" for n in range(1, 9))
ECN, AF11, AF41 = 3, 10 << 2, 34 << 2


def marked(add, name, packet, other, index=2, reason="forwarded", **more):
    """Leaves as `other`, which differs in its traffic class, would without a mark."""
    nexthop = CONFIGURATIONS["intents"]["nexthops"][str(index)]
    add.frame(name, packet, reason, steered(other, nexthop), **CONF, **more)


def verdicts(add):
    add.frame("intent/drop", frame(tcp(), dst=DROP), "forbidden", **CONF)
    add.frame("intent/drop-ip4", frame4(udp(), dst="203.0.113.33"), "forbidden", **CONF)
    add.frame("intent/drop-tagged", tagged(frame(tcp(), dst=DROP), VLAN), "forbidden", **CONF)
    add.frame("intent/off", frame(tcp(), dst=DROP), "no_san", configuration="edge-strict")
    add.steered("intent/header-first", frame(dest(san_option(0x101)), tcp(), dst=DROP), 1, **CONF)
    add.frame("intent/port", frame(udp(dport=53), dst=PORT), "forbidden", **CONF)
    add.frame("intent/another-port", frame(udp(dport=54), dst=PORT), "allowed", **CONF)
    add.frame("intent/priority-beats-length", frame(tcp(), dst="2001:db8:c1:1::1", tc=12 << 2),
              "allowed", **CONF)
    add.frame("intent/stronger-beats-weaker", frame(tcp(), dst=DROP, tc=12 << 2), "forbidden", **CONF)
    add.steered("intent/beside", frame(tcp(), dst="2001:db8:c1:1::1"), 11, **CONF)
    add.frame("intent/bad-version", frame(dest(san_option(1, version=2)), tcp(), dst=DROP), "forbidden",
              **CONF)
    add.frame("intent/malformed-first", frame(dest(san_option(0)), tcp(), dst=DROP), "zero_service",
              **CONF)
    add.frame("intent/keeps-groups", frame(tcp(), dst=DENIED), "denied", **CONF)
    add.steered("intent/own-service", frame(tcp(), dst=SELF), 3, **CONF)
    add.frame("intent/own-service-by-header", frame(dest(san_option(OWN)), tcp()), "denied", **CONF)


def marks(add):
    for name, tc in (("0", 0), ("ecn", ECN), ("ff", 0xFF), ("same", AF11 | 1)):
        six, four = frame(tcp(), dst=PASS, tc=tc), frame4(tcp(), dst="203.0.113.65", tos=tc)
        add.frame(f"intent/pass-marked-{name}", six, "allowed",
                  frame(tcp(), dst=PASS, tc=AF11 | tc & 3), **CONF)
        add.frame(f"intent/pass-marked-ip4-{name}", four, "allowed",
                  frame4(tcp(), dst="203.0.113.65", tos=AF11 | tc & 3), **CONF)
        marked(add, f"intent/steer-marked-{name}", frame(tcp(), dst=STEER, tc=tc),
               frame(tcp(), dst=STEER, tc=AF41 | tc & 3))
        marked(add, f"intent/steer-marked-ip4-{name}", frame4(tcp(), dst="203.0.113.129", tos=tc),
               frame4(tcp(), dst="203.0.113.129", tos=AF41 | tc & 3))
    add.frame("intent/pass-marked-label", frame(tcp(), dst=PASS, fl=0xABCDE), "allowed",
              frame(tcp(), dst=PASS, fl=0xABCDE, tc=AF11), **CONF)
    add.frame("intent/pass-marked-tagged", tagged(frame(tcp(), dst=PASS), VLAN, VLAN), "allowed",
              tagged(frame(tcp(), dst=PASS, tc=AF11), VLAN, VLAN), **CONF)
    add.frame("intent/pass-marked-padding", frame4(udp(size=0), dst="203.0.113.65") + bytes(9), "allowed",
              frame4(udp(size=0), dst="203.0.113.65", tos=AF11) + bytes(9), **CONF)
    add.frame("intent/kernel-unmarked", frame(tcp(), dst=STEER, hlim=1), "hop_limit", **CONF)
    add.frame("intent/kernel-unmarked-ip4", frame4(tcp(), dst="203.0.113.129", ttl=1), "hop_limit",
              **CONF)
    marked(add, "intent/mark-0", frame(tcp(), dst=SLOW, tc=0xB9), frame(tcp(), dst=SLOW, tc=1))


def link(add):
    """Neighbour discovery is no traffic."""
    for name, packet in (("solicitation", ICMPv6ND_NS(tgt=DROP)), ("advertisement", ICMPv6ND_NA())):
        add.frame(f"intent/{name}", frame(packet, dst=DROP, hlim=255), "not_routable", **CONF)
        add.frame(f"intent/{name}-from-afar", frame(packet, dst=DROP, hlim=254), "forbidden", **CONF)
    add.frame("intent/echo-255", frame(icmp(), dst=DROP, hlim=255), "forbidden", **CONF)
    add.frame("intent/link-local", frame(tcp(), dst=DROP, src="fe80::1"), "not_routable", **CONF)
    add.frame("intent/link-local-ip4", frame4(tcp(), dst="203.0.113.33", src="169.254.1.1"),
              "not_routable", **CONF)


def rates(add):
    def big(to, **fields):
        return frame(udp(size=1400), dst=to, **fields)

    add.frame("intent/rate-first", big(LIMIT), "allowed", **CONF)
    add.frame("intent/rate-second", big(LIMIT), "allowed", before=[big(LIMIT)], **CONF)
    add.frame("intent/rate-third", big(LIMIT), "over_rate", before=[big(LIMIT)] * 2, **CONF)
    add.frame("intent/rate-of-another", big(LIMIT), "allowed", before=[big(SLOW)] * 3, **CONF)
    add.frame("intent/rate-steered", big(SLOW), "over_rate", before=[big(SLOW)] * 2, **CONF)
    add.frame("intent/rate-shared", frame4(udp(size=1400), dst="203.0.113.161"), "over_rate",
              before=[big(SLOW)] * 2, **CONF)
    add.frame("intent/rate-before-hop-limit", big(SLOW, hlim=1), "over_rate", before=[big(SLOW)] * 2,
              **CONF)


def down(add):
    """What a service of the host's own cannot take goes nowhere else: by place in own_services()."""
    def to(place, packet=None, **fields):
        return frame(packet or tcp(), dst=f"2001:db8:b{place}::7", **fields)

    for place, name in ((1, "nothing"), (2, "unresolved"), (3, "invalid"), (4, "wrong-family"),
                        (5, "no-port"), (8, "unknown")):
        add.frame(f"intent/down-{name}", to(place), "goal_down", **CONF)
        add.frame(f"intent/down-{name}-tagged", tagged(to(place), VLAN), "goal_down", **CONF)
    add.steered("intent/down-not", to(7), 5, **CONF)
    add.frame("intent/down-wrong-family-ip4", frame4(tcp(), dst="203.0.113.193"), "goal_down", **CONF)
    add.frame("intent/down-hop-limit", to(7, hlim=1), "hop_limit", **CONF)
    add.frame("intent/down-unresolved-hop-limit", to(2, hlim=1), "goal_down", **CONF)
    add.frame("intent/down-link-local", to(2, src="fe80::1"), "not_routable", **CONF)
    # No answer: less than 1280 bytes would be left; without DF.
    add.frame("intent/down-too-big", to(6, udp(size=700)), "goal_down", **CONF)
    add.frame("intent/down-too-big-ip4", frame4(udp(size=700), dst="203.0.113.209", flags=0),
              "goal_down", **CONF)


def down_fragments(add):
    def piece(place, offset, more):
        return frame(fragment(offset, more=more), udp() if not offset else Raw(bytes(24)),
                     dst=f"2001:db8:b{place}::7")

    def piece4(offset, more, to="203.0.113.209", size=24):
        return frame4(udp(size=size) if not offset else Raw(bytes(size)), dst=to, id=77, proto=17, frag=offset,
                      flags=1 if more else 0)

    add.frame("intent/down-fragment-first", piece(2, 0, 1), "goal_down", **CONF)
    add.frame("intent/down-fragment", piece(2, 4, 0), "goal_down", before=[piece(2, 0, 1)], **CONF)
    add.frame("intent/down-fragment-alone", piece(2, 4, 0), "fragment", **CONF)
    add.frame("intent/down-fragment-unknown", piece(8, 4, 0), "goal_down", before=[piece(8, 0, 1)],
              **CONF)
    add.frame("intent/down-fragment-lost", piece(7, 4, 0), "goal_down", before=[piece(7, 0, 1)],
              give_up=[5], **CONF)
    add.steered("intent/down-fragment-not", piece(7, 4, 0), 5, "fragment_hit", before=[piece(7, 0, 1)],
                **CONF)
    add.frame("intent/down-fragment-plain", piece4(90, 0), "goal_down",
              before=[piece4(0, 1, size=712)], **CONF)
    add.frame("intent/down-fragment-marked", piece4(90, 0, "203.0.113.193"), "goal_down",
              before=[piece4(0, 1, "203.0.113.193")], **CONF)
    add.frame("intent/down-fragment-too-big", piece4(4, 1, size=712), "goal_down",
              before=[piece4(0, 1)], **CONF)


def fragments(add):
    def piece(to, offset, more, **fields):
        return frame(fragment(offset, more=more), udp(dport=53) if not offset else Raw(bytes(24)), dst=to,
                     **fields)

    for name, to, reason, mark in (("drop", DROP, "forbidden", None), ("pass", PASS, "allowed", AF11),
                                   ("port", PORT, "forbidden", None)):
        first, later = piece(to, 0, 1), piece(to, 4, 0)
        out = None if mark is None else piece(to, 4, 0, tc=mark)
        add.frame(f"intent/fragment-{name}", later, reason, out, before=[first], **CONF)
        add.frame(f"intent/fragment-{name}-alone", later, "fragment", **CONF)
    marked(add, "intent/fragment-steer", piece(STEER, 4, 0), piece(STEER, 4, 0, tc=AF41),
           reason="fragment_hit", before=[piece(STEER, 0, 1)])
    add.frame("intent/fragment-over", piece(SLOW, 4, 0), "over_rate",
              before=[frame(udp(size=1400), dst=SLOW)] * 2 + [
                  frame(fragment(0, more=1), udp(size=400), dst=SLOW)], **CONF)
    add.steered("intent/fragment-header-anew", piece(DROP, 4, 0), 1, "fragment_hit",
                before=[piece(DROP, 0, 1), frame(dest(san_option(0x101)), fragment(0, more=1), udp(),
                                                 dst=DROP)], **CONF)


GROUPS = [verdicts, marks, link, rates, fragments, down, down_fragments]
