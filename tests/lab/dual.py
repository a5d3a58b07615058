# SPDX-License-Identifier: GPL-2.0-or-later
"""The network of steering.py with IPv4, a third site, a second client, and fast numbered traffic.

    client, other - pe - gw - { a, b, c }

    with Dual("kinds") as net:
        net.begin(config(...))
        net.enroll("a")
        with net.fast("a", "b", service=SERVICE) as flow: ...
        assert not flow.lost()
"""

import contextlib
import json
import mmap
import os
import struct
import subprocess

from netns import wait_for
from steering import ADDRESS, ROOT, SERVICE, Steering

SOAK = bool(os.environ.get("SAND_SOAK"))
FLOW = os.path.join(ROOT, "build", "tests", "lab", "flow")
SITES = ("a", "b", "c")
SERVICE4 = "0x104"
ADDRESS4 = "10.9.0.1"
PORT = 5000
CLIENT, CLIENT4 = "2001:db8:c::2", "10.0.0.2"
LOCATOR = "5f00:0:2::/48"
GW_SOURCE = "5f00:0:b::1"
PORTS_AT, NUMBERS_AT = 16, 16 + 8192



def service(number, address=None, address4=None, **members):
    """A service that follows its load at once. Members as in the configuration, in JSON."""
    lines = [f"  - id: {number}"]
    if address:
        lines.append(f"    address: {address}")
    if address4:
        lines.append(f"    address4: {address4}")
    lines += [f"    {name}: {json.dumps(value)}" for name, value in members.items()]
    lines.append("    evaluation: [{attribute: cpu_load, curve: {ramp: [0, 100]}}]")
    lines.append("    hysteresis: {margin: 0, hold_ms: 0}")
    lines.append("    freshness: {max_age_ms: 3600000}")
    return "\n".join(lines) + "\n"


BOTH = (service(SERVICE, address=ADDRESS, affinity="hash")
        + service(SERVICE4, address4=ADDRESS4, affinity="hash"))
CLASSES = f"""classes:
  - {{name: web6, service: {SERVICE}, destination: "{ADDRESS}/128"}}
  - {{name: web4, service: "{SERVICE4}", destination: {ADDRESS4}/32}}
"""


def pe_config(services=BOTH, classes=CLASSES, maps="services: 64, nexthops: 64, flows: 1024",
              locators=(LOCATOR,), gateway="", more=""):
    """Configuration of the ingress."""
    return f"""
name: pe
source: 5f00:0:a::1
interfaces:
  - {{name: acc0, role: ingress, vlan: true}}
  - {{name: acc1, role: ingress, access: tenant-b}}
  - {{name: core0, role: core}}
domain: {{locators: {json.dumps(locators)}}}
icmp: {{source4: 10.0.0.1}}
maps: {{{maps}}}
services:
{services}{classes}gateways: [{{name: gw, locator: "{LOCATOR}"{gateway}}}]
paths: [{{ingress: pe, gateway: gw, name: be, kind: be}}]
network: [{{ingress: pe, gateway: gw, path: be, attributes: {{delay_us: 5000}}}}]
{more}"""


def gw_config(gateway="", more=""):
    """Configuration of the gateway: site interfaces have a role, so that XDP may send there."""
    return f"""
name: gw
source: {GW_SOURCE}
interfaces:
  - {{name: core0, role: core}}
  - {{name: to_a, role: ingress}}
  - {{name: to_b, role: ingress}}
  - {{name: to_c, role: ingress}}
maps: {{services: 16, nexthops: 16, flows: 1024}}
gateway: {{locator: "{LOCATOR}", sid: "5f00:0:2::1"{gateway}}}
{more}"""


class Dual(Steering):
    """Steering with more of everything."""

    def __init__(self, name, **mtu):
        super().__init__(name, **mtu)
        self.sids = {}
        self.flows = 0

    def build(self):
        super().build()
        client, pe, gw = (self.lab.ns(h) for h in ("client", "pe", "gw"))
        other = self.lab.ns("other")
        self.lab.veth(other, "eth0", pe, "acc1", mtu=self.mtu["access"])
        other.ip("addr add 2001:db8:d::2/64 dev eth0 nodad", "route add default via 2001:db8:d::1")
        client.ip("addr add 10.0.0.2/24 dev eth0", "route add default via 10.0.0.1")
        pe.ip("addr add 10.0.0.1/24 dev acc0", "addr add 10.1.0.1/24 dev core0",
              "addr add 2001:db8:d::1/64 dev acc1 nodad", "route add default via 10.1.0.2")
        gw.ip(f"addr add {GW_SOURCE}/128 dev lo nodad", "addr add 10.1.0.2/24 dev core0", "route add default via 10.1.0.1")
        site = self.lab.ns("c")
        self.lab.veth(gw, "to_c", site, "eth0", mtu=self.mtu["site"])
        gw.ip("addr add 2001:db8:2c::1/64 dev to_c nodad")
        site.ip("addr add 2001:db8:2c::2/64 dev eth0 nodad", f"addr add {ADDRESS}/128 dev lo nodad",
                "route add default via 2001:db8:2c::1")
        for number, name in enumerate(SITES):
            gw.ip(f"addr add 10.2.{number}.1/24 dev to_{name}")
            self.lab.ns(name).ip(f"addr add 10.2.{number}.2/24 dev eth0",
                                 f"addr add {ADDRESS4}/32 dev lo",
                                 f"route add default via 10.2.{number}.1")
        sites = [self.lab.ns(name) for name in SITES]
        for host in (client, other, *sites):
            host.run("ethtool", "-K", "eth0", "gro", "on")  # takes what XDP sends there
        for host in (client, other, pe, gw, *sites):
            host.sysctl(net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0)

    # --- daemons and objects --------------------------------------------------------------------
    def begin(self, pe=None, gw=None):
        self.configs["pe"], self.configs["gw"] = pe or pe_config(), gw or gw_config()
        self.start("gw")
        self.start("pe")

    def address_of(self, name, version=6):
        return f"2001:db8:2{name}::2" if version == 6 else f"10.2.{SITES.index(name)}.2"

    def enroll(self, name, number=SERVICE, load=10, version=6, sid=True):
        """An instance of a service at a site: first at the gateway, then at the ingress."""
        body = {"gateway": "gw", "address": self.address_of(name, version),
                "attributes": {"cpu_load": load}}
        url = f"/v1/services/{number}/instances/{name}"
        status, answer = self.call("gw", "PUT", url, body)
        assert status in (200, 201), answer
        if sid:
            body["sid"] = self.sids[number, name] = answer["sid"]
        status, answer = self.call("pe", "PUT", url, body)
        assert status in (200, 201), answer

    def status(self, name, number=SERVICE, host="pe", **values):
        status, answer = self.call(host, "PATCH",
                                   f"/v1/services/{number}/instances/{name}/status", values)
        assert status == 204, answer

    def entry_of(self, number=SERVICE):
        return self.call("pe", "GET", f"/v1/entries/{number}")[1]

    def settled(self, name=None, number=SERVICE):
        """The entry (naming the instance) is applied and its next hop resolved."""
        def there():
            entry = self.entry_of(number)
            return (entry.get("applied_generation", -1) >= entry.get("desired_generation", 0) and
                    (name is None or entry.get("instance") == name) and
                    (entry.get("nexthop") or {}).get("state", "resolved") == "resolved" and entry)
        try:
            return wait_for(there, f"entry of {number} settles at {name}")
        except Exception as error:
            raise AssertionError(f"{error}\n{self.entry_of(number)}\n{self.log('pe')}") from None

    # --- traffic --------------------------------------------------------------------------------
    def fast(self, *receivers, **how):
        self.flows += 1
        return Fast(self, receivers, f"{self.run_dir}/flow{self.flows}", **how)


class View:
    """What a flow process writes down while it works: see flow.c."""

    SIZE = NUMBERS_AT + (1 << 26) // 8

    def __init__(self, path):
        with open(path, "wb") as file:
            file.truncate(self.SIZE)
        self.path = path
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), self.SIZE)

    def count(self):
        return struct.unpack_from("=Q", self.map, 0)[0]

    def again(self):
        return struct.unpack_from("=Q", self.map, 8)[0]

    def ports(self):
        """Source ports that arrived, a bit each."""
        return int.from_bytes(self.map[PORTS_AT:NUMBERS_AT], "little")

    def numbers(self, sent):
        return int.from_bytes(self.map[NUMBERS_AT:NUMBERS_AT + (sent + 7) // 8], "little")


class Fast:
    """A numbered flow at 20,000 packets a second, sent and received by build/tests/lab/flow."""

    def __init__(self, net, receivers, path, service=None, address=ADDRESS, host="client",
                 pps=20000, flows=1, size=64, count=None, via=(), port=PORT):
        self.net, self.names, self.path, self.address = net, receivers, path, address
        self.at = {name: View(f"{path}-{name}") for name in receivers}
        self.out = View(path)
        self.host, self.port = host, str(port)
        self.options = ["-r", str(pps), "-n", str(flows), "-l", str(size)]
        self.options += ["-s", service] if service else []
        self.options += ["-c", str(count)] if count else []
        self.options += [word for address in via for word in ("-e", address)]
        self.processes = []

    def process(self, host, mode, *words, **how):
        proc = self.net.lab.ns(host).popen(FLOW, mode, *words, stdin=subprocess.PIPE, **how)
        self.processes.append(proc)
        return proc

    def __enter__(self):
        for name in self.names:
            proc = self.process(name, "recv", self.at[name].path, self.address, self.port,
                                stdout=subprocess.PIPE)
            assert proc.stdout.readline() == b"ready\n"
        self.process(self.host, "send", *self.options, self.path, self.address, self.port)
        return self

    def __exit__(self, *_):
        self.end()

    def arrives(self, name=None, more=50, timeout_s=30):
        """So many more datagrams arrive there, or anywhere."""
        def seen():
            return sum(self.at[n].count() for n in ([name] if name else self.names))
        before = seen()
        wait_for(lambda: seen() >= before + more, f"{more} datagrams at {name or self.names}",
                 timeout_s)

    def sent(self):
        return self.out.count()

    def finished(self, timeout_s=60):
        """Waits until `count` datagrams are sent."""
        assert self.processes[-1].wait(timeout_s) == 0

    def end(self):
        """The sender ends first, then the receivers, when nothing comes any more."""
        for group in (self.processes[len(self.names):], self.processes[:len(self.names)]):
            for proc in group:
                with contextlib.suppress(OSError):
                    proc.stdin.close()
            for proc in group:
                status = proc.wait(30)
                assert status == 0, f"flow ended with status {status}"
        self.processes = []

    def lost(self):
        """Ends the flow; how many arrived nowhere."""
        self.end()
        sent = self.sent()
        got = 0
        for view in self.at.values():
            got |= view.numbers(sent)
        return sent - got.bit_count()
