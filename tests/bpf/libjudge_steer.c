/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classifier, choice of a next hop, what leaves: shared by both programs. */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libjudge.h"
#include "libjudge_int.h"

/* --- what is remembered ---------------------------------------------------------------------- */

struct judge_entry *judge_find(const struct judge_table *table, const uint8_t key[JUDGE_KEY])
{
	uint64_t hash = 14695981039346656037ull, word;
	uint32_t at;
	size_t i;

	for (i = 0; i < JUDGE_KEY; i += 8) {
		memcpy(&word, key + i, 8);
		hash = (hash ^ word) * 1099511628211ull;
		hash ^= hash >> 29;
	}
	for (at = hash % TABLE_SIZE;; at = (at + 1) % TABLE_SIZE) {
		struct judge_entry *entry = &table->entries[at];

		if (entry->round != table->round || !memcmp(entry->key, key, JUDGE_KEY))
			return entry;
	}
}

bool judge_known(const struct judge_table *table, const struct judge_entry *entry)
{
	return entry->round == table->round;
}

void judge_keep(struct judge_table *table, const uint8_t key[JUDGE_KEY], uint64_t set,
		uint32_t time)
{
	struct judge_entry *entry = judge_find(table, key);

	if (!judge_known(table, entry)) {
		if (table->used >= TABLE_SIZE / 2)
			abort(); /* the run forgets too seldom */
		table->used++;
		memcpy(entry->key, key, JUDGE_KEY);
		entry->round = table->round;
	}
	entry->set = set;
	entry->time = time;
}

/* --- configuration --------------------------------------------------------------------------- */

unsigned int judge_place(const struct judge *judge, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < judge->n_nexthops; i++) {
		const struct judge_nexthop *nh = &judge->nexthops[i];

		if (nh->index == index && nh->val.kind != SAN_NH_UNUSED)
			return i;
	}
	return JUDGE_INVALID;
}

const struct san_service *judge_service(const struct judge *judge, uint64_t id, bool local)
{
	unsigned int i;

	for (i = 0; i < judge->n_services; i++) {
		const struct judge_service *service = &judge->services[i];

		if (service->id == id && service->local == local)
			return &service->val;
	}
	return NULL;
}

/* --- verdicts -------------------------------------------------------------------------------- */

const char *judge_reason_name(int reason)
{
	static const char *const names[] = {
#define X(name, text, verdict, why) [SAN_R_##name] = text,
		SAN_REASONS(X)
#undef X
	};

	return reason >= 0 && reason < SAN_R_MAX ? names[reason] : "?";
}

static int action_of(const struct judge *judge, int reason)
{
	uint8_t policy = judge->iface.policy;

	switch (reason) {
	case SAN_R_DENIED:
	case SAN_R_BOUNDARY:
	case SAN_R_OUTSIDE_SOURCE:
	case SAN_R_LOOPED:
	case SAN_R_NH_DROP:
	case SAN_R_TOO_BIG_LIMITED:
	case SAN_R_FORBIDDEN:
	case SAN_R_OVER_RATE:
	case SAN_R_GOAL_DOWN:
		return XDP_DROP;
	case SAN_R_UNKNOWN_SERVICE:
		if (judge->iface.role != SAN_ROLE_INGRESS)
			return XDP_PASS;
		return policy & SAN_IF_DROP_UNKNOWN ? XDP_DROP : XDP_PASS;
	case SAN_R_TRUNCATED:
	case SAN_R_BAD_IPV4:
	case SAN_R_BAD_OPTION:
	case SAN_R_BAD_SRH:
	case SAN_R_ZERO_SERVICE:
		return policy & SAN_IF_DROP_MALFORMED ? XDP_DROP : XDP_PASS;
	}
	return XDP_PASS;
}

/* Right action and reason? Text of what was wanted if not. */
bool judge_answered(struct judge_case *c, int action, int reason)
{
	const struct judge_got *got = c->got;

	if (got->action == action && (got->reason == reason || got->reason < 0))
		return true;
	snprintf(c->judge->text, sizeof(c->judge->text),
		 "program: action %d %s, judge: action %d %s", got->action,
		 judge_reason_name(got->reason), action, judge_reason_name(reason));
	return false;
}

bool judge_same_bytes(struct judge_case *c, const uint8_t *want, size_t len)
{
	const struct judge_got *got = c->got;
	size_t at = 0;

	if (got->len == len && !memcmp(got->out, want, len))
		return true;
	while (at < len && at < got->len && got->out[at] == want[at])
		at++;
	snprintf(c->judge->text, sizeof(c->judge->text),
		 "%s: %zu bytes, must be %zu; the first that differs is byte %zu",
		 judge_reason_name(got->reason), got->len, len, at);
	return false;
}

bool judge_right(struct judge_case *c, int reason)
{
	if (c->reason >= 0 && c->reason != reason)
		c->uncertain = true;
	c->reason = reason;
	return true;
}

/* Could it reach the kernel's routes? */
static bool leads_astray(const struct judge_case *c, int reason)
{
	if (reason == SAN_R_HOP_LIMIT || reason == SAN_R_NOT_ROUTABLE)
		return false;
	return reason == SAN_R_UNKNOWN_SERVICE || action_of(c->judge, reason) == XDP_PASS;
}

bool judge_passed(struct judge_case *c, int reason)
{
	bool down = c->own && leads_astray(c, reason);

	if (down)
		reason = SAN_R_GOAL_DOWN;
	if (!judge_answered(c, action_of(c->judge, reason), reason) ||
	    !judge_same_bytes(c, c->frame, c->len))
		return false;
	c->down |= down;
	return judge_right(c, reason);
}

/* --- what leaves ----------------------------------------------------------------------------- */

static unsigned int be16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* RFC 1071, all words summed anew. */
static uint32_t sum(const uint8_t *data, size_t len, uint32_t total)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		total += be16(data + i);
	if (len & 1)
		total += data[len - 1] << 8;
	return total;
}

static unsigned int folded(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return ~total & 0xffff;
}

/* Linux and RFC 1624 agree on this: the checksum of a header whose TTL is one less. */
static void route4(uint8_t *header)
{
	unsigned int check = be16(header + 10) + 0x100;

	header[8]--;
	put16(header + 10, check + (check >= 0xffff));
}

static size_t put_inner(uint8_t *out, const struct judge_packet *p)
{
	memcpy(out, p->data, p->size);
	judge_mark(out, p);
	if (p->version == 6)
		out[7]--;
	else
		route4(out);
	return p->size;
}

static size_t put_direct(uint8_t *out, const struct san_nexthop *nh, const struct judge_packet *p)
{
	memcpy(out, nh->dst_mac, 6);
	memcpy(out + 6, nh->src_mac, 6);
	put16(out + 12, p->version == 6 ? 0x86dd : 0x0800);
	return 14 + put_inner(out + 14, p);
}

static size_t put_outer(uint8_t *out, const struct san_nexthop *nh, const struct judge_packet *p)
{
	uint8_t *ip6 = out + 14;
	size_t size;

	memcpy(out, nh->dst_mac, 6);
	memcpy(out + 6, nh->src_mac, 6);
	put16(out + 12, 0x86dd);
	memcpy(ip6, nh->outer, nh->outer_len);
	ip6[0] = 0x60 | p->traffic_class >> 4;
	ip6[1] = p->traffic_class << 4;
	ip6[2] = ip6[3] = 0;
	size = put_inner(ip6 + nh->outer_len, p);
	put16(ip6 + 4, nh->outer_len - 40 + size);
	ip6[7] = nh->hop_limit ? nh->hop_limit : p->version == 6 ? p->hop_limit - 1 : 64;
	ip6[nh->outer_len == 40 ? 6 : 40] = p->version == 6 ? 41 : 4;
	return 14 + nh->outer_len + size;
}

/* The label is the program's: there must be one; it is taken over. */
static bool take_label(struct judge_case *c, uint8_t *want)
{
	const struct judge_got *got = c->got;

	if (got->len < 18 || !((got->out[15] & 0xf) | got->out[16] | got->out[17])) {
		snprintf(c->judge->text, sizeof(c->judge->text), "no outer flow label");
		return false;
	}
	want[15] |= got->out[15] & 0xf;
	want[16] = got->out[16];
	want[17] = got->out[17];
	return true;
}

static bool left_by(struct judge_case *c, const struct judge_packet *p,
		    const struct san_nexthop *nh, int reason)
{
	uint8_t out[JUDGE_OUT];
	size_t size;

	if (!judge_answered(c, XDP_REDIRECT, reason))
		return false;
	if (nh->kind == SAN_NH_DIRECT)
		return judge_same_bytes(c, out, put_direct(out, nh, p));
	size = put_outer(out, nh, p);
	return take_label(c, out) && judge_same_bytes(c, out, size);
}

/* --- Packet Too Big -------------------------------------------------------------------------- */

static bool is_icmp_error(const struct judge_packet *p)
{
	if (!p->upper || !p->upper_len)
		return false;
	if (p->version == 6)
		return p->proto == 58 && p->upper[0] < 128;
	return p->proto == 1 && (p->upper[0] == 3 || p->upper[0] == 4 || p->upper[0] == 5 ||
				 p->upper[0] == 11 || p->upper[0] == 12);
}

static size_t put_message6(uint8_t *ip, const struct judge *judge, const struct judge_packet *p,
			   uint32_t mtu)
{
	size_t quote = p->size < 1232 ? p->size : 1232;
	uint8_t *icmp = ip + 40;

	memset(ip, 0, 48);
	ip[0] = 0x60;
	put16(ip + 4, 8 + quote);
	ip[6] = 58;
	ip[7] = 64;
	memcpy(ip + 8, judge->domain.icmp_source, 16);
	memcpy(ip + 24, p->src, 16);
	icmp[0] = 2;
	put16(icmp + 4, mtu >> 16);
	put16(icmp + 6, mtu);
	memcpy(icmp + 8, p->data, quote);
	put16(icmp + 2, folded(sum(icmp, 8 + quote, sum(ip + 8, 32, 58 + 8 + quote))));
	return 48 + quote;
}

/* Identification and DF are the program's. */
static size_t put_message4(uint8_t *ip, struct judge_case *c, const struct judge_packet *p,
			   uint32_t mtu)
{
	size_t quote = p->size < 548 ? p->size : 548;
	uint8_t *icmp = ip + 20;

	memset(ip, 0, 28);
	ip[0] = 0x45;
	put16(ip + 2, 28 + quote);
	if (c->got->len >= c->l2_len + 20) {
		memcpy(ip + 4, c->got->out + c->l2_len + 4, 2);
		ip[6] = c->got->out[c->l2_len + 6] & 0x40;
	}
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, &c->judge->domain.icmp_source4, 4);
	memcpy(ip + 16, p->src + 12, 4);
	put16(ip + 10, folded(sum(ip, 20, 0)));
	icmp[0] = 3;
	icmp[1] = 4;
	put16(icmp + 6, mtu);
	memcpy(icmp + 8, p->data, quote);
	put16(icmp + 2, folded(sum(icmp, 8 + quote, 0)));
	return 28 + quote;
}

static bool is_silent(const struct judge_case *c, const struct judge_packet *p, uint32_t mtu)
{
	static const uint8_t none[16];
	const struct san_domain *domain = &c->judge->domain;

	if (!c->answers || is_icmp_error(p))
		return true;
	if (p->version == 6)
		return (int32_t)mtu < 1280 || !memcmp(domain->icmp_source, none, 16);
	return !(p->data[6] & 0x40) || !domain->icmp_source4;
}

static bool too_big(struct judge_case *c, const struct judge_packet *p,
		    const struct san_nexthop *nh)
{
	uint32_t mtu = nh->mtu - nh->outer_len;
	uint8_t out[JUDGE_OUT], key[JUDGE_KEY] = {0};
	const struct judge_entry *told;
	struct judge *judge = c->judge;
	size_t size;

	if (is_silent(c, p, mtu))
		return judge_passed(c, SAN_R_TOO_BIG_KERNEL);
	memcpy(key, p->src, 16);
	told = judge_find(&judge->told, key);
	if (c->got->action != XDP_TX && judge_known(&judge->told, told) &&
	    told->set >= SAN_BUCKET_BURST)
		return judge_passed(c, SAN_R_TOO_BIG_LIMITED);
	if (!judge_answered(c, XDP_TX, SAN_R_TOO_BIG))
		return false;
	memcpy(out, c->frame + 6, 6);
	memcpy(out + 6, c->frame, 6);
	memcpy(out + 12, c->frame + 12, c->l2_len - 12);
	size = p->version == 6 ? put_message6(out + c->l2_len, judge, p, mtu)
			       : put_message4(out + c->l2_len, c, p, mtu);
	if (!judge_same_bytes(c, out, c->l2_len + size))
		return false;
	c->told = true;
	return judge_right(c, SAN_R_TOO_BIG);
}

/* --- sending --------------------------------------------------------------------------------- */

bool judge_sent(struct judge_case *c, const struct judge_packet *p, unsigned int place, int reason)
{
	const struct judge_nexthop *found = &c->judge->nexthops[place];
	const struct san_nexthop *nh = &found->val;

	if (place == JUDGE_INVALID)
		return judge_passed(c, SAN_R_NH_INVALID);
	if (nh->kind == SAN_NH_UNRESOLVED)
		return judge_passed(c, SAN_R_NH_UNRESOLVED);
	if (nh->kind == SAN_NH_DROP)
		return judge_passed(c, SAN_R_NH_DROP);
	if (!(nh->families & (p->version == 6 ? SAN_NH_IP6 : SAN_NH_IP4)))
		return judge_passed(c, SAN_R_WRONG_FAMILY);
	if (p->hop_limit <= 1)
		return judge_passed(c, SAN_R_HOP_LIMIT);
	if (p->size + nh->outer_len > nh->mtu || p->size + nh->outer_len > 65535)
		return too_big(c, p, nh);
	if (!found->has_port)
		return judge_passed(c, SAN_R_NH_UNRESOLVED);
	if (!left_by(c, p, nh, reason))
		return false;
	if (p->more && reason != SAN_R_FRAGMENT_HIT)
		c->frags |= 1ull << place;
	return judge_right(c, reason);
}

void judge_settle(struct judge_case *c, const struct judge_packet *p)
{
	struct judge *judge = c->judge;
	uint8_t key[JUDGE_KEY] = {0};
	const struct judge_entry *told;

	if (c->frags) {
		judge_keep(&judge->frags, p->frag_key, c->frags, judge->time);
		judge_rule_keep(judge, p, p->rule, 0);
	}
	if (!c->told)
		return;
	memcpy(key, p->src, 16);
	told = judge_find(&judge->told, key);
	judge_keep(&judge->told, key, judge_known(&judge->told, told) ? told->set + 1 : 1, 0);
}

/* --- choosing -------------------------------------------------------------------------------- */

struct choice {
	struct judge_case *c;
	const struct judge_packet *p;
	const struct san_service *service;
	uint8_t key[JUDGE_KEY];
	int forwarded;	   /* the reason when the selection is taken */
	uint64_t flows;	   /* that may be remembered now */
	uint64_t selected; /* by slot */
};

static void flow_key(struct choice *ch)
{
	const struct judge_packet *p = ch->p;
	uintptr_t which = (uintptr_t)ch->service;

	memcpy(ch->key, p->src, 16);
	memcpy(ch->key + 48, &which, sizeof(which));
	if (ch->service->flags & SAN_SVC_KEY_SOURCE)
		return;
	memcpy(ch->key + 16, p->dst, 16);
	memcpy(ch->key + 32, p->ports, 4);
	ch->key[36] = p->proto;
}

static bool alive(const struct judge *judge, const struct judge_entry *entry, unsigned int place)
{
	return judge->nexthops[place].renewed <= entry->time;
}

static bool begins(const struct judge_packet *p)
{
	return p->proto == 6 && p->upper && p->upper_len > 13 && (p->upper[13] & 0x12) == 0x02;
}

/* Which next hops the selection may give this flow. */
static uint64_t candidates(const struct choice *ch)
{
	struct judge *judge = ch->c->judge;
	const struct san_service *service = ch->service;
	const struct judge_entry *entry = judge_find(&judge->hashed, ch->key);
	uint64_t set = 0;
	uint32_t i;

	if (service->mode != SAN_MODE_BALANCED)
		return 1ull << judge_place(judge, service->nexthop);
	if (service->affinity != SAN_AFFINITY_NONE && judge_known(&judge->hashed, entry))
		return entry->set;
	for (i = 0; i < 1u << service->slot_bits; i++)
		set |= 1ull << judge_place(judge, judge->slots[service->slot_base + i]);
	return set;
}

static bool by_selection(struct choice *ch)
{
	uint64_t set = candidates(ch);
	unsigned int place;

	if (ch->service->mode == SAN_MODE_NONE)
		return judge_passed(ch->c, SAN_R_NOTHING_SELECTED);
	for (place = 0; place < 64; place++) {
		if (set >> place & 1 && judge_sent(ch->c, ch->p, place, ch->forwarded))
			ch->selected |= 1ull << place;
	}
	ch->flows |= ch->selected & ~(1ull << JUDGE_INVALID);
	return ch->selected;
}

/* By what is remembered of the flow. *anew: that may be gone, the selection counts then. */
static bool by_flow(struct choice *ch, bool *anew)
{
	struct judge *judge = ch->c->judge;
	const struct judge_entry *entry = judge_find(&judge->flows, ch->key);
	bool is_right = false;
	unsigned int place;

	*anew = !judge_known(&judge->flows, entry) ||
		(begins(ch->p) && !(ch->service->flags & SAN_SVC_KEY_SOURCE));
	for (place = 0; place < JUDGE_INVALID && !*anew; place++) {
		if (!(entry->set >> place & 1) || !alive(judge, entry, place) ||
		    !judge_sent(ch->c, ch->p, place, SAN_R_FLOW_HIT))
			continue;
		ch->flows |= 1ull << place;
		is_right = true;
	}
	for (place = 0; place < JUDGE_INVALID && !*anew; place++) {
		if (!(entry->set >> place & 1) || alive(judge, entry, place))
			continue;
		ch->forwarded = SAN_R_FLOW_MOVED;
		*anew = true;
	}
	return is_right;
}

bool judge_choose(struct judge_case *c, const struct judge_packet *p,
		  const struct san_service *service, int forwarded)
{
	struct choice ch = {.c = c, .p = p, .service = service, .forwarded = forwarded};
	struct judge *judge = c->judge;
	bool is_right = false, anew = true;

	flow_key(&ch);
	if (service->affinity == SAN_AFFINITY_FLOW)
		is_right = by_flow(&ch, &anew);
	if (anew && by_selection(&ch))
		is_right = true;
	if (!is_right)
		return false;
	if (ch.selected && service->mode == SAN_MODE_BALANCED &&
	    service->affinity != SAN_AFFINITY_NONE)
		judge_keep(&judge->hashed, ch.key, ch.selected, 0);
	if (ch.flows && service->affinity == SAN_AFFINITY_FLOW)
		judge_keep(&judge->flows, ch.key, ch.flows, judge->time);
	judge_settle(c, p);
	return true;
}

/* To a next hop that is alive? */
static bool leads(const struct judge *judge, const struct judge_entry *entry)
{
	unsigned int place;

	for (place = 0; place < JUDGE_INVALID && judge_known(&judge->frags, entry); place++) {
		if (entry->set >> place & 1 && alive(judge, entry, place))
			return true;
	}
	return false;
}

bool judge_fragment(struct judge_case *c, struct judge_packet *p)
{
	struct judge *judge = c->judge;
	const struct judge_entry *entry = judge_find(&judge->frags, p->frag_key);
	bool is_right = false, lost = !judge_known(&judge->frags, entry);
	const struct san_msg_class *rule;
	bool done = false, ok;
	unsigned int place;
	int fate = 0;

	rule = judge->iface.role == SAN_ROLE_INGRESS ? judge_ruled(judge, p, &fate) : NULL;
	if (fate)
		return judge_passed(c, fate);
	if (rule && (rule->verdict != SAN_ACT_STEER || leads(judge, entry))) {
		ok = judge_act(c, p, rule, &done);
		if (done)
			return ok;
	}
	c->own = judge_is_own(rule);
	for (place = 0; place < JUDGE_INVALID && judge_known(&judge->frags, entry); place++) {
		if (!(entry->set >> place & 1))
			continue;
		if (!alive(judge, entry, place))
			lost = true;
		else if (judge->iface.role == SAN_ROLE_INGRESS && !judge_routable(p))
			is_right |= judge_passed(c, SAN_R_NOT_ROUTABLE);
		else
			is_right |= judge_sent(c, p, place, SAN_R_FRAGMENT_HIT);
	}
	if (is_right)
		judge_settle(c, p);
	return is_right || (lost && judge_passed(c, SAN_R_FRAGMENT));
}
