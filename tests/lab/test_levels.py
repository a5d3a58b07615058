# SPDX-License-Identifier: GPL-2.0-or-later
"""Two levels over one database: the gateway says what its instances offer as a whole, the ingress
chooses the gateway by it, and the gateway the instance."""

import time

import pytest

from netns import wait_for
from steering import GW, PE, SERVICE, Steering

URL = "[2001:db8:1::2]:2379"  # gw's
SAN_SID = "5f00:0:2:5a::"
SITE_IFACES = ", ".join(f"{{name: to_{name}, role: ingress}}" for name in ("a", "b"))
GATEWAY = (GW.replace("name: gw\n", "name: gw\nsource: 5f00:0:2::a\n").replace('sid: "5f00:0:2::1"', f'sid: "5f00:0:2::1", san_sid: "{SAN_SID}"')
           .replace("{name: core0, role: core}", f"{{name: core0, role: core}}, {SITE_IFACES}")
           + f"database: {{listen: ['{URL}'], lease_ttl_s: 2, insecure: true}}\n")
INGRESS = (PE.replace("    affinity: flow", "    affinity: flow\n    steering: gateway")
           .replace('gateways: [{name: gw, locator: "5f00:0:2::/48"}]\n', "")
           + f"database: {{endpoints: ['http://{URL}'], lease_ttl_s: 2}}\n")


@pytest.fixture(name="net")
def both():
    with Steering("levels") as net:
        net.configs = {"gw": GATEWAY, "pe": INGRESS}
        for name in ("a", "b"):  # takes what XDP sends there
            net.lab.ns(name).run("ethtool", "-K", "eth0", "gro", "on")
        yield net


def start(net, max_age_ms=3600000):
    net.start("gw")
    net.start("pe", config=INGRESS.replace("max_age_ms: 3600000", f"max_age_ms: {max_age_ms}"))


def put(net, name, cpu=1):
    status, answer = net.call("gw", "PUT", f"/v1/services/{SERVICE}/instances/{name}", {
        "gateway": "gw", "address": f"2001:db8:2{name}::2",
        "attributes": {"site_delay_us": {"a": 1000, "b": 9000}[name], "cpu_load": cpu}})
    assert status in (200, 201), answer


def explain(net, host="pe"):
    return net.call(host, "GET", f"/v1/services/{SERVICE}/explain")[1]


def candidates(net):
    return {c["instance"]: c for c in explain(net)["candidates"]}


def history(net, host):
    return net.call(host, "GET", f"/v1/services/{SERVICE}/history")[1]["items"]


def keep_fresh(net, **cpu):
    for name, value in cpu.items():
        net.call("gw", "PATCH", f"/v1/services/{SERVICE}/instances/{name}/status",
                 {"cpu_load": value, "site_delay_us": {"a": 1000, "b": 9000}[name]})


def test_ingress_sees_the_whole(net):
    start(net)
    put(net, "a")
    put(net, "b")
    net.wait_entry("@gw")
    assert list(candidates(net)) == ["@gw"], "the instances do not count for themselves"
    wait_for(lambda: explain(net, "gw")["local"]["selected"]["instance"] == "a", "gateway chose a")
    with net.udp("a", "b", pps=500) as flow:
        wait_for(lambda: len(flow.got["a"]) > 50, "traffic at a")
        assert not flow.got["b"]
        # an overload inside the site: the gateway moves, the ingress does not
        before = len(history(net, "pe"))
        keep_fresh(net, a=90, b=1)
        wait_for(lambda: explain(net, "gw")["local"]["selected"]["instance"] == "b", "gateway chose b")
        assert len(history(net, "pe")) == before
        scopes = {change["scope"] for change in history(net, "gw")}
        assert "local" in scopes
    # nothing satisfies: the ingress hears of it
    keep_fresh(net, a=90, b=90)
    wait_for(lambda: not explain(net)["selected"], "nothing left")
    gate = candidates(net)["@gw"]["gate"]
    assert gate["kind"] == "no_instance", gate
    keep_fresh(net, a=1, b=1)
    net.wait_entry("@gw")


def test_told_again_while_values_are(net):
    """Refreshed as long as the instances are; gone when they are."""
    start(net, 5000)
    put(net, "a")
    net.wait_entry("@gw")
    end = time.monotonic() + 7  # beyond max_age
    while time.monotonic() < end:
        keep_fresh(net, a=1)
        assert explain(net)["selected"]["instance"] == "@gw"
        time.sleep(0.5)
    wait_for(lambda: candidates(net)["@gw"]["gate"], "no values any more: no instance")
    net.call("gw", "DELETE", f"/v1/services/{SERVICE}/instances/a")
    wait_for(lambda: not candidates(net), "aggregate withdrawn")


def test_gone_with_the_gateway(net):
    """The aggregate lies under the gateway's lease, and is said again by its next life."""
    start(net)
    put(net, "a")
    net.wait_entry("@gw")
    net.stop("gw")
    net.start("gw")
    wait_for(lambda: net.call("pe", "GET", "/v1/status")[1]["stale"] is False, "in sync")
    put(net, "a")
    net.wait_entry("@gw")
    assert list(candidates(net)) == ["@gw"]
