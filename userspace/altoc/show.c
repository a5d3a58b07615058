/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *age(const struct altoc_peer *peer, uint64_t since_ms)
{
	if (!since_ms)
		return json_null();
	return json_integer((json_int_t)((altoc_now(peer) - since_ms) / 1000));
}

static const struct altoc_slot *map_of(const struct altoc_peer *peer)
{
	return &peer->slots[0];
}

static const char *tag_of(const struct altoc_slot *slot)
{
	const struct altoc_doc *doc = slot->view;

	if (!doc)
		return NULL;
	if (doc->map)
		return doc->map->vtag.tag;
	if (doc->costs)
		return doc->costs->depends.tag;
	return doc->props->n_depends ? doc->props->depends[0].tag : NULL;
}

static json_t *slot_json(const struct altoc_slot *slot)
{
	const struct altoc_peer *peer = slot->peer;
	bool streamed = slot->streamed && altoc_streams(peer);
	const char *metric = slot->metric_text;

	if (slot->kind == ALTOC_COSTS && !*metric)
		metric = peer->conf.metrics[slot->metric].metric;
	return json_pack("{s:o,s:s,s:o,s:o,s:s,s:o,s:o}", "id", text_or_null(slot->id), "kind",
			 altoc_kind_names[slot->kind], "metric", text_or_null(metric), "tag",
			 text_or_null(tag_of(slot)), "by", streamed ? "stream" : "poll", "age_s",
			 age(peer, slot->view ? slot->confirmed_ms : 0), "error",
			 text_or_null(slot->error));
}

/* A default metric that the directory has not is nobody's concern. */
static bool is_shown(const struct altoc_slot *slot)
{
	return slot->offered || slot->view || slot->kind != ALTOC_COSTS ||
	       slot->peer->metrics_given;
}

static json_t *slots_json(const struct altoc_peer *peer)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < peer->n_slots; i++)
		if (is_shown(&peer->slots[i]))
			json_array_append_new(all, slot_json(&peer->slots[i]));
	return all;
}

static json_t *peer_json(const struct altoc_peer *peer)
{
	const struct altoc_slot *map = map_of(peer);
	enum altoc_state state = peer->lost ? ALTOC_LOST : peer->state;
	const char *id = map->view ? map->view->map->vtag.id : peer->conf.network_map;

	return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:i,s:I,s:I,s:I,s:o}", "name",
			 peer->conf.name, "directory", peer->conf.directory, "state",
			 altoc_state_names[state], "why",
			 text_or_null(*peer->why ? peer->why : peer->unknown), "network_map",
			 text_or_null(id), "tag", text_or_null(tag_of(map)), "confirmed_s",
			 age(peer, peer->confirmed_ms), "changed_s", age(peer, peer->changed_ms),
			 "pairs", (int)peer->n_known, "written", (json_int_t)peer->written,
			 "refused", (json_int_t)peer->refusals, "reconnects",
			 (json_int_t)peer->reconnects, "resources", slots_json(peer));
}

json_t *altoc_json(const struct altoc *altoc)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < altoc->n; i++)
		json_array_append_new(all, peer_json(&altoc->peers[i]));
	return all;
}
