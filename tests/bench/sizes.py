# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of build/bench that measure in process: asked for several sizes, each prints one object."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def measure(name, sizes, kinds, seconds):
    """kinds: series that take their share of the time, about."""
    program = os.path.join(ROOT, "build", "bench", name)
    share = seconds / len(sizes) / kinds

    def run(size):
        done = subprocess.run([program, str(size), str(share)], text=True, check=True,
                              stdout=subprocess.PIPE, timeout=120 + 10 * seconds)
        return json.loads(done.stdout)

    return {"sizes": {size: run(size) for size in sizes}}
