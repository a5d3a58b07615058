/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CFNs and flows: does the network have what they name, and may the tenant name it? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/admit_int.h"
#include "nemo/compile_int.h"
#include "nemo/site.h"
#include "util/own.h"

static bool granted_gateway(const struct nemo_grants *g, const char *name)
{
	for (unsigned int i = 0; !g->everything && i < g->n_gateways; i++)
		if (strcmp(g->gateways[i], name) == 0)
			return true;
	return g->everything;
}

static bool granted_service(const struct nemo_grants *g, uint64_t id)
{
	for (unsigned int i = 0; !g->everything && i < g->n_services; i++)
		if (g->services[i] == id)
			return true;
	return g->everything;
}

/* Both ends of a range lie in one and the same. */
static bool granted_both(const struct nemo_grants *g, const struct nemo_prefix *a,
			 const struct nemo_prefix *b)
{
	for (unsigned int i = 0; i < g->n_prefixes; i++)
		if (nemo_prefix_within(a, &g->prefixes[i]) &&
		    nemo_prefix_within(b, &g->prefixes[i]))
			return true;
	return false;
}

/* Everything that it stands for; NULL: not set, nothing is. */
static bool granted_arg(const struct nemo_grants *g, const struct nemo_arg *arg)
{
	if (!arg)
		return false;
	if (arg->kind == NEMO_ARG_RANGE)
		return granted_both(g, &arg->v[0].prefix, &arg->v[1].prefix);
	for (unsigned int i = 0; i < arg->n; i++)
		if (arg->v[i].type != NEMO_IPPREFIX ||
		    !granted_both(g, &arg->v[i].prefix, &arg->v[i].prefix))
			return false;
	return arg->n > 0;
}

static const char *nearest_gateway(const struct admission *a, const char *name)
{
	unsigned int n = 0;
	OWN_PTR const char **names =
		calloc(HASH_COUNT(a->view->gateways) + 1, sizeof(const char *));

	for (struct view_gateway *g = a->view->gateways; names && g; g = g->hh.next)
		if (granted_gateway(a->grants, g->def.name))
			names[n++] = g->def.name;
	return nemo_nearest(name, names, n);
}

static int admit_gateway(const struct admission *a, const struct nemo_object *cfn)
{
	const char *like;

	if (!granted_gateway(a->grants, cfn->name))
		return admit_error(a, cfn, "tenant %s has no grant for gateway %s", a->tenant,
				   cfn->name);
	if (view_gateway(a->view, cfn->name))
		return 0;
	like = nearest_gateway(a, cfn->name);
	return admit_error(a, cfn,
			   "no gateway of this name is known; a gateway has the name of its host"
			   "%s%s%s",
			   like ? "; did you mean " : "", like ? like : "", like ? "?" : "");
}

static int admit_service(const struct admission *a, const struct nemo_object *cfn)
{
	const struct view_service *service;
	const struct admit_range range = {1, INT64_MAX, ""};
	char text[SVC_ID_TEXT];
	int64_t id;
	int r = admit_integer(a, cfn, "service_id", range);

	if (r)
		return r;
	if (!nemo_object_integer(cfn, "service_id", &id))
		return cfn->imported
			       ? admit_error(a, cfn, "service_id is missing: which service is it?")
			       : 0;
	if (!granted_service(a->grants, (uint64_t)id))
		return admit_error(a, cfn, "tenant %s has no grant for service %s", a->tenant,
				   svc_id_text((uint64_t)id, text));
	service = view_service(a->view, (uint64_t)id);
	if (!cfn->imported || (service && service->registered))
		return 0;
	return admit_error(a, cfn,
			   "service %s is not registered; CREATE in place of IMPORT registers it",
			   svc_id_text((uint64_t)id, text));
}

static int admit_function(const struct admission *a, const struct nemo_object *cfn)
{
	const struct nemo_arg *ip = nemo_object_prop(cfn, "ip");
	char text[INET6_ADDRSTRLEN + 8] = "";

	if (!ip && cfn->imported && !nemo_is_model(cfn, "host"))
		return admit_error(a, cfn, "ip is missing: an imported %s has a SID or address",
				   cfn->model->name);
	if (ip && ip->n > 1)
		return admit_error(a, cfn, "ip is a list of %u values, must be one address", ip->n);
	if (!ip || a->grants->everything || granted_arg(a->grants, ip))
		return 0;
	return admit_error(a, cfn, "ip %s lies in no prefix that tenant %s has a grant for",
			   nemo_value_text(&ip->v[0], text, sizeof(text)), a->tenant);
}

static int admit_cfn(const struct admission *a, const struct nemo_object *cfn)
{
	if (nemo_is_model(cfn, "gateway"))
		return admit_gateway(a, cfn);
	if (nemo_is_model(cfn, "service"))
		return admit_service(a, cfn);
	return nemo_is_function(cfn) ? admit_function(a, cfn) : 0;
}

/* A site's prefixes of each family that it has lie in what is granted. */
static bool granted_site(const struct admission *a, const struct nemo_object *flow,
			 const char *field)
{
	const char *name = nemo_object_string(flow, field);
	const struct nemo_object *site = name ? nemo_store_find(a->store, name) : NULL;
	const struct nemo_arg *v4, *v6;

	if (!site || !nemo_is_site(site))
		return false;
	v4 = nemo_object_prop(site, "ipv4Prefix");
	v6 = nemo_object_prop(site, "ipv6Prefix");
	return (v4 || v6) && (!v4 || granted_arg(a->grants, v4)) &&
	       (!v6 || granted_arg(a->grants, v6));
}

static bool granted_end(const struct admission *a, const struct nemo_object *flow,
			const char *address, const char *site)
{
	const struct nemo_arg *arg = nemo_object_prop(flow, address);

	return arg ? granted_arg(a->grants, arg) : granted_site(a, flow, site);
}

/* The types of other fields leave nothing else over. */
static int admit_proto(const struct admission *a, const struct nemo_object *flow)
{
	const struct nemo_arg *arg = nemo_object_prop(flow, "proto");
	uint8_t proto;

	for (unsigned int i = 0; arg && i < arg->n; i++)
		if (arg->v[i].type == NEMO_STRING && !nemo_proto_read(arg->v[i].string, &proto))
			return admit_error(a, flow,
					   "proto is \"%.40s\", must be tcp, udp, icmp, icmp6 or "
					   "0..255",
					   arg->v[i].string);
	return 0;
}

static int admit_flow(const struct admission *a, const struct nemo_object *flow)
{
	int r = admit_proto(a, flow);

	if (r)
		return r;
	if (a->grants->everything || granted_end(a, flow, "src_ip", "ingress") ||
	    granted_end(a, flow, "dst_ip", "egress"))
		return 0;
	return admit_error(
		a, flow,
		"neither its source nor its destination (src_ip, dst_ip, or the prefixes "
		"of the sites ingress, egress) lies in a prefix that tenant %s has a "
		"grant for",
		a->tenant);
}

static int admit_each(const struct admission *a, enum nemo_object_kind kind,
		      int (*admit)(const struct admission *a, const struct nemo_object *object))
{
	OWN_PTR const struct nemo_object **objects = NULL;
	int n = nemo_store_list(a->store, kind, &objects), r = 0;

	if (n < 0)
		return admit_no_memory(a);
	for (int i = 0; i < n; i++)
		if (admit(a, objects[i]) < 0)
			r = -EINVAL;
	return r;
}

int admit_cfns(const struct admission *a)
{
	return admit_each(a, NEMO_CFN, admit_cfn);
}

int admit_flows(const struct admission *a)
{
	return admit_each(a, NEMO_FLOW, admit_flow);
}
