/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dp/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A type that is being flattened, and where. */
struct place {
	const struct btf *btf;
	struct layout *out;
	uint32_t offset;
	char name[LAYOUT_NAME];
};

static int flatten(const struct place *at, uint32_t type_id);

static int field_add(const struct place *at, uint32_t size, uint32_t n)
{
	struct layout_field *field;

	if (at->out->n == LAYOUT_FIELDS)
		return -E2BIG;
	field = &at->out->fields[at->out->n++];
	memcpy(field->name, at->name, sizeof(field->name));
	field->offset = at->offset;
	field->size = size;
	field->n = n;
	return 0;
}

/* Typedefs and qualifiers say nothing about where things lie. */
static const struct btf_type *resolve(const struct btf *btf, uint32_t *type_id)
{
	const struct btf_type *type = btf__type_by_id(btf, *type_id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type))) {
		*type_id = type->type;
		type = btf__type_by_id(btf, *type_id);
	}
	return type;
}

static int name_add(struct place *at, const char *format, const char *name, uint32_t index)
{
	char part[LAYOUT_NAME];
	size_t len = strlen(at->name);
	int n = format ? snprintf(part, sizeof(part), format, index)
		       : snprintf(part, sizeof(part), "%s%s", len ? "." : "", name);

	if (n < 0 || len + n >= sizeof(at->name))
		return -EINVAL;
	memcpy(at->name + len, part, n + 1);
	return 0;
}

static int flatten_struct(const struct place *at, const struct btf_type *type)
{
	const struct btf_member *member = btf_members(type);
	struct place below;
	int i, r = 0;

	for (i = 0; i < btf_vlen(type) && !r; i++, member++) {
		if (btf_member_bitfield_size(type, i))
			return -EINVAL;
		below = *at;
		below.offset += btf_member_bit_offset(type, i) / 8;
		r = name_add(&below, NULL, btf__name_by_offset(at->btf, member->name_off), 0);
		if (!r)
			r = flatten(&below, member->type);
	}
	return r;
}

static int flatten_array(const struct place *at, const struct btf_type *type)
{
	const struct btf_array *array = btf_array(type);
	uint32_t element = array->type, i;
	const struct btf_type *of = resolve(at->btf, &element);
	struct place below;
	int r = 0;

	if (!of)
		return -EINVAL;
	if (btf_is_int(of))
		return field_add(at, of->size, array->nelems);
	for (i = 0; i < array->nelems && !r; i++) {
		below = *at;
		below.offset += i * of->size;
		r = name_add(&below, "[%u]", NULL, i);
		if (!r)
			r = flatten(&below, element);
	}
	return r;
}

static int flatten(const struct place *at, uint32_t type_id)
{
	const struct btf_type *type = resolve(at->btf, &type_id);

	if (!type)
		return -EINVAL;
	if (btf_is_struct(type))
		return flatten_struct(at, type);
	if (btf_is_array(type))
		return flatten_array(at, type);
	if (btf_is_int(type) || btf_is_any_enum(type))
		return field_add(at, type->size, 1);
	return -EINVAL;
}

static int layout_of_type(const struct btf *btf, uint32_t type_id, struct layout *out)
{
	struct place at = {.btf = btf, .out = out};
	int64_t size = btf__resolve_size(btf, type_id);

	memset(out, 0, sizeof(*out));
	if (size < 0)
		return -EINVAL;
	out->size = size;
	return flatten(&at, type_id);
}

/* __type(key, x) declares a member "key" that points to x. */
static int pointed_to(const struct btf *btf, const struct btf_type *map, const char *name,
		      uint32_t *type_id)
{
	const struct btf_member *member = btf_members(map);
	const struct btf_type *pointer;
	int i;

	for (i = 0; i < btf_vlen(map); i++, member++) {
		if (strcmp(btf__name_by_offset(btf, member->name_off), name))
			continue;
		pointer = btf__type_by_id(btf, member->type);
		if (!pointer || !btf_is_ptr(pointer))
			return -EINVAL;
		*type_id = pointer->type;
		return 0;
	}
	return -ENOENT;
}

int layout_of_map(const struct btf *btf, const char *map, struct layout *key, struct layout *value)
{
	int32_t var = btf__find_by_name_kind(btf, map, BTF_KIND_VAR);
	const struct btf_type *type;
	uint32_t id, key_id, value_id;
	int r;

	if (var < 0)
		return -ENOENT;
	id = btf__type_by_id(btf, var)->type;
	type = resolve(btf, &id);
	if (!type || !btf_is_struct(type))
		return -EINVAL;
	r = pointed_to(btf, type, "key", &key_id);
	if (!r)
		r = pointed_to(btf, type, "value", &value_id);
	if (!r)
		r = layout_of_type(btf, key_id, key);
	return r ? r : layout_of_type(btf, value_id, value);
}

const struct layout_field *layout_find(const struct layout *l, const char *name)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->fields[i].name, name))
			return &l->fields[i];
	return NULL;
}

static bool is_padding(const struct layout_field *field)
{
	const char *dot = strrchr(field->name, '.');

	return !strncmp(dot ? dot + 1 : field->name, "pad", 3);
}

/* Each field of a stands in b, at the same place. */
static bool is_within(const struct layout *a, const struct layout *b)
{
	unsigned int i;

	for (i = 0; i < a->n; i++) {
		const struct layout_field *x = &a->fields[i], *y;

		if (is_padding(x))
			continue;
		y = layout_find(b, x->name);
		if (!y || x->offset != y->offset || x->size != y->size || x->n != y->n)
			return false;
	}
	return true;
}

bool layout_equal(const struct layout *a, const struct layout *b)
{
	return a->size == b->size && is_within(a, b) && is_within(b, a);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

static uint64_t read_int(const uint8_t *from, uint32_t size)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (size) {
	case 8:
		memcpy(&u64, from, 8);
		return u64;
	case 4:
		memcpy(&u32, from, 4);
		return u32;
	case 2:
		memcpy(&u16, from, 2);
		return u16;
	default:
		return *from;
	}
}

static int write_int(uint8_t *to, uint32_t size, uint64_t value)
{
	const uint64_t u64 = value;
	const uint32_t u32 = value;
	const uint16_t u16 = value;

	if (size < 8 && value >> (size * 8))
		return -ERANGE;
	if (size == 8)
		memcpy(to, &u64, 8);
	else if (size == 4)
		memcpy(to, &u32, 4);
	else if (size == 2)
		memcpy(to, &u16, 2);
	else
		*to = value;
	return 0;
}

static int field_copy(const struct layout_field *from, const uint8_t *src,
		      const struct layout_field *to, uint8_t *dst)
{
	uint32_t i, n = from->n < to->n ? from->n : to->n;
	int r;

	src += from->offset;
	dst += to->offset;
	if (from->n > n && !all_zero(src + n * from->size, (from->n - n) * from->size))
		return -ERANGE;
	if (from->size == to->size) {
		memcpy(dst, src, n * to->size);
		return 0;
	}
	for (i = 0; i < n; i++) {
		r = write_int(dst + i * to->size, to->size,
			      read_int(src + i * from->size, from->size));
		if (r)
			return r;
	}
	return 0;
}

int layout_copy(const struct layout *from, const void *src, const struct layout *to, void *dst)
{
	const struct layout_field *old;
	unsigned int i;
	int r = 0;

	memset(dst, 0, to->size);
	for (i = 0; i < to->n && !r; i++) {
		old = layout_find(from, to->fields[i].name);
		if (old)
			r = field_copy(old, src, &to->fields[i], dst);
	}
	return r;
}
