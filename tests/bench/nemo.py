# SPDX-License-Identifier: GPL-2.0-or-later
"""NEMO scripts in process, of several lengths: what the program `nemo` printed of each."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZES = (1000, 5000, 15000)
KINDS = 7  # series that take their share of the time, about


def measure(seconds):
    program = os.path.join(ROOT, "build", "bench", "nemo")
    share = seconds / len(SIZES) / KINDS

    def run(size):
        done = subprocess.run([program, str(size), str(share)], text=True, check=True,
                              stdout=subprocess.PIPE, timeout=120 + 10 * seconds)
        return json.loads(done.stdout)

    return {"sizes": {size: run(size) for size in SIZES}}
