/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/radix.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * A node stands for the text on the way to it. Its children differ in the first byte of their
 * labels and are sorted by it; the bytes lie behind the child pointers in one block, so that a
 * search touches no child but the right one. Only the root has an empty label.
 */
struct radix_node {
	void *value; /* NULL: inner node; ROOM: reserved */
	struct radix_node **child;
	uint32_t below; /* values here and below */
	uint16_t n, cap;
	uint16_t label_len;
	char label[];
};

/* Stands in reserved nodes, so that removals around them leave them alone. */
static char room;
#define ROOM ((void *)&room)

static void *value_of(const struct radix_node *node)
{
	return node->value == ROOM ? NULL : node->value;
}

static unsigned char *first_bytes(const struct radix_node *node)
{
	return (unsigned char *)(node->child + node->cap);
}

static struct radix_node *node_new(const char *label, size_t len)
{
	struct radix_node *node = malloc(sizeof(*node) + len);

	if (!node)
		return NULL;
	*node = (struct radix_node){.label_len = (uint16_t)len};
	memcpy(node->label, label, len);
	return node;
}

static void node_free(struct radix_node *node)
{
	if (!node)
		return;
	for (unsigned int i = 0; i < node->n; i++)
		node_free(node->child[i]);
	free(node->child);
	free(node);
}

/* Index of the first child whose byte is >= byte. */
static unsigned int child_index(const struct radix_node *node, unsigned char byte)
{
	const unsigned char *bytes = node->n ? first_bytes(node) : NULL;
	unsigned int low = 0, high = node->n;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (bytes[mid] < byte)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool child_is(const struct radix_node *node, unsigned int i, char byte)
{
	return i < node->n && first_bytes(node)[i] == (unsigned char)byte;
}

static int children_resize(struct radix_node *node, unsigned int cap)
{
	struct radix_node **child = malloc(cap * (sizeof(*child) + 1));

	if (!child)
		return -ENOMEM;
	if (node->n) {
		memcpy(child, node->child, node->n * sizeof(*child));
		memcpy(child + cap, first_bytes(node), node->n);
	}
	free(node->child);
	node->child = child;
	node->cap = (uint16_t)cap;
	return 0;
}

static int child_add(struct radix_node *node, struct radix_node *child)
{
	unsigned int i;

	if (node->n == node->cap && children_resize(node, node->cap ? node->cap * 2u : 2))
		return -ENOMEM;
	i = child_index(node, (unsigned char)child->label[0]);
	memmove(node->child + i + 1, node->child + i, (node->n - i) * sizeof(child));
	memmove(first_bytes(node) + i + 1, first_bytes(node) + i, node->n - i);
	node->child[i] = child;
	first_bytes(node)[i] = (unsigned char)child->label[0];
	node->n++;
	return 0;
}

static void child_drop(struct radix_node *node, unsigned int i)
{
	node->n--;
	memmove(node->child + i, node->child + i + 1, (node->n - i) * sizeof(*node->child));
	memmove(first_bytes(node) + i, first_bytes(node) + i + 1, node->n - i);
	if (node->n == 0) {
		free(node->child);
		node->child = NULL;
		node->cap = 0;
	} else if (node->n * 4u <= node->cap) {
		children_resize(node, node->cap / 2u); /* the larger block is as good */
	}
}

static size_t common(const struct radix_node *node, const char *key)
{
	size_t i = 0;

	while (i < node->label_len && key[i] == node->label[i])
		i++;
	return i;
}

/* The node that stands exactly for key, or NULL. */
static struct radix_node *find(const struct radix *tree, const char *key)
{
	struct radix_node *node = tree->root;

	while (node) {
		unsigned int i;

		if (common(node, key) < node->label_len)
			return NULL;
		key += node->label_len;
		if (!*key)
			return node;
		i = child_index(node, (unsigned char)*key);
		node = child_is(node, i, *key) ? node->child[i] : NULL;
	}
	return NULL;
}

void radix_fini(struct radix *tree)
{
	node_free(tree->root);
	*tree = (struct radix){0};
}

void *radix_get(const struct radix *tree, const char *key)
{
	const struct radix_node *node = find(tree, key);

	return node ? value_of(node) : NULL;
}

/* Puts a node for the first at bytes of *slot's label above it. */
static int split(struct radix_node **slot, size_t at)
{
	struct radix_node *lower = *slot, *upper = node_new(lower->label, at);

	if (!upper || children_resize(upper, 2)) {
		free(upper);
		return -ENOMEM;
	}
	upper->below = lower->below;
	lower->label_len = (uint16_t)(lower->label_len - at);
	memmove(lower->label, lower->label + at, lower->label_len);
	child_add(upper, lower);
	*slot = upper;
	return 0;
}

static int add_leaf(struct radix_node *node, const char *label)
{
	struct radix_node *leaf = node_new(label, strlen(label));

	if (!leaf || child_add(node, leaf)) {
		free(leaf);
		return -ENOMEM;
	}
	leaf->value = ROOM;
	return 0;
}

int radix_reserve(struct radix *tree, const char *key)
{
	struct radix_node **slot = &tree->root;

	if (!tree->root) {
		tree->root = node_new("", 0);
		if (!tree->root)
			return -ENOMEM;
	}
	for (;;) {
		size_t n = common(*slot, key);
		unsigned int i;

		/* A split without the leaf behind it (no memory) leaves a needless, correct node.
		 */
		if (n < (*slot)->label_len && split(slot, n))
			return -ENOMEM;
		key += n;
		if (!*key) {
			if (!(*slot)->value)
				(*slot)->value = ROOM;
			return 0;
		}
		i = child_index(*slot, (unsigned char)*key);
		if (!child_is(*slot, i, *key))
			return add_leaf(*slot, key);
		slot = &(*slot)->child[i];
	}
}

/* Of every node on the way to key, which is there. */
static void count_way(struct radix *tree, const char *key, int delta)
{
	struct radix_node *node = tree->root;

	for (;;) {
		node->below += (uint32_t)delta;
		key += node->label_len;
		if (!*key)
			break;
		node = node->child[child_index(node, (unsigned char)*key)];
	}
	tree->count += (size_t)delta;
}

void *radix_set(struct radix *tree, const char *key, void *value)
{
	struct radix_node *node = find(tree, key);
	void *old;

	assert(node && value);
	old = value_of(node);
	node->value = value;
	if (!old)
		count_way(tree, key, 1);
	return old;
}

void *radix_vacate(struct radix *tree, const char *key)
{
	struct radix_node *node = find(tree, key);
	void *old = node ? value_of(node) : NULL;

	if (!old)
		return NULL;
	node->value = ROOM;
	count_way(tree, key, -1);
	return old;
}

/* Joins a node that carries nothing with its only child. Without memory it may stay. */
static void join(struct radix_node **slot)
{
	struct radix_node *upper = *slot, *lower = upper->child[0], *joined;
	size_t len = (size_t)upper->label_len + lower->label_len;

	joined = realloc(lower, sizeof(*lower) + len);
	if (!joined) {
		upper->child[0] = lower;
		return;
	}
	memmove(joined->label + upper->label_len, joined->label, joined->label_len);
	memcpy(joined->label, upper->label, upper->label_len);
	joined->label_len = (uint16_t)len;
	joined->below = upper->below;
	free(upper->child);
	free(upper);
	*slot = joined;
}

/* Removes key below *slot; then *slot is NULL if nothing is left of it. */
static void *remove_below(struct radix_node **slot, const char *key)
{
	struct radix_node *node = *slot;
	void *old = NULL;
	unsigned int i;

	if (common(node, key) < node->label_len)
		return NULL;
	key += node->label_len;
	if (!*key) {
		old = value_of(node);
		node->value = NULL;
	} else {
		i = child_index(node, (unsigned char)*key);
		if (!child_is(node, i, *key))
			return NULL;
		old = remove_below(&node->child[i], key);
		if (!node->child[i])
			child_drop(node, i);
	}
	node->below -= old != NULL;
	if (node->value || node->n > 1)
		return old;
	if (node->n == 0) {
		free(node);
		*slot = NULL;
	} else if (node->label_len > 0) {
		join(slot);
	}
	return old;
}

void *radix_remove(struct radix *tree, const char *key)
{
	void *old = tree->root ? remove_below(&tree->root, key) : NULL;

	tree->count -= old != NULL;
	return old;
}

/* The smallest value at or below node; reserved room holds none. */
static void *smallest(const struct radix_node *node)
{
	void *value = value_of(node);

	if (!node->below)
		return NULL;
	for (unsigned int i = 0; !value && i < node->n; i++)
		value = smallest(node->child[i]);
	return value;
}

static void *smallest_from(const struct radix_node *node, unsigned int i)
{
	void *value = NULL;

	for (; !value && i < node->n; i++)
		value = smallest(node->child[i]);
	return value;
}

static void *seek(const struct radix_node *node, const char *key, bool after)
{
	size_t n = common(node, key);
	void *value = NULL;
	unsigned int i;

	if (n < node->label_len) {
		bool larger = (unsigned char)node->label[n] > (unsigned char)key[n];

		return larger ? smallest(node) : NULL;
	}
	key += n;
	if (!*key)
		return value_of(node) && !after ? node->value : smallest_from(node, 0);
	i = child_index(node, (unsigned char)*key);
	if (child_is(node, i, *key))
		value = seek(node->child[i++], key, after);
	return value ? value : smallest_from(node, i);
}

void *radix_seek(const struct radix *tree, const char *key, bool after)
{
	return tree->root ? seek(tree->root, key, after) : NULL;
}

size_t radix_count_from(const struct radix *tree, const char *key, bool after)
{
	const struct radix_node *node = tree->root;
	size_t larger = 0; /* beside the way to key */

	while (node) {
		size_t n = common(node, key);
		unsigned int i;

		if (n < node->label_len) {
			bool all = (unsigned char)node->label[n] > (unsigned char)key[n];

			return larger + (all ? node->below : 0);
		}
		key += n;
		if (!*key)
			return larger + node->below - (after && value_of(node) ? 1 : 0);
		i = child_index(node, (unsigned char)*key);
		for (unsigned int j = node->n; j-- > i;) {
			if (j > i || !child_is(node, i, *key))
				larger += node->child[j]->below;
		}
		node = child_is(node, i, *key) ? node->child[i] : NULL;
	}
	return larger;
}
