# SPDX-License-Identifier: GPL-2.0-or-later
"""etcdctl, the tool of real etcd, works on the embedded server."""

import json
import os
import subprocess
import time

import pytest

from dbserver import Server


@pytest.fixture(name="db")
def database():
    with Server() as server:
        yield server


def test_put_get_del(db):
    assert db.ctl("put", "/san/status/0x101/a/cpu_load", "71") == "OK\n"
    db.ctl("put", "/san/status/0x101/b/cpu_load", "30")
    assert db.ctl("get", "--prefix", "/san/", "--print-value-only").split() == ["71", "30"]
    assert db.ctl("get", "", "--from-key", "--keys-only", "--limit=1").split() == [
        "/san/status/0x101/a/cpu_load"]
    assert "\n71\n" in db.ctl("put", "--prev-kv", "/san/status/0x101/a/cpu_load", "9")
    old = db.ctl("get", "--rev=2", "/san/status/0x101/a/cpu_load", "-w", "json")
    assert json.loads(old)["header"]["revision"] == 4
    assert json.loads(old)["kvs"][0]["version"] == 1
    assert db.ctl("get", "", "--prefix", "--sort-by=VALUE", "--order=ASCEND",
                  "--print-value-only").split() == ["30", "9"]
    assert db.ctl("del", "--prefix", "/san/").strip() == "2"
    assert db.ctl("get", "", "--prefix") == ""
    assert "key is not provided" in db.ctl("put", "", "1", fails=True)


def test_txn(db):
    db.ctl("put", "/a", "1")
    made = db.ctl("txn", stdin='mod("/a") = "2"\nvalue("/a") = "1"\n\nput /b 2\nget /b\ndel /a\n\n\n')
    assert made.split() == ["SUCCESS", "OK", "/b", "2", "1"]
    other = db.ctl("txn", stdin='create("/a") > "0"\n\nput /c 1\n\nget --prefix /\n\n')
    assert other.split() == ["FAILURE", "/b", "2"]
    assert "duplicate key" in db.ctl("txn", stdin="\nput /a 1\nput /a 2\n\n\n", fails=True)


def test_watch(db):
    db.ctl("put", "/a", "1")
    process = subprocess.Popen(db.command("watch", "--rev=1", "--prev-kv", "--prefix", "/"),
                               stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "ETCDCTL_API": "3"})
    try:
        assert [process.stdout.readline().strip() for _ in range(3)] == ["PUT", "/a", "1"]
        db.ctl("put", "/a", "2")
        seen = [process.stdout.readline().strip() for _ in range(5)]
        assert seen == ["PUT", "/a", "1", "/a", "2"]
        db.ctl("del", "/a")
        assert [process.stdout.readline().strip() for _ in range(4)] == ["DELETE", "/a", "2", "/a"]
    finally:
        process.kill()
        process.communicate()


def test_lease(db):
    lease = db.ctl("lease", "grant", "2").split()[1]
    db.ctl("put", "--lease", lease, "/a", "1")
    assert lease in db.ctl("lease", "list")
    assert "attached keys([/a])" in db.ctl("lease", "timetolive", "--keys", lease)
    assert f"lease {lease} keepalived with TTL(2)" in db.ctl("lease", "keep-alive", "--once", lease)
    end = time.monotonic() + 30
    while db.ctl("get", "/a"):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "already expired" in db.ctl("lease", "timetolive", lease)
    assert "requested lease not found" in db.ctl("lease", "revoke", lease, fails=True)
    lease = db.ctl("lease", "grant", "100").split()[1]
    db.ctl("put", "--lease", lease, "/b", "1")
    db.ctl("lease", "revoke", lease)
    assert db.ctl("get", "/b") == ""


def test_compact(db):
    for value in "123":
        db.ctl("put", "/a", value)
    assert db.ctl("compact", "3") == "compacted revision 3\n"
    assert db.ctl("get", "--rev=3", "/a").split() == ["/a", "2"]
    assert "required revision has been compacted" in db.ctl("get", "--rev=2", "/a", fails=True)
    assert "future revision" in db.ctl("compact", "9", fails=True)
    assert "compacted" in db.ctl("watch", "--rev=2", "/a", fails=True)


def test_status_and_what_is_missing(db):
    db.ctl("put", "/a", "1")
    status = json.loads(db.ctl("endpoint", "status", "-w", "json"))[0]["Status"]
    assert status["version"] == "3.4.0"
    assert status["leader"] == status["header"]["member_id"]
    assert status["dbSize"] > 0
    assert status["raftIndex"] == 2
    db.ctl("endpoint", "health")
    db.scheme = "http://"
    assert "3.4.0" in db.ctl("endpoint", "status")
    assert "/etcdserverpb.Cluster/MemberList is not served" in db.ctl("member", "list", fails=True)


def test_restart(db):
    db.ctl("put", "/a", "1")
    lease = db.ctl("lease", "grant", "100").split()[1]
    before = json.loads(db.ctl("get", "/a", "-w", "json"))
    assert db.stop() == 0
    db.start()
    assert json.loads(db.ctl("get", "/a", "-w", "json")) == before
    assert lease in db.ctl("lease", "list")


# ---- TLS ----

def certtool(*args):
    subprocess.run(["certtool", *args], check=True, capture_output=True, timeout=60)


@pytest.fixture(name="pki", scope="module")
def certificates(tmp_path_factory):
    """Two authorities, each with a certificate for localhost."""
    base = tmp_path_factory.mktemp("pki")
    for name in ("ours", "theirs"):
        template = base / f"{name}.tmpl"
        key, ca_key = str(base / f"{name}.key"), str(base / f"{name}-ca.key")
        ca = str(base / f"{name}-ca.pem")
        for each in (key, ca_key):
            certtool("--generate-privkey", "--key-type=ecdsa", "--outfile", each)
        template.write_text(f"cn={name}\nca\ncert_signing_key\nexpiration_days=9\n")
        certtool("--generate-self-signed", "--load-privkey", ca_key, "--template", str(template),
                 "--outfile", ca)
        template.write_text("cn=localhost\nip_address=127.0.0.1\ntls_www_server\ntls_www_client\n"
                            "signing_key\nexpiration_days=9\n")
        certtool("--generate-certificate", "--load-privkey", key, "--load-ca-certificate", ca,
                 "--load-ca-privkey", ca_key, "--template", str(template),
                 "--outfile", str(base / f"{name}.pem"))
    return base


def test_mutual_tls(pki):
    with Server(f"cert={pki}/ours.pem", f"key={pki}/ours.key", f"ca={pki}/ours-ca.pem",
                scheme="https") as db:
        db.flags = [f"--cacert={pki}/ours-ca.pem", f"--cert={pki}/ours.pem",
                    f"--key={pki}/ours.key", "--command-timeout=2s", "--dial-timeout=1s"]
        assert db.ctl("put", "/a", "1") == "OK\n"
        own, db.flags = db.flags, [f"--cacert={pki}/ours-ca.pem", "--command-timeout=1s",
                                   "--dial-timeout=1s"]
        db.ctl("get", "/a", fails=True)  # no certificate
        db.flags = [own[0], f"--cert={pki}/theirs.pem", f"--key={pki}/theirs.key", *own[3:]]
        db.ctl("get", "/a", fails=True)  # of another authority
        db.flags = own
        assert db.ctl("get", "/a").split() == ["/a", "1"]


def test_no_clear_text_beyond_this_host():
    with pytest.raises(RuntimeError, match="must be a loopback address without cert and key"):
        Server("-", listen="0.0.0.0:0").start()
