# SPDX-License-Identifier: GPL-2.0-or-later
"""One database for two sands: served by one of them, lost, restarted, full; and the wall clock."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from netns import run, wait_for
from steering import BIN, GW, PE, SERVICE, Steering

URL = "[2001:db8:1::2]:2379"  # gw's
INSTANCES = f"/v1/services/{SERVICE}/instances"
SHORT = PE.replace("max_age_ms: 3600000", "max_age_ms: 3000")
FROM_PE = SHORT.replace('gateways: [{name: gw, locator: "5f00:0:2::/48"}]\n', "")
MAX_AGE_S = 3
SHIFT = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
/* A wall clock that is wrong by what the file says, from one moment to the next. */
static const volatile long *offset_s;
__attribute__((constructor)) static void init(void)
{
	int fd = open(getenv("SHIFT_FILE"), O_RDONLY);
	offset_s = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
}
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = syscall(SYS_clock_gettime, clock, ts);
	if (offset_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *offset_s;
	return r;
}
int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
time_t time(time_t *out)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (out)
		*out = ts.tv_sec;
	return ts.tv_sec;
}
"""


def served(more="insecure: true"):
    return GW + f"database: {{listen: ['{URL}'], lease_ttl_s: 2, {more}}}\n"


def remote(config=SHORT, scheme="http", more=""):
    return config + f"database: {{endpoints: ['{scheme}://{URL}'], lease_ttl_s: 2{more}}}\n"


class Agent:
    """Two instances under one lease at gw, told again and again, whatever answers."""

    def __init__(self, net, lease_host="gw"):
        self.net, self.host = net, lease_host
        self.cpu = {"a": 1, "b": 1}
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        status, answer = self.net.call(self.host, "PUT", "/v1/agents/site", {"ttl_s": 3})
        assert status in (200, 201), answer
        for name, delay in (("a", 1000), ("b", 9000)):
            status, got = self.net.call(self.host, "PUT", f"{INSTANCES}/{name}", {
                "gateway": "gw", "address": f"2001:db8:2{name}::2", "lease": answer["lease"],
                "attributes": {"site_delay_us": delay, "cpu_load": 1}})
            assert status in (200, 201), got
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def work(self):
        while not self.stopping.wait(0.4):
            try:
                self.net.call(self.host, "POST", "/v1/agents/site/keepalive")
                for name, cpu in self.cpu.items():
                    self.net.call(self.host, "PATCH", f"{INSTANCES}/{name}/status",
                                  {"cpu_load": cpu, "site_delay_us": {"a": 1000, "b": 9000}[name]})
            except OSError:
                pass


def kill_all(net, host):
    """kill -9 of all three processes."""
    parent = net.daemons.pop(host)
    child = net.child_of(parent.pid)
    keeper = net.keeper_of(parent.pid)
    for pid in (child, keeper, parent.pid):
        os.kill(pid, signal.SIGKILL)
    parent.wait()


class Pair(Steering):
    """pe and gw over one database, gw's unless said otherwise."""

    def keeper_of(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return int(file.read().split()[0])

    def child_of(self, pid):
        return self.keeper_of(self.keeper_of(pid))

    def status(self, host="pe"):
        return self.call(host, "GET", "/v1/status")[1]

    def spawn_sand(self, host, env=None):
        """Without waiting until it is ready."""
        with open(f"{self.run_dir}/{host}.log", "ab") as log:
            self.daemons[host] = self.lab.ns(host).popen(*self.argv(host), stderr=log, stdout=log,
                                                         **({"env": env} if env else {}))
        wait_for(lambda: self.answers(host), f"REST of {host}")

    def answers(self, host):
        try:
            return self.call(host, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    def ctl(self, host, *argv):
        return subprocess.run([f"{BIN}/sanctl", "--server", f"unix:{self.directory(host)}/api.sock",
                               *argv], capture_output=True, text=True, timeout=30, check=False)

    def etcdctl(self, *argv):
        return self.lab.ns("pe").run("env", "ETCDCTL_API=3", "etcdctl", "--endpoints",
                                     f"http://{URL}", *argv, timeout=20)

    def wait_fresh(self, host="pe", timeout_s=30.0):
        wait_for(lambda: self.status(host)["stale"] is False, f"{host} in sync", timeout_s)


@pytest.fixture(name="net")
def pair():
    with Pair("database") as net:
        net.configs = {"gw": served(), "pe": remote()}
        yield net


def start_both(net):
    net.start("gw")
    net.start("pe")


def test_register_here_entry_there(net):
    start_both(net)
    with Agent(net):
        net.wait_entry("a")
        got = net.status()["database"]
        assert got["mode"] == "remote" and got["connected"] and got["keys"] is None, got
        got = net.status("gw")["database"]
        assert got["mode"] == "served" and got["server"]["watches"] > 0, got
        gateways = net.call("pe", "GET", "/v1/gateways")[1]["items"]
        assert gateways[0]["sid"] == "5f00:0:2::1", "what gw says of itself, not what pe configures"
        # a plain etcd client steers traffic
        assert "/san/status/0x101/a/cpu_load" in net.etcdctl("get", "--prefix", "/san/", "--keys-only")
        agent_key = f"/san/status/{SERVICE}/a/state"
        net.etcdctl("put", agent_key, "draining")
        net.wait_entry("b")
        with net.udp("a", "b", pps=500) as flow:
            wait_for(lambda: len(flow.got["b"]) > 50, "traffic goes to b")
            assert not flow.lost() and not flow.got["a"]
        net.etcdctl("del", agent_key)
        net.wait_entry("a")
    history = json.loads(net.ctl("pe", "--json", "history", SERVICE).stdout)["items"]
    assert [c["to"]["instance"] for c in history if c["to"]][-3:] == ["a", "b", "a"]
    wait_for(lambda: not net.call("pe", "GET", INSTANCES)[1]["items"], "the agent's lease ends")


def test_server_killed_forwarding_goes_on(net):
    start_both(net)
    with Agent(net) as agent:
        net.wait_entry("a")
        with net.udp("a", "b", pps=500) as flow:
            kill_all(net, "gw")
            wait_for(lambda: net.status()["stale"], "stale is shown")
            assert net.call("pe", "GET", "/healthz")[1]["status"] == "degraded"
            time.sleep(MAX_AGE_S + 2)  # values would be too old, the lease over
            got = net.status()
            assert got["stale"] and not got["database"]["connected"] and got["database"]["why"]
            assert got["database"]["lost_s"] > MAX_AGE_S
            assert any("not reached" in text for text in got["warnings"]), got["warnings"]
            assert net.entry()["instance"] == "a" and net.entry()["changes"] == 1
            ages = net.call("pe", "GET", f"{INSTANCES}/a")[1]["attributes"]
            assert ages["cpu_load"]["age_s"] > MAX_AGE_S, "ages are told though nothing follows"
            assert net.call("pe", "PUT", f"/v1/services/0x200", {"name": "x"})[0] in (503, 504)
            net.start("gw")
            net.wait_fresh()
            agent.cpu["a"] = 95
            net.wait_entry("b")
            seen = len(flow.got["a"]) + len(flow.got["b"])
            wait_for(lambda: len(flow.got["a"]) + len(flow.got["b"]) > seen + 50, "still forwarding")
            assert not flow.lost()
    log = net.log("pe")
    assert log.count("database lost") == 1 and log.count("database in sync") == 2, log


def test_crashed_child_of_the_server_comes_back(net):
    start_both(net)
    with Agent(net) as agent:
        net.wait_entry("a")
        os.kill(net.child("gw"), signal.SIGKILL)
        wait_for(lambda: net.status()["database"]["reconnects"] > 0, "connected again")
        net.wait_fresh()
        agent.cpu["a"] = 95
        net.wait_entry("b")


def test_away_at_start(net):
    """REST answers, nothing is planned, what is pinned forwards; then all comes by itself."""
    start_both(net)
    with Agent(net):
        net.wait_entry("a")
        with net.udp("a", pps=500) as flow:
            kill_all(net, "gw")
            net.stop("pe")
            net.spawn_sand("pe")
            got = net.status()
            assert got["stale"] and not got["ready"] and got["database"]["mode"] == "remote"
            status, answer = net.call("pe", "GET", "/readyz")
            assert status == 503 and "database" in answer["reason"]
            wait_for(lambda: "database not reached" in net.log("pe"), "it is in the log")
            net.start("gw")
            wait_for(lambda: net.ready("pe"), "pe ready")
            net.wait_entry("a")
            assert not flow.lost()


def test_gateway_that_dies_leaves_with_its_lease(net):
    """pe serves; gw holds what it says of itself under its own lease."""
    listen = "[2001:db8:1::1]:2379"
    net.configs["pe"] = FROM_PE + f"database: {{listen: ['{listen}'], insecure: true}}\n"
    net.configs["gw"] = GW + f"database: {{endpoints: ['http://{listen}'], lease_ttl_s: 2}}\n"
    net.start("pe")
    net.start("gw")
    known = lambda: [g["name"] for g in net.call("pe", "GET", "/v1/gateways")[1]["items"]]
    assert known() == ["gw"]
    time.sleep(3)
    assert known() == ["gw"], "it is kept alive"
    kill_all(net, "gw")
    wait_for(lambda: not known(), "the lease ends", 2 + 1)
    net.start("gw")
    assert known() == ["gw"]


def test_registered_again_where_it_was_lost(net):
    """What is configured comes back when the database returns without it."""
    start_both(net)
    kill_all(net, "gw")
    shutil.rmtree(f"{net.directory('gw')}/db")
    net.start("gw")
    wait_for(lambda: net.call("gw", "GET", f"/v1/services/{SERVICE}")[0] == 200,
             "the service is registered again")
    net.wait_fresh()


def certificates(directory):
    """A CA, and a certificate for both ends."""
    def path(name):
        return f"{directory}/{name}"

    def tool(*argv):
        run("certtool", *argv, timeout=60)
    templates = {
        "ca": "cn = lab\nca\ncert_signing_key\nexpiration_days = 2\n",
        "host": "cn = gw\ntls_www_server\ntls_www_client\nip_address = 2001:db8:1::2\nsigning_key\n"
                "expiration_days = 2\n"}
    for name, text in templates.items():
        with open(path(f"{name}.cfg"), "w", encoding="utf-8") as file:
            file.write(text)
        tool("--generate-privkey", "--key-type", "ecdsa", "--outfile", path(f"{name}.key"))
    tool("--generate-self-signed", "--load-privkey", path("ca.key"), "--template", path("ca.cfg"),
         "--outfile", path("ca.pem"))
    tool("--generate-certificate", "--load-privkey", path("host.key"), "--load-ca-certificate",
         path("ca.pem"), "--load-ca-privkey", path("ca.key"), "--template", path("host.cfg"),
         "--outfile", path("host.pem"))
    shutil.chown(path("host.key"), "nobody")


def test_mutual_tls(net):
    directory = f"{net.run_dir}/tls"
    os.makedirs(directory)
    certificates(directory)
    files = f"tls: {{ca: {directory}/ca.pem, cert: {directory}/host.pem, key: {directory}/host.key}}"
    net.configs = {"gw": served(files), "pe": remote(scheme="https", more=f", {files}")}
    start_both(net)
    with Agent(net):
        net.wait_entry("a")
    net.stop("pe")
    net.configs["pe"] = remote(scheme="https", more=f", tls: {{ca: {directory}/ca.pem}}")
    net.spawn_sand("pe")
    wait_for(lambda: "database not reached" in net.log("pe"), "no certificate, no database")
    assert not net.status()["database"]["connected"]


@pytest.fixture(name="etcd")
def real_etcd(net):
    """In pe's namespace, by name; with users."""
    data = f"{net.run_dir}/etcd"
    url = "http://localhost:2379"
    with open(f"{net.run_dir}/etcd.log", "ab") as log:
        proc = net.lab.ns("pe").popen("etcd", "--data-dir", data, "--listen-client-urls", url,
                                      "--advertise-client-urls", url, "--listen-peer-urls",
                                      "http://localhost:2380", stdout=log, stderr=log)

    def ctl(*argv):
        return net.lab.ns("pe").run("env", "ETCDCTL_API=3", "etcdctl", "--endpoints", url, *argv,
                                    timeout=20)

    def healthy():
        try:
            return ctl("endpoint", "health") or True
        except Exception:  # pylint: disable=broad-except
            return False
    try:
        wait_for(healthy, "etcd")
        yield ctl
    finally:
        proc.terminate()
        proc.wait(10)


def test_real_etcd_by_name_with_password(net, etcd):
    for argv in (("user", "add", "root:rootpw"), ("user", "grant-role", "root", "root"),
                 ("user", "add", "sand:secret"), ("role", "add", "sand"),
                 ("role", "grant-permission", "sand", "--prefix=true", "readwrite", "/lab/san/"),
                 ("user", "grant-role", "sand", "sand"), ("auth", "enable")):
        etcd(*argv)
    password = f"{net.run_dir}/password"
    with open(password, "w", encoding="utf-8") as file:
        file.write("secret\n")
    os.chmod(password, 0o644)
    net.configs["pe"] = SHORT + ("database: {endpoints: ['http://localhost:2379'], prefix: /lab/san, "
                                 f"user: sand, password_file: {password}}}\n")
    status, log = net.refuse("pe")
    assert status == 78 and "/database/password_file" in log and "chmod" in log, log
    os.chmod(password, 0o600)
    shutil.chown(password, "nobody")
    net.start("pe")
    user = ("--user", "sand:secret")
    etcd(*user, "put", "/lab/san/status/0x101/a/gateway", "gw")
    etcd(*user, "put", "/lab/san/status/0x101/a/sid", "5f00:0:2:100::")
    etcd(*user, "put", "/lab/san/status/0x101/a/address", "2001:db8:2a::2")
    for name in ("site_delay_us", "cpu_load"):
        etcd(*user, "put", f"/lab/san/status/0x101/a/{name}", "1")
    net.wait_entry("a")
    assert "2001:db8:5::101" in etcd(*user, "get", "/lab/san/services/0x101")


def test_wall_clock_moves_by_an_hour(net, tmp_path):
    (tmp_path / "shift.c").write_text(SHIFT)
    offset = tmp_path / "offset"
    run("gcc", "-O2", "-shared", "-fPIC", "-o", f"{tmp_path}/shift.so", f"{tmp_path}/shift.c")

    def shift(hours):
        # in place: it is mapped
        with open(offset, "r+b" if offset.exists() else "wb") as file:
            file.write((hours * 3600).to_bytes(8, "little", signed=True))
    shift(0)
    env = {**os.environ, "LD_PRELOAD": f"{tmp_path}/shift.so", "SHIFT_FILE": str(offset)}
    for host in ("gw", "pe"):
        net.spawn_sand(host, env)
        wait_for(lambda h=host: net.ready(h), f"{host} ready")
    with Agent(net):
        net.wait_entry("a")
        with net.udp("a", "b", pps=500) as flow:
            for hours in (1, -1):
                shift(hours)
                time.sleep(MAX_AGE_S + 1)
                assert net.entry()["changes"] == 1, net.ctl("pe", "history", SERVICE).stdout
                got = net.call("pe", "GET", f"{INSTANCES}/a")[1]["attributes"]
                assert 0 <= got["cpu_load"]["age_s"] < MAX_AGE_S, got
                assert net.status()["stale"] is False
                wanted = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() + hours * 3600))
                net.call("gw", "PUT", "/v1/services/0x300", {"name": f"at{hours + 2}"})
                assert net.log("gw").splitlines()[-1].startswith(wanted), "the clock was moved"
            assert not flow.lost()


def test_disk_full(net):
    """Read-only, told everywhere; reads, watches and forwarding go on."""
    state = f"{net.directory('gw')}/db"
    os.makedirs(state)
    run("mount", "-t", "tmpfs", "-o", "size=320k", "sand-test", state)
    try:
        start_both(net)
        with Agent(net):
            net.wait_entry("a")
            with net.udp("a", pps=500) as flow:
                refused = None
                for i in range(3000):
                    status, answer = net.call("gw", "PUT", f"/v1/agents/x{i}",
                                              {"ttl_s": 3600, "host": "h" * 63, "version": "v" * 60})
                    status, answer = net.call("gw", "PUT", f"/v1/services/{0x1000 + i}", {
                        "name": f"filler{i}", "requirements": [
                            {"attribute": f"loss_ppm", "op": "<", "value": 1000 + k}
                            for k in range(8)]}) if status < 300 else (status, answer)
                    if status >= 300:
                        refused = status, answer
                        break
                assert refused and refused[0] in (503, 507), refused
                assert "disk" in refused[1]["detail"], refused
                wait_for(lambda: net.status("gw")["database"]["read_only"], "read-only")
                assert any("no writes" in text for text in net.status("gw")["warnings"])
                assert net.call("gw", "PUT", "/v1/services/0x300", {"name": "x"})[0] in (503, 507)
                status, answer = net.call("pe", "PUT", "/v1/services/0x300", {"name": "x"})
                assert status in (503, 507) and "not stored" in answer["detail"], answer
                assert net.call("gw", "GET", "/v1/services?limit=1")[0] == 200
                assert net.entry()["instance"] == "a"
                assert net.log("gw").count("read-only") == 1, net.log("gw")
                assert not flow.lost()
    finally:
        net.stop("gw")
        run("umount", "-l", state)


def test_snapshot_and_restore(net, tmp_path):
    start_both(net)
    with Agent(net):
        net.wait_entry("a")
        file = tmp_path / "san.snapshot"
        done = net.ctl("pe", "db", "snapshot", str(file))
        assert done.returncode == 0 and "keys saved" in done.stdout, done.stderr
        assert file.stat().st_mode & 0o777 == 0o600
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert lines[0]["sand_snapshot"] == 1 and lines[-1] == {"end": len(lines) - 2}
        net.call("gw", "PUT", "/v1/services/0x200", {"name": "later"})
        net.call("gw", "DELETE", "/v1/paths/pe/gw/be")
        wait_for(lambda: net.entry()["instance"] is None, "no path, no entry")
        done = net.ctl("pe", "db", "restore", "--replace", str(file))
        assert done.returncode == 0, done.stderr
        net.wait_entry("a")
        wait_for(lambda: net.call("pe", "GET", "/v1/services/0x200")[0] == 404, "later is gone")
        assert [i["name"] for i in net.call("pe", "GET", INSTANCES)[1]["items"]] == ["a", "b"], \
            "what lives under a lease was left alone"
        file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
        done = net.ctl("pe", "db", "restore", "--replace", str(file))
        assert done.returncode == 1 and "not whole" in done.stderr, done.stderr
    # values of which one message of the database's protocol holds four: one transaction each, and
    # pages that are made smaller
    value = "v" * 900000
    lines = [{"sand_snapshot": 1, "revision": 1}]
    lines += [{"key": f"/san/zz/{i}", "value": value} for i in range(9)] + [{"end": 9}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = net.ctl("pe", "db", "restore", str(file))
    assert done.returncode == 0 and "9 keys restored" in done.stdout, done.stderr
    done = net.ctl("pe", "db", "snapshot", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text().count(value) == 9
    done = net.ctl("pe", "db", "get", "--prefix", "/san/zz/")
    assert done.returncode == 0 and done.stdout.count(value) == 9, done.stderr
    for argv in (("db", "status"), ("db", "get", "/san/services/0x101"), ("db", "compact", "now")):
        assert net.ctl("pe", *argv).returncode == 0
    assert net.ctl("pe", "db", "get", "/san/nothing").returncode == 4
