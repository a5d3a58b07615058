# SPDX-License-Identifier: GPL-2.0-or-later
"""Safety at the edge: nothing from an access interface reaches a SID or the locator, and a service
is for the access groups that it names."""

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrSegmentRouting
from scapy.layers.l2 import Ether

from dual import CLASSES, Dual, gw_config, pe_config, service
from steering import ADDRESS, SERVICE

PACKETS = 100_000
PRIVATE, PRIVATE_ADDRESS = "0x102", "2001:db8:5::102"
OWN_SID = "5f00:0:a::e1"
GW_SIDS = ("5f00:0:2::1", "5f00:0:2::d6")
SIDS = f"""sids:
  - {{sid: "{GW_SIDS[0]}", behaviour: End}}
  - {{sid: "{GW_SIDS[1]}", behaviour: End.DT6, table: 254}}
"""
SERVICES = (service(SERVICE, address=ADDRESS, affinity="hash")
            + service(PRIVATE, address=PRIVATE_ADDRESS, access=["tenant-b"]))
# Reasons of neighbour discovery and the like, which go on meanwhile.
QUIET = ("not_local", "not_routable", "not_ip", "no_san", "no_role", "unknown_service")
OWN = f'sids: [{{sid: "{OWN_SID}", behaviour: End}}]\n'


def make(locators):
    return pe_config(services=SERVICES, classes=CLASSES.splitlines()[0] + "\n"
                     + CLASSES.splitlines()[1] + "\n", locators=locators, more=OWN)


@pytest.fixture(name="net")
def two_hosts():
    with Dual("boundary") as net:
        net.lab.ns("gw").ip(f"route add {ADDRESS} via 2001:db8:2a::2")  # for End.DT6
        net.begin(make(["5f00:0:2::/48"]), gw_config(more=SIDS))
        net.enroll("a")
        net.settled("a")
        yield net


def attack(net, count=PACKETS):
    """UDP to the service inside IPv6 to SIDs that exist, and to addresses of the locator."""
    vias = (net.sids[SERVICE, "a"], *GW_SIDS, "5f00:0:2::7777", OWN_SID)
    return net.fast("a", via=vias, count=count, pps=60000)


def test_nothing_reaches_a_sid(net):
    before, at_core = net.reasons()["boundary"], net.reasons("gw")
    with attack(net) as flow:
        flow.finished()
        assert flow.lost() == PACKETS == flow.sent()
    assert net.reasons()["boundary"] - before == PACKETS
    now = net.reasons("gw")
    taken = {reason: now[reason] - at_core[reason] for reason in now if reason not in QUIET}
    assert not any(taken.values()), taken


def test_without_the_filter_they_get_through(net):
    """The same packets are answered by SIDs when the domain has no locators: the test can fail."""
    net.stop("pe")
    net.start("pe", config=make([]))
    net.settled("a")
    before = net.reasons()["boundary"]
    with attack(net, 10_000) as flow:
        flow.finished()
        lost = flow.lost()
    # Two of five are End.DX6 and End.DT6 of the gateway. The host's own SID stays unreachable.
    assert lost == 6_000
    assert net.reasons()["boundary"] - before == 2_000


def test_filter_back_after_restart(net):
    net.stop("pe")
    net.start("pe", config=make([]))
    net.stop("pe")
    net.start("pe", config=make(["5f00:0:2::/48"]))
    with attack(net, 10_000) as flow:
        flow.finished()
        assert flow.lost() == 10_000


def detour(net):
    """Datagrams that reach instance a when the client names its SID as the next segment of an SRH, and
    a plain address of the gateway as destination: no boundary sees a SID in that."""
    client, site = net.lab.ns("client"), net.lab.ns("a")
    frame = (Ether(src=client.mac("eth0"), dst=net.lab.ns("pe").mac("acc0"))
             / IPv6(src="2001:db8:c::2", dst="2001:db8:1::2", nh=43)
             / IPv6ExtHdrSegmentRouting(nh=41, addresses=[GW_SIDS[1], "2001:db8:1::2"], segleft=1, lastentry=1)
             / IPv6(src="2001:db8:c::2", dst=ADDRESS) / UDP(sport=9, dport=9))
    count = "nstat -asz Udp6NoPorts | awk '/NoPorts/ {print $2}'"
    before = int(site.run("sh", "-c", count))
    with client.packet_socket("eth0") as raw:
        for _ in range(20):
            raw.send(bytes(frame))
    site.run("sleep", "0.3")
    return int(site.run("sh", "-c", count)) - before


def test_no_way_around_by_an_srh(net):
    assert detour(net) == 0
    net.lab.ns("gw").run("sysctl", "-qw", "net.ipv6.conf.all.seg6_enabled=1", "net.ipv6.conf.core0.seg6_enabled=1")
    assert detour(net) == 20  # which is why sand leaves that switch alone


# --- access groups -------------------------------------------------------------------------------
def test_service_for_one_group(net):
    site = net.lab.ns("a")
    site.ip(f"addr add {PRIVATE_ADDRESS}/128 dev lo nodad")
    net.enroll("a", PRIVATE)
    net.settled("a", PRIVATE)
    how = {"service": PRIVATE, "address": PRIVATE_ADDRESS, "count": 2000, "pps": 10000}
    before = net.reasons()["denied"]
    with net.fast("a", **how) as flow:
        flow.finished()
        assert flow.lost() == 2000
    assert net.reasons()["denied"] - before == 2000
    with net.fast("a", host="other", **how) as flow:
        flow.finished()
        assert not flow.lost()
    assert net.reasons()["denied"] - before == 2000


def test_service_without_groups_is_not_for_a_group(net):
    before = net.reasons()["denied"]
    with net.fast("a", service=SERVICE, host="other", count=2000, pps=10000) as flow:
        flow.finished()
        assert flow.lost() == 2000
    assert net.reasons()["denied"] - before == 2000
    with net.fast("a", service=SERVICE, count=2000, pps=10000) as flow:
        flow.finished()
        assert not flow.lost()
