# SPDX-License-Identifier: GPL-2.0-or-later
"""An ALTO client that shares nothing with ours: http.client, json, email; and what the RFCs say that an answer
has to be, by its media type.

    alto = Alto(lambda: connection, host="[::1]:8080")
    answer = alto.get("/alto/networkmap/domains"); check(alto.directory(), "domains", answer)
"""

import copy
import email
import email.policy
import gzip
import http.client
import ipaddress
import json
import math
import re
import threading

NAME = re.compile(r"[A-Za-z0-9:@_-]{1,64}\Z")
TAG = re.compile(r"[\x21-\x7e]{1,64}\Z")
DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
CODES = {"E_SYNTAX", "E_MISSING_FIELD", "E_INVALID_FIELD_TYPE", "E_INVALID_FIELD_VALUE"}
ALL = {"srcs": [], "dsts": []}
NUMERICAL = {"cost-mode": "numerical", "cost-metric": "routingcost"}
ORDINAL = {"cost-mode": "ordinal", "cost-metric": "routingcost"}
PATH_VECTOR = {"cost-mode": "array", "cost-metric": "ane-path"}


def media(name):
    return f"application/alto-{name}+json"


ENDPOINTS = {"srcs": ["ipv4:10.1.0.9"], "dsts": ["ipv4:10.2.0.9", "ipv4:10.3.0.9", "ipv6:2001:db8:3::9"]}
SANE = {  # a request that each kind of input is good for
    media("networkmapfilter"): {"pids": []},
    media("costmapfilter"): {"cost-type": NUMERICAL, "pids": ALL},
    media("endpointcostparams"): {"cost-type": NUMERICAL, "endpoints": ENDPOINTS},
    media("endpointpropparams"): {"properties": ["domains.pid"], "endpoints": ["ipv4:10.1.0.9"]},
    media("propmapparams"): {"entities": []},
}


def once(pairs):
    """RFC 7285, 8.3: names of an object's members are unique."""
    out = dict(pairs)
    assert len(out) == len(pairs), f"member twice: {[name for name, _ in pairs]}"
    return out


def refuse(text):
    raise AssertionError(f"{text} is no JSON number")


def strict(text):
    return json.loads(text, object_pairs_hook=once, parse_constant=refuse)


class Answer:
    """Status, headers, body (decompressed; `coded`: it came so)."""

    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.raw = response.read()
        self.coded = self.headers.get("Content-Encoding") == "gzip"
        self.body = gzip.decompress(self.raw) if self.coded else self.raw
        self.type = self.headers.get("Content-Type")

    def json(self):
        return strict(self.body)

    def parts(self):
        """Of a path vector (RFC 9275, 7.2.6): the root and the other; with their headers."""
        assert self.status == 200, self.body
        message = email.message_from_bytes(b"Content-Type: " + self.type.encode() + b"\r\n\r\n" + self.body,
                                           policy=email.policy.strict)
        assert message.is_multipart() and not message.defects, message.defects
        assert message.get_content_type() == "multipart/related"
        parts = list(message.iter_parts())
        assert len(parts) == 2, "exactly two parts"
        return [Part(part) for part in parts], message

    def error(self):
        """meta of an ALTO error (RFC 7285, 8.5.2)."""
        assert (self.status, self.type) == (400, media("error")), (self.status, self.type, self.body)
        meta = self.json()["meta"]
        assert meta["code"] in CODES
        assert "value" not in meta or ("field" in meta and isinstance(meta["value"], str)), meta
        return {name: value for name, value in meta.items() if name != "why"}


class Part:
    """One body part."""

    def __init__(self, part):
        assert not part.defects, part.defects
        self.type, self.id = part["Content-Type"], part["Content-ID"]
        self.value = strict(part.get_payload(decode=True))

    def json(self):
        return self.value


class Alto:
    """Asks one server, over a connection each time."""

    def __init__(self, connect, host, token=None):
        self.connect, self.host, self.token = connect, host, token
        self.ird = None

    def open(self, method, path, body=None, headers=None):
        """The answer, unread."""
        conn = self.connect()
        sent = {"Host": self.host, "Accept": "*/*", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        conn.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
        return conn.getresponse()

    def ask(self, method, path, body=None, headers=None):
        response = self.open(method, path, body, headers)
        try:
            return Answer(response)
        finally:
            response.close()

    def get(self, path, **headers):
        return self.ask("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    def directory(self, again=False):
        if again or not self.ird:
            self.ird = self.get("/alto/directory").json()
        return self.ird

    def resource(self, name):
        return self.directory()["resources"][name]

    def of(self, name, body=None):
        """The resource's answer; a GET without a body."""
        entry = self.resource(name)
        if "accepts" not in entry:
            return self.get(entry["uri"])
        return self.ask("POST", entry["uri"], body, {"Content-Type": entry["accepts"]})

    def good(self, name, body=None):
        """The same, checked; JSON."""
        answer = self.of(name, body)
        check(self.directory(), name, answer, body)
        return answer.json()

    def vectors(self, name, body):
        """Checked; JSON of both parts."""
        answer = self.of(name, body)
        check(self.directory(), name, answer, body)
        return [part.json() for part in answer.parts()[0]]

    def refused(self, name, body):
        return self.of(name, body).error()

    def write(self, method, path, body=None):
        return self.ask(method, f"/broker/v1/{path}", body, None if body is None else {"Content-Type": "application/json"})

    def put(self, path, body):
        answer = self.write("PUT", path, body)
        assert answer.status in (200, 201, 204), answer.body


def sane(entry):
    """A request that this resource answers."""
    body = copy.deepcopy(SANE[entry["accepts"]])
    if entry["media-type"].startswith("multipart/"):
        body["cost-type"] = PATH_VECTOR
    if "prop-types" in entry.get("capabilities", {}):
        body["properties"] = entry["capabilities"]["prop-types"]
    return body


def walk(alto):
    """Asks for every resource of the directory, by every cost type that it offers; how many answers were good."""
    ird, n = alto.directory(True), 0
    for name, entry in ird["resources"].items():
        if entry["media-type"] in ("text/event-stream", media("tips")):
            continue
        bodies = [sane(entry)] if "accepts" in entry else [None]
        if bodies[0] and "cost-type" in bodies[0]:
            types = [plain(ird["meta"]["cost-types"][one]) for one in entry["capabilities"]["cost-type-names"]]
            bodies = [{**bodies[0], "cost-type": one} for one in types]
        for body in bodies:
            check(ird, name, alto.of(name, body), body)
            n += 1
    return n


# ---- what answers have to be ----


def check(ird, name, answer, body=None):
    """An answer of the resource of that name, as its media type wants it."""
    assert answer.status == 200, (name, answer.status, answer.body[:500])
    entry = ird["resources"][name]
    want = entry["media-type"]
    if want.startswith("multipart/"):
        check_vectors(ird, name, answer, body or {})
        return
    assert answer.type == want, (name, answer.type)
    CHECKS[want](ird, name, answer.json(), body or {})


def check_vtag(vtag, resource=None):
    assert set(vtag) == {"resource-id", "tag"}, vtag
    assert all(NAME.match(part) for part in vtag["resource-id"].split(".")), vtag
    assert TAG.match(vtag["tag"]), vtag
    assert resource in (None, vtag["resource-id"]), (resource, vtag)


def check_network_map(ird, name, value, body):
    del body
    assert set(value) == {"meta", "network-map"}
    check_vtag(value["meta"]["vtag"], ird["resources"][name].get("uses", [name])[0])
    seen = set()
    for pid, groups in value["network-map"].items():
        assert NAME.match(pid), pid
        for family, prefixes in groups.items():
            for text in prefixes:
                prefix = ipaddress.ip_network(text)  # refuses host bits
                assert f"ipv{prefix.version}" == family and prefix not in seen, (pid, text)
                seen.add(prefix)


def check_costs(costs, cost, srcs=None, dsts=None):
    assert isinstance(costs, dict)
    for src, row in costs.items():
        assert srcs is None or src in srcs
        for dst, value in row.items():
            assert dsts is None or dst in dsts
            cost(value)


def number(value):
    assert isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def names(value):
    assert isinstance(value, list) and value and all(isinstance(name, str) and NAME.match(name) for name in value)


def cost_of(meta, body):
    """What a cost has to be: a number, or one a cost type (RFC 8189), or one an interval (RFC 8896)."""
    calendars = {name: item["number-of-intervals"] for item in meta.get("calendar-response-attributes", [])
                 for name in item["cost-type-names"]}

    def several(value):
        assert isinstance(value, list) and len(value) == len(body["multi-cost-types"])
        for one in value:
            if isinstance(one, list):
                assert len(one) in calendars.values()
            for single in one if isinstance(one, list) else [one]:
                assert single is None or number(single) is None

    def intervals(value):
        assert isinstance(value, list) and len(value) in calendars.values()
        for one in value:
            assert one is None or number(one) is None

    if "multi-cost-types" in body:
        return several
    return intervals if calendars else number


def check_cost_types(meta, body):
    if "multi-cost-types" in body:
        assert [plain(t) for t in meta["multi-cost-types"]] == body["multi-cost-types"]
        assert "cost-type" in meta  # RFC 8189, 4.1.3: {} for clients that know one type only
    elif body:
        assert plain(meta["cost-type"]) == body["cost-type"]


def plain(cost_type):
    return {name: cost_type[name] for name in ("cost-mode", "cost-metric")}


def check_cost_map(ird, name, value, body):
    entry = ird["resources"][name]
    meta = value["meta"]
    assert len(meta["dependent-vtags"]) == 1, "exactly one (RFC 7285, 11.2.3.6)"
    check_vtag(meta["dependent-vtags"][0], entry["uses"][0])
    if not body:
        named = ird["meta"]["cost-types"][entry["capabilities"]["cost-type-names"][0]]
        assert plain(meta["cost-type"]) == plain(named)
    check_cost_types(meta, body)
    check_costs(value["cost-map"], cost_of(meta, body))


def check_endpoint_costs(ird, name, value, body):
    del ird
    check_vtag(value["meta"]["vtag"], name)
    check_cost_types(value["meta"], body)
    check_costs(value["endpoint-cost-map"], cost_of(value["meta"], body))


def check_endpoint_properties(ird, name, value, body):
    del name
    for vtag in value["meta"].get("dependent-vtags", []):
        check_vtag(vtag)
        assert vtag["resource-id"] in ird["resources"]
    for address, properties in value["endpoint-properties"].items():
        assert not body or address in body["endpoints"]
        assert not body or set(properties) <= set(body["properties"])
        assert all(isinstance(one, str) for one in properties.values()), properties


def domain_of(ird, name, entity):
    mappings = ird["resources"][name]["capabilities"]["mappings"]
    found = [domain for domain in mappings if entity.startswith(domain + ":")]
    assert len(found) == 1, entity
    return mappings[found[0]]


def check_properties(ird, name, value, body):
    meta = value["meta"]
    for vtag in meta.get("dependent-vtags", []):
        check_vtag(vtag)
        assert vtag["resource-id"] in ird["resources"][name]["uses"]
    for entity, properties in value["property-map"].items():
        assert set(properties) <= set(domain_of(ird, name, entity)), (entity, properties)
        wanted = body.get("properties")
        assert not body or wanted == [] or set(properties) <= set(wanted or []), (entity, wanted)
        for text, values in properties.items():
            assert text.endswith(".pid") or (isinstance(values, list) and values), (entity, text, values)


def check_vectors(ird, name, answer, body):
    """RFC 9275, 6.6, 7.2.6, 7.3.6."""
    want = ird["resources"][name]["media-type"]
    root = re.fullmatch(r"multipart/related;type=(\S+)", want)[1]
    parts, message = answer.parts()
    # as the RFC writes it: no quotes, though "/" is no character of a MIME token
    assert re.search(rf";\s*type={re.escape(root)}(;|$)", answer.type), answer.type
    assert parts[0].type == root and parts[1].type == media("propmap")
    first, second = (part.json() for part in parts)
    ids = [re.fullmatch(rf"<({DOT_ATOM})@({DOT_ATOM})>", part.id) for part in parts]
    assert all(ids) and ids[0][1] != ids[1][1] and ids[0][2] == ids[1][2], [part.id for part in parts]
    if "start" in message["Content-Type"].params:
        assert message["Content-Type"].params["start"] == parts[0].id
    check_vtag(first["meta"]["vtag"], f"{name}.{ids[0][1].split('.')[-1]}")
    assert first["meta"]["vtag"] in second["meta"]["dependent-vtags"]
    assert plain(first["meta"]["cost-type"]) == PATH_VECTOR
    if root == media("costmap"):
        assert len(first["meta"]["dependent-vtags"]) == 1
    used = used_names(first, body)
    assert {f".ane:{ane}" for ane in used} == set(second["property-map"]), (used, second)
    announced = set(ird["resources"][name]["capabilities"]["ane-property-names"])
    for properties in second["property-map"].values():
        assert set(properties) <= announced


def used_names(first, body):
    """All ANEs of the first part."""
    used = set()
    costs = first.get("cost-map", first.get("endpoint-cost-map"))
    if "sg" in body:
        for row in costs.values():
            for links in row.values():
                check_costs(links, lambda paths: [(names(path), used.update(path)) for path in paths])
    else:
        check_costs(costs, lambda path: used.update(path) or (path and names(path)))
    return used


CHECKS = {
    media("networkmap"): check_network_map,
    media("costmap"): check_cost_map,
    media("endpointcost"): check_endpoint_costs,
    media("endpointprop"): check_endpoint_properties,
    media("propmap"): check_properties,
}


# ---- update streams ----


def merge(target, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge(out.get(name), value)
    return out


class Stream(threading.Thread):
    """RFC 8895: reads events and applies them; `copies` is what the client has of each substream."""

    def __init__(self, alto, add, known=None):
        """known: copies that it has already."""
        super().__init__(daemon=True)
        self.copies, self.events, self.controls = dict(known or {}), [], []
        self.comments = 0
        self.ended = None  # True: whole; False: broken off
        self.answer = alto.open("POST", "/alto/updates", {"add": add},
                                {"Content-Type": media("updatestreamparams")})
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"] == "text/event-stream"
        self.start()

    def run(self):
        try:
            self.read()
            self.ended = self.answer.isclosed()
        except (OSError, http.client.HTTPException):
            self.ended = False

    def read(self):
        name, data = None, []
        while line := self.answer.readline():
            field, _, value = line.decode().rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif line.startswith(b":"):
                self.comments += 1
            elif not field and not value and data:
                self.take(name, "\n".join(data))
                name, data = None, []

    def take(self, name, data):
        kind, _, substream = name.partition(",")
        if kind == media("updatestreamcontrol"):
            self.controls.append(strict(data))
        elif kind == "application/merge-patch+json":
            self.copies[substream] = merge(self.copies[substream], strict(data))
        elif kind.startswith("multipart/"):
            self.copies[substream] = data
        else:
            self.copies[substream] = strict(data)
        self.events.append((kind, substream))

    def kinds(self, substream):
        return [kind for kind, of in self.events if of == substream]

    def control(self):
        """Path of its control URI."""
        return re.sub(r"^https?://[^/]+", "", self.controls[0]["control-uri"])
