#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies the scripts of tests/golden/nemo as seeds of fuzz_nemo: `tests/fuzz/seed_nemo.py DIR`."""

import glob
import os
import shutil
import sys

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "nemo")


def main():
    for path in glob.glob(os.path.join(GOLDEN, "*.nemo")):
        shutil.copy(path, os.path.join(sys.argv[1], "golden-" + os.path.basename(path)))


if __name__ == "__main__":
    main()
