# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of traffic gets to its service: ping, UDP, TCP, iperf3; IPv6 with a SAN header, IPv6 and
IPv4 by the classifier, a VLAN-tagged client; fragments in and out of order."""

import json
import os
import socket
import sys
import threading

import pytest
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, HBHOptUnknown, fragment6
from scapy.layers.l2 import Dot1Q, Ether

from dual import ADDRESS4, CLIENT, CLIENT4, PORT, SERVICE4, Dual
from netns import wait_for
from steering import ADDRESS, ROOT, SERVICE, san_option

SAN_RUN = os.path.join(ROOT, "build", "bin", "san-run")
KINDS = {"header": (ADDRESS, (SAN_RUN, SERVICE, "--")), "class6": (ADDRESS, ()),
         "class4": (ADDRESS4, ())}
TCP_BYTES = 1 << 20
BLOCKS = 500  # datagrams of iperf3
SAN_OPTION = HBHOptUnknown(otype=0x1e, optdata=san_option(SERVICE)[4:])
UPLOAD = """
import socket, sys
s = socket.create_connection((sys.argv[1], 5001), 10)
s.sendall(bytes(int(sys.argv[2])))
s.shutdown(socket.SHUT_WR)
assert s.recv(10) == b"done"
"""


@pytest.fixture(name="net", scope="module")
def both_versions():
    with Dual("traffic") as net:
        net.begin()
        for number, version in ((SERVICE, 6), (SERVICE4, 4)):
            net.enroll("a", number, load=10, version=version)
            net.enroll("b", number, load=50, version=version)
            net.settled("a", number)
        yield net


class Steered:
    """`with Steered(net, 10):` at least so many packets are steered by XDP there and back."""

    def __init__(self, net, least, host="pe", kinds=("forwarded",)):
        self.net, self.least, self.host, self.kinds = net, least, host, kinds

    def count(self):
        counted = self.net.reasons(self.host)
        return sum(counted[kind] for kind in self.kinds)

    def __enter__(self):
        self.before = self.count()
        self.gateway = self.net.reasons("gw")["decapsulated"]

    def __exit__(self, kind, *_):
        if kind is None:
            assert self.count() - self.before >= self.least
            assert self.net.reasons("gw")["decapsulated"] - self.gateway >= self.least


class Listener:
    """Datagrams that arrive at a."""

    def __init__(self, net, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with net.lab.ns("a").inside():
            self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((address, PORT))
        self.sock.settimeout(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def next(self):
        return self.sock.recv(65535)


def sink(net, address, done):
    """Takes one TCP connection at a; done gets the number of bytes."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with net.lab.ns("a").inside():
        server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, 5001))
    server.listen(1)
    server.settimeout(20)

    def serve():
        peer, _ = server.accept()
        total = 0
        while data := peer.recv(65536):
            total += len(data)
        done.append((total, peer.getpeername()[0]))
        peer.sendall(b"done")
        peer.close()
        server.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def upload(net, address, prefix=(), source=None, size=TCP_BYTES):
    """TCP from the client to a through the service; the server counts the bytes."""
    done = []
    thread = sink(net, address, done)
    text = UPLOAD
    if source:
        text = text.replace("5001), 10)", f"5001), 10, ({source!r}, 0))")
    net.lab.ns("client").run(*prefix, sys.executable, "-c", text, address, str(size))
    thread.join(20)
    assert done and done[0][0] == size
    return done[0][1]


# --- programs ------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_ping(net, kind):
    address, prefix = KINDS[kind]
    with Steered(net, 5):
        out = net.lab.ns("client").run(*prefix, "ping", "-c5", "-i0.05", "-W2", address)
    assert "5 received" in out, out


@pytest.mark.parametrize("kind", KINDS)
def test_tcp(net, kind):
    address, prefix = KINDS[kind]
    with Steered(net, TCP_BYTES // 1500):
        assert upload(net, address, prefix) in (CLIENT, CLIENT4)


@pytest.mark.parametrize("kind", KINDS)
def test_udp(net, kind):
    address, prefix = KINDS[kind]
    with Steered(net, 5000), net.fast("a", "b", address=address, count=5000,
                                      service=SERVICE if prefix else None) as flow:
        flow.finished()
        assert not flow.lost() and not flow.at["b"].count()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("kind", KINDS)
def test_iperf3(net, kind, protocol):
    address, prefix = KINDS[kind]
    site = net.lab.ns("a")
    server = site.popen("iperf3", "-s", "-1", "-B", address)
    wait_for(lambda: ":5201 " in site.run("ss", "-ltn"), "iperf3 server")
    # By amounts; as datagrams so slowly that a receiver that has to wait for a core loses none.
    words = ["-u", "-b", "4M", "-l", "1200", "-k", str(BLOCKS)] if protocol == "udp" else ["-n", str(TCP_BYTES)]
    with Steered(net, 100):
        out = net.lab.ns("client").run(*prefix, "iperf3", "-c", address, "-J", *words)
    server.wait(10)
    end = json.loads(out)["end"]
    if protocol == "udp":
        assert end["sum"]["packets"] >= BLOCKS and end["sum"]["lost_packets"] == 0, end["sum"]
    else:
        assert end["sum_received"]["bytes"] >= TCP_BYTES


# --- VLAN ----------------------------------------------------------------------------------------
def whole(kind, number):
    """A datagram as Ethernet payload."""
    payload = UDP(sport=4000, dport=PORT) / (bytes([number]) * 100)
    if kind == "class4":
        return IP(src=CLIENT4, dst=ADDRESS4) / payload
    packet = IPv6(src=CLIENT, dst=ADDRESS)
    if kind == "header":
        packet /= IPv6ExtHdrDestOpt(options=[SAN_OPTION])
    return packet / payload


@pytest.mark.parametrize("tags", [[(0x8100, 100)], [(0x88a8, 200), (0x8100, 7)]])
@pytest.mark.parametrize("kind", KINDS)
def test_tagged_client(net, kind, tags):
    """Frames with one and two tags arrive untagged; made by hand, for want of a VLAN device."""
    wire = net.lab.ns("client").packet_socket("eth0")
    head = Ether(dst=net.lab.ns("pe").mac("acc0"), src=net.lab.ns("client").mac("eth0"))
    for ethertype, vid in tags:
        head.lastlayer().type = ethertype
        head /= Dot1Q(vlan=vid)
    with Listener(net, KINDS[kind][0]) as listener, Steered(net, 100):
        for number in range(100):
            wire.send(bytes(head / whole(kind, number)))
            assert listener.next() == bytes([number]) * 100


# --- fragments -----------------------------------------------------------------------------------
SIZE = 8000
LAST = 6  # fragments of SIZE bytes at 1500


@pytest.mark.parametrize("kind", KINDS)
def test_fragments_in_order(net, kind):
    address, prefix = KINDS[kind]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with net.lab.ns("client").inside():
        sender = socket.socket(family, socket.SOCK_DGRAM)
    if prefix:
        sender.setsockopt(socket.IPPROTO_IPV6, 59, san_option(SERVICE))  # IPV6_DSTOPTS
    with Listener(net, address) as listener, sender, \
            Steered(net, 20 * LAST, kinds=("forwarded", "fragment_hit")), \
            Steered(net, 20 * (LAST - 1), kinds=("fragment_hit",)):
        for number in range(20):
            sender.sendto(bytes([number]) * SIZE, (address, PORT))
            assert listener.next() == bytes([number]) * SIZE


def pieces(kind, number):
    """Fragments of one datagram, as Ethernet payloads; with an identification of its own."""
    identification = 1000 * (1 + list(KINDS).index(kind)) + number
    payload = UDP(sport=4000, dport=PORT) / (bytes([number]) * SIZE)
    if kind == "class4":
        return fragment(IP(src=CLIENT4, dst=ADDRESS4, id=identification) / payload, fragsize=1400)
    packet = IPv6(src=CLIENT, dst=ADDRESS) / IPv6ExtHdrFragment(id=identification)
    if kind == "header":
        packet /= IPv6ExtHdrDestOpt(options=[SAN_OPTION])
    return fragment6(packet / payload, 1400)


@pytest.mark.parametrize("kind", KINDS)
def test_fragments_out_of_order(net, kind):
    """What comes before the first fragment takes the kernel's way, to the same instance."""
    net.lab.ns("client").run("ping", "-c1", "2001:db8:c::1")
    wire = net.lab.ns("client").packet_socket("eth0")
    head = Ether(dst=net.lab.ns("pe").mac("acc0"), src=net.lab.ns("client").mac("eth0"))
    before = net.reasons()["fragment"]
    with Listener(net, KINDS[kind][0]) as listener:
        for number in range(10):
            parts = pieces(kind, number)
            for part in reversed(parts):
                wire.send(bytes(head / part))
            assert listener.next() == bytes([number]) * SIZE
    missed = net.reasons()["fragment"] - before
    assert missed == 10 * (len(parts) - 1)
