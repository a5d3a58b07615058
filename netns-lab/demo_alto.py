# SPDX-License-Identifier: GPL-2.0-or-later
"""ALTO, played: three domains advertise to a broker; an ingress steers by the maps that it serves.

The orchestrator of each domain writes what the domain can do and how it connects, over TLS, with its own
token. The broker serves the maps. pe1 knows nothing of the network but what they say: a cost that changes
comes as an event, the entry moves, requests follow. Then the broker dies: the last view stays.
"""
import json
import time

import labcast
import labnet
import labprocs
import labtls
from labplay import Download, Failed, client, entry, lines, map_nexthop, perform, say, wait
from labprocs import RUN

INGRESS, SERVICE, URL = "pe1", "0x101", "http://[2001:db8:5::101]/"
NEAR, FAR = "s2a", "s3a"
SERVER = "https://[2001:db8:b::2]:8443"
DIRECTORY = f"{SERVER}/alto/directory"
INTERVAL, PHASE_S = 0.04, 3
DOWNLOAD_MIB, DOWNLOAD_S = 4, 10  # longer than the entry is away
DEAD_S = 14  # longer than max_age_ms of the service: without the last view the entry would be lost
PREFIXES = {"AS1": ["5f00:0:a::/48", "2001:db8:c::/64"], "AS2": ["5f00:0:2::/48", "2001:db8:2a::/64"],
            "AS3": ["5f00:0:3::/48", "2001:db8:3a::/64"]}
CPU = {"AS1": 4, "AS2": 50, "AS3": 70}
SAPS = {"AS1": ["SAP1"], "AS2": [], "AS3": ["SAP2"]}
NFS = {"AS1": ["NF1", "NF3"], "AS2": ["NF2"], "AS3": ["NF1", "NF3"]}
LINKS = {("AS1", "AS2"): (5, 5000), ("AS2", "AS3"): (6, 12000), ("AS1", "AS3"): (20, 20000)}
CHAIN = ["SAP1", "NF1", "NF2", "NF3", "SAP2"]

PICTURE = """
              AS1: pe1            AS2: gw2 -- s2a    pe1 -- AS2  5 ms
  client ---- pe1 --- p1 ---+---- gw2                pe1 -- AS3 17 ms, by AS2
                      |     +---- gw3 -- s3a
                    broker        AS3: gw3           broker: ALTO over TLS
"""


def domain_body(name):
    return {"prefixes": {"ipv6": PREFIXES[name]}, "entry-point": f"https://mdo.{name.lower()}.example/",
            "resources": {"cpu": CPU[name], "mem": 64, "storage": 100}, "nfs": NFS[name],
            "saps": SAPS[name], "transit": name == "AS2"}


def link_body(cost, delay_us):
    return {"routingcost": cost, "delay-us": delay_us, "loss-ppm": 0, "max-reservable-bandwidth": 1000000000}


class Play:
    def __init__(self, topo):
        self.topo = topo
        self.phases = []  # (name, begin, end, expected instances)
        self.times = []
        self.download = None

    def put(self, domain, path, body, token=None):
        """What an orchestrator does; the HTTP status and the answer."""
        spec = self.topo["domains"][domain]
        argv = ["curl", "-sS", "-m", "10", "--cacert", labtls.CA, "-X", "PUT", "-H",
                f"Authorization: Bearer {token or spec['token']}", "-H", "Content-Type: application/json",
                "-d", json.dumps(body), "-w", "\n%{http_code}", f"{SERVER}/broker/v1/{path}"]
        text, code = labnet.run(labnet.enter(spec["host"]) + argv).stdout.rsplit("\n", 1)
        return int(code), text

    def must_put(self, domain, path, body):
        code, text = self.put(domain, path, body)
        if code not in (200, 201):
            raise Failed(f"{domain}: PUT {path}: {code} {text}")

    def took(self, what, seconds):
        self.times.append((what, seconds))
        print(f"   {what}: {seconds * 1e3:.0f} ms", flush=True)

    def phase(self, name, seconds, *expected):
        begin = time.monotonic()
        time.sleep(seconds)
        self.phases.append((name, begin, time.monotonic(), expected))

    def show(self, *words):
        """A command of ours, as a user would see it."""
        print(f"# sanctl {' '.join(words)}\n{sanctl_at_pe1(*words)}", end="", flush=True)

    def nothing(self):
        say("nobody has told anything: unknown is not zero, nothing is selected")
        if entry(INGRESS, SERVICE).get("instance"):
            raise Failed("something is selected without network status")
        code, _ = self.put("AS2", "domains/AS3", domain_body("AS3"))
        print(f"   AS2 writes AS3: {code}")
        wrong, _ = self.put("AS2", "domains/AS2", domain_body("AS2"), "guessed")
        print(f"   a wrong token: {wrong}")
        if (code, wrong) != (403, 401):
            raise Failed("the broker let somebody write what is not his")

    def advertise(self):
        say("three domains advertise, each with its own token; requests go to the nearer site")
        for name in PREFIXES:
            self.must_put(name, f"domains/{name}", domain_body(name))
        for (a, b), values in LINKS.items():
            self.must_put(a, f"links/{a}/{b}", link_body(*values))
        begin = time.monotonic()
        wait(f"entry names {NEAR}", lambda: entry(INGRESS, SERVICE).get("instance") == NEAR, step=0.02)
        self.took("last advertisement -> entry selected", time.monotonic() - begin)
        wait("next hop in the map", lambda: map_nexthop(INGRESS, SERVICE))
        client("client", "requests", SERVICE, "requests", URL, str(INTERVAL))
        wait("first answer", lambda: lines("requests"))
        self.phase("advertised", PHASE_S, NEAR)
        self.show("alto", "cost", DIRECTORY, "--ca", labtls.CA, "--map", "domains", "--metric", "delay-ow")
        self.show("path", "list")
        self.show("instance", "list", SERVICE)

    def change(self):
        say("AS2 says that its link to AS1 got slow: an event (RFC 8895), the entry moves, requests follow")
        self.download = Download("client", SERVICE, f"{URL}file", DOWNLOAD_MIB, DOWNLOAD_S)
        was = map_nexthop(INGRESS, SERVICE)
        begin = time.monotonic()
        self.must_put("AS2", "links/AS1/AS2", link_body(60, 60000))
        sent = time.monotonic()
        wait("map entry moved", lambda: map_nexthop(INGRESS, SERVICE) not in (was, None))
        moved = time.monotonic()
        self.took("answer to AS2 -> entry in the BPF map of pe1 moved", moved - sent)
        time.sleep(0.5)
        self.phases.append(("moving", begin, time.monotonic(), (NEAR, FAR)))
        self.phase("moved", PHASE_S, FAR)
        if entry(INGRESS, SERVICE).get("instance") != FAR:
            raise Failed(f"the entry does not name {FAR}")
        self.show("alto", "sources")
        if source()["state"] != "streaming":
            raise Failed(f"the change did not come by a stream: {source()}")

    def back(self):
        say("the link is good again: the entry returns")
        begin = time.monotonic()
        self.must_put("AS2", "links/AS1/AS2", link_body(*LINKS["AS1", "AS2"]))
        wait(f"entry names {NEAR}", lambda: entry(INGRESS, SERVICE).get("instance") == NEAR, step=0.02)
        self.took("answer to AS2 -> entry returned", time.monotonic() - begin)
        time.sleep(0.5)
        self.phases.append(("returning", begin, time.monotonic(), (NEAR, FAR)))
        self.phase("returned", PHASE_S, NEAR)
        say(f"the download that was running all the time stayed at {NEAR}")
        self.download.finish(NEAR)

    def chain(self):
        say("a service chain over three domains: the broker tells candidates a link, the client joins them")
        nodes = list(zip(CHAIN, CHAIN[1:]))
        graph = {"nfs": CHAIN[1:-1], "saps": [CHAIN[0], CHAIN[-1]],
                 "sg_links": [{"id": i + 1, "src-node": a, "dst-node": b} for i, (a, b) in enumerate(nodes)],
                 "reqs": [{"id": 1, "src-node": CHAIN[0], "dst-node": CHAIN[-1],
                           "sg-path": list(range(1, len(nodes) + 1))}]}
        labprocs.write(f"{RUN}/chain.json", json.dumps(graph))
        self.show("alto", "path", DIRECTORY, "--ca", labtls.CA, "--map", "domains", "--sg",
                  f"{RUN}/chain.json")

    def die(self):
        say(f"the broker is killed: for {DEAD_S} s the last view stays, with its age; nothing flaps")
        changes = entry(INGRESS, SERVICE)["changes"]
        labprocs.kill("sand-broker")
        self.phase("broker dead", DEAD_S, NEAR)
        self.show("alto", "sources")
        state = source()
        if state["state"] not in ("lost", "connecting") or state["confirmed_s"] < DEAD_S - 2:
            raise Failed(f"the source does not say that it is lost: {state}")
        if entry(INGRESS, SERVICE)["changes"] != changes:
            raise Failed("the entry moved while nobody told anything")

    def again(self):
        say("the broker is back, with what it had stored; nothing moves")
        changes = entry(INGRESS, SERVICE)["changes"]
        labcast.start_sand(self.topo, "broker")
        begin = time.monotonic()
        wait("the stream is there again", lambda: source()["state"] == "streaming", step=0.05)
        self.took("broker started -> its events come again", time.monotonic() - begin)
        self.phase("back", PHASE_S, NEAR)
        if entry(INGRESS, SERVICE)["changes"] != changes:
            raise Failed("the entry moved though the maps are the same")

    def table(self):
        labprocs.stop("client-requests")
        rows = lines("requests")
        print(f"\n   {'phase':13}{NEAR:>7}{FAR:>7}  failed  expected")
        wrong = []
        for name, begin, end, expected in self.phases:
            mine = [r for r in rows if begin <= r["begin"] and r["end"] <= end]
            count = {n: sum(r["instance"] == n for r in mine) for n in (NEAR, FAR)}
            failed = sum(bool(r["error"]) for r in mine)
            print(f"   {name:13}{count[NEAR]:7}{count[FAR]:7}{failed:8}  {' or '.join(expected)}")
            wrong += [f"phase {name}: {count[n]} requests at {n}" for n in count
                      if count[n] and n not in expected]
            wrong += [] if mine else [f"phase {name}: no request at all"]
        failed = [r for r in rows if r["error"]]
        if failed:
            wrong.append(f"{len(failed)} failed requests, the first: {failed[0]}")
        if wrong:
            raise Failed("; ".join(wrong))


def sanctl_at_pe1(*words):
    """In pe1's namespace: the broker is reached from there."""
    env = ["env", f"SANCTL_SERVER=unix:{RUN}/{INGRESS}/api.sock"]
    return labnet.run(labnet.enter(INGRESS) + env + [f"{labprocs.BIN}/sanctl", *words]).stdout


def source():
    return json.loads(sanctl_at_pe1("--json", "alto", "sources"))["items"][0]


def play(topo):
    print(PICTURE)
    acts = Play(topo)
    return perform((acts.nothing, acts.advertise, acts.change, acts.back, acts.chain, acts.die,
                    acts.again, acts.table),
                   ("sand-pe1", "sand-broker"), "steered by ALTO; 0 failed requests")
