# SPDX-License-Identifier: GPL-2.0-or-later
"""For the same packet and segments the XDP ingress sends what the kernel's `encap seg6` sends.

client --- pe --- core: a packet of the client goes through the pe's kernel route with encap seg6 and
is captured at core; the same packet goes through the ingress program with BPF_PROG_TEST_RUN. The
frames must be equal, Ethernet header included, apart from the outer flow label (a hash) and the
inner hop limit, which the kernel's seg6 forgets to count down.
"""

import json

import pytest

import oracle
from netns import CommandError, receive
from oracle_driver import DRIVER, Driver

SERVICE_ID = 0x101
SOURCE = "2001:db8:ffff::1"
CORE = "2001:db8:c::2"
SERVICE_ADDRESS = oracle.packed("2001:db8:5a::101")
COUNTS = (1, 2, 3, 5, 8)
MODES = {"red": "encap.red", "full": "encap"}
VECTORS = ("doh/tcp", "doh/udp", "doh/icmpv6", "doh/esp", "hbh/udp", "srh/tcp", "tc/all", "tc/ce",
           "tc/inner-flow-label", "hop/2", "hop/255", "options/unaligned")


def segments(count):
    return [f"fc00:0:{number:x}::{0x100 + number:x}" for number in range(1, count + 1)]


@pytest.fixture(scope="module")
def packets():
    document = json.loads((oracle.ROOT / "tests/golden/wire/vectors.json").read_text())
    return {vector["name"]: bytes.fromhex(vector["packet"]) for vector in document["vectors"]
            if vector["name"] in VECTORS}


class Bench:
    """The topology; what the kernel makes of a packet, and what the program makes of it."""

    def __init__(self, lab):
        self.client, self.pe, self.core = lab.ns("client"), lab.ns("pe"), lab.ns("core")
        self.pe.router()
        lab.veth(self.client, "eth0", self.pe, "access")
        lab.veth(self.pe, "core", self.core, "eth0")
        self.macs = {"pe": self.pe.mac("access"), "src": self.pe.mac("core"),
                     "dst": self.core.mac("eth0")}
        self.pe.ip("addr add 2001:db8:1::1/64 dev access nodad",
                   "addr add 2001:db8:c::1/64 dev core nodad",
                   f"neigh add {CORE} lladdr {self.macs['dst']} dev core nud permanent",
                   f"route add fc00::/16 via {CORE} dev core")
        self.pe.run("ip", "sr", "tunsrc", "set", SOURCE)
        self.sender = self.client.packet_socket("eth0")
        self.receiver = self.core.packet_socket("eth0")

    def route(self, count, mode):
        self.pe.ip("route replace 2001:db8:5a::101/128 encap seg6 mode "
                   f"{MODES[mode]} segs {','.join(segments(count))} dev core")

    def to_pe(self, packet):
        return bytes.fromhex(self.macs["pe"].replace(":", "")) + packet[6:]

    def through_kernel(self, packet):
        self.sender.send(self.to_pe(packet))
        return receive(self.receiver, lambda frame: SERVICE_ADDRESS in frame[54:])

    def nexthop(self, count, mode):
        return {"kind": "srv6", "source": SOURCE, "segments": segments(count), "encap": mode,
                "hop_limit": 0, "mtu": 1500, "dst_mac": self.macs["dst"],
                "src_mac": self.macs["src"]}


@pytest.fixture(scope="module")
def bench(module_lab):
    if not DRIVER.exists():
        pytest.fail(f"{DRIVER} is not built")
    made = Bench(module_lab)
    try:
        made.route(1, "full")
    except CommandError as error:
        pytest.skip(f"kernel or ip without encap seg6: {error}")
    return made


@pytest.fixture(scope="module")
def modes(bench):
    """Those that kernel and ip know; encap.red came with Linux 6.0."""
    try:
        bench.route(1, "red")
    except CommandError:
        return ("full",)
    return tuple(MODES)


def inner_hop_limit_at(frame):
    """Where the inner packet's hop limit stands, by the outer headers."""
    routing = (frame[14 + 40 + 1] + 1) * 8 if frame[14 + 6] == 43 else 0
    return 14 + 40 + routing + 7


def comparable(frame, received):
    """Without flow label; inner hop limit as received less one, whether counted down or not."""
    data = bytearray(oracle.without_flow_label(frame))
    place = inner_hop_limit_at(data)
    assert data[place] in (received, received - 1)
    data[place] = received - 1
    return bytes(data)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", COUNTS)
def test_same_bytes(bench, modes, packets, count, mode):
    if mode not in modes:
        pytest.skip(f"kernel or ip without mode {MODES[mode]}")
    bench.route(count, mode)
    conf = {"nexthops": {"1": bench.nexthop(count, mode)},
            "services": {hex(SERVICE_ID): {"mode": "preferred", "nexthop": 1, "affinity": "none"}}}
    frames = [packets[name] for name in VECTORS]
    with Driver(conf) as driver:
        answers = list(driver.run(frames))
    for name, frame, answer in zip(VECTORS, frames, answers):
        assert (answer.verdict, answer.reason) == ("redirect", "forwarded"), name
        assert answer.out[inner_hop_limit_at(answer.out)] == frame[21] - 1, name
        kernel = bench.through_kernel(frame)
        assert comparable(answer.out, frame[21]) == comparable(kernel, frame[21]), name
