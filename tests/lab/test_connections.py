# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP while the selection flips: affinity `flow` leaves every connection where it began, whatever
moment of it the flip meets. The plays of netns-lab count failed requests, so their services must ask
for it: with `hash`, a preferred instance that changes takes the packets of running connections too,
and answers them with resets."""

import http.client
import json
import os
import socket
import threading

import pytest
import yaml

from dual import SOAK, Dual, pe_config, service
from netns import wait_for
from steering import ADDRESS, ROOT, SERVICE, san_option

LAB = os.path.join(ROOT, "netns-lab")
FLIPS = 2000 if SOAK else 60
IPV6_DSTOPTS = 59


def service_of(topology):
    """What the lab's ingress says of the service that its clients use; None: it steers none."""
    with open(f"{LAB}/topo/{topology}/pe1.yaml", encoding="utf-8") as file:
        services = {s["id"]: s for s in yaml.safe_load(file).get("services", [])}
    return services.get(int(SERVICE, 16))


TOPOLOGIES = [name for name in sorted(os.listdir(f"{LAB}/topo")) if service_of(name)]


def affinity_of(topology):
    return service_of(topology).get("affinity", "hash")


def connect(net):
    """A connection to the service, on which nothing is asked yet."""
    with net.lab.ns("client").inside():
        sock = socket.socket(socket.AF_INET6)
    sock.settimeout(10)
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, san_option(SERVICE))
    conn = http.client.HTTPConnection(ADDRESS)
    conn.sock, conn.auto_open = sock, 0
    sock.connect((ADDRESS, 80))
    return conn


def ask(conn):
    """Who answers."""
    conn.request("GET", "/")
    return json.loads(conn.getresponse().read())["instance"]


class Short(threading.Thread):
    """One connection after the other, two questions each."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.net, self.stopping = net, threading.Event()
        self.count, self.wrong = 0, []

    def run(self):
        while not self.stopping.is_set():
            try:
                conn = connect(self.net)
                answers = [ask(conn), ask(conn)]
                conn.close()
            except (OSError, http.client.HTTPException) as error:
                answers = [error]
            self.count += 1
            if len(set(answers)) != 1 or answers[0] not in ("a", "b"):
                self.wrong.append(answers)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()


def check_flip(net, before, after):
    """Meets one connection before its first question, one between two, and none that is new."""
    silent, busy = connect(net), connect(net)
    assert ask(busy) == before
    net.status("a", cpu_load=70 if after == "b" else 10)
    net.settled(after)
    new = connect(net)
    assert [ask(silent), ask(busy), ask(new)] == [before, before, after]
    for conn in (silent, busy, new):
        conn.close()


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_connections_stay_while_the_selection_flips(topology):
    with Dual("connections") as net:
        net.begin(pe_config(service(SERVICE, address=ADDRESS, affinity=affinity_of(topology)), ""))
        for name, load in (("a", 10), ("b", 50)):
            site = net.lab.ns(name)
            site.popen(f"{LAB}/instance.py", name)
            wait_for(lambda s=site: ":80 " in s.run("ss", "-ltn"), "instance listens")
            net.enroll(name, load=load)
        net.settled("a")
        with Short(net) as one, Short(net) as other:
            for number in range(FLIPS):
                check_flip(net, *("ab" if number % 2 == 0 else "ba"))
        print(f"{FLIPS} flips, {one.count} and {other.count} short connections")
        assert one.count and other.count
        assert not one.wrong + other.wrong
