/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"

const char *const altoc_kind_names[] = {"network-map", "cost-map", "property-map"};

void altoc_doc_put(struct altoc_doc *doc)
{
	if (!doc || --doc->refs)
		return;
	alto_netmap_free(doc->map);
	alto_costmap_free(doc->costs);
	alto_propmap_free(doc->props);
	free(doc);
}

static const json_t *root_of(const struct altoc_doc *doc)
{
	return doc->map ? doc->map->root : doc->costs ? doc->costs->root : doc->props->root;
}

static void take(struct altoc_doc **place, struct altoc_doc *doc)
{
	if (doc)
		doc->refs++;
	altoc_doc_put(*place);
	*place = doc;
}

static const struct alto_netmap *newest_map(const struct altoc_peer *peer)
{
	const struct altoc_doc *doc = peer->slots[0].cur;

	return doc ? doc->map : NULL;
}

/* ---- reading ---- */

/* Same tag, same content (RFC 7285, 6.3): else nobody could tell what costs are of. */
static int check_tag(const struct altoc_slot *slot, const struct altoc_doc *doc, struct err *err)
{
	const struct alto_netmap *old = slot->cur ? slot->cur->map : NULL;

	if (!old || strcmp(old->vtag.tag, doc->map->vtag.tag) != 0 ||
	    json_equal(old->pids, doc->map->pids))
		return 0;
	return err_set(err, -EINVAL, "/meta/vtag/tag", doc->map->vtag.tag,
		       "must change when the map does");
}

static int read_root(const struct altoc_slot *slot, json_t *root, struct altoc_doc *doc,
		     struct err *err)
{
	const struct alto_netmap *map = newest_map(slot->peer);
	const struct alto_costmap_want want = {
		.map = map, .metric = slot->metric_text, .mode = alto_mode_name(ALTO_NUMERICAL)};

	if (slot->kind == ALTOC_MAP)
		return alto_netmap_check(root, slot->id, &doc->map, err)
			       ?: check_tag(slot, doc, err);
	if (slot->kind == ALTOC_COSTS)
		return alto_costmap_check(root, &want, &doc->costs, err);
	return alto_propmap_check(root, map, &doc->props, err);
}

/* Takes root. */
static int put_root(struct altoc_slot *slot, json_t *root, bool *same, struct err *err)
{
	struct altoc_doc *doc = calloc(1, sizeof(*doc));
	int r;

	if (!doc) {
		json_decref(root);
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	}
	doc->refs = 1;
	r = read_root(slot, root, doc, err);
	if (r) {
		altoc_doc_put(doc);
		return r;
	}
	*same = slot->cur && json_equal(root_of(slot->cur), root);
	if (!*same)
		take(&slot->cur, doc);
	altoc_doc_put(doc);
	return 0;
}

int altoc_doc_text(struct altoc_slot *slot, const char *text, size_t len, bool *same,
		   struct err *err)
{
	json_t *root = NULL;
	int r = json_parse(text, len, &root, err);

	return r ? r : put_root(slot, root, same, err);
}

int altoc_doc_patch(struct altoc_slot *slot, const char *text, size_t len, struct err *err)
{
	json_t *patch = NULL, *root;
	bool same;
	int r = json_parse(text, len, &patch, err);

	if (r)
		return r;
	root = json_deep_copy(root_of(slot->cur));
	root = root ? json_merge_patch(root, patch) : NULL;
	json_decref(patch);
	if (!root)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	return put_root(slot, root, &same, err);
}

void altoc_doc_forget(struct altoc_slot *slot)
{
	take(&slot->cur, NULL);
	slot->etag[0] = '\0';
}

/* ---- what is in force ---- */

static bool same_map(const struct alto_netmap *a, const struct alto_netmap *b)
{
	return a && b && !strcmp(a->vtag.id, b->vtag.id) && !strcmp(a->vtag.tag, b->vtag.tag);
}

bool altoc_doc_fits(const struct altoc_slot *slot)
{
	const struct alto_netmap *map = newest_map(slot->peer);
	const struct altoc_doc *doc = slot->cur;

	if (!map || !doc)
		return false;
	if (doc->costs)
		return !strcmp(doc->costs->depends.tag, map->vtag.tag);
	for (unsigned int i = 0; doc->props && i < doc->props->n_depends; i++)
		if (!strcmp(doc->props->depends[i].id, map->vtag.id) &&
		    strcmp(doc->props->depends[i].tag, map->vtag.tag) != 0)
			return false;
	return true;
}

void altoc_confirm(struct altoc_slot *slot)
{
	if (slot->view && slot->view == slot->cur)
		slot->peer->confirmed_ms = slot->confirmed_ms = altoc_now(slot->peer);
}

/* Another version of the network map takes the place of the one in force only together with all
 * that is in force. */
static bool may_replace(const struct altoc_peer *peer)
{
	for (unsigned int i = 1; i < peer->n_slots; i++)
		if (peer->slots[i].offered && peer->slots[i].view &&
		    !altoc_doc_fits(&peer->slots[i]))
			return false;
	return true;
}

static bool put_in_force(struct altoc_slot *slot, struct altoc_doc *doc)
{
	if (slot->view == doc)
		return false;
	take(&slot->view, doc);
	slot->confirmed_ms = altoc_now(slot->peer);
	return true;
}

void altoc_commit(struct altoc_peer *peer)
{
	struct altoc_slot *map = &peer->slots[0];
	bool other, changed;

	if (!map->cur)
		return;
	other = !map->view || !same_map(map->view->map, map->cur->map);
	if (other && !may_replace(peer)) {
		if (!peer->unsettled_ms)
			peer->unsettled_ms = altoc_now(peer);
		return;
	}
	peer->unsettled_ms = 0;
	changed = put_in_force(map, map->cur);
	for (unsigned int i = 1; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (slot->offered && altoc_doc_fits(slot))
			changed |= put_in_force(slot, slot->cur);
		else if (other || !slot->offered)
			changed |= put_in_force(slot, NULL);
	}
	if (!changed)
		return;
	peer->changed_ms = altoc_now(peer);
	peer->lost = false;
	altoc_feed(peer);
}

/* While a stream runs it says at once what changes, so nothing of it is old. */
static bool is_old(const struct altoc_slot *slot)
{
	const struct altoc_peer *peer = slot->peer;

	if (!slot->view || (peer->settled && slot->whole && slot->view == slot->cur))
		return false;
	return altoc_now(peer) - slot->confirmed_ms > peer->keep_ms;
}

void altoc_expire(struct altoc_peer *peer)
{
	bool dropped = false, all = is_old(&peer->slots[0]);

	for (unsigned int i = 0; i < peer->n_slots; i++) {
		struct altoc_slot *slot = &peer->slots[i];

		if (!slot->view || !(all || is_old(slot)))
			continue;
		log_warn("ALTO source not confirmed for too long, withdrawn",
			 "source=%s resource=%s keep_s=%ju", peer->conf.name, slot->id,
			 (uintmax_t)(peer->keep_ms / altoc_times.second_ms));
		take(&slot->view, NULL);
		altoc_doc_forget(slot);
		dropped = true;
	}
	peer->lost |= all;
	if (dropped)
		altoc_feed(peer);
}
