/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "broker/owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

struct owned {
	struct alto_prefix prefix;
	struct owner *owners;
	UT_hash_handle hh;
};

_Static_assert(sizeof(struct alto_prefix) == 18, "no holes: it is a key as it is");

static struct owned *find(const struct owners *owners, const struct alto_prefix *prefix)
{
	struct owned *owned;

	HASH_FIND(hh, owners->by_prefix, prefix, sizeof(*prefix), owned);
	return owned;
}

static bool comes_before(const struct owner *x, const struct owner *y)
{
	return x->revision != y->revision ? x->revision < y->revision : strcmp(x->id, y->id) < 0;
}

const char *owners_other(const struct owners *owners, const struct alto_prefix *prefix,
			 const char *id)
{
	const struct owned *owned = find(owners, prefix);
	const struct owner *first = NULL;

	for (const struct owner *o = owned ? owned->owners : NULL; o; o = o->next)
		if (!first || comes_before(o, first))
			first = o;
	return first && strcmp(first->id, id) != 0 ? first->id : NULL;
}

static struct owned *owned_new(struct owners *owners, const struct alto_prefix *prefix)
{
	struct owned *owned = calloc(1, sizeof(*owned));

	if (!owned)
		return NULL;
	owned->prefix = *prefix;
	HASH_ADD(hh, owners->by_prefix, prefix, sizeof(owned->prefix), owned);
	if (!owned->hh.tbl) {
		free(owned);
		return NULL;
	}
	return owned;
}

int owners_add(struct owners *owners, const struct alto_prefix *prefix, struct owner *owner)
{
	struct owned *owned = find(owners, prefix);

	if (!owned)
		owned = owned_new(owners, prefix);
	if (!owned)
		return -ENOMEM;
	owner->owned = owned;
	owner->next = owned->owners;
	owned->owners = owner;
	return 0;
}

void owners_drop(struct owners *owners, struct owner *owner)
{
	struct owned *owned = owner->owned;
	struct owner **link = &owned->owners;

	while (*link != owner)
		link = &(*link)->next;
	*link = owner->next;
	if (owned->owners)
		return;
	HASH_DELETE(hh, owners->by_prefix, owned);
	free(owned);
}

const struct alto_prefix *owners_prefix(const struct owner *owner)
{
	return &owner->owned->prefix;
}

bool owners_first(const struct owner *owner)
{
	for (const struct owner *o = owner->owned->owners; o; o = o->next)
		if (comes_before(o, owner))
			return false;
	return true;
}
