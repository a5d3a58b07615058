#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes vectors.json next to itself: `tests/golden/wire/generate.py`; to stdout with "-"."""

import json
import logging
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
logging.getLogger("scapy").setLevel(logging.ERROR)

import cases_bad  # noqa: E402
import cases_forward  # noqa: E402
import cases_parse  # noqa: E402
from configurations import CONFIGURATIONS, PROFILES  # noqa: E402
from craft import steered  # noqa: E402

DEFAULT_ID = 0x101
MALFORMED = ("truncated", "bad_option", "bad_srh", "zero_service")
FILE = os.path.join(HERE, "vectors.json")


class Vectors:
    """Collects vectors; one method for each kind of expectation."""

    def __init__(self):
        self.list = []
        self.names = set()

    def good(self, name, packet, l4_offset, l4_proto, service=DEFAULT_ID, **more):
        """A service ID is found and the packet is steered."""
        self.found(name, packet, l4_offset, l4_proto, "forwarded", service, **more)

    def found(self, name, packet, l4_offset, l4_proto, reason, service=DEFAULT_ID, fragment=0,
              flags=0, **more):
        """A service ID is found; reason says what the ingress makes of it."""
        parse = {"reason": "forwarded", "service_id": hex(service), "l4_offset": l4_offset,
                 "l4_proto": l4_proto, "fragment": fragment, "flags": flags}
        self.add(name, packet, parse, reason, **more)

    def none(self, name, packet, reason, **more):
        """No service ID; the packet passes (or is dropped by policy)."""
        self.add(name, packet, {"reason": reason}, reason, **more)

    bad = none

    def add(self, name, packet, parse, reason, profile="exp-1", configuration="default"):
        assert name not in self.names, name
        self.names.add(name)
        conf = CONFIGURATIONS[configuration]
        out = None
        if reason == "forwarded":
            index = conf["services"][parse["service_id"]]["nexthop"]
            out = steered(packet, conf["nexthops"][str(index)]).hex()
        self.list.append({
            "name": name, "profile": profile, "configuration": configuration,
            "packet": packet.hex(), "parse": parse, "verdict": verdict(reason, conf["policy"]),
            "reason": reason, "packet_out": out})


def verdict(reason, policy):
    if reason == "forwarded":
        return "redirect"
    if (reason == "nh_drop" or (reason in MALFORMED and "drop_malformed" in policy)
            or (reason == "unknown_service" and "drop_unknown" in policy)):
        return "drop"
    return "pass"


def document():
    vectors = Vectors()
    for module in (cases_parse, cases_bad, cases_forward):
        for group in module.GROUPS:
            group(vectors)
    return {"format": 1, "profiles": PROFILES, "configurations": CONFIGURATIONS,
            "vectors": vectors.list}


def render():
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(render())
    else:
        with open(FILE, "w", encoding="ascii") as file:
            file.write(render())
