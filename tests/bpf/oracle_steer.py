# SPDX-License-Identifier: GPL-2.0-or-later
"""What both programs share, as the oracle sees it: configuration, classifier, choice of a next hop,
encapsulation (RFC 8986 section 5), Packet Too Big (RFC 4443 3.2, RFC 1191), and what is remembered
of flows and fragments.

An answer is a list of Options: where a hash or a clock decides, several are right. settle() tells
the oracle which one the program took, so that it expects the same of later packets. A packet that
goes to the kernel does not show which next hop was chosen for it: then all that may have been are
remembered.
"""

import ipaddress
from collections import namedtuple

from oracle import (
    MALFORMED, NH_ICMP6, NH_IP4, NH_IP6, NH_ROUTING, EXP1, layer2, packed, without_flow_label,
)

STEERED = {"forwarded", "flow_hit", "flow_moved", "fragment_hit", "relayed", "decapsulated", "local"}
DROPPED = {"denied", "boundary", "outside_source", "looped", "nh_drop", "too_big_limited", "forbidden",
           "over_rate", "goal_down"}
STAYS = {"hop_limit", "not_routable"}  # for the kernel, whatever an intent leads to
OWN_SERVICES = 0xFFFFFFFF00000000  # of the host's own making: this and above
BURST_BYTES = 3044  # of a meter, at least
BURST = 10
CLASS_FIELDS = ("proto", "sport", "dport", "dscp")


# A right answer: the frame that leaves, and what is remembered then: (table, key, value) each.
Option = namedtuple("Option", "verdict reason out effects")


def settle(options):
    """One of these was the answer."""
    found = {}
    for option in options:
        for table, key, value in option.effects:
            found.setdefault((id(table), key), (table, set()))[1].add(value)
    for (_, key), (table, values) in found.items():
        table[key] = values


def routing_header(segs, red):
    """The SRH of H.Encaps or H.Encaps.Red; segs in travel order."""
    listed = segs[1:] if red else segs
    if not listed:
        return b""
    fixed = bytes([NH_IP6, 2 * len(listed), 4, len(segs) - 1, len(listed) - 1, 0, 0, 0])
    return fixed + b"".join(packed(seg) for seg in reversed(listed))


class NextHop:
    """A next hop of a configuration, its headers prepared once."""

    def __init__(self, spec):
        self.kind = spec["kind"]
        self.mtu = spec["mtu"]
        self.epoch = spec.get("epoch", 0)
        self.hop_limit = spec["hop_limit"]
        self.families = spec.get("families", [6, 4])
        self.has_port = spec.get("port", True)  # its interface is in san_tx
        self.source, self.segments = packed(spec["source"]), spec["segments"]
        self.routing = routing_header(self.segments, spec["encap"] == "red")
        self.macs = bytes.fromhex((spec["dst_mac"] + spec["src_mac"]).replace(":", ""))
        self.outer_len = 0 if self.kind == "direct" else 40 + len(self.routing)

    def push(self, packet):
        """The frame that leaves with this packet in it."""
        inner = packet.routed()
        if self.kind == "direct":
            return self.macs + (b"\x86\xdd" if packet.version == 6 else b"\x08\x00") + inner
        number = NH_IP6 if packet.version == 6 else NH_IP4
        routing = bytes([number]) + self.routing[1:] if self.routing else b""
        hop_limit = self.hop_limit or (inner[7] if packet.version == 6 else 64)
        head = bytes([0x60 | packet.traffic_class >> 4, (packet.traffic_class & 0xF) << 4, 0, 0])
        head += (len(routing) + len(inner)).to_bytes(2, "big")
        head += bytes([NH_ROUTING if routing else number, hop_limit])
        return self.macs + b"\x86\xdd" + head + self.source + packed(self.segments[0]) + routing + inner


class Service:
    def __init__(self, spec):
        self.mode = spec["mode"]
        self.nexthop = spec["nexthop"]
        self.affinity = spec["affinity"]
        self.slots = spec.get("slots", [])
        self.key_source = spec.get("key_source", False)
        self.groups = spec.get("groups", 1)

    def selected(self):
        return sorted(set(self.slots)) if self.mode == "balanced" else [self.nexthop]


class Rule:
    """Of the classifier."""

    def __init__(self, spec, order):
        self.src, self.dst = (ipaddress.IPv6Network((packed(spec[end].split("/")[0]), length(spec[end])))
                              for end in ("src", "dst"))
        self.fields = {name: spec[name] for name in CLASS_FIELDS if name in spec}
        self.service_id = int(spec["service"], 0)
        lengths = (0, 0, 0) if spec.get("intent") else (1, -self.dst.prefixlen, -self.src.prefixlen)
        self.rank = lengths + (-spec.get("priority", 0), order)
        self.verdict, self.mark = spec.get("verdict", "steer"), spec.get("mark")
        self.act, self.rate_kbps = spec.get("act", 0), spec.get("rate_kbps", 0)
        self.plain = self.verdict == "steer" and self.mark is None and not self.act
        self.own = self.verdict == "steer" and self.service_id >= OWN_SERVICES
        self.local = self.verdict == "steer" and not self.own

    def matches(self, src, dst, fields):
        return src in self.src and dst in self.dst and all(
            fields[name] == value for name, value in self.fields.items())


def length(prefix):
    """Of a prefix as text, in bits of an IPv6 address; 0 is any address of either version."""
    address, _, bits = prefix.partition("/")
    return int(bits) + (96 if ":" not in address else 0)


class State:
    """A configuration and what was seen so far. Programs differ in run()."""

    def __init__(self, conf, profile=EXP1):
        self.profile = profile
        self.policy = set(conf.get("policy", []))
        self.role = conf.get("role", "ingress")
        self.group = conf.get("group", 0)
        self.services = self.table(conf["services"])
        self.local = self.table(conf.get("local", {}))
        self.nexthops = {int(key): NextHop(value) for key, value in conf["nexthops"].items()}
        self.blocks = [ipaddress.IPv6Network(text) for text in conf.get("blocks", [])]
        self.inside = [ipaddress.IPv6Network(text) for text in conf.get("inside", [])]
        self.sids = {packed(key): value for key, value in conf.get("sids", {}).items()}
        self.stray_sids = conf.get("stray_sids", False)
        self.source = packed(conf.get("source", "::"))
        self.icmp_source = packed(conf.get("icmp_source", "::"))
        self.icmp_source4 = packed(conf.get("icmp_source4", "0.0.0.0"))
        self.routes = conf.get("routes", {})
        rules = [Rule(spec, order) for order, spec in enumerate(conf.get("classes", []))]
        self.rules = sorted(rules, key=lambda rule: rule.rank)
        self.flows, self.frags, self.hashed, self.told = {}, {}, {}, {}
        self.ruled, self.spent = {}, {}  # rules of first fragments; bytes that passed a meter

    @staticmethod
    def table(specs):
        return {int(key, 0): Service(value) for key, value in specs.items()}

    def forget(self):
        """Flows, fragments, senders that were told of an MTU, what passed meters."""
        for table in (self.flows, self.frags, self.hashed, self.told, self.ruled, self.spent):
            table.clear()

    def give_up(self, index):
        """The next hop's index goes to another instance."""
        self.nexthops[index].epoch += 1

    def run(self, frame):
        """The first right answer, taken."""
        option = self.options(frame)[0]
        settle([option])
        return option

    def passed(self, reason, frame):
        """The one answer to a packet that is not steered."""
        drop = (reason in DROPPED or (reason in MALFORMED and "drop_malformed" in self.policy)
                or (reason == "unknown_service" and "drop_unknown" in self.policy
                    and self.role == "ingress"))
        return [Option("drop" if drop else "pass", reason, frame, ())]

    # --- service ---

    def classify(self, packet, local=False):
        """The classifier's rule that counts, of those that End.SAN asks for (local); or None."""
        if packet.reason not in ("no_san", "bad_version"):
            return None
        fields = {"proto": packet.proto, "dscp": packet.traffic_class >> 2,
                  "sport": int.from_bytes(packet.ports[:2], "big"),
                  "dport": int.from_bytes(packet.ports[2:], "big")}
        src, dst = ipaddress.IPv6Address(packet.src), ipaddress.IPv6Address(packet.dst)
        for rule in self.rules:
            if (rule.local or not local) and rule.matches(src, dst, fields):
                return rule
        return None

    # --- choice ---

    def flow_key(self, packet, service_id, service):
        if service.key_source:
            return packet.src, service_id
        return packet.src, packet.dst, service_id, packet.proto, packet.ports

    def alive(self, entry):
        nexthop = self.nexthops.get(entry[0])
        return nexthop is not None and nexthop.kind != "unused" and nexthop.epoch == entry[1]

    def choose(self, packet, service_id, service):
        """[(next-hop index or None, reason to steer or not, effects)]"""
        if service.affinity != "flow":
            return self.select(packet, service_id, service, "forwarded")
        key = self.flow_key(packet, service_id, service)
        entries = self.flows.get(key, ())
        if packet.begins() and not service.key_source:
            entries = ()
        living = [entry for entry in entries if self.alive(entry)]
        choices = [(entry[0], "flow_hit", ((self.flows, key, entry),)) for entry in living]
        if len(living) < len(entries) or not entries:
            reason = "flow_moved" if entries else "forwarded"
            for index, why, effects in self.select(packet, service_id, service, reason):
                choices.append((index, why, effects + self.remember(self.flows, key, index)))
        return choices

    def remember(self, table, key, index):
        """The effect of an entry; also when this packet then goes to the kernel."""
        if index is None:
            return ()
        return ((table, key, (index, self.nexthops[index].epoch)),)

    def select(self, packet, service_id, service, reason):
        if service.mode == "none":
            return [(None, "nothing_selected", ())]
        if service.mode != "balanced" or service.affinity == "none":
            return [self.selectable(index, reason, ()) for index in service.selected()]
        key = (id(service),) + self.flow_key(packet, service_id, service)
        return [self.selectable(index, reason, ((self.hashed, key, index),))
                for index in self.hashed.get(key, service.selected())]

    def selectable(self, index, reason, effects):
        nexthop = self.nexthops.get(index)
        if nexthop is None or nexthop.kind == "unused":
            return None, "nh_invalid", effects
        return index, reason, effects

    def follow(self, frame, packet, **how):
        """Options for a later fragment, None if its first one was not seen."""
        living = [entry for entry in self.frags.get(packet.frag_key, ()) if self.alive(entry)]
        return [option for entry in living
                for option in self.send(frame, packet, (entry[0], "fragment_hit", ()), **how)] or None

    # --- sending ---

    def send(self, frame, packet, choice, max_answer=True):
        """Options for a packet whose next hop is chosen; choice as in choose()."""
        index, reason, effects = choice
        if index is None:
            return [option._replace(effects=effects) for option in self.passed(reason, frame)]
        nexthop = self.nexthops[index]
        why = self.obstacle(packet, nexthop)
        if why == "too_big":
            options = self.too_big(frame, packet, nexthop) if max_answer else (
                self.passed("too_big_kernel", frame))
        elif why:
            options = self.passed(why, frame)
        else:
            options = [Option("redirect", reason, nexthop.push(packet), ())]
        return [option._replace(effects=option.effects + effects) for option in options]

    @staticmethod
    def obstacle(packet, nexthop):
        if nexthop.kind == "unresolved":
            return "nh_unresolved"
        if nexthop.kind == "drop":
            return "nh_drop"
        if packet.version not in nexthop.families:
            return "wrong_family"
        if packet.hop_limit <= 1:
            return "hop_limit"
        if packet.size + nexthop.outer_len > min(nexthop.mtu, 65535):
            return "too_big"
        return "" if nexthop.has_port else "nh_unresolved"

    def too_big(self, frame, packet, nexthop):
        mtu = nexthop.mtu - nexthop.outer_len
        silent = packet.is_icmp_error() or not packet.dont_fragment()
        if packet.version == 6:
            silent = silent or mtu < 1280 or not any(self.icmp_source)
        else:
            silent = silent or not any(self.icmp_source4[12:])
        if silent:
            return self.passed("too_big_kernel", frame)
        before = max(self.told.get(packet.src, (0,)))
        effects = ((self.told, packet.src, before + 1),)
        told = Option("tx", "too_big", self.message(frame, packet, mtu), effects)
        if before < BURST:
            return [told]
        return self.passed("too_big_limited", frame) + [told]  # the clock decides

    def message(self, frame, packet, mtu):
        l2 = layer2(frame).size
        ether = frame[6:12] + frame[:6] + frame[12:l2]
        return ether + (message6 if packet.version == 6 else message4)(
            self.icmp_source if packet.version == 6 else self.icmp_source4[12:], packet, mtu)


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")


def message6(source, packet, mtu):
    """ICMPv6 Packet Too Big: at most 1280 bytes."""
    body = mtu.to_bytes(4, "big") + packet.data[:1280 - 48]
    size = (4 + len(body)).to_bytes(2, "big")
    pseudo = source + packet.src + b"\0\0" + size + bytes([0, 0, 0, NH_ICMP6])
    icmp = b"\2\0" + checksum(pseudo + b"\2\0\0\0" + body) + body
    return b"\x60\0\0\0" + size + bytes([NH_ICMP6, 64]) + source + packet.src + icmp


def message4(source, packet, mtu):
    """ICMP Fragmentation Needed: at most 576 bytes. Identification and DF are the program's."""
    body = b"\0\0" + mtu.to_bytes(2, "big") + packet.data[:576 - 28]
    icmp = b"\3\4" + checksum(b"\3\4\0\0" + body) + body
    head = b"\x45\0" + (20 + len(icmp)).to_bytes(2, "big") + bytes([0, 0, 0, 0, 64, 1])
    addresses = source + packet.src[12:]
    return head + checksum(head + b"\0\0" + addresses) + addresses + icmp


def same_frame(option, frame, got):
    """'' if got is the option's frame, apart from what is the implementation's business."""
    want = option.out
    if option.verdict == "redirect" and want == without_flow_label(want):
        got = without_flow_label(got)
    if option.verdict == "tx":
        want, got = without_ipv4_id(want), without_ipv4_id(got)
    if got == want:
        return ""
    place = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return f"frame differs at byte {place}: {got.hex()}, oracle: {want.hex()}"


def without_ipv4_id(frame):
    """ICMP over IPv4: identification, DF and what they do to the checksum; a wrong one stays."""
    at = frame.find(b"\x08\0\x45", 12)
    if at < 0 or at > 20 or checksum(frame[at + 2:at + 22]) != b"\0\0":
        return frame
    return frame[:at + 6] + bytes(4) + frame[at + 10:at + 12] + b"\0\0" + frame[at + 14:]


def judge(options, frame, answer):
    """Is the answer (verdict, reason, out) one of the options? Then settles it and gives '', else
    what is wrong. reason None: not known."""
    wrong, right = "", []
    for option in options:
        if answer.verdict == option.verdict and answer.reason in (option.reason, None):
            why = same_frame(option, frame, answer.out)
            wrong = why or wrong
            right += [] if why else [option]
    if right:
        settle(right)
        return ""
    rights = " or ".join(sorted({f"{item.verdict} {item.reason}" for item in options}))
    return wrong or f"program: {answer.verdict} {answer.reason}, oracle: {rights}"
