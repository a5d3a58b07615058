# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle of san_core: SRv6 endpoint behaviours (RFC 8986 section 4) and End.SAN."""

import ipaddress

from oracle import NH_IP4, NH_IP6, NH_ROUTING, PE_MAC, Stop, layer2, read_ip
from oracle_steer import Option, State

DECAPSULATES = {"End.DX6": (NH_IP6,), "End.DX4": (NH_IP4,), "End.DT6": (NH_IP6,),
                "End.SAN": (NH_IP6, NH_IP4)}


class Outer:
    """The IPv6 header and the SRH behind it, if there is one."""

    def __init__(self, data):
        self.end = 40 + int.from_bytes(data[4:6], "big")
        self.data = data[:self.end]
        self.next, self.size = data[6], 40
        self.left, self.srh = 0, None
        if self.next == NH_ROUTING:
            self.routing(data)

    def routing(self, data):
        if self.end < 48:
            raise Stop("truncated")
        size = data[41] * 8 + 8
        if data[42] != 4:
            return  # number 43 stays: no inner packet
        if 40 + size > self.end:
            raise Stop("truncated")
        if (data[44] + 1) * 16 + 8 > size or data[43] > data[44] + 1:
            raise Stop("bad_srh")
        self.srh = size
        self.left, self.next, self.size = data[43], data[40], 40 + size


class Core(State):
    def options(self, frame):
        try:
            return self.decide(frame)
        except Stop as stop:
            return self.passed(stop.args[0], frame)

    def decide(self, frame):
        if self.role != "core":
            raise Stop("no_role")
        l2 = layer2(frame)
        if l2.kind is None:
            raise Stop("not_ip")
        if l2.tags:
            raise Stop("tagged")
        if frame[:6] != PE_MAC:
            raise Stop("not_routable")
        if l2.kind == 4:
            raise Stop("not_local")
        data = frame[14:]
        if len(data) < 40:
            raise Stop("truncated")
        if data[0] >> 4 != 6:
            raise Stop("not_ip")
        if 40 + int.from_bytes(data[4:6], "big") > len(data):
            raise Stop("truncated")
        sid = self.sids.get(bytes(data[24:40]))
        if sid is None:
            raise Stop("not_local")
        source = ipaddress.IPv6Address(bytes(data[8:24]))
        if self.inside and not any(source in prefix for prefix in self.inside):
            raise Stop("outside_source")
        if sid.get("kernel"):
            raise Stop("kernel_sid")
        return self.endpoint(frame, Outer(data), sid)

    def endpoint(self, frame, outer, sid):
        behaviour = sid["behaviour"]
        if behaviour == "End":
            return self.end(frame, outer, sid.get("flavors", []))
        if outer.left:
            raise Stop("segments_left")
        if outer.next not in DECAPSULATES[behaviour]:
            raise Stop("upper_layer")
        packet = self.inner(outer)
        if behaviour == "End.SAN":
            return self.serve(frame, packet)
        if behaviour == "End.DT6":
            return self.by_route(frame, packet)
        return self.direct(frame, packet, sid["nexthop"], "decapsulated")

    def inner(self, outer):
        kind = 6 if outer.next == NH_IP6 else 4
        data = outer.data[outer.size:]
        packet = read_ip(kind, data, self.profile)
        return packet

    # --- End ---

    def end(self, frame, outer, flavors):
        if outer.left:
            return self.advance(frame, outer, "PSP" in flavors)
        if "USD" in flavors and outer.next in (NH_IP6, NH_IP4):
            return self.by_route(frame, self.inner(outer))
        raise Stop("upper_layer")

    def advance(self, frame, outer, psp):
        data = bytearray(outer.data)
        if data[7] <= 1:
            raise Stop("hop_limit")
        left = outer.left - 1
        place = 48 + 16 * left
        data[7] -= 1
        data[43] = left
        data[24:40] = data[place:place + 16]
        target = bytes(data[24:40])
        if psp and not left:
            data[6] = data[40]
            data[4:6] = (outer.end - 40 - outer.srh).to_bytes(2, "big")
            del data[40:40 + outer.srh]
        return self.routed(frame, target, bytes(data), b"\x86\xdd", "relayed")

    def routed(self, frame, target, data, kind, reason):
        route = self.route(target)
        if route is None or len(data) > route["mtu"]:
            raise Stop("no_route")
        macs = bytes.fromhex((route["dst_mac"] + route["src_mac"]).replace(":", ""))
        return [Option("redirect", reason, macs + kind + data, ())]

    def route(self, target):
        """Of the kernel's main table, as the configuration lays it out."""
        place = ipaddress.IPv6Address(target)
        for prefix, route in self.routes.items():
            if place in ipaddress.IPv6Network(prefix):
                return route
        return None

    # --- decapsulation ---

    def by_route(self, frame, packet):
        kind = b"\x86\xdd" if packet.version == 6 else b"\x08\x00"
        target = packet.dst
        if packet.hop_limit <= 1:
            options = self.passed("hop_limit", frame)
            if self.route(target) is None:
                options += self.passed("no_route", frame)
            return options
        return self.routed(frame, target, packet.routed(), kind, "decapsulated")

    def direct(self, frame, packet, index, reason, effects=()):
        nexthop = self.nexthops.get(index)
        if nexthop is None or nexthop.kind == "unused":
            raise Stop("nh_invalid")
        return self.send(frame, packet, (index, reason, effects), max_answer=False)

    # --- End.SAN ---

    def serve(self, frame, packet):
        if packet.later:
            options = self.follow(frame, packet, max_answer=False)
            if options is None:
                raise Stop("fragment")
            return options
        rule = self.classify(packet, local=True) if packet.reason else None
        if packet.reason and rule is None:
            raise Stop(packet.reason)
        service_id = rule.service_id if rule else packet.service_id
        service = self.local.get(service_id)
        if service is None:
            raise Stop("unknown_service")
        options = []
        for index, reason, effects in self.choose(packet, service_id, service):
            reason = "local" if reason == "forwarded" else reason
            for option in self.send(frame, packet, (index, reason, effects), max_answer=False):
                if packet.more and option.verdict == "redirect":
                    keep = self.remember(self.frags, packet.frag_key, index)
                    option = option._replace(effects=option.effects + keep)
                options.append(option)
        return options


def machine(conf, profile):
    """The oracle for a configuration: by its role."""
    from oracle_ingress import Ingress  # both derive from State

    return (Core if conf.get("role") == "core" else Ingress)(conf, profile)
