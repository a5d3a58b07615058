# SPDX-License-Identifier: GPL-2.0-or-later
"""Members of an etcd cluster, each in a namespace of its own on one bridge, and what can befall them."""

import json
import os
import shutil
import signal

from netns import CommandError, end_process, wait_for

MEMBERS = 3
SHM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # data there: not the disk is tested


def installed():
    return bool(shutil.which("etcd") and shutil.which("etcdctl"))


class Member:
    """One etcd in a namespace of its own."""

    def __init__(self, lab, hub, number, data):
        self.name = f"m{number}"
        self.address = f"10.99.0.{number + 1}"
        self.url = f"http://{self.address}:2379"
        self.port = f"port{number}"
        self.data, self.hub, self.process = data, hub, None
        self.space = lab.ns(self.name)
        attach(self.space, hub, self.port, self.address)

    def start(self):
        peer = f"http://{self.address}:2380"
        cluster = ",".join(f"m{n}=http://10.99.0.{n + 1}:2380" for n in range(MEMBERS))
        with open(os.path.join(self.data, self.name + ".log"), "ab") as log:
            self.process = self.space.popen(
                "etcd", "--name", self.name, "--data-dir", os.path.join(self.data, self.name),
                "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", cluster, "--heartbeat-interval", "50",
                "--election-timeout", "500", "--log-level", "error", stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def cut(self):
        self.hub.ip(f"link set {self.port} down")

    def join(self):
        self.hub.ip(f"link set {self.port} up")


FAULT_KINDS = {"kill": (Member.kill, Member.start), "pause": (Member.pause, Member.resume),
               "partition": (Member.cut, Member.join)}


def attach(space, hub, port, address, name="eth0"):
    space.lab.veth(space, name, hub, port)
    space.ip(f"addr add {address}/24 dev {name}")
    hub.ip(f"link set {port} master br0")


class Members:
    """The cluster, and a host beside it that asks."""

    def __init__(self, lab, host, data):
        hub = lab.ns("hub")
        hub.ip("link add br0 type bridge", "link set br0 up")
        self.members = [Member(lab, hub, n, data) for n in range(MEMBERS)]
        self.host = host
        attach(host, hub, "port9", "10.99.0.9", "etcd0")
        for member in self.members:
            member.start()
        wait_for(self.leader, "a leader", 30)

    def urls(self):
        return [member.url for member in self.members]

    def ctl(self, *words, check=True):
        return self.host.run("env", "ETCDCTL_API=3", "etcdctl", "--endpoints", ",".join(self.urls()), *words,
                             check=check, timeout=20)

    def leader(self):
        """The member that leads, None while there is none."""
        try:
            said = json.loads(self.ctl("endpoint", "status", "-w", "json"))
        except (CommandError, ValueError):
            return None
        for one in said:
            status = one["Status"]
            if status.get("leader") and status["leader"] == status["header"]["member_id"]:
                return next(m for m in self.members if m.url == one["Endpoint"])
        return None

    def close(self):
        for member in self.members:
            member.process.send_signal(signal.SIGCONT)
            end_process(member.process)
