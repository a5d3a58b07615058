/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl alto ird|map|cost|props|path`: what is asked for, and which resource answers it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/alto.h"
#include "util/own.h"

/* ---- --src and --dst ---- */

json_t *alto_list(const char *text)
{
	json_t *list = json_array();

	while (text && *text) {
		size_t n = strcspn(text, ",");

		json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return list;
}

static bool all_endpoints(const json_t *list)
{
	struct alto_prefix p;
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (alto_endpoint_parse(json_string_value(item), &p))
			return false;
	}
	return true;
}

/* Addresses, not PIDs: endpoint services are asked. */
static bool of_endpoints(const json_t *srcs, const json_t *dsts)
{
	return json_array_size(srcs) + json_array_size(dsts) > 0 && all_endpoints(srcs) &&
	       all_endpoints(dsts);
}

static json_t *request_of(const char *mode, const char *metric, const json_t *srcs,
			  const json_t *dsts)
{
	const char *name = of_endpoints(srcs, dsts) ? "endpoints" : "pids";

	return json_pack("{s:{s:s,s:s},s:{s:O,s:O}}", "cost-type", "cost-mode", mode, "cost-metric",
			 metric, name, "srcs", srcs, "dsts", dsts);
}

/* ---- ird, map ---- */

int run_alto_ird(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct peer peer;
	int status = peer_open(&peer, ctl, verb, args);

	if (!status && ctl->json)
		ctl_print_json(peer.ird->root);
	else if (!status)
		alto_show_ird(peer.ird);
	peer_close(&peer);
	return status;
}

int run_alto_map(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct peer peer;
	int status = peer_open(&peer, ctl, verb, args);

	if (!status)
		status = peer_map(&peer);
	if (!status && ctl->json)
		ctl_print_json(peer.map->root);
	else if (!status)
		alto_show_map(peer.map);
	peer_close(&peer);
	return status;
}

/* ---- cost ---- */

/* Numbers if there are some, else any mode; POST if it is told what for, else GET; else the other
 * way. */
static const struct alto_ird_entry *pick_costs(const struct peer *peer, bool some, bool endpoints,
					       struct alto_ird_type *type)
{
	const char *metric = peer->link.ctl->text[CTL_OPT_METRIC];
	const struct alto_ird_entry *e = NULL;

	for (int i = 0; i < 4 && !e; i++) {
		bool post = (i & 1) == (some ? 0 : 1);
		struct alto_ird_want want = {.media = ALTO_MEDIA_COSTMAP,
					     .accepts = post ? ALTO_MEDIA_COSTMAPFILTER
							     : ALTO_MEDIA_MAX,
					     .uses = endpoints ? NULL : peer->map->vtag.id,
					     .metric = metric ? metric : "routingcost",
					     .mode = i < 2 ? alto_mode_name(ALTO_NUMERICAL) : NULL};

		if (endpoints) {
			want.media = ALTO_MEDIA_ENDPOINTCOST;
			want.accepts = ALTO_MEDIA_ENDPOINTCOSTPARAMS;
		}
		e = alto_ird_pick(peer->ird, &want, type);
	}
	return e;
}

int alto_costs(struct peer *peer, const json_t *srcs, const json_t *dsts, struct alto_costmap **out)
{
	const char *metric = peer->link.ctl->text[CTL_OPT_METRIC];
	bool endpoints = of_endpoints(srcs, dsts);
	bool some = json_array_size(srcs) + json_array_size(dsts) > 0;
	struct alto_ird_type type;
	const struct alto_ird_entry *e = pick_costs(peer, some, endpoints, &type);
	struct err err = {};
	json_t *request;
	int status;

	if (!e)
		return peer_lacks(peer, "%s of metric %s",
				  endpoints ? "endpoint costs" : "cost map of this network map",
				  metric ? metric : "routingcost");
	request = e->accepts_text ? request_of(type.mode, type.metric, srcs, dsts) : NULL;
	status = peer_ask(peer, e, request);
	json_decref(request);
	if (status)
		return status;
	const struct alto_costmap_want want = {.map = endpoints ? NULL : peer->map,
					       .metric = type.metric,
					       .mode = type.mode,
					       .endpoints = endpoints};
	if (alto_costmap_parse(peer->link.body, peer->link.len, &want, out, &err))
		return peer_refuses(e->id, &err);
	return CTL_OK;
}

/* Endpoints need no network map; then --map would have no effect. */
static int map_for(struct peer *peer, bool endpoints)
{
	if (!endpoints)
		return peer_map(peer);
	if (peer->link.ctl->text[CTL_OPT_MAP])
		return usage_error(peer->link.verb, "--map is for PIDs, not for endpoints");
	return CTL_OK;
}

int run_alto_cost(struct ctl *ctl, const struct verb *verb, struct args args)
{
	json_t *srcs = alto_list(ctl->text[CTL_OPT_SRC]), *dsts = alto_list(ctl->text[CTL_OPT_DST]);
	struct alto_costmap *costs = NULL;
	struct peer peer;
	int status = peer_open(&peer, ctl, verb, args);

	if (!status)
		status = map_for(&peer, of_endpoints(srcs, dsts));
	if (!status)
		status = alto_costs(&peer, srcs, dsts, &costs);
	if (!status && ctl->json)
		ctl_print_json(costs->root);
	else if (!status)
		alto_show_costs(costs, srcs, dsts);
	alto_costmap_free(costs);
	json_decref(srcs);
	json_decref(dsts);
	peer_close(&peer);
	return status;
}

/* ---- props ---- */

static int get_props(struct peer *peer, struct alto_propmap **out)
{
	const struct alto_ird_want want = {
		.media = ALTO_MEDIA_PROPMAP, .accepts = ALTO_MEDIA_MAX, .uses = peer->map->vtag.id};
	const struct alto_ird_entry *e = alto_ird_pick(peer->ird, &want, NULL);
	struct err err = {};
	int status;

	if (!e)
		return peer_lacks(peer, "property map of network map %s", peer->map->vtag.id);
	status = peer_ask(peer, e, NULL);
	if (status)
		return status;
	if (alto_propmap_parse(peer->link.body, peer->link.len, peer->map, out, &err))
		return peer_refuses(e->id, &err);
	return CTL_OK;
}

int run_alto_props(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct alto_propmap *props = NULL;
	struct peer peer;
	int status = peer_open(&peer, ctl, verb, args);

	if (!status)
		status = peer_map(&peer);
	if (!status)
		status = get_props(&peer, &props);
	if (!status && ctl->json)
		ctl_print_json(props->root);
	else if (!status)
		alto_show_props(props);
	alto_propmap_free(props);
	peer_close(&peer);
	return status;
}

/* ---- path ---- */

struct path_request {
	json_t *srcs, *dsts;
	json_t *sg; /* NULL: none */
	bool endpoints;
};

static int read_graph(struct ctl *ctl, const struct verb *verb, json_t **out)
{
	json_t *all = NULL, *sg;
	int status;

	if (!ctl->text[CTL_OPT_SG])
		return CTL_OK;
	if (ctl->text[CTL_OPT_SRC] || ctl->text[CTL_OPT_DST])
		return usage_error(verb, "--sg says itself from where to where: no --src, --dst");
	ctl->file = ctl->text[CTL_OPT_SG];
	status = body_read(ctl, verb, (struct args){}, &all);
	if (status)
		return status;
	sg = json_object_get(all, "sg");
	*out = json_incref(sg ? sg : all);
	json_decref(all);
	return CTL_OK;
}

static const struct alto_ird_entry *pick_paths(const struct peer *peer,
					       const struct path_request *r)
{
	struct alto_ird_want want = {.media = ALTO_MEDIA_PV_COSTMAP,
				     .accepts = ALTO_MEDIA_COSTMAPFILTER,
				     .uses = r->endpoints ? NULL : peer->map->vtag.id,
				     .metric = alto_metric_name(ALTO_ANE_PATH),
				     .mode = alto_mode_name(ALTO_ARRAY)};
	const struct alto_ird_entry *e;

	if (r->endpoints) {
		want.media = ALTO_MEDIA_PV_ENDPOINTCOST;
		want.accepts = ALTO_MEDIA_ENDPOINTCOSTPARAMS;
	}
	for (e = alto_ird_pick(peer->ird, &want, NULL); e && r->sg;
	     e = alto_ird_pick(peer->ird, &want, NULL)) {
		if (json_is_true(json_object_get(e->capabilities, "service-graph")))
			break;
		want.after = e->id;
	}
	return e;
}

static int get_paths(struct peer *peer, const struct path_request *r, struct alto_pv **out)
{
	const struct alto_ird_entry *e = pick_paths(peer, r);
	struct err err = {};
	json_t *request;
	int status;

	if (!e)
		return peer_lacks(peer, "path vectors%s",
				  r->sg ? " for service graphs" : " of this kind");
	request = request_of(alto_mode_name(ALTO_ARRAY), alto_metric_name(ALTO_ANE_PATH), r->srcs,
			     r->dsts);
	json_object_set(request, "ane-property-names",
			json_object_get(e->capabilities, "ane-property-names"));
	if (r->sg)
		json_object_set(request, "sg", r->sg);
	status = peer_ask(peer, e, request);
	json_decref(request);
	if (status)
		return status;
	if (alto_pv_parse(peer->link.body, peer->link.len, peer->link.content_type, peer->map,
			  r->sg, out, &err))
		return peer_refuses(e->id, &err);
	return CTL_OK;
}

static int show_paths(struct peer *peer, const struct path_request *r, const struct alto_pv *pv)
{
	json_t *both;

	if (r->sg)
		return alto_show_chains(peer, r->sg, pv);
	if (!peer->link.ctl->json) {
		alto_show_paths(pv);
		return CTL_OK;
	}
	both = json_pack("{s:O,s:O}", "costs", pv->costs->root, "properties", pv->props->root);
	ctl_print_json(both);
	json_decref(both);
	return CTL_OK;
}

int run_alto_path(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct path_request r = {.srcs = alto_list(ctl->text[CTL_OPT_SRC]),
				 .dsts = alto_list(ctl->text[CTL_OPT_DST])};
	struct alto_pv *pv = NULL;
	struct peer peer = {};
	int status = read_graph(ctl, verb, &r.sg);

	r.endpoints = of_endpoints(r.srcs, r.dsts);
	if (!status)
		status = peer_open(&peer, ctl, verb, args);
	if (!status)
		status = map_for(&peer, r.endpoints);
	if (!status)
		status = get_paths(&peer, &r, &pv);
	if (!status)
		status = show_paths(&peer, &r, pv);
	alto_pv_free(pv);
	json_decref(r.srcs);
	json_decref(r.dsts);
	json_decref(r.sg);
	peer_close(&peer);
	return status;
}
