# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles and configurations that the vectors name."""

from craft import pe_source, segments

ALL = ["doh", "hbh", "srh"]


def profile(carriers=None, opt_type=0x1E, tlv_type=124, version=1, id_offset=4, id_len=8):
    return {"carriers": carriers or ALL, "opt_type": opt_type, "tlv_type": tlv_type,
            "version": version, "id_offset": id_offset, "id_len": id_len}


PROFILES = {
    "exp-1": profile(),
    "doh-only": profile(["doh"]),
    "hbh-only": profile(["hbh"]),
    "srh-only": profile(["srh"]),
    "id4": profile(id_len=4),
    "id4-bare": profile(version=0, id_offset=0, id_len=4),
    "id8-bare": profile(version=0, id_offset=0),
    "id8-deep": profile(id_offset=32),
    "other-points": profile(opt_type=0x3E, tlv_type=127),
    "version-2": profile(version=2),
}


def nexthop(count=1, encap="red", hop_limit=0, mtu=1500, kind="srv6"):
    return {"kind": kind, "source": pe_source(), "segments": segments(count), "encap": encap,
            "hop_limit": hop_limit, "mtu": mtu, "dst_mac": f"02:00:00:01:{count:02x}:02",
            "src_mac": f"02:00:00:01:{count:02x}:01"}


def service(index, mode="preferred", affinity="none"):
    return {"mode": mode, "nexthop": index, "affinity": affinity}


def default_nexthops():
    table = {"1": nexthop()}
    for count in range(1, 9):
        table[str(0x10 + count)] = nexthop(count)
        table[str(0x20 + count)] = nexthop(count, "full")
    table["48"] = nexthop(3, hop_limit=64)
    table["49"] = nexthop(2, kind="unresolved")
    table["50"] = nexthop(2, kind="drop")
    table["51"] = nexthop(2, kind="unused")
    table["52"] = nexthop(1, mtu=1280)
    table["53"] = nexthop(8, "full", mtu=9000)
    table["54"] = nexthop(1, kind="direct")
    return table


def default_services():
    """0x201..0x208: red with 1..8 segments; 0x301..0x308: full; the others as their next hops."""
    table = {"0x101": service(1)}
    for count in range(1, 9):
        table[hex(0x200 + count)] = service(0x10 + count)
        table[hex(0x300 + count)] = service(0x20 + count)
    for place, index in enumerate((48, 49, 50, 51, 52, 53, 54), 0x401):
        table[hex(place)] = service(index)
    table["0x410"] = service(0, "none")
    table["0x411"] = service(0)
    table["0x412"] = service(4000000)
    table["0x413"] = service(1, affinity="flow")
    table["0xfedcba9876543210"] = service(0x12)
    table["0xffffffffffffffff"] = service(0x13)
    table["0x1"] = service(0x14)
    return table


def configuration(policy=(), role="ingress"):
    return {"role": role, "policy": list(policy), "services": default_services(),
            "nexthops": default_nexthops()}


CONFIGURATIONS = {
    "default": configuration(),
    "drop-malformed": configuration(["drop_malformed"]),
    "drop-unknown": configuration(["drop_unknown"]),
    "no-role": configuration(role="none"),
}
