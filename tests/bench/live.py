# SPDX-License-Identifier: GPL-2.0-or-later
"""Live packets: client -- pe -- sink, namespaces joined by veth pairs."""

import json
import os

from netns import Lab, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEGMENT = "fc00:1::1"
SOURCE = "5f00:0:a::1"
SERVICE = "2001:db8:5::101"
NEXT = "2001:db8:1::2"
SID = "fc00:9::d6"


def build(lab):
    """The pe's kernel has the same ways as sand: encap.red with one segment, out of core0, and as a
    gateway End.DX6 to the same neighbour."""
    client, pe, sink = lab.ns("client"), lab.ns("pe"), lab.ns("sink")
    lab.veth(client, "eth0", pe, "acc0")
    lab.veth(pe, "core0", sink, "eth0")
    pe.router()
    pe.ip("addr add 2001:db8:c::1/64 dev acc0 nodad", "addr add 2001:db8:1::1/64 dev core0 nodad",
          f"neigh add {NEXT} lladdr {sink.mac('eth0')} dev core0 nud permanent",
          f"route add {SEGMENT}/128 via {NEXT} dev core0",
          f"route add {SERVICE}/128 encap seg6 mode encap.red segs {SEGMENT} dev core0",
          f"route add {SID}/128 encap seg6local action End.DX6 nh6 {NEXT} dev core0")
    pe.run("ip", "sr", "tunsrc", "set", SOURCE)
    return client, pe, sink


def measure(seconds):
    """What the program `live` printed."""
    with Lab("bench") as lab:
        spaces = [space.path for space in build(lab)]
        program = os.path.join(ROOT, "build", "bench", "live")
        return json.loads(run(program, *spaces, lab.pin_dir(), str(seconds),
                              timeout=seconds * 4 + 60))
