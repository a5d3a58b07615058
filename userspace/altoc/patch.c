/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Merge patches (RFC 7396) of an update stream. Each costs a whole document: copied, checked,
 * compared. So those that come together are merged into one draft, and that is checked once; and
 * what a server may ask for by them has an end.
 */
#include "altoc/altoc_int.h"

#include <errno.h>

#include "util/json.h"

/* One more patch, for which so many bytes of document are worked through. */
int altoc_patch_spend(struct altoc_slot *slot, struct err *err)
{
	struct altoc_peer *peer = slot->peer;
	size_t bytes = slot->draft ? 0 : slot->cur->bytes;
	uint64_t now = altoc_now(peer);

	if (now - peer->window_ms >= ALTOC_PATCH_WINDOW_S * altoc_times.second_ms) {
		peer->window_ms = now;
		peer->patches = 0;
		peer->patched = 0;
	}
	peer->patches++;
	peer->patched += bytes;
	if (peer->patches > altoc_bounds.patches)
		return err_set(err, -EBUSY, "", NULL,
			       "is patched too often: at most %u times in %d s, all resources",
			       altoc_bounds.patches, ALTOC_PATCH_WINDOW_S);
	if (peer->patched > altoc_bounds.patched)
		return err_set(err, -EBUSY, "", NULL,
			       "is patched too often for its size: at most %zu bytes of documents "
			       "in %d s",
			       altoc_bounds.patched, ALTOC_PATCH_WINDOW_S);
	return 0;
}

/* In the pool: what is patched is the work's own draft, or a copy of the document. */
void altoc_patch_run(struct altoc_work *work)
{
	json_t *patch = NULL;

	work->r = alto_client_root(work->text ? work->text : "", work->len, &patch, &work->err);
	if (work->r)
		return;
	if (!work->root)
		work->root = json_deep_copy(altoc_doc_root(work->old));
	if (work->root)
		work->root = json_merge_patch(work->root, patch);
	json_decref(patch);
	if (work->root)
		altoc_doc_prune(work->kind, work->root);
	else
		work->r = err_set(&work->err, -ENOMEM, "", NULL, "out of memory");
}

void altoc_patch_begin(struct altoc_work *work)
{
	struct altoc_slot *slot = work->slot;

	altoc_read_aim(work);
	work->root = slot->draft;
	slot->draft = NULL;
	if (!work->root)
		slot->draft_bytes = slot->cur->bytes;
}

int altoc_patch_end(struct altoc_work *work, struct err *err)
{
	work->slot->draft = work->root;
	work->root = NULL;
	work->slot->draft_bytes += work->len;
	if (work->r)
		*err = work->err;
	return work->r;
}

void altoc_patch_drop(struct altoc_slot *slot)
{
	if (slot->draft &&
	    (slot->draft_bytes < altoc_large || !altoc_bury(slot->peer, NULL, slot->draft)))
		json_decref(slot->draft);
	slot->draft = NULL;
}
