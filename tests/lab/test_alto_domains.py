# SPDX-License-Identifier: GPL-2.0-or-later
"""The broker as domains see it: who may write what, TLS, certificates, two brokers on one database, kill -9, and
what a sand shows of itself."""

import hashlib
import shutil
import socket
import ssl

import pytest

from alto_client import NUMERICAL, Stream, media, walk
from alto_sand import ADDRESS, CLIENT, TLS_PORT, TOKENS, Host, authority, domains
from netns import CommandError, Lab, wait_for

DATABASE = "[2001:db8:d::1]:2379"
ROLES = {"AS1": "domain", "AS2": "domain", "ops": "admin", "eye": "reader"}
PLAIN = """
name: {name}
maps: {{services: 16, nexthops: 16, flows: 16}}
rest: {{unix: true, tcp: "[::1]:8080"}}
"""
OWN = PLAIN.format(name="pe") + """
gateways: [{name: gw1, locator: "5f00:0:2::/48"}, {name: gw.two, locator: "5f00:0:3::/48"}]
paths: [{ingress: pe, gateway: gw1, name: be, kind: be}, {ingress: pe, gateway: gw.two, name: be, kind: be}]
services: [{id: 0x101, address: "2001:db8:5::101", freshness: {max_age_ms: 3600000}}]
alto: {domains: false}
"""


def principals():
    lines = []
    for name, role in ROLES.items():
        digest = hashlib.sha256(TOKENS[name].encode()).hexdigest()
        certificate = ', certificate: "as2.example"' if name == "AS2" else ""
        lines.append(f'    - {{name: {name}, role: {role}, token_sha256: "{digest}"{certificate}}}\n')
    return f"  principals:\n{''.join(lines)}"


def with_tls(tls_dir):
    files = ", ".join(f"{what}: {tls_dir}/{file}" for what, file in
                      (("cert", "server.pem"), ("key", "server.key"), ("ca", "ca.pem")))
    return PLAIN.format(name="broker") + (f"alto:\n  own: false\n  listen: ['[{ADDRESS}]:{TLS_PORT}']\n"
                                         f"  tls: {{{files}}}\n{principals()}")


@pytest.fixture(name="net", scope="module")
def lab_with_authority():
    with Lab("alto_domains") as lab:
        tls_dir = f"/run/{lab.prefix}tls"
        authority(tls_dir)
        lab.ns("broker").ip(f"addr add {ADDRESS}/128 dev lo nodad", f"addr add {CLIENT}/128 dev lo nodad")
        try:
            yield lab, tls_dir
        finally:
            shutil.rmtree(tls_dir, ignore_errors=True)


@pytest.fixture(name="broker", scope="module")
def broker_with_principals(net):
    lab, tls_dir = net
    with Host(lab, "broker", with_tls(tls_dir)) as host:
        host.fill(domains())
        yield host


@pytest.fixture(name="secret")
def broker_for_principals_only(net):
    config = PLAIN.format(name="secret") + f"alto:\n  own: false\n  access: known\n{principals()}"
    with Host(net[0], "secret", config) as host:
        host.admin().put("domains", domains())
        yield host


# ---- TLS ----


def test_maps_by_tls(broker):
    """RFC 7285, 8.3.5; the same maps as in clear text."""
    secure = broker.secure()
    assert secure.good("domains") == broker.alto.good("domains")
    assert secure.good("domains-routingcost") == broker.alto.good("domains-routingcost")


def test_client_address_by_tls(broker):
    """RFC 7285, 11.5.1.3: the client is within AS1's prefix."""
    got = broker.secure().good("domains-endpoint-costs", {
        "cost-type": NUMERICAL, "endpoints": {"srcs": [], "dsts": ["ipv4:10.3.0.9"]}})
    assert got["endpoint-cost-map"] == {f"ipv6:{CLIENT}": {"ipv4:10.3.0.9": 3}}


def test_uris_by_tls_are_https(broker):
    """RFC 8895, 5.3: the control URI is on the host that the client asked."""
    secure = broker.secure()
    stream = Stream(secure, {"map": {"resource-id": "domains"}})
    wait_for(lambda: "map" in stream.copies, "first contents")
    assert stream.controls[0]["control-uri"].startswith(f"https://[{ADDRESS}]:{TLS_PORT}/alto/updates/")
    answer = secure.ask("POST", stream.control(), {"remove": ["map"]}, {"Content-Type": media("updatestreamparams")})
    assert answer.status == 204


def test_only_alto_and_the_broker_are_there(broker):
    """Nothing of /v1 on the addresses for ALTO."""
    secure = broker.secure(TOKENS["ops"])
    for path in ("/v1/services", "/v1/status", "/metrics", "/v1/database/keys"):
        assert secure.get(path).status in (403, 404), path
    assert secure.get("/alto/directory").status == 200


def test_server_certificate_is_checked(broker):
    """The tests' own client refuses what another CA signed: the address is in the certificate."""
    with pytest.raises(ssl.SSLCertVerificationError):
        broker.secure(ca="other").get("/alto/directory")


def test_clear_text_gets_nothing_from_tls(broker):
    with broker.space.inside():
        sock = socket.create_connection((ADDRESS, TLS_PORT), timeout=5)
    with sock:
        sock.sendall(b"GET /alto/directory HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            got = sock.recv(4096)
        except ConnectionError:
            got = b""
    assert b"alto" not in got and b"200" not in got


# ---- who may what ----


def write(alto, path, body=None, method="PUT"):
    return alto.write(method, path, body).status


DOMAIN = {"prefixes": {"ipv4": ["10.2.0.0/16"], "ipv6": ["2001:db8:2::/48"]}, "nfs": ["NF2"], "transit": True}


@pytest.mark.parametrize("who,path,body,status", [
    ("AS2", "domains/AS2", DOMAIN, 200), ("AS2", "domains/AS1", {}, 403), ("AS2", "domains/AS9", {}, 403),
    ("AS2", "links/AS1/AS2", {"routingcost": 1}, 200), ("AS2", "links/AS1/AS3", {"routingcost": 1}, 403),
    ("AS2", "domains", {"domains": {}, "links": []}, 403),
    ("eye", "domains/AS2", DOMAIN, 403), ("eye", "domains/eye", {}, 403), (None, "domains/AS2", DOMAIN, 401),
    ("forged", "domains/AS2", DOMAIN, 401), ("ops", "domains/AS2", DOMAIN, 200)])
def test_who_writes_what(broker, who, path, body, status):
    """A domain its own and its links; nobody without a token; what is refused changes nothing."""
    broker.fill(domains())
    before = broker.alto.get("/alto/networkmap/domains").body
    token = TOKENS.get(who, "no-such-token") if who else None
    for alto in (broker.secure(token), broker.client(token)):
        assert write(alto, path, body) == status
    if status > 400:
        assert broker.alto.get("/alto/networkmap/domains").body == before
        assert set(broker.admin().write("GET", "domains").json()["items"][0]["nfs"]) == {"NF1", "NF3"}
    broker.fill(domains())


def test_unknown_token_is_asked_for_another(broker):
    answer = broker.secure("no-such-token").write("PUT", "domains/AS2", DOMAIN)
    assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_domain_reads_its_own_only(broker):
    """What others advertise is known by the maps alone."""
    broker.fill(domains())
    alto = broker.secure(TOKENS["AS2"])
    assert [item["id"] for item in alto.write("GET", "domains").json()["items"]] == ["AS2"]
    assert {(item["a"], item["b"]) for item in alto.write("GET", "links").json()["items"]} == {
        ("AS1", "AS2"), ("AS2", "AS3")}
    assert write(alto, "domains/AS1", method="GET") == 403
    assert write(alto, "domains/AS2", method="GET") == 200


def test_client_certificate_is_a_principal(broker):
    """as2.example is AS2; no token is needed."""
    broker.fill(domains())
    alto = broker.secure(cert="client")
    assert write(alto, "domains/AS2", DOMAIN) == 200
    assert write(alto, "domains/AS1", {}) == 403
    assert alto.get("/alto/directory").status == 200
    broker.fill(domains())


def test_foreign_client_certificate_is_nobody(broker):
    """The same name, signed by somebody else: neither reads nor writes."""
    alto = broker.secure(cert="stranger")
    try:
        assert alto.get("/alto/directory").status == 401
        assert write(alto, "domains/AS2", DOMAIN) == 401
    except (ssl.SSLError, ConnectionError):
        pass  # refused in the handshake is as good


def test_reading_takes_a_principal_where_it_is_so_configured(secret):
    assert secret.alto.get("/alto/directory").status == 401
    assert secret.client("no-such-token").get("/alto/directory").status == 401
    for name in ("eye", "AS1", "ops"):
        assert secret.client(TOKENS[name]).get("/alto/directory").status == 200
        alto = secret.client(TOKENS[name])
        wait_for(lambda: alto.good("domains")["network-map"].get("AS2", {}).get("ipv4") == ["10.2.0.0/16"], "the maps")
    answer = secret.alto.ask("POST", "/alto/updates", {"add": {"m": {"resource-id": "domains"}}},
                             {"Content-Type": media("updatestreamparams")})
    assert answer.status == 401


@pytest.mark.parametrize("path,body,field", [
    ("domains/AS2", {"prefixes": {"ipv4": ["10.2.0.1/16"]}}, "/prefixes/ipv4"), ("domains/AS2", {"color": 1}, "/color"),
    ("domains/AS2", {"resources": {"cpu": "many"}}, "/resources/cpu"), ("domains/AS2", {"transit": 1}, "/transit"),
    ("links/AS1/AS2", {}, "/routingcost"), ("links/AS1/AS2", {"routingcost": -1}, "/routingcost")])
def test_input_is_refused_by_field(broker, path, body, field):
    """The problem names object, field and value; nothing changes."""
    answer = broker.secure(TOKENS["AS2"]).write("PUT", path, body)
    assert answer.status == 400 and answer.type == "application/problem+json"
    assert answer.json()["field"].startswith(field), answer.body


# ---- replicas ----


def tags(host):
    alto = host.client()
    paths = ("networkmap/domains", "costmap/domains/routingcost", "propmap/domains", "directory")
    return [alto.get(f"/alto/{path}").headers["ETag"] for path in paths]


def test_two_brokers_of_one_database_are_one(net):
    """Same maps, same tags, whoever was written to; a stream of one tells what the other was told."""
    lab, _ = net
    left, right = lab.ns("left"), lab.ns("right")
    lab.veth(left, "eth0", right, "eth0")
    left.ip("addr add 2001:db8:d::1/64 dev eth0 nodad")
    right.ip("addr add 2001:db8:d::2/64 dev eth0 nodad")
    ours = PLAIN + "alto: {{own: false}}\n"
    serves = ours.format(name="left") + f"database: {{listen: ['{DATABASE}'], insecure: true}}\n"
    uses = ours.format(name="right") + f"database: {{endpoints: ['http://{DATABASE}']}}\n"
    with Host(lab, "left", serves) as a, Host(lab, "right", uses) as b:
        a.fill(domains())
        wait_for(lambda: b.has(domains()), "the other broker has the maps")
        assert tags(a) == tags(b)
        assert a.alto.good("domains-routingcost") == b.client().good("domains-routingcost")
        follower = Stream(a.alto, {"costs": {"resource-id": "domains-routingcost"}})
        wait_for(lambda: follower.copies, "first contents")
        made = domains()
        made["links"][0]["routingcost"] = 9
        b.fill(made)
        wait_for(lambda: follower.copies["costs"] == b.client().good("domains-routingcost"), "told of it")
        assert tags(a) == tags(b)


def test_killed_broker_keeps_domains_and_tags(net):
    """kill -9 of all its processes: what was answered was stored."""
    lab, _ = net
    with Host(lab, "mortal", PLAIN.format(name="mortal") + "alto: {own: false}\n") as host:
        host.fill(domains())
        before = tags(host)
        items = host.admin().write("GET", "domains").json()
        host.kill()
        host.start()
        wait_for(lambda: host.has(domains()), "the maps are back")
        assert tags(host) == before
        assert host.admin().write("GET", "domains").json() == items


def test_wrong_configuration_stops_the_start(net):
    """A public address without TLS; a principal without credentials."""
    lab, _ = net
    for section, word in (("listen: ['[2001:db8::1]:8443']", "TLS"),
                          ("principals: [{name: AS1, role: domain}]", "token")):
        host = Host(lab, "wrong", PLAIN.format(name="wrong") + f"alto: {{{section}}}\n")
        with pytest.raises((AssertionError, CommandError)) as raised:
            with host:
                pass
        assert word.lower() in str(raised.value).lower()


# ---- what it knows itself ----


@pytest.fixture(name="own", scope="module")
def sand_that_shows_itself(net):
    lab, _ = net
    with Host(lab, "own", OWN) as host:
        yield host


def test_own_view(own):
    """Ingress and gateways are PIDs, their paths costs, computing status properties; changes are followed."""
    alto = own.alto
    assert "domains" not in alto.directory(True)["resources"]
    assert alto.directory()["meta"]["default-alto-network-map"] == "sand"
    own.rest("PATCH", "/v1/network/pe/gw1/be", {"delay_us": 1200, "loss_ppm": 50})
    own.rest("PATCH", "/v1/network/pe/gw.two/be", {"delay_us": 700})
    for name, gateway, cpu in (("a", "gw1", 30), ("b", "gw1", 50)):
        own.rest("PUT", f"/v1/services/0x101/instances/{name}", {
            "gateway": gateway, "address": f"2001:db8:2{name}::2", "attributes": {"cpu_load": cpu}})
    delay = {"cost-mode": "numerical", "cost-metric": "delay-ow:cur"}
    want = {"pe": {"gw1": 1200, "gw:two": 700}}
    pids = {"srcs": ["pe"], "dsts": ["gw1", "gw:two"]}
    wait_for(lambda: alto.good("sand-costs", {"cost-type": delay, "pids": pids})["cost-map"] == want, "costs")
    groups = alto.good("sand")["network-map"]
    assert "5f00:0:2::/48" in groups["gw1"]["ipv6"] and "2001:db8:2a::2/128" in groups["gw1"]["ipv6"]
    assert walk(alto) > 15, "every resource of the directory"
    values = alto.good("sand-props")["property-map"]
    assert values["sand.pid:gw1"]["priv:sand-instances"] == [2]
    assert values["sand.pid:gw1"]["priv:sand-cpu_load-mean"] == [40]
    assert values["ipv6:2001:db8:2a::2"]["priv:sand-state"] == ["up"]
    at_gateway = alto.good("sand-endpoint-costs", {"cost-type": delay, "endpoints": {
        "srcs": ["ipv6:5f00:0:3::1"], "dsts": ["ipv6:2001:db8:2a::2"]}})["endpoint-cost-map"]
    assert at_gateway == {}, "there are paths from the ingress only"
    own.rest("PATCH", "/v1/network/pe/gw1/be", {"delay_us": 9000})
    wait_for(lambda: alto.good("sand-costs", {"cost-type": delay, "pids": pids})["cost-map"]["pe"]["gw1"] == 9000,
             "a new delay")


def test_own_view_takes_no_domains(own):
    assert own.admin().write("PUT", "domains/AS1", {}).status in (400, 404, 409)
