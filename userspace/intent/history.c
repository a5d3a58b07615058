/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading back what is kept of a tenant. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

/* False: stop. */
static bool item_tell(const struct intent *in, const char *tenant, uint64_t number,
		      bool (*each)(void *arg, const struct intent_item *item), void *arg)
{
	const struct record *rec = intent_record(in, "revisions/%s/%010" PRIu64, tenant, number);
	struct stored_revision revision;
	struct intent_item item;
	bool more;

	if (!rec || stored_revision_parse(rec->text, rec->len, &revision, NULL))
		return true;
	item = (struct intent_item){
		.revision = number,
		.time = revision.time,
		.by = revision.by,
		.comment = revision.comment,
		.rollback_of = revision.rollback_of,
		.in_force = number == intent_revision(in, tenant),
	};
	more = each(arg, &item);
	stored_revision_fini(&revision);
	return more;
}

/* 0: of another shape. */
static uint64_t number_of(const char *digits)
{
	bool all = strspn(digits, "0123456789") == 10 && strlen(digits) == 10;

	return all ? strtoull(digits, NULL, 10) : 0;
}

int intent_revisions(const struct intent *in, const char *tenant, uint64_t **out)
{
	uint64_t now = intent_revision(in, tenant);
	const struct record *rec = NULL;
	char prefix[NCSDB_KEY_MAX];
	int n = 0, cap = 0;

	snprintf(prefix, sizeof(prefix), "revisions/%s/", tenant);
	while ((rec = intent_record_next(in, prefix, rec))) {
		uint64_t number = number_of(rec->key + strlen(prefix));

		if (!number || number > now)
			continue;
		if (n == cap) {
			uint64_t *more = reallocarray(*out, cap += 128, sizeof(*more));

			if (!more)
				return -ENOMEM;
			*out = more;
		}
		(*out)[n++] = number;
	}
	return n;
}

void intent_history(const struct intent *in, const char *tenant,
		    bool (*each)(void *arg, const struct intent_item *item), void *arg)
{
	OWN_PTR uint64_t *list = NULL;
	int n = intent_revisions(in, tenant, &list);

	while (n > 0 && item_tell(in, tenant, list[n - 1], each, arg))
		n--;
}

char *intent_script(const struct intent *in, const char *tenant, uint64_t revision, int *r)
{
	char *text = NULL;

	*r = revision > intent_revision(in, tenant)
		     ? -ENOENT
		     : intent_revision_text(in, tenant, revision, &text, NULL);
	return text;
}
