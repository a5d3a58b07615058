/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

const char *const altoc_kind_names[] = {"network-map", "cost-map", "property-map"};

void altoc_doc_wipe(struct altoc_doc *doc)
{
	if (!doc)
		return;
	alto_netmap_free(doc->map);
	alto_costmap_free(doc->costs);
	alto_propmap_free(doc->props);
	free(doc);
}

void altoc_doc_put(struct altoc_doc *doc)
{
	if (!doc || --doc->refs)
		return;
	doc->peer->bytes -= doc->bytes;
	if (doc->bytes < altoc_large || !altoc_bury(doc->peer, doc, NULL))
		altoc_doc_wipe(doc);
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

void altoc_doc_prune(enum altoc_kind kind, json_t *root)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(root, next, name, value)
	{
		if (strcmp(name, "meta") != 0 && strcmp(name, altoc_kind_names[kind]) != 0)
			json_object_del(root, name);
	}
}

/* Each source has its share: one that is large does not take what others need. */
static int check_room(const struct altoc_peer *peer, size_t bytes, struct err *err)
{
	size_t most = altoc_bounds.bytes / peer->altoc->n;

	if (bytes <= most)
		return 0;
	return err_set(err, -EFBIG, "", NULL,
		       "is too large: all documents of a source must be at most %zu bytes of text "
		       "(%zu by the number of sources), with those that they replace",
		       most, altoc_bounds.bytes);
}

/* ---- in the pool: of a work's own, and of documents, which nobody changes ---- */

/* Same tag, same content (RFC 7285, 6.3): else nobody could tell what costs are of. */
static int check_tag(const struct altoc_work *work, const struct altoc_doc *doc, struct err *err)
{
	const struct alto_netmap *old = work->old ? work->old->map : NULL;

	if (!old || strcmp(old->vtag.tag, doc->map->vtag.tag) != 0 ||
	    json_equal(old->pids, doc->map->pids))
		return 0;
	return err_set(err, -EINVAL, "/meta/vtag/tag", doc->map->vtag.tag,
		       "must change when the map does");
}

/* root is taken, also on failure. */
static int read_root(const struct altoc_work *work, json_t *root, struct altoc_doc *doc,
		     struct err *err)
{
	const struct alto_netmap *map = work->map ? work->map->map : NULL;
	const struct alto_costmap_want want = {
		.map = map, .metric = work->metric, .mode = alto_mode_name(ALTO_NUMERICAL)};

	if (work->kind == ALTOC_MAP)
		return alto_netmap_check(root, work->id, &doc->map, err)
			       ?: check_tag(work, doc, err);
	if (!map) {
		json_decref(root);
		return err_set(err, -ESTALE, "/meta/dependent-vtags", NULL,
			       "must be of a network map that has come before");
	}
	if (work->kind == ALTOC_COSTS)
		return alto_costmap_check(root, &want, &doc->costs, err);
	return alto_propmap_check(root, map, &doc->props, err);
}

static int check_root(struct altoc_work *work)
{
	struct altoc_doc *doc = calloc(1, sizeof(*doc));
	int r;

	altoc_doc_wipe(work->doc);
	work->doc = doc;
	if (!doc)
		return err_set(&work->err, -ENOMEM, "", NULL, "out of memory");
	doc->refs = 1;
	r = read_root(work, json_incref(work->root), doc, &work->err);
	work->same = !r && work->old && json_equal(altoc_doc_root(work->old), work->root);
	return r;
}

void altoc_read_text(struct altoc_work *work)
{
	work->r = 0;
	if (!work->root) {
		work->r = alto_client_root(work->text ? work->text : "", work->len, &work->root,
					   &work->err);
		if (!work->r)
			altoc_doc_prune(work->kind, work->root);
	}
	if (!work->r)
		work->r = check_root(work);
}

void altoc_read_draft(struct altoc_work *work)
{
	work->r = alto_client_weigh(work->root, &work->len, &work->err);
	if (!work->r)
		work->r = check_root(work);
}

/* ---- in the loop ---- */

void altoc_read_aim(struct altoc_work *work)
{
	const struct altoc_slot *slot = work->slot;
	struct altoc_doc *map = work->peer->slots[0].cur;

	work->kind = slot->kind;
	memcpy(work->id, slot->id, sizeof(work->id));
	memcpy(work->metric, slot->metric_text, sizeof(work->metric));
	altoc_doc_hold(&work->map, slot->kind == ALTOC_MAP ? NULL : map);
	altoc_doc_hold(&work->old, slot->cur);
}

/* No two texts are of one resource, so those that may not wait together could not be held together
 * as documents, either. */
int altoc_read_wait(struct altoc_work *work, struct err *err)
{
	work->weighs = true;
	return check_room(work->peer, work->peer->texts + work->len, err);
}

int altoc_read_reserve(struct altoc_work *work, struct err *err)
{
	int r = check_room(work->peer, work->peer->bytes + work->len, err);

	if (r)
		return r;
	work->reserved = work->len;
	work->peer->bytes += work->reserved;
	return 0;
}

bool altoc_read_again(struct altoc_work *work)
{
	const struct altoc_slot *slot = work->slot;
	struct altoc_doc *map = slot->kind == ALTOC_MAP ? NULL : work->peer->slots[0].cur;

	if (work->map == map && work->old == slot->cur && !strcmp(work->id, slot->id) &&
	    !strcmp(work->metric, slot->metric_text))
		return false;
	altoc_read_aim(work);
	work->err = (struct err){0};
	altoc_work_queue(work, work->run, work->done);
	return true;
}

int altoc_read_end(struct altoc_work *work, struct err *err)
{
	struct altoc_peer *peer = work->peer;
	int r = work->r;

	peer->bytes -= work->reserved;
	work->reserved = 0;
	if (r)
		*err = work->err;
	else
		r = check_room(peer, peer->bytes + work->len, err);
	if (r || work->same)
		return r;
	work->doc->peer = peer;
	work->doc->bytes = work->len;
	peer->bytes += work->len;
	altoc_doc_hold(&work->slot->cur, NULL);
	work->slot->cur = TAKE_PTR(work->doc);
	return 0;
}

void altoc_doc_forget(struct altoc_slot *slot)
{
	altoc_doc_hold(&slot->cur, NULL);
	slot->etag[0] = '\0';
}
