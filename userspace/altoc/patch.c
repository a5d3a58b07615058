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
static int spend(struct altoc_peer *peer, size_t bytes, struct err *err)
{
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

int altoc_patch(struct altoc_slot *slot, const char *text, size_t len, struct err *err)
{
	json_t *patch = NULL;
	int r = spend(slot->peer, slot->draft ? 0 : slot->cur->bytes, err);

	r = r ?: alto_client_root(text, len, &patch, err);
	if (r)
		return r;
	if (!slot->draft)
		slot->draft = json_deep_copy(altoc_doc_root(slot->cur));
	if (slot->draft)
		slot->draft = json_merge_patch(slot->draft, patch);
	json_decref(patch);
	if (!slot->draft)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	altoc_doc_prune(slot, slot->draft);
	return 0;
}

int altoc_patch_finish(struct altoc_slot *slot, struct err *err)
{
	json_t *root = slot->draft;
	size_t bytes = 0;
	int r = alto_client_weigh(root, &bytes, err);

	slot->draft = NULL;
	if (r) {
		json_decref(root);
		return r;
	}
	return altoc_doc_take(slot, root, bytes, err);
}

void altoc_patch_drop(struct altoc_slot *slot)
{
	json_decref(slot->draft);
	slot->draft = NULL;
}
