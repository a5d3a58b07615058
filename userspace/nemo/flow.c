/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a flow matches, as sets of addresses and combinations of exact fields. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "util/own.h"

struct build {
	struct nemo_own *own;
	struct nemo_flow *flow;
	struct nemo_pick *pick;
	struct nemo_spans egress[NEMO_FAMILIES];
	bool src, dst, to_site; /* given */
};

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = {
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"icmp", IPPROTO_ICMP},
	{"icmp6", IPPROTO_ICMPV6},
};

bool nemo_proto_read(const char *text, uint8_t *proto)
{
	unsigned int number = 0;
	size_t digits = strspn(text, "0123456789");

	for (unsigned int i = 0; i < ARRAY_SIZE(protos); i++) {
		if (strcmp(text, protos[i].name) == 0) {
			*proto = protos[i].proto;
			return true;
		}
	}
	if (!digits || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
		return false;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (unsigned int)(text[i] - '0');
	*proto = (uint8_t)number;
	return number <= UINT8_MAX;
}

const char *nemo_proto_text(uint8_t proto, char buf[8])
{
	snprintf(buf, 8, "%u", proto);
	for (unsigned int i = 0; i < ARRAY_SIZE(protos); i++)
		if (proto == protos[i].proto)
			snprintf(buf, 8, "%s", protos[i].name);
	return buf;
}

/* why; the first one stays. Returns 0: it is no error, but a flow that cannot be had here. */
static int __attribute__((format(printf, 2, 3))) cannot(struct build *b, const char *format, ...)
{
	va_list args;

	if (b->flow->why[0])
		return 0;
	va_start(args, format);
	nemo_vwhy(b->flow->why, format, args);
	va_end(args);
	return 0;
}

/* ---- fields ---- */

static int add_prefix(struct nemo_spans sets[NEMO_FAMILIES], const struct nemo_prefix *prefix)
{
	struct nemo_span span;

	nemo_prefix_span(prefix, &span);
	return nemo_spans_add(&sets[prefix->v4 ? NEMO_V4 : NEMO_V6], span.lo, span.hi);
}

static int add_range(struct build *b, const char *field, struct nemo_spans sets[NEMO_FAMILIES],
		     const struct nemo_arg *arg)
{
	const struct nemo_prefix *from = &arg->v[0].prefix, *to = &arg->v[1].prefix;
	struct nemo_span lo, hi;

	if (from->v4 != to->v4)
		return cannot(b, "field %s: both ends of a range must be of the same IP version",
			      field);
	nemo_prefix_span(from, &lo);
	nemo_prefix_span(to, &hi);
	return nemo_spans_add(&sets[from->v4 ? NEMO_V4 : NEMO_V6], lo.lo, hi.hi);
}

static int add_addresses(struct build *b, const char *field, struct nemo_spans sets[NEMO_FAMILIES],
			 const struct nemo_arg *arg)
{
	int r = 0;

	if (arg->kind == NEMO_ARG_RANGE)
		return add_range(b, field, sets, arg);
	for (unsigned int i = 0; !r && i < arg->n; i++)
		r = add_prefix(sets, &arg->v[i].prefix);
	return r;
}

static int on_src(struct build *b, const char *field, const struct nemo_arg *arg)
{
	b->src = true;
	return add_addresses(b, field, b->flow->src, arg);
}

static int on_dst(struct build *b, const char *field, const struct nemo_arg *arg)
{
	b->dst = true;
	return add_addresses(b, field, b->flow->dst, arg);
}

static int add_numbers(struct build *b, const char *field, struct nemo_set *set,
		       const struct nemo_arg *arg, int64_t max)
{
	set->any = false;
	for (unsigned int i = 0; i < arg->n; i++)
		if (arg->v[i].integer < 0 || arg->v[i].integer > max)
			return cannot(b, "field %s: is %lld, must be 0..%lld", field,
				      (long long)arg->v[i].integer, (long long)max);
	if (arg->kind == NEMO_ARG_RANGE) {
		nemo_set_add(set, (unsigned int)arg->v[0].integer, (unsigned int)arg->v[1].integer);
		return 0;
	}
	for (unsigned int i = 0; i < arg->n; i++)
		nemo_set_add(set, (unsigned int)arg->v[i].integer, (unsigned int)arg->v[i].integer);
	return 0;
}

static int on_src_port(struct build *b, const char *field, const struct nemo_arg *arg)
{
	return add_numbers(b, field, &b->pick->src_port, arg, UINT16_MAX);
}

static int on_dst_port(struct build *b, const char *field, const struct nemo_arg *arg)
{
	return add_numbers(b, field, &b->pick->dst_port, arg, UINT16_MAX);
}

static int on_port(struct build *b, const char *field, const struct nemo_arg *arg)
{
	return add_numbers(b, field, &b->pick->port, arg, UINT16_MAX);
}

static int on_dscp(struct build *b, const char *field, const struct nemo_arg *arg)
{
	int r = add_numbers(b, field, &b->pick->dscp, arg, 63);

	b->pick->dscp.any = b->pick->dscp.n == 64;
	return r;
}

static int on_proto(struct build *b, const char *field, const struct nemo_arg *arg)
{
	uint8_t proto;

	b->pick->proto.any = false;
	for (unsigned int i = 0; i < arg->n; i++) {
		if (!nemo_proto_read(arg->v[i].string, &proto))
			return cannot(b,
				      "field proto: is %.20s, must be tcp, udp, icmp, icmp6 or "
				      "0..255",
				      arg->v[i].string);
		nemo_set_add(&b->pick->proto, proto, proto);
	}
	b->pick->proto.any = b->pick->proto.n == 256;
	return 0;
}

/* A gateway or a site that a field names. NULL: there is none, why says so; or no memory. */
static const struct nemo_spot *named(struct build *b, const char *field, const char *name)
{
	const struct nemo_object *cfn = nemo_store_find(b->own->tenant->store, name);

	if (cfn && (nemo_is_site(cfn) || nemo_is_model(cfn, "gateway")))
		return nemo_own_spot(b->own, cfn);
	cannot(b, "field %s: %.63s must be a gateway or a site", field, name);
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sites may be at one gateway: what is looked through for each operation has it once. */
static void ingress_once(struct nemo_flow *flow)
{
	unsigned int n = 0;

	qsort(flow->ingress, flow->n_ingress, sizeof(flow->ingress[0]), by_name);
	for (unsigned int i = 0; i < flow->n_ingress; i++)
		if (!n || strcmp(flow->ingress[n - 1], flow->ingress[i]) != 0)
			flow->ingress[n++] = flow->ingress[i];
	flow->n_ingress = n;
}

static int on_ingress(struct build *b, const char *field, const struct nemo_arg *arg)
{
	struct nemo_flow *flow = b->flow;

	flow->ingress = calloc(arg->n, sizeof(flow->ingress[0]));
	if (!flow->ingress)
		return -ENOMEM;
	for (unsigned int i = 0; i < arg->n; i++) {
		const struct nemo_spot *place = named(b, field, arg->v[i].string);

		if (!place)
			return flow->why[0] ? 0 : -ENOMEM;
		if (!place->gateway)
			return cannot(b, "field %s: site %.63s contains no gateway", field,
				      arg->v[i].string);
		flow->ingress[flow->n_ingress++] = place->gateway->name;
	}
	ingress_once(flow);
	return 0;
}

static int add_place(struct build *b, struct nemo_spans sets[NEMO_FAMILIES],
		     const struct nemo_spot *place)
{
	int r = 0;

	b->own->looked += place->prefixes.n + 1;
	if (b->own->looked > NEMO_LOOKED_MAX)
		return cannot(b, "sites that flows name have too many prefixes in all");
	for (unsigned int i = 0; !r && i < place->prefixes.n; i++)
		r = add_prefix(sets, &place->prefixes.v[i]);
	return r;
}

static int on_egress(struct build *b, const char *field, const struct nemo_arg *arg)
{
	int r = 0;

	b->to_site = true;
	for (unsigned int i = 0; !r && !b->flow->why[0] && i < arg->n; i++) {
		const struct nemo_spot *place = named(b, field, arg->v[i].string);

		if (!place)
			return b->flow->why[0] ? 0 : -ENOMEM;
		if (!place->prefixes.n)
			return cannot(b, "field %s: %.63s has no ipv4Prefix or ipv6Prefix", field,
				      arg->v[i].string);
		r = add_place(b, b->egress, place);
	}
	return r;
}

static const struct field {
	const char *name;
	enum nemo_type type;
	bool address; /* not a set of the pick */
	int (*on)(struct build *b, const char *field, const struct nemo_arg *arg);
} fields[] = {
	{"src_ip", NEMO_IPPREFIX, true, on_src},
	{"dst_ip", NEMO_IPPREFIX, true, on_dst},
	{"src_port", NEMO_INTEGER, false, on_src_port},
	{"dst_port", NEMO_INTEGER, false, on_dst_port},
	{"port", NEMO_INTEGER, false, on_port},
	{"proto", NEMO_STRING, false, on_proto},
	{"dscp", NEMO_INTEGER, false, on_dscp},
	{"ingress", NEMO_STRING, true, on_ingress},
	{"egress", NEMO_STRING, true, on_egress},
};

static const struct field *field_of(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcmp(name, fields[i].name) == 0)
			return &fields[i];
	return NULL;
}

static int on_field(struct build *b, const struct nemo_pair *pair)
{
	const char *name = pair->name.text;
	const struct field *field = field_of(name);

	if (!field)
		return cannot(b, "field %.63s cannot be matched by this dataplane", name);
	if (!pair->arg.n || pair->arg.v[0].type != field->type)
		return cannot(b, "field %s must be of type %s here", name,
			      nemo_type_names[field->type]);
	return field->on(b, name, &pair->arg);
}

/* ---- put together ---- */

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
static int from_ingress(struct build *b, struct nemo_spans grants[NEMO_FAMILIES])
{
	const struct nemo_arg *arg = nemo_object_prop(b->flow->object, "ingress");
	struct nemo_spans sites[NEMO_FAMILIES] = {0};
	int r = 0;

	for (unsigned int i = 0; !r && !b->flow->why[0] && i < arg->n; i++) {
		const struct nemo_spot *spot = named(b, "ingress", arg->v[i].string);

		r = spot ? add_place(b, sites, spot) : -ENOMEM;
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

static int narrow_to(struct build *b, struct nemo_spans grants[NEMO_FAMILIES])
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
		return cannot(b,
			      "neither source nor destination lies in what tenant %.40s has "
			      "grants for",
			      b->own->tenant->name);
	flow->narrowed = NEMO_TO_GRANTS;
	return cut_to(flow->dst, grants);
}

static int narrow(struct build *b)
{
	const struct nemo_grants *grants = b->own->tenant->grants;
	struct nemo_spans sets[NEMO_FAMILIES] = {0};
	int r = 0;

	if ((grants && grants->everything) || b->flow->why[0])
		return 0;
	for (unsigned int i = 0; !r && grants && i < grants->n_prefixes; i++)
		r = add_prefix(sets, &grants->prefixes[i]);
	for (int f = 0; f < NEMO_FAMILIES; f++)
		nemo_spans_merge(&sets[f]);
	if (!r)
		r = narrow_to(b, sets);
	for (int f = 0; f < NEMO_FAMILIES; f++)
		nemo_spans_fini(&sets[f]);
	return r;
}

static int addresses(struct build *b)
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

static int finish(struct build *b)
{
	unsigned __int128 n = 0;
	uint64_t picks = nemo_pick_count(b->pick);
	int r = count_addresses(b->flow, &n);

	if (r)
		return r;
	if (!n)
		return cannot(b, "its source and destination have no IP version in common, or "
				 "none in the egress");
	if (!picks)
		return cannot(b, "ports are those of tcp and udp, and proto or the ports leave "
				 "nothing over");
	n *= picks;
	if (n > NEMO_RULES_MAX)
		return cannot(b, "needs %llu rules, a host has %d",
			      n > UINT64_MAX ? (unsigned long long)UINT64_MAX
					     : (unsigned long long)n,
			      NEMO_RULES_MAX);
	return 0;
}

static int build(struct build *b)
{
	const struct nemo_pairs *match = &b->flow->object->c.match;
	int r = 0;

	for (unsigned int i = 0; !r && i < match->n; i++)
		r = on_field(b, &match->v[i]);
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

/* An empty pick. NULL: no memory. */
static struct nemo_pick *pick_of(struct nemo_own *own)
{
	own->pick = own->pick ? own->pick : calloc(1, sizeof(*own->pick));
	if (own->pick)
		nemo_pick_clear(own->pick);
	return own->pick;
}

struct nemo_flow *nemo_flow_get(struct nemo_own *own, const struct nemo_object *object)
{
	struct build b = {.own = own};
	struct nemo_flow *flow;
	int r;

	HASH_FIND_PTR(own->flows, &object, flow);
	if (flow)
		return flow;
	b.pick = pick_of(own);
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

int nemo_flow_fields(struct nemo_own *own, struct nemo_flow *flow, struct nemo_fields **out,
		     unsigned int *n)
{
	struct build b = {.own = own, .flow = flow, .pick = pick_of(own)};
	const struct nemo_pairs *match = &flow->object->c.match;
	int r = b.pick ? 0 : -ENOMEM;

	for (unsigned int i = 0; !r && i < match->n; i++) {
		const struct field *field = field_of(match->v[i].name.text);

		if (field && !field->address)
			r = field->on(&b, field->name, &match->v[i].arg);
	}
	return r ? r : nemo_pick_fields(b.pick, out, n);
}

bool nemo_flow_here(const struct nemo_flow *flow, const char *host)
{
	for (unsigned int i = 0; i < flow->n_ingress; i++)
		if (strcmp(flow->ingress[i], host) == 0)
			return true;
	return !flow->n_ingress;
}
