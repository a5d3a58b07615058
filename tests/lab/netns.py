# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces for lab tests: made quickly, named by process, always deleted.

    with Lab("steer") as lab:
        client, pe = lab.ns("client"), lab.ns("pe")
        lab.veth(client, "eth0", pe, "access")
        client.ip("addr add 2001:db8:1::10/64 dev eth0 nodad", "link set eth0 up")
        client.run("ping", "-c1", "2001:db8:1::1")

Commands run by `nsenter --net`, not `ip netns exec`: that would mount another /sys, in which the
pinned BPF maps cannot be seen. What a killed test left behind is removed by the next Lab: the name
of a namespace, sand-<lab>-<pid>-<host>, says whose it is.
"""

import ctypes
import json
import os
import re
import socket
import subprocess
import threading
import time

RUN_NETNS = "/run/netns"
BPFFS = "/sys/fs/bpf"
CLONE_NEWNET = 0x40000000
NAME = re.compile(r"^sand-[a-z0-9_]+-(\d+)-[a-z0-9_]+$")
ETH_P_ALL = 0x0003

libc = ctypes.CDLL(None, use_errno=True)


class CommandError(Exception):
    """A command failed: what, its status, its output."""


def run(*argv, check=True, text=None, timeout=60):
    """Output of a command; its stdin is text."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=timeout,
                          check=False)
    if check and done.returncode:
        raise CommandError(f"{' '.join(argv)}: status {done.returncode}\n{text or ''}"
                           f"{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(question, what, timeout_s=30.0):
    """Asks until the answer is true, and returns it; CommandError names what did not come."""
    end = time.monotonic() + timeout_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise CommandError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.01)


class InNamespace:
    """This thread works in the namespace within the `with` block."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        self.enter(self.path)

    def __exit__(self, *_):
        set_namespace(self.home)
        os.close(self.home)

    @staticmethod
    def enter(path):
        fd = os.open(path, os.O_RDONLY)
        try:
            set_namespace(fd)
        finally:
            os.close(fd)


def set_namespace(fd):
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """One host of a lab."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.path = os.path.join(RUN_NETNS, name)

    def argv(self, *argv):
        return ("nsenter", f"--net={self.path}", *argv)

    def run(self, *argv, **how):
        """Output of a command that runs here."""
        return run(*self.argv(*argv), **how)

    def popen(self, *argv, **how):
        """A process here; ended with the lab."""
        proc = subprocess.Popen(self.argv(*argv), **how)
        self.lab.processes.append(proc)
        return proc

    def ip(self, *lines):
        """Lines of an `ip -batch`, in one process."""
        run("ip", "-n", self.name, "-batch", "-", text="\n".join(lines) + "\n")

    def ip_json(self, *words):
        return json.loads(run("ip", "-n", self.name, "-j", *words) or "[]")

    def sysctl(self, **values):
        """sysctl(net__ipv6__conf__all__forwarding=1): __ is a dot."""
        words = [f"{name.replace('__', '.')}={value}" for name, value in values.items()]
        self.run("sysctl", "-qw", *words)

    def router(self):
        """Forwards IPv6 and IPv4 on every interface, also later ones."""
        self.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1, net__ipv6__conf__default__forwarding=1)

    def link(self, interface):
        return self.ip_json("link", "show", "dev", interface)[0]

    def mac(self, interface):
        return self.link(interface)["address"]

    def ifindex(self, interface):
        return self.link(interface)["ifindex"]

    def inside(self):
        """`with ns.inside():` python itself works here, for sockets and ifindexes."""
        return InNamespace(self.path)

    def packet_socket(self, interface, timeout_s=20.0):
        """AF_PACKET socket on an interface here: sends and captures whole frames."""
        with self.inside():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            sock.bind((interface, ETH_P_ALL))
        sock.settimeout(timeout_s)
        self.lab.sockets.append(sock)
        return sock


class Lab:
    """All namespaces, processes and sockets of one test."""

    def __init__(self, name):
        if not re.match(r"^[a-z0-9_]+$", name):
            raise ValueError(f"lab name {name!r}: must be a-z, 0-9, _")
        self.prefix = f"sand-{name}-{os.getpid()}-"
        self.hosts = {}
        self.processes = []
        self.sockets = []
        self.pins = []

    def __enter__(self):
        reap()
        return self

    def __exit__(self, *_):
        self.close()

    def ns(self, host):
        """The namespace of that host, made when first asked for; loopback is up."""
        if host not in self.hosts:
            name = self.prefix + host
            if not NAME.match(name):
                raise ValueError(f"host name {host!r}: must be a-z, 0-9, _")
            run("ip", "netns", "add", name)
            space = Namespace(self, name)
            self.hosts[host] = space
            space.sysctl(net__ipv6__conf__default__accept_dad=0, net__ipv6__conf__all__accept_dad=0)
            space.ip("link set lo up")
        return self.hosts[host]

    def veth(self, left, left_if, right, right_if, mtu=1500):
        """A cable between two namespaces, up, without transmit checksum offload (a redirect would
        not finish partial checksums)."""
        left.ip(f"link add {left_if} mtu {mtu} type veth "
                f"peer name {right_if} mtu {mtu} netns {right.name}",
                f"link set {left_if} up")
        right.ip(f"link set {right_if} up")
        for space, interface in ((left, left_if), (right, right_if)):
            space.run("ethtool", "-K", interface, "tx", "off")

    def pin_dir(self, name="maps"):
        """A directory for pins that is removed with the lab; made by who uses it."""
        mount_bpffs()
        path = os.path.join(BPFFS, self.prefix + name)
        if path not in self.pins:
            self.pins.append(path)
        return path

    def close(self):
        for proc in self.processes:
            end_process(proc)
        for sock in self.sockets:
            sock.close()
        for space in self.hosts.values():
            run("ip", "netns", "del", space.name, check=False)
        for path in self.pins:
            remove_pins(path)
        self.processes, self.sockets, self.hosts, self.pins = [], [], {}, []


def end_process(proc, patience_s=5):
    if proc.poll() is not None:
        return
    proc.terminate()
    try:
        proc.wait(patience_s)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait()


def remove_pins(path):
    """Everything below path and path itself; bpffs has no other files than pins."""
    for folder, folders, files in os.walk(path, topdown=False):
        for name in files + folders:
            inside = os.path.join(folder, name)
            if os.path.islink(inside) or not os.path.isdir(inside):
                os.unlink(inside)
            else:
                os.rmdir(inside)
    if os.path.isdir(path):
        os.rmdir(path)


def reap():
    """Deletes namespaces and pins of labs whose process is gone."""
    for folder, remove in ((RUN_NETNS, lambda name: run("ip", "netns", "del", name, check=False)),
                           (BPFFS, lambda name: remove_pins(os.path.join(BPFFS, name)))):
        names = os.listdir(folder) if os.path.isdir(folder) else []
        for name in names:
            match = NAME.match(name)
            if match and not os.path.exists(f"/proc/{match[1]}"):
                remove(name)


def mount_bpffs():
    with open("/proc/mounts", encoding="utf-8", errors="replace") as mounts:
        if any(line.split()[1:3] == [BPFFS, "bpf"] for line in mounts):
            return
    run("mount", "-t", "bpf", "bpf", BPFFS)


def map_dump(path):
    """Entries of a pinned map as bpftool prints them, fields by name."""
    out = run("bpftool", "-j", "map", "dump", "pinned", path)
    entries = json.loads(out)
    return [entry.get("formatted", entry) for entry in entries]


def receive(sock, wanted, timeout_s=20.0):
    """The next frame for which wanted(frame) is true; CommandError when none comes."""
    end = time.monotonic() + timeout_s
    seen = 0
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise CommandError(f"no such frame within {timeout_s:.0f} s ({seen} others)")
        sock.settimeout(left)
        try:
            frame = sock.recv(65535)
        except (socket.timeout, TimeoutError):
            continue
        if wanted(frame):
            return frame
        seen += 1
