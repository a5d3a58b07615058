#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the golden vectors as seeds of fuzz_cursor: `tests/fuzz/seed_cursor.py DIR`."""

import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VECTORS = os.path.join(ROOT, "tests", "golden", "wire", "vectors.json")
# the order of profiles[] in fuzz_cursor.c; any other profile's packets go to the first
PROFILES = ["exp-1", "doh-only", "hbh-only", "srh-only", "id4", "id4-bare", "id8-bare", "id8-deep"]


def seed(vector):
    name = vector["profile"]
    index = PROFILES.index(name) if name in PROFILES else 0
    return bytes([index]) + bytes.fromhex(vector["packet"])[14:]


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    with open(VECTORS, encoding="ascii") as file:
        vectors = json.load(file)["vectors"]
    for vector in vectors:
        name = vector["name"].replace("/", "-")
        with open(os.path.join(folder, name), "wb") as out:
            out.write(seed(vector))


if __name__ == "__main__":
    main()
