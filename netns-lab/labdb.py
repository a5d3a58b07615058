# SPDX-License-Identifier: GPL-2.0-or-later
"""The database that the hosts of a topology share: an etcd cluster, or the server in one sand.

topology.yaml, `database`: for each kind the hosts that serve it, with their addresses. topo["kind"] is
the one in use.
"""
import json
import os

import labprocs
from labnet import enter, run

CLIENT, PEER = 2379, 2380
EMBEDDED, ETCD = "embedded", "etcd"


def members(topo):
    """{host: address} of what serves the database, {} when every sand has its own."""
    return topo["database"][topo["kind"]] if "database" in topo else {}


def hosts(topo):
    """Of any kind: all that a topology may have started."""
    return sorted({host for kind in topo.get("database", {}).values() for host in kind})


def url(address, port=CLIENT):
    return f"http://[{address}]:{port}"


def section(topo, more):
    """For configuration files of sand and san-agent, "" when there is nothing to share."""
    urls = ", ".join(f'"{url(address)}"' for address in members(topo).values())
    return f"database: {{endpoints: [{urls}]{more}}}" if urls else ""


def start_etcd(topo, host):
    """A member; what it stored, if anything, is still there."""
    address = members(topo)[host]
    cluster = ",".join(f"{h}={url(a, PEER)}" for h, a in members(topo).items())
    argv = ["etcd", "--name", host, "--data-dir", f"{labprocs.RUN}/{host}/etcd",
            "--listen-client-urls", url(address), "--advertise-client-urls", url(address),
            "--listen-peer-urls", url(address, PEER), "--initial-advertise-peer-urls", url(address, PEER),
            "--initial-cluster", cluster, "--initial-cluster-state", "new", "--logger", "zap",
            "--log-level", "warn", "--auto-compaction-retention", "1h"]
    os.makedirs(f"{labprocs.RUN}/{host}", exist_ok=True)
    return labprocs.start(f"etcd-{host}", host, argv)


def process(topo, host):
    return f"{'sand' if topo['kind'] == EMBEDDED else 'etcd'}-{host}"


def etcdctl(host, urls, *words, check=True):
    return run(enter(host) + ["etcdctl", "--endpoints", ",".join(urls), "--command-timeout", "2s", *words],
               check=check, env={**os.environ, "ETCDCTL_API": "3"})


def endpoints(topo):
    """What each member says of itself, those that answer: {host: {"leader": bool, ...}}."""
    found = {}
    for host, address in members(topo).items():
        done = etcdctl(host, [url(address)], "endpoint", "status", "-w", "json", check=False)
        if done.returncode == 0 and done.stdout.strip():
            status = json.loads(done.stdout)[0]["Status"]
            found[host] = {"leader": status["leader"] == status["header"]["member_id"],
                           "revision": status["header"]["revision"]}
    return found


def leader(topo):
    return next((host for host, status in endpoints(topo).items() if status["leader"]), None)


def ready(topo):
    return len(endpoints(topo)) == len(members(topo)) and (not members(topo) or leader(topo))
