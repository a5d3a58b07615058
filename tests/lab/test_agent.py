# SPDX-License-Identifier: GPL-2.0-or-later
"""san-agent against real sand processes, with real load in real cgroups."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from agents import AGENT, AgentProcess
from netns import wait_for
from steering import SERVICE, Steering

TTL_S = 2
BURN = "while True: pass"


# --- cgroups ----------------------------------------------------------------------------------------
def hierarchies():
    """Mount points by controller: v1, or v2 where it has the controllers."""
    found = {}
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            left, right = line.rstrip("\n").split(" - ")
            where, (kind, _, options) = left.split()[4], right.split(" ", 2)
            if kind == "cgroup":
                for name in set(options.split(",")) & {"cpu", "cpuacct", "memory"}:
                    found.setdefault(name, where)
            elif kind == "cgroup2":
                with open(f"{where}/cgroup.controllers", encoding="utf-8") as file:
                    for name in set(file.read().split()) & {"cpu", "memory"}:
                        found.setdefault(name, where)
    return found


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Cgroup:
    """A group of this test in every hierarchy, with a quota of 20 % of a core."""

    def __init__(self, name):
        self.path = f"sand-agent-{os.getpid()}-{name}"
        self.roots = hierarchies()
        self.processes = []

    def __enter__(self):
        if not {"cpu", "memory"} <= set(self.roots):
            pytest.skip("no cgroup hierarchy with cpu and memory is mounted")
        for root in set(self.roots.values()):
            if os.path.exists(f"{root}/cgroup.subtree_control"):
                write(f"{root}/cgroup.subtree_control", "+cpu +memory")
            os.makedirs(f"{root}/{self.path}", exist_ok=True)
        cpu = f"{self.roots['cpu']}/{self.path}"
        if os.path.exists(f"{cpu}/cpu.cfs_quota_us"):
            write(f"{cpu}/cpu.cfs_quota_us", "20000")
        else:
            write(f"{cpu}/cpu.max", "20000 100000")
        return self

    def __exit__(self, *_):
        self.calm()
        for root in set(self.roots.values()):
            wait_for(lambda where=f"{root}/{self.path}": self.remove(where), "empty cgroup")

    @staticmethod
    def remove(where):
        try:
            os.rmdir(where)
        except OSError:
            return not os.path.isdir(where)
        return True

    def burn(self):
        """Real CPU load in the group."""
        proc = subprocess.Popen(["sh", "-c", "read go && exec " + sys.executable + f" -c '{BURN}'"],
                                stdin=subprocess.PIPE)
        self.processes.append(proc)
        for root in set(self.roots.values()):
            write(f"{root}/{self.path}/cgroup.procs", str(proc.pid))
        proc.stdin.write(b"go\n")
        proc.stdin.close()

    def calm(self):
        for proc in self.processes:
            proc.kill()
            proc.wait()
        self.processes = []


# --- the agent ----------------------------------------------------------------------------------------
class Agent(AgentProcess):
    """One of the gateway gw."""

    def __init__(self, net, name, conf):
        super().__init__(net.run_dir, name, net.lab.ns("gw").popen)
        self.net = net
        self.name = name
        self.write(conf)

    def write(self, conf):
        write(self.file, json.dumps({
            "agent": self.name, "gateway": "gw", "ttl_s": TTL_S, "interval_ms": 100,
            "gateway_server": f"unix:{self.net.directory('gw')}/api.sock",
            "servers": [f"unix:{self.net.directory('pe')}/api.sock"], **conf}))


def instance(net, host, name):
    status, answer = net.call(host, "GET", f"/v1/services/{SERVICE}/instances/{name}")
    return answer if status == 200 else None


def attribute(net, host, name, attr):
    found = instance(net, host, name)
    return found and found["attributes"].get(attr, {}).get("value")


def spec(name, **more):
    return {"service": SERVICE, "name": name, "address": "2001:db8:2a::2", **more}


@pytest.fixture(name="net", scope="module")
def network():
    with Steering("agent") as net:
        net.start("gw")
        net.start("pe")
        yield net


@pytest.fixture(name="group")
def cgroup(request):
    with Cgroup(re.sub(r"\W", "", request.node.name)) as made:
        yield made


def test_real_load_moves_the_entry(net, group):
    net.register("b")
    conf = {"instances": [spec("a", cgroup=group.path, attributes={"site_delay_us": 1000})]}
    with Agent(net, "load", conf) as agent:
        wait_for(lambda: attribute(net, "pe", "a", "cpu_load") == 0, "an idle load of 0")
        assert attribute(net, "pe", "a", "site_delay_us") == 1000
        assert attribute(net, "pe", "a", "cpu_cores_free") == 0.2  # of the quota
        assert attribute(net, "pe", "a", "mem_load") is not None
        assert instance(net, "pe", "a")["sid"] == instance(net, "gw", "a")["sid"] is not None
        assert attribute(net, "pe", "a", "io_load") is None  # unknown is not zero
        assert agent.log().count("attribute=io_load") == 1
        net.wait_entry("a")
        group.burn()
        wait_for(lambda: attribute(net, "pe", "a", "cpu_load") > 70, "a load above 70 %")
        net.wait_entry("b")
        group.calm()
        net.wait_entry("a")
        assert agent.end(signal.SIGTERM) == 0
        assert not instance(net, "pe", "a") and not instance(net, "gw", "a")
    net.wait_entry("b")
    net.call("pe", "DELETE", f"/v1/services/{SERVICE}/instances/b")


def test_killed_agent_goes_with_its_lease(net):
    with Agent(net, "killed", {"instances": [spec("k", pid=os.getpid())]}) as agent:
        wait_for(lambda: instance(net, "pe", "k"), "registration")
        time.sleep(TTL_S + 1)  # kept alive beyond its lease
        assert instance(net, "pe", "k")
        agent.end(signal.SIGKILL)
        wait_for(lambda: not instance(net, "pe", "k") and not instance(net, "gw", "k"), "lease end")


def test_probe(net):
    site = net.lab.ns("a")
    conf = {"instances": [spec("p", pid=os.getpid(), probe={"tcp": "[2001:db8:2a::2]:80"},
                               probe_interval_ms=50, probe_timeout_ms=500, probe_failures=2)]}
    with Agent(net, "probe", conf) as agent:
        wait_for(lambda: instance(net, "pe", "p"), "registration")
        assert instance(net, "pe", "p")["state"] == "down"  # never seen healthy
        listener = site.popen(sys.executable, "-c", "import socket, time\n"
                              "s = socket.create_server(('::', 80), family=socket.AF_INET6)\n"
                              "time.sleep(60)")
        wait_for(lambda: instance(net, "pe", "p")["state"] == "up", "up")
        listener.kill()
        listener.wait()
        wait_for(lambda: instance(net, "pe", "p")["state"] == "down", "down")
        assert "state=down why=\"connection refused\"" in agent.log()


def test_http_probe(net):
    site = net.lab.ns("a")
    conf = {"instances": [spec("h", pid=os.getpid(), probe_interval_ms=50,
                               probe={"http": "http://[2001:db8:2a::2]:81/health"})]}
    site.popen(sys.executable, "-c", "from http.server import *\n"
               "import socket\n"
               "class S(HTTPServer): address_family = socket.AF_INET6\n"
               "class H(BaseHTTPRequestHandler):\n"
               "    n = 0\n"
               "    def do_GET(self):\n"
               "        H.n += 1\n"
               "        self.send_response(503 if H.n < 4 or self.path != '/health' else 200)\n"
               "        self.end_headers()\n"
               "S(('::', 81), H).serve_forever()", stderr=subprocess.DEVNULL)
    with Agent(net, "http", conf) as agent:
        wait_for(lambda: (instance(net, "pe", "h") or {}).get("state") == "up", "up")
        assert "answers HTTP status 200" in agent.log()


def test_server_that_forgot(net):
    with Agent(net, "forgot", {"instances": [spec("f", pid=os.getpid())]}) as agent:
        wait_for(lambda: instance(net, "pe", "f"), "registration")
        net.stop("pe")
        agent.wait_log("server does not answer")
        shutil.rmtree(f"{net.directory('pe')}/db")
        net.start("pe")
        wait_for(lambda: attribute(net, "pe", "f", "mem_load") is not None, "registration again")
        agent.wait_log("server answers again")
        assert instance(net, "pe", "f")["sid"]


def test_instance_deleted_by_hand(net):
    with Agent(net, "deleted", {"instances": [spec("d", pid=os.getpid())]}):
        wait_for(lambda: instance(net, "pe", "d"), "registration")
        net.call("pe", "DELETE", f"/v1/services/{SERVICE}/instances/d")
        wait_for(lambda: attribute(net, "pe", "d", "mem_load") is not None, "registration again")


def test_reload(net):
    mine = os.getpid()
    keep, old, new = spec("keep", pid=mine), spec("old", pid=mine), spec("new", pid=mine)
    with Agent(net, "reload", {"instances": [keep, old]}) as agent:
        wait_for(lambda: instance(net, "pe", "old") and instance(net, "pe", "keep"), "registration")
        revision = instance(net, "gw", "keep")["sid"]
        write(agent.file, "instances: 3\n")
        agent.proc.send_signal(signal.SIGHUP)
        agent.wait_log("configuration refused, the old one stays")
        assert f"{agent.file}:1" in agent.log()
        agent.write({"instances": [keep], "ttl_s": TTL_S + 1})
        agent.proc.send_signal(signal.SIGHUP)
        agent.wait_log("/ttl_s: cannot change while the agent runs")
        assert instance(net, "pe", "old")
        agent.write({"instances": [keep, new]})
        agent.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: instance(net, "pe", "new") and not instance(net, "pe", "old")
                 and not instance(net, "gw", "old"), "the new configuration")
        assert instance(net, "gw", "keep")["sid"] == revision
        assert agent.log().count("registered with server") == 2  # nobody was disturbed
        agent.write({"instances": [keep, new], "servers": []})
        agent.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: not instance(net, "pe", "new"), "the dropped server is told goodbye")
        assert instance(net, "gw", "new")


class Mute:
    """A server that takes requests and never answers."""

    def __init__(self, path):
        self.path = path
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        self.held = []
        threading.Thread(target=self.hold, daemon=True).start()

    def hold(self):
        while True:
            try:
                self.held.append(self.server.accept()[0])
            except OSError:
                return

    def close(self):
        self.server.close()
        for conn in self.held:
            conn.close()


def test_server_that_hangs(net):
    mute = Mute(f"{net.run_dir}/mute.sock")
    conf = {"instances": [spec("m", pid=os.getpid())], "timeout_ms": 10000,
            "servers": [f"unix:{mute.path}", f"unix:{net.directory('pe')}/api.sock"]}
    try:
        with Agent(net, "hangs", conf) as agent:
            wait_for(lambda: attribute(net, "pe", "m", "mem_load") is not None, "the others are told")
            assert mute.held
            begin = time.monotonic()
            assert agent.end(signal.SIGTERM) == 0
            assert time.monotonic() - begin < 9.5  # not the 10 s of its timeout
            assert "server was not told goodbye" in agent.log()
            assert not instance(net, "pe", "m")
    finally:
        mute.close()


def run_agent(*argv):
    return subprocess.run([AGENT, *argv], capture_output=True, text=True, timeout=20, check=False)


def test_once_and_check(net, group):
    agent = Agent(net, "once", {"instances": [spec("o", cgroup=group.path), spec("n", pidfile="/no")]})
    group.burn()
    done = run_agent("-c", agent.file, "--once")
    assert done.returncode == 0, done.stderr
    one, other = json.loads(done.stdout)
    assert one["attributes"]["cpu_load"] > 20 and one["instance"] == "o"
    assert other["attributes"] == {} and "pid file" in other["unknown"]["cpu_load"]
    done = run_agent("-c", agent.file, "--check")
    assert done.returncode == 0 and "2 instances, 2 servers" in done.stdout


def test_refuses_bad_calls(net):
    agent = Agent(net, "bad", {"instances": []})
    done = run_agent("-c", agent.file, "--check")
    assert done.returncode == 1 and f"{agent.file}:1: /instances: must hold 1..1024" in done.stderr
    assert run_agent("-c", "/nonexistent").returncode == 1
    assert run_agent("--nonsense").returncode == 2
    assert run_agent("--log-level", "loud").returncode == 2
    assert run_agent("extra").returncode == 2
    assert run_agent("--help").returncode == 0
