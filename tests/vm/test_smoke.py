# SPDX-License-Identifier: GPL-2.0-or-later
"""sand as a whole on this kernel: instances registered, traffic steered by XDP and by the kernel's
routes, the daemon killed, everything removed.

The network and the tools are those of the lab tests. Rates are low: under emulation the queue of a
veth overflows at a few thousand packets a second, with or without a fault.
"""

import collections
import os
import re
import signal
import socket
import struct
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

from netns import map_dump, wait_for  # noqa: E402
from steering import ADDRESS, SERVICE, Steering, san_option  # noqa: E402

PPS = 100
KERNEL = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
HAS_RED = KERNEL >= (6, 0)  # encap.red


@pytest.fixture(name="net", scope="module")
def steering():
    with Steering("vm") as net:
        for host in ("gw", "pe"):
            net.start(host)
        for instance in ("a", "b"):
            net.register(instance)
        net.wait_entry("a")
        yield net


def reasons(net):
    listed = net.call("pe", "GET", "/v1/stats")[1]["reasons"]
    total = collections.Counter()
    for entry in listed:  # one for each interface
        total[entry["reason"]] += entry["packets"]
    return total


def test_steers_to_the_best(net):
    before = reasons(net)
    with net.udp("a", "b", pps=PPS) as flow:
        wait_for(lambda: len(flow.got["a"]) > 30, "datagrams at a")
        assert not flow.lost() and not flow.got["b"]
    after = reasons(net)
    steered = sum(after[name] - before[name] for name in ("forwarded", "flow_hit"))
    # The first may go through the kernel, before the neighbour is known.
    assert steered >= flow.sent - 5, after


def test_moves_and_keeps_the_running_flow(net):
    with net.udp("a", "b", pps=PPS) as old:
        net.load("a", 95)
        net.wait_entry("b")
        seen = len(old.got["a"])
        wait_for(lambda: len(old.got["a"]) > seen + 20, "old flow stays at a")
        assert not old.lost() and not old.got["b"]
    with net.udp("a", "b", pps=PPS) as new:
        wait_for(lambda: len(new.got["b"]) > 20, "new flow goes to b")
        assert not new.lost() and not new.got["a"]
    net.load("a", 1)
    net.wait_entry("a")


def test_kernel_route_goes_to_the_same_instance(net):
    """Fragments are not for XDP; the route has the form that this kernel knows."""
    route = net.routes(5300)[0]
    assert route["encap"] == "seg6" and route["segs"] == [net.register("a")]
    assert route["mode"] == ("encap.red" if HAS_RED else "encap")
    wanted = {10 ** 6 + number for number in range(5)}
    with net.udp("a", "b", pps=20) as flow:
        sender = flow.socket("client")
        sender.setsockopt(socket.IPPROTO_IPV6, 59, san_option(SERVICE))  # IPV6_DSTOPTS
        for number in wanted:
            sender.sendto(struct.pack("!Q", number) + bytes(4000), (ADDRESS, 5000))
        wait_for(lambda: wanted <= flow.got["a"], "fragmented datagrams at a")
        sender.close()
        assert not flow.lost() and not flow.got["b"]


def test_killed_and_adopted_under_traffic(net):
    with net.udp("a", "b", pps=PPS) as flow:
        net.daemons["pe"].kill()
        net.daemons["pe"].wait()
        net.start("pe")
        net.wait_entry("a")
        assert not flow.lost() and not flow.got["b"]


def test_bpftool_names_fields(net):
    entry = map_dump(f"/sys/fs/bpf/{net.lab.prefix}pe/maps/san_services")[0]
    assert entry["key"] == {"service_id": int(SERVICE, 16)}
    assert entry["value"]["nexthop"] > 0


def test_unload_leaves_nothing(net):
    net.stop("pe", signal.SIGTERM)
    status, log = net.refuse("pe", "--unload")
    assert status == 0, log
    assert not net.routes(5300)
    assert "xdp" not in net.lab.ns("pe").link("acc0")
    assert not os.path.exists(f"/sys/fs/bpf/{net.lab.prefix}pe")
