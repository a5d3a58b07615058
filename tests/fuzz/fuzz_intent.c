/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as what is stored under /san/nemo/: refused with an error, or what comes of it is within
 * its limits. The first byte says as what.
 */
#include <stdlib.h>

#include "intent/parse.c"

#include "util/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_head(const struct stored_head *head)
{
	must(head->commit <= INT64_MAX && head->n <= NEMO_TENANTS_MAX);
	for (unsigned int i = 0; i < head->n; i++) {
		const struct stored_tenant *t = &head->tenants[i];

		must(name_valid(t->name) && t->revision <= STORED_REVISION_MAX);
		must(t->revision > 0);
		must(i == 0 || strcmp(t[-1].name, t->name) < 0);
	}
	for (unsigned int i = 0; i < head->legs.n; i++)
		must(name_valid(head->legs.v[i].tenant) && head->legs.v[i].bandwidth >= 0);
}

static int try_head(const char *text, size_t len, struct err *err)
{
	struct stored_head head;
	int r = stored_head_parse(text, len, &head, err);

	if (r)
		return r;
	must_head(&head);
	stored_head_fini(&head);
	return 0;
}

static int try_stage(const char *text, size_t len, struct err *err)
{
	struct stored_stage stage;
	int r = stored_stage_parse(text, len, &stage, err);

	if (r)
		return r;
	must(name_valid(stage.coordinator) && stage.n_undo <= STORED_UNDO_MAX);
	must(stage.step == STORED_FLIPPED || stage.n_undo == 0);
	must(stage.step != STORED_DRAFT || stage.to.n == 0);
	must_head(&stage.to);
	for (unsigned int i = 0; i < stage.n_undo; i++)
		must(may_undo(stage.undo[i].key));
	stored_stage_fini(&stage);
	return 0;
}

static int try_revision(const char *text, size_t len, struct err *err)
{
	struct stored_revision revision;
	int r = stored_revision_parse(text, len, &revision, err);

	if (r)
		return r;
	must(revision.revision > 0 && revision.revision <= STORED_REVISION_MAX);
	must(!revision.script == (revision.parts > 0) && revision.parts <= STORED_PARTS_MAX);
	must(revision.tenant && revision.time && revision.by && revision.comment);
	stored_revision_fini(&revision);
	return 0;
}

static int try_host(const char *text, size_t len, struct err *err)
{
	struct stored_host host;
	int r = stored_host_parse(text, len, &host, err);

	if (!r)
		must(strlen(host.why) < STORED_WHY && host.stage >= 0 &&
		     !(host.prepare_failed && host.apply_failed));
	return r;
}

static int try_confirm(const char *text, size_t len, struct err *err)
{
	struct stored_confirm confirm;
	char until[CLOCK_RFC3339];
	int64_t again;
	int r = stored_confirm_parse(text, len, &confirm, err);

	if (r)
		return r;
	must(stored_time_parse(clock_rfc3339(confirm.until, until), &again) == 0);
	must(again == confirm.until);
	return 0;
}

static int try_small(const char *text, size_t len, struct err *err)
{
	uint64_t counts[2], sequence;
	int64_t offset;
	int r = stored_counts_parse(text, len, counts, err);

	if (stored_clock_parse(text, len, &offset, err) == 0)
		must(offset >= -OFFSET_MAX_S && offset <= OFFSET_MAX_S);
	if (stored_sequence_parse(text, len, &sequence, err) == 0)
		must(sequence <= INT64_MAX);
	r = stored_event_parse(text, len, &sequence, err);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const tries[])(const char *, size_t, struct err *) = {
		try_head, try_stage, try_revision, try_host, try_confirm, try_small};
	struct err err = {0};
	int r;

	if (size == 0)
		return 0;
	r = tries[data[0] % 6]((const char *)data + 1, size - 1, &err);
	must(r == 0 || (err.code < 0 && err.want[0]));
	return 0;
}
