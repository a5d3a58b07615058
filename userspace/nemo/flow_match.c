/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does a flow match a packet? By what its fields say, not by the rules made of them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/in6.h"
#include "nemo/compile_int.h"
#include "util/own.h"

struct match {
	struct nemo_own *own;
	const struct nemo_packet *packet;
	char *why;
};

static bool __attribute__((format(printf, 2, 3))) no(struct match *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	nemo_vwhy(m->why, format, args);
	va_end(args);
	return false;
}

/* "192.0.2.0/24", "192.0.2.1 to 192.0.2.9", "443, 80 and 3 more". */
static const char *arg_text(const struct nemo_arg *arg, char *buf, size_t size)
{
	char first[NEMO_STRING_MAX + 1], second[NEMO_STRING_MAX + 1];

	nemo_value_text(&arg->v[0], first, sizeof(first));
	if (arg->n == 1) {
		snprintf(buf, size, "%.48s", first);
		return buf;
	}
	nemo_value_text(&arg->v[1], second, sizeof(second));
	if (arg->kind == NEMO_ARG_RANGE)
		snprintf(buf, size, "%.40s to %.40s", first, second);
	else if (arg->n == 2)
		snprintf(buf, size, "%.40s or %.40s", first, second);
	else
		snprintf(buf, size, "%.30s, %.30s and %u more", first, second, arg->n - 2);
	return buf;
}

static bool address_in(const struct nemo_arg *arg, const struct in6_addr *addr)
{
	bool v4 = nemo_family_of(addr) == NEMO_V4;
	unsigned __int128 number = nemo_addr_number(addr);
	struct nemo_span lo, hi;

	if (arg->kind == NEMO_ARG_RANGE) {
		nemo_prefix_span(&arg->v[0].prefix, &lo);
		nemo_prefix_span(&arg->v[1].prefix, &hi);
		return arg->v[0].prefix.v4 == v4 && lo.lo <= number && number <= hi.hi;
	}
	for (unsigned int i = 0; i < arg->n; i++)
		if (nemo_prefix_holds(&arg->v[i].prefix, addr))
			return true;
	return false;
}

static bool address(struct match *m, const char *field, const struct nemo_arg *arg,
		    const struct in6_addr *addr)
{
	char is[INET6_ADDRSTRLEN], want[100];

	if (address_in(arg, addr))
		return true;
	return no(m, "%s %s is not in %s", field, in6_text(addr, is),
		  arg_text(arg, want, sizeof(want)));
}

static bool number_in(const struct nemo_arg *arg, int64_t number)
{
	if (arg->kind == NEMO_ARG_RANGE)
		return arg->v[0].integer <= number && number <= arg->v[1].integer;
	for (unsigned int i = 0; i < arg->n; i++)
		if (arg->v[i].integer == number)
			return true;
	return false;
}

static bool number(struct match *m, const char *field, const struct nemo_arg *arg, unsigned int is)
{
	char want[100];

	if (number_in(arg, is))
		return true;
	return no(m, "%s %u is not %s", field, is, arg_text(arg, want, sizeof(want)));
}

static bool on_src_ip(struct match *m, const char *field, const struct nemo_arg *arg)
{
	return address(m, field, arg, &m->packet->src);
}

static bool on_dst_ip(struct match *m, const char *field, const struct nemo_arg *arg)
{
	return address(m, field, arg, &m->packet->dst);
}

static bool has_ports(struct match *m, const char *field)
{
	char proto[8];

	if (m->packet->proto == IPPROTO_TCP || m->packet->proto == IPPROTO_UDP)
		return true;
	return no(m, "%s: protocol %s has no ports", field,
		  nemo_proto_text(m->packet->proto, proto));
}

static bool on_src_port(struct match *m, const char *field, const struct nemo_arg *arg)
{
	return has_ports(m, field) && number(m, field, arg, m->packet->sport);
}

static bool on_dst_port(struct match *m, const char *field, const struct nemo_arg *arg)
{
	return has_ports(m, field) && number(m, field, arg, m->packet->dport);
}

static bool on_port(struct match *m, const char *field, const struct nemo_arg *arg)
{
	char want[100];

	if (!has_ports(m, field))
		return false;
	if (number_in(arg, m->packet->sport) || number_in(arg, m->packet->dport))
		return true;
	return no(m, "%s: neither %u nor %u is %s", field, m->packet->sport, m->packet->dport,
		  arg_text(arg, want, sizeof(want)));
}

static bool on_dscp(struct match *m, const char *field, const struct nemo_arg *arg)
{
	return number(m, field, arg, m->packet->dscp);
}

static bool on_proto(struct match *m, const char *field, const struct nemo_arg *arg)
{
	char is[8], want[100];
	uint8_t proto;

	for (unsigned int i = 0; i < arg->n; i++)
		if (nemo_proto_read(arg->v[i].string, &proto) && proto == m->packet->proto)
			return true;
	return no(m, "%s %s is not %s", field, nemo_proto_text(m->packet->proto, is),
		  arg_text(arg, want, sizeof(want)));
}

static bool in_place(struct match *m, const struct nemo_arg *arg, const struct in6_addr *addr)
{
	for (unsigned int i = 0; i < arg->n; i++) {
		const struct nemo_object *cfn =
			nemo_store_find(m->own->tenant->store, arg->v[i].string);
		const struct nemo_spot *place = cfn ? nemo_own_spot(m->own, cfn) : NULL;

		for (unsigned int j = 0; place && j < place->prefixes.n; j++)
			if (nemo_prefix_holds(&place->prefixes.v[j], addr))
				return true;
	}
	return false;
}

static bool on_egress(struct match *m, const char *field, const struct nemo_arg *arg)
{
	char is[INET6_ADDRSTRLEN], want[100];

	return in_place(m, arg, &m->packet->dst) ||
	       no(m, "%s: destination %s is not in the prefixes of %s", field,
		  in6_text(&m->packet->dst, is), arg_text(arg, want, sizeof(want)));
}

static bool in_grants(const struct match *m, const struct in6_addr *addr)
{
	const struct nemo_grants *grants = m->own->tenant->grants;

	for (unsigned int i = 0; grants && i < grants->n_prefixes; i++)
		if (nemo_prefix_holds(&grants->prefixes[i], addr))
			return true;
	return false;
}

static bool on_narrowed(struct match *m, const struct nemo_flow *flow)
{
	const struct nemo_arg *ingress = nemo_object_prop(flow->object, "ingress");
	const struct in6_addr *addr = &m->packet->dst;
	char is[INET6_ADDRSTRLEN], want[100];

	if (flow->narrowed == NEMO_AS_IT_IS)
		return true;
	if (flow->narrowed == NEMO_FROM_INGRESS) {
		addr = &m->packet->src;
		if (!in_place(m, ingress, addr))
			return no(m, "ingress: source %s is not in the prefixes of %s",
				  in6_text(addr, is), arg_text(ingress, want, sizeof(want)));
	}
	return in_grants(m, addr) ||
	       no(m, "%s is in no prefix that the tenant has a grant for", in6_text(addr, is));
}

static const struct {
	const char *name;
	bool (*on)(struct match *m, const char *field, const struct nemo_arg *arg);
} fields[] = {
	{"src_ip", on_src_ip},	   {"dst_ip", on_dst_ip}, {"proto", on_proto},
	{"src_port", on_src_port}, {"port", on_port},	  {"dst_port", on_dst_port},
	{"dscp", on_dscp},	   {"egress", on_egress},
};

bool nemo_flow_matches(struct nemo_own *own, const struct nemo_flow *flow,
		       const struct nemo_packet *packet, char why[NEMO_WHY])
{
	struct match m = {.own = own, .packet = packet, .why = why};

	if (nemo_family_of(&packet->src) != nemo_family_of(&packet->dst))
		return no(&m, "source and destination are of different IP versions");
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct nemo_arg *arg = nemo_object_prop(flow->object, fields[i].name);

		if (arg && !fields[i].on(&m, fields[i].name, arg))
			return false;
	}
	return on_narrowed(&m, flow);
}
