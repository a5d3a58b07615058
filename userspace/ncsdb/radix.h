/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ordered map from text to pointer: a path-compressed radix tree. Order is that of the bytes
 * (unsigned), so that all keys of a prefix are neighbours. The tree copies keys and borrows values.
 * Iteration is a seek per step, valid under every change in between:
 *
 *   for (v = radix_seek(t, first, false); v; v = radix_seek(t, key_of(v), true))
 */
#ifndef NCSDB_RADIX_H
#define NCSDB_RADIX_H

#include <stdbool.h>
#include <stddef.h>

struct radix_node;

/* All zero = empty. */
struct radix {
	struct radix_node *root;
	size_t count; /* values */
};

/* Frees nodes, not values. */
void radix_fini(struct radix *tree);
void *radix_get(const struct radix *tree, const char *key);
/* Makes room for key, so that the next radix_set() of it cannot fail. -ENOMEM changes nothing.
 * Room that is not used is given back by radix_remove(). */
int radix_reserve(struct radix *tree, const char *key);
/* key must be there or reserved; value not NULL. Returns the value it replaces, or NULL. */
void *radix_set(struct radix *tree, const char *key, void *value);
void *radix_remove(struct radix *tree, const char *key);
/* Takes the value out and keeps its room. */
void *radix_vacate(struct radix *tree, const char *key);
/* Values with keys >= key (after: > key), in the time of a look-up. */
size_t radix_count_from(const struct radix *tree, const char *key, bool after);
/* The value with the smallest key >= key (after: > key), or NULL. */
void *radix_seek(const struct radix *tree, const char *key, bool after);

#endif
