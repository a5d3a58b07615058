/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which resources a snapshot has. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/server.h"
#include "util/own.h"

#define NONE ALTO_MEDIA_MAX

/* ---- cost types ---- */

static struct alto_cost_type cost_type(const struct alto_source *s, enum alto_metric metric,
				       enum alto_mode mode)
{
	struct alto_cost_type type = {.metric = metric, .mode = mode};
	bool measured = metric != ALTO_ROUTINGCOST && metric != ALTO_HOPCOUNT && s->stat[0];

	snprintf(type.metric_text, sizeof(type.metric_text), "%s%s%s", alto_metric_name(metric),
		 measured ? ":" : "", measured ? s->stat : "");
	snprintf(type.name, sizeof(type.name), "%s-%s", mode == ALTO_ORDINAL ? "ord" : "num",
		 type.metric_text);
	return type;
}

unsigned int alto_cost_types(const struct alto_source *s, struct alto_cost_type *v)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++) {
		if (s->has[i])
			v[n++] = cost_type(s, i, ALTO_NUMERICAL);
	}
	v[n++] = cost_type(s, ALTO_ROUTINGCOST, ALTO_ORDINAL);
	return n;
}
_Static_assert(ALTO_METRIC_MAX < ALTO_COST_TYPES_MAX, "room for all and one ordinal");

/* ---- resources ---- */

/* What every source has beside its cost maps. %s: its ID. */
struct kind {
	enum alto_service service;
	const char *id, *path;
	enum alto_media media, accepts;
};
static const struct kind kinds[] = {
	{ALTO_NETWORK_MAP, "%s", "/alto/networkmap/%s", ALTO_MEDIA_NETWORKMAP, NONE},
	{ALTO_NETWORK_MAP_FILTER, "%s-filtered", "/alto/networkmap/%s", ALTO_MEDIA_NETWORKMAP,
	 ALTO_MEDIA_NETWORKMAPFILTER},
	{ALTO_COST_MAP_FILTER, "%s-costs", "/alto/costmap/%s", ALTO_MEDIA_COSTMAP,
	 ALTO_MEDIA_COSTMAPFILTER},
	{ALTO_COST_MAP_PV, "%s-pv", "/alto/pathvector/%s", ALTO_MEDIA_PV_COSTMAP,
	 ALTO_MEDIA_COSTMAPFILTER},
	{ALTO_ENDPOINT_COST, "%s-endpoint-costs", "/alto/endpointcost/%s", ALTO_MEDIA_ENDPOINTCOST,
	 ALTO_MEDIA_ENDPOINTCOSTPARAMS},
	{ALTO_ENDPOINT_COST_PV, "%s-endpoint-pv", "/alto/endpointpathvector/%s",
	 ALTO_MEDIA_PV_ENDPOINTCOST, ALTO_MEDIA_ENDPOINTCOSTPARAMS},
	{ALTO_ENDPOINT_PROP, "%s-endpoint-props", "/alto/endpointprop/%s", ALTO_MEDIA_ENDPOINTPROP,
	 ALTO_MEDIA_ENDPOINTPROPPARAMS},
	{ALTO_PROPERTY_MAP, "%s-props", "/alto/propmap/%s", ALTO_MEDIA_PROPMAP, NONE},
	{ALTO_PROPERTY_MAP_FILTER, "%s-props-filtered", "/alto/propmap/%s", ALTO_MEDIA_PROPMAP,
	 ALTO_MEDIA_PROPMAPPARAMS},
};

static const struct alto_resource of_all[] = {
	{.service = ALTO_UPDATE_STREAM,
	 .id = "updates",
	 .path = "/alto/updates",
	 .media = ALTO_MEDIA_EVENT_STREAM,
	 .accepts = ALTO_MEDIA_UPDATESTREAMPARAMS},
	{.service = ALTO_TIPS_SERVICE,
	 .id = "tips",
	 .path = "/alto/tips",
	 .media = ALTO_MEDIA_TIPS,
	 .accepts = ALTO_MEDIA_TIPSPARAMS},
};
static const struct alto_resource directory = {.service = ALTO_DIRECTORY,
					       .id = "directory",
					       .path = "/alto/directory",
					       .media = ALTO_MEDIA_DIRECTORY,
					       .accepts = NONE};

#define PER_SOURCE (ARRAY_SIZE(kinds) + ALTO_COST_TYPES_MAX)
#define RESOURCES_MAX (1 + ALTO_SOURCES_MAX * PER_SOURCE + ARRAY_SIZE(of_all))

/* IDs and paths fit: ALTO_SOURCE_ID_LEN sees to that. */
__attribute__((format(printf, 3, 4))) static void set_text(char *buf, size_t size,
							   const char *pattern, ...)
{
	va_list ap;

	va_start(ap, pattern);
	vsnprintf(buf, size, pattern, ap);
	va_end(ap);
}

static void add_cost_map(struct alto_resources *all, struct alto_source *s,
			 const struct alto_cost_type *type)
{
	const char *metric = alto_metric_name(type->metric);
	bool ordinal = type->mode == ALTO_ORDINAL;
	struct alto_resource *r = &all->v[all->n++];

	*r = (struct alto_resource){.service = ALTO_COST_MAP,
				    .source = s,
				    .cost_type = *type,
				    .media = ALTO_MEDIA_COSTMAP,
				    .accepts = NONE};
	set_text(r->id, sizeof(r->id), "%s-%s%s", s->id, metric, ordinal ? "-ordinal" : "");
	set_text(r->path, sizeof(r->path), "/alto/costmap/%s/%s%s", s->id, metric,
		 ordinal ? "/ordinal" : "");
}

static void add_source(struct alto_resources *all, struct alto_source *s)
{
	struct alto_cost_type types[ALTO_COST_TYPES_MAX];
	unsigned int n = alto_cost_types(s, types);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *kind = &kinds[i];
		struct alto_resource *r = &all->v[all->n++];

		*r = (struct alto_resource){.service = kind->service,
					    .source = s,
					    .media = kind->media,
					    .accepts = kind->accepts};
		set_text(r->id, sizeof(r->id), kind->id, s->id);
		set_text(r->path, sizeof(r->path), kind->path, s->id);
	}
	for (unsigned int i = 0; i < n; i++)
		add_cost_map(all, s, &types[i]);
}

int alto_resources_new(struct alto_snapshot *snap, struct alto_resources **out)
{
	struct alto_resources *all = calloc(1, sizeof(*all));

	if (all)
		all->v = malloc(RESOURCES_MAX * sizeof(*all->v));
	if (!all || !all->v) {
		free(all);
		return -ENOMEM;
	}
	all->snap = alto_snapshot_ref(snap);
	all->v[all->n++] = directory;
	for (unsigned int i = 0; i < snap->n; i++)
		add_source(all, snap->sources[i]);
	for (size_t i = 0; i < ARRAY_SIZE(of_all); i++)
		all->v[all->n++] = of_all[i];
	*out = all;
	return 0;
}

void alto_resources_free(struct alto_resources *all)
{
	if (!all)
		return;
	alto_snapshot_put(all->snap);
	free(all->v);
	free(all);
}

const struct alto_resource *alto_resource_at(const struct alto_resources *all, const char *path,
					     bool get)
{
	for (unsigned int i = 0; i < all->n; i++) {
		const struct alto_resource *r = &all->v[i];

		if ((r->accepts == NONE) == get && strcmp(r->path, path) == 0)
			return r;
	}
	return NULL;
}

const struct alto_resource *alto_resource_named(const struct alto_resources *all, const char *id)
{
	for (unsigned int i = 0; i < all->n; i++) {
		if (strcmp(all->v[i].id, id) == 0)
			return &all->v[i];
	}
	return NULL;
}
