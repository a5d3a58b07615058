/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sorted by family, address and length a prefix stands before all that it covers. Whoever looks
 * for an address finds the last entry that is not behind it; what covers the address is that entry
 * or one of those around it.
 */
#include "alto/lpm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct alto_prefix prefix;
	uint32_t value;
	uint32_t around; /* longest prefix that covers this one; ALTO_LPM_NONE */
};

struct alto_lpm {
	uint32_t n;
	struct node v[];
};

int alto_prefix_cmp(const struct alto_prefix *a, const struct alto_prefix *b)
{
	int c;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	c = memcmp(a->addr, b->addr, sizeof(a->addr));
	return c ? c : (int)a->len - (int)b->len;
}

bool alto_prefix_covers(const struct alto_prefix *outer, const struct alto_prefix *inner)
{
	unsigned int bytes = outer->len / 8, bits = outer->len % 8;

	if (outer->family != inner->family || outer->len > inner->len ||
	    memcmp(outer->addr, inner->addr, bytes) != 0)
		return false;
	return !bits || ((outer->addr[bytes] ^ inner->addr[bytes]) >> (8 - bits)) == 0;
}

static int node_cmp(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return alto_prefix_cmp(&x->prefix, &y->prefix);
}

/* around holds the index in the caller's array until the nodes are linked. */
static int find_twice(const struct alto_lpm *lpm, uint32_t *twice)
{
	for (uint32_t i = 1; i < lpm->n; i++) {
		if (node_cmp(&lpm->v[i - 1], &lpm->v[i]) != 0)
			continue;
		if (twice)
			*twice = lpm->v[i].around;
		return -EEXIST;
	}
	return 0;
}

static void link_nodes(struct alto_lpm *lpm)
{
	for (uint32_t i = 0; i < lpm->n; i++) {
		uint32_t up = i ? i - 1 : ALTO_LPM_NONE;

		while (up != ALTO_LPM_NONE &&
		       !alto_prefix_covers(&lpm->v[up].prefix, &lpm->v[i].prefix))
			up = lpm->v[up].around;
		lpm->v[i].around = up;
	}
}

int alto_lpm_new(const struct alto_lpm_entry *v, uint32_t n, struct alto_lpm **out, uint32_t *twice)
{
	struct alto_lpm *lpm = malloc(sizeof(*lpm) + n * sizeof(lpm->v[0]));
	int rc;

	if (!lpm)
		return -ENOMEM;
	lpm->n = n;
	for (uint32_t i = 0; i < n; i++)
		lpm->v[i] = (struct node){v[i].prefix, v[i].value, i};
	qsort(lpm->v, n, sizeof(lpm->v[0]), node_cmp);
	rc = find_twice(lpm, twice);
	if (rc < 0) {
		free(lpm);
		return rc;
	}
	link_nodes(lpm);
	*out = lpm;
	return 0;
}

void alto_lpm_free(struct alto_lpm *lpm)
{
	free(lpm);
}

uint32_t alto_lpm_match(const struct alto_lpm *lpm, const struct alto_prefix *p)
{
	uint32_t from = 0, to = lpm->n, at;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (alto_prefix_cmp(&lpm->v[mid].prefix, p) <= 0)
			from = mid + 1;
		else
			to = mid;
	}
	at = from ? from - 1 : ALTO_LPM_NONE;
	while (at != ALTO_LPM_NONE && !alto_prefix_covers(&lpm->v[at].prefix, p))
		at = lpm->v[at].around;
	return at == ALTO_LPM_NONE ? ALTO_LPM_NONE : lpm->v[at].value;
}
