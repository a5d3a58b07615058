# SPDX-License-Identifier: GPL-2.0-or-later
"""sanctl against a real sand: what it prints, what it changes, its exit statuses."""

import json
import os
import signal
import socket
import stat
import subprocess

import pytest

from netns import wait_for
from steering import BIN, SERVICE, Steering

OK, REFUSED, USAGE, UNREACHABLE, NOT_FOUND = range(5)


class Sanctl:
    def __init__(self, net):
        self.net = net
        self.env = {**os.environ, "SANCTL_SERVER": f"unix:{net.directory('pe')}/api.sock"}

    def __call__(self, *argv, status=OK, text=None):
        done = subprocess.run([f"{BIN}/sanctl", *argv], capture_output=True, text=True, timeout=20,
                              check=False, env=self.env, input=text)
        assert done.returncode == status, f"{argv}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout if status == OK else done.stderr

    def json(self, *argv):
        return json.loads(self("--json", *argv))


@pytest.fixture(name="net", scope="module")
def network():
    with Steering("sanctl") as net:
        net.start("gw")
        net.start("pe")
        for name in ("a", "b"):
            net.register(name)
        net.wait_entry("a")
        yield net


@pytest.fixture(name="ctl")
def sanctl(net):
    return Sanctl(net)


def test_status(ctl):
    assert "ready        true" in ctl("status")
    assert ctl.json("status")["name"] == "pe"


def test_service_life(ctl, tmp_path):
    assert ctl("service", "put", "0x200", "name=web") == "service 0x200 created, revision " + \
        str(ctl.json("service", "get", "512")["revision"]) + "\n"
    (tmp_path / "web.yaml").write_text("name: web2\naffinity: flow\nhysteresis: {margin: 10}\n")
    assert "replaced" in ctl("service", "put", "0x200", "-f", str(tmp_path / "web.yaml"), "name=web3")
    got = ctl.json("service", "get", "0x200")
    assert (got["name"], got["affinity"], got["hysteresis"]["margin"]) == ("web3", "flow", 10)
    assert "changed" in ctl("service", "set", "0x200", "hysteresis.margin=20")
    assert "changed" in ctl("service", "patch", "0x200", "-f", "-", text='{"affinity": "none"}')
    got = ctl.json("service", "get", "0x200")
    assert (got["name"], got["affinity"], got["hysteresis"]["margin"]) == ("web3", "none", 20)
    lines = ctl("service", "list").splitlines()
    assert lines[0].split()[:2] == ["ID", "NAME"]
    assert any(line.startswith("0x200  web3") for line in lines)
    assert ctl("service", "delete", "0x200") == "service 0x200 deleted\n"
    assert "0x200" in ctl("service", "get", "0x200", status=NOT_FOUND)
    ctl("service", "delete", "0x200", status=NOT_FOUND)


def test_refusal_names_field_and_value(ctl):
    text = ctl("service", "set", SERVICE, "hysteresis.margin=5000", status=REFUSED)
    assert "/hysteresis/margin" in text and "5000" in text and "1000" in text
    assert "affinity" in ctl("service", "set", SERVICE, "affinity=sticky", status=REFUSED)


def test_gateway_path_network(ctl):
    ctl("gateway", "put", "gw9", "locator=5f00:0:9::/48")
    assert ctl.json("gateway", "get", "gw9")["locator"] == "5f00:0:9::/48"
    ctl("gateway", "set", "gw9", "address=2001:db8:f::9")
    assert "gw9" in ctl("gateway", "list")
    ctl("path", "put", "pe/gw9/via", "kind=policy", 'segments=["5f00:0:1::1"]')
    ctl("network", "set", "pe/gw9/via", "delay_us=1200", "loss_ppm=0")
    assert ctl.json("network", "get", "pe/gw9/via")["delay_us"]["value"] == 1200
    assert "delay_us=1200" in ctl("path", "list") and "loss_ppm=0" in ctl("network", "list")
    ctl("network", "set", "pe/gw9/via", "loss_ppm=null")
    assert "loss_ppm" not in ctl.json("network", "get", "pe/gw9/via")
    ctl("path", "delete", "pe/gw9/via")
    ctl("gateway", "delete", "gw9")
    ctl("path", "get", "pe/gw9/via", status=NOT_FOUND)


def test_instances(ctl):
    assert len(ctl.json("instance", "list")["items"]) >= 2
    assert [i["name"] for i in ctl.json("instance", "list", SERVICE)["items"]] == ["a", "b"]
    ctl("instance", "set", SERVICE, "b", "cpu_load=12.5")
    assert ctl.json("instance", "get", SERVICE, "b")["attributes"]["cpu_load"]["value"] == 12.5
    assert "cpu_load=12.5" in ctl("instance", "list", SERVICE)
    ctl("instance", "put", "0x300", "x", "gateway=gw", "address=2001:db8::9", "sid=5f00:0:2:999::")
    ctl("instance", "delete", "0x300", "x")


def test_draining_moves_the_entry(ctl, net):
    ctl("instance", "state", SERVICE, "a", "draining")
    net.wait_entry("b")
    text = ctl("explain", SERVICE)
    assert "instance is draining" in text and "selected: b at gw by be" in text
    ctl("instance", "state", SERVICE, "a", "up")
    net.wait_entry("a")
    assert "state" in ctl("instance", "state", SERVICE, "a", "tired", status=REFUSED)


def test_explain_says_everything(ctl):
    text = ctl("explain", SERVICE)
    assert "selected: a at gw by be, metric" in text
    for word in ("delay_us", "microseconds", "ramp", "cpu_load", "AGE", "SCORE", "WEIGHT", "#1  a",
                 "#2  b", "history, the newest first:"):
        assert word in text, word
    assert ctl.json("explain", SERVICE)["candidates"][0]["rank"] == 1
    ctl("explain", "0x999", status=NOT_FOUND)


def test_views(ctl, net):
    assert "a         gw       be" in ctl("entry", "list")
    wait_for(lambda: ctl.json("entry", "get", SERVICE)["nexthop"]["state"] == "resolved", "next hop")
    assert "resolved" in ctl("nexthop", "list")
    ctl("sid", "list")
    assert "REASON" in ctl("stats")
    gw = Sanctl(net)
    gw.env["SANCTL_SERVER"] = f"unix:{net.directory('gw')}/api.sock"
    assert "End.DX6" in gw("sid", "list")


def test_unreachable(ctl):
    assert "is sand running?" in ctl("--server", "/nonexistent.sock", "status", status=UNREACHABLE)
    assert "is sand running?" in ctl("--server", "http://127.0.0.1:1", "status", status=UNREACHABLE)


@pytest.mark.parametrize("argv, text", [
    (["servce", "list"], "did you mean service?"),
    (["service", "lst"], "did you mean list?"),
    (["service", "get"], "arguments are missing: ID"),
    (["service", "get", "0"], "must be 0x101 or 257"),
    (["service", "get", SERVICE, "more"], "one argument too many"),
    (["service", "list", "more"], "one argument too many"),
    (["service", "set", SERVICE], "key=value or -f FILE"),
    (["service", "set", SERVICE, "affinity"], "must be key=value"),
    (["service", "put", SERVICE, "-f", "/nonexistent"], "/nonexistent: cannot be read"),
    (["path", "get", "pe/gw"], "INGRESS/GATEWAY/PATH"),
    (["gateway", "get", "a b"], "[A-Za-z0-9._-]"),
    (["instance", "state", SERVICE, "a"], "up, draining or down"),
    (["--nonsense"], "unknown"),
    (["--watch", "0", "stats"], "1..86400"),
    (["--server", "ftp://x", "status"], "must be unix:/PATH"),
    (["status", "more"], "takes no argument"),
    (["--watch", "1", "entry", "list"], "--watch is for stats"),
    (["--watch", "1", "entry"], "--watch is for stats"),
    (["service", "get", SERVICE, "-f", "x.yaml"], "-f is for put, set and patch"),
])
def test_usage(ctl, argv, text):
    assert text in ctl(*argv, status=USAGE)


def test_no_permission(ctl):
    path = ctl.env["SANCTL_SERVER"][5:]
    done = subprocess.run(["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups",
                           f"{BIN}/sanctl", "--server", path, "status"], capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == UNREACHABLE and "permission denied" in done.stderr, done.stderr


def test_bad_files(ctl):
    assert "standard input" in ctl("service", "put", SERVICE, "-f", "-", status=USAGE, text="[1]")
    assert "line" in ctl("service", "put", SERVICE, "-f", "-", status=USAGE, text='{"a": 1,}')
    ctl("service", "put", SERVICE, "-f", "-", status=USAGE, text="a: 1\na: 2\n")


def test_help(ctl):
    assert "Examples:" in ctl("--help") and "Examples:" in ctl("service", "--help")
    assert "Example:" in ctl("service", "put", "--help") == ctl("help", "service", "put")
    assert ctl("--version").startswith("sanctl ")


def test_completion(ctl):
    assert {"service", "explain"} <= set(ctl("__complete").split())
    assert {"list", "put"} <= set(ctl("__complete", "service").split())
    assert SERVICE in ctl("__complete", "service", "get").split()
    assert ctl("__complete", "instance", "get", SERVICE).split() == ["a", "b"]
    assert ctl("__complete", "instance", "state", SERVICE, "a").split() == ["up", "draining", "down"]
    assert "pe/gw/be" in ctl("__complete", "path", "get").split()
    assert "gw" in ctl("__complete", "gateway", "get").split()
    assert ctl("--server", "/nonexistent", "__complete", "service", "get") == ""
    script = os.path.join(os.path.dirname(BIN), "..", "userspace", "sanctl", "sanctl.bash")
    done = subprocess.run(["bash", "-c", f". {script}; COMP_WORDS=({BIN}/sanctl service ge); "
                           "COMP_CWORD=2; _sanctl; echo ${COMPREPLY[@]}"], capture_output=True,
                          text=True, timeout=20, check=True)
    assert done.stdout == "get\n" and not done.stderr
    # as bash takes it apart, with : and = in COMP_WORDBREAKS
    path = ctl.env["SANCTL_SERVER"][5:]
    for option in (f"--server unix : {path}", f"--server = unix : {path}", f"--server {path}"):
        words = f"{BIN}/sanctl {option} service get 0x"
        done = subprocess.run(["bash", "-c", f". {script}; COMP_WORDS=({words}); "
                               "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sanctl; echo ${COMPREPLY[@]}"],
                              capture_output=True, text=True, timeout=20, check=True,
                              env={**os.environ, "SANCTL_SERVER": "/nonexistent"})
        assert done.stdout == SERVICE + "\n" and not done.stderr, (option, done.stdout, done.stderr)


def test_history(ctl):
    lines = ctl("history", SERVICE).splitlines()
    assert lines[0].split() == ["WHEN", "AGO", "SCOPE", "FROM", "TO", "METRIC", "WHY"]
    assert "nothing" in lines[1] and "a at gw by be" in lines[1]
    assert ctl.json("history", SERVICE)["items"][0]["to"]["gateway"] == "gw"
    ctl("history", "0x999", status=NOT_FOUND)
    ctl("history", status=USAGE)


def test_database(ctl, tmp_path):
    assert "mode: local" in ctl("db", "status") and "mode: local" in ctl("db")
    assert ctl.json("db", "status")["connected"]
    assert ctl("db", "get", "/san/network/pe/gw/be/delay_us") == "/san/network/pe/gw/be/delay_us 5000\n"
    assert "/san/paths/pe/gw/be {" in ctl("db", "get", "--prefix", "/san/paths/")
    assert [kv["key"] for kv in ctl.json("db", "get", "--prefix", "/san/gateways/")] == \
        ["/san/gateways/gw"]
    ctl("db", "get", "/san/nothing", status=NOT_FOUND)
    ctl("db", "get", status=USAGE)
    line = ctl("db", "watch", "/san/network/", "--count", "1")  # told again every 2 s
    assert line.split()[1:] == ["put", "/san/network/pe/gw/be/delay_us", "5000"]
    saved = tmp_path / "saved"
    assert "keys saved" in ctl("db", "snapshot", str(saved))
    assert json.loads(ctl("db", "snapshot", "-").splitlines()[0])["sand_snapshot"] == 1
    ctl("service", "put", "0x201", "name=later")
    assert ", 1 others deleted" in ctl("db", "restore", "--replace", str(saved))
    assert ", 0 others deleted" in ctl("db", "restore", "-", text=saved.read_text())
    ctl("service", "get", "0x201", status=NOT_FOUND)
    assert "line 2" in ctl("db", "restore", "-", status=REFUSED,
                           text='{"sand_snapshot": 1, "revision": 1}\n{"key": "/x", "value": "1"}\n')
    assert "compacted up to" in ctl("db", "compact", "now")
    assert "compacted already" in ctl("db", "compact", "1", status=REFUSED)
    ctl("db", "compact", "soon", status=USAGE)
    ctl("db", "snapshot", "/nowhere/file", status=REFUSED)
    assert "no regular file" in ctl("db", "snapshot", "/dev/null", status=REFUSED)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert "must start with /san/" in ctl("db", "get", "--prefix", "/", status=REFUSED)
    assert "status\nget\nwatch\ncompact\nsnapshot\nrestore\n" in ctl("__complete", "db")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_snapshot_interrupted(tmp_path, signum):
    """A server that begins and does not go on: nothing is left, the old file is whole."""
    saved = tmp_path / "saved"
    saved.write_text("old\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        server.listen(1)
        server.settimeout(10)
        with subprocess.Popen([f"{BIN}/sanctl", "--server", f"unix:{tmp_path}/sock", "db", "snapshot",
                               str(saved)], stderr=subprocess.PIPE, text=True) as process:
            conn, _ = server.accept()
            conn.recv(4096)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                         b"Content-Length: 1000\r\n\r\n{\"sand_snapshot\":1,\"revision\":7}\n")
            assert len(os.listdir(tmp_path)) == 3, "what was begun stands beside the old one"
            process.send_signal(signum)
            _, text = process.communicate(timeout=10)
            conn.close()
    assert process.returncode == UNREACHABLE and "interrupted: nothing was saved" in text, text
    assert sorted(os.listdir(tmp_path)) == ["saved", "sock"]
    assert saved.read_text() == "old\n"
