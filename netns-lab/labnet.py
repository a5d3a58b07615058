# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts of the lab as network namespaces, links as veth pairs, from topo/<name>/topology.yaml.

Every namespace is named sand-<host>. All of `ip`'s work goes through `ip -batch`. Processes enter by
nsenter --net: `ip netns exec` would mount another /sys, where the pinned BPF maps cannot be seen.
"""
import os
import subprocess

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = "sand-"


class LabError(Exception):
    """What went wrong, in one line for people."""


def load(name):
    path = os.path.join(HERE, "topo", name)
    with open(os.path.join(path, "topology.yaml"), encoding="utf-8") as file:
        topo = yaml.safe_load(file)
    topo["name"], topo["dir"] = name, path
    topo["kind"] = "etcd"
    return topo


def names():
    """Of all topologies there are."""
    return sorted(os.listdir(os.path.join(HERE, "topo")))


def ns(host):
    return PREFIX + host


def enter(host):
    return ["nsenter", f"--net=/run/netns/{ns(host)}"]


def run(argv, check=True, **kwargs):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **kwargs)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def batch(host, lines, version=6):
    """ip -batch, in a host's namespace or (None) in the machine's own."""
    argv = (enter(host) if host else []) + ["ip", f"-{version}", "-batch", "-"]
    run(argv, input="\n".join(lines) + "\n")


def exists(host):
    return os.path.exists(f"/run/netns/{ns(host)}")


def host_links(topo, host):
    """(interface, address, mtu) of each link end at host."""
    for a, a_if, a_addr, b, b_if, b_addr, mtu in topo["links"]:
        if host == a:
            yield a_if, a_addr, mtu
        if host == b:
            yield b_if, b_addr, mtu


def host_setup(topo, host):
    """Addresses, routes and sysctls of one host. Offloads off: XDP moves frames as they are."""
    spec = topo["hosts"][host] or {}
    lines = ["link set lo up"]
    for name, addr, mtu in host_links(topo, host):
        lines += [f"link set {name} mtu {mtu} up", f"address add {addr}/64 dev {name} nodad"]
    lines += [f"address add {addr} dev lo nodad" for addr in spec.get("loopback", [])]
    lines += [f"route add {route}" for route in spec.get("routes", [])]
    sysctls = [f"net.{ip}={bool(spec.get('router')):d}"
               for ip in ("ipv6.conf.all.forwarding", "ipv4.ip_forward")]
    sysctls += [f"net.ipv6.conf.{name}.accept_dad=0" for name, _, _ in host_links(topo, host)]
    run(enter(host) + ["sysctl", "-q"] + sysctls)
    batch(host, lines)
    batch(host, [f"address add {addr} dev {name}" for name, addr in spec.get("ipv4", {}).items()]
          + [f"route add {route}" for route in spec.get("ipv4_routes", [])], 4)
    for name, _, _ in host_links(topo, host):
        run(enter(host) + ["ethtool", "-K", name, "tx", "off", "gro", "on"])


def up(topo):
    batch(None, [f"netns add {ns(host)}" for host in topo["hosts"]])
    batch(None, [f"link add {a_if} netns {ns(a)} type veth peer name {b_if} netns {ns(b)}"
                 for a, a_if, _, b, b_if, _, _ in topo["links"]])
    for host in topo["hosts"]:
        host_setup(topo, host)


def down(topo):
    for host in topo["hosts"]:
        if exists(host):
            run(["ip", "netns", "del", ns(host)], check=False)
