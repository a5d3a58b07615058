# SPDX-License-Identifier: GPL-2.0-or-later
"""The embedded server is killed, and its disk is filled: nothing that was acknowledged is lost."""

import json
import os
import subprocess
import tempfile

import pytest

from dbserver import CRASH, SERVE, Server

KILLS = 1000 if os.environ.get("SAND_SOAK") else 50


def test_kill_in_mid_commit():
    """Acknowledged or shown by a watch: there after kill -9, in whole transactions (crash.c)."""
    with tempfile.TemporaryDirectory(prefix="sand-crash-") as base:
        done = subprocess.run([CRASH, SERVE, os.path.join(base, "db"), str(KILLS)], text=True,
                              capture_output=True, timeout=60 + KILLS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result, rounds, writes, events = done.stdout.split()
    assert (result, int(rounds)) == ("ok", KILLS)
    assert int(writes) > 20 * KILLS and int(events) > 20 * KILLS


@pytest.fixture(name="small_disk")
def tmpfs():
    with tempfile.TemporaryDirectory(prefix="sand-full-") as base:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", base], check=True)
        try:
            yield base
        finally:
            subprocess.run(["umount", "-l", base], check=True)


def fill(db, value):
    """The keys that were taken, and what was said when one was not."""
    for number in range(100):
        done = subprocess.run(db.command("put", f"/{number}"), input=value, text=True,
                              capture_output=True, timeout=20, check=False,
                              env={**os.environ, "ETCDCTL_API": "3"})
        if done.returncode:
            return number, done.stderr
    raise AssertionError("the disk is never full")


def test_disk_full(small_disk):
    value = "v" * 50000
    with Server(path=os.path.join(small_disk, "db")) as db:
        lease = db.ctl("lease", "grant", "100").split()[1]
        taken, complaint = fill(db, value)
        assert "etcdserver: mvcc: database space exceeded" in complaint
        assert taken > 2
        state = json.loads(db.ctl("get", "", "--prefix", "--keys-only", "-w", "json"))
        assert state["count"] == taken  # what failed is not shown
        assert state["header"]["revision"] == taken + 1
        assert "space exceeded" in db.ctl("put", "/0", "1", fails=True)  # until it is restarted
        assert "space exceeded" in db.ctl("del", "/0", fails=True)
        assert db.ctl("get", "/0", "--print-value-only").strip() == value
        assert "keepalived" in db.ctl("lease", "keep-alive", "--once", lease)
        status = json.loads(db.ctl("endpoint", "status", "-w", "json"))[0]["Status"]
        assert status["errors"] == ["etcdserver: mvcc: database space exceeded"]
        assert db.stop() == 0
        db.start()
        again = json.loads(db.ctl("get", "", "--prefix", "--keys-only", "-w", "json"))
        assert (again["count"], again["header"]["revision"]) == (taken, taken + 1)
