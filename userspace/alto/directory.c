/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The information resource directory (RFC 7285, 9.2), with the capabilities of RFC 8189 (several
 * costs), 8895 and 9569 (updates), 8896 (calendars), 9240 (properties), 9275 (path vectors), 9439
 * (where costs come from), and our own "service-graph". URIs are relative references, so that it is
 * the same whatever name it is asked by.
 */
#include <stdio.h>
#include <string.h>

#include "alto/cost.h"
#include "alto/pv.h"
#include "alto/server.h"
#include "alto/update.h"

#define PATH_VECTOR "path-vector"
#define PATH_VECTOR_TYPE                                                                           \
	"\"" PATH_VECTOR "\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}"

/* A member's name; the first one of an object has no comma in front. */
static void put_name(struct alto_out *o, bool *comma, const char *name)
{
	alto_puts(o, *comma ? "," : "");
	alto_put_string(o, name);
	alto_put(o, ":", 1);
	*comma = true;
}

static void put_item(struct alto_out *o, bool *comma, const char *text)
{
	alto_puts(o, *comma ? "," : "");
	alto_put_string(o, text);
	*comma = true;
}

/* Maps that are too large to be answered as a whole stand in no directory: filtered ones tell parts
 * of them. RFC 7285, 9.2 wants at least routingcost, numerical and ordinal: a resource that always
 * fails would be none, either. */
static bool is_listed(const struct alto_resource *r)
{
	if (r->service == ALTO_COST_MAP)
		return alto_cost_whole(r->source, r->cost_type.metric);
	return r->service != ALTO_DIRECTORY;
}

/* ---- meta ---- */

/* Do all sources that have a cost type of that name say the same of where it comes from? */
static bool agreed(const struct alto_snapshot *snap, const char *name, const char *cost_source)
{
	struct alto_cost_type types[ALTO_COST_TYPES_MAX];

	for (unsigned int i = 0; i < snap->n; i++) {
		const char *other = snap->sources[i]->cost_source;
		unsigned int n = alto_cost_types(snap->sources[i], types);

		while (n-- > 0) {
			if (strcmp(types[n].name, name) == 0 &&
			    strcmp(other ? other : "", cost_source ? cost_source : "") != 0)
				return false;
		}
	}
	return true;
}

static bool offered_before(const struct alto_snapshot *snap, unsigned int source, const char *name)
{
	struct alto_cost_type types[ALTO_COST_TYPES_MAX];

	for (unsigned int i = 0; i < source; i++) {
		unsigned int n = alto_cost_types(snap->sources[i], types);

		while (n-- > 0) {
			if (strcmp(types[n].name, name) == 0)
				return true;
		}
	}
	return false;
}

static void put_cost_types(struct alto_out *o, const struct alto_snapshot *snap)
{
	static const struct alto_source no_context;
	struct alto_cost_type types[ALTO_COST_TYPES_MAX];
	bool comma = false;

	for (unsigned int i = 0; i < snap->n; i++) {
		const struct alto_source *s = snap->sources[i];
		unsigned int n = alto_cost_types(s, types);

		for (unsigned int k = 0; k < n; k++) {
			const char *name = types[k].name;

			if (offered_before(snap, i, name))
				continue;
			put_name(o, &comma, name);
			alto_put_cost_type(o, agreed(snap, name, s->cost_source) ? s : &no_context,
					   &types[k]);
		}
	}
	if (comma)
		alto_puts(o, "," PATH_VECTOR_TYPE);
}

static void put_meta(struct alto_out *o, const struct alto_snapshot *snap)
{
	alto_puts(o, "{\"cost-types\":{");
	put_cost_types(o, snap);
	alto_puts(o, "}");
	if (snap->n) {
		alto_puts(o, ",\"default-alto-network-map\":");
		alto_put_string(o, snap->sources[0]->id);
	}
	alto_puts(o, "}");
}

/* ---- capabilities ---- */

static void put_type_names(struct alto_out *o, const struct alto_source *s)
{
	struct alto_cost_type types[ALTO_COST_TYPES_MAX];
	unsigned int n = alto_cost_types(s, types);
	bool comma = false;

	alto_puts(o, "[");
	for (unsigned int i = 0; i < n; i++)
		put_item(o, &comma, types[i].name);
	alto_puts(o, "]");
}

/* Only routingcost as a number has a calendar; it is always the first cost type. */
static void put_calendar(struct alto_out *o, const struct alto_source *s)
{
	struct alto_cost_type types[ALTO_COST_TYPES_MAX];

	alto_cost_types(s, types);
	alto_puts(o, ",\"calendar-attributes\":[{\"cost-type-names\":[");
	alto_put_string(o, types[0].name);
	alto_putf(o, "],\"time-interval-size\":%u,\"number-of-intervals\":%u}]",
		  s->calendar.interval_s, s->calendar.n_intervals);
}

static void put_costs(struct alto_out *o, const struct alto_source *s)
{
	alto_puts(o, "{\"cost-type-names\":");
	put_type_names(o, s);
	alto_putf(o,
		  ",\"cost-constraints\":true,\"max-cost-types\":%u,\"testable-cost-type-names\":",
		  ALTO_COST_TYPES_MAX);
	put_type_names(o, s);
	if (s->calendar.n_intervals)
		put_calendar(o, s);
	alto_puts(o, "}");
}

static void put_path_vector(struct alto_out *o, const struct alto_resource *r)
{
	alto_puts(o, "{\"cost-type-names\":[\"" PATH_VECTOR "\"],\"cost-constraints\":false,"
		     "\"ane-property-names\":");
	alto_pv_put_names(o, r->source);
	if (r->service == ALTO_COST_MAP_PV && r->source->service_graph)
		alto_puts(o, ",\"service-graph\":true");
	alto_puts(o, "}");
}

static void put_prop_types(struct alto_out *o, const struct alto_source *s)
{
	char pid[ALTO_ID_LEN + 8];
	bool comma = false;
	json_t *name;
	size_t i;

	alto_puts(o, "{\"prop-types\":[");
	snprintf(pid, sizeof(pid), "%s.pid", s->id);
	put_item(o, &comma, pid);
	json_array_foreach(s->endpoint_prop_names, i, name)
		put_item(o, &comma, json_string_value(name));
	alto_puts(o, "]}");
}

static void put_updates(struct alto_out *o, const struct alto_resources *all, bool control)
{
	bool comma = false;

	alto_puts(o, "{\"incremental-change-media-types\":{");
	for (unsigned int i = 0; i < all->n; i++) {
		if (!is_listed(&all->v[i]) || !alto_incremental(&all->v[i]))
			continue;
		put_name(o, &comma, all->v[i].id);
		alto_put_string(o, alto_media_type(ALTO_MEDIA_MERGE_PATCH));
	}
	alto_puts(o, control ? "},\"support-stream-control\":true}" : "}}");
}

static void put_capabilities(struct alto_out *o, const struct alto_resources *all,
			     const struct alto_resource *r, bool *comma)
{
	if (r->service == ALTO_NETWORK_MAP || r->service == ALTO_NETWORK_MAP_FILTER)
		return;
	put_name(o, comma, "capabilities");
	switch (r->service) {
	case ALTO_COST_MAP:
		alto_puts(o, "{\"cost-type-names\":[");
		alto_put_string(o, r->cost_type.name);
		alto_puts(o, "]}");
		break;
	case ALTO_COST_MAP_FILTER:
	case ALTO_ENDPOINT_COST:
		put_costs(o, r->source);
		break;
	case ALTO_COST_MAP_PV:
	case ALTO_ENDPOINT_COST_PV:
		put_path_vector(o, r);
		break;
	case ALTO_ENDPOINT_PROP:
		put_prop_types(o, r->source);
		break;
	case ALTO_PROPERTY_MAP:
	case ALTO_PROPERTY_MAP_FILTER:
		alto_puts(o, "{\"mappings\":");
		alto_props_put_mappings(o, r);
		alto_puts(o, "}");
		break;
	default:
		put_updates(o, all, r->service == ALTO_UPDATE_STREAM);
	}
}

/* ---- what a resource uses ---- */

static void put_followed(struct alto_out *o, const struct alto_resources *all)
{
	bool comma = false;

	alto_puts(o, "[");
	for (unsigned int i = 0; i < all->n; i++) {
		if (is_listed(&all->v[i]) && alto_followed(&all->v[i]))
			put_item(o, &comma, all->v[i].id);
	}
	alto_puts(o, "]");
}

/* RFC 9275, 7.2.5: persistent-entity-id names entities of the property map. */
static void put_uses(struct alto_out *o, const struct alto_resources *all,
		     const struct alto_resource *r, bool *comma)
{
	const char *s = r->source ? r->source->id : "";

	if (r->service == ALTO_NETWORK_MAP || r->service == ALTO_ENDPOINT_COST ||
	    r->service == ALTO_ENDPOINT_PROP)
		return;
	put_name(o, comma, "uses");
	if (!r->source)
		put_followed(o, all);
	else if (r->service == ALTO_COST_MAP_PV)
		alto_putf(o, "[\"%s\",\"%s-props-filtered\"]", s, s);
	else if (r->service == ALTO_ENDPOINT_COST_PV)
		alto_putf(o, "[\"%s-props-filtered\"]", s);
	else
		alto_putf(o, "[\"%s\"]", s);
}

static void put_resource(struct alto_out *o, const struct alto_resources *all,
			 const struct alto_resource *r)
{
	bool comma = false;

	alto_puts(o, "{");
	put_name(o, &comma, "uri");
	alto_put_string(o, r->path);
	put_name(o, &comma, "media-type");
	alto_put_string(o, alto_media_type(r->media));
	if (r->accepts != ALTO_MEDIA_MAX) {
		put_name(o, &comma, "accepts");
		alto_put_string(o, alto_media_type(r->accepts));
	}
	put_capabilities(o, all, r, &comma);
	put_uses(o, all, r, &comma);
	alto_puts(o, "}");
}

int alto_directory_answer(const struct alto_request *req, const json_t *body,
			  struct alto_reply *reply, struct alto_error *error)
{
	const struct alto_resources *all = req->all;
	struct alto_out *o = &reply->out;
	bool comma = false;

	alto_puts(o, "{\"meta\":");
	put_meta(o, all->snap);
	alto_puts(o, ",\"resources\":{");
	for (unsigned int i = 0; i < all->n; i++) {
		if (!is_listed(&all->v[i]))
			continue;
		put_name(o, &comma, all->v[i].id);
		put_resource(o, all, &all->v[i]);
	}
	alto_puts(o, "}}");
	if (!o->failed)
		alto_digest(o->data, o->len, reply->tag);
	return 0;
}
