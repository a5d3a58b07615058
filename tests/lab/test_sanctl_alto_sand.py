# SPDX-License-Identifier: GPL-2.0-or-later
"""sanctl alto against a real sand with the draft's three domains: in clear text, and by TLS with token
and certificate, where only principals may read."""

import hashlib
import json
import shutil

import pytest

from alto_sand import ADDRESS, GOLDEN, TLS_PORT, TOKENS, Host, authority, domains
from netns import Lab, wait_for
from steering import BIN

CONFIG = """
name: {name}
maps: {{services: 16, nexthops: 16, flows: 16}}
rest: {{unix: true, tcp: "[::1]:8080"}}
alto:
  listen: ["[{address}]:{port}"]
  access: known
  tls: {{cert: {tls}/server.pem, key: {tls}/server.key, ca: {tls}/ca.pem}}
  principals:
    - {{name: eye, role: reader, token_sha256: "{token}"}}
    - {{name: AS2, role: domain, certificate: as2.example}}
"""
URL = f"https://[{ADDRESS}]:{TLS_PORT}/alto/directory"
REFUSED = 1


class Tool:
    """sanctl alto in the host's namespace."""

    def __init__(self, host):
        self.host = host
        self.tls = f"/run/{host.lab.prefix}tls"
        self.token = f"{host.dir}/token"
        with open(self.token, "w", encoding="utf-8") as file:
            file.write(TOKENS["eye"] + "\n")

    def raw(self, action, *argv):
        done = self.host.space.popen(f"{BIN}/sanctl", "alto", action, URL, *argv, stdout=-1, stderr=-1, text=True)
        out, err = done.communicate(timeout=20)
        return done.returncode, out, err

    def __call__(self, action, *argv):
        status, out, err = self.raw(action, "--ca", f"{self.tls}/ca.pem", "--token-file", self.token, *argv)
        assert status == 0, (action, argv, out, err)
        return out

    def json(self, action, *argv):
        return json.loads(self(action, "--json", *argv))


@pytest.fixture(name="tool", scope="module")
def real_sand():
    with Lab("sctlalto") as lab:
        tls_dir = f"/run/{lab.prefix}tls"
        authority(tls_dir)
        config = CONFIG.format(name="broker", address=ADDRESS, port=TLS_PORT, tls=tls_dir,
                               token=hashlib.sha256(TOKENS["eye"].encode()).hexdigest())
        host = Host(lab, "broker", config)
        host.space.ip(f"addr add {ADDRESS}/128 dev lo nodad")
        try:
            with host:
                tool = Tool(host)
                host.admin().put("domains", domains())
                wait_for(lambda: "AS3" in tool("map"), "the map has the domains")
                wait_for(lambda: ["AS1", "AS3", "3"] in rows(tool("cost")), "costs")
                yield tool
        finally:
            shutil.rmtree(tls_dir, ignore_errors=True)


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_every_resource_is_understood(tool):
    lines = rows(tool("ird"))
    assert {"domains", "domains-costs", "domains-pv", "domains-props", "updates"} <= {line[0] for line in lines}
    assert any(line[0] == "AS1" for line in rows(tool("map", "--map", "domains")))
    assert tool.json("map", "--map", "sand")["meta"]["vtag"]["resource-id"] == "sand"
    assert ["AS1", "AS3", "2"] in rows(tool("cost", "--metric", "hopcount", "--src", "AS1"))
    assert ["domains.pid:AS2", "nf", "NF2"] in rows(tool("props"))
    assert ["AS1", "AS3", "AS1,AS1-AS2,AS2,AS2-AS3,AS3"] in rows(tool("path", "--src", "AS1", "--dst", "AS3"))


def test_endpoints(tool):
    made = domains()["domains"]
    near, far = (next(iter(made[name]["prefixes"]["ipv4"])).split("/")[0] for name in ("AS1", "AS3"))
    pair = ("--src", f"ipv4:{near}", "--dst", f"ipv4:{far}")
    assert [f"ipv4:{near}", f"ipv4:{far}", "3"] in rows(tool("cost", *pair))
    assert any(line[:2] == [f"ipv4:{near}", f"ipv4:{far}"] for line in rows(tool("path", *pair)))


def test_best_chain_of_the_draft(tool):
    lines = rows(tool("path", "--sg", f"{GOLDEN}/sg-request.json"))
    assert " ".join(lines[0]) == "SAP1 to SAP2: 4 chains, the best costs 3"
    assert [line[2] for line in lines[2:]] == ["AS1", "AS1,AS2", "AS2,AS3", "AS3"]


def test_who_asks(tool):
    ca = ("--ca", f"{tool.tls}/ca.pem")
    status, _, err = tool.raw("ird", *ca)
    assert status == REFUSED and "HTTP 401" in err
    status, out, _ = tool.raw("ird", *ca, "--cert", f"{tool.tls}/client.pem", "--key", f"{tool.tls}/client.key")
    assert status == 0 and "domains-pv" in out
    status, _, err = tool.raw("ird", "--ca", f"{tool.tls}/other.pem", "--token-file", tool.token)
    assert status == 3 and "certificate" in err
