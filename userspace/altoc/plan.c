/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

/* What a directory offers for one slot. */
struct offer {
	const struct alto_ird_entry *entry; /* NULL: nothing */
	struct alto_ird_type type;
};

struct altoc_plan {
	const struct alto_ird *ird;
	const char *map; /* resource ID of the network map */
	const struct alto_ird_entry *stream;
	unsigned int n;
	struct offer filtered[ALTOC_SLOTS_MAX], whole[ALTOC_SLOTS_MAX];
	struct offer offers[ALTOC_SLOTS_MAX]; /* of them the one that is taken */
};

/* ---- network map ---- */

static int find_map(const struct altoc_peer *peer, struct altoc_plan *plan, struct err *err)
{
	const struct alto_ird_want any = {.media = ALTO_MEDIA_NETWORKMAP,
					  .accepts = ALTO_MEDIA_MAX};
	const char *id = peer->conf.network_map ?: plan->ird->default_map;
	const struct alto_ird_entry *e =
		id ? alto_ird_find(plan->ird, id) : alto_ird_pick(plan->ird, &any, NULL);

	if (!e || e->media != ALTO_MEDIA_NETWORKMAP || e->accepts_text)
		return err_set(err, -ENOENT, "/resources", id, "must have a network map%s",
			       id ? " of this name" : "");
	plan->offers[0].entry = e;
	plan->map = e->id;
	return 0;
}

/* ---- costs ---- */

static bool covered(const struct altoc_plan *plan, const struct alto_ird_entry *e)
{
	return plan->stream && e && alto_ird_uses(plan->stream, e->id);
}

static struct offer pick_cost(const struct altoc_plan *plan, const char *metric, bool filtered)
{
	struct alto_ird_want want = {.media = ALTO_MEDIA_COSTMAP,
				     .accepts =
					     filtered ? ALTO_MEDIA_COSTMAPFILTER : ALTO_MEDIA_MAX,
				     .uses = plan->map,
				     .metric = metric,
				     .mode = alto_mode_name(ALTO_NUMERICAL)};
	struct offer offer = {0};

	offer.entry = alto_ird_pick(plan->ird, &want, &offer.type);
	return offer;
}

/* By the stream rather than by asking, the pairs that are needed rather than all. */
static struct offer better(const struct altoc_plan *plan, struct offer filtered, struct offer whole)
{
	bool by_stream = covered(plan, filtered.entry);

	if (!filtered.entry || (whole.entry && covered(plan, whole.entry) && !by_stream))
		return whole;
	return filtered;
}

/* ---- properties ---- */

static bool maps_property(const struct altoc_peer *peer, const struct altoc_plan *plan,
			  const struct alto_ird_entry *e)
{
	const json_t *names, *name;
	char domain[ALTO_NAME_LEN + 8];
	size_t i;

	snprintf(domain, sizeof(domain), "%s.pid", plan->map);
	names = json_object_get(json_object_get(e->capabilities, "mappings"), domain);
	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);

		for (unsigned int p = 0; text && p < peer->conf.n_properties; p++)
			if (!strcmp(text, peer->conf.properties[p].property))
				return true;
	}
	return false;
}

static struct offer pick_props(const struct altoc_peer *peer, const struct altoc_plan *plan,
			       bool filtered)
{
	struct alto_ird_want want = {.media = ALTO_MEDIA_PROPMAP,
				     .accepts =
					     filtered ? ALTO_MEDIA_PROPMAPPARAMS : ALTO_MEDIA_MAX};
	const struct alto_ird_entry *e;

	while ((e = alto_ird_pick(plan->ird, &want, NULL))) {
		if (maps_property(peer, plan, e))
			break;
		want.after = e->id;
	}
	return (struct offer){.entry = e};
}

/* ---- update stream ---- */

/* Once: a directory may have many streams. */
static void find_offers(const struct altoc_peer *peer, struct altoc_plan *plan)
{
	for (unsigned int i = 1; i < plan->n; i++) {
		const struct altoc_slot *slot = &peer->slots[i];
		const char *metric;

		if (slot->kind == ALTOC_PROPS) {
			plan->filtered[i] = pick_props(peer, plan, true);
			plan->whole[i] = pick_props(peer, plan, false);
			continue;
		}
		metric = peer->conf.metrics[slot->metric].metric;
		plan->filtered[i] = pick_cost(plan, metric, true);
		plan->whole[i] = pick_cost(plan, metric, false);
	}
}

static void choose(struct altoc_plan *plan, const struct alto_ird_entry *stream)
{
	plan->stream = stream;
	for (unsigned int i = 1; i < plan->n; i++)
		plan->offers[i] = better(plan, plan->filtered[i], plan->whole[i]);
}

static unsigned int n_covered(const struct altoc_plan *plan)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < plan->n; i++)
		n += covered(plan, plan->offers[i].entry);
	return n;
}

/* The stream that tells of most. */
static void find_stream(struct altoc_plan *plan)
{
	struct alto_ird_want want = {.media = ALTO_MEDIA_EVENT_STREAM,
				     .accepts = ALTO_MEDIA_UPDATESTREAMPARAMS};
	const struct alto_ird_entry *e, *best = NULL;
	unsigned int n, most = 0;

	while ((e = alto_ird_pick(plan->ird, &want, NULL))) {
		choose(plan, e);
		n = n_covered(plan);
		if (n > most) {
			most = n;
			best = e;
		}
		want.after = e->id;
	}
	choose(plan, best);
}

/* ---- into the slots ---- */

static void drop_offer(struct altoc_slot *slot)
{
	free(slot->uri);
	free(slot->body);
	slot->uri = slot->body = NULL;
	slot->offered = slot->streamed = slot->nothing = false;
	slot->id[0] = slot->metric_text[0] = '\0';
	altoc_doc_forget(slot);
}

static bool same_offer(const struct altoc_slot *slot, const struct offer *offer)
{
	return slot->offered && !strcmp(slot->id, offer->entry->id) &&
	       !strcmp(slot->uri, offer->entry->uri) &&
	       !strcmp(slot->metric_text, offer->type.metric) &&
	       slot->filtered == (offer->entry->accepts_text != NULL);
}

static int set_slot(struct altoc_slot *slot, const struct altoc_plan *plan,
		    const struct offer *offer)
{
	const struct alto_ird_entry *e = offer->entry;

	if (!e) {
		drop_offer(slot);
		snprintf(slot->error, sizeof(slot->error), "the directory does not offer it");
		return 0;
	}
	if (!same_offer(slot, offer)) {
		drop_offer(slot);
		slot->uri = strdup(e->uri);
		if (!slot->uri)
			return -ENOMEM;
		slot->offered = true;
		slot->filtered = e->accepts_text != NULL;
		slot->media = e->media;
		snprintf(slot->id, sizeof(slot->id), "%s", e->id);
		snprintf(slot->metric_text, sizeof(slot->metric_text), "%s", offer->type.metric);
		slot->error[0] = '\0';
	}
	slot->streamed = covered(plan, e);
	return 0;
}

void altoc_plan_free(struct altoc_plan *plan)
{
	free(plan);
}

int altoc_plan_make(const struct altoc_peer *peer, const struct alto_ird *ird,
		    struct altoc_plan **out, struct err *err)
{
	struct altoc_plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	plan->ird = ird;
	plan->n = peer->n_slots;
	r = find_map(peer, plan, err);
	if (r) {
		altoc_plan_free(plan);
		return r;
	}
	find_offers(peer, plan);
	find_stream(plan);
	*out = plan;
	return 0;
}

int altoc_plan_take(struct altoc_peer *peer, const struct altoc_plan *plan, struct err *err)
{
	char *uri = NULL;
	int r = 0;

	if (plan->stream) {
		uri = strdup(plan->stream->uri);
		r = uri ? 0 : -ENOMEM;
	}
	for (unsigned int i = 0; !r && i < peer->n_slots; i++)
		r = set_slot(&peer->slots[i], plan, &plan->offers[i]);
	if (r) {
		free(uri);
		return err_set(err, r, "", NULL, "out of memory");
	}
	free(peer->stream_uri);
	peer->stream_uri = uri;
	return 0;
}

/* ---- what a filtered resource is sent ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each once, sorted: the same PIDs are the same text. */
static json_t *sorted_array(const char **v, size_t n, const char *prefix)
{
	json_t *array = json_array();

	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(v[i], v[i - 1]) != 0)
			json_array_append_new(array, json_sprintf("%s%s", prefix, v[i]));
	return array;
}

static json_t *gateway_pids(const struct altoc_target *targets, const char *prefix)
{
	const char **v = calloc(HASH_COUNT(targets) + 1, sizeof(*v));
	json_t *array = NULL;
	size_t n = 0;

	for (const struct altoc_target *t = targets; v && t; t = t->hh.next)
		if (t->known)
			v[n++] = t->pid;
	if (n)
		array = sorted_array(v, n, prefix);
	free(v);
	return array;
}

static json_t *ingress_pids(const struct altoc_peer *peer, const struct alto_netmap *map)
{
	const char **v = calloc(peer->conf.n_ingresses, sizeof(*v));
	json_t *array = NULL;
	size_t n = 0;

	for (unsigned int i = 0; v && i < peer->conf.n_ingresses; i++)
		if (json_object_get(map->pids, peer->conf.ingresses[i].pid))
			v[n++] = peer->conf.ingresses[i].pid;
	if (n)
		array = sorted_array(v, n, "");
	free(v);
	return array;
}

static json_t *cost_body(const struct altoc_slot *slot, const struct alto_netmap *map,
			 const struct altoc_target *targets)
{
	/* "o" takes its value; NULL makes the whole NULL, and an empty list would mean all. */
	return json_pack("{s:{s:s,s:s},s:{s:o,s:o}}", "cost-type", "cost-mode", "numerical",
			 "cost-metric", slot->metric_text, "pids", "srcs",
			 ingress_pids(slot->peer, map), "dsts", gateway_pids(targets, ""));
}

static json_t *props_body(const struct altoc_slot *slot, const struct alto_netmap *map,
			  const struct altoc_target *targets)
{
	const struct altoc_source *c = &slot->peer->conf;
	char domain[ALTO_NAME_LEN + 8];
	json_t *names = json_array();

	for (unsigned int i = 0; i < c->n_properties; i++)
		json_array_append_new(names, json_string(c->properties[i].property));
	snprintf(domain, sizeof(domain), "%s.pid:", map->vtag.id);
	return json_pack("{s:o,s:o}", "entities", gateway_pids(targets, domain), "properties",
			 names);
}

char *altoc_plan_body(const struct altoc_slot *slot)
{
	const struct altoc_doc *doc = slot->peer->slots[0].cur;
	struct altoc_target *targets = NULL;
	json_t *body = NULL;
	char *text = NULL;

	if (!doc || altoc_targets(slot->peer, doc->map, &targets))
		return NULL;
	body = slot->kind == ALTOC_COSTS ? cost_body(slot, doc->map, targets)
					 : props_body(slot, doc->map, targets);
	altoc_targets_free(targets);
	text = body ? json_text(body) : NULL;
	json_decref(body);
	return text;
}

bool altoc_plan_ask(struct altoc_slot *slot)
{
	free(slot->body);
	slot->body = altoc_plan_body(slot);
	slot->nothing = !slot->body;
	if (slot->nothing)
		altoc_doc_forget(slot);
	return !slot->nothing;
}
