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
    sizes = {}
    for size in SIZES:
        rounds = max(3, min(ROUNDS, int(seconds * 10)))
        done = subprocess.run([program, str(size), str(rounds)], text=True, check=True,
                              stdout=subprocess.PIPE, timeout=60 + 10 * seconds)
        sizes[size] = json.loads(done.stdout)
    return {"sizes": sizes}
