/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classes of prefixes, see classes.c. */
#include "dp/classes_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_prefix(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	int r = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return r ? r : compare_u32(x->len, y->len);
}

static bool covers(const struct node *wide, const struct node *narrow)
{
	unsigned int bytes = wide->len / 8, bits = wide->len % 8;

	if (wide->len > narrow->len || memcmp(&wide->addr, &narrow->addr, bytes))
		return false;
	return !bits ||
	       !((wide->addr.s6_addr[bytes] ^ narrow->addr.s6_addr[bytes]) & (0xff << (8 - bits)));
}

static struct node node_of(const struct san_msg_class *r, bool dst)
{
	return (struct node){.addr = dst ? r->dst : r->src, .len = dst ? r->dst_len : r->src_len};
}

/* The nearest prefix that covers a node is the one before it, or covers that one. */
static void parents_find(struct side *side)
{
	unsigned int i;
	uint32_t p;

	for (i = 1; i <= side->n; i++) {
		for (p = i - 1; p && !covers(&side->nodes[p], &side->nodes[i]);)
			p = side->nodes[p].parent;
		side->nodes[i].parent = p;
	}
}

int classes_side(const struct work *w, struct side *side, bool dst)
{
	unsigned int i, n = 0;
	struct node node;

	side->nodes = calloc(w->n + 1, sizeof(*side->nodes));
	side->class = calloc(w->n + 1, sizeof(*side->class));
	side->covers = calloc(w->n + 1, sizeof(*side->covers));
	if (!side->nodes || !side->class || !side->covers)
		return -ENOMEM;
	for (i = 0; i < w->n; i++) {
		node = node_of(w->by_rank[i], dst);
		if (node.len)
			side->nodes[++n] = node;
	}
	qsort(side->nodes + 1, n, sizeof(*side->nodes), by_prefix);
	for (i = 1; i <= n; i++)
		if (!side->n || by_prefix(&side->nodes[side->n], &side->nodes[i]))
			side->nodes[++side->n] = side->nodes[i];
	parents_find(side);
	for (i = 0; i < w->n; i++) {
		struct node *at;

		node = node_of(w->by_rank[i], dst);
		at = node.len ? bsearch(&node, side->nodes + 1, side->n, sizeof(node), by_prefix)
			      : side->nodes;
		side->class[i] = at - side->nodes;
	}
	return 0;
}

void classes_mark(struct side *side, uint32_t class, bool mark)
{
	for (; class; class = side->nodes[class].parent)
		side->covers[class] = mark;
	side->covers[0] = mark;
}
