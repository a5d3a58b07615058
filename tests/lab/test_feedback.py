# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic moves load, load moves traffic: with the hysteresis of every day this comes to rest.

Real traffic through a real sand; each site reports, a little later, a load that is made by the packets
that reach it. SAND_SOAK=1: a whole minute.
"""

import os
import threading
import time

import pytest

from steering import PE, SERVICE, Steering

SECONDS = 60 if os.environ.get("SAND_SOAK") else 20
PPS = 1000
REPORT = 0.25  # between two reports, seconds
DELAY = 0.5    # until a report is there
MAX_CHANGES = 5

EVALUATION = "[{attribute: cpu_load, curve: {ramp: [0, 100]}}]"


def config(selection, hysteresis):
    head, tail = PE.split("    evaluation:")
    tail = tail[tail.index("    freshness:"):]
    head = head.replace("affinity: flow", f"affinity: none\n    selection: {selection}")
    return f"{head}    evaluation: {EVALUATION}\n    hysteresis: {hysteresis}\n{tail}"


class Loads:
    """What sites report: packets that arrived, by capacity, as a moving mean, some time later."""

    def __init__(self, net, flow, capacity):
        self.net, self.flow, self.capacity = net, flow, capacity
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def work(self):
        seen = {name: len(got) for name, got in self.flow.got.items()}
        mean = dict.fromkeys(seen, 0.0)
        waiting = []
        last = time.monotonic()
        while not self.stopping.wait(REPORT):
            now = time.monotonic()
            for name, got in self.flow.got.items():
                rate = (len(got) - seen[name]) / (now - last)
                seen[name] = len(got)
                mean[name] += 0.5 * (100 * rate / self.capacity[name] - mean[name])
            last = now
            waiting.append((now + DELAY, dict(mean)))
            while waiting and waiting[0][0] <= now:
                for name, load in waiting.pop(0)[1].items():
                    self.net.load(name, round(min(load, 100), 1))


def explain(net):
    status, answer = net.call("pe", "GET", f"/v1/services/{SERVICE}/explain")
    assert status == 200
    return answer


def shares(flow, seconds):
    """Parts of what arrives in that time."""
    before = {name: len(got) for name, got in flow.got.items()}
    time.sleep(seconds)
    arrived = {name: len(got) - before[name] for name, got in flow.got.items()}
    return {name: n / sum(arrived.values()) for name, n in arrived.items()}


def run(name, selection, hysteresis, seconds, capacity):
    """The loop for so long: (changes, shares at the end, explanation)."""
    with Steering(name) as net:
        net.configs["pe"] = config(selection, hysteresis)
        net.start("gw")
        net.start("pe")
        for site in ("a", "b"):
            net.register(site)
        with net.udp("a", "b", pps=PPS) as flow, Loads(net, flow, capacity):
            time.sleep(seconds - 2)
            end = shares(flow, 2)
            told = explain(net)
        print(selection, hysteresis, "changes:", len(told["history"]), "shares:", end)
        for change in told["history"]:
            print("  ", change["time"], change["why"])
        return len(told["history"]), end, told


def test_preferred_comes_to_rest():
    """Each can carry it all, at 60 and 75 percent."""
    number, end, told = run("feedp", "preferred", "{margin: 50, hold_ms: 1000}", SECONDS,
                            {"a": PPS / 0.6, "b": PPS / 0.75})
    assert 1 <= number <= MAX_CHANGES
    assert max(end.values()) > 0.9
    assert told["hysteresis"]["hold_now_ms"] >= told["hysteresis"]["hold_ms"]


def test_balanced_comes_to_rest():
    """Shares that agree with the weights which they lead to: x : 1-x as 1-D*x/A : 1-D*(1-x)/B."""
    a, b = 1.5, 0.9
    number, end, _ = run("feedb", "balanced", "{margin: 50, hold_ms: 1000}", SECONDS,
                         {"a": PPS * a, "b": PPS * b})
    fair = 0.5
    for _ in range(2000):
        weight = max(1 - fair / a, 0.001), max(1 - (1 - fair) / b, 0.001)
        fair += 0.01 * (weight[0] / sum(weight) - fair)
    assert number <= MAX_CHANGES
    assert end["a"] == pytest.approx(fair, rel=0.2)
    assert end["b"] == pytest.approx(1 - fair, rel=0.2)


def test_swings_without_hold_time():
    """So that it is known that the loop is one."""
    number, _, _ = run("feedn", "preferred", "{margin: 0, hold_ms: 0}", 9,
                       {"a": PPS / 0.6, "b": PPS / 0.75})
    assert number > MAX_CHANGES
