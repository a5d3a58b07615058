# SPDX-License-Identifier: GPL-2.0-or-later
"""sanctl nemo against a real sand: check, plan, apply, explain, listen, the shell, tenants."""

import hashlib
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from alto_sand import ADDRESS, authority
from netns import wait_for
from steering import BIN, PE, Steering

OK, REFUSED, USAGE, UNREACHABLE, NOT_FOUND = range(5)
TOKENS = {"acme": "token-of-acme", "zeta": "token-of-zeta"}

SITES = """CREATE CFN Branch Type l2group Property ipv4Prefix: 192.0.2.0/24;
CREATE CFN Head Type l2group Property ipv4Prefix: 198.51.100.0/24;
"""
WEB = """CREATE ServiceFlow web Match src_ip: 192.0.2.0/24, dst_port: 80, proto: "tcp";
CREATE Operation no-web Target web Priority 10 Condition time > "18:00" Action deny;
"""


def nemo_config(directory):
    tenants = "".join(f"    - {{name: {name}, everything: true, "
                      f"token_sha256: {hashlib.sha256(token.encode()).hexdigest()}}}\n"
                      for name, token in TOKENS.items())
    return (f"{PE}nemo:\n  testbed: true\n  listen: [\"[{ADDRESS}]:8444\"]\n"
            f"  tls: {{cert: {directory}/server.pem, key: {directory}/server.key}}\n  tenants:\n{tenants}")


class Sanctl:
    """`ctl("plan", FILE)`: sanctl nemo plan FILE, in pe's namespace; exit status checked."""

    def __init__(self, net, home):
        self.net, self.home = net, str(home)
        self.env = {**os.environ, "HOME": self.home, "SANCTL_SERVER": f"unix:{net.directory('pe')}/api.sock"}

    def argv(self, *words):
        return self.net.lab.ns("pe").argv(f"{BIN}/sanctl", "nemo", *words)

    def run(self, *words, text=None):
        return subprocess.run(self.argv(*words), capture_output=True, text=True, timeout=60, check=False,
                              env=self.env, input=text)

    def __call__(self, *words, status=OK, text=None):
        done = self.run(*words, text=text)
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if status == OK else done.stdout + done.stderr

    def json(self, *words):
        return json.loads(self("--json", *words))

    def revision(self, *words):
        return self.json("status", *words)["revision"]


@pytest.fixture(name="net", scope="module")
def network():
    with Steering("nemoctl") as net:
        directory = f"{net.run_dir}/tls"
        authority(directory)
        os.chmod(net.run_dir, 0o755)
        net.lab.ns("pe").ip(f"addr add {ADDRESS}/128 dev lo nodad")
        net.start("pe", config=nemo_config(directory))
        yield net


@pytest.fixture(name="ctl")
def sanctl(net, tmp_path):
    """Each test begins with nothing in force."""
    ctl = Sanctl(net, tmp_path)
    there = re.findall(r"^(?:CREATE|IMPORT) (\w+) ([\w-]+)", ctl("export"), re.MULTILINE)
    if there:
        deletes = "".join(f"DELETE {kind} {name};\n" for kind, name in reversed(there))
        ctl("apply", "-", text=f"Transaction;\n{deletes}Commit;\n")
    assert ctl("export").strip() == ""
    ctl("clock", "0")
    return ctl


def write(path, text):
    path.write_text(text)
    return str(path)


def test_check_needs_no_server(ctl, tmp_path):
    ctl.env["SANCTL_SERVER"] = "unix:/nonexistent"
    good = write(tmp_path / "good.nemo", SITES + WEB)
    bad = write(tmp_path / "bad.nemo", SITES + "CREATE CFN Branhc Type l2grop;\n")
    assert ctl("check", good) == f"{good}: 4 statements, 0 warnings\n"
    got = ctl.json("check", good)
    assert (got["format"], got["level"], len(got["statements"])) == ("nemo/1", "semantic", 4)
    assert ctl.json("check", "--syntax-only", bad)["level"] == "syntax"
    done = ctl.run("check", bad)
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"{bad}:3:24: error: ") and "did you mean l2group?" in lines[0]
    assert lines[1] == "CREATE CFN Branhc Type l2grop;" and lines[2] == " " * 23 + "^"
    done = ctl.run("--json", "check", bad)
    assert json.loads(done.stdout)["errors"][0]["at"] == "3:24"
    assert ctl.run("check", good, bad).returncode == 1
    assert "standard input: 1 statements" in ctl("check", "-", text="CREATE CFN a Type l2group;")
    assert "cannot be read" in ctl("check", str(tmp_path / "none"), status=USAGE)


def test_plan_apply_rollback(ctl, tmp_path):
    script = write(tmp_path / "a.nemo", SITES)
    begin = ctl.revision()
    told = ctl("plan", script, status=2)
    assert "+ CFN Branch" in told and "2 to create, 0 to update, 0 to delete" in told
    assert ctl.revision() == begin
    assert f"revision {begin + 1} is in force" in ctl("apply", script, "--comment", "two sites")
    assert "nothing to change" in ctl("plan", script)
    export = write(tmp_path / "export.nemo", ctl("export"))
    assert "nothing to change" in ctl("plan", export)
    assert "two sites" in ctl("history").splitlines()[1]
    assert "nothing changed" in ctl("apply", script)
    ctl("apply", "-", text="UPDATE CFN Branch Property ipv4Prefix: 203.0.113.0/24;")
    diff = ctl("diff", str(begin + 1), str(begin + 2))
    assert "~ CFN Branch" in diff and "192.0.2.0/24" in diff and "203.0.113.0/24" in diff
    assert "192.0.2.0/24" in ctl("show", str(begin + 1))
    ctl("rollback")
    assert "192.0.2.0/24" in ctl("export") and ctl.revision() == begin + 3
    assert "kept" in ctl("rollback", "999999", status=NOT_FOUND)


def test_refusals(ctl, tmp_path):
    script = write(tmp_path / "a.nemo", SITES + "CREATE CFN Branch Type l3group;\n")
    for verb in ("plan", "apply"):
        told = ctl(verb, script, status=REFUSED)
        assert f"{script}:3:12: error: " in told and told.splitlines()[1] == "CREATE CFN Branch Type l3group;"
    # right by itself, but there is no such gateway
    told = ctl("apply", "-", text="IMPORT CFN pe9 Type gateway;", status=REFUSED)
    assert "standard input:1:1: error: " in told and "pe9" in told
    revision = ctl.revision()
    good = write(tmp_path / "b.nemo", SITES)
    assert "revision" in ctl("apply", good, "--if-revision", str(revision + 5), status=REFUSED)
    assert ctl("export").strip() == ""
    ctl("apply", good, "--if-revision", str(revision))
    assert "must be a number" in ctl("apply", good, "--if-revision", "x", status=USAGE)
    assert "--confirm is for nemo apply" in ctl("plan", good, "--confirm", "3", status=USAGE)
    assert "configured" in ctl("export", "--tenant", "nobody", status=NOT_FOUND)
    ctl.env["SANCTL_SERVER"] = "unix:/nonexistent"
    ctl("apply", good, status=UNREACHABLE)
    assert ctl.run("plan", good).returncode == 1


def test_commit_without_an_answer(ctl, tmp_path):
    """The server takes the script and says nothing: it may have been applied."""
    script = write(tmp_path / "a.nemo", SITES)
    path = str(tmp_path / "mute.sock")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen(8)

        def serve():
            for _ in range(2):
                conn = mute.accept()[0]
                conn.recv(1 << 16)
                conn.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        ctl.env["SANCTL_SERVER"] = f"unix:{path}"
        assert "came into force is open" in ctl("apply", script, status=UNREACHABLE)
        assert "open" not in ctl.run("plan", script).stderr
        thread.join(10)
    assert "open" not in ctl("apply", script, status=UNREACHABLE)


def test_terminal_is_left_alone(ctl):
    """Control characters of a script reach files, not the terminal."""
    acme = ("--tenant", "acme")
    ctl("apply", *acme, "-", text='CFNModel noted Property String: note;\n'
        'CREATE CFN Branch Type noted Property note: "\u009b31mX\u202e";')
    assert "\u009b31mX" in ctl("export", *acme)
    assert "?31mX?" in ctl("diff", *acme, "0")
    primary, terminal = pty.openpty()
    try:
        subprocess.run(ctl.argv("export", *acme), stdout=terminal, env=ctl.env, timeout=60, check=True)
        text = os.read(primary, 65536).decode()
    finally:
        os.close(terminal)
        os.close(primary)
    assert "?31mX?" in text


def test_confirm(ctl, tmp_path):
    script = write(tmp_path / "a.nemo", SITES)
    ctl("apply", script, "--confirm", "600")
    assert ctl.json("status")["confirm"]
    assert "confirmed" in ctl("confirm")
    wait_for(lambda: not ctl.json("status")["confirm"], "nothing waits any more")
    ctl("confirm", status=NOT_FOUND)
    assert "Branch" in ctl("export")


def test_unconfirmed_goes_back(ctl, tmp_path):
    ctl("apply", write(tmp_path / "a.nemo", SITES), "--confirm", "1")
    wait_for(lambda: ctl("export").strip() == "", "it is rolled back", 20)


def test_in_force(ctl, tmp_path):
    ctl("apply", write(tmp_path / "a.nemo", WEB))
    packet = "192.0.2.1 198.51.100.7 tcp 4000 80"
    told = ctl("explain", f"{packet}@2026-01-01 19:00:00")
    assert "winner     no-web: deny" in told and "condition" in told
    assert "winner     none" in ctl("explain", f"{packet}@2026-01-01 12:00:00")
    assert "winner     none" in ctl("explain", "192.0.2.1 198.51.100.7 tcp 4000 81@2026-01-01 19:00:00")
    assert ctl.json("explain", f"{packet}@2026-01-01 19:00:00")["winner"]["operation"] == "no-web"
    ctl("explain", "nonsense", status=REFUSED)
    noon(ctl)
    wait_for(lambda: state(ctl) == "condition not met", "it is day")
    ctl("clock", f"+{8 * 3600}")
    wait_for(lambda: state(ctl) == "in force", "it is night")
    assert ctl("operations").splitlines()[1].startswith("no-web")
    assert ctl("hosts").splitlines()[1].split()[0] == "pe"
    ctl("connections")
    ctl("listeners")
    told = ctl("query", "Query Priority, Condition From no-web")
    assert "Operation no-web" in told and "18:00" in told
    assert "error" in ctl("query", "Query Type From nothing", status=REFUSED)


def state(ctl):
    return ctl.json("operations")["items"][0]["state"]


def noon(ctl):
    """The clock of conditions shows 12:00, whatever the time is."""
    ctl("clock", "0")
    hour, minute, second = map(int, ctl.json("clock")["time"].split()[1].split(":"))
    ctl("clock", "--", str(12 * 3600 - hour * 3600 - minute * 60 - second))


def test_listen(ctl):
    noon(ctl)
    ctl("apply", "-", text='CREATE CFN Branch Type l2group;\n'
        'CREATE Notification late Query Type From Branch Condition time > "18:00" Listener ops;\n')
    proc = subprocess.Popen(ctl.argv("listen", "--count", "1", "--since", newest(ctl)), stdout=subprocess.PIPE, text=True, env=ctl.env)
    try:
        ctl("clock", f"+{8 * 3600}")
        out, _ = proc.communicate(timeout=30)
    finally:
        if proc.poll() is None:
            proc.send_signal(signal.SIGTERM)
            proc.wait(10)
    assert proc.returncode == 0 and "late -> ops" in out
    kept = ctl("listen", "--kept").splitlines()
    assert kept[-1] == out.strip()
    event = json.loads(ctl("--json", "listen", "--kept").splitlines()[-1])
    assert event["notification"] == "late" and event["reason"]
    sequence = out.split()[0]
    assert ctl("listen", "--kept", "--since", sequence) == ""
    assert ctl("listen", "--kept", "--since", str(int(sequence) - 1)) == out
    ctl("listen", "--since", "-1", status=USAGE)


def test_listen_comes_back(net, ctl):
    noon(ctl)
    ctl("apply", "-", text='CREATE CFN Branch Type l2group;\n'
        'CREATE Notification late Query Type From Branch Condition time > "18:00" Listener ops;\n')
    proc = subprocess.Popen(ctl.argv("listen", "--count", "2", "--since", newest(ctl)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=ctl.env)
    try:
        ctl("clock", f"+{8 * 3600}")
        assert select.select([proc.stdout], [], [], 30)[0]
        first = proc.stdout.readline()
        net.stop("pe")
        net.start("pe", config=nemo_config(f"{net.run_dir}/tls"))
        noon(ctl)
        wait_for(lambda: "12:" in ctl.json("clock")["time"], "it is day")
        ctl("clock", f"+{8 * 3600}")
        out, told = proc.communicate(timeout=30)
    finally:
        if proc.poll() is None:
            proc.send_signal(signal.SIGTERM)
            proc.wait(10)
    assert proc.returncode == 0 and "it is tried again" in told
    assert int(out.split()[0]) == int(first.split()[0]) + 1


def newest(ctl):
    """Number of the last notification: what comes behind it is told, also when the stream begins late."""
    return (ctl("listen", "--kept").split("\n")[-2:-1] or ["0"])[0].split()[0]


# --- shell ------------------------------------------------------------------------------------------------


def test_shell_reads_statements(ctl):
    begin = ctl.revision()
    told = ctl("shell", text="CREATE CFN Branch Type l2group\n  Property ipv4Prefix: 192.0.2.0/24;\n"
               "/* a comment\n over lines */\nQuery ipv4Prefix From Branch\nexport\nhelp\nexit\nnot reached\n")
    assert f"revision {begin + 1}" in told and "192.0.2.0/24" in told and "discard" in told
    assert ctl.revision() == begin + 1


def test_shell_transactions(ctl):
    begin = ctl.revision()
    told = ctl("shell", text=f"Transaction;\n{SITES}plan\nCommit;\n")
    assert "2 to create" in told and ctl.revision() == begin + 1
    # one does not hold: nothing of it
    told = ctl("shell", text="Transaction;\nDELETE CFN Branch;\nDELETE CFM Head;\nCommit;\n", status=REFUSED)
    assert "nothing was sent" in told
    told = ctl("shell", text="Transaction;\nDELETE CFN Branch;\n", status=REFUSED)
    assert "no Commit" in told
    told = ctl("shell", text="Transaction;\nDELETE CFN Branch;\ndiscard\nDELETE CFN", status=REFUSED)
    assert "error" in told
    assert ctl.revision() == begin + 1


def test_shell_holds_to_its_revision(ctl):
    proc = subprocess.Popen(ctl.argv("shell"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=ctl.env)
    try:
        proc.stdin.write("Transaction;\nstatus\n")
        proc.stdin.flush()
        assert select.select([proc.stdout], [], [], 30)[0] and proc.stdout.readline()  # it knows the revision
        ctl("apply", "-", text="CREATE CFN Branch Type l2group;")
        _, told = proc.communicate("CREATE CFN Head Type l2group;\nCommit;\n", timeout=30)
    finally:
        if proc.poll() is None:
            proc.kill()
            proc.wait(10)
    assert proc.returncode == REFUSED and "revision" in told
    assert "Head" not in ctl("export")


class Terminal:
    """sanctl nemo shell on a pseudo-terminal."""

    def __init__(self, ctl):
        pid, self.fd = pty.fork()
        if pid == 0:
            argv = ctl.argv("shell")
            os.execvpe(argv[0], argv, {**ctl.env, "TERM": "vt100"})
        self.pid, self.text = pid, ""

    def until(self, what):
        end = time.monotonic() + 20
        while what not in self.text:
            assert time.monotonic() < end, f"no {what!r} in {self.text!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                self.text += os.read(self.fd, 4096).decode()
        self.text = self.text[self.text.index(what) + len(what):]

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


def test_shell_on_a_terminal(ctl):
    ctl("apply", "-", text="CREATE CFN Branch-of-the-north Type l2group;")
    term = Terminal(ctl)
    try:
        term.until("nemo> ")
        term.type("Transac\t\n")
        term.until("nemo*> ")
        term.type("DELETE CFN Branch-\t;\n")
        term.until("nemo*> ")
        term.type("plan\n")
        term.until("- CFN Branch-of-the-north")
        term.type("Commit\n")
        term.until("is in force")
        term.until("nemo> ")
        term.type("CREATE\n")
        term.until("... ")
        term.type("discard\n")
        term.until("nemo> ")
        term.type("CREATE\n")
        term.until("... ")
        term.type("CFN x \x03")
        term.until("nemo> ")
        term.type("exit\n")
        wait_for(lambda: os.path.exists(f"{ctl.home}/.sand_nemo_history"), "the history is kept")
    finally:
        status = term.end()
    assert os.WEXITSTATUS(status) == 0
    history = f"{ctl.home}/.sand_nemo_history"
    assert stat.S_IMODE(os.stat(history).st_mode) == 0o600
    with open(history, encoding="utf-8") as file:
        assert "Transaction" in file.read()
    assert ctl("export").strip() == ""


# --- tenants ------------------------------------------------------------------------------------------------


def test_tenants_over_tls(net, ctl, tmp_path):
    for name, token in TOKENS.items():
        write(tmp_path / name, token + "\n")
    local = dict(ctl.env)
    ctl.env["SANCTL_SERVER"] = f"https://[{ADDRESS}]:8444"
    login = ("--ca", f"{net.run_dir}/tls/ca.pem", "--token-file")
    acme, zeta = ((*login, str(tmp_path / name)) for name in TOKENS)
    ctl("apply", *acme, "-", text="CREATE CFN site Type l2group;")
    assert "site" in ctl("export", *acme) and ctl("export", *zeta).strip() == ""
    assert "acme" in ctl("export", *acme, "--tenant", "zeta", status=REFUSED)
    ctl("export", "--ca", f"{net.run_dir}/tls/ca.pem", status=REFUSED)
    ctl("export", *zeta[2:], status=UNREACHABLE)  # nobody vouches for the server
    assert "operator" in ctl("clock", *acme, "5", status=REFUSED)
    ctl.env = local
    assert "site" in ctl("export", "--tenant", "acme") and "site" not in ctl("export")
