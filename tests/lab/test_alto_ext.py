# SPDX-License-Identifier: GPL-2.0-or-later
"""The extensions of ALTO over the wire: RFC 8189, 8895, 8896, 9240, 9275, 9439, 9569 and the broker's service
graphs; a real sand, asked by a client that shares nothing with it. Sections in brackets."""

import json
import re
import threading
import time
from email.utils import parsedate_to_datetime

import pytest

from alto_client import ALL, NUMERICAL, ORDINAL, PATH_VECTOR, Stream, check, media, merge, plain
from alto_sand import domains, fixtures, golden
from netns import wait_for

INTERVAL_S, INTERVALS = 3600, 3
CONFIG = f"""
name: broker
maps: {{services: 16, nexthops: 16, flows: 16}}
rest: {{unix: true, tcp: "[::1]:8080"}}
alto: {{calendar: {{interval_s: {INTERVAL_S}, intervals: {INTERVALS}}}}}
"""
DELAY = {"cost-mode": "numerical", "cost-metric": "delay-ow"}
HOPS = {"cost-mode": "numerical", "cost-metric": "hopcount"}
FROM_AS1 = {"srcs": ["AS1"], "dsts": ["AS2", "AS3", "ISLE"]}
STREAM = {"Content-Type": media("updatestreamparams")}
TIPS = {"Content-Type": media("tipsparams")}
COSTS = {"resource-id": "domains-routingcost"}


def filled(cost=1):
    """The draft's domains; AS1-AS2 dearer in the second hour; its delay and loss are known."""
    made = domains()
    made["domains"]["ISLE"] = {"prefixes": {"ipv4": ["10.9.0.0/16"]}}
    made["links"][0].update({"routingcost": cost, "calendar": [1, 6, 1], "delay-us": 5000, "loss-ppm": 100})
    return made


real_sand, client, changed = fixtures(CONFIG, filled)


def costs(alto, body, name="domains-costs"):
    return alto.good(name, {"pids": FROM_AS1, **body})["cost-map"]


# ---- several costs (RFC 8189) ----


def test_capabilities_of_several_costs(alto):
    """RFC 8189 [4.1.1, 4.2.1]"""
    for name in ("domains-costs", "domains-endpoint-costs"):
        able = alto.resource(name)["capabilities"]
        assert able["max-cost-types"] >= 2 and set(able["testable-cost-type-names"]) <= set(able["cost-type-names"])


def test_costs_are_arrays_in_the_order_of_the_request(alto):
    """RFC 8189 [4.1.3] null where one is undefined; left out where all are."""
    assert costs(alto, {"multi-cost-types": [DELAY, NUMERICAL, HOPS]}) == {
        "AS1": {"AS2": [5000, 1, 1], "AS3": [None, 3, 2]}}
    assert costs(alto, {"multi-cost-types": [NUMERICAL, DELAY]}) == {"AS1": {"AS2": [1, 5000], "AS3": [3, None]}}
    assert costs(alto, {"multi-cost-types": [DELAY]}) == {"AS1": {"AS2": [5000]}}


@pytest.mark.parametrize("body,field", [
    ({}, "cost-type"),
    ({"cost-type": NUMERICAL, "multi-cost-types": [HOPS]}, "multi-cost-types"),
    ({"multi-cost-types": []}, "multi-cost-types"),
    ({"multi-cost-types": NUMERICAL}, "multi-cost-types"),
    ({"multi-cost-types": [NUMERICAL] * 17}, "multi-cost-types"),
    ({"cost-type": NUMERICAL, "constraints": ["gt 1"], "or-constraints": [["gt 1"]]}, "or-constraints"),
    ({"multi-cost-types": [NUMERICAL], "constraints": ["[1] gt 1"]}, "constraints"),
    ({"cost-type": NUMERICAL, "testable-cost-types": [PATH_VECTOR]}, "testable-cost-types/cost-mode")])
def test_several_costs_are_asked_for_in_one_way(alto, body, field):
    """RFC 8189 [4.1.2]"""
    assert alto.refused("domains-costs", {"pids": ALL, **body})["field"] == field


@pytest.mark.parametrize("body,left", [
    ({"constraints": ["[0] ge 3"]}, ["AS3"]), ({"constraints": ["ge 3"]}, ["AS3"]),
    ({"constraints": ["[1] le 1", "[0] le 1"]}, ["AS2"]), ({"constraints": ["[0] ge 1", "[1] ge 9"]}, []),
    ({"or-constraints": [["[0] ge 3"], ["[1] le 1"]]}, ["AS2", "AS3"]),
    ({"or-constraints": [["[0] ge 3", "[1] le 1"], ["[0] eq 1"]]}, ["AS2"]),
    ({"testable-cost-types": [DELAY], "constraints": ["[0] lt 6000"]}, ["AS2"])])
def test_constraints_of_several_costs(alto, body, left):
    """RFC 8189 [4.1.2] An index into the testable types; OR of ANDs; what is unknown meets nothing."""
    got = costs(alto, {"multi-cost-types": [NUMERICAL, HOPS], **body})
    assert list(got.get("AS1", {})) == left


def test_several_endpoint_costs(alto):
    """RFC 8189 [4.2]"""
    got = alto.good("domains-endpoint-costs", {"multi-cost-types": [ORDINAL, DELAY], "endpoints": {
        "srcs": ["ipv4:10.1.0.9"], "dsts": ["ipv4:10.2.0.9", "ipv4:10.3.0.9"]}})
    assert got["endpoint-cost-map"] == {"ipv4:10.1.0.9": {"ipv4:10.2.0.9": [2, 5000], "ipv4:10.3.0.9": [4, None]}}


# ---- calendars (RFC 8896) ----


def test_calendar_is_announced(alto):
    """RFC 8896 [3.1]"""
    for name in ("domains-costs", "domains-endpoint-costs"):
        assert alto.resource(name)["capabilities"]["calendar-attributes"] == [{
            "cost-type-names": ["num-routingcost"], "time-interval-size": INTERVAL_S,
            "number-of-intervals": INTERVALS}]


def is_turned(values, want):
    """By whole intervals: which one is the first depends on the hour."""
    return values in [want[i:] + want[:i] for i in range(len(want))]


def test_costs_by_interval(alto):
    """RFC 8896 [4.1.2] As many as announced; the calendar starts not later than now, and now is in it."""
    value = alto.good("domains-costs", {"cost-type": NUMERICAL, "calendared": [True], "pids": FROM_AS1})
    (about,) = value["meta"]["calendar-response-attributes"]
    assert (about["time-interval-size"], about["number-of-intervals"]) == (INTERVAL_S, INTERVALS)
    start = parsedate_to_datetime(about["calendar-start-time"]).timestamp()
    assert start <= time.time() < start + INTERVAL_S * INTERVALS
    row = value["cost-map"]["AS1"]
    assert is_turned(row["AS2"], [1, 6, 1]) and is_turned(row["AS3"], [3, 8, 3])


def test_without_asking_there_is_no_calendar(alto):
    """RFC 8896 [4.1.1]"""
    for more in ({}, {"calendared": [False]}):
        value = alto.good("domains-costs", {"cost-type": NUMERICAL, "pids": FROM_AS1, **more})
        assert value["cost-map"] == {"AS1": {"AS2": 1, "AS3": 3}}
        assert "calendar-response-attributes" not in value["meta"]


def test_calendars_beside_single_costs(alto):
    """RFC 8896 [4.1.1] One boolean a type; a type without calendar is answered as ever."""
    value = alto.good("domains-costs", {"multi-cost-types": [HOPS, NUMERICAL, NUMERICAL], "pids": FROM_AS1,
                                        "calendared": [True, True, False]})
    hops, calendar, single = value["cost-map"]["AS1"]["AS2"]
    assert (hops, single) == (1, 1) and is_turned(calendar, [1, 6, 1])
    wrong = {"multi-cost-types": [HOPS, NUMERICAL], "calendared": [True], "pids": ALL}
    assert alto.refused("domains-costs", wrong)["field"] == "calendared"


def test_endpoint_costs_by_interval(alto):
    """RFC 8896 [4.2]"""
    value = alto.good("domains-endpoint-costs", {"cost-type": NUMERICAL, "calendared": [True], "endpoints": {
        "srcs": ["ipv4:10.1.0.9"], "dsts": ["ipv4:10.2.0.9"]}})
    assert is_turned(value["endpoint-cost-map"]["ipv4:10.1.0.9"]["ipv4:10.2.0.9"], [1, 6, 1])


# ---- metrics (RFC 9439) ----


def test_metrics_and_their_context(alto):
    """RFC 9439 [3.1, 3.2] Measured ones with their statistic; where each comes from."""
    types = alto.directory(True)["meta"]["cost-types"]
    for name, one in types.items():
        metric = one["cost-metric"]
        if re.match(r"delay|loss|bw", metric):
            assert one["cost-context"]["cost-source"] in ("nominal", "sla", "estimation"), name
        if one.get("cost-context", {}).get("cost-source") == "estimation":
            assert re.fullmatch(r"[a-z-]+:(cur|min|max|mean|median|p[0-9.]+|stddev|stdvar)", metric), metric


def test_units_of_metrics(alto):
    """RFC 9439 [4.1, 4.4, 5.3] Microseconds, percent, bytes a second; there and back."""
    def cost(metric, dst="AS2"):
        got = costs(alto, {"cost-type": {"cost-mode": "numerical", "cost-metric": metric}})
        return got.get("AS1", {}).get(dst)
    assert cost("delay-ow") == 5000 and cost("delay-rt") == 10000
    assert cost("lossrate") == 0.01 and cost("hopcount", "AS3") == 2
    assert cost("bw-residual") == 1e9 / 8 and cost("bw-residual", "AS3") == 4e8 / 8
    assert cost("delay-ow", "AS3") is None, "unknown is not zero"


# ---- property maps (RFC 9240) ----


def filtered(alto, body):
    return alto.good("domains-props-filtered", body)["property-map"]


def test_property_map(alto, change):
    """RFC 9240 [7.6] and the draft's example: arrays; it depends on the network map."""
    change(domains())
    value = alto.good("domains-props")
    want = golden("propmap")
    assert value["property-map"] == want["property-map"]
    assert value["meta"]["dependent-vtags"] == [alto.good("domains")["meta"]["vtag"]]
    assert value["meta"]["vtag"]["resource-id"] == "domains-props"


def test_mappings_tell_what_is_there(alto):
    """RFC 9240 [7.4] Each entity is of an announced domain; of the domain, the announced properties."""
    for name in ("domains-props", "domains-props-filtered"):
        mappings = alto.resource(name)["capabilities"]["mappings"]
        assert set(mappings["domains.pid"]) >= {"entry-point", "cpu", "mem", "storage", "port", "nf"}
        assert "domains.pid" in mappings["ipv4"] and "domains.pid" in mappings["ipv6"]
        assert alto.resource(name)["uses"] == ["domains"]


def test_filtered_properties(alto):
    """RFC 9240 [8.6] Exactly the entities and properties that were asked for; addresses inherit."""
    got = filtered(alto, {"entities": ["domains.pid:AS2", ".ane:AS3", "ipv4:10.1.5.7", "ipv4:10.1.7.0/24"],
                          "properties": ["nf", "cpu", "domains.pid"]})
    assert got == {"domains.pid:AS2": {"nf": ["NF2"], "cpu": [10]}, ".ane:AS3": {"nf": ["NF1", "NF3"], "cpu": [80]},
                   "ipv4:10.1.5.7": {"domains.pid": "AS3"}, "ipv4:10.1.7.0/24": {"domains.pid": "AS1"}}


def test_filtered_property_lists(alto):
    """RFC 9240 [8.3] Empty lists are all; without `properties` {} each; what is not there is no error."""
    everything = filtered(alto, {"entities": [], "properties": []})
    assert set(everything) > set(alto.good("domains-props")["property-map"])
    assert filtered(alto, {"entities": ["domains.pid:AS1", "ipv4:10.0.0.0/8"]}) == {
        "domains.pid:AS1": {}, "ipv4:10.0.0.0/8": {}}
    assert filtered(alto, {"entities": ["domains.pid:AS2"] * 2, "properties": ["port"] * 2}) == {"domains.pid:AS2": {}}


@pytest.mark.parametrize("body,meta", [
    ({}, {"code": "E_MISSING_FIELD", "field": "entities"}),
    ({"entities": {}}, {"code": "E_INVALID_FIELD_TYPE", "field": "entities"}),
    ({"entities": ["sand.pid:gw"]}, {"code": "E_INVALID_FIELD_VALUE", "field": "entities", "value": "sand.pid:gw"}),
    ({"entities": ["AS1"]}, {"code": "E_INVALID_FIELD_VALUE", "field": "entities", "value": "AS1"}),
    ({"entities": ["ipv4:10.0.0.300"]}, {"code": "E_INVALID_FIELD_VALUE", "field": "entities", "value": "ipv4:10.0.0.300"}),
    ({"entities": [], "properties": ["color"]}, {"code": "E_INVALID_FIELD_VALUE", "field": "properties", "value": "color"}),
    ({"entities": [], "properties": [5]}, {"code": "E_INVALID_FIELD_VALUE", "field": "properties", "value": "5"})])
def test_filtered_property_errors(alto, body, meta):
    """RFC 9240 [8.6] Foreign domains and properties."""
    assert alto.refused("domains-props-filtered", body) == meta


# ---- path vectors (RFC 9275) ----

BANDWIDTH = ["max-reservable-bandwidth", "persistent-entity-id"]


def test_path_vectors_are_announced(alto):
    """RFC 9275 [6.5, 7.2.4, 7.2.5] Array of ANEs; the type parameter without quotes; no constraints."""
    types = alto.directory(True)["meta"]["cost-types"]
    for name, root in (("domains-pv", "costmap"), ("domains-endpoint-pv", "endpointcost")):
        entry = alto.resource(name)
        assert entry["media-type"] == f"multipart/related;type={media(root)}"
        able = entry["capabilities"]
        assert [plain(types[one]) for one in able["cost-type-names"]] == [PATH_VECTOR]
        assert able["cost-constraints"] is False and set(BANDWIDTH) <= set(able["ane-property-names"])
        assert "domains-props-filtered" in entry["uses"], "persistent entities are of that map"
    assert "domains" in alto.resource("domains-pv")["uses"]


def test_path_vector(alto):
    """RFC 9275 [7.2.6] Two parts; the second has exactly the ANEs of the first."""
    first, second = alto.vectors("domains-pv", {"cost-type": PATH_VECTOR, "pids": FROM_AS1})
    assert first["cost-map"] == {"AS1": {"AS2": ["AS1", "AS2"], "AS3": ["AS1", "AS2", "AS3"]}}
    assert first["meta"]["dependent-vtags"] == [alto.good("domains")["meta"]["vtag"]]
    assert second["property-map"] == {f".ane:AS{i}": {} for i in (1, 2, 3)}, "no properties were asked for"


@pytest.mark.parametrize("accept,status", [
    (f"multipart/related;type={media('costmap')}, {media('error')}", 200), ("multipart/related", 200),
    (f'multipart/related; type="{media("costmap")}"', 200), ("multipart/*", 200), ("*/*", 200),
    (f"multipart/related;type={media('endpointcost')}", 406), (media("costmap"), 406)])
def test_path_vector_accept(alto, accept, status):
    """RFC 9275 [7.2.1] The type parameter counts, quoted or not."""
    entry = alto.resource("domains-pv")
    answer = alto.ask("POST", entry["uri"], {"cost-type": PATH_VECTOR, "pids": FROM_AS1},
                      {"Content-Type": entry["accepts"], "Accept": accept})
    assert answer.status == status


def test_path_vector_properties(alto):
    """RFC 9275 [6.4.1, 6.4.2, 7.2.3] Bits a second; entities of another map, which that map knows."""
    body = {"cost-type": PATH_VECTOR, "pids": {"srcs": ["AS1"], "dsts": ["AS3"]}, "ane-property-names": BANDWIDTH}
    first, second = alto.vectors("domains-pv", body)
    values = second["property-map"]
    along = [values[f".ane:{ane}"]["max-reservable-bandwidth"] for ane in first["cost-map"]["AS1"]["AS3"]]
    assert min(along) == 4e8
    resource, _, entity = values[".ane:AS2"]["persistent-entity-id"].partition(".")
    known = alto.good(resource, {"entities": ["." + entity], "properties": ["cpu"]})
    assert known["property-map"] == {"." + entity: {"cpu": [10]}}
    assert known["meta"]["vtag"] in second["meta"]["dependent-vtags"]


def test_path_vector_of_endpoints(alto):
    """RFC 9275 [7.3.6] The same by address; no dependent vtag."""
    first, second = alto.vectors("domains-endpoint-pv", {"cost-type": PATH_VECTOR, "endpoints": {
        "srcs": ["ipv4:10.1.0.9"], "dsts": ["ipv4:10.3.0.9", "ipv4:10.9.0.1"]}})
    assert first["endpoint-cost-map"] == {"ipv4:10.1.0.9": {"ipv4:10.3.0.9": ["AS1", "AS2", "AS3"]}}
    assert set(second["property-map"]) == {".ane:AS1", ".ane:AS2", ".ane:AS3"}


@pytest.mark.parametrize("body,field", [
    ({"cost-type": NUMERICAL}, "cost-type/cost-mode"), ({"cost-type": {**PATH_VECTOR, "cost-metric": "x"}}, "cost-type/cost-metric"),
    ({"cost-type": PATH_VECTOR, "ane-property-names": ["color"]}, "ane-property-names"),
    ({"cost-type": PATH_VECTOR, "ane-property-names": "cpu"}, "ane-property-names"),
    ({"cost-type": PATH_VECTOR, "or-constraints": []}, "or-constraints")])
def test_path_vector_errors(alto, body, field):
    """RFC 9275 [7.2.3]"""
    assert alto.refused("domains-pv", {"pids": ALL, **body})["field"] == field


# ---- service graphs (the draft, 5.4) ----


def chains(value):
    """All ways through the answer for SAP1 -> SAP2, joined where two links meet."""
    rows = value["cost-map"]["SAP1"]["SAP2"]
    ways = [[]]
    for src, dst in (("SAP1", "NF1"), ("NF1", "NF2"), ("NF2", "NF3"), ("NF3", "SAP2")):
        ways = [way + path[1 if way else 0:] for way in ways for path in rows[src][dst]
                if not way or way[-1] == path[0]]
    return [{"domains": way, "hops": len(way) - 1} for way in ways]


def test_service_graph_is_the_drafts_example(alto, change):
    """Draft 5.5: the announcement, both parts, and by joining exactly the vectors of Table 2."""
    change(domains())
    assert alto.resource("domains-pv")["capabilities"]["service-graph"] is True
    first, second = alto.vectors("domains-pv", golden("sg-request"))
    assert first["cost-map"] == golden("sg-costmap")["cost-map"]
    assert second["property-map"] == golden("sg-propmap")["property-map"]
    found = sorted(chains(first), key=lambda chain: (chain["hops"], chain["domains"]))
    assert found == sorted(golden("chains"), key=lambda chain: (chain["hops"], chain["domains"]))
    assert [chain["hops"] for chain in found] == [2, 4, 4, 6]


def test_service_graph_leads_through_transit_domains_only(alto, change):
    """Draft 5.4: interior domains of a path carry others' traffic, and say so; ends need not."""
    ends = {"A": {"saps": ["in"]}, "B": {"nfs": ["fw"], "saps": ["out"]}, "T": {"transit": True}, "N": {"transit": False}}
    change({"domains": ends, "links": [{"a": a, "b": b, "routingcost": 1} for a in "AB" for b in "TN"]})
    links = [{"id": 1, "src-node": "in", "dst-node": "fw"}, {"id": 2, "src-node": "fw", "dst-node": "out"}]
    graph = {"nfs": ["fw"], "saps": ["in", "out"], "sg_links": links,
             "reqs": [{"id": "r", "src-node": "in", "dst-node": "out", "sg-path": [1, 2]}]}
    first, _ = alto.vectors("domains-pv", {"cost-type": PATH_VECTOR, "sg": graph})
    assert first["cost-map"] == {"in": {"out": {"in": {"fw": [["A", "T", "B"]]}, "fw": {"out": [["B"]]}}}}


@pytest.mark.parametrize("case", golden("malformed"), ids=lambda case: case["name"])
def test_malformed_service_graphs(alto, case):
    """Draft 5.4, where it is strict: each variant's whole error."""
    want = {name: value for name, value in case["error"].items() if name != "why"}
    got = alto.refused("domains-pv", case["text"].encode() if "text" in case else json.dumps(case["body"]).encode())
    if want["code"] == "E_SYNTAX":  # where in the text depends on how it is written
        assert got["code"] == "E_SYNTAX" and got["syntax-error"]
    else:
        assert got == want


# ---- update streams (RFC 8895) ----

FOLLOWED = {
    "map": {"resource-id": "domains"}, "costs": COSTS, "props": {"resource-id": "domains-props"},
    "some": {"resource-id": "domains-costs", "input": {"cost-type": NUMERICAL, "pids": {"srcs": ["AS1"], "dsts": []}}}}


def now(alto, entry):
    return alto.of(entry["resource-id"], entry.get("input")).json()


def has_all(alto, stream, followed):
    return all(stream.copies.get(name) == now(alto, entry) for name, entry in followed.items())


def test_stream_is_announced(alto):
    """RFC 8895 [6.3, 6.4] What can be followed, and of what there are increments."""
    entry = alto.resource("updates")
    assert (entry["media-type"], entry["accepts"]) == ("text/event-stream", media("updatestreamparams"))
    assert entry["capabilities"]["support-stream-control"] is True
    increments = entry["capabilities"]["incremental-change-media-types"]
    assert set(increments) <= set(entry["uses"]) <= set(alto.directory()["resources"])
    assert "domains-routingcost" in increments and "domains-pv" in entry["uses"]


def test_stream_begins_with_control_and_whole_maps(alto):
    """RFC 8895 [5.3, 6.6, 6.7.1] The control URI first, absolute; the network map before what depends on it."""
    stream = Stream(alto, FOLLOWED)
    wait_for(lambda: has_all(alto, stream, FOLLOWED), "first contents")
    assert stream.events[0] == (media("updatestreamcontrol"), "") and len(stream.controls) >= 1
    assert stream.controls[0]["control-uri"].startswith("http://[::1]:8080/alto/updates/")
    order = [substream for _, substream in stream.events[1:] if substream]
    assert order.index("map") == 0 and sorted(order) == sorted(FOLLOWED), "each once, whole"
    assert stream.kinds("map") == [media("networkmap")] and stream.kinds("costs") == [media("costmap")]


def test_stream_increments_make_what_get_answers(alto, change):
    """RFC 8895 [5.2], RFC 7396: patches applied here; the network map unchanged, it is not told."""
    stream = Stream(alto, FOLLOWED)
    wait_for(lambda: has_all(alto, stream, FOLLOWED), "first contents")
    change(filled(7))
    wait_for(lambda: has_all(alto, stream, FOLLOWED), "what changed")
    assert stream.kinds("costs") == [media("costmap"), "application/merge-patch+json"]
    assert len(stream.kinds("map")) == 1
    made = filled(7)
    made["domains"]["ISLE"]["prefixes"]["ipv4"] = ["10.8.0.0/16"]
    change(made)
    wait_for(lambda: has_all(alto, stream, FOLLOWED), "another network map")
    new = [substream for _, substream in stream.events[len(FOLLOWED) + 1:] if substream]
    assert new.index("map") < max(i for i, name in enumerate(new) if name == "costs"), "the map first"


def test_stream_without_increments(alto, change):
    """RFC 8895 [6.5] incremental-changes false: whole replacements only."""
    stream = Stream(alto, {"costs": {**COSTS, "incremental-changes": False}})
    wait_for(lambda: stream.copies.get("costs") == now(alto, COSTS), "first contents")
    change(filled(7))
    wait_for(lambda: stream.copies["costs"] == now(alto, COSTS), "what changed")
    assert set(stream.kinds("costs")) == {media("costmap")} and len(stream.kinds("costs")) == 2


def test_stream_client_that_has_the_tag(alto, change):
    """RFC 8895 [6.5] It is not told what it has, but what changes of it."""
    value = alto.good("domains")
    add = {"map": {"resource-id": "domains", "tag": value["meta"]["vtag"]["tag"]}, "costs": COSTS}
    stream = Stream(alto, add, {"map": value})
    wait_for(lambda: "costs" in stream.copies, "what it does not have")
    assert not stream.kinds("map")
    made = filled()
    made["domains"]["ISLE"]["prefixes"]["ipv4"] = ["10.8.0.0/16"]
    change(made)
    wait_for(lambda: stream.copies["map"] == now(alto, FOLLOWED["map"]), "a patch to what it had")
    assert stream.kinds("map") == ["application/merge-patch+json"]


def test_stream_of_path_vectors(alto):
    """RFC 9275 [8.2] Whole multiparts as data."""
    stream = Stream(alto, {"pv": {"resource-id": "domains-pv", "input": {"cost-type": PATH_VECTOR, "pids": FROM_AS1}}})
    wait_for(lambda: "pv" in stream.copies, "the path vector")
    kind = stream.kinds("pv")[0]
    assert kind.startswith("multipart/related") and media("costmap") in kind
    assert '"AS1":{"AS2":["AS1","AS2"]' in stream.copies["pv"] and media("propmap") in stream.copies["pv"]


@pytest.mark.parametrize("body,meta", [
    ({}, {"code": "E_MISSING_FIELD", "field": "add"}), ({"add": {}}, {"code": "E_MISSING_FIELD", "field": "add"}),
    ({"add": {"a": {}}}, {"code": "E_MISSING_FIELD", "field": "add/a/resource-id"}),
    ({"add": {"a": {"resource-id": "x"}}}, {"code": "E_INVALID_FIELD_VALUE", "field": "add/a/resource-id", "value": "x"}),
    ({"add": {"a": {"resource-id": "updates"}}},
     {"code": "E_INVALID_FIELD_VALUE", "field": "add/a/resource-id", "value": "updates"}),
    ({"add": {"a": {**COSTS, "incremental-changes": 1}}}, {"code": "E_INVALID_FIELD_TYPE", "field": "add/a/incremental-changes"}),
    ({"add": {"a.b": COSTS}}, {"code": "E_INVALID_FIELD_VALUE", "field": "add", "value": "a.b"})])
def test_stream_errors(alto, body, meta):
    """RFC 8895 [6.5, 6.6]"""
    assert alto.ask("POST", "/alto/updates", body, STREAM).error() == meta


def test_stream_errors_of_the_input(alto):
    """RFC 8895 [6.6] What the resource itself would say."""
    add = {"a": {"resource-id": "domains-costs", "input": {"cost-type": {"cost-mode": "numerical"}}}}
    meta = alto.ask("POST", "/alto/updates", {"add": add}, STREAM).error()
    assert meta["code"] == "E_MISSING_FIELD" and "cost-metric" in meta["field"]


def test_stream_control(alto, change):
    """RFC 8895 [5.3, 7.5, 7.6] 202 for what is added, 204 for what is removed, told in the stream; then its end."""
    stream = Stream(alto, {"map": FOLLOWED["map"]})
    wait_for(lambda: "map" in stream.copies, "first contents")
    control = stream.control()
    assert alto.ask("POST", control, {"add": {"costs": COSTS}}, STREAM).status == 202
    wait_for(lambda: stream.copies.get("costs") == now(alto, COSTS), "what was added")
    assert {"costs"} in [set(c.get("started", [])) for c in stream.controls]
    assert alto.ask("POST", control, {"remove": ["map"]}, STREAM).status == 204
    wait_for(lambda: any(c.get("stopped") == ["map"] for c in stream.controls), "told that it stopped")
    made = filled(7)
    made["domains"]["ISLE"]["prefixes"]["ipv4"] = ["10.8.0.0/16"]
    change(made)
    wait_for(lambda: stream.copies["costs"] == now(alto, COSTS), "what is left goes on")
    assert len(stream.kinds("map")) == 1, "what was removed is quiet"
    assert alto.ask("POST", control, {"remove": ["costs"]}, STREAM).status == 204
    wait_for(lambda: stream.ended is not None, "nothing is left: the end")
    assert stream.ended is True
    wait_for(lambda: alto.ask("POST", control, {"remove": []}, STREAM).status == 404, "the control is gone, too")


@pytest.mark.parametrize("body", [{"add": {"map": COSTS}}, {"remove": ["nobody"]}, {}, {"add": {"x": {}}}, {"remove": [1]}])
def test_stream_control_errors_change_nothing(alto, body):
    """RFC 8895 [7.6]"""
    stream = Stream(alto, {"map": FOLLOWED["map"]})
    wait_for(lambda: "map" in stream.copies, "first contents")
    assert alto.ask("POST", stream.control(), body, STREAM).error()["code"].startswith("E_")
    assert alto.ask("POST", stream.control(), {"remove": ["map"]}, STREAM).status == 204, "it is still there"


def test_stream_control_of_nobody(alto):
    """RFC 8895 [7.6]"""
    assert alto.ask("POST", "/alto/updates/0123456789abcdef", {"remove": []}, STREAM).status == 404


# ---- TIPS (RFC 9569) ----


def tips(alto, body):
    """A view's path and summary."""
    answer = alto.ask("POST", "/alto/tips", body, TIPS)
    assert (answer.status, answer.type) == (200, media("tips")), answer.body
    value = answer.json()
    assert value["tips-view-uri"].startswith("http://[::1]:8080/")
    return re.sub(r"^http://[^/]+", "", value["tips-view-uri"]), value["tips-view-summary"]["updates-graph-summary"]


def test_tips_is_announced(alto):
    """RFC 9569 [5.3, 5.4]"""
    entry = alto.resource("tips")
    assert (entry["media-type"], entry["accepts"]) == (media("tips"), media("tipsparams"))
    assert set(entry["capabilities"]["incremental-change-media-types"]) <= set(entry["uses"])


def test_tips_view_leads_to_what_get_answers(alto, change):
    """RFC 9569 [6.2, 7.2, 7.3] From the recommended edge on, edge by edge."""
    path, summary = tips(alto, COSTS)
    edge = summary["start-edge-rec"]
    assert edge["seq-i"] == 0 and summary["start-seq"] <= edge["seq-j"] <= summary["end-seq"]
    answer = alto.get(f"{path}/ug/{edge['seq-i']}/{edge['seq-j']}")
    check(alto.directory(), "domains-routingcost", answer)
    copy, at = answer.json(), edge["seq-j"]
    assert copy == now(alto, COSTS)
    change(filled(7))
    while copy != now(alto, COSTS):
        answer = alto.get(f"{path}/ug/{at}/{at + 1}")
        assert answer.status == 200, answer.body
        copy = merge(copy, answer.json()) if answer.type == "application/merge-patch+json" else answer.json()
        at += 1


def test_tips_client_that_waits_is_answered_when_it_comes(alto, change):
    """RFC 9569 [7.2] The next edge, asked for before it is there."""
    path, summary = tips(alto, COSTS)
    end = summary["end-seq"]
    got = []
    waiting = threading.Thread(target=lambda: got.append(alto.get(f"{path}/ug/{end}/{end + 1}")), daemon=True)
    waiting.start()
    time.sleep(0.2)
    assert not got, "it waits"
    change(filled(8))
    waiting.join(10)
    assert got and got[0].status == 200 and got[0].type == "application/merge-patch+json"


def test_tips_equal_requests_share_a_view(alto):
    """RFC 9569 [6.2]"""
    assert tips(alto, COSTS)[0] == tips(alto, COSTS)[0] != tips(alto, {"resource-id": "domains"})[0]


def test_tips_next_edge(alto, change):
    """RFC 9569 [7.4] By the tag that the client has; a tag of nobody leads to the whole."""
    path, summary = tips(alto, COSTS)
    tag = alto.get(alto.resource("domains-routingcost")["uri"]).headers["ETag"].strip('"')
    change(filled(6))
    answer = wait_for(lambda: after(alto.ask("POST", f"{path}/ug", {"tag": tag}, TIPS), summary), "a new version")
    assert answer["start-edge-rec"]["seq-j"] in (summary["end-seq"] + 1, answer["end-seq"])
    edge = alto.ask("POST", f"{path}/ug", {"tag": "nobodys"}, TIPS).json()["start-edge-rec"]
    assert edge == {"seq-i": 0, "seq-j": answer["end-seq"]}
    whole = alto.get(f"{path}/ug/0/{edge['seq-j']}")
    assert whole.json() == now(alto, COSTS)


def after(answer, summary):
    assert (answer.status, answer.type) == (200, media("tips")), answer.body
    value = answer.json()
    return value if value["end-seq"] > summary["end-seq"] else None


def test_tips_statuses(alto):
    """RFC 9569 [6.3, 7.3] What is no edge, no view, too early, and errors of ALTO."""
    path, summary = tips(alto, COSTS)
    end = summary["end-seq"]
    assert alto.get(f"{path}/ug/{end + 5}/{end + 6}").status == 425
    assert alto.get(f"{path}/ug/0/{end}", Accept=media("networkmap")).status == 415
    assert alto.get(f"{path}/ug/{end}/{end}").status == 404
    assert alto.get(f"/alto/tips/nobody/ug/0/{end}").status in (404, 410)
    assert alto.ask("POST", "/alto/tips", {}, TIPS).error() == {"code": "E_MISSING_FIELD", "field": "resource-id"}
    assert alto.ask("POST", "/alto/tips", {"resource-id": "x"}, TIPS).error()["value"] == "x"
    assert alto.ask("POST", "/alto/tips", COSTS, {"Content-Type": "application/json"}).status == 415
