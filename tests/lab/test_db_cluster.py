# SPDX-License-Identifier: GPL-2.0-or-later
"""A cluster of three etcd members under kills, pauses and partitions, with a writer and a follower
on our client: nothing that was acknowledged is lost, the mirror is what the cluster holds, and the
feed is back within 5 seconds after a fault has ended. SAND_SOAK=1: 200 faults."""

import base64
import json
import os
import queue
import random
import subprocess
import tempfile
import threading
import time

import pytest

from etcd_members import FAULT_KINDS, SHM, Members, installed
from netns import wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENT = os.path.join(ROOT, "build/tests/db/client")
FAULTS = 200 if os.environ.get("SAND_SOAK") else 10
CHECKPOINT = 10
RESYNC_S = 5.0
WRITES = 20  # acknowledged, at least, a fault
PREFIX = "/san/"

pytestmark = pytest.mark.skipif(not installed(), reason="etcd is not installed")


class Client:
    """tests/db/client.c in a namespace; its lines as they come."""

    def __init__(self, space, mode, members):
        urls = ",".join(m.url for m in members)
        self.process = space.popen(CLIENT, mode, urls, PREFIX, text=True, bufsize=1,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.answers = queue.Queue()
        self.writes = []  # (how it ended, key, value, revision)
        self.states, self.errors = [], []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            word = line.split()
            if word[0] in ("ack", "maybe", "not"):
                self.writes.append((word[0], word[1], word[2], int(word[3]) if word[3:] else 0))
            elif word[0] == "state":
                self.states.append(line.strip())
            elif word[0] == "error":
                self.errors.append(line.strip())
            else:
                self.answers.put(word)

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        return self.answers.get(timeout=10)

    def revision(self):
        return int(self.ask("rev")[1])

    def dump(self):
        """Revision and {key: (value, mod_revision)}."""
        head = self.ask("dump")
        lines = [self.answers.get(timeout=10) for _ in range(int(head[2]))]
        assert self.answers.get(timeout=10)[0] == "end"
        return int(head[1]), {word[0]: (word[1], int(word[2])) for word in lines}

    def finish(self):
        self.process.stdin.close()
        assert self.process.wait(15) == 0
        self.reader.join(10)


class Cluster(Members):
    """Members, and a host for writer and follower."""

    def content(self, revision=0):
        """{key: (value, mod_revision)}, as of a revision."""
        words = ["get", "--prefix", PREFIX, "-w", "json"]
        said = json.loads(self.ctl(*words, *([f"--rev={revision}"] if revision else [])))
        text = lambda what: base64.b64decode(what).decode()
        return {text(kv["key"]): (text(kv.get("value", "")), kv["mod_revision"])
                for kv in said.get("kvs", [])}


@pytest.fixture
def cluster(lab):
    with tempfile.TemporaryDirectory(prefix="sand-cluster-", dir=SHM) as data:
        made = Cluster(lab, lab.ns("client"), data)
        yield made
        made.close()


def lost(writes, content):
    """Acknowledged writes that are not there: what was written last to a key is there, or
    something newer that may have been written."""
    last, uncertain, missing = {}, {}, []
    for how, key, value, revision in writes:
        if how == "ack" and revision > last.get(key, ("", 0))[1]:
            last[key] = (value, revision)
        elif how == "maybe":
            uncertain.setdefault(key, set()).add(value)
    for key, (value, revision) in last.items():
        now = content.get(key, ("-", 0))
        if now == (value, revision) or (value == "-" and now[0] == "-"):
            continue
        if now[0] in uncertain.get(key, ()) and (now[0] == "-" or now[1] > revision):
            continue
        missing.append((key, value, revision, now))
    return missing


def acknowledged(writer):
    return sum(w[0] == "ack" for w in writer.writes)


def resync(writer, follower, since):
    """Seconds until the follower has seen a write that was acknowledged after that moment."""
    start = len(writer.writes)
    wanted = lambda: next((w for w in writer.writes[start:] if w[0] == "ack"), None)
    revision = wait_for(wanted, "an acknowledged write", 20)[3]
    wait_for(lambda: follower.revision() >= revision, f"revision {revision}", 20)
    return time.monotonic() - since


def check_mirror(cluster, follower):
    revision, mirror = follower.dump()
    assert mirror == cluster.content(revision)


def test_faults(cluster):
    seed = int(os.environ.get("CLUSTER_SEED", os.getpid()))
    chance = random.Random(seed)
    print(f"CLUSTER_SEED={seed}")
    writer = Client(cluster.host, "write", cluster.members)
    follower = Client(cluster.host, "follow", cluster.members)
    resync(writer, follower, time.monotonic())
    slowest = {}
    for number in range(1, FAULTS + 1):
        kind = chance.choice(sorted(FAULT_KINDS))
        leader = wait_for(cluster.leader, "a leader", 20)
        member = leader if chance.random() < 0.5 else chance.choice(cluster.members)
        begin, end = FAULT_KINDS[kind]
        begin(member)
        time.sleep(chance.uniform(0.3, 2.5))
        end(member)
        took = resync(writer, follower, time.monotonic())
        slowest[kind] = max(slowest.get(kind, 0), took)
        assert took <= RESYNC_S, f"fault {number}: {kind} of {member.name}"
        wait_for(lambda n=number: acknowledged(writer) > WRITES * n, "writes between faults", 20)
        if number % CHECKPOINT == 0:
            check_mirror(cluster, follower)
    writer.finish()
    check_end(cluster, writer, follower)
    count = {how: sum(w[0] == how for w in writer.writes) for how in ("ack", "maybe", "not")}
    print(f"{FAULTS} faults, writes {count}, slowest resync "
          + ", ".join(f"{kind} {s:.2f} s" for kind, s in sorted(slowest.items()))
          + f", feed lost {sum(s.startswith('state 0') for s in follower.states)} times")


def check_end(cluster, writer, follower):
    last = max(w[3] for w in writer.writes)
    wait_for(lambda: follower.revision() >= last, "the last write", 30)
    check_mirror(cluster, follower)
    assert lost(writer.writes, cluster.content()) == []
    assert acknowledged(writer) > WRITES * FAULTS
    assert writer.errors == [] and follower.errors == []
    follower.finish()


def test_lost_is_found():
    """The check itself: what it calls lost and what not."""
    writes = [("ack", "a", "1", 5), ("ack", "b", "2", 6), ("maybe", "b", "3", 0),
              ("ack", "c", "-", 7), ("not", "d", "1", 0)]
    assert lost(writes, {"a": ("1", 5), "b": ("3", 8)}) == []
    assert lost(writes, {"a": ("1", 5), "b": ("2", 6)}) == []
    assert [m[0] for m in lost(writes, {"b": ("2", 6)})] == ["a"]
    assert [m[0] for m in lost(writes, {"a": ("1", 5), "b": ("3", 4)})] == ["b"]
    assert [m[0] for m in lost(writes, {"a": ("1", 5), "b": ("2", 6), "c": ("9", 3)})] == ["c"]
