# SPDX-License-Identifier: GPL-2.0-or-later
"""sanctl alto against a server on loopback that says what the test tells it to, right or wrong."""

import http.server
import json
import subprocess
import threading

import pytest

from steering import BIN

OK, REFUSED, USAGE, UNREACHABLE, NOT_FOUND = range(5)
A = "application/alto-"
VTAG = {"resource-id": "net", "tag": "1"}
COST = {"cost-mode": "numerical", "cost-metric": "routingcost"}
DELAY = {"cost-mode": "numerical", "cost-metric": "delay-ow:cur"}
PATH = {"cost-mode": "array", "cost-metric": "ane-path"}
COSTS = {"AS1": {"AS1": 0, "AS2": 1, "AS3": 3}, "AS2": {"AS1": 1, "AS3": 2}, "AS3": {"AS2": 2}}
PV = f"multipart/related;type={A}costmap+json"
PV_ENDPOINTS = f"multipart/related;type={A}endpointcost+json"
GRAPH = {
    "nfs": ["NF1", "NF2", "NF3"], "saps": ["SAP1", "SAP2"],
    "sg_links": [{"id": 1, "src-node": "SAP1", "dst-node": "NF1"},
                 {"id": 2, "src-node": "NF1", "dst-node": "NF2"},
                 {"id": 3, "src-node": "NF2", "dst-node": "NF3"},
                 {"id": 4, "src-node": "NF3", "dst-node": "SAP2"}],
    "reqs": [{"id": 1, "src-node": "SAP1", "dst-node": "SAP2", "sg-path": [1, "2", 3, 4]}]}
CANDIDATES = {"SAP1": {"NF1": [["AS1"], ["AS1", "AS2", "AS3"]]},
              "NF1": {"NF2": [["AS1", "AS2"], ["AS3", "AS2"]]},
              "NF2": {"NF3": [["AS2", "AS1"], ["AS2", "AS3"]]},
              "NF3": {"SAP2": [["AS1", "AS2", "AS3"], ["AS3"]]}}


def entry(uri, media, accepts=None, uses=("net",), **capabilities):
    resource = {"uri": uri, "media-type": media, "uses": list(uses), "capabilities": capabilities}
    return {**resource, "accepts": accepts} if accepts else resource


def directory():
    types = {"cost-type-names": ["num"]}
    return {
        "meta": {"cost-types": {"num": COST, "delay": DELAY, "pv": PATH},
                 "default-alto-network-map": "net"},
        "resources": {
            "net": entry("/net", A + "networkmap+json", uses=()),
            "costs": entry("costs", A + "costmap+json", **types),
            "filtered": entry("filtered", A + "costmap+json", A + "costmapfilter+json",
                              **{"cost-type-names": ["num", "delay"]}),
            "endpoints": entry("endpoints", A + "endpointcost+json",
                               A + "endpointcostparams+json", uses=(), **types),
            "props": entry("props", A + "propmap+json"),
            "pv": entry("pv", PV, A + "costmapfilter+json",
                        **{"cost-type-names": ["pv"], "ane-property-names": ["cpu"],
                           "service-graph": True})}}


def multipart(first, second, kind="costmap"):
    text = ""
    for name, media, body in (("a", kind, first), ("b", "propmap", second)):
        text += f"--x\r\nContent-ID: <{name}@h>\r\nContent-Type: {A}{media}+json\r\n\r\n"
        text += json.dumps(body) + "\r\n"
    return text + "--x--\r\n"


def path_vectors(costs, anes):
    vtag = {"resource-id": "pv.a", "tag": "7"}
    return multipart(
        {"meta": {"vtag": vtag, "dependent-vtags": [VTAG], "cost-type": PATH}, "cost-map": costs},
        {"meta": {"dependent-vtags": [vtag]},
         "property-map": {f".ane:{ane}": {"cpu": [8]} for ane in anes}})


def answer_pv(asked):
    if "sg" in asked:
        return path_vectors({"SAP1": {"SAP2": CANDIDATES}}, ("AS1", "AS2", "AS3"))
    return path_vectors({"AS1": {"AS2": ["AS1", "AS2"]}}, ("AS1", "AS2"))


class Server(http.server.ThreadingHTTPServer):
    """answers: path -> (media type, body, or a function of the request)."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/alto/directory"
        self.tokens = {}
        self.asked = {}
        meta = {"dependent-vtags": [VTAG], "cost-type": COST}
        self.answers = {
            "/alto/directory": (A + "directory+json", directory()),
            "/net": (A + "networkmap+json",
                     {"meta": {"vtag": VTAG},
                      "network-map": {"AS1": {"ipv4": ["192.0.2.0/24"]}, "AS2": {},
                                      "AS3": {"ipv6": ["2001:db8::/32", "::/0"]}}}),
            "/alto/costs": (A + "costmap+json", {"meta": meta, "cost-map": COSTS}),
            "/alto/filtered": (A + "costmap+json", lambda asked: {
                "meta": {**meta, "cost-type": asked["cost-type"]},
                "cost-map": {"AS1": {"AS2": 12.5}}}),
            "/alto/endpoints": (A + "endpointcost+json", {
                "meta": {"cost-type": COST},
                "endpoint-cost-map": {"ipv4:192.0.2.1": {"ipv6:2001:db8::1": 3}}}),
            "/alto/props": (A + "propmap+json", {
                "meta": {"dependent-vtags": [VTAG]},
                "property-map": {"net.pid:AS1": {"cpu": [50], "nf": ["NF1", "NF3"]}}}),
            "/alto/pv": (PV + ";boundary=x", answer_pv)}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        length = int(self.headers.get("Content-Length", 0))
        asked = json.loads(self.rfile.read(length)) if length else None
        self.server.tokens[self.path] = self.headers.get("Authorization")
        self.server.asked[self.path] = asked
        status = 200
        if self.path in self.server.answers:
            media, body = self.server.answers[self.path]
        else:
            status, media = 404, A + "error+json"
            body = {"meta": {"why": "no such resource"}}
        body = body(asked) if callable(body) else body
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


@pytest.fixture(name="server")
def serve():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def alto(action, *argv, status=OK):
    done = subprocess.run([f"{BIN}/sanctl", "alto", action, *argv], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == status, f"{argv}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout if status == OK else done.stderr


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_directory(server):
    lines = rows(alto("ird", server.url))
    assert lines[0] == ["ID", "KIND", "METHOD", "COST", "TYPES", "USES", "URI"]
    base = server.url.removesuffix("directory")
    assert ["costs", "costmap", "GET", "num", "net", base + "costs"] in lines
    assert ["filtered", "costmap", "POST", "num,delay", "net", base + "filtered"] in lines
    assert json.loads(alto("ird", server.url, "--json")) == directory()


def test_network_map(server):
    lines = rows(alto("map", server.url))
    assert lines[0] == "network map net, tag 1".split()
    assert ["AS3", "-", "2001:db8::/32,::/0"] in lines
    text = alto("map", server.url, "--map", "other", status=NOT_FOUND)
    assert "offers no network map other; see `sanctl alto ird`" in text


def test_costs(server):
    lines = rows(alto("cost", server.url))
    assert lines[0] == ["FROM", "TO", "routingcost"] and len(lines) == 7
    assert ["AS1", "AS3", "3"] in lines
    lines = rows(alto("cost", server.url, "--metric", "delay-ow", "--src", "AS1", "--dst", "AS2"))
    assert lines == [["FROM", "TO", "delay-ow:cur"], ["AS1", "AS2", "12.5"]]
    assert server.asked["/alto/filtered"] == {
        "cost-type": DELAY, "pids": {"srcs": ["AS1"], "dsts": ["AS2"]}}
    text = alto("cost", server.url, "--metric", "tput", status=NOT_FOUND)
    assert "offers no cost map of this network map of metric tput" in text


def test_endpoint_costs(server):
    pair = ("--src", "ipv4:192.0.2.1", "--dst", "ipv6:2001:db8::1")
    assert rows(alto("cost", server.url, *pair))[1] == [
        "ipv4:192.0.2.1", "ipv6:2001:db8::1", "3"]
    assert "--map is for PIDs" in alto("cost", server.url, *pair, "--map", "net", status=USAGE)


def test_properties(server):
    lines = rows(alto("props", server.url))
    assert ["net.pid:AS1", "cpu", "50"] in lines
    assert ["net.pid:AS1", "nf", "NF1,NF3"] in lines


def test_paths(server):
    text = alto("path", server.url, "--src", "AS1", "--dst", "AS2")
    assert ["AS1", "AS2", "AS1,AS2"] in rows(text)
    assert [".ane:AS2", "cpu", "8"] in rows(text)
    assert server.asked["/alto/pv"]["ane-property-names"] == ["cpu"]


def test_best_chain_of_a_service_graph(server, tmp_path):
    file = tmp_path / "graph.json"
    file.write_text(json.dumps(GRAPH))
    lines = rows(alto("path", server.url, "--sg", str(file)))
    assert " ".join(lines[0]) == "SAP1 to SAP2: 4 chains, the best costs 3"
    assert [line[2] for line in lines[2:]] == ["AS1", "AS1,AS2", "AS2,AS3", "AS3"]
    said = json.loads(alto("path", server.url, "--sg", str(file), "--json"))
    assert said["chains"][0]["chains"] == 4 and said["chains"][0]["cost"] == 3
    file.write_text(json.dumps({"sg": GRAPH}))
    alto("path", server.url, "--sg", str(file))
    text = alto("path", server.url, "--sg", str(file), "--src", "AS1", status=USAGE)
    assert "no --src, --dst" in text


def test_no_chain_fits(server, tmp_path):
    file = tmp_path / "graph.json"
    file.write_text(json.dumps(GRAPH))
    dead = {**CANDIDATES, "NF3": {"SAP2": []}}
    server.answers["/alto/pv"] = (PV + ";boundary=x", path_vectors(
        {"SAP1": {"SAP2": dead}}, ("AS1", "AS2", "AS3")))
    done = subprocess.run([f"{BIN}/sanctl", "alto", "path", server.url, "--sg", str(file)],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == NOT_FOUND
    assert done.stdout == "SAP1 to SAP2: no chain fits together\n"


@pytest.mark.parametrize("path,media,body,text", [
    ("/alto/directory", "text/html", "<html>",
     "the answer of the directory does not hold: Content-Type: is text/html, must be "
     "application/alto-directory+json"),
    ("/alto/costs", A + "costmap+json",
     {"meta": {"dependent-vtags": [{**VTAG, "tag": "2"}], "cost-type": COST}, "cost-map": {}},
     "the answer of costs does not hold: /meta/dependent-vtags/0/tag: is 2, must be 1: net has "
     "changed"),
    ("/alto/costs", A + "costmap+json",
     {"meta": {"dependent-vtags": [VTAG], "cost-type": COST}, "cost-map": {"AS1": {"AS2": "1"}}},
     "/cost-map/AS1/AS2: is \"1\", must be a number, 0 or more"),
    ("/net", A + "networkmap+json", "{",
     "the answer of net does not hold: line 1, column 1: string or '}' expected"),
])
def test_what_does_not_hold_is_refused(server, path, media, body, text):
    server.answers[path] = (media, body)
    assert text in alto("cost", server.url, status=REFUSED)


def test_errors_of_the_server(server):
    del server.answers["/net"]
    text = alto("map", server.url, status=NOT_FOUND)
    assert "the server answers HTTP 404: no such resource" in text


def test_token_stays_with_its_server(server, tmp_path):
    """Another host in the directory does not learn the token."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    with Server() as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        body = directory()
        body["resources"]["net"]["uri"] = other.url.replace("/alto/directory", "/net")
        server.answers["/alto/directory"] = (A + "directory+json", body)
        try:
            alto("cost", server.url, "--token-file", str(token))
        finally:
            other.shutdown()
            thread.join()
        assert server.tokens["/alto/directory"] == server.tokens["/alto/costs"] == "Bearer secret"
        assert other.tokens == {"/net": None}


def test_unreachable_and_usage(tmp_path):
    assert "cannot be reached" in alto("ird", "http://127.0.0.1:1/x", status=UNREACHABLE)
    assert "takes the URL" in alto("ird", status=USAGE)
    assert "must be http://" in alto("ird", "ftp://a/", status=USAGE)
    assert "--cert and --key" in alto("ird", "https://a/", "--cert", "x", status=USAGE)
    assert "cannot be read" in alto("ird", "https://a/", "--token-file",
                                    str(tmp_path / "none"), status=USAGE)
    assert "--sg is for alto path" in alto("map", "http://a/", "--sg", "x", status=USAGE)
