# SPDX-License-Identifier: GPL-2.0-or-later
"""ALTO's answers in process, of maps of several sizes: what the program `alto` printed of each."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZES = (100, 1000, 10000)
KINDS = 5  # series that take their share of the time, about


def measure(seconds):
    program = os.path.join(ROOT, "build", "bench", "alto")
    share = seconds / len(SIZES) / KINDS

    def run(size):
        done = subprocess.run([program, str(size), str(share)], text=True, check=True,
                              stdout=subprocess.PIPE, timeout=120 + 10 * seconds)
        return json.loads(done.stdout)

    return {"sizes": {size: run(size) for size in SIZES}}
