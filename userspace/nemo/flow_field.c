/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fields of a flow say, as sets of addresses and of numbers. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/flow_int.h"
#include "util/own.h"

int flow_cannot(struct flow_build *b, const char *format, ...)
{
	va_list args;

	if (b->flow->why[0])
		return 0;
	va_start(args, format);
	nemo_vwhy(b->flow->why, format, args);
	va_end(args);
	return 0;
}

int flow_add_prefix(struct nemo_spans sets[NEMO_FAMILIES], const struct nemo_prefix *prefix)
{
	struct nemo_span span;

	nemo_prefix_span(prefix, &span);
	return nemo_spans_add(&sets[prefix->v4 ? NEMO_V4 : NEMO_V6], span.lo, span.hi);
}

static int add_range(struct flow_build *b, const char *field, struct nemo_spans sets[NEMO_FAMILIES],
		     const struct nemo_arg *arg)
{
	const struct nemo_prefix *from = &arg->v[0].prefix, *to = &arg->v[1].prefix;
	struct nemo_span lo, hi;

	if (from->v4 != to->v4)
		return flow_cannot(
			b, "field %s: both ends of a range must be of the same IP version", field);
	nemo_prefix_span(from, &lo);
	nemo_prefix_span(to, &hi);
	return nemo_spans_add(&sets[from->v4 ? NEMO_V4 : NEMO_V6], lo.lo, hi.hi);
}

static int add_addresses(struct flow_build *b, const char *field,
			 struct nemo_spans sets[NEMO_FAMILIES], const struct nemo_arg *arg)
{
	int r = 0;

	if (arg->kind == NEMO_ARG_RANGE)
		return add_range(b, field, sets, arg);
	for (unsigned int i = 0; !r && i < arg->n; i++)
		r = flow_add_prefix(sets, &arg->v[i].prefix);
	return r;
}

static int on_src(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	b->src = true;
	return add_addresses(b, field, b->flow->src, arg);
}

static int on_dst(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	b->dst = true;
	return add_addresses(b, field, b->flow->dst, arg);
}

static int add_numbers(struct flow_build *b, const char *field, struct nemo_set *set,
		       const struct nemo_arg *arg, int64_t max)
{
	set->any = false;
	for (unsigned int i = 0; i < arg->n; i++)
		if (arg->v[i].integer < 0 || arg->v[i].integer > max)
			return flow_cannot(b, "field %s: is %lld, must be 0..%lld", field,
					   (long long)arg->v[i].integer, (long long)max);
	if (arg->kind == NEMO_ARG_RANGE) {
		nemo_set_add(set, (unsigned int)arg->v[0].integer, (unsigned int)arg->v[1].integer);
		return 0;
	}
	for (unsigned int i = 0; i < arg->n; i++)
		nemo_set_add(set, (unsigned int)arg->v[i].integer, (unsigned int)arg->v[i].integer);
	return 0;
}

static int on_src_port(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	return add_numbers(b, field, &b->pick->src_port, arg, UINT16_MAX);
}

static int on_dst_port(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	return add_numbers(b, field, &b->pick->dst_port, arg, UINT16_MAX);
}

static int on_port(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	return add_numbers(b, field, &b->pick->port, arg, UINT16_MAX);
}

static int on_dscp(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	int r = add_numbers(b, field, &b->pick->dscp, arg, 63);

	b->pick->dscp.any = b->pick->dscp.n == 64;
	return r;
}

static int on_proto(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	uint8_t proto;

	b->pick->proto.any = false;
	for (unsigned int i = 0; i < arg->n; i++) {
		if (!nemo_proto_read(arg->v[i].string, &proto))
			return flow_cannot(
				b,
				"field proto: is %.20s, must be tcp, udp, icmp, icmp6 or "
				"0..255",
				arg->v[i].string);
		nemo_set_add(&b->pick->proto, proto, proto);
	}
	b->pick->proto.any = b->pick->proto.n == 256;
	return 0;
}

const struct nemo_spot *flow_named(struct flow_build *b, const char *field, const char *name)
{
	const struct nemo_object *cfn = nemo_store_find(b->own->tenant->store, name);

	if (cfn && (nemo_is_site(cfn) || nemo_is_model(cfn, "gateway")))
		return nemo_own_spot(b->own, cfn);
	flow_cannot(b, "field %s: %.63s must be a gateway or a site", field, name);
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

static int on_ingress(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	struct nemo_flow *flow = b->flow;

	flow->ingress = calloc(arg->n, sizeof(flow->ingress[0]));
	if (!flow->ingress)
		return -ENOMEM;
	for (unsigned int i = 0; i < arg->n; i++) {
		const struct nemo_spot *place = flow_named(b, field, arg->v[i].string);

		if (!place)
			return flow->why[0] ? 0 : -ENOMEM;
		if (!place->gateway)
			return flow_cannot(b, "field %s: site %.63s contains no gateway", field,
					   arg->v[i].string);
		flow->ingress[flow->n_ingress++] = place->gateway->name;
	}
	ingress_once(flow);
	return 0;
}

int flow_add_place(struct flow_build *b, struct nemo_spans sets[NEMO_FAMILIES],
		   const struct nemo_spot *place)
{
	int r = 0;

	b->own->looked += place->prefixes.n + 1;
	if (b->own->looked > NEMO_LOOKED_MAX)
		return flow_cannot(b, "sites that flows name have too many prefixes in all");
	for (unsigned int i = 0; !r && i < place->prefixes.n; i++)
		r = flow_add_prefix(sets, &place->prefixes.v[i]);
	return r;
}

static int on_egress(struct flow_build *b, const char *field, const struct nemo_arg *arg)
{
	int r = 0;

	b->to_site = true;
	for (unsigned int i = 0; !r && !b->flow->why[0] && i < arg->n; i++) {
		const struct nemo_spot *place = flow_named(b, field, arg->v[i].string);

		if (!place)
			return b->flow->why[0] ? 0 : -ENOMEM;
		if (!place->prefixes.n)
			return flow_cannot(b, "field %s: %.63s has no ipv4Prefix or ipv6Prefix",
					   field, arg->v[i].string);
		r = flow_add_place(b, b->egress, place);
	}
	return r;
}

static const struct field {
	const char *name;
	enum nemo_type type;
	bool address; /* not a set of the pick */
	int (*on)(struct flow_build *b, const char *field, const struct nemo_arg *arg);
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

int flow_field(struct flow_build *b, const struct nemo_pair *pair)
{
	const char *name = pair->name.text;
	const struct field *field = field_of(name);

	if (!field)
		return flow_cannot(b, "field %.63s cannot be matched by this dataplane", name);
	if (!pair->arg.n || pair->arg.v[0].type != field->type)
		return flow_cannot(b, "field %s must be of type %s here", name,
				   nemo_type_names[field->type]);
	return field->on(b, name, &pair->arg);
}

struct nemo_pick *flow_pick(struct nemo_own *own)
{
	own->pick = own->pick ? own->pick : calloc(1, sizeof(*own->pick));
	if (own->pick)
		nemo_pick_clear(own->pick);
	return own->pick;
}

int nemo_flow_fields(struct nemo_own *own, struct nemo_flow *flow, struct nemo_fields **out,
		     unsigned int *n)
{
	struct flow_build b = {.own = own, .flow = flow, .pick = flow_pick(own)};
	const struct nemo_pairs *match = &flow->object->c.match;
	int r = b.pick ? 0 : -ENOMEM;

	for (unsigned int i = 0; !r && i < match->n; i++) {
		const struct field *field = field_of(match->v[i].name.text);

		if (field && !field->address)
			r = field->on(&b, field->name, &match->v[i].arg);
	}
	return r ? r : nemo_pick_fields(b.pick, out, n);
}
