#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Benchmarks: measures, prints tables, holds the figures against the goals.

    tests/bench/run.py [dataplane] [live] [control] [scale] [load] [alto] [nemo]
    (default: all; root)

BENCH_SECONDS (30): time for measuring in each part. Results are in build/bench/<part>.json, pictures
beside them. A missed goal is a line in the table, not a failure: exit status 1 only when something
could not be measured.
"""

import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FOLDER = os.path.join(ROOT, "build", "bench")
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lab")]

import alto  # noqa: E402
import control  # noqa: E402
import goals  # noqa: E402
import live  # noqa: E402
import load  # noqa: E402
import nemo  # noqa: E402
import report  # noqa: E402
import scale  # noqa: E402
from netns import CommandError  # noqa: E402


def dataplane(seconds):
    done = subprocess.run([os.path.join(FOLDER, "dataplane"), str(seconds)], text=True,
                          stdout=subprocess.PIPE, timeout=seconds * 4 + 120, check=True)
    return json.loads(done.stdout)


PARTS = {"dataplane": dataplane, "live": live.measure, "control": control.measure,
         "scale": scale.measure, "load": load.measure, "alto": alto.measure,
         "nemo": nemo.measure}


def run_part(part, seconds):
    machine = report.machine()
    report.show_machine(machine)
    result = PARTS[part](seconds)
    held = goals.GOALS[part](result)
    report.SHOW[part](result)
    report.show_goals(held)
    path = report.write_json(FOLDER, part, {"machine": machine, "result": result, "goals": held})
    print(f"  {os.path.relpath(path)}, load average {machine['load']:.2f} -> {os.getloadavg()[0]:.2f}")
    if "cases" in result:
        print("  " + report.plot(FOLDER, part, f"{part}, ns a packet", result["cases"]))
    if part in report.CURVES:
        print("  " + report.curves(FOLDER, part, result))
    sys.stdout.flush()


def main():
    parts = sys.argv[1:] or list(PARTS)
    if [part for part in parts if part not in PARTS]:
        print(f"usage: tests/bench/run.py {' '.join(PARTS)} (any of them)", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("bench: needs root: loads BPF programs, makes network namespaces", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    seconds = float(os.environ.get("BENCH_SECONDS") or 30)
    os.makedirs(FOLDER, exist_ok=True)
    failed = 0
    for part in parts:
        try:
            run_part(part, seconds)
        except (AssertionError, CommandError, OSError, RuntimeError, ValueError,
                subprocess.SubprocessError) as error:
            print(f"bench: {part} could not be measured: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
