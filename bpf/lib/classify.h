/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives a service to packets without a SAN header. Constant cost for any number of rules: two
 * prefix look-ups, one for the pair, one for each combination of fields that the pair's rules use;
 * see map_abi.h.
 */
#ifndef BPF_LIB_CLASSIFY_H
#define BPF_LIB_CLASSIFY_H

#include "lib/maps.h"
#include "lib/packet.h"

#define CLASSIFY_DSCP_SHIFT 2

static __always_inline __u32 classify_class(void *map, __u32 set, const __be32 addr[4])
{
	struct san_class_prefix key = {.prefixlen = 32 + 128, .set = set};
	const __u32 *class;

	__builtin_memcpy(key.addr, addr, sizeof(key.addr));
	class = bpf_map_lookup_elem(map, &key);
	return class ? *class : 0;
}

/* The rule of this group for these fields of the packet, NULL when there is none. */
static __always_inline const struct san_class_rule *classify_rule(const struct packet *p, __u32 set,
								  __u32 group, __u8 fields)
{
	struct san_class_rule_key key = {.set = set, .group = group, .fields = fields};
	const __be16 *ports = (const __be16 *)&p->flow.ports;

	if (fields & SAN_CLASS_SPORT)
		key.sport = ports[0];
	if (fields & SAN_CLASS_DPORT)
		key.dport = ports[1];
	if (fields & SAN_CLASS_PROTO)
		key.proto = p->flow.proto;
	if (fields & SAN_CLASS_DSCP)
		key.dscp = p->tclass >> CLASSIFY_DSCP_SHIFT;
	return bpf_map_lookup_elem(&san_class_rules, &key);
}

/* Which of the two in a rule is asked for: of all rules, or of those that End.SAN asks. */
enum classify_for { CLASSIFY_INGRESS, CLASSIFY_LOCAL };

/* The best rule of a pair for this packet: its service and what else it wants go into p. 0: none.
 * Copied at once: an element that is removed can be used again under a reader. */
static __always_inline int classify_best(struct packet *p, __u32 set,
					 const struct san_class_pair *pair, enum classify_for whom)
{
	__u64 combinations = pair->combinations, group = pair->group;
	const struct san_class_rule *rule;
	__u64 id = 0, best = SAN_CLASS_NONE, want = 0;
	__u32 c, rank;

	CURSOR_NO_UNROLL
	for (c = 0; c < SAN_CLASS_COMBINATIONS; c++) {
		/* All ways through the last turn meet here. */
		id += p->zero;
		best += p->zero;
		want += p->zero;
		if (!(combinations >> c & 1))
			continue;
		rule = classify_rule(p, set, group, c);
		if (!rule)
			continue;
		rank = whom == CLASSIFY_LOCAL ? rule->local_rank : rule->rank;
		if (rank >= best)
			continue;
		best = rank;
		id = whom == CLASSIFY_LOCAL ? rule->local_id : rule->service_id;
		want = *PACKET_RULE(rule);
	}
	if (best == SAN_CLASS_NONE)
		return 0;
	p->service_id = id;
	if (whom == CLASSIFY_INGRESS)
		*(__u32 *)&p->act = want;
	return 1;
}

/* 0: there is a rule, service_id and by are set, for the ingress act, verdict and mark, too; else
 * -SAN_R_NO_SAN. set: of san_domain, not 0. */
static __noinline int classify(struct packet *p, __u32 set, enum classify_for whom)
{
	struct san_class_pair_key key = {.set = set};
	const struct san_class_pair *pair;

	key.src = classify_class(&san_class_src, set, p->flow.src);
	key.dst = classify_class(&san_class_dst, set, p->flow.dst);
	pair = bpf_map_lookup_elem(&san_class_pairs, &key);
	if (!pair || !classify_best(p, set, pair, whom))
		return -SAN_R_NO_SAN;
	p->by = SAN_BY_CLASS;
	return 0;
}

#endif
