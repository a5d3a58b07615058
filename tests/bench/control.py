# SPDX-License-Identifier: GPL-2.0-or-later
"""Control plane: time from a status change to the map, and status updates a second.

A real sand (both processes) in a namespace, pinned to CPU 0 before all others there (nice -20), its
database on tmpfs; the client on the last CPU. The change is written by REST, by a Put to the server
in sand, and by a Put to an etcd in the same namespace that sand follows (its data on tmpfs, too, so
that no disk is measured; also nice -20, without a CPU of its own).
"""

import contextlib
import json
import os
import shutil
import tempfile
import time

from etcd_members import SHM
from netns import end_process, run, wait_for
from steering import Steering, UnixHTTP

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LATENCY_ID = 0x101
FIRST_ID = 0x1000
SERVICES = 100
INSTANCES = 10  # of each service
LINES = 1000  # of a batch
ENDPOINT = "http://[::1]:2379"
SERVED = 'database: {listen: ["[::1]:2379"]}\n'
FOLLOWED = f'database: {{endpoints: ["{ENDPOINT}"]}}\n'
ATTRIBUTES = ("cpu_load", "mem_load", "io_load", "queue_us", "sessions")
SERVICE = """
  - id: {id:#x}
    address: 2001:db8:5::{id:x}
    evaluation: [{{attribute: cpu_load, curve: {{ramp: [0, 100]}}}}]
    hysteresis: {{margin: 0, hold_ms: 0}}
    freshness: {{max_age_ms: 3600000}}"""
CONFIG = """
name: pe
source: 5f00:0:a::1
interfaces: [{{name: acc0, role: ingress}}, {{name: core0, role: core}}]
maps: {{services: 1024, nexthops: 2048, flows: 1024}}
gateways: [{{name: gw, locator: "5f00:0:2::/48"}}]
paths: [{{ingress: pe, gateway: gw, name: be, kind: be}}]
network: [{{ingress: pe, gateway: gw, path: be, attributes: {{delay_us: 5000}}}}]
services:{services}
"""


class Control:
    """The daemon under test."""

    def __init__(self, net, database=SERVED):
        self.net = net
        ids = [LATENCY_ID] + [FIRST_ID + i for i in range(SERVICES)]
        net.configs["pe"] = (CONFIG.format(services="".join(SERVICE.format(id=i) for i in ids)) +
                             database)
        net.start("pe")
        self.pin(0)

    def pids(self):
        """Of the daemon and of what it started."""
        pids = [self.net.daemons["pe"].pid]
        for pid in pids:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
                pids += [int(child) for child in file.read().split()]
        return pids

    def pin(self, cpu):
        for pid in self.pids():
            os.sched_setaffinity(pid, {cpu})
            os.setpriority(os.PRIO_PROCESS, pid, -20)

    def register(self, service, name, number, load):
        body = {"gateway": "gw", "address": "2001:db8:2a::2", "attributes": {"cpu_load": load},
                "sid": f"5f00:0:2:{number:x}::"}
        status, answer = self.net.call("pe", "PUT", f"/v1/services/{service:#x}/instances/{name}",
                                       body)
        assert status in (200, 201), answer

    def applied(self):
        status = self.net.call("pe", "GET", "/v1/status")[1]
        return status["plan"]["applied"] >= status["plan"]["desired"] and status

    def wait_applied(self):
        return wait_for(self.applied, "plan applied")

    # --- latency
    def latency(self, seconds, *endpoint):
        """What the program `control` printed."""
        self.register(LATENCY_ID, "a", 0x100, 10)
        self.register(LATENCY_ID, "b", 0x101, 50)
        wait_for(lambda: self.net.entry().get("instance") == "a", "entry names a")
        self.wait_applied()
        with self.net.lab.ns("pe").inside():
            out = run(os.path.join(ROOT, "build", "bench", "control"),
                      f"{self.net.directory('pe')}/api.sock",
                      os.path.join(self.net.lab.pins[-1], "maps", "san_services"),
                      hex(LATENCY_ID), "a", str(seconds), *endpoint, timeout=seconds * 2 + 60)
        return json.loads(out)

    # --- throughput -------------------------------------------------------------------------------
    def populate(self):
        for i in range(SERVICES * INSTANCES):
            self.register(FIRST_ID + i // INSTANCES, f"i{i % INSTANCES}", 0x1000 + i, 1 + i % 97)

    @staticmethod
    def batch(step):
        """LINES instances with 5 attributes each; the next step's differ."""
        lines = []
        for i in range(LINES):
            values = {name: (i * 7 + step * 13 + k) % 100 for k, name in enumerate(ATTRIBUTES)}
            lines.append(json.dumps({"service": hex(FIRST_ID + i // INSTANCES % SERVICES),
                                     "instance": f"i{i % INSTANCES}", "attributes": values}))
        return ("\n".join(lines) + "\n").encode()

    def throughput(self, seconds):
        """Batches one after the other on one connection, until all is in the map."""
        bodies = [self.batch(step) for step in range(8)]
        self.wait_applied()
        before = self.applied()
        conn = self.connect()
        sent, begin = 0, time.monotonic()
        while time.monotonic() - begin < seconds:
            self.post(conn, bodies[sent % len(bodies)])
            sent += 1
        answered = time.monotonic() - begin
        after = self.wait_applied()
        settled = time.monotonic() - begin
        conn.close()
        return {"batches": sent, "lines": LINES, "attributes": len(ATTRIBUTES),
                "seconds": round(answered, 3), "settled_s": round(settled, 3),
                "updates_per_s": round(sent * LINES * len(ATTRIBUTES) / settled),
                "selections_changed": (after["orc"]["selections_changed"] -
                                       before["orc"]["selections_changed"])}

    def connect(self):
        return UnixHTTP(f"{self.net.directory('pe')}/api.sock")

    @staticmethod
    def post(conn, body):
        conn.request("POST", "/v1/status", body, {"Content-Type": "application/x-ndjson"})
        answer = conn.getresponse()
        text = answer.read()
        if answer.status != 200 or text.count(b"204") != LINES:
            raise RuntimeError(f"batch refused: {answer.status} {text[:300]}")


@contextlib.contextmanager
def etcd(net):
    """An etcd in the namespace of the sand."""
    with tempfile.TemporaryDirectory(prefix="sand-bench-", dir=SHM) as data:
        process = net.lab.ns("pe").popen(
            "nice", "-n", "-20", "etcd", "--data-dir", os.path.join(data, "etcd"),
            "--logger", "zap", "--log-level", "error",
            "--listen-client-urls", ENDPOINT, "--advertise-client-urls", ENDPOINT,
            "--listen-peer-urls", "http://[::1]:2380", "--initial-cluster",
            "default=http://[::1]:2380", "--initial-advertise-peer-urls", "http://[::1]:2380")
        try:
            yield
        finally:
            end_process(process)


def followed(seconds):
    """Latency over an etcd; None where it is not installed."""
    if not shutil.which("etcd"):
        return None
    with Steering("bench") as net, etcd(net):
        return Control(net, FOLLOWED).latency(seconds, ENDPOINT)


def measure(seconds):
    """Half of the time for latency, half for the rate of updates."""
    with Steering("bench") as net:
        control = Control(net)
        latency = control.latency(seconds / 6)
        put = control.latency(seconds / 6, ENDPOINT)
        control.populate()
        throughput = control.throughput(seconds / 2)
    return {"latency": latency, "latency_put": put, "latency_etcd": followed(seconds / 6),
            "throughput": throughput}
