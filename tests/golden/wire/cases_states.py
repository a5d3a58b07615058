# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames whose fate depends on the ones before: flows, fragments, senders that were told enough."""

from craft import (
    Pad1, Raw, dest, fragment, frame, frame4, packet_too_big, san_option, tagged, tcp, udp,
)
from cases_edge import sized
from scapy.layers.inet import TCP

ID = 0x101
VLAN = (0x8100, 7)
FLOW, SOURCE = 0x513, 0x524  # affinity by flow; one slot of four by source


def segment(flags, **fields):
    return TCP(sport=40000, dport=80, seq=1, flags=flags, window=64240, **fields)


def flows(add):
    def packet(flags, service=FLOW, **fields):
        return frame(dest(san_option(service)), segment(flags), **fields)

    syn, ack = packet("S"), packet("A")
    add.steered("flow/second", ack, 16, "flow_hit", before=[syn])
    add.steered("flow/third", ack, 16, "flow_hit", before=[syn, ack])
    add.steered("flow/syn-begins-anew", syn, 16, before=[syn, ack])
    add.steered("flow/syn-ack-begins-nothing", packet("SA"), 16, "flow_hit", before=[syn])
    add.steered("flow/another-port", frame(dest(san_option(FLOW)), tcp(sport=40001)), 16,
                before=[syn])
    add.steered("flow/another-address", packet("A", src="2001:db8:1::11"), 16, before=[syn])
    add.steered("flow/moved", ack, 16, "flow_moved", before=[ack], give_up=[16])
    add.steered("flow/syn-is-no-move", syn, 16, before=[ack], give_up=[16])
    add.steered("flow/udp", frame(dest(san_option(FLOW)), udp()), 16, "flow_hit",
                before=[frame(dest(san_option(FLOW)), udp())])
    add.frame("flow/hop-limit-before-hit", packet("A", hlim=1), "hop_limit", before=[ack])
    add.steered("flow/remembered-without-steering", ack, 16, "flow_hit",
                before=[packet("A", hlim=1)])
    four = frame4(tcp(dport=443), dst="203.0.113.9")
    add.steered("flow/ip4-syn", four, 16, before=[four])
    four = frame4(udp(), dst="203.0.113.9")
    add.steered("flow/ip4", four, 16, "flow_hit", before=[four])
    add.steered("flow/tagged-and-not", tagged(ack, VLAN), 16, "flow_hit", before=[ack])


def fragments(add):
    whole = dest(san_option(ID))
    first = frame(whole, fragment(more=1), udp(size=64))
    later = frame(fragment(9, 0), Raw(b"r" * 40), nh=44)
    add.steered("fragments/later", later, 1, "fragment_hit", before=[first])
    add.steered("fragments/middle", frame(fragment(9, 1), Raw(b"r" * 40), nh=44), 1, "fragment_hit",
                before=[first])
    add.steered("fragments/later-with-options", frame(dest(Pad1(), Pad1(), Pad1(), Pad1(), Pad1(),
                                                           Pad1()), fragment(9, 0), Raw(bytes(9))), 1,
                "fragment_hit", before=[first])
    add.steered("fragments/later-tagged", tagged(later, VLAN), 1, "fragment_hit", before=[first])
    add.steered("fragments/twice", later, 1, "fragment_hit", before=[first, later])
    add.frame("fragments/none-before", later, "fragment")
    add.frame("fragments/other-number", frame(fragment(9, 0, 7), Raw(bytes(40)), nh=44), "fragment",
              before=[first])
    add.frame("fragments/other-source", frame(fragment(9, 0), Raw(bytes(40)), nh=44,
                                              src="2001:db8:1::99"), "fragment", before=[first])
    add.frame("fragments/other-destination", frame(fragment(9, 0), Raw(bytes(40)), nh=44,
                                                   dst="2001:db8:5a::102"), "fragment", before=[first])
    add.frame("fragments/after-atomic", later, "fragment",
              before=[frame(whole, fragment(), udp(size=64))])
    add.frame("fragments/given-up", later, "fragment", before=[first], give_up=[1])
    add.frame("fragments/first-not-steered", later, "fragment",
              before=[frame(whole, fragment(more=1), udp(size=64), hlim=1)])
    add.frame("fragments/hop-limit", frame(fragment(9, 0), Raw(bytes(40)), nh=44, hlim=1),
              "hop_limit", before=[first])
    by_class = frame(fragment(more=1), udp(size=64), dst="2001:db8:c1:9::7")
    add.steered("fragments/by-class",
                frame(fragment(9, 0), Raw(bytes(40)), nh=44, dst="2001:db8:c1:9::7"), 3,
                "fragment_hit", before=[by_class])
    add.steered("fragments/empty", frame(fragment(9, 0), nh=44), 1, "fragment_hit", before=[first])
    head = frame4(udp(size=64), flags="MF")
    tail = frame4(Raw(b"r" * 40), proto=17, frag=9)
    add.steered("fragments/ip4-first", head, 3)
    add.steered("fragments/ip4-later", tail, 3, "fragment_hit", before=[head])
    add.steered("fragments/ip4-middle", frame4(Raw(b"r" * 40), proto=17, frag=9, flags="MF"), 3,
                "fragment_hit", before=[head])
    add.frame("fragments/ip4-none-before", tail, "fragment")
    add.frame("fragments/ip4-other-number", frame4(Raw(b"r" * 40), proto=17, frag=9, id=7),
              "fragment", before=[head])
    add.frame("fragments/ip4-other-protocol", frame4(Raw(b"r" * 40), proto=6, frag=9), "fragment",
              before=[head])
    add.frame("fragments/ip4-given-up", tail, "fragment", before=[head], give_up=[3])
    add.steered("fragments/ip4-direct", frame4(Raw(b"r" * 40), proto=17, frag=9), 4,
                "fragment_hit", before=[frame4(udp(size=64, dport=5000), flags="MF")])


def limited(add):
    big = sized(ID, 1461)
    add.frame("limit/eleventh", big, "too_big_limited", before=[big] * 10)
    four = frame4(udp(size=800), flags="DF", dst="203.0.113.7")
    add.frame("limit/eleventh-ip4", four, "too_big_limited", before=[four] * 10)
    other = sized(ID, 1461, src="2001:db8:1::77")
    add.frame("limit/another-source", other, "too_big", packet_too_big(other, 1460),
              before=[big] * 10)
    add.steered("limit/what-fits-is-steered", sized(ID, 1460), 1, before=[big] * 10)


GROUPS = [flows, fragments, limited]
