# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing is lost: crashes, upgrades to other map sizes, changes of selection at 20,000 packets a
second; links that flap, interfaces that are made anew. SAND_SOAK=1: the same in large numbers."""

import os
import signal

import pytest

from dual import SOAK, Dual, pe_config
from netns import wait_for
from steering import SERVICE

KILLS = 1000 if SOAK else 20
UPGRADES = 200 if SOAK else 10
FLIPS = 10000 if SOAK else 300
ARRIVE = 20  # packets at least where a flip leads
FLAPS = 100
CHILD_KILLS = 4  # more in a row meet the back-off: test_follow.py
SMALL = "services: 64, nexthops: 64, flows: 1024"
LARGE = "services: 256, nexthops: 128, flows: 4096, slots: 4096, fragments: 512"


@pytest.fixture(name="net")
def steered_net():
    with Dual("hitless") as net:
        net.begin()
        for name, load in (("a", 10), ("b", 50)):
            net.enroll(name, load=load)
        net.settled("a")
        yield net


def test_parent_killed(net):
    with net.fast("a", "b", service=SERVICE) as flow:
        for _ in range(KILLS):
            net.daemons["pe"].kill()
            net.daemons["pe"].wait()
            flow.arrives("a")
            net.start("pe")
        net.settled("a")
        lost = flow.lost()
        print(f"{KILLS} kills, {flow.sent()} sent, {lost} lost")
        assert not lost and not flow.at["b"].count()


def test_upgrades_to_and_fro(net):
    sizes = (LARGE, SMALL)
    with net.fast("a", "b", service=SERVICE) as flow:
        for number in range(UPGRADES):
            net.stop("pe")
            net.start("pe", config=pe_config(maps=sizes[number % 2]))
            used = {m["map"]: m["size"] for m in net.call("pe", "GET", "/v1/stats")[1]["maps"]}
            assert used["san_services"] == (256, 64)[number % 2]
        net.settled("a")
        lost = flow.lost()
        print(f"{UPGRADES} upgrades, {flow.sent()} sent, {lost} lost")
        assert not lost and not flow.at["b"].count()


def flip(net, flow, best, dwell):
    """dwell: until it is in force, and packets arrive where it leads."""
    net.status("a", cpu_load=70 if best == "b" else 10)
    wait_for(lambda: net.entry_of().get("instance") == best, f"{best} selected")
    if dwell:
        net.settled(best)
        flow.arrives(best, ARRIVE)


def test_selection_flips(net):
    """No packet goes to an instance that no generation named, although next hops come and go and
    their indexes are used again. Two flips are as fast as they can be, two go all the way."""
    net.enroll("c", load=90)
    with net.fast("a", "b", "c", service=SERVICE) as flow:
        for number in range(FLIPS):
            if number % 10 == 5:
                net.call("pe", "DELETE", f"/v1/services/{SERVICE}/instances/c")
            if number % 10 == 9:
                net.enroll("c", load=90)
            flip(net, flow, "ba"[number % 2], number % 4 >= 2)
        lost = flow.lost()
        print(f"{FLIPS} flips, {flow.sent()} sent, {lost} lost, {flow.at['b'].count()} at b")
        assert not lost
        assert not flow.at["c"].count()
        for name in "ab":
            assert flow.at[name].count() >= FLIPS // 4 * ARRIVE, name


def test_child_killed(net):
    """The deciding process dies while packets flow: nobody sees it."""
    with net.fast("a", "b", service=SERVICE) as flow:
        for _ in range(CHILD_KILLS):
            before = net.child("pe")
            os.kill(before, signal.SIGKILL)
            wait_for(lambda b=before: net.child("pe") not in (None, b) and net.ready("pe"),
                     "new child")
            net.settled("a")
        assert not flow.lost() and not flow.at["b"].count()


# --- links ----------------------------------------------------------------------------------------
def steered(net, flow):
    """XDP carries the flow again."""
    wait_for(lambda: net.settled("a"), "settled")
    before = net.reasons()["forwarded"]
    wait_for(lambda: net.reasons()["forwarded"] > before + 20, "steered by XDP", 20)
    flow.arrives("a")


def test_interfaces_flap(net):
    pe = net.lab.ns("pe")
    back = {"core0": ("addr replace 2001:db8:1::1/64 dev core0 nodad",
                      "addr replace 10.1.0.1/24 dev core0",
                      "route replace default via 2001:db8:1::2"),
            "acc0": ("addr replace 2001:db8:c::1/64 dev acc0 nodad",
                     "addr replace 10.0.0.1/24 dev acc0")}
    with net.fast("a", service=SERVICE, pps=2000) as flow:
        for number in range(FLAPS):
            name = ("core0", "acc0")[number % 2]
            pe.ip(f"link set {name} down", f"link set {name} up", *back[name])
            if number % 20 == 19:
                steered(net, flow)
        steered(net, flow)
    for name in back:
        assert "xdp" in pe.link(name), name


def test_interfaces_made_anew(net):
    client, pe, gw = (net.lab.ns(h) for h in ("client", "pe", "gw"))
    for _ in range(3):
        pe.ip("link del core0", "link del acc0")
        net.lab.veth(client, "eth0", pe, "acc0")
        net.lab.veth(pe, "core0", gw, "core0", mtu=2000)
        client.ip("addr add 2001:db8:c::2/64 dev eth0 nodad", "route add default via 2001:db8:c::1")
        pe.ip("addr add 2001:db8:c::1/64 dev acc0 nodad", "addr add 2001:db8:1::1/64 dev core0 nodad",
              "route add default via 2001:db8:1::2")
        gw.ip("addr add 2001:db8:1::2/64 dev core0 nodad", "route add default via 2001:db8:1::1")
        wait_for(lambda: "xdp" in pe.link("acc0") and "xdp" in pe.link("core0")
                 and "xdp" in gw.link("core0"), "attached")
        with net.fast("a", service=SERVICE, pps=2000) as flow:
            steered(net, flow)
