# SPDX-License-Identifier: GPL-2.0-or-later
"""Two ingresses, two gateways and one database that all of them and the agents share.

Every ingress computes its own table: pe1 prefers site 2, pe2 site 3. Then site 2 gets really busy; the
gateway of site 3 is cut off from everything; the database loses its leader (or its only server). Three
clients ask all the time: 0x101 at both ingresses, 0x103 (the gateway chooses the instance) at pe2.
"""
import time

import labcast
import labdb
import labnet
import labprocs
from labplay import Failed, Watch, client, entry, lines, map_nexthop, overloaded, perform, post, say, wait

ONE, TWO = "0x101", "0x103"  # one level, two levels
URL = {ONE: "http://[2001:db8:5::101]/", TWO: "http://[2001:db8:5::103]/"}
SITE2, SITE3 = ("s2a", "s2b"), ("s3a", "s3b")
CLIENTS = {"c1-pe1": ("c1", "pe1", ONE), "c2-pe2": ("c2", "pe2", ONE), "c2-pe2-two": ("c2", "pe2", TWO)}
INTERVAL = 0.04
PHASE_S = 3
CALM_WAIT_S = 100  # after four changes in a few seconds what was left is remembered for 64 s
CUT_WAIT_S = 15  # the leases of the site end after 3 s
DOWN_S = 3       # an only server stays away that long

PICTURE = """
  c1 ---- pe1 --+           +-- gw2 --+-- s2a     pe1: site 2 is 5 ms away, site 3 15 ms
                |           |         +-- s2b     pe2: the other way round
                +---- p1 ---+
                |     |     |         +-- s3a     agents at gw2 and gw3 write to the database,
  c2 ---- pe2 --+     |     +-- gw3 --+-- s3b     pe1 and pe2 watch it
                  database
"""


def site(instances):
    return instances[0][:2]


class Play:
    def __init__(self, topo):
        self.topo = topo
        self.phases = []  # (name, begin, end, {client: instances expected})
        self.cut = None   # (begin, converged): requests to the site that was cut off may fail
        self.times = []

    def phase(self, name, seconds, **expected):
        """expected: instances by client, "_" for "-" in its name."""
        begin = time.monotonic()
        time.sleep(seconds)
        self.phases.append((name, begin, time.monotonic(),
                            {who.replace("_", "-"): what for who, what in expected.items()}))

    def took(self, what, seconds):
        self.times.append((what, seconds))
        print(f"   {what}: {seconds:.2f} s" if seconds >= 0.1 else f"   {what}: {seconds * 1e3:.0f} ms",
              flush=True)

    def moves(self, host, service, before):
        """Looks at the map of a host until the service's entry is another than before."""
        return Watch(lambda: map_nexthop(host, service) not in (before, None) and time.monotonic())

    def idle(self):
        say("idle: every ingress computes its own table from the same database")
        for host, instances in (("pe1", SITE2), ("pe2", SITE3)):
            for service in (ONE, TWO):
                wait(f"{host}: {service} leads to site {site(instances)[1]}", lambda: entry(
                    host, service).get("gateway") == f"gw{instances[0][1]}", step=0.1)
        for name, (host, _, service) in CLIENTS.items():
            client(host, name, service, "requests", URL[service], str(INTERVAL))
        for name in CLIENTS:
            wait(f"first answer for {name}", lambda: lines(name))
        self.phase("idle", PHASE_S, c1_pe1=("s2a",), c2_pe2=("s3a",), c2_pe2_two=("s3a",))
        for host in ("pe1", "pe2"):
            print(f"# {host}: sanctl entry list\n{labprocs.sanctl(host, 'entry', 'list').stdout}", end="")

    def overload(self):
        say("site 2 gets really busy: pe1 moves, pe2 has no reason to")
        was = map_nexthop("pe1", ONE)
        report = Watch(lambda: overloaded("pe1", ONE, "s2a"))
        begin = time.monotonic()
        for name in SITE2:
            post(name, "burn?s=60")
        wait("pe1 leads to site 3", lambda: entry("pe1", ONE).get("gateway") == "gw3", step=0.05)
        moved = time.monotonic()
        self.took("s2a busy -> its report is at pe1", wait("the report", lambda: report.answer) - begin)
        self.took("both busy -> pe1 leads to the other site", moved - begin)
        if map_nexthop("pe1", ONE) == was:
            raise Failed("the map of pe1 still has the old next hop")
        time.sleep(0.5)
        self.phases.append(("moving", begin, time.monotonic(), {}))
        self.phase("loaded", PHASE_S, c1_pe1=SITE3, c2_pe2=SITE3, c2_pe2_two=SITE3)
        print(labprocs.sanctl("pe1", "history", ONE).stdout, end="")

    def calm(self):
        say("the load ends: pe1 returns")
        for name in SITE2:
            post(name, "calm")
        begin = time.monotonic()
        wait("pe1 leads to site 2 again", lambda: entry("pe1", ONE).get("gateway") == "gw2", CALM_WAIT_S,
             0.05)
        self.took("calm -> pe1 leads to site 2 again", time.monotonic() - begin)
        time.sleep(0.5)
        self.phases.append(("returning", begin, time.monotonic(), {}))
        self.phase("returned", PHASE_S, c1_pe1=SITE2, c2_pe2=SITE3)

    def cut_off(self):
        say("gateway gw3 is cut off, traffic and database alike: its leases end, pe2 goes to site 2")
        watches = {s: self.moves("pe2", s, map_nexthop("pe2", s)) for s in (ONE, TWO)}
        begin = time.monotonic()
        labnet.batch("p1", ["link set gw3 down"])
        for service, watch in watches.items():
            moved = wait(f"pe2 leads {service} elsewhere", lambda seen=watch: seen.answer, CUT_WAIT_S)
            self.took(f"cut -> the map of pe2 leads {service} elsewhere (lease of 3 s)", moved - begin)
        self.cut = (begin, max(watch.answer for watch in watches.values()))
        wait("clients of pe2 are served", lambda: all(
            any(r["instance"] in SITE2 for r in lines(c)) for c in CLIENTS if "pe2" in c), step=0.1)
        self.phases.append(("cutting", begin, time.monotonic(), {}))
        self.phase("cut off", PHASE_S, c1_pe1=SITE2, c2_pe2=SITE2, c2_pe2_two=SITE2)

    def reconnect(self):
        say("gw3 is back: it and its agent get new leases, pe2 returns")
        begin = time.monotonic()
        labnet.batch("p1", ["link set gw3 up", "address replace 2001:db8:13::1/64 dev gw3 nodad",
                            "route replace 5f00:0:3::/48 via 2001:db8:13::2"] + [
            f"route replace 2001:db8:3{x}::/64 via 2001:db8:13::2" for x in "ab"])
        for service in (ONE, TWO):
            wait(f"pe2 leads {service} to site 3 again", lambda: entry(
                "pe2", service).get("gateway") == "gw3", step=0.05)
        self.took("back -> pe2 leads to site 3 again", time.monotonic() - begin)
        time.sleep(0.5)
        self.phases.append(("joining", begin, time.monotonic(), {}))
        self.phase("joined", PHASE_S, c1_pe1=SITE2, c2_pe2=SITE3, c2_pe2_two=SITE3)

    def kill_leader(self):
        victim = labdb.leader(self.topo)
        say(f"the database loses {victim}" + (
            ", its leader" if len(labdb.members(self.topo)) > 1 else ", its only server, for a while"))
        begin = time.monotonic()
        labprocs.kill(labdb.process(self.topo, victim))
        if len(labdb.members(self.topo)) == 1:
            self.alone(victim, begin)
        post("s2a", "burn?s=60")
        post("s2b", "burn?s=60")
        wait("pe1 leads to site 3", lambda: entry("pe1", ONE).get("gateway") == "gw3", step=0.05)
        self.took("kill -> pe1 moved away from what got busy after it", time.monotonic() - begin)
        self.phases.append(("leader", begin, time.monotonic(), {}))
        self.phase("leaderless", PHASE_S, c1_pe1=SITE3, c2_pe2=SITE3, c2_pe2_two=SITE3)
        if victim not in labdb.endpoints(self.topo):
            labcast.start_database(self.topo, victim)
        wait("all members answer", lambda: len(labdb.endpoints(self.topo)) == len(
            labdb.members(self.topo)), step=0.1)

    def alone(self, victim, begin):
        """Nobody tells anything: entries stay, also beyond the age at which values are too old."""
        wait("pe1 says that it is stale", lambda: labprocs.status("pe1").get("stale"), step=0.05)
        self.took("kill -> pe1 says that its view is stale", time.monotonic() - begin)
        time.sleep(DOWN_S)
        labcast.start_database(self.topo, victim)
        wait("pe1 is in sync again", lambda: not labprocs.status("pe1").get("stale"), step=0.05)
        self.took("kill -> in sync again", time.monotonic() - begin)

    def excused(self, name, row):
        """In flight to the site that was cut off."""
        begin, converged = self.cut
        return "pe2" in name and row["begin"] <= converged and row["end"] >= begin

    def table(self):
        instances = sorted(self.topo["instances"])
        wrong = []
        for name in CLIENTS:
            labprocs.stop(f"client-{name}")
            rows = lines(name)
            print(f"\n   {name:12}" + "".join(f"{n:>7}" for n in instances) + "  failed  in flight  expected")
            for phase in self.phases:
                wrong += self.row(name, rows, instances, phase)
            failed = [r for r in rows if r["error"] and not self.excused(name, r)]
            if failed:
                wrong.append(f"{name}: {len(failed)} failed requests, the first: {failed[0]}")
        if wrong:
            raise Failed("; ".join(wrong))

    def row(self, name, rows, instances, phase):
        title, begin, end, expected = phase
        mine = [r for r in rows if begin <= r["begin"] and r["end"] <= end]
        failed = [r for r in mine if r["error"]]
        lost = sum(self.excused(name, r) for r in failed)
        count = {n: sum(r["instance"] == n for r in mine) for n in instances}
        print(f"   {title:12}" + "".join(f"{count[n]:7}" for n in instances)
              + f"{len(failed) - lost:8}{lost:11}  {' or '.join(expected.get(name, ()))}")
        wrong = [f"{name}, {title}: {count[n]} requests at {n}" for n in instances
                 if name in expected and count[n] and n not in expected[name]]
        return wrong + ([f"{name}, {title}: no request at all"] if name in expected and not mine else [])

    def show_keys(self):
        say("what the database holds of one instance (etcdctl)")
        host, address = next(iter(labdb.members(self.topo).items()))
        words = ["get", "--prefix", "/san/status/0x101/s2a/"]
        print("# etcdctl " + " ".join(words))
        print(labdb.etcdctl(host, [labdb.url(address)], *words).stdout, end="")

    def show_times(self):
        say("how long it took")
        for what, seconds in self.times:
            print(f"   {seconds * 1e3:8.0f} ms  {what}")


def play(topo):
    kinds = {labdb.ETCD: "an etcd cluster of three", labdb.EMBEDDED: "the server embedded in one sand"}
    print(PICTURE + f"\n  database: {kinds[topo['kind']]}")
    acts = Play(topo)
    return perform((acts.idle, acts.overload, acts.calm, acts.cut_off, acts.reconnect,
                    acts.kill_leader, acts.table, acts.show_keys, acts.show_times),
                   ("sand-pe1", "sand-pe2", "agent-gw2", "agent-gw3"),
                   "two ingresses, one database; 0 failed requests beyond those in flight to the "
                   "cut-off site")
