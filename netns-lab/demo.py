# SPDX-License-Identifier: GPL-2.0-or-later
"""The use case of computing-aware traffic steering, played with real traffic and real CPU load.

Phase idle: requests go to the best instance. Phase loaded: that instance's CPU is really busy; its
agent says so; the entry moves; new connections go to the other site, a running download stays and
ends intact. Phase returned: the load falls, hysteresis, the entry moves back.
"""
import json
import time

import labnet
import labprocs
from labplay import (WAIT_S, Download, Failed, Watch, client, entry, lines, map_nexthop, overloaded,
                     perform, post, say, wait)
from labprocs import PIN, RUN

INGRESS = "pe1"
SERVICE = "0x101"
URL = "http://[2001:db8:5::101]"
SERVICE4 = "0x102"  # balanced over all instances, for IPv4 clients that know nothing of SAN
URL4 = "http://10.9.0.1"
BEST, OTHER = "s2a", "s3a"
INTERVAL = 0.04
PHASE_S = 4
DOWNLOAD_MIB, DOWNLOAD_S = 16, 20
BROKEN_S = 8  # what cannot happen is not waited for as long

PICTURE = """
                                     +-- gw2 --+-- s2a   site 2 (path best effort, 5 ms)
  client ---- pe1 ---- p1 ----------+         +-- s2b
   san-run    XDP      End           |
   0x101      ingress                +-- gw3 --+-- s3a   site 3 (SR policy via p1, 8 ms)
                                               +-- s3b
"""


def at_map():
    return map_nexthop(INGRESS, SERVICE)


def inside():
    """sand's own figures of the last change: event to plan, plan to acknowledged map, in us."""
    status = json.loads(labprocs.sanctl("pe1", "--json", "status").stdout)
    return status["orc"]["last_react_us"], status["plan"]["last_apply_us"]


class Play:
    def __init__(self, topo):
        self.topo = topo
        self.phases = []  # (name, begin, end, expected instances)
        self.best_nexthop = None
        self.download = None

    def phase(self, name, seconds, *expected):
        begin = time.monotonic()
        time.sleep(seconds)
        self.phases.append((name, begin, time.monotonic(), expected))

    def wait_entry(self, instance):
        wait(f"entry of {SERVICE} names {instance}", lambda: entry(INGRESS, SERVICE).get("instance") == instance,
             step=0.05)

    def idle(self):
        say("all instances idle: requests go to the best one")
        wait("four instances registered", lambda: len(json.loads(labprocs.sanctl(
            "pe1", "--json", "instance", "list", SERVICE).stdout)["items"]) == 4, step=0.1)
        self.wait_entry(BEST)
        self.best_nexthop = wait("next hop in the map", at_map)
        client("client", "requests", SERVICE, "requests", URL + "/", str(INTERVAL))
        wait("first answer", lambda: lines("requests"))
        self.phase("idle", PHASE_S, BEST)
        print(labprocs.sanctl("pe1", "entry", "list").stdout, end="")

    def load(self, broken):
        say(f"a long download starts at {BEST}, then its CPU gets really busy")
        self.download = Download("client", SERVICE, f"{URL}/file", DOWNLOAD_MIB, DOWNLOAD_S)
        if broken == "selection":
            labnet.run(["pkill", "-STOP", "-f", f"sand .*--run-dir {RUN}/pe1 "])
            print("   (--break selection: pe1's processes are stopped)")
        report = Watch(lambda: overloaded(INGRESS, SERVICE, BEST))
        entry_moved = Watch(lambda: at_map() != self.best_nexthop and time.monotonic())
        begin = time.monotonic()
        post(BEST, "burn?s=60")
        moved = wait("map entry moved", lambda: entry_moved.answer, BROKEN_S if broken else WAIT_S)
        over = wait("agent's report", lambda: report.answer)
        print(f"   {BEST} busy -> report of 70 % or more at the ingress: {over - begin:.2f} s\n"
              f"   report -> entry in the BPF map moved: {max(0, moved - over) * 1e3:.0f} ms "
              f"(map read every {entry_moved.step_ms():.0f} ms)")
        print("   inside sand: event -> plan %d us, plan -> map changed and acknowledged %d us" % inside())
        time.sleep(0.5)
        self.phases.append(("moving", begin, time.monotonic(), (BEST, OTHER)))
        self.phase("loaded", PHASE_S, OTHER)
        first = [r for r in lines("requests") if r["instance"] == OTHER]
        if not first:
            raise Failed(f"no request was answered by {OTHER} after the entry moved")
        print(f"   first request served at {OTHER} began {max(0, first[0]['begin'] - moved) * 1e3:.0f} ms "
              "after the map changed")
        print(labprocs.sanctl("pe1", "explain", SERVICE).stdout, end="")

    def calm(self):
        say("the load ends: hysteresis (2 s, longer after a loss), then the entry returns")
        post(BEST, "calm")
        begin = time.monotonic()
        back = wait("map entry moved back", lambda: at_map() == self.best_nexthop and time.monotonic())
        print(f"   entry returned after {back - begin:.2f} s")
        time.sleep(0.5)
        self.phases.append(("returning", begin, time.monotonic(), (BEST, OTHER)))
        self.phase("returned", PHASE_S, BEST)

    def balance(self):
        say("an IPv4 client without SAN header: the classifier gives it service 0x102, balanced")
        argv = [f"{labnet.HERE}/client.py", "requests", f"{RUN}/requests4.out", URL4 + "/", "0.01"]
        labprocs.start("client-requests4", "client", argv)
        time.sleep(PHASE_S)
        labprocs.stop("client-requests4")
        rows = lines("requests4")
        members = json.loads(labprocs.sanctl("pe1", "--json", "entry", "get", SERVICE4).stdout)["members"]
        count = {n: sum(r["instance"] == n for r in rows) for n in sorted(self.topo["instances"])}
        print(f"   {'instance':10}weight  share  measured over {len(rows)} connections")
        for member in sorted(members, key=lambda m: m["instance"]):
            name = member["instance"]
            print(f"   {name:10}{member['weight']:6}{member['share_permille'] / 10:6.1f} %"
                  f"{100 * count[name] / max(1, len(rows)):6.1f} %")
        failed = [r for r in rows if r["error"]]
        if failed:
            raise Failed(f"{len(failed)} failed IPv4 requests, the first: {failed[0]['error']}")
        if not all(count.values()):
            raise Failed(f"not every instance of {SERVICE4} was used: {count}")

    def finish_download(self):
        say("the download that was running all the time")
        self.download.finish(BEST)

    def table(self):
        labprocs.stop("client-requests")
        rows = lines("requests")
        names = sorted(self.topo["instances"])
        print(f"\n   {'phase':10}" + "".join(f"{n:>7}" for n in names) + "  failed  expected")
        wrong = []
        for name, begin, end, expected in self.phases:
            mine = [r for r in rows if begin <= r["begin"] and r["end"] <= end]
            failed = [r for r in mine if r["error"]]
            count = {n: sum(r["instance"] == n for r in mine) for n in names}
            print(f"   {name:10}" + "".join(f"{count[n]:7}" for n in names)
                  + f"{len(failed):8}  {' or '.join(expected)}")
            if not mine:
                wrong.append(f"phase {name}: no request at all")
            wrong += [f"phase {name}: {count[n]} requests at {n}" for n in names
                      if count[n] and n not in expected]
        failed = [r for r in rows if r["error"]]
        print(f"   {'all':10}" + "".join(f"{sum(r['instance'] == n for r in rows):7}" for n in names)
              + f"{len(failed):8}")
        if failed:
            wrong.append(f"{len(failed)} failed requests, the first: {failed[0]['error']}")
        if wrong:
            raise Failed("; ".join(wrong))

    def show_map(self):
        say("the service table, as the dataplane has it")
        command = ["bpftool", "map", "dump", "pinned", f"{PIN}/maps/san_services"]
        print("# " + " ".join(command))
        print(labnet.run(command).stdout, end="")


def show_counters():
    say("what was counted, at the ingress and at the gateway of site 2")
    for host in ("pe1", "gw2"):
        print(f"# netns-lab/lab enter {host} sanctl stats")
        print(labprocs.sanctl(host, "stats").stdout, end="")


def play(topo, broken):
    print(PICTURE)
    acts = Play(topo)
    try:
        return perform((acts.idle, lambda: acts.load(broken), acts.calm, acts.balance,
                        acts.finish_download, acts.table, acts.show_map, show_counters),
                       ("sand-pe1", "agent-gw2"), "steered, moved, returned; 0 failed requests")
    finally:
        if broken:
            labnet.run(["pkill", "-CONT", "-f", f"sand .*--run-dir {RUN}/pe1 "], check=False)
