# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a whole: steering, restarts and crashes under traffic, and what it refuses."""

import os
import socket
import struct

import pytest

from netns import map_dump, wait_for
from steering import ADDRESS, PE, SERVICE, Steering, san_option


@pytest.fixture(name="net")
def steering():
    with Steering("daemon") as net:
        yield net


@pytest.fixture(name="steered")
def steered_net(net):
    net.start("gw")
    net.start("pe")
    for name in ("a", "b"):
        net.register(name)
    net.wait_entry("a")
    return net


def test_moves_and_keeps_running_flows(steered):
    with steered.udp("a", "b", pps=500) as old:
        steered.load("a", 95)
        steered.wait_entry("b")
        with_old = len(old.got["a"])
        wait_for(lambda: len(old.got["a"]) > with_old + 50, "old flow stays at a")
        assert not old.lost() and not old.got["b"]
    with steered.udp("a", "b", pps=500) as new:
        wait_for(lambda: len(new.got["b"]) > 50, "new flow goes to b")
        assert not new.lost() and not new.got["a"]


def test_dead_instance_loses_its_flows(steered):
    with steered.udp("a", "b", pps=500) as flow:
        status, _ = steered.call("pe", "PATCH", f"/v1/services/{SERVICE}/instances/a/status",
                                 {"state": "down"})
        assert status == 204
        wait_for(lambda: len(flow.got["b"]) > 50, "flow moves to b")
        assert not flow.lost()


def test_stopped_sand_forwards_on_and_unload_removes(steered):
    with steered.udp("a", pps=500) as flow:
        steered.stop("pe")
        seen = len(flow.got["a"])
        wait_for(lambda: len(flow.got["a"]) > seen + 100, "forwarding without sand")
        assert not flow.lost()
    pe = steered.lab.ns("pe")
    status, log = steered.refuse("pe", "--unload")
    assert status == 0, log
    assert not steered.routes(5300)
    assert not [r for r in pe.ip_json("-6", "rule", "show") if r["priority"] == 1000]
    assert "xdp" not in pe.link("acc0")


def test_kernel_route_goes_to_the_same_instance(steered):
    """What XDP passes (a fragmented datagram) arrives at the selected instance by the kernel."""
    sid = steered.register("a")
    wait_for(lambda: [(r["encap"], r["segs"]) for r in steered.routes(5300)] == [("seg6", [sid])], "kernel route")
    with steered.udp("a", "b", pps=50) as flow:
        sender = flow.socket("client")
        sender.setsockopt(socket.IPPROTO_IPV6, 59, san_option(SERVICE))  # IPV6_DSTOPTS
        for i in range(20):
            sender.sendto(struct.pack("!Q", 10 ** 6 + i) + bytes(4000), (ADDRESS, 5000))
        wait_for(lambda: {10 ** 6 + i for i in range(20)} <= flow.got["a"], "fragments at a")
        sender.close()
        assert not flow.lost() and not flow.got["b"]
    assert steered.reasons()["fragment_hit"] >= 20


def test_map_dump_names_fields(steered):
    entry = map_dump(steered.map_path("pe", "san_services"))[0]
    assert entry["key"] == {"service_id": 0x101}
    assert entry["value"]["mode"] == 1 and entry["value"]["nexthop"] > 0


# --- what is refused -------------------------------------------------------------------------------------
def test_configuration_error_touches_nothing(net):
    status, log = net.refuse("pe", config=PE.replace("role: ingress", "role: ingres"))
    assert status == 78
    assert "pe.yaml:5" in log and "/interfaces/0/role" in log and "ingres" in log, log
    assert not os.path.exists(net.lab.pins[-1])
    assert not net.routes(5300)


def test_missing_interface_is_named(net):
    status, log = net.refuse("pe", config=PE.replace("acc0", "acc9"))
    assert status == 78 and "acc9" in log, log
    assert "xdp" not in net.lab.ns("pe").link("core0")


def test_second_sand_names_the_first(steered):
    first = steered.daemons["pe"].pid
    status, log = steered.refuse("pe", pins="other")
    assert status == 75 and f"pid {first}" in log and "network namespace" in log, log
    status, log = steered.refuse("client", config="name: other\n", pins="pe")
    assert status == 75 and f"pid {first}" in log and "pin directory" in log, log


def test_truncated_database_is_refused_and_reset_offered(steered):
    steered.stop("pe")
    path = f"{steered.directory('pe')}/db/data.mdb"
    os.truncate(path, 3 * 4096)  # the tail of the file is room, not data
    status, log = steered.refuse("pe")
    assert status == 78 and "--reset" in log, log
    os.truncate(path, 10)
    status, log = steered.refuse("pe")
    assert status == 78 and "--reset" in log, log


def test_restart_keeps_what_was_registered(steered):
    steered.stop("pe")
    steered.start("pe")
    steered.wait_entry("a")
    status, answer = steered.call("pe", "GET", f"/v1/services/{SERVICE}/instances")
    assert status == 200 and [i["name"] for i in answer["items"]] == ["a", "b"]


def test_privileges(steered):
    """Parent: three capabilities. Child: another user, none, and no way to new ones."""
    def status(pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    wanted = 1 << 12 | 1 << 38 | 1 << 39  # NET_ADMIN, PERFMON, BPF
    parent, child = status(steered.daemons["pe"].pid), status(steered.child("pe"))
    assert int(parent["CapPrm"], 16) == int(parent["CapEff"], 16) == wanted
    assert int(parent["CapBnd"], 16) == wanted
    assert int(child["CapPrm"], 16) == int(child["CapBnd"], 16) == 0
    assert child["NoNewPrivs"] == "1" and child["Seccomp"] == "2"
    assert child["Uid"].split()[0] != "0"
