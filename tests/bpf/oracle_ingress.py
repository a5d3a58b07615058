# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle of san_ingress: steps and their order."""

import ipaddress

from oracle import NH_IP4, NH_IP6, NH_ROUTING, PE_MAC, Stop, layer2, read_ip
from oracle_steer import State


class Ingress(State):
    def options(self, frame):
        """All right answers to this frame, in the present state."""
        try:
            return self.decide(frame)
        except Stop as stop:
            return self.passed(stop.args[0], frame)

    def decide(self, frame):
        if self.role != "ingress":
            raise Stop("no_role")
        l2 = layer2(frame)
        if l2.kind is None:
            raise Stop("not_ip")
        data = frame[l2.size:]
        if l2.kind == 6 and len(data) >= 40 and data[0] >> 4 == 6 and self.is_sid(data[24:40]):
            raise Stop("boundary")
        if frame[:6] != PE_MAC:
            raise Stop("not_routable")
        if l2.tags and "vlan" not in self.policy:
            raise Stop("tagged")
        packet = read_ip(l2.kind, data, self.profile)
        if packet.later:
            return self.fragment(frame, packet)
        return self.serve(frame, packet, self.service_of(packet))

    def is_sid(self, address):
        place = ipaddress.IPv6Address(bytes(address))
        return (any(place in block for block in self.blocks)
                or (self.stray_sids and bytes(address) in self.sids))

    def service_of(self, packet):
        if not packet.reason:
            return packet.service_id
        service_id = self.classify(packet) if "classify" in self.policy else None
        if service_id is None:
            raise Stop(packet.reason)
        return service_id

    def serve(self, frame, packet, service_id):
        if (packet.version == 6 and packet.data[6] in (NH_IP6, NH_IP4, NH_ROUTING)
                and any(self.source) and packet.src == self.source):
            raise Stop("looped")
        service = self.services.get(service_id)
        if service is None:
            raise Stop("unknown_service")
        if not service.groups >> self.group & 1:
            raise Stop("denied")
        if not packet.forwardable():
            raise Stop("not_routable")
        options = []
        for choice in self.choose(packet, service_id, service):
            for option in self.send(frame, packet, choice):
                if packet.more and option.verdict == "redirect":
                    keep = self.remember(self.frags, packet.frag_key, choice[0])
                    option = option._replace(effects=option.effects + keep)
                options.append(option)
        return options

    def fragment(self, frame, packet):
        options = self.follow(frame, packet)
        if options is None:
            raise Stop("fragment")
        if not packet.forwardable():
            raise Stop("not_routable")
        return options
