# SPDX-License-Identifier: GPL-2.0-or-later
"""Links of all sizes: what fits with its outer header passes, one byte more is answered by the PE with
the MTU that is right, and path MTU discovery then works."""

import errno
import socket
import threading
import time

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether

from dual import ADDRESS4, PORT, SERVICE4, Dual
from netns import wait_for
from steering import ADDRESS, SERVICE, san_option

LADDER = (1280, 1400, 1500, 2000, 4000, 9000)
OUTER = 40  # H.Encaps.Red with one segment: no SRH
LEAST6 = 1280
PE_SOURCE = "5f00:0:a::1"
KINDS = ("header", "class6", "class4")
SAN_BYTES = 16
TCP_BYTES = 300_000
BURST, PER_SECOND = 10, 10  # SAN_BUCKET_BURST, SAN_BUCKET_NS
STUBBORN = 2000  # packets that are too big, of one source
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_DSTOPTS = 23, 24, 59


@pytest.fixture(name="net", scope="module")
def wide_net():
    with Dual("mtu", access=9000, core=9000, site=9000) as net:
        net.begin()
        for number, version in ((SERVICE, 6), (SERVICE4, 4)):
            net.enroll("a", number, version=version)
            net.settled("a", number)
        yield net


def set_mtu(net, mtu):
    """Both ends of the core link; what hosts have learned so far is forgotten."""
    for host in ("pe", "gw"):
        net.lab.ns(host).ip(f"link set core0 mtu {mtu}")
    for host in ("client", "pe", "gw", "a"):
        for version in ("-6", "-4"):
            net.lab.ns(host).run("ip", version, "route", "flush", "cache", check=False)
    for number in (SERVICE, SERVICE4):
        wait_for(lambda n=number: net.entry_of(n)["nexthop"].get("mtu") == mtu
                 and net.settled("a", n), f"MTU {mtu} of {number}")


class Path:
    """Datagrams of an exact IP length from the client to a, never fragmented."""

    def __init__(self, net, kind):
        self.address = ADDRESS4 if kind == "class4" else ADDRESS
        self.four = kind == "class4"
        self.headers = 28 if self.four else 48 + (SAN_BYTES if kind == "header" else 0)
        # Where the MTU is known, Linux counts destination options twice before it sends.
        self.spare = SAN_BYTES if kind == "header" else 0
        family = socket.AF_INET if self.four else socket.AF_INET6
        with net.lab.ns("a").inside():
            self.far = socket.socket(family, socket.SOCK_DGRAM)
        self.far.bind((self.address, PORT))
        with net.lab.ns("client").inside():
            self.near = socket.socket(family, socket.SOCK_DGRAM)
        if self.four:
            self.near.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        else:
            self.near.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO)
        if kind == "header":
            self.near.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, san_option(SERVICE))
        self.near.connect((self.address, PORT))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.near.close()
        self.far.close()

    def send(self, length):
        self.near.send(bytes(length - self.headers))

    def arrives(self, length, timeout_s=20.0):
        self.far.settimeout(timeout_s)
        try:
            return len(self.far.recv(65535)) == length - self.headers
        except TimeoutError:
            return False

    def learned(self):
        """The path MTU that this host believes in."""
        if self.four:
            return self.near.getsockopt(socket.IPPROTO_IP, IP_MTU)
        return self.near.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU)

    def told(self):
        """What came in as an error since the last call."""
        return self.near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@pytest.mark.parametrize("mtu", LADDER)
@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_of_the_boundary(net, kind, mtu):
    set_mtu(net, mtu)
    room = mtu - OUTER
    with Path(net, kind) as path:
        before = net.reasons()
        path.send(room)
        assert path.arrives(room)
        assert net.reasons()["forwarded"] == before["forwarded"] + 1
        path.send(room + 1)
        now = wait_for(lambda: counted(net, before), "the other side of the boundary is counted")
        if path.four or room >= LEAST6:
            assert now["too_big"] == before["too_big"] + 1
            wait_for(lambda: path.learned() == room, f"client hears {room}")
            assert path.told() == errno.EMSGSIZE
            path.send(room - path.spare)
            assert path.arrives(room - path.spare)
            with pytest.raises(OSError):
                path.send(room + 1)  # the client's own kernel says so now
        else:
            # IPv6 knows no MTU below 1280: the kernel may fragment the outer packet, XDP does not.
            assert now["too_big_kernel"] == before["too_big_kernel"] + 1
        assert not path.arrives(room + 1, 0.2) or room < LEAST6


def counted(net, before):
    now = net.reasons()
    kinds = ("too_big", "too_big_kernel")
    return now if any(now[kind] > before[kind] for kind in kinds) else None


@pytest.mark.parametrize("mtu", LADDER[1:])
@pytest.mark.parametrize("kind", KINDS)
def test_tcp_finds_the_path_mtu(net, kind, mtu):
    """Hosts with links of 9000 begin with large segments, are told, and go on."""
    set_mtu(net, mtu)
    address = ADDRESS4 if kind == "class4" else ADDRESS
    family = socket.AF_INET if kind == "class4" else socket.AF_INET6
    total = []
    with net.lab.ns("a").inside():
        server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, 5001))
    server.listen(1)
    server.settimeout(10)
    thread = threading.Thread(target=serve, args=(server, total), daemon=True)
    thread.start()
    with net.lab.ns("client").inside():
        client = socket.socket(family, socket.SOCK_STREAM)
    if kind == "header":
        client.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, san_option(SERVICE))
    client.settimeout(10)
    before = net.reasons()
    client.connect((address, 5001))
    client.sendall(bytes(TCP_BYTES))
    client.shutdown(socket.SHUT_WR)
    thread.join(10)
    client.close()
    assert total == [TCP_BYTES]
    now = net.reasons()
    assert now["too_big"] > before["too_big"]
    assert now["too_big_kernel"] == before["too_big_kernel"]


def serve(server, total):
    peer, _ = server.accept()
    count = 0
    while data := peer.recv(65536):
        count += len(data)
    total.append(count)
    peer.close()
    server.close()


def test_icmp_is_limited_per_source(net):
    """A host that does not listen is not told for ever."""
    set_mtu(net, 1500)
    client = net.lab.ns("client")
    wire = client.packet_socket("eth0")
    frame = bytes(Ether(dst=net.lab.ns("pe").mac("acc0"), src=client.mac("eth0"))
                  / IPv6(src="2001:db8:c::77", dst=ADDRESS) / UDP(sport=4000, dport=PORT) / bytes(2000))
    before, begin = net.reasons(), time.monotonic()

    def counted(*reasons):
        now = net.reasons()
        return sum(now[reason] - before[reason] for reason in reasons)

    def all_seen():
        for _ in range(100):
            wire.send(frame)
        return counted("too_big", "too_big_limited") >= STUBBORN

    wait_for(all_seen, f"{STUBBORN} packets are counted", 30)
    told, seconds = counted("too_big"), time.monotonic() - begin
    assert BURST <= told <= BURST + PER_SECOND * seconds + 1


def test_route_of_smaller_mtu(net):
    """An MTU on the route to the locator counts like the link's."""
    set_mtu(net, 2000)
    pe = net.lab.ns("pe")
    pe.ip("route add 5f00:0:2::/48 via 2001:db8:1::2 mtu 1600")
    try:
        wait_for(lambda: net.entry_of()["nexthop"].get("mtu") == 1600, "route's MTU")
        with Path(net, "class6") as path:
            path.send(1601 - OUTER)
            wait_for(lambda: path.learned() == 1600 - OUTER, "client hears it")
    finally:
        pe.ip("route del 5f00:0:2::/48")


def test_packet_too_big_from_the_core(net):
    """A router on the path to the gateway has a smaller link: the next hop's MTU follows."""
    set_mtu(net, 4000)
    pe, gw = net.lab.ns("pe"), net.lab.ns("gw")
    quoted = IPv6(src=PE_SOURCE, dst=net.sids[SERVICE, "a"], nh=41) / bytes(1000)
    gw.packet_socket("core0").send(bytes(
        Ether(dst=pe.mac("core0"), src=gw.mac("core0"))
        / IPv6(src="2001:db8:1::2", dst=PE_SOURCE) / ICMPv6PacketTooBig(mtu=1700) / quoted))
    wait_for(lambda: net.entry_of()["nexthop"].get("learned_mtu") == 1700, "MTU learned")
    with Path(net, "class6") as path:
        path.send(1701 - OUTER)
        wait_for(lambda: path.learned() == 1700 - OUTER, "client hears it")
        assert not path.arrives(1701 - OUTER, 0.2)
