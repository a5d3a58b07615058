/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of the steps: access side, then core side. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libjudge.h"
#include "libjudge_int.h"

int judge_init(struct judge *judge)
{
	struct judge_table *const tables[] = {&judge->flows, &judge->frags, &judge->hashed,
					      &judge->told, &judge->ruled};
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		tables[i]->entries = calloc(TABLE_SIZE, sizeof(struct judge_entry));
		if (!tables[i]->entries)
			return -ENOMEM;
		tables[i]->round = 1;
	}
	return 0;
}

void judge_fini(struct judge *judge)
{
	free(judge->flows.entries);
	free(judge->frags.entries);
	free(judge->hashed.entries);
	free(judge->told.entries);
	free(judge->ruled.entries);
}

static void forget(struct judge_table *table)
{
	table->round++;
	table->used = 0;
}

void judge_forget(struct judge *judge)
{
	forget(&judge->flows);
	forget(&judge->frags);
	forget(&judge->told);
	forget(&judge->ruled);
	memset(judge->spent, 0, sizeof(judge->spent));
	if (judge->hashed.used > TABLE_SIZE / 4)
		forget(&judge->hashed);
}

static bool in_prefix(const struct san_prefix *prefix, const uint8_t *address)
{
	uint64_t word[2];

	memcpy(word, address, 16);
	return (word[0] & prefix->mask[0]) == prefix->addr[0] &&
	       (word[1] & prefix->mask[1]) == prefix->addr[1];
}

static const struct san_sid *find_sid(const struct judge *judge, const uint8_t *address)
{
	unsigned int i;

	for (i = 0; i < judge->n_sids; i++) {
		if (!memcmp(&judge->sids[i].addr, address, 16))
			return &judge->sids[i].val;
	}
	return NULL;
}

/* --- access ---------------------------------------------------------------------------------- */

static bool is_inner_space(const struct judge *judge, const uint8_t *ip6)
{
	unsigned int i;

	for (i = 0; i < judge->domain.n_blocks; i++) {
		if (in_prefix(&judge->domain.blocks[i], ip6 + 24))
			return true;
	}
	return judge->domain.flags & SAN_DOMAIN_STRAY_SIDS && find_sid(judge, ip6 + 24);
}

static bool is_looped(const struct judge *judge, const struct judge_packet *p)
{
	static const uint8_t none[16];
	const struct san_domain *domain = &judge->domain;

	if (p->version != 6 || (p->data[6] != 41 && p->data[6] != 4 && p->data[6] != 43))
		return false;
	return memcmp(domain->source, none, 16) && !memcmp(domain->source, p->src, 16);
}

/* Services of the host's own making are for rules alone. */
static bool may_use(const struct judge *judge, const struct san_service *service,
		    const struct judge_packet *p, uint64_t id)
{
	if (p->reason && id >= SAN_SERVICE_OWN_MIN)
		return true;
	return service->groups >> judge->iface.group & 1;
}

static bool served(struct judge_case *c, struct judge_packet *p)
{
	struct judge *judge = c->judge;
	const struct san_msg_class *rule = NULL;
	const struct san_service *service;
	uint64_t id = p->service_id;
	bool done = false, ok;

	if (p->reason) {
		if (judge->iface.policy & SAN_IF_CLASSIFY)
			rule = judge_classify(judge, p, false);
		if (!rule)
			return judge_passed(c, p->reason);
		ok = judge_act(c, p, rule, &done);
		if (done)
			return ok;
		id = rule->service_id;
		c->own = judge_is_own(rule);
	}
	if (is_looped(judge, p))
		return judge_passed(c, SAN_R_LOOPED);
	service = judge_service(judge, id, false);
	if (!service)
		return judge_passed(c, SAN_R_UNKNOWN_SERVICE);
	if (!may_use(judge, service, p, id))
		return judge_passed(c, SAN_R_DENIED);
	if (!judge_routable(p))
		return judge_passed(c, SAN_R_NOT_ROUTABLE);
	return judge_choose(c, p, service, SAN_R_FORWARDED);
}

static bool accessed(struct judge_case *c)
{
	const struct judge *judge = c->judge;
	struct judge_packet packet;
	struct judge_l2 l2;
	const uint8_t *ip;
	int reason;

	if (judge->iface.role != SAN_ROLE_INGRESS)
		return judge_passed(c, SAN_R_NO_ROLE);
	judge_l2(c->frame, c->len, &l2);
	if (!l2.version)
		return judge_passed(c, SAN_R_NOT_IP);
	c->l2_len = l2.len;
	ip = c->frame + l2.len;
	if (l2.version == 6 && c->len >= l2.len + 40 && ip[0] >> 4 == 6 &&
	    is_inner_space(judge, ip))
		return judge_passed(c, SAN_R_BOUNDARY);
	if (memcmp(c->frame, judge->iface.mac, 6))
		return judge_passed(c, SAN_R_NOT_ROUTABLE);
	if (l2.tags && !(judge->iface.policy & SAN_IF_VLAN))
		return judge_passed(c, SAN_R_TAGGED);
	reason = judge_read(&judge->profile, l2.version, ip, c->len - l2.len, &packet);
	if (reason)
		return judge_passed(c, reason);
	if (packet.later)
		return judge_fragment(c, &packet);
	if (!served(c, &packet))
		return false;
	if (c->down && packet.more) {
		judge_rule_keep(c->judge, &packet, packet.rule, SAN_R_GOAL_DOWN);
		judge_keep(&c->judge->frags, packet.frag_key, 0, judge->time);
	}
	return true;
}

/* --- core ------------------------------------------------------------------------------------ */

struct outer {
	const uint8_t *data;
	size_t end;  /* by its payload length */
	size_t size; /* headers in front of what is inside */
	uint8_t next, left;
};

static int read_outer(const uint8_t *data, struct outer *o)
{
	size_t size;

	*o = (struct outer){.data = data, .end = 40 + (data[4] << 8 | data[5]), .size = 40};
	o->next = data[6];
	if (o->next != 43)
		return 0;
	if (o->end < 48)
		return SAN_R_TRUNCATED;
	if (data[42] != 4)
		return 0;
	size = data[41] * 8 + 8;
	if (40 + size > o->end)
		return SAN_R_TRUNCATED;
	if ((data[44] + 1) * 16u + 8 > size || data[43] > data[44] + 1)
		return SAN_R_BAD_SRH;
	o->size += size;
	o->next = data[40];
	o->left = data[43];
	return 0;
}

static int read_inner(const struct judge_case *c, const struct outer *o, struct judge_packet *p)
{
	return judge_read(&c->judge->profile, o->next == 41 ? 6 : 4, o->data + o->size,
			  o->end - o->size, p);
}

/* Nothing has a route in a run without interfaces. */
static bool by_route(struct judge_case *c, const struct outer *o)
{
	struct judge_packet packet;
	int reason = read_inner(c, o, &packet);

	if (reason)
		return judge_passed(c, reason);
	if (packet.hop_limit <= 1 && c->got->reason != SAN_R_NO_ROUTE)
		return judge_passed(c, SAN_R_HOP_LIMIT);
	return judge_passed(c, SAN_R_NO_ROUTE);
}

static bool ended(struct judge_case *c, const struct outer *o, uint8_t flavors)
{
	if (o->left)
		return judge_passed(c, o->data[7] <= 1 ? SAN_R_HOP_LIMIT : SAN_R_NO_ROUTE);
	if (flavors & SAN_FLAVOR_USD && (o->next == 41 || o->next == 4))
		return by_route(c, o);
	return judge_passed(c, SAN_R_UPPER_LAYER);
}

static bool served_here(struct judge_case *c, struct judge_packet *p)
{
	const struct san_msg_class *rule;
	const struct san_service *service;
	uint64_t id = p->service_id;

	if (p->later)
		return judge_fragment(c, p);
	if (p->reason) {
		rule = judge_classify(c->judge, p, true);
		if (!rule)
			return judge_passed(c, p->reason);
		id = rule->service_id;
	}
	service = judge_service(c->judge, id, true);
	if (!service)
		return judge_passed(c, SAN_R_UNKNOWN_SERVICE);
	return judge_choose(c, p, service, SAN_R_LOCAL);
}

static bool takes(uint8_t behaviour, uint8_t next)
{
	if (behaviour == SAN_BEHAVIOUR_END_SAN)
		return next == 41 || next == 4;
	return next == (behaviour == SAN_BEHAVIOUR_END_DX4 ? 4 : 41);
}

static bool at_sid(struct judge_case *c, const uint8_t *ip6, const struct san_sid *sid)
{
	struct judge_packet packet;
	struct outer outer;
	int reason = read_outer(ip6, &outer);

	if (reason)
		return judge_passed(c, reason);
	if (sid->behaviour == SAN_BEHAVIOUR_END)
		return ended(c, &outer, sid->flavors);
	if (outer.left)
		return judge_passed(c, SAN_R_SEGMENTS_LEFT);
	if (!takes(sid->behaviour, outer.next))
		return judge_passed(c, SAN_R_UPPER_LAYER);
	if (sid->behaviour == SAN_BEHAVIOUR_END_DT6)
		return by_route(c, &outer);
	reason = read_inner(c, &outer, &packet);
	if (reason)
		return judge_passed(c, reason);
	if (sid->behaviour == SAN_BEHAVIOUR_END_SAN)
		return served_here(c, &packet);
	packet.more = false; /* what goes to one instance anyway leaves nothing behind */
	return judge_sent(c, &packet, judge_place(c->judge, sid->nexthop), SAN_R_DECAPSULATED);
}

static bool from_inside(const struct judge *judge, const uint8_t *ip6)
{
	unsigned int i;

	for (i = 0; i < judge->domain.n_inside; i++) {
		if (in_prefix(&judge->domain.inside[i], ip6 + 8))
			return true;
	}
	return !judge->domain.n_inside;
}

static bool relayed(struct judge_case *c)
{
	const struct judge *judge = c->judge;
	const struct san_sid *sid;
	const uint8_t *ip6;
	struct judge_l2 l2;

	judge_l2(c->frame, c->len, &l2);
	if (!l2.version)
		return judge_passed(c, SAN_R_NOT_IP);
	if (l2.tags)
		return judge_passed(c, SAN_R_TAGGED);
	if (memcmp(c->frame, judge->iface.mac, 6))
		return judge_passed(c, SAN_R_NOT_ROUTABLE);
	if (l2.version == 4)
		return judge_passed(c, SAN_R_NOT_LOCAL);
	c->l2_len = l2.len;
	ip6 = c->frame + l2.len;
	if (c->len < l2.len + 40)
		return judge_passed(c, SAN_R_TRUNCATED);
	if (ip6[0] >> 4 != 6)
		return judge_passed(c, SAN_R_NOT_IP);
	if (c->len < l2.len + 40 + (ip6[4] << 8 | ip6[5]))
		return judge_passed(c, SAN_R_TRUNCATED);
	sid = find_sid(judge, ip6 + 24);
	if (!sid)
		return judge_passed(c, SAN_R_NOT_LOCAL);
	if (!from_inside(judge, ip6))
		return judge_passed(c, SAN_R_OUTSIDE_SOURCE);
	return sid->flags & SAN_SID_KERNEL ? judge_passed(c, SAN_R_KERNEL_SID)
					   : at_sid(c, ip6, sid);
}

int judge_check(struct judge *judge, const uint8_t *frame, size_t len, const struct judge_got *got)
{
	struct judge_case c = {
		.judge = judge, .frame = frame, .len = len, .got = got, .reason = -1};

	c.answers = judge->iface.role == SAN_ROLE_INGRESS;
	if (!(judge->iface.role == SAN_ROLE_CORE ? relayed(&c) : accessed(&c)))
		return -1;
	judge->reason = c.reason;
	judge->uncertain = c.uncertain;
	return 0;
}
