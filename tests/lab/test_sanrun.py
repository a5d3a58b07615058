# SPDX-License-Identifier: GPL-2.0-or-later
"""san-run: programs that know nothing of SAN emit packets with the SAN header."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

import pytest
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Ether

from netns import ETH_P_ALL, InNamespace, receive, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAN_RUN = os.path.join(ROOT, "build", "bin", "san-run")
LIBRARY = os.path.join(ROOT, "build", "lib", "libsan-run.so")
SERVER = "2001:db8:5::101"
MTU = 1500

CLIENT = """
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 10)
s.sendall(b"x" * 100000)
s.shutdown(socket.SHUT_WR)
assert s.recv(10) == b"done"
"""
DATAGRAM = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.sendto(b"hello", (sys.argv[1], 53))
"""
SINK = """
import socket
s = socket.create_server(("::", 80), family=socket.AF_INET6)
while True:
    c = s.accept()[0]
    while c.recv(65536): pass
    c.sendall(b"done")
    c.close()
"""


def option(service):
    """The option as docs/wire.md draws it."""
    return struct.pack("!BBBBHQ", 0x1E, 12, 0x10, 0, 0, service)


class Wire:
    """Client and server on a cable, and a listener on the server's end."""

    def __init__(self, lab):
        self.client, self.server = lab.ns("client"), lab.ns("server")
        lab.veth(self.client, "eth0", self.server, "eth0", mtu=MTU)
        self.client.ip("addr add 2001:db8:c::2/64 dev eth0 nodad",
                       "route add default via 2001:db8:c::1")
        self.server.ip("addr add 2001:db8:c::1/64 dev eth0 nodad",
                       f"addr add {SERVER}/128 dev lo nodad")
        for space in (self.client, self.server):
            space.run("ethtool", "-K", "eth0", "gso", "off", "tso", "off", "gro", "off", check=False)
        with InNamespace(self.server.path):
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.tap.bind(("eth0", ETH_P_ALL))
        lab.sockets.append(self.tap)
        self.server.popen(sys.executable, "-c", SINK)
        wait_for(lambda: ":80 " in self.server.run("ss", "-6ltn"), "server")

    def san_run(self, *argv, check=True):
        return subprocess.run(self.client.argv(SAN_RUN, *argv), capture_output=True, text=True,
                              timeout=30, check=check)

    def packet(self, kind):
        """The next packet of the client's with this upper layer."""
        def wanted(frame):
            packet = Ether(frame)
            return IPv6 in packet and packet[IPv6].dst == SERVER and kind in packet
        return Ether(receive(self.tap, wanted))


@pytest.fixture(name="wire")
def cable(lab):
    return Wire(lab)


def raw_option(header):
    return bytes(header)[2:2 + 14]


def test_tcp_carries_doh(wire):
    wire.san_run("0x101", "--", sys.executable, "-c", CLIENT, SERVER)
    syn = wire.packet(TCP)
    assert syn[TCP].flags == "S"
    assert syn[IPv6].nh == 60 and bytes(syn[IPv6ExtHdrDestOpt])[:2] == b"\x06\x01"
    assert raw_option(syn[IPv6ExtHdrDestOpt]) == option(0x101)
    full = 0
    for _ in range(200):
        packet = wire.packet(TCP)
        assert raw_option(packet[IPv6ExtHdrDestOpt]) == option(0x101)  # every segment
        assert packet[IPv6].plen + 40 <= MTU  # the segment size leaves room for the header
        full += packet[IPv6].plen + 40 == MTU
        if packet[TCP].flags.F:
            break
    assert full


def test_udp_carries_doh(wire):
    wire.san_run("257", "--", sys.executable, "-c", DATAGRAM, SERVER)
    assert raw_option(wire.packet(UDP)[IPv6ExtHdrDestOpt]) == option(0x101)


def test_hop_by_hop(wire):
    wire.san_run("--carrier", "hbh", "0xffffffffffffffff", "--", sys.executable, "-c", CLIENT, SERVER)
    syn = wire.packet(TCP)
    assert syn[IPv6].nh == 0
    assert raw_option(syn[IPv6ExtHdrHopByHop]) == option(0xFFFFFFFFFFFFFFFF)


def test_curl(wire):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    wire.san_run("0x102", "--", "curl", "-s", "-m", "5", f"http://[{SERVER}]/", check=False)
    assert raw_option(wire.packet(TCP)[IPv6ExtHdrDestOpt]) == option(0x102)


def test_ipv4_is_left_alone(wire):
    code = "import socket; s = socket.socket(); print(s.getsockopt(0, 4, 64))"
    assert wire.san_run("1", "--", sys.executable, "-c", code).stdout == "b''\n"


def test_keeps_preload_and_status(wire):
    done = wire.san_run("1", "--", "sh", "-c", "echo $LD_PRELOAD $SAN_SERVICE_ID; exit 7", check=False)
    assert done.returncode == 7
    assert done.stdout.endswith("libsan-run.so 0x1\n")


NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
SHOW = "import socket\nfor _ in 1, 2: s = socket.socket(socket.AF_INET6)\n" \
       "print(s.getsockopt(41, 59, 64).hex())"


@pytest.fixture(name="readable")
def copies():
    """The binary and the library where everybody may read them."""
    folder = tempfile.mkdtemp(prefix="san-run-")
    os.chmod(folder, 0o755)
    for path in (SAN_RUN, LIBRARY):
        shutil.copy(path, folder)
    yield folder
    shutil.rmtree(folder)


def run_as_nobody(folder):
    env = {**os.environ, "SAN_RUN_LIB": f"{folder}/libsan-run.so"}
    return subprocess.run([*NOBODY, f"{folder}/san-run", "0x101", "--", "/usr/bin/python3", "-c", SHOW],
                          capture_output=True, text=True, timeout=20, check=True, env=env, cwd="/")


def test_without_privilege_says_so_once(readable):
    done = run_as_nobody(readable)
    assert done.stdout == "\n"  # the program works, without the header
    assert done.stderr.count("CAP_NET_RAW") == 1 and "without a SAN header" in done.stderr


def test_file_capability_is_passed_on(readable):
    if not shutil.which("setcap"):
        pytest.skip("setcap is not installed (libcap2-bin)")
    subprocess.run(["setcap", "cap_net_raw+p", f"{readable}/san-run"], check=True)
    done = run_as_nobody(readable)
    assert done.stdout == "00011e0c100000000000000000000101\n" and not done.stderr


@pytest.mark.parametrize("argv, status, text", [
    (["0", "--", "true"], 2, "service ID \"0\""),
    (["0x1g", "--", "true"], 2, "service ID \"0x1g\""),
    (["-1", "--", "true"], 2, "option"),
    (["0x10000000000000000", "--", "true"], 2, "service ID"),
    (["1"], 2, "program to run is missing"),
    ([], 2, "service ID is missing"),
    (["--carrier", "srh", "1", "--", "true"], 2, "must be doh or hbh"),
    (["1", "--", "no-such-program"], 127, "no-such-program"),
    (["1", "--", "/"], 126, "/"),
    (["--help"], 0, ""),
])
def test_refusals(argv, status, text):
    done = subprocess.run([SAN_RUN, *argv], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == status and text in done.stderr


def test_missing_library():
    env = {**os.environ, "SAN_RUN_LIB": "/nonexistent.so"}
    done = subprocess.run([SAN_RUN, "1", "--", "true"], capture_output=True, text=True, timeout=10,
                          check=False, env=env)
    assert done.returncode == 125 and "SAN_RUN_LIB" in done.stderr
