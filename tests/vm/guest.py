#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What check.py runs in the guest: the packet tests, the tests of module nl, the comparison with the
kernel's bytes, the smoke test, and the verifier's sums; all that into one file, /run/vmout/result.json.

On the host `make test` does what of this can be done there.
"""

import glob
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

import run  # noqa: E402

OUT = "/run/vmout"
FIELDS = ("insns", "states", "stack", "jited")


class Verifier:
    """The program `verify` as a test: passed when every object loads within the bound."""

    def __init__(self):
        self.programs = {}
        objects = sorted(glob.glob(os.path.join(run.BUILD, "bpf", "*.bpf.o")))
        argv = [os.path.join(run.BUILD, "tests", "vm", "verify"), *objects]
        self.job = run.Job("vm/verify", argv, self.count)

    def count(self, result, status):
        for line in result.output.splitlines():
            words = line.split()
            if len(words) == 1 + len(FIELDS) and all(word.isdigit() for word in words[1:]):
                self.programs[words[0]] = dict(zip(FIELDS, map(int, words[1:])))
        run.count_status(result, status)


def entry(result):
    return {"name": result.name, "passed": result.passed, "failed": result.failed,
            "skips": result.skips, "seconds": round(result.seconds, 1),
            "output": result.output if result.failed else ""}


def main():
    os.makedirs(os.path.join(run.BUILD, "junit"), exist_ok=True)
    os.environ["TEST_SHORT"] = "1"  # emulation is some hundred times slower
    os.environ["DIFF_PACKETS"] = "5000"
    verifier = Verifier()
    jobs = [verifier.job, *run.tap_jobs("bpf/test_*.c"), *run.pytest_jobs("bpf/test_*.py"),
            *run.tap_jobs("unit/nl/test_*.c"), *run.pytest_jobs("lab/test_kernel_bytes.py"),
            *run.pytest_jobs("vm/test_*.py")]
    results = []
    for job in run.wanted(jobs):
        result = run.run_job(job)
        print(result.line(), flush=True)
        results.append(entry(result))
    with open(os.path.join(OUT, "result.json"), "w", encoding="utf-8") as file:
        json.dump({"release": os.uname().release, "programs": results,
                   "verifier": verifier.programs}, file)


if __name__ == "__main__":
    main()
