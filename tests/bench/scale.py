# SPDX-License-Identifier: GPL-2.0-or-later
"""View and orc with a thousand to a million candidates: what the program `scale` printed of each."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZES = (1000, 10000, 100000, 1000000)
ROUNDS = 100


def measure(seconds):
    program = os.path.join(ROOT, "build", "bench", "scale")
    rounds = max(3, min(ROUNDS, int(seconds * 10)))

    def run(size, *mode):
        done = subprocess.run([program, str(size), str(rounds), *mode], text=True, check=True,
                              stdout=subprocess.PIPE, timeout=60 + 10 * seconds)
        return json.loads(done.stdout)

    return {"sizes": {size: run(size) for size in SIZES}, "balanced": run(10000, "balanced")}
