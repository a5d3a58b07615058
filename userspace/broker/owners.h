/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which domain has which prefix. A domain owns what is stored for it and what a write under way
 * asks for, so that of two writes at once only one is taken. Two replicas may still take one each:
 * then the domain that was created first has the prefix, on every replica, and may go on writing
 * it.
 */
#ifndef BROKER_OWNERS_H
#define BROKER_OWNERS_H

#include "alto/alto.h"

#define OWNER_PENDING INT64_MAX

struct owned;

/* One domain, one prefix; in the caller's memory. */
struct owner {
	struct owned *owned;
	struct owner *next;
	const char *id;	  /* borrowed */
	int64_t revision; /* that created the domain; OWNER_PENDING: of a write under way */
};

struct owners {
	struct owned *by_prefix; /* uthash; zero = empty */
};

/* Who has the prefix, if that is another domain than id; else NULL. */
const char *owners_other(const struct owners *owners, const struct alto_prefix *prefix,
			 const char *id);
/* owner: with id and revision, until owners_drop(). -ENOMEM. */
int owners_add(struct owners *owners, const struct alto_prefix *prefix, struct owner *owner);
void owners_drop(struct owners *owners, struct owner *owner);
const struct alto_prefix *owners_prefix(const struct owner *owner);
/* No domain of an earlier revision has it (of one revision: an earlier name). */
bool owners_first(const struct owner *owner);

#endif
