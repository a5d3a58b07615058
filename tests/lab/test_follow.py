# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon follows the network under it, and repairs what other hands change."""

import json
import os
import signal
import socket
import time

import pytest

from netns import run, wait_for
from steering import ADDRESS, PE, SERVICE, Steering, san_option


@pytest.fixture(name="net")
def steered_net():
    with Steering("follow") as net:
        net.start("gw")
        net.start("pe")
        for name in ("a", "b"):
            net.register(name)
        net.wait_entry("a")
        wait_for(lambda: hop(net)["state"] == "resolved", "next hop resolved")
        yield net


def hop(net):
    return net.entry()["nexthop"]


def reasons(net):
    return net.reasons()


def repaired(net):
    return net.call("pe", "GET", "/v1/status")[1]["plan"]["repaired"]


def moves(net, flow, name="a"):
    """Datagrams go on arriving."""
    seen = len(flow.got[name])
    wait_for(lambda: len(flow.got[name]) > seen + 50, f"traffic at {name}")


def steered(net, flow):
    """... and XDP carries them."""
    def by_xdp():
        counted = reasons(net)
        return counted["forwarded"] + counted["flow_hit"]
    before = by_xdp()
    moves(net, flow)
    wait_for(lambda: by_xdp() > before + 20, "steered by XDP")


# --- neighbours and links ------------------------------------------------------------------------------
def test_neighbour_changes_its_address(net):
    net.lab.ns("gw").sysctl(net__ipv6__conf__core0__ndisc_notify=1)
    with net.udp("a", pps=500) as flow:
        net.lab.ns("gw").ip("link set core0 address 02:00:00:00:00:77")
        wait_for(lambda: hop(net).get("mac") == "02:00:00:00:00:77", "new MAC")
        steered(net, flow)


def test_own_interfaces_change_their_address(net):
    with net.udp("a", pps=500) as flow:
        net.lab.ns("client").sysctl(net__ipv6__conf__eth0__ndisc_notify=1)
        net.lab.ns("pe").sysctl(net__ipv6__conf__acc0__ndisc_notify=1)
        net.lab.ns("pe").ip("link set acc0 address 02:00:00:00:00:99")
        steered(net, flow)


def test_neighbour_gone_and_back(net):
    pe = net.lab.ns("pe")
    with net.udp("a", pps=500) as flow:
        net.lab.ns("gw").ip("link set core0 down")
        wait_for(lambda: hop(net)["state"] == "unresolved", "unresolved")
        assert hop(net)["reason"]
        before = reasons(net)["nh_unresolved"]
        wait_for(lambda: reasons(net)["nh_unresolved"] > before, "passed to the kernel")
        net.lab.ns("gw").ip("link set core0 up", "addr replace 2001:db8:1::2/64 dev core0 nodad",
                            "route replace default via 2001:db8:1::1")
        wait_for(lambda: hop(net)["state"] == "resolved", "resolved again", 20)
        steered(net, flow)
    assert pe.link("core0")["operstate"] == "UP"


def test_core_link_down_and_up(net):
    pe = net.lab.ns("pe")
    with net.udp("a", pps=500) as flow:
        pe.ip("link set core0 down")
        wait_for(lambda: hop(net)["state"] == "unresolved", "unresolved")
        pe.ip("link set core0 up", "addr replace 2001:db8:1::1/64 dev core0 nodad",
              "route replace default via 2001:db8:1::2")
        wait_for(lambda: hop(net)["state"] == "resolved", "resolved again", 20)
        steered(net, flow)
        wait_for(lambda: net.routes(5300), "kernel route is back")


def test_core_interface_made_anew(net):
    pe, gw = net.lab.ns("pe"), net.lab.ns("gw")
    with net.udp("a", pps=500) as flow:
        pe.ip("link del core0")
        wait_for(lambda: hop(net)["state"] == "unresolved", "unresolved")
        net.lab.veth(pe, "core0", gw, "core0", mtu=2000)
        pe.ip("addr add 2001:db8:1::1/64 dev core0 nodad", "route add default via 2001:db8:1::2")
        gw.ip("addr add 2001:db8:1::2/64 dev core0 nodad", "route add default via 2001:db8:1::1")
        wait_for(lambda: "xdp" in pe.link("core0"), "program attached")
        wait_for(lambda: hop(net)["state"] == "resolved", "resolved again", 20)
        steered(net, flow)
        wait_for(lambda: net.routes(5300), "kernel route is back")


def test_access_interface_made_anew(net):
    pe, client = net.lab.ns("pe"), net.lab.ns("client")
    pe.ip("link del acc0")
    wait_for(lambda: not interface(net, "acc0")["ifindex"], "interface gone")
    net.lab.veth(client, "eth0", pe, "acc0")
    client.ip("addr add 2001:db8:c::2/64 dev eth0 nodad", "route add default via 2001:db8:c::1")
    pe.ip("addr add 2001:db8:c::1/64 dev acc0 nodad")
    wait_for(lambda: interface(net, "acc0")["attached"] != "no", "attached again")
    with net.udp("a", pps=500) as flow:
        steered(net, flow)


def interface(net, name):
    items = net.call("pe", "GET", "/v1/status")[1]["interfaces"]
    return next(i for i in items if i["name"] == name)


def test_lower_mtu_is_followed(net):
    """Too big for the core: not steered by XDP any more."""
    with net.udp("a", pps=50) as flow:
        net.lab.ns("pe").ip("link set core0 mtu 1400")
        wait_for(lambda: hop(net).get("mtu") == 1400, "MTU followed")
        sock = flow.socket("client")
        sock.setsockopt(socket.IPPROTO_IPV6, 59, san_option(SERVICE))  # IPV6_DSTOPTS
        sock.sendto(bytes(1400), (ADDRESS, 5000))
        wait_for(lambda: reasons(net)["too_big"] > 0, "counted")
        sock.close()


# --- other hands ---------------------------------------------------------------------------------------
def test_repairs_kernel_tables(net):
    pe = net.lab.ns("pe")
    before = repaired(net)
    pe.ip(f"route del {ADDRESS}/128 table 5300")
    pe.run("ip", "-6", "rule", "del", "priority", "1000")
    wait_for(lambda: net.routes(5300) and
             [r for r in pe.ip_json("-6", "rule", "show") if r["priority"] == 1000], "route and rule")
    wait_for(lambda: repaired(net) >= before + 2, "counted")


def test_repairs_a_sid(net):
    sid = net.register("a")
    gw = net.lab.ns("gw")
    gw.ip(f"route del {sid}/128")
    wait_for(lambda: sid in gw.run("ip", "-6", "route", "show", "table", "all"), "SID is back")


def test_repairs_a_map_entry(net):
    before = repaired(net)
    path = net.map_path("pe", "san_services")
    key = json.loads(run("bpftool", "-j", "map", "dump", "pinned", path))[0]["key"]
    run("bpftool", "map", "delete", "pinned", path, "key", "hex", *(k[2:] for k in key))
    wait_for(lambda: repaired(net) > before, "counted")
    assert json.loads(run("bpftool", "-j", "map", "dump", "pinned", path))


def test_foreign_route_is_left_alone(net):
    pe = net.lab.ns("pe")
    pe.ip(f"route replace {ADDRESS}/128 dev core0 table 5300 proto static metric 1024")
    net.load("a", 95)
    net.wait_entry("b")
    assert [r for r in net.routes(5300) if r.get("protocol") == "static"]
    assert not [r for r in net.routes(5300) if r.get("encap") == "seg6"]


# --- processes -----------------------------------------------------------------------------------------
def test_child_killed_into_back_off(net):
    for _ in range(6):
        before = wait_for(lambda: net.child("pe"), "child")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: net.child("pe") not in (None, before), "new child")
    wait_for(lambda: net.ready("pe"), "ready")
    keeper = int(open(f"/proc/{net.daemons['pe'].pid}/task/{net.daemons['pe'].pid}/children",
                      encoding="utf-8").read())
    children = open(f"/proc/{keeper}/task/{keeper}/children", encoding="utf-8").read().split()
    assert len(children) == 1
    net.wait_entry("a")


def test_stop_while_the_child_hangs(net):
    child, parent = net.child("pe"), net.daemons["pe"]
    os.kill(child, signal.SIGSTOP)
    net.daemons.pop("pe")
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(8) == 1
    wait_for(lambda: not os.path.exists(f"/proc/{child}"), "child gone")
    assert "does not stop" in net.log("pe")


def test_stop_in_back_off(net):
    parent = net.daemons.pop("pe")
    for _ in range(5):
        before = wait_for(lambda: child_of(net, parent), "child")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: child_of(net, parent) != before, "child gone")
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(4) == 0


def child_of(net, parent):
    net.daemons["pe"] = parent
    try:
        return net.child("pe")
    finally:
        net.daemons.pop("pe")


def test_notifies_readiness(net):
    net.stop("pe")
    path = f"{net.run_dir}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        os.chmod(path, 0o777)
        sock.settimeout(10)
        os.environ["NOTIFY_SOCKET"] = path
        try:
            net.start("pe")
        finally:
            del os.environ["NOTIFY_SOCKET"]
        assert sock.recv(100) == b"READY=1"
        net.stop("pe")
        assert sock.recv(100) == b"STOPPING=1"


def test_unload_resets_the_tunnel_source(net):
    pe = net.lab.ns("pe")
    assert "5f00:0:a::1" in pe.run("ip", "sr", "tunsrc", "show")
    net.stop("pe")
    status, log = net.refuse("pe", "--unload")
    assert status == 0, log
    assert "5f00:0:a::1" not in pe.run("ip", "sr", "tunsrc", "show")


def test_two_thousand_services(net):
    config = PE.replace("services: 64", "services: 4096")
    net.stop("pe")
    assert net.refuse("pe", "--unload")[0] == 0
    net.start("pe", config=config)
    begin = time.monotonic()
    for number in range(2000):
        sid = 0x1000 + number
        status, answer = net.call("pe", "PUT", f"/v1/services/{sid:#x}", {
            "id": sid, "address": f"2001:db8:6::{number + 1:x}",
            "evaluation": [{"attribute": "delay_us", "curve": {"ramp": [0, 100000]}}]})
        assert status in (200, 201), answer
    wait_for(lambda: len(net.routes(5300)) >= 2001, "all routes", 30)
    print(f"2,000 services in {time.monotonic() - begin:.1f} s")
    net.stop("pe")
    begin = time.monotonic()
    net.start("pe", config=config)
    net.wait_entry("a")
    print(f"restart in {time.monotonic() - begin:.1f} s")
    assert len(net.routes(5300)) >= 2001
