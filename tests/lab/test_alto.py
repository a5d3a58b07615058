# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 7285 over the wire: a real sand, asked by a client that shares nothing with it. Sections in brackets."""

import ipaddress
import json
import re
import threading

import pytest

from alto_client import (ALL, CODES, ENDPOINTS, NAME, NUMERICAL, ORDINAL, SANE, TAG, check_costs, media, number, sane,
                         strict, walk)
from alto_sand import domains, fixtures

CONFIG = """
name: broker
maps: {services: 16, nexthops: 16, flows: 16}
rest: {unix: true, tcp: "[::1]:8080"}
alto: {}
"""
JSON_TYPE = {"Content-Type": "application/json"}


def filled():
    """The draft's domains, with all metrics; this client (::1) in a PID that hangs at AS2."""
    made = domains()
    made["domains"]["HOME"] = {"prefixes": {"ipv6": ["::1/128"]}}
    made["domains"]["ISLE"] = {"prefixes": {"ipv4": ["10.9.0.0/16"]}}
    for link in made["links"]:
        link.update({"delay-us": 500, "loss-ppm": 100})
    made["links"].append({"a": "AS2", "b": "HOME", "routingcost": 4})
    return made


real_sand, client, changed = fixtures(CONFIG, filled)


# ---- the directory ----


def test_directory(alto):
    """[9.2.1, 9.2.2]"""
    answer = alto.get("/alto/directory")
    assert (answer.status, answer.type) == (200, media("directory"))
    ird = answer.json()
    assert set(ird) == {"meta", "resources"}
    assert ird["meta"]["default-alto-network-map"] == "domains"
    assert ird["resources"]["domains"]["media-type"] == media("networkmap")
    for name, cost_type in ird["meta"]["cost-types"].items():
        assert re.fullmatch(r"[A-Za-z0-9:@_.-]+", name)
        assert cost_type["cost-mode"] in ("numerical", "ordinal", "array")
        assert 1 <= len(cost_type["cost-metric"]) <= 32  # [10.6]


def test_directory_resource_attributes(alto):
    """[9.1, 10.2] One entry a method; relative references; a POST says what it accepts."""
    seen = set()
    for name, entry in alto.directory(True)["resources"].items():
        assert NAME.match(name) and len(name) <= 31, name
        assert entry["uri"].startswith("/alto/"), "a relative reference"
        method = "POST" if "accepts" in entry else "GET"
        assert (entry["uri"], method) not in seen
        seen.add((entry["uri"], method))
        assert set(entry) <= {"uri", "media-type", "accepts", "capabilities", "uses"}


def test_directory_uses_resolve(alto):
    """[9.1.5]"""
    resources = alto.directory(True)["resources"]
    for name, entry in resources.items():
        assert all(used in resources and used != name for used in entry.get("uses", [])), name


def test_directory_has_what_it_must(alto):
    """[9.2.5, 10.8, 6.1.1] routingcost of both modes; PID look-up for each network map."""
    ird = alto.directory(True)
    resources = ird["resources"].values()
    for cost_type in (NUMERICAL, ORDINAL):
        names = [name for name, one in ird["meta"]["cost-types"].items() if
                 {**one, "cost-context": None} == {**cost_type, "cost-context": None}]
        maps = [e for e in resources if e["media-type"] == media("costmap") and "accepts" not in e
                and e["capabilities"]["cost-type-names"] == names and e["uses"] == ["domains"]]
        assert len(maps) == 1, cost_type
    for network_map in ("domains", "sand"):
        assert any(f"{network_map}.pid" in entry["capabilities"]["prop-types"] for entry in resources
                   if entry["media-type"] == media("endpointprop"))


def test_cost_types_that_are_named_exist(alto):
    """[9.2.2]"""
    ird = alto.directory(True)
    for name, entry in ird["resources"].items():
        able = entry.get("capabilities", {})
        for which in ("cost-type-names", "testable-cost-type-names"):
            assert set(able.get(which, [])) <= set(ird["meta"]["cost-types"]), name


def test_no_two_maps_of_one_cost_type(alto):
    """[11.2.3.4]"""
    seen = set()
    for name, entry in alto.directory(True)["resources"].items():
        if entry["media-type"] == media("costmap") and "accepts" not in entry:
            assert len(entry["capabilities"]["cost-type-names"]) == 1, name
            key = (entry["uses"][0], entry["capabilities"]["cost-type-names"][0])
            assert key not in seen
            seen.add(key)


def test_every_resource_answers_as_announced(alto):
    """[8.3.2, 8.3.3, 9.1.2] The directory is walked: a good answer of the announced type."""
    ird = alto.directory(True)
    assert walk(alto) > 25 and {entry["media-type"] for entry in ird["resources"].values()} >= {
        media("networkmap"), media("costmap"), media("endpointcost"), media("endpointprop"), media("propmap")}


# ---- HTTP ----


def test_media_types_have_no_parameters(alto):
    """[8.1, 9.1.2]"""
    for entry in alto.directory(True)["resources"].values():
        if not entry["media-type"].startswith(("multipart/", "text/")):
            assert re.fullmatch(r"application/alto-[a-z]+\+json", entry["media-type"])
        assert re.fullmatch(r"application/alto-[a-z]+\+json", entry.get("accepts", media("x")))


@pytest.mark.parametrize("accept,status", [
    ("*/*", 200), (None, 200), (f"{media('networkmap')},{media('error')}", 200), ("application/*", 200),
    (f"text/html;q=0.9, {media('networkmap')};q=0.1", 200),
    (media("costmap"), 406), ("text/html", 406), (f"{media('networkmap')};q=0", 406)])
def test_accept(alto, accept, status):
    """[8.3.2]"""
    assert alto.get("/alto/networkmap/domains", Accept=accept).status == status


@pytest.mark.parametrize("content_type,status", [
    (media("costmapfilter"), 200), (media("costmapfilter").upper(), 200), (media("costmapfilter") + "; charset=utf-8", 200),
    ("application/json", 415), (media("networkmapfilter"), 415), (None, 415), ("application/x-www-form-urlencoded", 415)])
def test_content_type(alto, content_type, status):
    """[8.3.2]"""
    answer = alto.ask("POST", "/alto/costmap/domains", SANE[media("costmapfilter")], {"Content-Type": content_type})
    assert answer.status == status, answer.body


def test_methods(alto):
    """[8.3.2] 405 says what is possible."""
    for method, path, allowed in (("POST", "/alto/directory", "GET"), ("GET", "/alto/endpointcost/domains", "POST"),
                                  ("DELETE", "/alto/networkmap/domains", "GET"),
                                  ("PUT", "/alto/costmap/domains", "POST")):
        answer = alto.ask(method, path, "{}" if method != "GET" else None, JSON_TYPE)
        assert answer.status == 405, (method, path, answer.status)
        assert allowed in answer.headers["Allow"]


def test_unknown_resources(alto):
    """[8.3.3]"""
    for path in ("/alto/", "/alto/nothing", "/alto/networkmap/nothing", "/alto/costmap/domains/nothing"):
        answer = alto.get(path)
        assert answer.status == 404, path
        assert answer.type == "application/problem+json"


def test_head(alto):
    got = alto.get("/alto/networkmap/domains")
    head = alto.ask("HEAD", "/alto/networkmap/domains")
    assert head.status == 200 and not head.body and head.headers["ETag"] == got.headers["ETag"]


def test_etag_and_conditional_get(alto, change):
    """[8.3.6] The tag of the content; unchanged is 304, changed comes."""
    answer = alto.get("/alto/networkmap/domains")
    tag = answer.headers["ETag"]
    assert answer.json()["meta"]["vtag"]["tag"] in tag
    for value in (tag, f'"other", {tag}', "*", f"W/{tag}"):
        again = alto.get("/alto/networkmap/domains", If_None_Match=value)
        assert (again.status, again.body) == (304, b""), value
        assert again.headers["ETag"] == tag
    assert alto.get("/alto/networkmap/domains", If_None_Match='"other"').status == 200
    made = filled()
    made["domains"]["ISLE"]["prefixes"]["ipv4"] = ["10.8.0.0/16"]
    change(made)
    new = alto.get("/alto/networkmap/domains", If_None_Match=tag)
    assert new.status == 200 and new.headers["ETag"] != tag


def test_gzip(alto):
    """[8.3.6] The same content, smaller; another ETag, and each is good for the other's condition."""
    plain = alto.get("/alto/directory")
    packed = alto.get("/alto/directory", Accept_Encoding="gzip")
    assert packed.coded and not plain.coded
    assert packed.body == plain.body and len(packed.raw) < len(plain.raw) / 3
    assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]
    assert packed.headers["ETag"] != plain.headers["ETag"]
    for tag in (packed.headers["ETag"], plain.headers["ETag"]):
        assert alto.get("/alto/directory", Accept_Encoding="gzip", If_None_Match=tag).status == 304
    assert not alto.get("/alto/directory", Accept_Encoding="gzip;q=0").coded


# ---- errors ----


def error(code, field=None, value=None):
    out = {"code": code}
    if field:
        out["field"] = field
    if value is not None:
        out["value"] = value
    return out


BAD_VALUE, BAD_TYPE, MISSING = "E_INVALID_FIELD_VALUE", "E_INVALID_FIELD_TYPE", "E_MISSING_FIELD"


@pytest.mark.parametrize("resource,body,meta", [
    ("domains-filtered", {}, error(MISSING, "pids")),
    ("domains-filtered", {"pids": "AS1"}, error(BAD_TYPE, "pids")),
    ("domains-filtered", {"pids": ["AS1", 7]}, error(BAD_VALUE, "pids", "7")),
    ("domains-filtered", {"pids": [], "address-types": {}}, error(BAD_TYPE, "address-types")),
    ("domains-costs", {}, error(MISSING, "cost-type")),
    ("domains-costs", {"cost-type": []}, error(BAD_TYPE, "cost-type")),
    ("domains-costs", {"cost-type": {"cost-mode": "numerical"}}, error(MISSING, "cost-type/cost-metric")),
    ("domains-costs", {"cost-type": {"cost-mode": 1, "cost-metric": "routingcost"}}, error(BAD_TYPE, "cost-type/cost-mode")),
    ("domains-costs", {"cost-type": {**NUMERICAL, "cost-metric": "foo"}}, error(BAD_VALUE, "cost-type/cost-metric", "foo")),
    ("domains-costs", {"cost-type": {**NUMERICAL, "cost-mode": "foo"}}, error(BAD_VALUE, "cost-type/cost-mode", "foo")),
    ("domains-costs", {"cost-type": NUMERICAL, "pids": []}, error(BAD_TYPE, "pids")),
    ("domains-costs", {"cost-type": NUMERICAL, "pids": {"srcs": [], "dsts": "x"}}, error(BAD_TYPE, "pids/dsts")),
    ("domains-costs", {"cost-type": NUMERICAL, "pids": {"srcs": []}}, error(MISSING, "pids/dsts")),
    ("domains-costs", {"cost-type": NUMERICAL, "constraints": ["foo 7"]}, error(BAD_VALUE, "constraints", "foo 7")),
    ("domains-endpoint-props", {"endpoints": ["ipv4:10.1.0.1"]}, error(MISSING, "properties")),
    ("domains-endpoint-props", {"properties": ["domains.pid"]}, error(MISSING, "endpoints")),
    ("domains-endpoint-props", {"properties": ["domains.pid"], "endpoints": [1]}, error(BAD_VALUE, "endpoints", "1")),
    ("domains-endpoint-props", {"properties": ["foo"], "endpoints": ["ipv4:10.1.0.1"]}, error(BAD_VALUE, "properties", "foo")),
    ("domains-endpoint-props", {"properties": ["domains.pid"], "endpoints": ["10.1.0.1"]},
     error(BAD_VALUE, "endpoints", "10.1.0.1")),
    ("domains-endpoint-costs", {"cost-type": NUMERICAL}, error(MISSING, "endpoints")),
    ("domains-endpoint-costs", {"cost-type": NUMERICAL, "endpoints": {"srcs": ["ipv4:10.0.0.300"]}},
     error(BAD_VALUE, "endpoints/srcs", "ipv4:10.0.0.300")),
])
def test_errors(alto, resource, body, meta):
    """[8.5.2] Exactly these members; an element of a wrong type is a wrong value of the array."""
    assert meta["code"] in CODES
    assert alto.refused(resource, body) == meta


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pids": [],}', '{"pids": [], "pids": []}', '{"pids": ["\xff"]}', "nul",
                                  '{"pids": []} x', "[" * 3000])
def test_syntax_errors(alto, text):
    """[8.5.2] What is no JSON object, or ambiguous."""
    meta = alto.refused("domains-filtered", text.encode("latin-1"))
    if meta["code"] == "E_SYNTAX":
        assert isinstance(meta["syntax-error"], str) and "field" not in meta
    else:
        assert text == "[]" and meta["code"] == BAD_TYPE


def test_errors_whatever_accept_says(alto):
    """[8.3.2] error+json is not named in Accept."""
    answer = alto.ask("POST", "/alto/networkmap/domains", {}, {"Content-Type": media("networkmapfilter"),
                                                              "Accept": media("networkmap")})
    assert answer.error()["code"] == MISSING


def test_unknown_members_are_ignored(alto):
    """[8.3.7]"""
    for name in ("domains-filtered", "domains-costs", "domains-endpoint-costs", "domains-endpoint-props"):
        body = sane(alto.resource(name))
        assert alto.good(name, {**body, "priv:x": {"y": [1]}, "future": None}) == alto.good(name, body)


def test_too_large_bodies_are_refused(alto):
    assert alto.of("domains-filtered", '{"pids": []' + " " * (1 << 19) + "}").status == 200
    headers = {"Content-Type": media("networkmapfilter"), "Content-Length": str(1 << 30), "Expect": "100-continue"}
    assert alto.ask("POST", "/alto/networkmap/domains", None, headers).status == 413


def test_overload_is_503(host, change):
    """[8.5.3] A whole map of more cells than an answer may have; the filtered one says how to ask."""
    n = 1100
    made = {"domains": {f"d{i}": {"transit": True} for i in range(n)},
            "links": [{"a": "hub", "b": f"d{i}", "routingcost": 1} for i in range(n)]}
    made["domains"]["hub"] = {"transit": True, "resources": {"cpu": n}}
    change(made)
    answer = host.alto.get("/alto/costmap/domains/routingcost/ordinal")
    assert (answer.status, answer.type) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    listed = host.alto.directory(True)["resources"]
    assert not {"domains-routingcost", "domains-routingcost-ordinal"} & {*listed, *listed["updates"]["uses"]}
    assert "domains-costs" in listed["updates"]["uses"]
    got = host.alto.refused("domains-costs", {"cost-type": NUMERICAL, "pids": ALL})
    assert got["code"] == BAD_VALUE and got["field"].startswith("pids"), got
    few = host.alto.good("domains-costs", {"cost-type": NUMERICAL, "pids": {"srcs": ["d1"], "dsts": []}})
    assert len(few["cost-map"]["d1"]) == n + 1


# ---- network maps ----


def pid_of(groups, address):
    """[11.2.2] Longest prefix."""
    address = ipaddress.ip_address(address)
    best = None
    for pid, group in groups.items():
        for text in group.get(f"ipv{address.version}", []):
            prefix = ipaddress.ip_network(text)
            if address in prefix and (not best or prefix.prefixlen > best[0]):
                best = (prefix.prefixlen, pid)
    return best[1]


def test_network_map(alto):
    """[11.2.1.6]"""
    groups = alto.good("domains")["network-map"]
    assert groups["AS3"] == {"ipv4": ["10.1.5.0/24", "10.3.0.0/16"], "ipv6": ["2001:db8:3::/48"]}
    assert set(groups) == {"AS1", "AS2", "AS3", "HOME", "ISLE", "default"}


def test_network_map_is_complete(alto):
    """[11.2.2]"""
    for name in ("domains", "sand"):
        groups = alto.good(name)["network-map"]
        assert pid_of(groups, "203.0.113.9") == pid_of(groups, "2001:db8:ffff::1") == "default"


def test_pid_look_up_is_by_the_longest_prefix(alto):
    """[11.2.2, 11.4.1] What the map says by longest prefix is what the server looks up."""
    groups = alto.good("domains")["network-map"]
    addresses = ["10.1.0.1", "10.1.5.1", "10.1.6.1", "10.3.255.255", "203.0.113.1", "2001:db8:2::1", "::1", "2001:db8:4::"]
    texts = [f"ipv{ipaddress.ip_address(a).version}:{a}" for a in addresses]
    got = alto.good("domains-endpoint-props", {"properties": ["domains.pid"], "endpoints": texts})
    for address, text in zip(addresses, texts):
        assert got["endpoint-properties"][text] == {"domains.pid": pid_of(groups, address)}
    assert got["endpoint-properties"]["ipv4:10.1.5.1"] == {"domains.pid": "AS3"}


def test_no_prefix_twice(alto):
    """[11.2.2] Neither within the map, nor taken by another domain."""
    alto.good("domains")  # the check looks at every prefix
    answer = alto.ask("GET", "/alto/networkmap/domains")
    prefixes = [p for g in answer.json()["network-map"].values() for v in g.values() for p in v]
    assert len(prefixes) == len(set(prefixes))


def test_prefix_of_another_domain_is_refused(host):
    answer = host.admin().write("PUT", "domains/AS9", {"prefixes": {"ipv4": ["10.1.0.0/16"]}})
    assert answer.status in (400, 409), answer.body
    assert "10.1.0.0/16" in answer.json()["detail"] and "AS1" in answer.json()["detail"]
    assert host.admin().write("GET", "domains/AS9").status == 404


def tags(alto):
    """(resource, tag) of network map, costs and properties."""
    ird = alto.directory(True)["resources"]
    return {name: alto.get(ird[name]["uri"]).headers["ETag"] for name in ("domains", "domains-routingcost", "domains-props")}


def test_tag_changes_with_the_content_and_returns(alto, change):
    """[10.3, 11.2.1.6]"""
    before = tags(alto)
    assert all(TAG.match(tag.strip('"')) for tag in before.values())
    made = filled()
    made["domains"]["ISLE"]["prefixes"]["ipv4"].append("10.7.0.0/16")
    change(made)
    other = tags(alto)
    assert all(other[name] != before[name] for name in before), "whatever depends on the map is another one, too"
    change(filled())
    assert tags(alto) == before


def test_cost_change_leaves_the_network_map(alto, change):
    """[6.4, 11.2.3.6] Same vtag, other costs."""
    before, costs = tags(alto), alto.good("domains-routingcost")
    made = filled()
    made["links"][0]["routingcost"] = 7
    change(made)
    after = tags(alto)
    assert after["domains"] == before["domains"] and after["domains-routingcost"] != before["domains-routingcost"]
    vtags = alto.good("domains-routingcost")["meta"]["dependent-vtags"]
    assert vtags == costs["meta"]["dependent-vtags"]


# ---- cost maps ----


def test_cost_map(alto):
    """[11.2.3.6] One dependent vtag, that of the network map; what is not connected is left out."""
    value = alto.good("domains-routingcost")
    assert value["meta"]["dependent-vtags"] == [alto.good("domains")["meta"]["vtag"]]
    costs = value["cost-map"]
    assert costs["AS1"] == {"AS1": 0, "AS2": 1, "AS3": 3, "HOME": 5}
    assert costs["HOME"] == {"AS1": 5, "AS2": 4, "AS3": 6, "HOME": 0}
    assert costs["ISLE"] == {"ISLE": 0}


def test_whole_maps_agree_with_filtered_ones(alto):
    """[11.3.2.6]"""
    ird = alto.directory(True)
    for name, entry in ird["resources"].items():
        if entry["media-type"] == media("costmap") and "accepts" not in entry and entry["uses"] == ["domains"]:
            full = alto.good(name)
            cost_type = {k: full["meta"]["cost-type"][k] for k in ("cost-mode", "cost-metric")}
            part = alto.good("domains-costs", {"cost-type": cost_type, "pids": ALL})
            assert part["cost-map"] == full["cost-map"], name
            assert part["meta"]["dependent-vtags"] == full["meta"]["dependent-vtags"]


def test_ordinal_costs_are_ranks(alto):
    """[6.1.2, 10.5] The same order as the numbers."""
    numbers, ranks = (alto.good(f"domains-routingcost{tail}")["cost-map"] for tail in ("", "-ordinal"))
    pairs = [(src, dst) for src, row in numbers.items() for dst in row]
    assert pairs == [(src, dst) for src, row in ranks.items() for dst in row]
    for a in pairs:
        for b in pairs:
            assert (numbers[a[0]][a[1]] < numbers[b[0]][b[1]]) == (ranks[a[0]][a[1]] < ranks[b[0]][b[1]])
    check_costs(ranks, lambda rank: number(rank) or isinstance(rank, int) or pytest.fail(rank))


# ---- filtered maps ----


def test_filtered_network_map(alto):
    """[11.3.1.6] Of the whole map, with the whole map's vtag."""
    whole = alto.good("domains")
    got = alto.good("domains-filtered", {"pids": ["AS3", "AS1"], "address-types": ["ipv6"]})
    assert got["meta"]["vtag"] == whole["meta"]["vtag"]
    assert got["network-map"] == {pid: {"ipv6": whole["network-map"][pid]["ipv6"]} for pid in ("AS1", "AS3")}


@pytest.mark.parametrize("body,pids", [
    ({"pids": []}, None), ({"pids": [], "address-types": []}, None), ({"pids": ["AS1", "AS1"]}, ["AS1"]),
    ({"pids": ["AS1", "nobody"]}, ["AS1"]), ({"pids": ["nobody"]}, [])])
def test_filtered_network_map_lists(alto, body, pids):
    """[11.3.1.3] Empty: all; twice: once; unknown: ignored; only unknown: nothing."""
    whole = alto.good("domains")["network-map"]
    wanted = whole if pids is None else {pid: whole[pid] for pid in pids}
    assert alto.good("domains-filtered", body)["network-map"] == wanted


@pytest.mark.parametrize("pids,costs", [
    ({"srcs": ["AS1"], "dsts": ["AS2", "AS3"]}, {"AS1": {"AS2": 1, "AS3": 3}}),
    ({"srcs": ["AS3", "AS3"], "dsts": ["AS1", "AS1"]}, {"AS3": {"AS1": 3}}),
    ({"srcs": ["AS1"], "dsts": []}, {"AS1": {"AS1": 0, "AS2": 1, "AS3": 3, "HOME": 5}}),
    ({"srcs": [], "dsts": ["HOME"]}, {"AS1": {"HOME": 5}, "AS2": {"HOME": 4}, "AS3": {"HOME": 6}, "HOME": {"HOME": 0}}),
    ({"srcs": ["AS1", "nobody"], "dsts": ["AS2", "nobody"]}, {"AS1": {"AS2": 1}}),
    (None, "all"), ({"srcs": ["nobody"], "dsts": ["AS2"]}, {}), ({"srcs": ["ISLE"], "dsts": ["AS2"]}, {})])
def test_filtered_cost_map_lists(alto, pids, costs):
    """[11.3.2.3]"""
    body = {"cost-type": NUMERICAL} if pids is None else {"cost-type": NUMERICAL, "pids": pids}
    got = alto.good("domains-costs", body)["cost-map"]
    wanted = alto.good("domains-routingcost")["cost-map"] if costs == "all" else costs
    assert {src: row for src, row in got.items() if row} == wanted


@pytest.mark.parametrize("constraints,costs", [
    (["ge 1", "le 3"], {1, 3}), (["gt 1"], {3, 5}), (["lt 1"], {0}), (["eq 5"], {5}), (["ge 1.5", "lt 3.5"], {3}),
    ([], {0, 1, 3, 5}), (["gt 9"], set())])
def test_constraints(alto, constraints, costs):
    """[11.3.2.3] All must hold."""
    got = alto.good("domains-costs", {"cost-type": NUMERICAL, "constraints": constraints,
                                      "pids": {"srcs": ["AS1"], "dsts": []}})["cost-map"]
    assert set(got.get("AS1", {}).values()) == costs


def test_constraints_only_where_announced(alto):
    """[11.3.2.4]"""
    for name, entry in alto.directory(True)["resources"].items():
        if entry.get("capabilities", {}).get("cost-constraints") is False:
            body = {**sane(entry), "constraints": ["gt 1"]}
            assert alto.refused(name, body)["field"] == "constraints", name


# ---- endpoints ----


def test_endpoint_properties(alto):
    """[11.4.1.6] The vtag of the map that the property is of."""
    got = alto.good("domains-endpoint-props", {"properties": ["domains.pid"], "endpoints": ["ipv4:10.1.0.9"] * 2})
    assert got["endpoint-properties"] == {"ipv4:10.1.0.9": {"domains.pid": "AS1"}}
    assert got["meta"]["dependent-vtags"] == [alto.good("domains")["meta"]["vtag"]]
    assert "uses" not in alto.resource("domains-endpoint-props")


@pytest.mark.parametrize("empty", ["properties", "endpoints"])
def test_endpoint_properties_lists_are_not_empty(alto, empty):
    """[11.4.1.3]"""
    body = {"properties": ["domains.pid"], "endpoints": ["ipv4:10.1.0.9"], empty: []}
    assert alto.refused("domains-endpoint-props", body) in (error(BAD_VALUE, empty), error(MISSING, empty))


def test_endpoint_costs(alto):
    """[11.5.1.6] Those of the PIDs; no map is used."""
    got = alto.good("domains-endpoint-costs", {"cost-type": NUMERICAL, "endpoints": ENDPOINTS})
    assert got["endpoint-cost-map"] == {"ipv4:10.1.0.9": {
        "ipv4:10.2.0.9": 1, "ipv4:10.3.0.9": 3, "ipv6:2001:db8:3::9": 3}}
    assert got["meta"]["cost-type"] == NUMERICAL and "dependent-vtags" not in got["meta"]
    assert "uses" not in alto.resource("domains-endpoint-costs")


@pytest.mark.parametrize("endpoints,costs", [
    ({"srcs": [], "dsts": ["ipv4:10.1.0.9"]}, {"ipv6:::1": {"ipv4:10.1.0.9": 5}}),
    ({"srcs": ["ipv4:10.1.0.9"], "dsts": []}, {"ipv4:10.1.0.9": {"ipv6:::1": 5}}),
    ({"srcs": ["ipv4:10.1.0.9"]}, {"ipv4:10.1.0.9": {"ipv6:::1": 5}}),
    ({"dsts": ["ipv4:10.1.0.9"]}, {"ipv6:::1": {"ipv4:10.1.0.9": 5}})])
def test_endpoint_costs_of_the_client(alto, endpoints, costs):
    """[11.5.1.3] An empty side is the address that the request comes from."""
    got = alto.good("domains-endpoint-costs", {"cost-type": NUMERICAL, "endpoints": endpoints})
    assert got["endpoint-cost-map"] == costs


@pytest.mark.parametrize("endpoints", [{}, {"srcs": []}, ALL])
def test_endpoint_costs_of_nothing(alto, endpoints):
    """[11.5.1.3]"""
    got = alto.refused("domains-endpoint-costs", {"cost-type": NUMERICAL, "endpoints": endpoints})
    assert got["field"].startswith("endpoints"), got


def test_endpoint_costs_beyond_reach_are_left_out(alto):
    """[11.5.1.6]"""
    got = alto.good("domains-endpoint-costs", {"cost-type": NUMERICAL, "endpoints": {
        "srcs": ["ipv4:10.9.0.1"], "dsts": ["ipv4:10.1.0.1", "ipv4:10.9.0.2"]}})
    assert got["endpoint-cost-map"] == {"ipv4:10.9.0.1": {"ipv4:10.9.0.2": 0}}


# ---- consistency ----


def test_answers_are_of_one_snapshot(host, change):
    """[6.3] While everything changes, a map's vtag always belongs to its content."""
    alto, seen, stop = host.alto, {}, threading.Event()
    made = [filled(), filled()]
    made[1]["domains"]["ISLE"]["prefixes"]["ipv4"] = ["10.7.0.0/16"]

    def shake():
        for turn in range(30):
            host.admin().put("domains", made[turn % 2])
            stop.wait(0.02)
        stop.set()

    worker = threading.Thread(target=shake, daemon=True)
    worker.start()
    while not stop.is_set():
        value = alto.good("domains")
        text = json.dumps(value["network-map"], sort_keys=True)
        assert seen.setdefault(value["meta"]["vtag"]["tag"], text) == text
    worker.join()
    change(filled())
    assert len(seen) == 2


def test_answers_are_strict_json(alto):
    """[8.3] No member twice, no NaN."""
    for entry in alto.directory(True)["resources"].values():
        if "accepts" not in entry:
            strict(alto.get(entry["uri"]).body)
