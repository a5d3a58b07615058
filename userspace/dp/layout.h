/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies where in a map's key or value, by name, so that entries of another layout can be
 * copied. Pure. A struct is flattened: "trace.service_id", "blocks[2].addr"; an integer or an array
 * of integers is one field; a map whose key is a plain integer has the one field "".
 */
#ifndef DP_LAYOUT_H
#define DP_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/btf.h>

#define LAYOUT_FIELDS 192
#define LAYOUT_NAME 48

struct layout_field {
	char name[LAYOUT_NAME];
	uint32_t offset;
	uint32_t size; /* of one element */
	uint32_t n;    /* elements */
};

struct layout {
	uint32_t size;
	unsigned int n;
	struct layout_field fields[LAYOUT_FIELDS];
};

/* Key and value of a map, from the BTF of the object that declares it in its section ".maps".
 * -ENOENT: no such map, or it has no types; -E2BIG: more than LAYOUT_FIELDS; -EINVAL: bit fields,
 * unions and the like. */
int layout_of_map(const struct btf *btf, const char *map, struct layout *key, struct layout *value);
/* Padding (fields named pad...) does not count. */
bool layout_equal(const struct layout *a, const struct layout *b);
const struct layout_field *layout_find(const struct layout *l, const char *name);
/* dst becomes zero but for the fields that both have. Integers may change their width. Returns
 * -ERANGE if a value does not fit its new field: a number too large, or elements cut off that are
 * not zero. */
int layout_copy(const struct layout *from, const void *src, const struct layout *to, void *dst);

#endif
