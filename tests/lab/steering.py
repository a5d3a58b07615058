# SPDX-License-Identifier: GPL-2.0-or-later
"""A small network with real sand processes, for tests of the daemon: client - pe - gw - { a, b }.

    with Steering("kill") as net:
        net.start("gw"); net.start("pe")
        net.register("a"); net.register("b")
        net.wait_entry("a")
        with net.udp("a") as flow: ...
"""

import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from netns import CommandError, Lab, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, "build", "bin")
SERVICE = "0x101"
ADDRESS = "2001:db8:5::101"
SITE_DELAY = {"a": 1000, "b": 9000}  # site delay: a is better

PE = """
name: pe
source: 5f00:0:a::1
interfaces:
  - {name: acc0, role: ingress}
  - {name: core0, role: core}
maps: {services: 64, nexthops: 64, flows: 1024}
services:
  - id: 0x101
    address: 2001:db8:5::101
    affinity: flow
    evaluation: [{attribute: delay_us, curve: {ramp: [0, 100000]}},
                 {attribute: cpu_load, curve: {step: 70}, weight: 0}]
    hysteresis: {margin: 0, hold_ms: 0}
    freshness: {max_age_ms: 3600000}
gateways: [{name: gw, locator: "5f00:0:2::/48"}]
paths: [{ingress: pe, gateway: gw, name: be, kind: be}]
network: [{ingress: pe, gateway: gw, path: be, attributes: {delay_us: 5000}}]
"""

GW = """
name: gw
interfaces: [{name: core0, role: core}]
maps: {services: 16, nexthops: 16, flows: 16}
gateway: {locator: "5f00:0:2::/48", sid: "5f00:0:2::1"}
"""


class UnixHTTP(http.client.HTTPConnection):
    """HTTP to a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


class Steering:
    """The network, its daemons and what they answer."""

    def __init__(self, name, **mtu):
        """mtu: access=, core=, site=."""
        self.mtu = {"access": 1500, "core": 2000, "site": 1500, **mtu}
        self.lab = Lab(name)
        self.run_dir = f"/run/sand-test-{os.getpid()}"
        self.configs = {"pe": PE, "gw": GW}
        self.daemons = {}

    def __enter__(self):
        self.lab.__enter__()
        try:
            os.makedirs(self.run_dir, exist_ok=True)
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in list(self.daemons):
            self.stop(host)
        self.lab.close()
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def build(self):
        client, pe, gw = (self.lab.ns(h) for h in ("client", "pe", "gw"))
        self.lab.veth(client, "eth0", pe, "acc0", mtu=self.mtu["access"])
        self.lab.veth(pe, "core0", gw, "core0", mtu=self.mtu["core"])
        client.ip("addr add 2001:db8:c::2/64 dev eth0 nodad", "route add default via 2001:db8:c::1")
        pe.router()
        gw.router()
        pe.ip("addr add 5f00:0:a::1/128 dev lo nodad", "addr add 2001:db8:c::1/64 dev acc0 nodad",
              "addr add 2001:db8:1::1/64 dev core0 nodad", "route add default via 2001:db8:1::2")
        gw.ip("addr add 2001:db8:1::2/64 dev core0 nodad", "route add default via 2001:db8:1::1")
        for name in SITE_DELAY:
            site = self.lab.ns(name)
            self.lab.veth(gw, f"to_{name}", site, "eth0", mtu=self.mtu["site"])
            gw.ip(f"addr add 2001:db8:2{name}::1/64 dev to_{name} nodad")
            site.ip(f"addr add 2001:db8:2{name}::2/64 dev eth0 nodad", f"addr add {ADDRESS}/128 dev lo nodad",
                    f"route add default via 2001:db8:2{name}::1")

    # --- daemons ------------------------------------------------------------------------------------
    def directory(self, host):
        return f"{self.run_dir}/{host}"

    def argv(self, host, config=None, pins=None):
        path = f"{self.run_dir}/{host}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(config or self.configs[host])
        return [f"{BIN}/sand", "-c", path, "--user", "nobody", "--run-dir", self.directory(host),
                "--state-dir", f"{self.directory(host)}/db",
                "--pin-dir", self.lab.pin_dir(pins or host)]

    def start(self, host, **how):
        log = open(f"{self.run_dir}/{host}.log", "ab")
        proc = self.lab.ns(host).popen(*self.argv(host, **how), stderr=log, stdout=log)
        log.close()
        self.daemons[host] = proc
        wait_for(lambda: self.ready(host), f"sand on {host} ready; log:\n{self.log(host)}")
        return proc

    def ready(self, host):
        if self.daemons[host].poll() is not None:
            raise AssertionError(f"sand on {host} ended: {self.log(host)}")
        try:
            return self.call(host, "GET", "/readyz")[0] == 200
        except OSError:
            return False

    def refuse(self, host, *extra, **how):
        """Starts a sand that must not start: (exit status, log)."""
        done = subprocess.run(self.lab.ns(host).argv(*self.argv(host, **how), *extra), text=True,
                              capture_output=True, timeout=20, check=False)
        return done.returncode, done.stderr

    def stop(self, host, sig=signal.SIGTERM):
        proc = self.daemons.pop(host, None)
        if proc and proc.poll() is None:
            proc.send_signal(sig)
            try:
                proc.wait(10)
            except subprocess.TimeoutExpired:
                proc.kill()
                raise

    def log(self, host):
        with open(f"{self.run_dir}/{host}.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def child(self, host):
        """PID of the deciding process, the parent's grandchild behind the keeper."""
        def only_child(pid):
            with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
                pids = file.read().split()
            return int(pids[0]) if pids else None
        keeper = only_child(self.daemons[host].pid)
        return keeper and only_child(keeper)

    # --- REST -----------------------------------------------------------------------------------------
    def call(self, host, method, path, body=None):
        conn = UnixHTTP(f"{self.directory(host)}/api.sock")
        try:
            text = None if body is None else json.dumps(body)
            conn.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            answer = conn.getresponse()
            data = answer.read()
            return answer.status, json.loads(data) if data else None
        finally:
            conn.close()

    def register(self, name):
        """As an agent does: at the gateway, which allocates the SID, then at the ingress."""
        body = {"gateway": "gw", "address": f"2001:db8:2{name}::2",
                "attributes": {"site_delay_us": SITE_DELAY[name], "cpu_load": 1}}
        url = f"/v1/services/{SERVICE}/instances/{name}"
        status, answer = self.call("gw", "PUT", url, body)
        assert status in (200, 201), answer
        status, answer = self.call("pe", "PUT", url, {**body, "sid": answer["sid"]})
        assert status in (200, 201), answer
        return answer["sid"]

    def load(self, name, percent):
        status, answer = self.call("pe", "PATCH", f"/v1/services/{SERVICE}/instances/{name}/status",
                                   {"cpu_load": percent})
        assert status == 204, answer

    def entry(self):
        return self.call("pe", "GET", f"/v1/entries/{SERVICE}")[1]

    def wait_entry(self, name):
        """The entry names the instance and the plan that says so is applied."""
        def there():
            entry = self.entry()
            return (entry.get("instance") == name and
                    entry["applied_generation"] >= entry["desired_generation"])
        try:
            wait_for(there, f"entry names {name}")
        except CommandError as error:
            raise CommandError(f"{error}\n{self.entry()}\n{self.log('pe')}") from None

    def reasons(self, host="pe"):
        """Packets by reason, all interfaces together."""
        counted = {}
        for row in self.call(host, "GET", "/v1/stats")[1]["reasons"]:
            counted[row["reason"]] = counted.get(row["reason"], 0) + row["packets"]
        return counted

    def map_path(self, host, name):
        """Where a map is pinned."""
        return os.path.join(self.lab.pin_dir(host), "maps", name)

    def routes(self, table):
        """Routes of a table at pe; none when there is no such table."""
        out = self.lab.ns("pe").run("ip", "-j", "-6", "route", "show", "table", str(table), check=False)
        return json.loads(out) if out.rstrip().endswith("]") else []

    def udp(self, *receivers, pps=5000):
        return UdpFlow(self, receivers, pps)


# --- traffic -------------------------------------------------------------------------------------------
def san_option(service):
    """Sticky destination options: the SAN header of profile exp-1, as san-run sets it."""
    return struct.pack("!BBBBBBHQ", 0, 1, 0x1e, 12, 0x10, 0, 0, int(service, 16))


class UdpFlow:
    """Numbered datagrams at a steady rate from the client; receivers count what arrives where."""

    def __init__(self, net, receivers, pps):
        self.net, self.names, self.pps = net, receivers, pps
        self.sent = 0
        self.got = {name: set() for name in receivers}
        self.stopping = threading.Event()
        self.threads = []

    def socket(self, host):
        with self.net.lab.ns(host).inside():
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        return sock

    def __enter__(self):
        for name in self.names:
            sock = self.socket(name)
            sock.bind((ADDRESS, 5000))
            sock.settimeout(0.2)
            self.spawn(self.receive, sock, self.got[name])
        sock = self.socket("client")
        sock.setsockopt(socket.IPPROTO_IPV6, 59, san_option(SERVICE))  # IPV6_DSTOPTS
        sock.connect((ADDRESS, 5000))
        self.sender = self.spawn(self.send, sock)
        wait_for(lambda: any(self.got.values()), "first datagram")
        return self

    def __exit__(self, *_):
        self.end()

    def spawn(self, work, *args):
        thread = threading.Thread(target=work, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def send(self, sock):
        tick = 0.005
        begin = time.monotonic()
        while not self.stopping.is_set():
            due = int((time.monotonic() - begin) * self.pps)
            while self.sent < due:
                sock.send(struct.pack("!Q", self.sent))
                self.sent += 1
            time.sleep(tick)
        sock.close()

    def receive(self, sock, got):
        quiet = 0
        while not (self.stopping.is_set() and quiet > 2):
            try:
                got.add(struct.unpack("!Q", sock.recv(8192)[:8])[0])
                quiet = 0
            except socket.timeout:
                quiet += 1
        sock.close()

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def lost(self):
        """Ends the flow; numbers that arrived nowhere."""
        self.end()
        return set(range(self.sent)) - set().union(*self.got.values())
