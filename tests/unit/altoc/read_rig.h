/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading without a server, at once. */
#ifndef TESTS_ALTOC_READ_RIG_H
#define TESTS_ALTOC_READ_RIG_H

#include "unit/altoc/stream_rig.h"

static UNUSED struct altoc_work *work_with(struct altoc_slot *slot, const char *text, size_t len)
{
	struct altoc_work *work = altoc_work_new(slot->peer, slot);

	assert_non_null(work);
	work->text = memcpy(malloc(len + 1), text, len);
	work->text[len] = '\0';
	work->len = len;
	return work;
}

/* As an answer. */
static UNUSED int read_text(struct altoc_slot *slot, const char *text, size_t len)
{
	struct altoc_work *work = work_with(slot, text, len);
	int r = altoc_read_reserve(work, &err);

	if (!r) {
		altoc_read_aim(work);
		altoc_read_text(work);
		r = altoc_read_end(work, &err);
	}
	altoc_work_end(work);
	return r;
}

/* As an event. */
static UNUSED int read_patch(struct altoc_slot *slot, const char *text, size_t len)
{
	struct altoc_work *work = work_with(slot, text, len);
	int r;

	altoc_patch_begin(work);
	altoc_patch_run(work);
	r = altoc_patch_end(work, &err);
	altoc_work_end(work);
	return r;
}

static UNUSED int read_directory(struct altoc_peer *peer, const struct alto_ird *ird)
{
	struct altoc_plan *plan = NULL;
	int r = altoc_plan_make(peer, ird, &plan, &err);

	r = r ?: altoc_plan_take(peer, plan, &err);
	altoc_plan_free(plan);
	return r;
}

#endif
