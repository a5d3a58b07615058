/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const altoc_kind_names[] = {"network-map", "cost-map", "property-map"};

void altoc_doc_put(struct altoc_doc *doc)
{
	if (!doc || --doc->refs)
		return;
	doc->peer->bytes -= doc->bytes;
	alto_netmap_free(doc->map);
	alto_costmap_free(doc->costs);
	alto_propmap_free(doc->props);
	free(doc);
}

const json_t *altoc_doc_root(const struct altoc_doc *doc)
{
	return doc->map ? doc->map->root : doc->costs ? doc->costs->root : doc->props->root;
}

void altoc_doc_hold(struct altoc_doc **place, struct altoc_doc *doc)
{
	if (doc)
		doc->refs++;
	altoc_doc_put(*place);
	*place = doc;
}

const struct alto_netmap *altoc_newest_map(const struct altoc_peer *peer)
{
	const struct altoc_doc *doc = peer->slots[0].cur;

	return doc ? doc->map : NULL;
}

/* ---- reading ---- */

void altoc_doc_prune(const struct altoc_slot *slot, json_t *root)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(root, next, name, value)
	{
		if (strcmp(name, "meta") != 0 && strcmp(name, altoc_kind_names[slot->kind]) != 0)
			json_object_del(root, name);
	}
}

/* Each source has its share: one that is large does not take what others need. */
static int check_room(const struct altoc_peer *peer, size_t bytes, struct err *err)
{
	size_t most = altoc_bounds.bytes / peer->altoc->n;

	if (peer->bytes + bytes <= most)
		return 0;
	return err_set(err, -EFBIG, "", NULL,
		       "is too large: all documents of a source must be at most %zu bytes of text "
		       "(%zu by the number of sources), with those that they replace",
		       most, altoc_bounds.bytes);
}

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
	const struct alto_netmap *map = altoc_newest_map(slot->peer);
	const struct alto_costmap_want want = {
		.map = map, .metric = slot->metric_text, .mode = alto_mode_name(ALTO_NUMERICAL)};

	if (slot->kind == ALTOC_MAP)
		return alto_netmap_check(root, slot->id, &doc->map, err)
			       ?: check_tag(slot, doc, err);
	if (!map) {
		json_decref(root);
		return err_set(err, -ESTALE, "/meta/dependent-vtags", NULL,
			       "must be of a network map that has come before");
	}
	if (slot->kind == ALTOC_COSTS)
		return alto_costmap_check(root, &want, &doc->costs, err);
	return alto_propmap_check(root, map, &doc->props, err);
}

int altoc_doc_take(struct altoc_slot *slot, json_t *root, size_t bytes, struct err *err)
{
	struct altoc_doc *doc = NULL;
	int r = check_room(slot->peer, bytes, err);

	if (!r) {
		doc = calloc(1, sizeof(*doc));
		r = doc ? 0 : err_set(err, -ENOMEM, "", NULL, "out of memory");
	}
	if (r) {
		json_decref(root);
		return r;
	}
	doc->refs = 1;
	doc->peer = slot->peer;
	doc->bytes = bytes;
	slot->peer->bytes += bytes;
	r = read_root(slot, root, doc, err);
	if (!r && !(slot->cur && json_equal(altoc_doc_root(slot->cur), root)))
		altoc_doc_hold(&slot->cur, doc);
	altoc_doc_put(doc);
	return r;
}

int altoc_doc_text(struct altoc_slot *slot, const char *text, size_t len, struct err *err)
{
	json_t *root = NULL;
	int r = alto_client_root(text, len, &root, err);

	if (r)
		return r;
	altoc_doc_prune(slot, root);
	return altoc_doc_take(slot, root, len, err);
}

void altoc_doc_forget(struct altoc_slot *slot)
{
	altoc_doc_hold(&slot->cur, NULL);
	slot->etag[0] = '\0';
}
