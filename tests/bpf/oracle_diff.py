#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Differential run: the loaded ingress program, the native cursor and the oracle on the same packets.

    tests/bpf/oracle_diff.py [--packets 200000] [--seed 1]

They must agree on the verdict, the reason, the service ID, what the parser found, and the frame
that leaves. Prints the first disagreements with their packets; exit status 1 if there is one. The
packets follow from the seed, so that a run can be repeated.
"""

import argparse
import collections
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle  # noqa: E402
from oracle_driver import CHUNK, Driver, DriverError, disagreement  # noqa: E402
from oracle_gen import Generator, golden, profile_of  # noqa: E402

SHOWN = 10
SHARES = [("exp-1", "default", 0.7), ("exp-1", "drop-malformed", 0.1),
          ("exp-1", "drop-unknown", 0.05), ("doh-only", "default", 0.05),
          ("srh-only", "default", 0.05), ("id4", "default", 0.05)]


class Tally:
    def __init__(self):
        self.packets = 0
        self.steered = 0
        self.reasons = collections.Counter()
        self.wrong = []

    def add(self, packet, expected, why):
        self.packets += 1
        self.reasons[expected.reason] += 1
        self.steered += expected.verdict == "redirect"
        if why:
            self.wrong.append((why, packet))


def compare(driver, judge, packets, tally):
    """The oracle first, for a whole part, then what the program did."""
    expected = [judge.run(packet) for packet in packets]
    for packet, want, answer in zip(packets, expected, driver.run(packets)):
        readable = len(packet) >= 54 and packet[12:14] == b"\x86\xdd"
        found = oracle.find_san(packet[14:], judge.profile) if readable else None
        tally.add(packet, want, disagreement(packet, want, found, answer))


def run_share(document, share, count, seed, tally):
    profile_name, conf_name, _ = share
    conf = document["configurations"][conf_name]
    profile = profile_of(document["profiles"][profile_name])
    services = [int(key, 0) for key in conf["services"]]
    # more packets for services that remember flows
    services += 5 * [int(key, 0) for key, spec in conf["services"].items()
                     if spec["affinity"] == "flow"]
    seeds = [bytes.fromhex(vector["packet"]) for vector in document["vectors"]]
    generator = Generator(seed, services, seeds)
    judge = oracle.Ingress(conf, profile)
    with Driver(conf, profile) as driver:
        while count > 0:
            part = list(generator.packets(min(count, 8 * CHUNK)))
            compare(driver, judge, part, tally)
            count -= len(part)


def differential(packets, seed):
    document = golden()
    tally = Tally()
    for number, share in enumerate(SHARES):
        run_share(document, share, int(packets * share[2]), f"{seed}/{number}", tally)
    rest = packets - tally.packets
    run_share(document, SHARES[0], rest, f"{seed}/rest", tally)
    return tally


def show(tally, seconds):
    for why, packet in tally.wrong[:SHOWN]:
        print(f"disagreement: {why}\n  packet {packet.hex()}")
    print("reasons: " + ", ".join(f"{name} {count}" for name, count in
                                  tally.reasons.most_common()))
    print(f"{tally.packets} packets, {tally.steered} steered, {len(tally.wrong)} disagreements, "
          f"{seconds:.0f} s")


def main():
    parser = argparse.ArgumentParser(description="program against oracle")
    parser.add_argument("--packets", type=int, default=200000)
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    start = time.monotonic()
    try:
        tally = differential(args.packets, args.seed)
    except DriverError as error:
        print(f"oracle_diff: {error}", file=sys.stderr)
        return 1
    show(tally, time.monotonic() - start)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
