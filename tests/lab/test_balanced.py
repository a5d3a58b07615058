# SPDX-License-Identifier: GPL-2.0-or-later
"""Balanced services: shares by weight, flows that stay, draining and dead instances; and steering in
two levels, by the gateway's XDP program and by its kernel."""

import pytest

from dual import ADDRESS4, CLASSES, SERVICE4, SITES, Dual, gw_config, pe_config, service
from netns import wait_for
from steering import ADDRESS, SERVICE

LOADS = {"a": 10, "b": 40, "c": 70}  # weights 900, 600, 300
SHARES = {"a": 1 / 2, "b": 1 / 3, "c": 1 / 6}
FLOWS = 6000
TOLERANCE = 0.03  # four standard deviations of so many flows, and more
SAN_SID = "5f00:0:2::5a"


def balanced(affinity, **members):
    return pe_config(service(SERVICE, address=ADDRESS, selection="balanced", affinity=affinity,
                             **members), classes="",
                     maps="services: 64, nexthops: 64, flows: 32768")


def members(net):
    return {m["instance"]: m["weight"] for m in net.entry_of().get("members", [])}


def begin(net, affinity, **more):
    net.begin(balanced(affinity, **more))
    for name, load in LOADS.items():
        net.enroll(name, load=load)
    wait_for(lambda: len(members(net)) == 3 and net.settled(), "three members")


@pytest.fixture(name="net")
def sites():
    with Dual("balanced") as net:
        yield net


def spread(net, port=5000):
    """One round of many flows: which went where, as sets of bits."""
    with net.fast(*SITES, service=SERVICE, flows=FLOWS, count=2 * FLOWS, port=port) as flow:
        flow.finished()
        assert not flow.lost()
        where = {name: flow.at[name].ports() for name in SITES}
    assert sum(ports.bit_count() for ports in where.values()) == FLOWS, "a flow at two instances"
    return where


def test_shares_follow_weights_and_flows_stay(net):
    begin(net, "hash")
    weights = members(net)
    assert weights == {"a": 900, "b": 600, "c": 300}
    first = spread(net)
    for name, ports in first.items():
        assert abs(ports.bit_count() / FLOWS - SHARES[name]) < TOLERANCE, name
    assert spread(net) == first
    # Stateless, and still: what was not c's stays where it is when c goes, and when it is back.
    net.status("c", state="down")
    wait_for(lambda: len(members(net)) == 2 and net.settled(), "two members")
    second = spread(net)
    for name in "ab":
        assert first[name] & second[name] == first[name], name
    assert second["c"] == 0
    net.stop("pe")
    net.start("pe")
    net.settled()
    assert spread(net) == second, "a restart moves nothing"


def test_by_source_address_all_flows_go_together(net):
    begin(net, "hash", affinity_key="source")
    where = [ports.bit_count() for ports in spread(net).values()]
    assert sorted(where) == [0, 0, FLOWS]


def test_without_affinity_packets_spread(net):
    begin(net, "none")
    with net.fast(*SITES, service=SERVICE, count=FLOWS) as flow:  # one flow
        flow.finished()
        assert not flow.lost()
        for name in SITES:
            assert abs(flow.at[name].count() / FLOWS - SHARES[name]) < TOLERANCE, name


def test_draining_keeps_flows_and_dead_loses_them(net):
    begin(net, "flow")
    old = net.fast(*SITES, service=SERVICE, flows=500, pps=5000)
    with old:
        old.arrives(more=1500)
        at_b = old.at["b"].ports()
        assert at_b.bit_count() > 50
        net.status("b", state="draining")
        wait_for(lambda: "b" not in members(net) and net.settled(), "b drains")
        with net.fast(*SITES, service=SERVICE, flows=500, count=1500, port=5001) as new:
            new.finished()
            assert not new.lost()
            assert not new.at["b"].count() and new.at["a"].count() and new.at["c"].count()
        old.arrives("b", 1000)
        assert old.at["b"].ports() == at_b
        moved = net.reasons()["flow_moved"]
        net.status("b", state="down")
        # Each flow of b's is told once that its instance is gone, and goes on elsewhere.
        wait_for(lambda: net.reasons()["flow_moved"] - moved == at_b.bit_count(), "flows moved")
        wait_for(lambda: not grows(old, "b"), "nothing goes to b any more")
        assert not old.lost()


def grows(flow, name):
    before = flow.at[name].count()
    flow.arrives(more=500)
    return flow.at[name].count() > before


# --- two levels ----------------------------------------------------------------------------------
TWO_LEVELS = (service(SERVICE, address=ADDRESS, steering="gateway")
              + service(SERVICE4, address4=ADDRESS4, steering="gateway"))


@pytest.fixture(name="two", params=["xdp", "kernel"])
def two_levels(request):
    san = f', san_sid: "{SAN_SID}"'
    with Dual("levels") as net:
        net.begin(pe_config(TWO_LEVELS, gateway=san),
                  gw_config(san, f"dataplane: {{egress: {request.param}}}\nservices:\n{TWO_LEVELS}"
                            + CLASSES))
        for number, version in ((SERVICE, 6), (SERVICE4, 4)):
            for name, load in (("a", 10), ("b", 50)):
                net.enroll(name, number, load=load, version=version, sid=False)
        net.settled()
        assert net.entry_of()["nexthop"]["segments"] == [SAN_SID]
        net.egress = request.param
        yield net


def local_instance(net, number=SERVICE):
    local = net.call("gw", "GET", f"/v1/entries/{number}")[1].get("local") or {}
    if local.get("applied_generation", 0) < local.get("desired_generation", 1):
        return None
    return (local.get("nexthop") or {}).get("address")


def all_to(net, name, **how):
    with net.fast("a", "b", count=2000, pps=10000, **how) as flow:
        flow.finished()
        assert not flow.lost()
        assert flow.at[name].count() == 2000


def test_gateway_chooses_the_instance(two):
    kind = {"xdp": "local", "kernel": "kernel_sid"}[two.egress]
    before = two.reasons("gw")[kind]
    for name, load in (("a", 10), ("b", 90)):
        two.status("a", host="gw", cpu_load=load)
        wait_for(lambda n=name: local_instance(two) == two.address_of(n), f"{name} at the gateway")
        all_to(two, name, service=SERVICE)
        all_to(two, name)  # by the classifier
    assert two.reasons("gw")[kind] - before == 8000
    assert two.entry_of()["nexthop"]["segments"] == [SAN_SID]


def test_gateway_chooses_for_ipv4(two):
    if two.egress == "kernel":
        pytest.skip("the kernel's End.DT6 takes IPv6 only, End.DT4 needs VRF")
    for name, load in (("a", 10), ("b", 90)):
        two.status("a", SERVICE4, host="gw", cpu_load=load)
        wait_for(lambda n=name: local_instance(two, SERVICE4) == two.address_of(n, 4),
                 f"{name} at the gateway")
        all_to(two, name, address=ADDRESS4)
