# SPDX-License-Identifier: GPL-2.0-or-later
"""A sand that watches an etcd cluster of three while its members are killed, paused and cut off: traffic
goes on without a loss, and what is written after each fault is in the map within 5 seconds.
SAND_SOAK=1: 200 faults."""

import os
import random
import tempfile
import time

import pytest

from dual import Dual, pe_config
from etcd_members import FAULT_KINDS, SHM, Members, installed
from netns import CommandError, wait_for
from steering import SERVICE

FAULTS = 200 if os.environ.get("SAND_SOAK") else 6
RESYNC_S = 5.0

pytestmark = pytest.mark.skipif(not installed(), reason="etcd is not installed")


@pytest.fixture(name="rig")
def net_and_cluster():
    with tempfile.TemporaryDirectory(prefix="sand-forward-", dir=SHM) as data, Dual("forward") as net:
        cluster = Members(net.lab, net.lab.ns("pe"), data)
        try:
            urls = ", ".join(f'"{url}"' for url in cluster.urls())
            net.begin(pe=pe_config() + f"\ndatabase: {{endpoints: [{urls}]}}\n")
            for name, load in (("a", 10), ("b", 50)):
                net.enroll(name, load=load)
            net.settled("a")
            yield net, cluster
        finally:
            cluster.close()


def put(cluster, instance, load):
    """Until it is acknowledged: right after a fault nobody may lead."""
    def done():
        try:
            return cluster.ctl("put", f"/san/status/{SERVICE}/{instance}/cpu_load", str(load))
        except CommandError:
            return None
    wait_for(done, "a write that is acknowledged", 20)


def fault(rig, chance, best):
    """One fault from begin to end, and then a change: its kind, and how long that took to the map."""
    net, cluster = rig
    kind = chance.choice(sorted(FAULT_KINDS))
    leader = wait_for(cluster.leader, "a leader", 20)
    member = leader if chance.random() < 0.5 else chance.choice(cluster.members)
    begin, end = FAULT_KINDS[kind]
    begin(member)
    time.sleep(chance.uniform(0.3, 2.5))
    end(member)
    put(cluster, "a", 10 if best == "a" else 70)
    acknowledged = time.monotonic()
    net.settled(best)
    return kind, time.monotonic() - acknowledged


def test_faults_of_members_lose_no_packet(rig):
    seed = int(os.environ.get("CLUSTER_SEED", os.getpid()))
    chance = random.Random(seed)
    print(f"CLUSTER_SEED={seed}")
    net, _ = rig
    slowest = {}
    with net.fast("a", "b", service=SERVICE) as flow:
        for number in range(FAULTS):
            kind, took = fault(rig, chance, "ba"[number % 2])
            slowest[kind] = max(slowest.get(kind, 0), took)
            assert took <= RESYNC_S, f"fault {number}: {kind}"
        lost = flow.lost()
        print(f"{FAULTS} faults, {flow.sent()} sent, {lost} lost; slowest resync: "
              + ", ".join(f"{kind} {took:.2f} s" for kind, took in sorted(slowest.items())))
        assert not lost
        assert flow.at["a"].count() and flow.at["b"].count()
