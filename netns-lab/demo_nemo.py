# SPDX-License-Identifier: GPL-2.0-or-later
"""NEMO, played: section 6 of the language's draft, with real traffic.

A branch and a headquarter, two connections of different quality between them. What is ordinary goes by one;
backups (port 55555) go by the other in their hours. The core has no route to either site: nothing gets there
but by a connection. The clock of conditions is shifted to just before both edges; the edges come by themselves.
"""
import calendar
import json
import os
import re
import signal
import subprocess
import time

import labnet
import labprocs
from labplay import Failed, lines, perform, say, wait
from labprocs import RUN

SERVER = "http://198.51.100.2"
NORMAL, BACKUP = "normal", "backup"
PORTS = {NORMAL: 80, BACKUP: 55555}
INTERVAL, PHASE_S, LEAD_S = 0.05, 3, 4  # LEAD_S: the clock is set so long before an edge
DAY = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))  # the clock is shifted to tomorrow
STRAY = 30  # packets of other kinds on a link: neighbours, the database
PACKET = "192.0.2.2 198.51.100.2 tcp 40000 55555"

PICTURE = """
             +- p1 -+            connection-1:  5 ms, 40 Mbit/s
  branch - pe1      pe2 - hq     connection-2: 40 ms, 80 Mbit/s
             +- p2 -+
"""


def sanctl(*words, host="pe1", check=True):
    return labprocs.sanctl(host, "nemo", *words, check=check)


def operations():
    """state of each operation, by host and name."""
    return {(host, o["operation"]): o["state"] for host in ("pe1", "pe2")
            for o in json.loads(labprocs.sanctl(host, "--json", "nemo", "operations").stdout)["items"]}


def link_packets():
    """What p1 and p2 got from pe1: {router: packets}."""
    count = {}
    for router in ("p1", "p2"):
        done = labnet.run(labnet.enter(router) + ["ip", "-j", "-s", "link", "show", "dev", "pe1"])
        count[router] = json.loads(done.stdout)[0]["stats64"]["rx"]["packets"]
    return count


def without_way():
    """Packets that met a next hop which leads nowhere, at both PEs."""
    rows = [row for host in ("pe1", "pe2")
            for row in json.loads(labprocs.sanctl(host, "--json", "stats").stdout)["reasons"]]
    return sum(row["packets"] for row in rows if row["reason"] in ("goal_down", "nh_unresolved"))


class pings:
    """Within the block packets go from the branch to the headquarter all the time."""

    def __enter__(self):
        self.proc = subprocess.Popen(labnet.enter("branch") + ["ping", "-q", "-i", "0.002", "-c", "100000", SERVER[7:]],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return self

    def __exit__(self, *_):
        self.proc.send_signal(signal.SIGINT)
        said = self.proc.communicate()[0]
        found = re.search(r"(\d+) received", said)
        self.answered = int(found[1]) if found else 0


def connection_packets():
    """What pe1 sent into each connection."""
    items = json.loads(labprocs.sanctl("pe1", "--json", "nemo", "connections").stdout)["items"]
    return {c["connection"]: sum(leg["packets"] or 0 for leg in c["legs"] if leg["ingress"] == "pe1")
            for c in items}


class Play:
    def __init__(self, topo):
        self.topo = topo
        self.rows = []  # (phase, requests, links, connections)
        self.begin = 0

    def file(self, name):
        return os.path.join(self.topo["dir"], name)

    def show(self, *words, host="pe1"):
        """A command of ours, as a user would see it; its exit status."""
        done = sanctl(*words, host=host, check=False)
        print(f"# sanctl nemo {' '.join(w.replace(self.topo['dir'] + '/', '') for w in words)}\n"
              f"{done.stdout}{done.stderr}", end="", flush=True)
        return done.returncode

    def nothing(self):
        say("no intent: the core has no route to the sites")
        done = labnet.run(labnet.enter("branch") + ["curl", "-sS", "-m", "2", f"{SERVER}/"], check=False)
        print(f"   {done.stderr.strip()}")
        if done.returncode == 0:
            raise Failed("the headquarter was reached without a connection")

    def agree(self):
        say("the script of section 6: checked, planned, committed on both PEs at once")
        print("".join(f"   | {line}" for line in open(self.file("section6.nemo"), encoding="utf-8")
                      if not line.startswith("#")))
        if self.show("check", self.file("section6.nemo")):
            raise Failed("the script is refused")
        if self.show("plan", self.file("section6.nemo")) != 2:
            raise Failed("the plan shows no changes")
        self.clock("12:00:00")
        for host in ("pe1", "pe2"):  # the worst case: the ways are found by the commit itself
            labnet.run(labnet.enter(host) + ["ip", "-6", "neigh", "flush", "all"])
        with pings() as flow:
            time.sleep(0.2)
            begin = time.monotonic()
            if self.show("apply", self.file("section6.nemo"), "--comment", "section 6"):
                raise Failed("the script was not applied")
            print(f"   sanctl nemo apply, both hosts changed over: {(time.monotonic() - begin) * 1e3:.0f} ms")
            time.sleep(0.2)
        lost = without_way()
        print(f"   {flow.answered} of 500 packets a second were answered meanwhile, {lost} met a next hop without a way")
        if lost or not flow.answered:
            raise Failed("next hops of the commit were not ready when it came into force")
        self.show("connections")

    def clock(self, time_of_day):
        """Conditions see that time from now on, on every host."""
        wanted = calendar.timegm(time.strptime(f"{DAY} {time_of_day}", "%Y-%m-%d %H:%M:%S"))
        sanctl("clock", str(round(wanted - time.time())))

    def traffic(self):
        say("ordinary requests and backups (port 55555) run from now on")
        for name, port in PORTS.items():
            argv = [f"{labnet.HERE}/client.py", "requests", f"{RUN}/{name}.out", f"{SERVER}:{port}/",
                    str(INTERVAL)]
            labprocs.start(f"client-{name}", "branch", argv)
            wait(f"first answer of {name}", lambda n=name: [x for x in lines(n) if x["instance"]])

    def phase(self, name, backups_by):
        """Packets of a few seconds, by link and by connection."""
        links, connections = link_packets(), connection_packets()
        begin = time.monotonic()
        time.sleep(PHASE_S)
        done = {n: sum(begin <= r["begin"] for r in lines(n)) for n in PORTS}
        links = {k: v - links[k] for k, v in link_packets().items()}
        # counters of connections are read once a second
        wait("counters", lambda: sum(connection_packets().values()) > sum(connections.values()), 5, 0.2)
        time.sleep(1.2)
        connections = {k: v - connections[k] for k, v in connection_packets().items()}
        self.rows.append((name, done, links, connections, backups_by))
        print(f"   {name}: p1 {links['p1']} packets, p2 {links['p2']} packets", flush=True)
        used = connections["connection-2"] > 100 and links["p2"] > 100
        idle = connections["connection-2"] == 0 and links["p2"] <= STRAY
        if not (used if backups_by == "connection-2" else idle) or links["p1"] < 100:
            raise Failed(f"phase {name}: links {links}, connections {connections}")

    def edge(self, time_of_day, state):
        """The clock stands just before an edge; the edge is what moves the operation."""
        hour, minute = (int(x) for x in time_of_day.split(":"))
        seconds = hour * 3600 + minute * 60 - LEAD_S
        self.clock(f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}")
        was = operations()
        if any(v == state for (_, o), v in was.items() if o.startswith("p2-")
               and (_, o) in (("pe1", "p2-there"), ("pe2", "p2-back"))):
            raise Failed(f"{LEAD_S} s before {time_of_day} an operation is {state} already: {was}")
        begin = time.monotonic()
        wait(f"p2-there and p2-back are {state}",
             lambda: operations()["pe1", "p2-there"] == operations()["pe2", "p2-back"] == state, 15, 0.02)
        print(f"   {time_of_day}: both are \"{state}\" after {time.monotonic() - begin:.1f} s of {LEAD_S}")

    def evening(self):
        say("noon: both kinds go by connection-1")
        self.phase("noon", "connection-1")
        say(f"the clock is {LEAD_S} s before 18:00; the edge moves backups to connection-2")
        self.edge("18:00", "in force")
        self.phase("evening", "connection-2")
        self.show("explain", f"{PACKET}@now")
        say(f"the clock is {LEAD_S} s before 21:00; the edge moves them back")
        self.edge("21:00", "condition not met")
        self.phase("night", "connection-1")
        self.show("explain", f"{PACKET}@{DAY} 20:59:59")

    def too_much(self):
        say("a third connection asks for more than there is: refused, with the limiting path; nothing changed")
        before = sanctl("export").stdout
        if self.show("apply", self.file("toomuch.nemo")) != 1:
            raise Failed("more bandwidth than there is was given away")
        if sanctl("export").stdout != before:
            raise Failed("what was refused has changed something")

    def half(self):
        say("a commit that pe1 could carry and pe2 cannot: every host stays on the old revision")
        before = {host: sanctl("export", host=host).stdout for host in ("pe1", "pe2")}
        was = operations()
        if self.show("apply", self.file("half.nemo")) != 1:
            raise Failed("pe2 has taken what it has no room for")
        if {host: sanctl("export", host=host).stdout for host in before} != before or operations() != was:
            raise Failed("a host has changed over though another one could not")
        self.show("hosts")

    def history(self):
        say("notifications and history")
        self.show("listen", "--kept")
        self.show("history")
        self.show("operations")

    def table(self):
        for name in PORTS:
            labprocs.stop(f"client-{name}")
        print(f"\n   {'phase':9}{'requests':>9}{'backups':>9}{'pe1->p1':>9}{'pe1->p2':>9}"
              f"{'conn.-1':>9}{'conn.-2':>9}  backups by")
        for name, done, links, connections, by in self.rows:
            print(f"   {name:9}{done[NORMAL]:9}{done[BACKUP]:9}{links['p1']:9}{links['p2']:9}"
                  f"{connections['connection-1']:9}{connections['connection-2']:9}  {by}")
        failed = [r for n in PORTS for r in lines(n) if r["error"]]
        if failed:
            raise Failed(f"{len(failed)} failed requests, the first: {failed[0]}")


def play(topo):
    print(PICTURE)
    acts = Play(topo)
    return perform((acts.nothing, acts.agree, acts.traffic, acts.evening, acts.too_much, acts.half,
                    acts.history, acts.table),
                   ("sand-pe1", "sand-pe2"),
                   "intent in force, there and back; 0 failed requests")
