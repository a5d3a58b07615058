# SPDX-License-Identifier: GPL-2.0-or-later
"""The core program sends what the kernel's seg6local sends.

core --- gw --- site: frames to SIDs of gw go in at core and are captured at site, first through the
kernel's seg6local routes, then, with these routes gone, through the program on gw's core interface.
The frames must be equal, Ethernet header included.
"""

import os
import socket
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrSegmentRouting)
from scapy.layers.l2 import Ether

from netns import CommandError, receive

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = "5f00:0:a::1"
CLIENT, SERVER = "2001:db8:c::2", "2001:db8:5::101"
CLIENT4, SERVER4 = "198.51.100.2", "203.0.113.5"
NEXT, NEXT4 = "2001:db8:2::2", "10.9.0.2"
NH6, NH4 = 5, 6
ROLE_CORE, KIND_DIRECT, BOTH_FAMILIES = 2, 3, 3
PSP = 1
# SID: behaviour number, flavours, next hop, seg6local route
SIDS = {
    "fc00:9::e": (1, 0, 0, "action End"),
    "fc00:9::e1": (1, PSP, 0, "action End flavors psp"),
    "fc00:9::d6": (2, 0, NH6, f"action End.DX6 nh6 {NEXT}"),
    "fc00:9::d8": (3, 0, 0, "action End.DT6 table 254"),
    "fc00:9::d4": (4, 0, NH4, f"action End.DX4 nh4 {NEXT4}"),
}
END, END_PSP, DX6, DT6, DX4 = SIDS


def packed(text):
    return socket.inet_pton(socket.AF_INET6, text)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


# --- frames ---------------------------------------------------------------------------------------


def inner6():
    """Name and packet; the payload is filled in by number."""
    base = {"src": CLIENT, "dst": SERVER}
    yield "udp", IPv6(**base) / UDP(sport=40000, dport=53)
    yield "tcp", IPv6(**base, fl=0x12345) / TCP(sport=40000, dport=80, flags="S")
    yield "icmp", IPv6(**base) / ICMPv6EchoRequest()
    yield "options", IPv6(**base) / IPv6ExtHdrDestOpt() / UDP()
    yield "fragment", IPv6(**base) / IPv6ExtHdrFragment(offset=7, m=1, id=9, nh=17)
    yield "no-next", IPv6(**base, nh=59)
    for hops in (2, 3, 255):
        yield f"hops-{hops}", IPv6(**base, hlim=hops) / UDP()
    for tclass in (0, 1, 2, 3, 0xb9, 0xff):
        yield f"class-{tclass}", IPv6(**base, tc=tclass) / UDP()


def inner4():
    base = {"src": CLIENT4, "dst": SERVER4}
    yield "udp", IP(**base) / UDP(sport=40000, dport=53)
    yield "tcp", IP(**base, flags="DF") / TCP(sport=40000, dport=80, flags="S")
    yield "icmp", IP(**base) / ICMP()
    yield "options", IP(**base, options=[b"\x01\x01\x01\x00"]) / UDP()
    yield "fragment", IP(**base, flags="MF", frag=7, id=9, proto=17)
    for ttl in (2, 3, 255):
        yield f"ttl-{ttl}", IP(**base, ttl=ttl) / UDP()
    for tos in (0, 1, 2, 3, 0xb9, 0xff):
        yield f"tos-{tos}", IP(**base, tos=tos) / UDP()
    for ident in (0, 1, 0xc9c, 0xfffe, 0xffff):
        yield f"id-{ident}", IP(**base, id=ident) / UDP()


def srh(count, left):
    """count segments in the list, the last one travelled to at index 0."""
    return IPv6ExtHdrSegmentRouting(addresses=[f"fc00:100:{i:x}::1" for i in range(count)],
                                    segleft=left, lastentry=count - 1)


def routed(sid, count, left, inner, tclass=0):
    """Outer header, SRH of count segments unless count is 0, inner packet."""
    outer = IPv6(src=SOURCE, dst=sid, tc=tclass, fl=0x54321, hlim=61)
    return outer / srh(count, left) / inner if count else outer / inner


def end_cases():
    for count in range(1, 9):
        for left in range(1, count + 1):
            yield f"{count} segments, {left} left", count, left


def cases():
    """Name and outer packet for everything that is compared."""
    for name, inner in inner6():
        for sid, what in ((DX6, "DX6"), (DT6, "DT6")):
            yield f"{what} {name}", routed(sid, 0, 0, inner)
            yield f"{what} SRH {name}", routed(sid, 3, 0, inner, tclass=3)
        yield f"End {name}", routed(END, 2, 1, inner)
        yield f"PSP {name}", routed(END_PSP, 2, 1, inner)
    for name, inner in inner4():
        yield f"DX4 {name}", routed(DX4, 0, 0, inner)
        yield f"DX4 SRH {name}", routed(DX4, 2, 0, inner, tclass=3)
        yield f"End IPv4 {name}", routed(END, 2, 2, inner)
        yield f"PSP IPv4 {name}", routed(END_PSP, 1, 1, inner)
    for name, count, left in end_cases():
        inner = IPv6(src=CLIENT, dst=SERVER) / UDP()
        yield f"End {name}", routed(END, count, left, inner)
        yield f"PSP {name}", routed(END_PSP, count, left, inner)
        yield f"DX6 {count} segments", routed(DX6, count, 0, inner)


def payload(number, size):
    """What a frame is known by again, and a pattern; an odd size, too."""
    marker = struct.pack("!4sI", b"gwby", number)
    return marker + bytes(i * 7 & 0xff for i in range(size))


def frames(destination):
    for number, (name, packet) in enumerate(cases()):
        mark = payload(number, (0, 1, 300, 1001)[number % 4])
        frame = bytes(Ether(src="02:02:02:02:02:02", dst=destination) / packet / mark)
        yield name, mark[:8], frame + (b"padding" if number % 5 == 0 else b"")


# --- the two ways -----------------------------------------------------------------------------------


class Gateway:
    def __init__(self, lab):
        self.core, self.gw, self.site = lab.ns("core"), lab.ns("gw"), lab.ns("site")
        self.gw.router()
        self.gw.sysctl(net__ipv4__ip_forward=1, net__ipv4__conf__all__rp_filter=0,
                       net__ipv4__conf__default__rp_filter=0)
        lab.veth(self.core, "eth0", self.gw, "core0", mtu=1800)
        lab.veth(self.gw, "site0", self.site, "eth0", mtu=1800)
        self.addresses()
        self.pins = lab.pin_dir()
        self.sender = self.core.packet_socket("eth0")
        self.receiver = self.site.packet_socket("eth0")
        self.frames = list(frames(self.gw.mac("core0")))

    def addresses(self):
        """The kernel's End.DX4 asks the neighbour table for the packet's destination, not for nh4."""
        mac = self.site.mac("eth0")
        self.gw.ip("addr add 2001:db8:2::1/64 dev site0 nodad", "addr add 10.9.0.1/24 dev site0",
                   f"neigh add {NEXT} lladdr {mac} dev site0 nud permanent",
                   f"neigh add {NEXT4} lladdr {mac} dev site0 nud permanent",
                   f"neigh add {SERVER4} lladdr {mac} dev site0 nud permanent",
                   f"route add fc00:100::/32 via {NEXT} dev site0",
                   f"route add 2001:db8:5::/64 via {NEXT} dev site0",
                   f"route add 203.0.113.0/24 via {NEXT4} dev site0",
                   "route add 198.51.100.0/24 dev core0")

    def through(self):
        """Name -> frame that arrived at the site."""
        out = {}
        for name, mark, frame in self.frames:
            self.sender.send(frame)
            try:
                out[name] = receive(self.receiver, lambda got, mark=mark: mark in got, 5)
            except CommandError:
                out[name] = None
        return out

    def kernel_routes(self, verb):
        """Behaviours that this kernel or ip does not know are left out."""
        known = []
        for sid, (_, _, _, action) in SIDS.items():
            try:
                self.gw.ip(f"route {verb} {sid}/128 encap seg6local {action} dev site0")
                known.append(sid)
            except CommandError:
                pass
        return known

    # --- the program ---

    def bpftool(self, *words):
        return self.gw.run("bpftool", *words)

    def put(self, name, key, value):
        self.bpftool("map", "update", "pinned", f"{self.pins}/{name}", "key", "hex", *octets(key),
                     "value", "hex", *octets(value))

    def nexthop(self, index):
        macs = mac_bytes(self.site.mac("eth0")) + mac_bytes(self.gw.mac("site0"))
        value = struct.pack("=176s12sHBBIIIB3x", b"", macs, 0, KIND_DIRECT, 0,
                            self.gw.ifindex("site0"), 1800, 1, BOTH_FAMILIES)
        self.put("san_nexthops", struct.pack("=I", index), value)

    def program(self):
        os.mkdir(self.pins)
        self.bpftool("prog", "load", f"{ROOT}/build/bpf/core.bpf.o", f"{self.pins}/core",
                     "pinmaps", self.pins)
        self.bpftool("prog", "load", f"{ROOT}/build/bpf/relay.bpf.o", f"{self.pins}/pass")
        ifindex, site = self.gw.ifindex("core0"), self.gw.ifindex("site0")
        self.put("san_ifaces", struct.pack("=I", ifindex),
                 struct.pack("=6sBBBxHI", mac_bytes(self.gw.mac("core0")), ROLE_CORE, 0, 0, 1, 0))
        self.put("san_tx", struct.pack("=I", site), struct.pack("=I", site))
        for sid, (behaviour, flavors, nexthop, _) in SIDS.items():
            self.put("san_sids", packed(sid),
                     struct.pack("=BBBxIIIQ", behaviour, flavors, 0, nexthop, 0, 0, 0))
        self.nexthop(NH6)
        self.nexthop(NH4)
        self.site.run("bpftool", "net", "attach", "xdpdrv", "pinned", f"{self.pins}/pass", "dev",
                      "eth0")
        self.bpftool("net", "attach", "xdpdrv", "pinned", f"{self.pins}/core", "dev", "core0")


def octets(data):
    return [f"{byte:02x}" for byte in data]


class Answers:
    def __init__(self, kernel, program, known):
        self.kernel, self.program, self.known = kernel, program, known


@pytest.fixture(scope="module")
def answers(module_lab):
    gateway = Gateway(module_lab)
    known = gateway.kernel_routes("add")
    if not known:
        pytest.skip("kernel or ip without seg6local")
    kernel = gateway.through()
    gateway.kernel_routes("del")
    gateway.program()
    return Answers(kernel, gateway.through(), known)


@pytest.mark.parametrize("behaviour", ("End", "PSP", "DX6", "DT6", "DX4"))
def test_same_bytes(answers, behaviour):
    sid = dict(zip(("End", "PSP", "DX6", "DT6", "DX4"), SIDS))[behaviour]
    if sid not in answers.known:
        pytest.skip(f"kernel or ip without {SIDS[sid][3]}")
    names = [name for name in answers.kernel if name.split()[0] == behaviour]
    assert len(names) > 20
    for name in names:
        assert answers.kernel[name] is not None, f"{name}: nothing from the kernel"
        assert answers.program[name] is not None, f"{name}: nothing from the program"
        assert answers.program[name].hex() == answers.kernel[name].hex(), name
