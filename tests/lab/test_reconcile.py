# SPDX-License-Identifier: GPL-2.0-or-later
"""What other hands change under the real sand is found, mended and counted by kind; what is right is
not touched, not even by a restart."""

import json
import os
import signal
import subprocess
import time

import pytest

from netns import map_dump, run, wait_for
from steering import ADDRESS, Steering, UnixHTTP

ROUNDS = 500 if os.environ.get("SAND_SOAK") else 100
FLOOD = 4000  # routes: more notifications than a socket of 4 MiB holds
AUDIT_S = 30  # an audit comes every 5 s
AT_ONCE_S = 4  # mostly before the next one; that a notification is enough: tests/unit/ncc


@pytest.fixture(name="net", scope="module")
def steered_net():
    with Steering("reconcile") as net:
        net.start("gw")
        net.start("pe")
        for name in ("a", "b"):
            net.register(name)
        net.wait_entry("a")
        wait_for(lambda: net.entry()["nexthop"]["state"] == "resolved", "next hop resolved")
        wait_for(lambda: net.routes(5300), "kernel route")
        yield net


def samples(net, host, name):
    """Samples of one metric: labels -> value."""
    found = {}
    for line in metrics(net, host).splitlines():
        if line.startswith(name) and line[len(name)] in " {":
            labels, value = line[len(name):].rsplit(" ", 1)
            found[labels.strip("{}")] = float(value)
    return found


def metrics(net, host):
    conn = UnixHTTP(f"{net.directory(host)}/api.sock")
    try:
        conn.request("GET", "/metrics")
        return conn.getresponse().read().decode()
    finally:
        conn.close()


def repaired(net, kind, host="pe"):
    return samples(net, host, "sand_repaired_total")[f'kind="{kind}"']


def overruns(net):
    return samples(net, "pe", "sand_overruns_total")[""]


class Counted:
    """Within the block something of a kind is repaired, and nothing after it that was right."""

    def __init__(self, net, kind, host="pe"):
        self.net, self.kind, self.host = net, kind, host

    def __enter__(self):
        self.before = repaired(self.net, self.kind, self.host)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            wait_for(lambda: repaired(self.net, self.kind, self.host) > self.before,
                     f"{self.kind} counted", AUDIT_S)


# --- kernel tables: at once -----------------------------------------------------------------------------
def route(net):
    return [r for r in net.routes(5300) if r["dst"] == ADDRESS and r.get("protocol") == "90"]


def test_route_deleted(net):
    with Counted(net, "routes"):
        net.lab.ns("pe").ip(f"route del {ADDRESS}/128 table 5300")
        wait_for(lambda: route(net), "route is back", AT_ONCE_S)


def test_table_flushed(net):
    with Counted(net, "routes"):
        net.lab.ns("pe").run("ip", "-6", "route", "flush", "table", "5300")
        wait_for(lambda: route(net), "route is back", AT_ONCE_S)


def test_route_of_ours_that_nobody_wants(net):
    with Counted(net, "routes"):
        net.lab.ns("pe").ip("route add unreachable 2001:db8:5::777/128 table 5300 proto 0x5a")
        wait_for(lambda: not [r for r in net.routes(5300) if r["dst"].endswith("::777")],
                 "stray route is gone", AUDIT_S)


def test_route_replaced(net):
    """Somebody else's is left alone as long as it is there; then ours comes back."""
    pe = net.lab.ns("pe")
    pe.ip(f"route replace {ADDRESS}/128 dev core0 table 5300 proto static metric 1024")
    wait_for(lambda: not route(net), "replaced")
    time.sleep(0.5)
    assert not route(net)
    pe.ip(f"route del {ADDRESS}/128 table 5300 proto static")
    wait_for(lambda: route(net), "route is back", AUDIT_S)


def test_rule_deleted(net):
    pe = net.lab.ns("pe")
    with Counted(net, "rules"):
        pe.run("ip", "-6", "rule", "del", "priority", "1000")
        wait_for(lambda: [r for r in pe.ip_json("-6", "rule", "show") if r["priority"] == 1000],
                 "rule is back", AT_ONCE_S)


def test_sid_deleted(net):
    gw = net.lab.ns("gw")
    sid = net.register("a")
    with Counted(net, "sids", "gw"):
        gw.ip(f"route del {sid}/128")
        wait_for(lambda: sid in gw.run("ip", "-6", "route", "show", "table", "all"),
                 "SID is back", AT_ONCE_S)


# --- maps: with the audit -------------------------------------------------------------------------------
def raw(net, name):
    return json.loads(run("bpftool", "-j", "map", "dump", "pinned", net.map_path("pe", name)))


def bytes_of(item):
    return [b[2:] for b in item]


def test_entry_deleted(net):
    path = net.map_path("pe", "san_services")
    before = raw(net, "san_services")
    with Counted(net, "maps"):
        run("bpftool", "map", "delete", "pinned", path, "key", "hex", *bytes_of(before[0]["key"]))
        wait_for(lambda: raw(net, "san_services") == before, "entry is back", AUDIT_S)


def test_entry_changed(net):
    path = net.map_path("pe", "san_services")
    before = raw(net, "san_services")
    value = bytes_of(before[0]["value"])
    value[0] = f"{int(value[0], 16) ^ 1:02x}"
    with Counted(net, "maps"):
        run("bpftool", "map", "update", "pinned", path, "key", "hex", *bytes_of(before[0]["key"]),
            "value", "hex", *value)
        wait_for(lambda: raw(net, "san_services") == before, "entry is right again", AUDIT_S)


def test_entry_added(net):
    path = net.map_path("pe", "san_services")
    before = raw(net, "san_services")
    key = ["77"] * len(before[0]["key"])
    with Counted(net, "maps"):
        run("bpftool", "map", "update", "pinned", path, "key", "hex", *key,
            "value", "hex", *bytes_of(before[0]["value"]))
        wait_for(lambda: raw(net, "san_services") == before, "stray entry is gone", AUDIT_S)


def test_next_hop_changed(net):
    path = net.map_path("pe", "san_nexthops")
    index = net.entry()["nexthop"]["index"]
    before = raw(net, "san_nexthops")
    item = next(i for i in before if int.from_bytes(bytes.fromhex("".join(bytes_of(i["key"]))),
                                                    "little") == index)
    with Counted(net, "nexthops"):
        run("bpftool", "map", "update", "pinned", path, "key", "hex", *bytes_of(item["key"]),
            "value", "hex", *(["00"] * len(item["value"])))
        wait_for(lambda: raw(net, "san_nexthops") == before, "next hop is right again", AUDIT_S)


# --- restart --------------------------------------------------------------------------------------------
class Monitor:
    """What the kernel tells of routes and rules at pe."""

    def __init__(self, net):
        self.proc = net.lab.ns("pe").popen("ip", "-6", "monitor", "route", "rule",
                                           stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)

    def __enter__(self):
        return self

    def lines(self):
        time.sleep(0.3)
        self.proc.terminate()
        return self.proc.communicate(timeout=5)[0].splitlines()

    def __exit__(self, *_):
        self.proc.kill()
        self.proc.wait()


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_restart_touches_nothing_that_is_right(net, sig):
    pe = net.lab.ns("pe")
    maps = [raw(net, name) for name in ("san_services", "san_nexthops")]
    with Monitor(net) as monitor:
        net.stop("pe", sig)
        pe.ip("route add unreachable 2001:db8:5::777/128 table 5300 proto 0x5a")
        time.sleep(0.2)
        assert route(net)  # forwarding goes on
        net.start("pe")
        net.wait_entry("a")
        wait_for(lambda: not [r for r in net.routes(5300) if r["dst"].endswith("::777")],
                 "stale route is gone", AUDIT_S)
        lines = [line for line in monitor.lines() if "5300" in line or "0x5a" in line or "90" in line]
    ours = [line for line in lines if ADDRESS in line]
    assert not ours, lines
    assert [raw(net, name) for name in ("san_services", "san_nexthops")] == maps


# --- lost notifications ---------------------------------------------------------------------------------
def flood(net):
    """More changes than the socket holds while the parent does not read, ours among them."""
    verbs = [f"route {verb} unreachable 2001:db8:f::{i:x} metric 7"
             for verb in ("add", "del") for i in range(1, FLOOD)]
    half = len(verbs) // 2
    pe = net.lab.ns("pe")
    parent = net.daemons["pe"]
    parent.send_signal(signal.SIGSTOP)
    try:
        pe.ip(*verbs[:half], f"route del {ADDRESS}/128 table 5300", *verbs[half:])
    finally:
        parent.send_signal(signal.SIGCONT)


def test_lost_notifications(net):
    for _ in range(ROUNDS):
        before = overruns(net)
        flood(net)
        wait_for(lambda: route(net), "route is back")
        wait_for(lambda: overruns(net) > before, "overrun counted")
    assert map_dump(net.map_path("pe", "san_services"))
