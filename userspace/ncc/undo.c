/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan changed, so that a plan that fails in the middle leaves no trace. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

#define UNDO_KEEP 64 /* a longer log gives its memory back */

int undo_push(struct apply *a, const struct undo *undo)
{
	struct undo_log *log = &a->undo;

	if (log->off)
		return 0;
	if (log->n == log->room) {
		size_t room = log->room ? 2 * log->room : 64;
		struct undo *v = reallocarray(log->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		log->v = v;
		log->room = room;
	}
	log->v[log->n++] = *undo;
	return 0;
}

static void undo_hop_name(struct apply *a, const struct undo *undo)
{
	struct hop *hop = hop_by_index(a, undo->hop.index);

	if (!hop)
		return;
	hop_name(a, hop, undo->hop.id);
	hop->has_segs = undo->hop.has_segs;
	hop->msg = undo->hop.msg;
}

static int undo_one(struct apply *a, const struct undo *undo, struct err *err)
{
	struct hop *hop;

	switch (undo->kind) {
	case UNDO_HOP_NEW:
		hop = hop_by_index(a, undo->hop.index);
		if (hop && !hop->sids && !hop->refs)
			hop_release(a, hop);
		else if (hop) /* an entry that was not taken back may still lead there */
			hop_name(a, hop, 0);
		return 0;
	case UNDO_HOP_NAME:
		undo_hop_name(a, undo);
		return 0;
	case UNDO_ENTRY:
		return shadow_undo_entry(a, undo, err);
	case UNDO_RULES:
		return rules_restore(a, &undo->rules, err);
	case UNDO_ROUTE:
		return shadow_undo_route(a, undo, err);
	default:
		return shadow_set_sid(a, &undo->sid.addr, undo->had ? &undo->sid : NULL, err);
	}
}

int undo_some(struct apply *a, struct slice *slice)
{
	char text[512];

	a->undo.off = true;
	while (a->undo.n && !slice_over(slice)) {
		struct err err = {0};

		if (undo_one(a, &a->undo.v[--a->undo.n], &err) && session_may_log(a))
			log_err("not undone", "text=\"%s\"", err_text(&err, text, sizeof(text)));
	}
	a->undo.off = false;
	if (a->undo.n)
		return 1;
	undo_forget(a);
	return 0;
}

/* What the log kept for going back is not needed any more. */
static void settle(struct apply *a, struct undo *undo)
{
	struct entry *e;

	if (undo->kind == UNDO_RULES)
		rules_clear(&undo->rules);
	if (undo->kind != UNDO_ENTRY || !undo->had)
		return;
	e = shadow_entry(a, &undo->entry.key);
	if (!e || e->balance != undo->entry.balance)
		balance_drop(a, undo->entry.balance, e ? e->balance : NULL);
}

int undo_settle(struct apply *a, struct slice *slice)
{
	while (a->undo.n) {
		settle(a, &a->undo.v[--a->undo.n]);
		if (slice && slice_over(slice))
			return 1;
	}
	return 0;
}

void undo_forget(struct apply *a)
{
	undo_settle(a, NULL);
	if (a->undo.room > UNDO_KEEP) {
		free(a->undo.v);
		a->undo.v = NULL;
		a->undo.room = 0;
	}
	a->undo.off = false;
}

void undo_free(struct apply *a)
{
	undo_settle(a, NULL);
	free(a->undo.v);
	memset(&a->undo, 0, sizeof(a->undo));
}
