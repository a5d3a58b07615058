/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Longest prefix over IPv4 and IPv6: made once of all prefixes, then only asked. */
#ifndef ALTO_LPM_H
#define ALTO_LPM_H

#include "alto/alto.h"

#define ALTO_LPM_NONE UINT32_MAX

struct alto_lpm;
struct alto_lpm_entry {
	struct alto_prefix prefix;
	uint32_t value;
};

/* Order: family, address, length. */
int alto_prefix_cmp(const struct alto_prefix *a, const struct alto_prefix *b);
/* inner lies within outer, or is it. */
bool alto_prefix_covers(const struct alto_prefix *outer, const struct alto_prefix *inner);

/* Copies v. -EEXIST: the same prefix stands there twice: *twice (may be NULL) is the index of one
 * of them. -ENOMEM. */
int alto_lpm_new(const struct alto_lpm_entry *v, uint32_t n, struct alto_lpm **out,
		 uint32_t *twice);
void alto_lpm_free(struct alto_lpm *lpm); /* NULL is allowed */
/* Value of the longest prefix that covers p; ALTO_LPM_NONE: none does. */
uint32_t alto_lpm_match(const struct alto_lpm *lpm, const struct alto_prefix *p);

#endif
