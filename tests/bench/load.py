# SPDX-License-Identifier: GPL-2.0-or-later
"""Load and start: agents' writes at full speed into a real sand that serves its database, and the
start of a sand whose database is full, both while 10,000 packets a second go through it; and one event
that moves the selections of 10,000 services at once.

Load: 1,000 services x 10 instances, 5 attributes each, all anew again and again. Start: 100,000
services x 1 instance. Moves: a path gets slower or faster than the other, each service has an instance
behind both. LOAD_SERVICES, START_SERVICES, MOVE_SERVICES in the environment: others.
"""

import contextlib
import datetime
import json
import os
import signal
import threading
import time

from dual import Dual, pe_config
from netns import run, wait_for
from steering import ROOT, SERVICE, UnixHTTP

ENDPOINT = "http://[::1]:2379"
FIRST_ID = 0x1000
INSTANCES = 10
ATTRIBUTES = ("cpu_load", "mem_load", "io_load", "queue_us", "sessions")
MORE = 'database: {listen: ["[::1]:2379"], size_mb: 4096, max_keys: 4194304}\n'
MAPS = "services: 131072, nexthops: 65536, flows: 1024"
PPS = 10000
MOVES = 20


def cpu_s(pid):
    """Time on a CPU, which a busy machine stretches less than it does the clock."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def first():
    """What is started here runs before all others: the machine may have something else to do."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, 0)


class Resident(threading.Thread):
    """Resident memory of processes over time, in KiB."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.samples, self.over = pids, [], threading.Event()

    def run(self):
        begin = time.monotonic()
        while not self.over.wait(0.25):
            sizes = [self.size(pid) for pid in self.pids]
            self.samples.append([round(time.monotonic() - begin, 2), *sizes])

    @staticmethod
    def size(pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmRSS")), 0)

    def end(self):
        self.over.set()
        self.join()
        return self.samples


class Load:
    """A sand with a database that others write."""

    def __init__(self, net, services, instances):
        self.net, self.services, self.instances = net, services, instances
        net.begin(pe=pe_config(maps=MAPS, more=MORE))
        net.enroll("a")
        net.settled("a")

    def client(self, mode, *words, timeout):
        """What the program `load` printed."""
        with self.net.lab.ns("pe").inside():
            return json.loads(run(os.path.join(ROOT, "build", "bench", "load"), mode, ENDPOINT,
                                  str(self.services), str(self.instances), *map(str, words),
                                  timeout=timeout))

    def fill(self, mode="fill"):
        filled = self.client(mode, timeout=300)
        self.wait_applied()
        return filled

    def status(self):
        return self.net.call("pe", "GET", "/v1/status")[1]

    def applied(self):
        """All services are evaluated and in the map."""
        status = self.status()
        return (status["plan"]["applied"] >= status["plan"]["desired"] and
                status["orc"].get("queued", 0) == 0 and status["orc"].get("deferred", 0) == 0 and
                status["orc"]["services"] >= self.services and status)

    def wait_applied(self, timeout_s=120):
        return wait_for(self.applied, "plan applied", timeout_s)

    def logged(self, what):
        """When the log said so for the last time."""
        line = [line for line in self.net.log("pe").splitlines() if what in line][-1]
        return datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()

    def pages(self, path):
        """All items of a list."""
        conn, after, items = UnixHTTP(f"{self.net.directory('pe')}/api.sock"), "", []
        while after is not None:
            conn.request("GET", f"{path}?limit=1000" + (f"&after={after}" if after else ""))
            page = json.loads(conn.getresponse().read())
            items += page["items"]
            after = page.get("next")
        conn.close()
        return items

    # --- what must have come out of it
    def wrong_values(self, last):
        """Instances whose attributes are not those of the last round."""
        wrong = 0
        for j in range(self.services * self.instances):
            if j % self.instances == 0:
                number = hex(FIRST_ID + j // self.instances)
                seen = {item["name"]: item["attributes"]
                        for item in self.pages(f"/v1/services/{number}/instances")}
            got = seen[f"i-{j % self.instances}"]
            wrong += any(got[name]["value"] != (7 * j + 13 * last + k) % 100
                         for k, name in enumerate(ATTRIBUTES))
        return wrong

    def wrong_entries(self, last):
        """Services whose entry does not name the instance with the least load."""
        entries = {item["service"]: item for item in self.pages("/v1/entries")}
        wrong = 0
        for s in range(self.services):
            loads = [(7 * (s * self.instances + i) + 13 * last) % 100
                     for i in range(self.instances)]
            wrong += entries[hex(FIRST_ID + s)]["instance"] != f"i-{loads.index(min(loads))}"
        return wrong


def load(seconds):
    services = int(os.environ.get("LOAD_SERVICES") or 1000)
    with Dual("load") as net:
        rig = Load(net, services, INSTANCES)
        rig.fill()
        pids = [net.daemons["pe"].pid, net.child("pe")]
        resident = Resident(pids)
        with net.fast("a", service=SERVICE, pps=PPS) as flow:
            flow.arrives("a")
            before = rig.status()
            resident.start()
            result = rig.client("run", seconds, timeout=seconds * 3 + 60)
            begin = time.monotonic()
            after = rig.wait_applied()
            result["settled_s"] = round(time.monotonic() - begin, 3)
            result["resident_kib"] = resident.end()
            lost = flow.lost()
            result.update(sent=flow.sent(), lost=lost)
        result["selections_changed"] = (after["orc"]["selections_changed"] -
                                        before["orc"]["selections_changed"])
        result["wrong_values"] = rig.wrong_values(result["round"])
        result["wrong_entries"] = rig.wrong_entries(result["round"])
        return result


def start(*_):
    services = int(os.environ.get("START_SERVICES") or 100000)
    with Dual("start") as net:
        rig = Load(net, services, 1)
        result = {"services": services, "fill_s": rig.fill()["seconds"]}
        with net.fast("a", service=SERVICE, pps=PPS) as flow:
            flow.arrives("a")
            net.stop("pe", signal.SIGTERM)
            begin, wall = time.monotonic(), time.time()
            with first():
                net.start("pe")
            result["synced_s"] = round(rig.logged("database synced") - wall, 3)
            result["ready_s"] = round(time.monotonic() - begin, 3)
            result["child_cpu_s"] = cpu_s(net.child("pe"))
            rig.wait_applied()
            result["applied_s"] = round(time.monotonic() - begin, 3)
            result["child_kib"] = Resident.size(net.child("pe"))
            lost = flow.lost()
            result.update(sent=flow.sent(), lost=lost)
        return result


def second_path(net, delay_us):
    """The way to the gateway gwb; that to gw takes 5000 us."""
    for method, path, body in (("PUT", "/v1/gateways/gwb", {"locator": "5f00:0:3::/48"}),
                               ("PUT", "/v1/paths/pe/gwb/be", {"kind": "be"}),
                               ("PATCH", "/v1/network/pe/gwb/be", {"delay_us": delay_us})):
        status, answer = net.call("pe", method, path, body)
        assert status in (200, 201, 204), answer


def move(net, rig, delay_us):
    """From the plan to the acknowledged maps, in ms, for all services at once."""
    before = rig.status()
    status, answer = net.call("pe", "PATCH", "/v1/network/pe/gwb/be", {"delay_us": delay_us})
    assert status == 204, answer
    wait_for(lambda: rig.status()["orc"]["selections_changed"] >=
             before["orc"]["selections_changed"] + rig.services, "selections changed", 20)
    after = rig.wait_applied()
    assert after["plan"]["plans"] == before["plan"]["plans"] + 1, "not one plan"
    return after["plan"]["last_apply_us"] / 1e3, after["orc"]["last_react_us"] / 1e3


def moves(*_):
    services = int(os.environ.get("MOVE_SERVICES") or 10000)
    with Dual("moves") as net:
        rig = Load(net, services, 2)
        second_path(net, 9000)
        rig.fill("two")
        times = [move(net, rig, 1000 if turn % 2 == 0 else 9000) for turn in range(MOVES)]
    apply_ms, react_ms = (sorted(column) for column in zip(*times))
    return {"services": services, "moves": MOVES, "apply_ms": apply_ms, "react_ms": react_ms}


def measure(seconds):
    """A short load unless there is a minute for it."""
    return {"load": load(seconds if seconds >= 60 else min(seconds, 5)), "start": start(),
            "moves": moves()}
