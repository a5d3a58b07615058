#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Differential run: the loaded programs against two oracles.

    tests/bpf/oracle_diff.py [--packets 1000000] [--slow 20000] [--seed 1]

Most packets are made and judged in C (libmutate.c, libjudge*.c): verdict, reason and every byte that
leaves. A part of them (--slow) is made by oracle_gen.py and judged by oracle_*.py, together with
what the natively compiled cursor finds. The kernel log must stay clean. Prints the first
disagreements with their packets; exit status 1 if there is one. The packets follow from the seed,
so that a run can be repeated.
"""

import argparse
import collections
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import oracle  # noqa: E402
from oracle_core import machine  # noqa: E402
from oracle_driver import CHUNK, Driver, DriverError, disagreement  # noqa: E402
from oracle_gen import Generator, golden, profile_of  # noqa: E402
from oracle_steer import OWN_SERVICES  # noqa: E402

SHOWN = 10
# profile, configuration, share of the packets
SHARES = [("exp-1", "default", 0.2), ("exp-1", "drop-malformed", 0.03),
          ("exp-1", "drop-unknown", 0.03), ("doh-only", "default", 0.03),
          ("srh-only", "default", 0.03), ("id4", "default", 0.03), ("exp-1", "edge", 0.2),
          ("exp-1", "intents", 0.1),
          ("exp-1", "edge-strict", 0.05), ("exp-1", "edge-silent", 0.05), ("exp-1", "core", 0.2),
          ("exp-1", "core-open", 0.04),
          ("exp-1", "no-role", 0.01)]
ALARMS = ("BUG:", "WARNING:", "Oops", "general protection", "soft lockup", "KASAN", "UBSAN")


class Tally:
    def __init__(self):
        self.packets = 0
        self.steered = 0
        self.reasons = collections.Counter()
        self.wrong = []
        self.disagreements = 0

    def add(self, packet, answer, why):
        self.packets += 1
        self.reasons[answer.reason] += 1
        self.steered += answer.verdict == "redirect"
        if why:
            self.disagreements += 1
            self.wrong.append(f"{why}; packet {packet.hex()}")

    def add_mass(self, name, mass):
        self.packets += mass.packets
        self.reasons.update(mass.reasons)
        self.steered += mass.steered
        self.disagreements += mass.wrong
        self.wrong += [f"{name}: {line}" for line in mass.text.splitlines()]


def compare(driver, state, packets, tally):
    for packet, answer in zip(packets, driver.run(packets)):
        readable = len(packet) >= 54 and packet[12:14] == b"\x86\xdd"
        found = oracle.find_san(packet[14:], state.profile) if readable else None
        tally.add(packet, answer, disagreement(packet, state.options(packet), found, answer))


def seeds_of(document, conf_name):
    """Packets of the vectors, those of the same side."""
    role = document["configurations"][conf_name]["role"]
    seeds = []
    for vector in document["vectors"] + document["frames"]:
        if document["configurations"][vector["configuration"]]["role"] == role:
            seeds += [bytes.fromhex(item) for item in vector.get("before", [])[:1] + [vector["packet"]]]
    return seeds


def configuration(document, name):
    """As it may be in a host: services of its own making are for rules alone."""
    conf = dict(document["configurations"][name], routes={})
    if "classes" not in conf:
        conf["services"] = {key: spec for key, spec in conf["services"].items() if int(key, 0) < OWN_SERVICES}
    return conf


def run_share(document, share, packets, slow, seed, tally):
    profile_name, conf_name, _ = share
    conf = configuration(document, conf_name)
    profile = profile_of(document["profiles"][profile_name])
    services = [int(key, 0) for key in conf["services"]]
    # more packets for services that remember flows
    services += 5 * [int(key, 0) for key, spec in conf["services"].items()
                     if spec["affinity"] == "flow"]
    seeds = seeds_of(document, conf_name)
    generator = Generator(f"{seed}", services or [0x101], seeds)
    state = machine(conf, profile)
    with Driver(conf, profile) as driver:
        driver.forget()
        while slow > 0:
            part = list(generator.packets(min(slow, 8 * CHUNK)))
            compare(driver, state, part, tally)
            slow -= len(part)
        if packets:
            start = int.from_bytes(str(seed).encode()[-7:], "big")
            tally.add_mass(f"{profile_name} {conf_name}", driver.mass(seeds, packets, start))


def differential(packets, slow, seed):
    document = golden()
    tally = Tally()
    for number, share in enumerate(SHARES):
        run_share(document, share, round((packets - slow) * share[2]), round(slow * share[2]),
                  f"{seed}/{number}", tally)
    return tally


def kernel_log():
    """Lines of the kernel log, None where it cannot be read."""
    done = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.splitlines() if done.returncode == 0 else None


def alarms(before, after):
    """What the kernel has complained of since."""
    seen = collections.Counter(before)
    return [line for line in (collections.Counter(after) - seen) if any(word in line for word in ALARMS)]


def show(tally, seconds):
    for line in tally.wrong[:SHOWN]:
        print(f"disagreement: {line}")
    print("reasons: " + ", ".join(f"{name} {count}" for name, count in
                                  tally.reasons.most_common()))
    print(f"{tally.packets} packets, {tally.steered} steered, {tally.disagreements} disagreements, "
          f"{seconds:.0f} s")


def main():
    parser = argparse.ArgumentParser(description="programs against oracles")
    parser.add_argument("--packets", type=int, default=1000000)
    parser.add_argument("--slow", type=int, default=20000)
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    start, before = time.monotonic(), kernel_log()
    try:
        tally = differential(args.packets, min(args.slow, args.packets), args.seed)
    except DriverError as error:
        print(f"oracle_diff: {error}", file=sys.stderr)
        return 1
    show(tally, time.monotonic() - start)
    if before is None:
        print("kernel log: cannot be read here, not checked")
        return 1 if tally.disagreements else 0
    complaints = alarms(before, kernel_log() or [])
    print("\n".join(complaints) or "kernel log: clean")
    return 1 if tally.disagreements or complaints else 0


if __name__ == "__main__":
    sys.exit(main())
