# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle of san_ingress: steps and their order."""

import ipaddress

from oracle import NH_IP4, NH_IP6, NH_ROUTING, PE_MAC, Stop, layer2, read_ip
from oracle_steer import BURST_BYTES, DROPPED, OWN_SERVICES, STAYS, State


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
        rule = self.rule_of(packet)
        return self.obey(frame, packet, rule, lambda marked: self.serve_own(frame, marked, rule)
                         if rule and rule.own else self.serve(frame, marked, rule))

    def is_sid(self, address):
        place = ipaddress.IPv6Address(bytes(address))
        return (any(place in block for block in self.blocks)
                or (self.stray_sids and bytes(address) in self.sids))

    def rule_of(self, packet):
        """None: it has its service by its header."""
        if not packet.reason:
            return None
        rule = self.classify(packet) if "classify" in self.policy else None
        if rule is None:
            raise Stop(packet.reason)
        return rule

    # --- what rules do besides steering ---

    def obey(self, frame, packet, rule, steer):
        """Options by the rule; steer(packet) makes those of a packet that goes on."""
        if rule is None or rule.plain:
            return steer(packet)
        if not packet.later and packet.of_link():
            raise Stop("not_routable")
        if rule.verdict == "drop":
            return self.ended("forbidden", frame, packet, rule)
        options, paid = self.limit(frame, packet, rule)
        marked = packet.marked(rule.mark)
        if rule.verdict == "pass":
            size = layer2(frame).size
            out = frame[:size] + marked.data + frame[size + packet.size:]
            going = self.ended("allowed", out, packet, rule)
        else:
            try:
                going = steer(marked)
            except Stop as stop:
                going = self.passed(stop.args[0], frame)
        return options + [option._replace(effects=option.effects + paid) for option in going]

    def limit(self, frame, packet, rule):
        """(options of a packet above the rate, effects of one within it). Time may have given more
        than is known here."""
        if not rule.rate_kbps:
            return [], ()
        before = max(self.spent.get(rule.act, (0,)))
        burst = max(BURST_BYTES, rule.rate_kbps * 5 // 4)
        short = burst - before < min(len(frame), burst)
        over = self.ended("over_rate", frame, packet, rule) if short else []
        return over, ((self.spent, rule.act, before + len(frame)),)

    def ended(self, reason, frame, packet, rule):
        options = self.passed(reason, frame)
        if not packet.more:
            return options
        fate = reason if reason in ("over_rate", "goal_down") else ""
        keep = ((self.ruled, packet.frag_key, (rule, fate)),
                (self.frags, packet.frag_key, (None, 0)))
        return [option._replace(effects=option.effects + keep) for option in options]

    # --- steering ---

    def serve(self, frame, packet, rule):
        service_id = rule.service_id if rule else packet.service_id
        if (packet.version == 6 and packet.data[6] in (NH_IP6, NH_IP4, NH_ROUTING)
                and any(self.source) and packet.src == self.source):
            raise Stop("looped")
        service = self.services.get(service_id)
        if service is None:
            raise Stop("unknown_service")
        if not service.groups >> self.group & 1 and not (rule and service_id >= OWN_SERVICES):
            raise Stop("denied")
        if not packet.forwardable():
            raise Stop("not_routable")
        options = []
        for choice in self.choose(packet, service_id, service):
            for option in self.send(frame, packet, choice):
                if packet.more and option.verdict == "redirect":
                    keep = self.remember(self.frags, packet.frag_key, choice[0])
                    keep += ((self.ruled, packet.frag_key, (rule, "")),)
                    option = option._replace(effects=option.effects + keep)
                options.append(option)
        return options

    def serve_own(self, frame, packet, rule):
        """Nothing of it goes to the kernel's routes."""
        try:
            options = self.serve(frame, packet, rule)
        except Stop as stop:
            options = self.passed(stop.args[0], frame)
        return [lost for option in options for lost in self.or_down(frame, packet, rule, option)]

    def or_down(self, frame, packet, rule, option):
        if option.verdict in ("redirect", "tx") or option.reason in DROPPED | STAYS:
            return [option]
        down = (self.passed("goal_down", frame) if packet.later
                else self.ended("goal_down", frame, packet, rule))
        return [item._replace(effects=item.effects + option.effects) for item in down]

    # --- later fragments ---

    def fragment(self, frame, packet):
        options = []
        for rule, fate in self.ruled.get(packet.frag_key, ((None, ""),)):
            if fate:
                options += self.passed(fate, frame)
            elif rule and rule.verdict != "steer":
                options += self.obey(frame, packet, rule, None)
            else:
                options += self.fragment_steered(frame, packet, rule)
        return options

    def fragment_steered(self, frame, packet, rule):
        own = rule is not None and rule.own
        if self.follow(frame, packet) is None:
            raise Stop("goal_down" if own else "fragment")
        if not packet.forwardable():
            raise Stop("not_routable")
        options = self.obey(frame, packet, rule, lambda marked: self.follow(frame, marked))
        if not own:
            return options
        return [lost for option in options for lost in self.or_down(frame, packet, rule, option)]
