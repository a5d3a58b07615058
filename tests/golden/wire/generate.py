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
import cases_core  # noqa: E402
import cases_edge  # noqa: E402
import cases_forward  # noqa: E402
import cases_intents  # noqa: E402
import cases_states  # noqa: E402
import cases_parse  # noqa: E402
from configurations import CONFIGURATIONS, PROFILES  # noqa: E402
from craft import steered  # noqa: E402

DEFAULT_ID = 0x101
MALFORMED = ("truncated", "bad_option", "bad_srh", "zero_service", "bad_ipv4")
STEERED = ("forwarded", "flow_hit", "flow_moved", "fragment_hit", "relayed", "decapsulated", "local")
DROPPED = ("denied", "boundary", "outside_source", "looped", "nh_drop", "too_big_limited", "forbidden",
           "over_rate", "goal_down")
FILE = os.path.join(HERE, "vectors.json")


class Vectors:
    """Collects vectors; one method for each kind of expectation."""

    def __init__(self):
        self.list = []
        self.frames = []
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
        conf = CONFIGURATIONS[configuration]
        out = None
        if reason == "forwarded":
            index = conf["services"][parse["service_id"]]["nexthop"]
            out = steered(packet, conf["nexthops"][str(index)])
        self.frame(name, packet, reason, out, profile=profile, configuration=configuration,
                   parse=parse)

    def frame(self, name, packet, reason, out=None, configuration="edge", **more):
        """A whole frame and what leaves; parse only where the IPv6 walk alone is looked at."""
        assert name not in self.names, name
        self.names.add(name)
        entry = {"name": name, "profile": more.get("profile", "exp-1"),
                 "configuration": configuration, "packet": packet.hex()}
        if more.get("parse"):
            entry["parse"] = more["parse"]
        if more.get("before"):
            entry["before"] = [item.hex() for item in more["before"]]
        if more.get("give_up"):
            entry["give_up"] = more["give_up"]
        policy = CONFIGURATIONS[configuration]["policy"]
        role = CONFIGURATIONS[configuration]["role"]
        entry.update(verdict=verdict(reason, policy, role), reason=reason,
                     packet_out=out.hex() if out else None)
        (self.list if more.get("parse") else self.frames).append(entry)

    def steered(self, name, packet, nexthop, reason="forwarded", configuration="edge", **more):
        """A whole frame that goes to this next hop of the configuration."""
        out = steered(packet, CONFIGURATIONS[configuration]["nexthops"][str(nexthop)])
        self.frame(name, packet, reason, out, configuration, **more)


def verdict(reason, policy, role):
    if reason in STEERED:
        return "redirect"
    if reason == "too_big":
        return "tx"
    if (reason in DROPPED or (reason in MALFORMED and "drop_malformed" in policy)
            or (reason == "unknown_service" and "drop_unknown" in policy and role == "ingress")):
        return "drop"
    return "pass"


def document():
    vectors = Vectors()
    for module in (cases_parse, cases_bad, cases_forward, cases_edge, cases_states, cases_core,
                   cases_intents):
        for group in module.GROUPS:
            group(vectors)
    return {"format": 2, "profiles": PROFILES, "configurations": CONFIGURATIONS,
            "vectors": vectors.list, "frames": vectors.frames}


def render():
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(render())
    else:
        with open(FILE, "w", encoding="ascii") as file:
            file.write(render())
