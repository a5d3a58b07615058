# SPDX-License-Identifier: GPL-2.0-or-later
"""Random topologies: what a real sand answers is what trying all paths here gives; while many ask at once."""

import random
import threading

import pytest

from alto_client import ALL, NUMERICAL, PATH_VECTOR
from alto_sand import Host
from netns import Lab, wait_for

CONFIG = """
name: broker
maps: {services: 16, nexthops: 16, flows: 16}
rest: {unix: true, tcp: "[::1]:8080"}
alto: {own: false}
"""
DOMAINS = 9
LARGEST, MEMORY_MIB = 32768, 256


@pytest.fixture(name="host", scope="module")
def real_sand():
    with Lab("alto_graphs") as lab, Host(lab, "broker", CONFIG) as host:
        yield host


def topology(seed):
    """Domains with random links, some one way; no two paths cost the same."""
    draw = random.Random(seed)
    names = [f"d{i}" for i in range(DOMAINS)]
    domains = {name: {"prefixes": {"ipv4": [f"10.{i}.0.0/16"]}, "transit": True} for i, name in enumerate(names)}
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1:] if draw.random() < 0.3]
    links = []
    for bit, (a, b) in enumerate(pairs):
        a, b = (a, b) if draw.random() < 0.5 else (b, a)
        link = {"a": a, "b": b, "routingcost": (draw.randrange(1, 9) << 20) + (1 << bit), "directed": draw.random() < 0.3,
                "max-reservable-bandwidth": draw.randrange(1, 99) * 8000}
        if draw.random() < 0.9:
            link["delay-us"] = draw.randrange(1, 9999)
        links.append(link)
    return {"domains": domains, "links": links}


def best_paths(what):
    """{(src, dst): [links]}, by trying all simple paths."""
    out = {}
    for link in what["links"]:
        out.setdefault(link["a"], []).append((link["b"], link))
        if not link["directed"]:
            out.setdefault(link["b"], []).append((link["a"], link))
    best = {}

    def go(src, at, seen, path, cost):
        if (src, at) not in best or cost < best[src, at][0]:
            best[src, at] = (cost, list(path))
        for to, link in out.get(at, []):
            if to not in seen:
                go(src, to, seen | {to}, path + [(to, link)], cost + link["routingcost"])

    for name in what["domains"]:
        go(name, name, {name}, [], 0)
    return {pair: path for pair, (_, path) in best.items()}


def sums(what, member):
    """Of the links along each best path; pairs with an unknown one are left out."""
    out = {}
    for (src, dst), path in best_paths(what).items():
        values = [link.get(member) for _, link in path]
        if path and None not in values:
            out.setdefault(src, {})[dst] = values
    return out


def without_itself(costs):
    """A PID with itself is asked for elsewhere; rows without anything are no rows."""
    rows = {src: {dst: cost for dst, cost in row.items() if dst != src} for src, row in costs.items()}
    return {src: row for src, row in rows.items() if row}


def applied(costs, how):
    return {src: {dst: how(values) for dst, values in row.items()} for src, row in costs.items()}


def shown(alto, metric):
    body = {"cost-type": {"cost-mode": "numerical", "cost-metric": metric}, "pids": ALL}
    return without_itself(alto.good("domains-costs", body)["cost-map"])


@pytest.mark.parametrize("seed", range(12))
def test_costs_of_random_graphs(host, seed):
    """RFC 7285, 11.2.3; RFC 9439: each metric along the best path, in its unit."""
    what, alto = topology(seed), host.alto
    host.fill(what)  # compares routingcost
    assert shown(alto, "hopcount") == applied(sums(what, "routingcost"), len)
    assert shown(alto, "bw-residual") == applied(sums(what, "max-reservable-bandwidth"), lambda v: min(v) / 8)
    delays = applied(sums(what, "delay-us"), sum)
    assert shown(alto, "delay-ow") == delays
    there_and_back = {src: {dst: cost + delays[dst][src] for dst, cost in row.items() if src in delays.get(dst, {})}
                      for src, row in delays.items()}
    assert shown(alto, "delay-rt") == {src: row for src, row in there_and_back.items() if row}


@pytest.mark.parametrize("seed", range(6))
def test_path_vectors_of_random_graphs(host, seed):
    """RFC 9275, 7.2.6: the domains along the best path; by endpoint the same."""
    what, alto = topology(seed), host.alto
    host.fill(what)
    first, _ = alto.vectors("domains-pv", {"cost-type": PATH_VECTOR, "pids": ALL})
    want = {}
    for (src, dst), path in best_paths(what).items():
        if path:
            want.setdefault(src, {})[dst] = [src] + [to for to, _ in path]
    assert without_itself(first["cost-map"]) == want
    ends = {name: f"ipv4:10.{i}.0.1" for i, name in enumerate(what["domains"])}
    body = {"cost-type": PATH_VECTOR, "endpoints": {"srcs": [ends["d0"]], "dsts": list(ends.values())}}
    got = alto.vectors("domains-endpoint-pv", body)[0]["endpoint-cost-map"].get(ends["d0"], {})
    assert {dst: path for dst, path in got.items() if dst != ends["d0"]} == {
        ends[dst]: path for dst, path in want.get("d0", {}).items()}


def test_many_ask_at_once(host):
    """Every answer is right, whatever others ask and write meanwhile."""
    made = [topology(1), topology(2)]
    host.fill(made[0])
    wrong, stop = [], threading.Event()
    names = list(made[0]["domains"])

    def ask(seed):
        draw, alto = random.Random(seed), host.client()
        alto.ird = host.alto.directory()
        requests = (("domains", None), ("domains-routingcost", None), ("domains-props", None),
                    ("domains-costs", {"multi-cost-types": [NUMERICAL], "pids": ALL}),
                    ("domains-pv", {"cost-type": PATH_VECTOR, "pids": {"srcs": [draw.choice(names)], "dsts": []}}))
        try:
            while not stop.is_set():
                name, body = draw.choice(requests)
                if name == "domains-pv":
                    alto.vectors(name, body)
                else:
                    alto.good(name, body)
        except (AssertionError, OSError) as err:
            wrong.append(repr(err))

    workers = [threading.Thread(target=ask, args=(seed,), daemon=True) for seed in range(8)]
    for worker in workers:
        worker.start()
    for turn in range(20):
        host.admin().put("domains", made[turn % 2])
        stop.wait(0.05)
    stop.set()
    for worker in workers:
        worker.join(20)
    assert not wrong, wrong[:3]


def test_domains_come_and_go(host):
    """A link without its ends is not used; what comes back has its tag again."""
    what, alto = topology(3), host.alto
    host.fill(what)
    tag = alto.get("/alto/networkmap/domains").headers["ETag"]
    assert host.admin().write("DELETE", "domains/d3").status == 204
    less = {"domains": {name: one for name, one in what["domains"].items() if name != "d3"},
            "links": [link for link in what["links"] if "d3" not in (link["a"], link["b"])]}
    host.wait(less)
    assert alto.get("/alto/networkmap/domains").headers["ETag"] != tag
    host.admin().put("domains/d3", what["domains"]["d3"])
    host.wait(what)
    assert alto.get("/alto/networkmap/domains").headers["ETag"] == tag
    answer = alto.get("/alto/networkmap/domains", If_None_Match=tag)
    assert answer.status == 304


def mesh(n, nfs):
    """n transit domains, each with a link to each other, all with all NFs; SAPs at two of them."""
    domains = {f"d{i}": {"transit": True, "nfs": nfs} for i in range(n)}
    domains["d0"]["saps"], domains[f"d{n - 1}"]["saps"] = ["SAP1"], ["SAP2"]
    return {"domains": domains,
            "links": [{"a": f"d{i}", "b": f"d{j}", "routingcost": 1} for i in range(n) for j in range(i)]}


def test_service_graph_of_a_full_mesh_is_cut(host):
    """The draft, 5.4: shortest paths first, up to a limit that meta tells; in bounded memory."""
    nfs = ["NF1", "NF2", "NF3"]
    host.fill(mesh(12, nfs))
    nodes = ["SAP1", *nfs, "SAP2"]
    links = [{"id": i, "src-node": a, "dst-node": b} for i, (a, b) in enumerate(zip(nodes, nodes[1:]))]
    graph = {"nfs": nfs, "saps": ["SAP1", "SAP2"], "sg_links": links,
             "reqs": [{"id": 1, "src-node": "SAP1", "dst-node": "SAP2", "sg-path": [link["id"] for link in links]}]}
    first, _ = host.alto.vectors("domains-pv", {"cost-type": PATH_VECTOR, "sg": graph})
    cut = first["meta"]["sg-cut"]
    assert cut["pairs"] > 0 and cut["paths-per-pair"] == 1000
    pairs = {}
    for path in first["cost-map"]["SAP1"]["SAP2"]["NF1"]["NF2"]:
        pairs.setdefault((path[0], path[-1]), []).append(len(path))
    assert all(lengths == sorted(lengths) and len(lengths) <= 1000 for lengths in pairs.values())
    assert len(pairs) == 12 * 12
    assert host.peak_mib() < MEMORY_MIB


def test_largest_broker(host):
    """As many domains as docs/alto.md says; one more is refused and changes nothing; in bounded memory."""
    def many(n):
        return {"domains": {f"d{i}": {"prefixes": {"ipv6": [f"2001:db8:{i:x}::/48"]}} for i in range(n)}, "links": []}
    host.admin().put("domains", many(LARGEST))
    alto = host.alto
    wait_for(lambda: len(alto.get("/alto/networkmap/domains").json()["network-map"]) == LARGEST + 1, "the map", 20)
    tag = alto.get("/alto/networkmap/domains").headers["ETag"]
    answer = host.admin().write("PUT", "domains", many(LARGEST + 1))
    assert answer.status == 507 and str(LARGEST) in answer.json()["detail"]
    assert host.admin().write("PUT", f"domains/d{LARGEST}", {}).status == 507
    assert alto.get("/alto/networkmap/domains").headers["ETag"] == tag
    assert alto.get("/alto/costmap/domains/routingcost").status == 503, "too many costs for one answer"
    few = alto.good("domains-costs", {"cost-type": NUMERICAL, "pids": {"srcs": ["d1"], "dsts": []}})
    assert few["cost-map"] == {"d1": {"d1": 0}}
    assert host.peak_mib() < MEMORY_MIB
