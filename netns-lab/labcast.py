# SPDX-License-Identifier: GPL-2.0-or-later
"""The cast of a topology: instances, database, sands, agents; started in this order, ended as a whole."""
import json
import os
import shutil
import time

import labdb
import labtls
from labnet import HERE, LabError
from labprocs import (BIN, RUN, cgroup_make, cgroup_remove, log_tail, names, pid_of, pin_dir, sanctl, start,
                      stop, write)


def need_binaries():
    for name in ("sand", "sanctl", "san-agent", "san-run"):
        if not os.path.exists(f"{BIN}/{name}"):
            raise LabError(f"{BIN}/{name} is missing: run `make` first")


def conf_file(topo, name, more=""):
    """The file of a host or an agent, with the section `database` that all of the topology share."""
    path = f"{topo['dir']}/{name}"
    section = labdb.section(topo, more)
    if not section or name[:-5] in topo["database"][topo["kind"]]:
        return path
    with open(path, encoding="utf-8") as file:
        text = file.read()
    made = f"{RUN}/conf/{name}"
    os.makedirs(os.path.dirname(made), exist_ok=True)
    write(made, f"{text}\n{section}\n")
    return made


def start_sand(topo, host):
    argv = [f"{BIN}/sand", "-c", conf_file(topo, f"{host}.yaml", ", lease_ttl_s: 3"), "--user", "nobody",
            "--run-dir", f"{RUN}/{host}", "--state-dir", f"{RUN}/{host}/db",
            "--pin-dir", pin_dir(host)]
    return start(f"sand-{host}", host, argv)


def start_database(topo, host):
    if topo["kind"] == labdb.EMBEDDED:
        return start_sand(topo, host)
    return labdb.start_etcd(topo, host)


def start_databases(topo, seconds=20):
    for host in labdb.members(topo):
        start_database(topo, host)
    end = time.monotonic() + seconds
    while not labdb.ready(topo):
        if time.monotonic() > end:
            raise LabError("the database did not get ready:\n"
                           + "".join(log_tail(labdb.process(topo, h)) for h in labdb.members(topo)))
        time.sleep(0.2)


def start_all(topo):
    need_binaries()
    labtls.make(topo)
    for name, spec in topo["instances"].items():
        cgroup_make(name, spec["cpu"])
        argv = [f"{HERE}/instance.py", name] + [str(port) for port in spec.get("ports", [])]
        start(f"instance-{name}", name, argv, cgroup=name)
    start_databases(topo)
    for host in topo["sand"]:
        start_sand(topo, host)
    for host in topo["sand"]:
        wait_ready(host)
    for host, conf in topo["agents"].items():
        start(f"agent-{host}", host, [f"{BIN}/san-agent", "-c", conf_file(topo, conf)])
    for host, services in topo["ready"].items():
        for service in services:
            wait_selected(host, service)


def wait_ready(host, seconds=45):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = sanctl(host, "--json", "status", check=False)
        if done.returncode == 0 and '"applied": 0' not in done.stdout and '"ready": true' in done.stdout:
            return
        if not pid_of(f"sand-{host}"):
            break
        time.sleep(0.1)
    raise LabError(f"sand on {host} did not get ready:\n{log_tail(f'sand-{host}')}")


def wait_selected(host, service, seconds=45):
    """The ingress has chosen an instance: the agents have registered and reported."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = sanctl(host, "--json", "entry", "get", service, check=False)
        if done.returncode == 0 and json.loads(done.stdout)["instance"]:
            return
        time.sleep(0.1)
    raise LabError(f"{host} selected no instance of {service}:\n{log_tail(f'sand-{host}')}")


def stop_all(topo):
    """Also after a lab that was killed: whatever of ours is left goes, nothing else."""
    for name in [n for n in names() if n.startswith(("client", "agent-"))]:
        stop(name)
    for name in names():
        stop(name)
    for host in topo["sand"] + labdb.hosts(topo):
        where = pin_dir(host)
        if os.path.isdir(where):
            shutil.rmtree(where, ignore_errors=True)
    shutil.rmtree(RUN, ignore_errors=True)
    cgroup_remove()
