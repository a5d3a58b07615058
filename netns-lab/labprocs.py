# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes of the lab: started into a namespace (and cgroup), known by PID and start time, ended."""
import glob
import json
import os
import signal
import subprocess
import time

from labnet import HERE, LabError, enter, run

RUN = "/run/sand-lab"
ROOT = os.path.dirname(HERE)
BIN = os.environ.get("SAND_BIN", os.path.join(ROOT, "build", "bin"))
PIN = "/sys/fs/bpf/sand"
CGROUP = "sand-lab"


def pin_dir(host):
    """The ingress has the standard place, so that `bpftool map dump pinned` reads as in the manual."""
    return PIN if host == "pe1" else f"{PIN}-{host}"


def started(pid):
    """Start time of a process in clock ticks, None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def start(name, host, argv, env=None, cgroup=None):
    os.makedirs(RUN, exist_ok=True)
    if cgroup:
        procs = " ".join(f"{d}/cgroup.procs" for d in cgroup_dirs(cgroup))
        argv = ["sh", "-c", f'for p in {procs}; do echo $$ >"$p"; done; exec "$@"', "sh"] + argv
    with open(f"{RUN}/{name}.log", "ab") as log:
        proc = subprocess.Popen(enter(host) + argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                start_new_session=True, env={**os.environ, **(env or {})})
    with open(f"{RUN}/{name}.pid", "w", encoding="utf-8") as file:
        file.write(f"{proc.pid} {started(proc.pid)}\n")
    return proc


def pid_of(name):
    """PID of a process that we started and that still runs, else None."""
    try:
        with open(f"{RUN}/{name}.pid", encoding="utf-8") as file:
            pid, begin = file.read().split()
    except (OSError, ValueError):
        return None
    return int(pid) if started(pid) == begin else None


def stop(name, sig=signal.SIGTERM, wait=5):
    pid = pid_of(name)
    if not pid:
        return
    os.killpg(pid, sig)
    end = time.monotonic() + wait
    while pid_of(name) and time.monotonic() < end:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
        time.sleep(0.02)
    if pid_of(name):
        os.killpg(pid, signal.SIGKILL)


def kill(name):
    """Without a word, it and what it started."""
    pid = pid_of(name)
    if not pid:
        raise LabError(f"{name} does not run")
    os.killpg(pid, signal.SIGKILL)


def names():
    return [os.path.basename(p)[:-4] for p in sorted(glob.glob(f"{RUN}/*.pid"))]


def log_tail(name, lines=15):
    try:
        with open(f"{RUN}/{name}.log", encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError:
        return ""


# --- cgroups: v1 (cpu, cpuacct, memory apart) or v2 -------------------------------------------------
def cgroup_roots():
    """{controller: directory}; v2 is the one entry ''."""
    roots = {}
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            left, right = line.split(" - ")
            kind, _, options = right.split()[:3]
            where = left.split()[4]
            if kind == "cgroup":
                for ctrl in ("cpu", "cpuacct", "memory"):
                    if ctrl in options.split(","):
                        roots[ctrl] = where
            elif kind == "cgroup2" and os.path.exists(f"{where}/cgroup.subtree_control"):
                with open(f"{where}/cgroup.controllers", encoding="utf-8") as ctrls:
                    if "cpu" in ctrls.read().split():
                        roots[""] = where
    if not roots:
        raise LabError("no cgroup hierarchy with a cpu controller is mounted")
    return {"": roots[""]} if "" in roots else roots


def cgroup_dirs(name):
    return sorted({f"{root}/{CGROUP}/{name}" for root in cgroup_roots().values()})


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def cgroup_make(name, percent):
    """A quota, and the highest weight: what may be used is there, also on a machine that is busy, so
    that load is what the instance does, not what its neighbours leave."""
    roots = cgroup_roots()
    for where in cgroup_dirs(name):
        os.makedirs(where, exist_ok=True)
    if "" in roots:
        top = f"{roots['']}/{CGROUP}"
        for level in (roots[""], top):
            write(f"{level}/cgroup.subtree_control", "+cpu +memory")
        write(f"{top}/cpu.weight", "10000")
        write(f"{top}/{name}/cpu.max", f"{percent * 1000} 100000")
    else:
        top = f"{roots['cpu']}/{CGROUP}"
        write(f"{top}/cpu.shares", "262144")
        write(f"{top}/{name}/cpu.cfs_period_us", "100000")
        write(f"{top}/{name}/cpu.cfs_quota_us", str(percent * 1000))


def cgroup_remove():
    for root in set(cgroup_roots().values()):
        for where in sorted(glob.glob(f"{root}/{CGROUP}/*/")) + [f"{root}/{CGROUP}"]:
            try:
                os.rmdir(where)
            except OSError:
                pass


# --- what a sand says of itself --------------------------------------------------------------------
def sanctl(host, *args, check=True):
    env = {**os.environ, "SANCTL_SERVER": f"unix:{RUN}/{host}/api.sock"}
    return run([f"{BIN}/sanctl", *args], check=check, env=env)


def status(host):
    """What sand on host says of itself, {} without an answer."""
    done = sanctl(host, "--json", "status", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}
