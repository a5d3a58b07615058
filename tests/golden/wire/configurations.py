# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles and configurations that the vectors name."""

from craft import PE_ICMP, PE_ICMP4, pe_source, segments

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


def nexthop(count=1, encap="red", hop_limit=0, mtu=1500, kind="srv6", **more):
    return {**more, "kind": kind, "source": pe_source(), "segments": segments(count), "encap": encap,
            "hop_limit": hop_limit, "mtu": mtu, "dst_mac": f"02:00:00:01:{count:02x}:02",
            "src_mac": f"02:00:00:01:{count:02x}:01"}


def service(index, mode="preferred", affinity="none", **more):
    return {**more, "mode": mode, "nexthop": index, "affinity": affinity}


def balanced(slots, affinity="hash", **more):
    """slots: next-hop index of each, a power of two of them."""
    return service(0, "balanced", affinity, slots=slots, **more)


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


# --- edge: VLAN, IPv4, classifier, groups, boundary, balanced, Packet Too Big -----------------------


def edge_nexthops():
    return {
        "1": nexthop(), "2": nexthop(2), "3": nexthop(3, "full"), "4": nexthop(1, kind="direct"),
        "5": nexthop(1, families=[6]), "6": nexthop(1, families=[4]),
        "7": nexthop(1, mtu=1319), "8": nexthop(1, mtu=1320), "9": nexthop(8, "full", mtu=1600),
        "10": nexthop(1, hop_limit=77), "11": nexthop(1, kind="direct", mtu=1400),
        "12": nexthop(1, port=False), "13": nexthop(1, kind="drop"),
        "14": nexthop(1, kind="unresolved"), "15": nexthop(2, mtu=700), "16": nexthop(4),
    }


def edge_services():
    """0x5XX: by header or by class; see edge_classes()."""
    return {
        "0x101": service(1, groups=0xFF), "0x501": service(2, groups=0x2),
        "0x502": service(3, groups=0x2), "0x503": service(4, groups=0x2),
        "0x504": service(5, groups=0x2), "0x505": service(6, groups=0x2),
        "0x506": service(7, groups=0x2), "0x507": service(8, groups=0x2),
        "0x508": service(9, groups=0x2), "0x509": service(10, groups=0x2),
        "0x50a": service(11, groups=0x2), "0x50b": service(12, groups=0x2),
        "0x50c": service(13, groups=0x2), "0x50d": service(14, groups=0x2),
        "0x50e": service(0, "none", groups=0x2), "0x50f": service(15, groups=0x2),
        "0x510": service(1, groups=0x1), "0x511": service(1, groups=0x8000000000000000),
        "0x512": service(1, groups=0), "0x513": service(16, affinity="flow", groups=0x2),
        "0x520": balanced([1, 1, 1, 2], groups=0x2),
        "0x521": balanced([1, 2, 16, 16, 2, 1, 1, 16], "none", groups=0x2),
        "0x522": balanced([1, 2, 16, 2, 1, 1, 16, 1], "flow", groups=0x2),
        "0x523": balanced([1, 2, 16, 2], "hash", key_source=True, groups=0x2),
        "0x524": balanced([1, 2, 16, 2], "flow", key_source=True, groups=0x2),
        "0x525": balanced([2], groups=0x2),
        "0x526": balanced([51, 0], groups=0x2),
    }


def rule(service_id, src="::/0", dst="::/0", **fields):
    return {"service": hex(service_id), "src": src, "dst": dst, **fields}


def edge_classes():
    """The longest destination counts, then the longest source, then the priority."""
    return [
        rule(0x501, dst="2001:db8:c1::/48", proto=6, dport=80),
        rule(0x502, dst="2001:db8:c1::/48", proto=17),
        rule(0x503, dst="2001:db8:c1::/48", proto=17, dport=5000, priority=10),
        rule(0x504, dst="2001:db8:c1::/48", dscp=46, priority=20),
        rule(0x507, dst="2001:db8:c1::/64", src="2001:db8:1::/48", proto=6, sport=40001),
        rule(0x509, dst="2001:db8:c1::/64", src="2001:db8:1::/64", proto=6),
        rule(0x50a, dst="2001:db8:c1:1::1/128"),
        rule(0x999, dst="2001:db8:c2::/48"),
        rule(0x510, dst="2001:db8:c3::/48"),
        rule(0x520, dst="2001:db8:c4::/48"),
        rule(0x522, dst="2001:db8:c5::/48"),
        rule(0x501, dst="203.0.113.0/24", proto=6, dport=80),
        rule(0x502, dst="203.0.113.0/24", proto=17),
        rule(0x503, dst="203.0.113.101/32", proto=17, dport=5000),
        rule(0x504, dst="203.0.113.5/32"),
        rule(0x506, dst="203.0.113.6/32"),
        rule(0x50f, dst="203.0.113.7/32"),
        rule(0x50a, dst="203.0.113.8/32"),
        rule(0x513, dst="203.0.113.9/32"),
        rule(0x509, dst="203.0.113.10/32"),
        rule(0x505, src="198.51.100.64/26", dst="203.0.113.0/24", proto=6, dport=80),
        rule(0x501, src="198.51.100.128/25", dst="0.0.0.0/0", dscp=10),
        rule(0x50d, dst="2001:db8:c6::/48", proto=58),
        rule(0x50c, proto=132, priority=5),
        rule(0x50e, proto=132),
    ]


OWN = 0xffffffff00000001  # a service of the host's own making


def intents():
    """Rules that do more than steer: before all others, by priority alone."""
    def act(number, priority, dst, service_id=0, verdict="pass", **fields):
        return rule(service_id, dst=dst, intent=1, act=number, priority=priority, verdict=verdict,
                    **fields)

    return [
        act(1, 100, "2001:db8:a1::/48", verdict="drop"),
        act(2, 100, "2001:db8:a2::/48", mark=10),
        act(3, 100, "2001:db8:a3::/48", 0x501, "steer", mark=34),
        act(4, 100, "2001:db8:a4::/48", OWN, "steer"),
        act(5, 100, "2001:db8:a5::/48", rate_kbps=1),
        act(6, 100, "2001:db8:a6::/48", 0x501, "steer", rate_kbps=1, mark=0),
        act(7, 100, "2001:db8:a7::/48", proto=17, dport=53, verdict="drop"),
        act(8, 99, "2001:db8:a7::/48"),
        act(1, 100, "203.0.113.32/27", verdict="drop"),
        act(2, 100, "203.0.113.64/27", mark=10),
        act(3, 100, "203.0.113.128/27", 0x501, "steer", mark=34),
        act(6, 100, "203.0.113.160/27", 0x501, "steer", rate_kbps=1, mark=0),
        act(9, 1, "::/0", dscp=12),
        act(4, 50, "2001:db8:a8::/48", 0x510, "steer"),
    ] + [
        rule(OWN + place, dst=f"2001:db8:b{place}::/48", intent=1, act=10, priority=40)
        for place in range(1, 9)
    ] + [
        rule(OWN + 7, dst="203.0.113.192/28", intent=1, act=10, priority=40, mark=10),
        rule(OWN + 6, dst="203.0.113.208/28", intent=1, priority=40),
    ]


def own_services():
    """What rules lead to alone; most of them cannot take everything."""
    table = {OWN: service(3, groups=0), OWN + 1: service(0, "none", groups=0)}
    for place, index in enumerate((14, 51, 6, 12, 15, 5), 2):
        table[OWN + place] = service(index, groups=0)
    return {hex(key): value for key, value in table.items()}


def edge(policy=("vlan", "classify"), **more):
    conf = {"role": "ingress", "policy": list(policy), "group": 1, "services": edge_services(),
            "nexthops": {**edge_nexthops(), "51": nexthop(2, kind="unused")},
            "blocks": ["fc00::/32", "2001:db8:ffff::/48"],
            "source": pe_source(), "icmp_source": PE_ICMP, "icmp_source4": PE_ICMP4,
            "classes": edge_classes(),
            "sids": {"2001:db8:77::1": {"behaviour": "End"}}}
    return {**conf, **more}


# --- core ---------------------------------------------------------------------------------------------


def core_sids():
    def sid(behaviour, **more):
        return {"behaviour": behaviour, **more}

    return {
        "fc00:9:1::": sid("End"), "fc00:9:2::": sid("End", flavors=["PSP"]),
        "fc00:9:3::": sid("End", flavors=["USD"]), "fc00:9:4::": sid("End", flavors=["USP"]),
        "fc00:9:5::": sid("End", flavors=["PSP", "USP", "USD"]),
        "fc00:9:6::": sid("End.DX6", nexthop=1, service="0x101"),
        "fc00:9:7::": sid("End.DX4", nexthop=1, service="0x101"),
        "fc00:9:8::": sid("End.DX6", nexthop=2), "fc00:9:9::": sid("End.DX6", nexthop=51),
        "fc00:9:a::": sid("End.DX6", nexthop=3), "fc00:9:b::": sid("End.DX4", nexthop=3),
        "fc00:9:c::": sid("End.DT6"), "fc00:9:d::": sid("End.SAN"),
        "fc00:9:e::": sid("End.DT6", kernel=True), "fc00:9:f::": sid("End.DX6", nexthop=4),
    }


def direct(number, **more):
    return {**nexthop(1, kind="direct", **more), "dst_mac": f"02:00:00:02:{number:02x}:02",
            "src_mac": f"02:00:00:02:{number:02x}:01"}


def core(policy=(), **more):
    conf = {"role": "core", "policy": list(policy), "services": {},
            "nexthops": {"1": direct(1), "2": {**direct(2), "kind": "unresolved"},
                         "3": direct(3, mtu=1280), "4": direct(4, port=False), "5": direct(5),
                         "6": direct(6, families=[6]),
                         "51": nexthop(2, kind="unused")},
            "local": {"0x101": service(1), "0x102": service(0, "none"),
                      "0x103": service(5, affinity="flow"), "0x104": balanced([1, 5, 5, 1]),
                      "0x105": service(51), "0x106": service(2), "0x107": service(6),
                      "0x108": service(3), "0x109": balanced([1, 5], "none", key_source=True)},
            "sids": core_sids(), "inside": ["2001:db8:ffff::/48", "fc00::/16"],
            "source": pe_source(), "icmp_source": PE_ICMP, "icmp_source4": PE_ICMP4,
            "classes": [rule(0x101, dst="2001:db8:c1::/48"), rule(0x104, dst="203.0.113.0/24"),
                        rule(0x107, dst="203.0.113.7/32"), rule(0x999, dst="2001:db8:c2::/48"),
                        # not for End.SAN, which sees what they hide
                        rule(0, intent=1, verdict="drop"),
                        rule(OWN, dst="203.0.113.0/24", intent=1, priority=1)],
            "routes": {"fc00:2::/32": {"mtu": 1500, "dst_mac": "02:00:00:03:01:02",
                                       "src_mac": "02:00:00:03:01:01"}}}
    return {**conf, **more}


CONFIGURATIONS = {
    "default": configuration(),
    "drop-malformed": configuration(["drop_malformed"]),
    "drop-unknown": configuration(["drop_unknown"]),
    "no-role": configuration(role="none"),
    "edge": edge(),
    "edge-strict": edge(["drop_malformed", "drop_unknown"], stray_sids=True),
    "edge-silent": edge(icmp_source="::", icmp_source4="0.0.0.0", source="::"),
    "intents": edge(classes=edge_classes() + intents(),
                    services={**edge_services(), **own_services()}),
    "core": core(),
    "core-open": core(["drop_malformed", "drop_unknown"], inside=[]),
}
