# SPDX-License-Identifier: GPL-2.0-or-later
"""What the figures of a run are held against: ratios of that run, and a few times.

A goal is a dict: what, value, limit, unit, at_least (bool: the value must be at least the limit, not
at most), met; ratios are of the smallest times, with that of the medians beside it.
"""


def goal(what, value, limit, unit="x", at_least=False):
    met = value >= limit if at_least else value <= limit
    return {"what": what, "value": round(value, 3), "limit": limit, "unit": unit,
            "at_least": at_least, "met": met}


def ratio(what, over, under, limit, at_least=False):
    """over and under: cases as {"min_ns": ..., "median_ns": ...}."""
    made = goal(what, over["min_ns"] / under["min_ns"], limit, at_least=at_least)
    made["median"] = round(over["median_ns"] / under["median_ns"], 3)
    return made


def dataplane(result):
    cases = result["cases"]
    floor_and_lookup = {key: cases["floor_64"][key] + cases["hash_1m_random"][key] -
                        cases["empty"][key] for key in ("min_ns", "median_ns")}

    def to(what, over, under, limit):
        return ratio(what, cases[over], cases[under], limit)

    return [
        to("ingress / floor, 64 B", "ours_64", "floor_64", 1.5),
        to("ingress / floor, 40 B", "ours_40", "floor_40", 1.5),
        to("balanced / floor, 64 B", "ours_balanced_64", "floor_64", 1.5),
        to("with flow hit / floor + LRU hit, 64 B", "ours_flow_64", "floor_flow_64", 1.5),
        to("with flow hit / floor + LRU hit, 40 B", "ours_flow_40", "floor_flow_40", 1.5),
        to("128k services, one hot / 1 service", "ours_64_128k_hot", "ours_64", 1.1),
        to("1M services, one hot / 1 service", "ours_64_1m_hot", "ours_64", 1.1),
        ratio("1M services, random / (floor + random look-up)", cases["ours_64_1m_random"],
              floor_and_lookup, 1.3),
        to("1M services, random / floor, random", "ours_64_1m_random", "floor_64_1m_random", 1.3),
        to("512k flows without affinity / 1 flow", "ours_64_512k_flows", "ours_64", 1.1),
        to("512k flows, hits / floor + LRU hits", "ours_flow_64_512k_flows",
           "floor_flow_64_512k_flows", 1.5),
    ]


def live(result):
    cases = result["cases"]
    return [
        ratio("packets a second, sand / kernel", cases["kernel"], cases["sand"], 3.3, True),
        ratio("packets a second, End.DX6, sand / kernel", cases["gateway_kernel"],
              cases["gateway_sand"], 3, True),
    ]


def control(result):
    times, put, etcd = (result[name] and result[name]["us"]
                        for name in ("latency", "latency_put", "latency_etcd"))
    over_etcd = [goal("Put to an etcd to map, p50", etcd["map"]["p50"], 1000, "us")] if etcd else []
    return [
        goal("status change to map, inside sand, p50", times["inside"]["p50"], 100, "us"),
        goal("status change to map, inside sand, p99", times["inside"]["p99"], 1000, "us"),
        goal("the same, written by a Put, p50", put["inside"]["p50"], 100, "us"),
        goal("the same, written by a Put, p99", put["inside"]["p99"], 1000, "us"),
        *over_etcd,
        goal("status updates by batch", result["throughput"]["updates_per_s"] / 1000, 100, "k/s",
             at_least=True),
    ]


def scale(result):
    small, large = (result["sizes"][size] for size in (min(result["sizes"]), max(result["sizes"])))
    n = large["candidates"]
    return [
        goal("memory of a candidate, view and orc", large["bytes_candidate"], 200, "B"),
        goal("the same, selection balanced", result["balanced"]["bytes_candidate"], 200, "B"),
        goal(f"evaluation of {n} candidates", large[f"full_{n}"]["p50"] / 1e6, 1, "s"),
        goal("one change among all / evaluation of all", large["eval_1"]["p50"] /
             large[f"full_{n}"]["p50"], 0.001),
        # all in the cache against all in memory
        goal(f"one change: {n} candidates / {small['candidates']}", large["eval_1"]["p50"] /
             small["eval_1"]["p50"], 20),
    ]


def load(result):
    writes, start, moves = result["load"], result["start"], result["moves"]
    sizes = [row[-1] for row in writes["resident_kib"]]
    half = sizes[len(sizes) // 2:] or [0]
    return [
        goal("status updates by etcd's protocol", writes["updates_per_s"] / 1000, 100, "k/s",
             at_least=True),
        goal("values that are not the newest", writes["wrong_values"] + writes["wrong_entries"], 0,
             ""),
        goal("memory of the child, end / middle", half[-1] / max(half[0], 1), 1.05),
        goal("packets lost under load", writes["lost"], 0, ""),
        goal(f"start with {start['services']} services, to the first full sync",
             start["synced_s"], 2, "s"),
        goal("packets lost at start", start["lost"], 0, ""),
        goal(f"{moves['services']} selection changes, plan to maps, median",
             moves["apply_ms"][len(moves["apply_ms"]) // 2], 50, "ms"),
    ]


def alto(result):
    small, middle, large = (result["sizes"][size]["cases"] for size in sorted(result["sizes"]))
    most = result["sizes"][max(result["sizes"])]
    return [
        goal("filtered cost maps, 1,000 PIDs", middle["costs"]["per_s"] / 1000, 5, "k/s",
             at_least=True),
        goal("the same, p99", middle["costs"]["p99_us"], 1000, "us"),
        goal("the same 10 sources, 10,000 PIDs / 100, medians",
             large["costs_hot"]["p50_us"] / small["costs_hot"]["p50_us"], 2),
        goal("path vectors, 1,000 PIDs", middle["paths"]["per_s"] / 1000, 0.5, "k/s",
             at_least=True),
        goal("the same 10 sources, 10,000 PIDs, p99", large["paths_hot"]["p99_us"], 10000, "us"),
        goal(f"snapshot of {most['pids']} domains", most["snapshot_ms"], 250, "ms"),
        goal("memory of a domain: database, broker, snapshot",
             most["resident_kib"] * 1024 / most["pids"], 5000, "B"),
    ]


def nemo(result):
    sizes = sorted(result["sizes"])
    small, middle, large = (result["sizes"][size] for size in sizes)

    def each(got, case):
        return got["cases"][case]["p50_us"] / got["statements"]

    return [
        goal("parsed, 1 MiB of lists", middle["lists_bytes"] / middle["lists"]["parse"]["p50_us"],
             10, "MB/s", at_least=True),
        goal("parsed, 10,000 statements", middle["cases"]["parse"]["p50_us"] / 1000, 100, "ms"),
        goal("parsed and checked, 10,000 statements", middle["cases"]["check"]["p50_us"] / 1000,
             500, "ms"),
        goal(f"a statement parsed, {sizes[2]} / {sizes[0]}",
             each(large, "parse") / each(small, "parse"), 4),
        goal(f"a statement checked, {sizes[2]} / {sizes[0]}",
             each(large, "check") / each(small, "check"), 4),
        goal("memory of a statement: tree", large["tree_bytes"] / large["statements"], 1024, "B"),
        goal("memory of an object: store", large["store_bytes"] / large["statements"], 1536, "B"),
    ]


GOALS = {"dataplane": dataplane, "live": live, "control": control, "scale": scale, "load": load,
         "alto": alto, "nemo": nemo}
