# SPDX-License-Identifier: GPL-2.0-or-later
"""A real sand that is an ALTO server and a broker, in a namespace of its own; and the draft's domains."""

import http.client
import json
import os
import shutil
import signal
import ssl

import pytest

from alto_client import Alto
from netns import run, wait_for
from steering import BIN, ROOT, UnixHTTP

GOLDEN = os.path.join(ROOT, "tests", "golden", "alto")
TOKENS = {"AS1": "token-of-as1", "AS2": "token-of-as2", "ops": "token-of-ops", "eye": "token-of-eye"}
FEW, INFINITE = 12, float("inf")
PORT, TLS_PORT = 8080, 8443
ADDRESS = "2001:db8:b::2"  # of the TLS listener
CLIENT = "2001:db8:1::c"   # within AS1's prefix; "clear" clients of IPv4: 127.0.0.1


def golden(name):
    with open(f"{GOLDEN}/{name}.json", encoding="utf-8") as file:
        return json.load(file)


def domains():
    """The draft's three domains as PUT /broker/v1/domains wants them."""
    made = golden("domains")
    links = [{"a": ends.split("/")[0], "b": ends.split("/")[1], **link} for ends, link in made["links"].items()]
    return {"domains": made["domains"], "links": links}


def costs(what):
    """Of the best paths between domains through those with transit, by trying all (Floyd, Warshall)."""
    best = {(name, name): 0 for name in what["domains"]}
    for link in what["links"]:
        ends = [(link["a"], link["b"])] + ([] if link.get("directed") else [(link["b"], link["a"])])
        best.update({end: link["routingcost"] for end in ends})
    for via in (name for name, domain in what["domains"].items() if domain.get("transit")):
        for src in what["domains"]:
            for dst in what["domains"]:
                cost = best.get((src, via), INFINITE) + best.get((via, dst), INFINITE)
                if cost < best.get((src, dst), INFINITE):
                    best[src, dst] = cost
    return {src: {dst: best[src, dst] for dst in what["domains"] if (src, dst) in best} for src in what["domains"]}


def authority(directory):
    """A CA, the server's certificate, a client's of AS2, and one of somebody else's CA."""
    os.makedirs(directory, exist_ok=True)
    texts = {
        "ca": "cn = lab\nca\ncert_signing_key\nexpiration_days = 2\n",
        "other": "cn = other\nca\ncert_signing_key\nexpiration_days = 2\n",
        "server": f"cn = broker\ntls_www_server\nip_address = {ADDRESS}\nexpiration_days = 2\nsigning_key\n",
        "client": "cn = as2.example\ntls_www_client\nexpiration_days = 2\nsigning_key\n",
        "stranger": "cn = as2.example\ntls_www_client\nexpiration_days = 2\nsigning_key\n"}
    for name, text in texts.items():
        path = f"{directory}/{name}"
        with open(f"{path}.cfg", "w", encoding="utf-8") as file:
            file.write(text)
        run("certtool", "--generate-privkey", "--key-type", "ecdsa", "--outfile", f"{path}.key")
        ca = "other" if name == "stranger" else "ca"
        how = ["--generate-self-signed"] if name in ("ca", "other") else [
            "--generate-certificate", "--load-ca-certificate", f"{directory}/{ca}.pem",
            "--load-ca-privkey", f"{directory}/{ca}.key"]
        run("certtool", *how, "--load-privkey", f"{path}.key", "--template", f"{path}.cfg", "--outfile",
            f"{path}.pem")
    shutil.chown(f"{directory}/server.key", "nobody")


class Host:
    """`with Host(lab, "broker", config) as host`: a sand; `host.alto` asks it in clear text on loopback."""

    def __init__(self, lab, name, config):
        self.lab, self.name, self.config = lab, name, config
        self.space = lab.ns(name)
        self.dir = f"/run/{lab.prefix}{name}"
        self.proc = None
        self.alto = self.client()

    def __enter__(self):
        os.makedirs(self.dir)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            self.proc.wait(20)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        with open(f"{self.dir}/conf.yaml", "w", encoding="utf-8") as file:
            file.write(self.config)
        with open(f"{self.dir}/log", "ab") as log:
            self.proc = self.space.popen(
                f"{BIN}/sand", "-c", f"{self.dir}/conf.yaml", "--user", "nobody", "--run-dir", f"{self.dir}/run",
                "--state-dir", f"{self.dir}/db", "--pin-dir", self.lab.pin_dir(self.name), stderr=log, stdout=log)
        wait_for(self.ready, f"{self.name} answers /alto/directory", 20)

    def ready(self):
        assert self.proc.poll() is None, self.log()
        try:
            return self.admin().get("/alto/directory").status == 200
        except OSError:
            return False

    def log(self):
        with open(f"{self.dir}/log", encoding="utf-8") as file:
            return file.read()

    def pids(self):
        """Parent, keeper, child (which answers)."""
        pids = [self.proc.pid]
        for _ in range(2):
            with open(f"/proc/{pids[-1]}/task/{pids[-1]}/children", encoding="utf-8") as file:
                pids.append(int(file.read().split()[0]))
        return pids

    def peak_mib(self):
        """The most memory that the child ever had."""
        with open(f"/proc/{self.pids()[-1]}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024

    def kill(self):
        """kill -9 of all three processes."""
        for pid in reversed(self.pids()):
            os.kill(pid, signal.SIGKILL)
        self.proc.wait(20)

    # ---- clients ----

    def admin(self):
        """Over the unix socket."""
        return Alto(lambda: UnixHTTP(f"{self.dir}/run/api.sock"), "localhost")

    def client(self, token=None, address="::1"):
        """In clear text on loopback; from that address."""
        def connect():
            conn = http.client.HTTPConnection("::1", PORT, timeout=40, source_address=(address, 0))
            with self.space.inside():
                conn.connect()
            return conn
        return Alto(connect, f"[::1]:{PORT}", token)

    def secure(self, token=None, cert=None, ca="ca", address=CLIENT):
        """By TLS; from that address, with that certificate."""
        context = ssl.create_default_context(cafile=f"/run/{self.lab.prefix}tls/{ca}.pem")
        if cert:
            path = f"/run/{self.lab.prefix}tls/{cert}"
            context.load_cert_chain(f"{path}.pem", f"{path}.key")

        def connect():
            conn = http.client.HTTPSConnection(ADDRESS, TLS_PORT, timeout=20, context=context,
                                               source_address=(address, 0))
            with self.space.inside():
                conn.connect()
            return conn
        return Alto(connect, f"[{ADDRESS}]:{TLS_PORT}", token)

    def fill(self, what):
        """Replaces all domains and links; the maps have it when this returns."""
        self.admin().put("domains", what)
        self.wait(what)
        self.alto.directory(True)

    def wait(self, what):
        wait_for(lambda: self.has(what), "the maps show what was put")

    def has(self, what):
        """Each domain's prefixes and cpu; costs, where they can be counted here."""
        alto = self.client()
        groups = alto.get("/alto/networkmap/domains").json()["network-map"]
        values = alto.get("/alto/propmap/domains").json()["property-map"]
        for name, domain in what["domains"].items():
            cpu = domain.get("resources", {}).get("cpu")
            if any(set(groups.get(name, {}).get(family, [])) != set(prefixes)
                   for family, prefixes in domain.get("prefixes", {}).items()):
                return False
            if values.get(f"domains.pid:{name}", {}).get("cpu") != (None if cpu is None else [cpu]):
                return False
        if set(groups) != {*what["domains"], "default"}:
            return False
        if len(what["domains"]) > FEW:
            return True
        shown = alto.get("/alto/costmap/domains/routingcost").json()["cost-map"]
        return {src: row for src, row in shown.items() if src in what["domains"]} == costs(what)

    def rest(self, method, path, body=None):
        """/v1 over the unix socket."""
        answer = self.admin().ask(method, path, body, None if body is None else {"Content-Type": "application/json"})
        assert answer.status < 300, (path, answer.body)
        return answer.json() if answer.body else None


def fixtures(config, filled):
    """For a file of tests: `host`, one sand for all of them, with the domains of filled(); `alto`, its client;
    `change(what)` replaces everything, as before afterwards."""
    @pytest.fixture(name="host", scope="module")
    def real_sand(module_lab):
        with Host(module_lab, "broker", config) as host:
            host.fill(filled())
            yield host

    @pytest.fixture(name="alto")
    def client(host):
        return host.alto

    @pytest.fixture(name="change")
    def changed(host):
        yield host.fill
        host.fill(filled())
    return real_sand, client, changed
