# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways through the SRv6 core: segment lists over End SIDs that sand programmed, End.DT6, two services."""

import pytest

from netns import wait_for
from steering import ADDRESS, GW, PE, SERVICE, Steering

RELAY = ["5f00:0:2::e1", "5f00:0:2::e2", "5f00:0:2::e3", "5f00:0:2::e4"]  # End SIDs, here on gw itself
DT6 = "5f00:0:2::d6"
SECOND = "0x102"
SIDS = "sids: [" + ", ".join([f'{{sid: "{sid}", behaviour: End}}' for sid in RELAY]
                             + [f'{{sid: "{DT6}", behaviour: End.DT6}}']) + "]\n"
OTHER = """
  - id: 0x102
    address: 2001:db8:5::102
    evaluation: [{attribute: cpu_load, curve: {ramp: [0, 100]}}]
    hysteresis: {margin: 0, hold_ms: 0}
    freshness: {max_age_ms: 3600000}
gateways:"""


@pytest.fixture(name="net")
def steering():
    with Steering("paths") as net:
        net.configs["gw"] = GW + SIDS
        net.configs["pe"] = PE.replace("\ngateways:", OTHER)
        net.start("gw")
        net.start("pe")
        yield net


def put_path(net, name, segments, encap):
    """A policy path that is better than the best-effort one."""
    body = {"kind": "policy", "segments": segments, "encap": encap}
    assert net.call("pe", "PUT", f"/v1/paths/pe/gw/{name}", body)[0] == 201
    assert net.call("pe", "PATCH", f"/v1/network/pe/gw/{name}", {"delay_us": 100})[0] == 204


@pytest.mark.parametrize("encap", ["encap.red", "encap"])
@pytest.mark.parametrize("relays", [1, 2, 4])
def test_segment_list_over_end_sids(net, relays, encap):
    sid = net.register("a")
    put_path(net, "policy", RELAY[:relays], encap)
    wait_for(lambda: net.entry()["path"] == "policy", "the policy path is chosen")
    net.wait_entry("a")
    assert net.entry()["nexthop"]["segments"] == RELAY[:relays] + [sid]
    # a route that is replaced follows the answer to the plan
    wait_for(lambda: net.routes(5300)[0]["segs"] == RELAY[:relays] + [sid], "kernel route over the policy")
    with net.udp("a", pps=500) as flow:
        wait_for(lambda: len(flow.got["a"]) > 100, "datagrams over the policy")
        assert not flow.lost()


def test_dt6_looks_the_inner_address_up(net):
    """An instance that is reached by the gateway's own table instead of a cross-connect."""
    net.lab.ns("gw").ip(f"route add {ADDRESS} via 2001:db8:2b::2")
    body = {"gateway": "gw", "address": "2001:db8:2b::2", "sid": DT6, "attributes": {"cpu_load": 1}}
    assert net.call("pe", "PUT", f"/v1/services/{SERVICE}/instances/b", body)[0] == 201
    net.wait_entry("b")
    with net.udp("b", pps=500) as flow:
        wait_for(lambda: len(flow.got["b"]) > 100, "datagrams by End.DT6")
        assert not flow.lost()


def test_two_services_choose_for_themselves(net):
    for name in ("a", "b"):
        sid = net.register(name)
        body = {"gateway": "gw", "address": f"2001:db8:2{name}::2", "sid": sid,
                "attributes": {"cpu_load": 80 if name == "a" else 5}}
        assert net.call("pe", "PUT", f"/v1/services/{SECOND}/instances/{name}", body)[0] == 201
    net.wait_entry("a")
    wait_for(lambda: net.call("pe", "GET", f"/v1/entries/{SECOND}")[1]["instance"] == "b",
             "the second service at b")
    other = net.call("pe", "GET", f"/v1/entries/{SECOND}")[1]
    wanted = {ADDRESS: net.entry()["nexthop"]["segments"], "2001:db8:5::102": other["nexthop"]["segments"]}
    wait_for(lambda: {r["dst"]: r["segs"] for r in net.routes(5300)} == wanted, "two kernel routes")
    with net.udp("a", "b", pps=500) as flow:
        wait_for(lambda: len(flow.got["a"]) > 100, "the first service at a")
        assert not flow.lost() and not flow.got["b"]


def test_route_to_the_locator_moves_to_another_link(net):
    """The routing protocol found another way: next hop, dataplane and traffic follow it."""
    net.register("a")
    net.wait_entry("a")
    pe, gw = net.lab.ns("pe"), net.lab.ns("gw")
    net.lab.veth(pe, "spare0", gw, "spare0", mtu=2000)
    pe.ip("addr add 2001:db8:7::1/64 dev spare0 nodad")
    gw.ip("addr add 2001:db8:7::2/64 dev spare0 nodad")
    with net.udp("a", pps=500) as flow:
        pe.ip("route add 5f00:0:2::/48 via 2001:db8:7::2")
        wait_for(lambda: "no role" in net.entry()["nexthop"]["reason"], "spare0 has no role")
        seen = len(flow.got["a"])  # no role, so XDP leaves it to the kernel, which goes there too
        wait_for(lambda: len(flow.got["a"]) > seen + 100, "datagrams over the spare link")
        pe.ip("route del 5f00:0:2::/48 via 2001:db8:7::2")
        wait_for(lambda: net.entry()["nexthop"]["interface"] == "core0", "back at core0")
        assert not flow.lost()
