# SPDX-License-Identifier: GPL-2.0-or-later
"""san-agent on a status database in etcd's protocol: sand's embedded server, and a real etcd.

Traffic on loopback only. Numbers: SAND_SOAK=1.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from agents import AgentProcess
from netns import wait_for
from steering import BIN, SERVICE
from test_agent import Cgroup
from test_database import Pair, certificates, remote, served

SERVE = os.path.join(BIN, os.pardir, "tests", "db", "serve")
TTL_S = 2
A = "/san/status/0x101/a/"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# --- databases --------------------------------------------------------------------------------------
class Database:
    """A server of the database on a port of its own; start() again = the same data."""

    def __init__(self, directory, command):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = directory
        self.command = command
        self.proc = None

    def start(self):
        self.proc = subprocess.Popen(self.command(self), stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        wait_for(lambda: self.ctl("get", "x", check=False).returncode == 0, "the database")

    def stop(self, sig=signal.SIGTERM):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(sig)
            self.proc.wait(10)

    def ctl(self, *args, check=True):
        return subprocess.run(["etcdctl", "--endpoints", self.url, "--command-timeout=3s", *args],
                              env={**os.environ, "ETCDCTL_API": "3"}, check=check, timeout=20,
                              capture_output=True, text=True)

    def all(self, prefix="/san/"):
        """key -> value, lease"""
        found = json.loads(self.ctl("get", "--prefix", prefix, "-w", "json").stdout)
        return {decode(kv["key"]): (decode(kv.get("value", "")), kv.get("lease", 0))
                for kv in found.get("kvs", [])}

    def value(self, key):
        return self.all(key).get(key, (None, 0))[0]

    def revision(self):
        return json.loads(self.ctl("get", "x", "-w", "json").stdout)["header"]["revision"]


def decode(text):
    import base64  # pylint: disable=import-outside-toplevel
    return base64.b64decode(text).decode()


def serve_command(db):
    return [SERVE, db.directory, f"127.0.0.1:{db.port}"]


def etcd_command(db):
    peer = f"http://127.0.0.1:{free_port()}"
    return ["etcd", "--name", "a", "--data-dir", db.directory, "--listen-client-urls", db.url,
            "--advertise-client-urls", db.url, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", f"a={peer}"]


@pytest.fixture(name="db", params=["serve", "etcd"])
def database(request, tmp_path):
    if not shutil.which("etcdctl") or (request.param == "etcd" and not shutil.which("etcd")):
        pytest.skip("etcd is not installed")
    made = Database(str(tmp_path / "data"),
                    serve_command if request.param == "serve" else etcd_command)
    os.mkdir(made.directory, 0o700)
    made.start()
    yield made
    made.stop(signal.SIGKILL)


# Where etcd could not make a difference
SERVED = pytest.mark.parametrize("db", ["serve"], indirect=True)


# --- agents -----------------------------------------------------------------------------------------
class Agent(AgentProcess):
    """One that writes to a database."""

    def __init__(self, tmp_path, db, file="agent", popen=None, **conf):
        super().__init__(tmp_path, file,
                         popen or (lambda *argv, **how: subprocess.Popen(argv, **how)))
        self.conf = {"agent": "site2", "gateway": "gw2", "ttl_s": TTL_S, "interval_ms": 100,
                     "database": {"endpoints": [db and db.url], "deadline_ms": 500},
                     "instances": [spec("a")], **conf}
        self.write()

    def write(self, **conf):
        self.conf.update(conf)
        with open(self.file, "w", encoding="utf-8") as out:
            json.dump(self.conf, out)


def spec(name, **more):
    return {"service": "0x101", "name": name, "address": "2001:db8:2a::2", "pid": os.getpid(),
            **more}


def registered(db):
    return db.value(A + "address") == "2001:db8:2a::2"


# --- tests ------------------------------------------------------------------------------------------
def test_registers_and_leaves(tmp_path, db):
    conf = {"instances": [spec("a", attributes={"site_delay_us": 1000}, sid="5f00:0:2:100::"),
                          spec("b", address="10.2.0.5")]}
    with Agent(tmp_path, db, **conf) as agent:
        wait_for(lambda: db.value(A + "cpu_load") is not None, "values")
        found = db.all()
        name = json.loads(found["/san/agents/site2"][0])
        assert set(name) >= {"host", "version", "started"}
        assert found[A + "gateway"][0] == "gw2"
        assert found[A + "sid"][0] == "5f00:0:2:100::"
        assert found[A + "site_delay_us"][0] == "1000"
        assert found["/san/status/0x101/b/address"][0] == "10.2.0.5"
        assert A + "io_load" not in found and A + "state" not in found
        assert len({lease for _, lease in found.values()}) == 1  # all under the agent's
        assert agent.end(signal.SIGTERM) == 0
        assert not db.all()  # revoked, not ended with its time
    assert agent.log().count('msg="registered"') == 1


def test_killed_agent_goes_with_its_lease(tmp_path, db):
    with Agent(tmp_path, db) as agent:
        wait_for(lambda: registered(db), "registration")
        time.sleep(TTL_S + 1)  # kept alive beyond its lease
        assert registered(db)
        agent.end(signal.SIGKILL)
        wait_for(lambda: not db.all(), "the lease's end")


@SERVED
def test_second_agent_of_the_name(tmp_path, db):
    with Agent(tmp_path, db) as first:
        wait_for(lambda: registered(db), "registration")
        before = db.all()
        other = {"instances": [spec("z")]}
        with Agent(tmp_path, db, file="second", **other) as second:
            second.wait_log("another agent of this name")
            time.sleep(TTL_S)
            assert second.log().count("another agent of this name") == 1  # said once
            now = db.all()
            assert {lease for _, lease in now.values()} == {before["/san/agents/site2"][1]}
            assert "/san/status/0x101/z/address" not in now
            first.end(signal.SIGTERM)
            wait_for(lambda: db.value("/san/status/0x101/z/address"), "the second's turn")
            assert not db.value(A + "address")


def test_revoked_lease(tmp_path, db):
    with Agent(tmp_path, db) as agent:
        wait_for(lambda: registered(db), "registration")
        lease = db.all()["/san/agents/site2"][1]
        db.ctl("lease", "revoke", f"{lease:x}")
        wait_for(lambda: registered(db), "registration anew")
        wait_for(lambda: db.value(A + "cpu_load") is not None, "values")
        assert db.all()["/san/agents/site2"][1] not in (0, lease)
        agent.wait_log("lease was lost")


def test_deleted_keys(tmp_path, db):
    with Agent(tmp_path, db, max_age_ms=500) as agent:
        wait_for(lambda: db.value(A + "mem_load") is not None, "values")
        db.ctl("del", "/san/agents/site2")
        wait_for(lambda: db.value("/san/agents/site2"), "the name")
        agent.wait_log("not ours any more")
        db.ctl("del", "--prefix", A)
        wait_for(lambda: registered(db) and db.value(A + "gateway") == "gw2", "the instance")
        # An operator's mark stays.
        db.ctl("put", A + "state", "draining")
        time.sleep(1)
        assert db.value(A + "state") == "draining"


def test_probe_and_draining(tmp_path, db):
    with socket.socket() as site:
        site.bind(("127.0.0.1", 0))
        port = site.getsockname()[1]
        probe = {"probe": {"tcp": f"127.0.0.1:{port}"}, "probe_interval_ms": 50,
                 "probe_failures": 2}
        with Agent(tmp_path, db, instances=[spec("a", **probe)]):
            wait_for(lambda: db.value(A + "state") == "down", "down")  # never healthy
            site.listen()
            wait_for(lambda: db.value(A + "state") == "up", "up")
            db.ctl("put", A + "state", "draining")
            site.close()
            wait_for(lambda: db.value(A + "state") == "down", "down")
            with socket.socket() as again:
                again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                again.bind(("127.0.0.1", port))
                again.listen()
                wait_for(lambda: db.value(A + "state") == "draining", "draining again")


@SERVED
def test_reload(tmp_path, db):
    with Agent(tmp_path, db, instances=[spec("a"), spec("b")]) as agent:
        wait_for(lambda: db.value("/san/status/0x101/b/cpu_load"), "registration")
        agent.write(instances=[spec("a"), spec("c")])
        agent.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: db.value("/san/status/0x101/c/address"), "the new one")
        wait_for(lambda: not db.all("/san/status/0x101/b/"), "the end of the former one")
        assert registered(db)
        agent.write(database={"endpoints": [db.url], "deadline_ms": 700})
        agent.proc.send_signal(signal.SIGHUP)
        agent.wait_log("restart it")


def test_restarted_server(tmp_path, db):
    with Agent(tmp_path, db, ttl_s=5) as agent:
        wait_for(lambda: registered(db), "registration")
        lease = db.all()["/san/agents/site2"][1]
        db.stop()
        agent.wait_log('msg="database lost"')
        db.start()
        agent.wait_log('msg="database connected"', 2)
        wait_for(lambda: db.value(A + "cpu_load") is not None, "values")
        assert db.all()["/san/agents/site2"][1] == lease  # within its TTL: kept
        before = db.revision()
        wait_for(lambda: db.revision() > before, "values to go on")
        assert agent.log().count('msg="database lost"') == 1


def test_server_away_for_longer_than_the_ttl(tmp_path, db):
    with Agent(tmp_path, db) as agent:
        wait_for(lambda: registered(db), "registration")
        db.stop(signal.SIGKILL)
        agent.wait_log('msg="database lost"')
        time.sleep(TTL_S + 1)
        db.start()
        agent.wait_log('msg="database connected"', 2)
        time.sleep(TTL_S + 1)  # whatever the server thought of the old lease
        found = db.all()
        assert registered(db) and A + "cpu_load" in found
        assert {lease for _, lease in found.values()} == {found["/san/agents/site2"][1]}
        assert agent.log().count('msg="database lost"') == 1
        assert agent.end(signal.SIGTERM) == 0
        assert not db.all()


@SERVED
def test_server_comes_later(tmp_path, db):
    db.stop()
    with Agent(tmp_path, db) as agent:
        agent.wait_log('msg="database not reached"')
        db.start()
        wait_for(lambda: registered(db), "registration")
        assert agent.log().count('msg="database not reached"') == 1


@SERVED
def test_ends_in_time_without_a_server(tmp_path, db):
    with Agent(tmp_path, db) as agent:
        wait_for(lambda: registered(db), "registration")
        db.stop(signal.SIGKILL)
        assert agent.end(signal.SIGTERM) == 0


@SERVED
def test_group_that_is_made_again(tmp_path, db):
    """Its files are kept open: those of the former group say nothing any more."""
    source = {key: value for key, value in spec("a").items() if key != "pid"}
    with Cgroup("again") as group, \
            Agent(tmp_path, db, instances=[{**source, "cgroup": group.path}]) as agent:
        wait_for(lambda: db.value(A + "cpu_load") is not None, "a load")
        for root in set(group.roots.values()):
            os.rmdir(f"{root}/{group.path}")
        agent.wait_log("the cgroup does not exist")
        for root in set(group.roots.values()):
            os.mkdir(f"{root}/{group.path}")
        group.burn()
        wait_for(lambda: float(db.value(A + "cpu_load") or 0) > 20, "a load again")


def test_two_sands_and_an_agent(tmp_path):
    """The gateway gives the SID, the ingress forwards; all of it over mutual TLS."""
    with Pair("agentdb") as net:
        directory = f"{net.run_dir}/tls"
        os.makedirs(directory)
        certificates(directory)
        names = {"ca": f"{directory}/ca.pem", "cert": f"{directory}/host.pem",
                 "key": f"{directory}/host.key"}
        files = "tls: {" + ", ".join(f"{name}: {file}" for name, file in names.items()) + "}"
        net.configs = {"gw": served(files), "pe": remote(scheme="https", more=f", {files}")}
        net.start("gw")
        net.start("pe")
        where = {"endpoints": ["https://[2001:db8:1::2]:2379"], "tls": names}
        with Agent(tmp_path, None, popen=net.lab.ns("gw").popen, gateway="gw", database=where,
                   instances=[spec("a", service=SERVICE)]) as agent:
            net.wait_entry("a")
            status, found = net.call("pe", "GET", f"/v1/services/{SERVICE}/instances/a")
            assert status == 200 and found["sid"] and "cpu_load" in found["attributes"]
            assert agent.end(signal.SIGTERM) == 0
            wait_for(lambda: net.call("pe", "GET", f"/v1/services/{SERVICE}/instances/a")[0] == 404,
                     "the instance's end")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_thousand_instances(tmp_path, db):
    many = [spec(f"i{i}", service=hex(0x101 + i % 4), address=f"2001:db8::{i + 1:x}")
            for i in range(1000)]
    with Agent(tmp_path, db, interval_ms=1000, instances=many) as agent:
        wait_for(lambda: len([k for k in db.all("/san/status/") if k.endswith("/cpu_load")]) == 1000,
                 "1000 instances with values")
        assert not re.search("level=(warning|error).*database", agent.log())
        seconds = 20 if os.environ.get("SAND_SOAK") else 2
        cpu, before = cpu_seconds(agent.proc.pid), time.monotonic()
        time.sleep(seconds)
        used = (cpu_seconds(agent.proc.pid) - cpu) / (time.monotonic() - before)
        print(f"1000 instances, one process: {used:.2%} of a core")
        assert used < 0.25
        agent.end(signal.SIGKILL)
        wait_for(lambda: not db.all("/san/status/"), "the lease's end")
