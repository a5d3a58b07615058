/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports, protocols and DSCPs of a flow as the fewest combinations of exact values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "nemo/compile_int.h"

static bool has(const struct nemo_set *set, unsigned int value)
{
	return set->in[value / 64] >> (value % 64) & 1;
}

void nemo_set_add(struct nemo_set *set, unsigned int lo, unsigned int hi)
{
	hi = hi < UINT16_MAX ? hi : UINT16_MAX;
	for (unsigned int at = lo; at <= hi; at = at / 64 * 64 + 64) {
		unsigned int last = at / 64 < hi / 64 ? 63 : hi % 64;
		uint64_t bits = (~0ull >> (63 - last)) & (~0ull << (at % 64));

		set->n += (unsigned int)__builtin_popcountll(bits & ~set->in[at / 64]);
		set->in[at / 64] |= bits;
	}
}

static void clear(struct nemo_set *set)
{
	if (set->n)
		memset(set->in, 0, sizeof(set->in));
	set->n = 0;
	set->any = true;
}

void nemo_pick_clear(struct nemo_pick *pick)
{
	clear(&pick->src_port);
	clear(&pick->dst_port);
	clear(&pick->port);
	clear(&pick->proto);
	clear(&pick->dscp);
}

static unsigned int common(const struct nemo_set *a, const struct nemo_set *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < sizeof(a->in) / sizeof(a->in[0]); i++)
		n += (unsigned int)__builtin_popcountll(a->in[i] & b->in[i]);
	return n;
}

/* Whether a rule has ports at all: then it is about TCP and UDP. */
static bool about_ports(const struct nemo_pick *pick)
{
	return !pick->src_port.any || !pick->dst_port.any || !pick->port.any;
}

static unsigned int protos(const struct nemo_pick *pick)
{
	const struct nemo_set *p = &pick->proto;

	if (!about_ports(pick))
		return p->any ? 1 : p->n;
	return p->any ? 2 : (unsigned int)has(p, IPPROTO_TCP) + has(p, IPPROTO_UDP);
}

static bool every_port(const struct nemo_set *set)
{
	return set->any || set->n == UINT16_MAX + 1;
}

/* Pairs of (source, destination) of which one is in `port`: see pairs(). */
static uint64_t count_pairs(const struct nemo_pick *pick)
{
	const struct nemo_set *s = &pick->src_port, *d = &pick->dst_port, *p = &pick->port;
	uint64_t ns = every_port(s) ? 1 : s->n, nd = every_port(d) ? 1 : d->n;
	uint64_t first, second;

	if (every_port(p))
		return ns * nd;
	first = every_port(s) ? p->n : common(s, p);
	first *= every_port(d) ? 1 : every_port(s) ? d->n - common(d, p) : d->n;
	second = every_port(d) ? p->n : common(d, p);
	return first + second * (every_port(s) ? 1 : s->n - common(s, p));
}

uint64_t nemo_pick_count(const struct nemo_pick *pick)
{
	uint64_t dscps = pick->dscp.any ? 1 : pick->dscp.n;

	return count_pairs(pick) * protos(pick) * dscps;
}

/* ---- the rules themselves ---- */

struct list {
	struct nemo_fields *v;
	unsigned int n;
	uint64_t room;
};

struct values {					    /* of a set, and of what is left out of it */
	const struct nemo_set *in, *only, *without; /* only, without: NULL = does not count */
};

static uint64_t word(const struct values *of, unsigned int at)
{
	uint64_t in = of->in->in[at];

	if (of->only)
		in &= of->only->in[at];
	return of->without ? in & ~of->without->in[at] : in;
}

/* The next value of `of` from `value` on; more than 65535: none. */
static unsigned int next_value(const struct values *of, unsigned int value)
{
	uint64_t in;

	for (; value <= UINT16_MAX; value = value / 64 * 64 + 64) {
		in = word(of, value / 64) >> (value % 64);
		if (in)
			return value + (unsigned int)__builtin_ctzll(in);
	}
	return value;
}

static void put(struct list *list, struct nemo_fields fields)
{
	if (list->n < list->room)
		list->v[list->n++] = fields;
}

/* Every source (sports->in NULL: any) with every destination. */
static void cross(struct list *list, struct nemo_fields base, const struct values *sports,
		  const struct values *dports)
{
	if (sports->in) {
		base.fields |= SAN_CLASS_SPORT;
		for (unsigned int s = next_value(sports, 0); s <= UINT16_MAX;
		     s = next_value(sports, s + 1)) {
			base.sport = (uint16_t)s;
			cross(list, base, &(struct values){0}, dports);
		}
		return;
	}
	if (!dports->in) {
		put(list, base);
		return;
	}
	base.fields |= SAN_CLASS_DPORT;
	for (unsigned int d = next_value(dports, 0); d <= UINT16_MAX;
	     d = next_value(dports, d + 1)) {
		base.dport = (uint16_t)d;
		put(list, base);
	}
}

/* Port p: source p and any destination that is allowed, or destination p and any source. What both
 * hold is left to one of them. */
static void pairs(struct list *list, const struct nemo_pick *pick, struct nemo_fields base)
{
	const struct nemo_set *s = every_port(&pick->src_port) ? NULL : &pick->src_port;
	const struct nemo_set *d = every_port(&pick->dst_port) ? NULL : &pick->dst_port;
	const struct nemo_set *p = every_port(&pick->port) ? NULL : &pick->port;

	if (!p) {
		cross(list, base, &(struct values){.in = s}, &(struct values){.in = d});
		return;
	}
	cross(list, base, &(struct values){.in = s ? s : p, .only = p},
	      &(struct values){.in = d, .without = s ? NULL : p});
	cross(list, base, &(struct values){.in = s, .without = p},
	      &(struct values){.in = d ? d : p, .only = p});
}

static void with_dscp(struct list *list, const struct nemo_pick *pick, struct nemo_fields base)
{
	if (pick->dscp.any) {
		pairs(list, pick, base);
		return;
	}
	base.fields |= SAN_CLASS_DSCP;
	for (unsigned int i = 0; i < 64; i++) {
		base.dscp = (uint8_t)i;
		if (has(&pick->dscp, i))
			pairs(list, pick, base);
	}
}

int nemo_pick_fields(const struct nemo_pick *pick, struct nemo_fields **out, unsigned int *n)
{
	struct list list = {.room = nemo_pick_count(pick)};
	bool ports = about_ports(pick);

	list.v = calloc(list.room + 1, sizeof(list.v[0]));
	if (!list.v)
		return -ENOMEM;
	if (pick->proto.any && !ports)
		with_dscp(&list, pick, (struct nemo_fields){0});
	for (unsigned int i = 0; i < 256; i++) {
		struct nemo_fields base = {.fields = SAN_CLASS_PROTO, .proto = (uint8_t)i};
		bool asked = pick->proto.any ? ports : has(&pick->proto, i);

		if (asked && (!ports || i == IPPROTO_TCP || i == IPPROTO_UDP))
			with_dscp(&list, pick, base);
	}
	*out = list.v;
	*n = list.n;
	return 0;
}
