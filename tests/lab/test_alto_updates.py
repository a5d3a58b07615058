# SPDX-License-Identifier: GPL-2.0-or-later
"""Update streams (RFC 8895) and TIPS (RFC 9569) of a real sand: a client that applies what it is told has
what the server has, whatever happened in between."""

import json
import os
import random
import signal
import socket
import threading
import time

import pytest

from alto_client import merge
from alto_sand import Host
from netns import Lab, wait_for
from steering import UnixHTTP

CONFIG = "name: broker\nalto: {own: false}\n"
DOMAINS = 6
STREAM = {"Content-Type": "application/alto-updatestreamparams+json"}
TIPS = {"Content-Type": "application/alto-tipsparams+json"}
COST = {"cost-mode": "numerical", "cost-metric": "routingcost"}
FOLLOWED = {
    "map": {"resource-id": "domains"},
    "costs": {"resource-id": "domains-routingcost"},
    "hops": {"resource-id": "domains-hopcount"},
    "props": {"resource-id": "domains-props"},
    "some": {"resource-id": "domains-costs",
             "input": {"cost-type": COST, "constraints": ["le 12"], "pids": {"srcs": ["AS1"], "dsts": []}}},
    "ends": {"resource-id": "domains-endpoint-costs",
             "input": {"cost-type": COST,
                       "endpoints": {"srcs": ["ipv4:10.1.0.9"], "dsts": ["ipv4:10.3.0.9", "ipv4:10.4.0.9"]}}},
}


class Broker(Host):
    """A sand that is nothing but a broker, in a namespace of its own."""

    def __init__(self, lab):
        super().__init__(lab, "broker", CONFIG)

    def end(self, number):
        self.proc.send_signal(number)
        self.proc.wait(20)

    def request(self, method, path, body=None, headers=None):
        conn = UnixHTTP(f"{self.dir}/run/api.sock")
        conn.connect()
        conn.sock.settimeout(40)
        text = None if body is None else json.dumps(body)
        conn.request(method, path, text, headers or ({"Content-Type": "application/json"} if text else {}))
        return conn.getresponse()

    def call(self, method, path, body=None, headers=None):
        answer = self.request(method, path, body, headers)
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def put(self, path, body):
        status, answer = self.call("PUT", f"/broker/v1/{path}", body)
        assert status in (200, 201, 204), answer

    def domain(self, i, **more):
        self.put(f"domains/AS{i}", {"prefixes": {"ipv4": [f"10.{i}.0.0/16"]}, "transit": True, **more})

    def begin(self):
        for i in range(1, DOMAINS + 1):
            self.domain(i, resources={"cpu": i})
        for i in range(1, DOMAINS):
            self.put(f"links/AS{i}/AS{i + 1}", {"routingcost": 1})
        wait_for(lambda: f"AS{DOMAINS}" in self.answer(FOLLOWED["costs"])["cost-map"].get("AS1", {}),
                 "costs over the last link")

    def answer(self, entry):
        """What a resource says now."""
        directory = self.call("GET", "/alto/directory")[1]["resources"][entry["resource-id"]]
        if "input" not in entry:
            return self.call("GET", directory["uri"])[1]
        return self.call("POST", directory["uri"], entry["input"], {"Content-Type": directory["accepts"]})[1]


class Follower(threading.Thread):
    """A client of an update stream."""

    def __init__(self, broker, add=None, copies=None):
        """copies: what it has already."""
        super().__init__(daemon=True)
        self.copies, self.controls, self.comments, self.patches, self.wholes = copies or {}, [], 0, 0, 0
        self.broken = None
        self.answer = broker.request("POST", "/alto/updates", {"add": add or FOLLOWED}, STREAM)
        assert self.answer.status == 200, self.answer.read()
        self.start()

    def run(self):
        try:
            self.read()
            self.broken = False
        except OSError:
            self.broken = True

    def chunks(self):
        """http.client does not tell an answer that broke off from one that ended."""
        file, size = self.answer.fp, None
        while size != 0:
            head = file.readline()
            if not head.endswith(b"\r\n"):
                raise ConnectionError("no last chunk")
            size = int(head, 16)
            yield file.read(size)
            file.readline()

    def lines(self):
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole

    def read(self):
        name, data = "", []
        for line in self.lines():
            line = line.decode()
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif line.startswith(":"):
                self.comments += 1
            elif not line and data:
                self.event(name, json.loads("\n".join(data)))
                name, data = "", []

    def event(self, name, data):
        media, _, substream = name.partition(",")
        if media == "application/alto-updatestreamcontrol+json":
            self.controls.append(data)
        elif media == "application/merge-patch+json":
            self.patches += 1
            self.copies[substream] = merge(self.copies[substream], data)
        else:
            self.wholes += 1
            self.copies[substream] = data

    def has(self, broker):
        return all(self.copies.get(name) == broker.answer(entry) for name, entry in FOLLOWED.items())


@pytest.fixture(name="broker")
def filled_broker():
    with Lab("alto_updates") as lab, Broker(lab) as made:
        made.begin()
        yield made


def shake(broker, rounds, seed):
    """Random changes: costs, properties, domains and links that come and go."""
    draw = random.Random(seed)
    for _ in range(rounds):
        i = draw.randrange(1, DOMAINS)
        what = draw.randrange(6)
        if what < 3:
            broker.put(f"links/AS{i}/AS{i + 1}", {"routingcost": draw.randrange(1, 9)})
        elif what == 3:
            broker.domain(i, resources={"cpu": draw.randrange(9)}, nfs=["NF1", "NF2"][:draw.randrange(3)])
        elif what == 4:
            broker.call("DELETE", f"/broker/v1/links/AS{i}/AS{i + 1}")
        else:
            broker.call("DELETE", f"/broker/v1/domains/AS{i}")


def test_what_is_followed_is_what_there_is(broker):
    followers = [Follower(broker) for _ in range(4)]
    wait_for(lambda: all(f.has(broker) for f in followers), "first contents")
    for seed in range(5):
        shake(broker, 40, seed)
        wait_for(lambda: all(f.has(broker) for f in followers), f"contents after changes, seed {seed}")
    assert all(f.patches > f.wholes for f in followers)
    assert not any("stopped" in control for f in followers for control in f.controls)


def test_tips_client_that_polls_has_what_there_is(broker):
    status, view = broker.call("POST", "/alto/tips", FOLLOWED["costs"], TIPS)
    assert status == 200, view
    path = "/alto/tips/" + view["tips-view-uri"].rsplit("/", 1)[1]
    at = view["tips-view-summary"]["updates-graph-summary"]["start-edge-rec"]["seq-j"]
    copy = broker.call("GET", f"{path}/ug/0/{at}")[1]

    def step():
        nonlocal copy, at
        answer = broker.request("GET", f"{path}/ug/{at}/{at + 1}")
        body = json.loads(answer.read())
        assert answer.status == 200, body
        patch = answer.headers["Content-Type"] == "application/merge-patch+json"
        copy, at = (merge(copy, body) if patch else body), at + 1

    enough = threading.Event()

    def work():
        seed = 0
        while not enough.is_set():
            shake(broker, 1, seed)
            seed += 1
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    for _ in range(25):
        step()  # waits for what is not there yet
    enough.set()
    worker.join()
    time.sleep(1)  # the broker makes a snapshot of several changes
    while at < broker.call("POST", f"{path}/ug", {}, TIPS)[1]["end-seq"]:
        step()
    assert copy == broker.answer(FOLLOWED["costs"])


def test_keep_alive_every_15_seconds(broker):
    begin = time.monotonic()  # nothing was said before
    follower = Follower(broker, {"m": FOLLOWED["map"]})
    wait_for(lambda: follower.wholes, "map")
    wait_for(lambda: follower.comments, "keep-alive", 30)
    assert time.monotonic() - begin >= 15 and follower.comments == 1
    assert follower.wholes == 1 and not follower.patches


def test_killed_server_breaks_off_and_its_tags_stay(broker):
    """A client that comes back with its tag is not told what it has (RFC 8895, 6.5)."""
    follower = Follower(broker)
    wait_for(lambda: follower.has(broker), "first contents")
    tag = follower.copies["map"]["meta"]["vtag"]["tag"]
    os.kill(broker.pids()[-1], signal.SIGKILL)  # the deciding process
    wait_for(lambda: follower.broken, "the stream breaks off")
    wait_for(broker.ready, "the server is back")
    wait_for(lambda: broker.answer(FOLLOWED["map"])["meta"]["vtag"]["tag"] == tag, "the map is back")
    again = Follower(broker, {"map": {**FOLLOWED["map"], "tag": tag}, "costs": FOLLOWED["costs"]},
                     {"map": follower.copies["map"]})
    wait_for(lambda: "costs" in again.copies, "what had no tag")
    assert again.wholes == 1
    broker.domain(1, prefixes={"ipv4": ["10.1.0.0/17"]})
    wait_for(lambda: again.copies["map"] == broker.answer(FOLLOWED["map"]), "a patch to what it had")
    assert again.wholes == 1


def test_stopped_server_ends_its_streams(broker):
    follower = Follower(broker)
    wait_for(lambda: follower.has(broker), "first contents")
    broker.end(signal.SIGTERM)
    wait_for(lambda: follower.broken is not None, "end of the stream")
    assert follower.broken is False


def test_clients_that_leave_are_forgotten(broker):
    for _ in range(3):
        socks = []
        for _ in range(20):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(f"{broker.dir}/run/api.sock")
            body = json.dumps({"add": {"m": FOLLOWED["map"]}})
            sock.sendall(f"POST /alto/updates HTTP/1.1\r\nHost: x\r\nContent-Type: {STREAM['Content-Type']}\r\n"
                         f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
            socks.append(sock)
        for sock in socks:
            sock.close()
        broker.domain(1, prefixes={"ipv4": [f"10.1.{random.randrange(250)}.0/24"]})
        time.sleep(0.5)
        broker.domain(1, prefixes={"ipv4": [f"10.1.{random.randrange(250)}.0/25"]})
        time.sleep(0.5)
    follower = Follower(broker)
    wait_for(lambda: follower.has(broker), "room for a stream")
