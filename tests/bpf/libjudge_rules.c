/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier, and what its rules do besides steering. */
#include <linux/bpf.h>
#include <string.h>

#include "libjudge.h"
#include "libjudge_int.h"

static bool in_prefix(const uint8_t *address, const struct in6_addr *prefix, unsigned int len)
{
	const uint8_t *want = (const uint8_t *)prefix;

	if (memcmp(address, want, len / 8))
		return false;
	return !(len % 8) || !((address[len / 8] ^ want[len / 8]) >> (8 - len % 8));
}

static bool rule_matches(const struct san_msg_class *rule, const struct judge_packet *p)
{
	if (!in_prefix(p->src, &rule->src, rule->src_len) ||
	    !in_prefix(p->dst, &rule->dst, rule->dst_len))
		return false;
	if (rule->fields & SAN_CLASS_PROTO && rule->proto != p->proto)
		return false;
	if (rule->fields & SAN_CLASS_SPORT && memcmp(&rule->sport, p->ports, 2))
		return false;
	if (rule->fields & SAN_CLASS_DPORT && memcmp(&rule->dport, p->ports + 2, 2))
		return false;
	return !(rule->fields & SAN_CLASS_DSCP) || rule->dscp == p->traffic_class >> 2;
}

static bool better(const struct san_msg_class *a, const struct san_msg_class *b)
{
	if (a->intent != b->intent)
		return a->intent;
	if (!a->intent && a->dst_len != b->dst_len)
		return a->dst_len > b->dst_len;
	if (!a->intent && a->src_len != b->src_len)
		return a->src_len > b->src_len;
	return a->priority > b->priority; /* the same: the earlier one stays */
}

static bool is_local(const struct san_msg_class *rule)
{
	return rule->verdict == SAN_ACT_STEER && rule->service_id < SAN_SERVICE_OWN_MIN;
}

bool judge_is_own(const struct san_msg_class *rule)
{
	return rule && rule->verdict == SAN_ACT_STEER && rule->service_id >= SAN_SERVICE_OWN_MIN;
}

const struct san_msg_class *judge_classify(const struct judge *judge, const struct judge_packet *p,
					   bool local)
{
	const struct san_msg_class *best = NULL;
	unsigned int i;

	if (p->reason != SAN_R_NO_SAN && p->reason != SAN_R_BAD_VERSION)
		return NULL;
	for (i = 0; i < judge->n_rules; i++) {
		const struct san_msg_class *rule = &judge->rules[i];

		if ((!local || is_local(rule)) && rule_matches(rule, p) &&
		    (!best || better(rule, best)))
			best = rule;
	}
	return best;
}

/* --- fragments ------------------------------------------------------------------------------- */

#define FATE 32 /* shift */

static bool is_plain(const struct san_msg_class *rule)
{
	return !rule || (rule->verdict == SAN_ACT_STEER && !rule->mark && !rule->act);
}

void judge_rule_keep(struct judge *judge, const struct judge_packet *p,
		     const struct san_msg_class *rule, int fate)
{
	uint64_t number = rule ? rule - judge->rules + 1 : 0;

	judge_keep(&judge->ruled, p->frag_key, number | (uint64_t)fate << FATE, judge->time);
}

const struct san_msg_class *judge_ruled(const struct judge *judge, const struct judge_packet *p,
					int *fate)
{
	const struct judge_entry *entry = judge_find(&judge->ruled, p->frag_key);
	uint32_t number = judge_known(&judge->ruled, entry) ? (uint32_t)entry->set : 0;

	*fate = number ? entry->set >> FATE : 0;
	return number ? &judge->rules[number - 1] : NULL;
}

/* --- acts ------------------------------------------------------------------------------------ */

static unsigned int be16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

/* RFC 1624 equation 3: a checksum that was wrong stays so. */
static void mark4(uint8_t *ip, uint8_t tos)
{
	uint32_t sum = (0xffff - be16(ip + 10)) + (0xffff - ip[1]) + tos;

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = ~sum >> 8;
	ip[11] = ~sum;
	ip[1] = tos;
}

void judge_mark(uint8_t *ip, const struct judge_packet *p)
{
	if (!p->marked)
		return;
	if (p->version == 4) {
		mark4(ip, p->traffic_class);
		return;
	}
	ip[0] = 0x60 | p->traffic_class >> 4;
	ip[1] = (p->traffic_class << 4 & 0xf0) | (ip[1] & 0xf);
}

/* What a rule has no say in. */
static bool is_of_link(const struct judge_packet *p)
{
	if (!judge_routable(p))
		return true;
	return p->version == 6 && p->hop_limit == 255 && p->proto == 58 && p->upper &&
	       p->upper_len && p->upper[0] >= 133 && p->upper[0] <= 137;
}

/* Time may have given more than is known here: then the program's answer counts. */
static bool is_within(struct judge_case *c, const struct san_msg_class *rule)
{
	int64_t burst = rule->rate_kbps * 5ll / 4, cost = (int64_t)c->len, left;
	const struct judge_got *got = c->got;

	if (burst < SAN_METER_BURST_MIN)
		burst = SAN_METER_BURST_MIN;
	left = burst - (int64_t)c->judge->spent[rule->act];
	if (left < (cost < burst ? cost : burst)) {
		c->uncertain = true;
		if (got->reason == SAN_R_OVER_RATE || (got->reason < 0 && got->action == XDP_DROP))
			return false;
	}
	c->judge->spent[rule->act] += c->len;
	return true;
}

static bool marked_passed(struct judge_case *c, const struct judge_packet *p)
{
	uint8_t out[JUDGE_OUT];

	memcpy(out, c->frame, c->len);
	judge_mark(out + c->l2_len, p);
	return judge_answered(c, XDP_PASS, SAN_R_ALLOWED) && judge_same_bytes(c, out, c->len) &&
	       judge_right(c, SAN_R_ALLOWED);
}

static bool ended(struct judge_case *c, const struct judge_packet *p,
		  const struct san_msg_class *rule, int reason)
{
	bool ok = reason == SAN_R_ALLOWED ? marked_passed(c, p) : judge_passed(c, reason);

	if (ok && p->more && !p->later) {
		judge_rule_keep(c->judge, p, rule, reason == SAN_R_OVER_RATE ? reason : 0);
		judge_keep(&c->judge->frags, p->frag_key, 0, c->judge->time);
	}
	return ok;
}

bool judge_act(struct judge_case *c, struct judge_packet *p, const struct san_msg_class *rule,
	       bool *done)
{
	p->rule = rule;
	*done = !is_plain(rule);
	if (!*done)
		return false;
	if (!p->later && is_of_link(p))
		return judge_passed(c, SAN_R_NOT_ROUTABLE);
	if (rule->verdict == SAN_ACT_DROP)
		return ended(c, p, rule, SAN_R_FORBIDDEN);
	if (rule->rate_kbps && !is_within(c, rule))
		return ended(c, p, rule, SAN_R_OVER_RATE);
	p->marked = rule->mark;
	if (p->marked)
		p->traffic_class = (rule->mark & 63) << 2 | (p->traffic_class & 3);
	if (rule->verdict == SAN_ACT_PASS)
		return ended(c, p, rule, SAN_R_ALLOWED);
	*done = false;
	return false;
}
