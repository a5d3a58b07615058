/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a flow matches, as sets of addresses and combinations of exact fields. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/flow_int.h"

static int fill(struct nemo_spans sets[NEMO_FAMILIES], bool given)
{
	int r = 0;

	for (int f = 0; !r && f < NEMO_FAMILIES; f++) {
		if (!given)
			r = nemo_spans_add_all(&sets[f], (enum nemo_family)f);
		nemo_spans_merge(&sets[f]);
	}
	return r;
}

static int cut_to(struct nemo_spans sets[NEMO_FAMILIES], struct nemo_spans to[NEMO_FAMILIES])
{
	int r = 0;

	for (int f = 0; !r && f < NEMO_FAMILIES; f++) {
		struct nemo_spans cut = {0};

		nemo_spans_merge(&to[f]);
		r = nemo_spans_cut(&sets[f], &to[f], &cut);
		nemo_spans_fini(&sets[f]);
		sets[f] = cut;
	}
	return r;
}

static bool same(const struct nemo_spans *a, const struct nemo_spans *b)
{
	bool equal = a->n == b->n;

	for (unsigned int i = 0; equal && i < a->n; i++)
		equal = a->v[i].lo == b->v[i].lo && a->v[i].hi == b->v[i].hi;
	return equal;
}

/* 1: all of it is granted; 0: it is not. */
static int granted(const struct nemo_spans sets[NEMO_FAMILIES],
		   const struct nemo_spans grants[NEMO_FAMILIES])
{
	int r = 1;

	for (int f = 0; r == 1 && f < NEMO_FAMILIES; f++) {
		struct nemo_spans cut = {0};

		r = nemo_spans_cut(&sets[f], &grants[f], &cut);
		r = r ? r : same(&cut, &sets[f]);
		nemo_spans_fini(&cut);
	}
	return r;
}

/* What was granted is a site's traffic, not all that comes in at its gateway. */
static int from_ingress(struct flow_build *b, struct nemo_spans grants[NEMO_FAMILIES])
{
	const struct nemo_arg *arg = nemo_object_prop(b->flow->object, "ingress");
	struct nemo_spans sites[NEMO_FAMILIES] = {0};
	int r = 0;

	for (unsigned int i = 0; !r && !b->flow->why[0] && i < arg->n; i++) {
		const struct nemo_spot *spot = flow_named(b, "ingress", arg->v[i].string);

		r = spot ? flow_add_place(b, sites, spot) : -ENOMEM;
	}
	if (!r)
		r = cut_to(b->flow->src, sites);
	if (!r)
		r = cut_to(b->flow->src, grants);
	for (int f = 0; f < NEMO_FAMILIES; f++)
		nemo_spans_fini(&sites[f]);
	b->flow->narrowed = NEMO_FROM_INGRESS;
	return r;
}

static int narrow_to(struct flow_build *b, struct nemo_spans grants[NEMO_FAMILIES])
{
	struct nemo_flow *flow = b->flow;
	int r = granted(flow->src, grants);

	if (r == 0)
		r = granted(flow->dst, grants);
	if (r)
		return r < 0 ? r : 0;
	if (!b->src && flow->n_ingress)
		return from_ingress(b, grants);
	if (!b->to_site)
		return flow_cannot(b,
				   "neither source nor destination lies in what tenant %.40s has "
				   "grants for",
				   b->own->tenant->name);
	flow->narrowed = NEMO_TO_GRANTS;
	return cut_to(flow->dst, grants);
}

static int narrow(struct flow_build *b)
{
	const struct nemo_grants *grants = b->own->tenant->grants;
	struct nemo_spans sets[NEMO_FAMILIES] = {0};
	int r = 0;

	if ((grants && grants->everything) || b->flow->why[0])
		return 0;
	for (unsigned int i = 0; !r && grants && i < grants->n_prefixes; i++)
		r = flow_add_prefix(sets, &grants->prefixes[i]);
	for (int f = 0; f < NEMO_FAMILIES; f++)
		nemo_spans_merge(&sets[f]);
	if (!r)
		r = narrow_to(b, sets);
	for (int f = 0; f < NEMO_FAMILIES; f++)
		nemo_spans_fini(&sets[f]);
	return r;
}

static int addresses(struct flow_build *b)
{
	struct nemo_flow *flow = b->flow;
	int r = fill(flow->src, b->src);

	if (!r)
		r = fill(flow->dst, b->dst);
	if (!r && b->to_site)
		r = cut_to(flow->dst, b->egress);
	return r ? r : narrow(b);
}

static bool everywhere(const struct nemo_flow *flow)
{
	bool all = true;

	for (int f = 0; f < NEMO_FAMILIES; f++)
		all = all && nemo_spans_is_all(&flow->src[f], (enum nemo_family)f) &&
		      nemo_spans_is_all(&flow->dst[f], (enum nemo_family)f);
	return all;
}

/* Rules that the addresses make, at the least: source times destination, or one for all. */
static int count_addresses(const struct nemo_flow *flow, unsigned __int128 *out)
{
	int r = 0;

	*out = 0;
	for (int f = 0; !r && f < NEMO_FAMILIES; f++) {
		struct nemo_prefixes src = {0}, dst = {0};

		r = nemo_spans_prefixes(&flow->src[f], &src);
		if (!r)
			r = nemo_spans_prefixes(&flow->dst[f], &dst);
		*out += (unsigned __int128)src.n * dst.n;
		nemo_prefixes_fini(&src);
		nemo_prefixes_fini(&dst);
	}
	if (everywhere(flow))
		*out = 1;
	return r;
}

static int finish(struct flow_build *b)
{
	unsigned __int128 n = 0;
	uint64_t picks = nemo_pick_count(b->pick);
	int r = count_addresses(b->flow, &n);

	if (r)
		return r;
	if (!n)
		return flow_cannot(b, "its source and destination have no IP version in common, or "
				      "none in the egress");
	if (!picks)
		return flow_cannot(b,
				   "ports are those of tcp and udp, and proto or the ports leave "
				   "nothing over");
	n *= picks;
	if (n > NEMO_RULES_MAX)
		return flow_cannot(b, "needs %llu rules, a host has %d",
				   n > UINT64_MAX ? (unsigned long long)UINT64_MAX
						  : (unsigned long long)n,
				   NEMO_RULES_MAX);
	return 0;
}

static int build(struct flow_build *b)
{
	const struct nemo_pairs *match = &b->flow->object->c.match;
	int r = 0;

	for (unsigned int i = 0; !r && i < match->n; i++)
		r = flow_field(b, &match->v[i]);
	if (!r)
		r = addresses(b);
	return r || b->flow->why[0] ? r : finish(b);
}

void nemo_flow_free(struct nemo_flow *flow)
{
	for (int f = 0; f < NEMO_FAMILIES; f++) {
		nemo_spans_fini(&flow->src[f]);
		nemo_spans_fini(&flow->dst[f]);
	}
	free(flow->ingress);
	free(flow);
}

struct nemo_flow *nemo_flow_get(struct nemo_own *own, const struct nemo_object *object)
{
	struct flow_build b = {.own = own};
	struct nemo_flow *flow;
	int r;

	HASH_FIND_PTR(own->flows, &object, flow);
	if (flow)
		return flow;
	b.pick = flow_pick(own);
	flow = b.pick ? calloc(1, sizeof(*flow)) : NULL;
	if (!flow)
		return NULL;
	flow->object = object;
	b.flow = flow;
	r = build(&b);
	for (int f = 0; f < NEMO_FAMILIES; f++)
		nemo_spans_fini(&b.egress[f]);
	if (r) {
		nemo_flow_free(flow);
		return NULL;
	}
	HASH_ADD_PTR(own->flows, object, flow);
	return flow;
}

bool nemo_flow_here(const struct nemo_flow *flow, const char *host)
{
	for (unsigned int i = 0; i < flow->n_ingress; i++)
		if (strcmp(flow->ingress[i], host) == 0)
			return true;
	return !flow->n_ingress;
}
