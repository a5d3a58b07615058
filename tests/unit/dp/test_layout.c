/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layouts from BTF that is put together here, and copies from one to the other. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <san/map_abi.h>

#include "dp/abi2.h"
#include "dp/layout.h"

struct inner {
	uint16_t port;
	uint8_t mac[6];
};

struct value {
	uint64_t id;
	struct inner ends[2];
	uint32_t kind;
	uint32_t pad;
};

struct types {
	struct btf *btf;
	int u8, u16, u32, u64, mac, inner, ends;
};

static struct types types_new(void)
{
	struct types t = {.btf = btf__new_empty()};

	assert_non_null(t.btf);
	t.u8 = btf__add_int(t.btf, "u8", 1, 0);
	t.u16 = btf__add_int(t.btf, "u16", 2, 0);
	t.u32 = btf__add_typedef(t.btf, "__u32", btf__add_int(t.btf, "u32", 4, 0));
	t.u64 = btf__add_int(t.btf, "u64", 8, 0);
	t.mac = btf__add_array(t.btf, t.u32, t.u8, 6);
	t.inner = btf__add_struct(t.btf, "inner", sizeof(struct inner));
	btf__add_field(t.btf, "port", t.u16, 0, 0);
	btf__add_field(t.btf, "mac", t.mac, 16, 0);
	t.ends = btf__add_array(t.btf, t.u32, t.inner, 2);
	return t;
}

static int add_value(struct types *t)
{
	int id = btf__add_struct(t->btf, "value", sizeof(struct value));

	btf__add_field(t->btf, "id", t->u64, 0, 0);
	btf__add_field(t->btf, "ends", t->ends, 64, 0);
	btf__add_field(t->btf, "kind", t->u32, offsetof(struct value, kind) * 8, 0);
	btf__add_field(t->btf, "pad", t->u32, offsetof(struct value, pad) * 8, 0);
	return id;
}

/* As __type(key, ...) and __type(value, ...) declare it. */
static void add_map(struct types *t, const char *name, int key, int value)
{
	int key_p = btf__add_ptr(t->btf, key), value_p = btf__add_ptr(t->btf, value), map;

	map = btf__add_struct(t->btf, "", 24);
	btf__add_field(t->btf, "type", t->u64, 0, 0);
	btf__add_field(t->btf, "key", key_p, 64, 0);
	btf__add_field(t->btf, "value", value_p, 128, 0);
	btf__add_var(t->btf, name, BTF_VAR_GLOBAL_ALLOCATED, map);
}

static void check_field(const struct layout *l, const char *name, uint32_t offset, uint32_t size,
			uint32_t n)
{
	const struct layout_field *f = layout_find(l, name);

	if (!f)
		fail_msg("no field %s", name);
	assert_int_equal(f->offset, offset);
	assert_int_equal(f->size, size);
	assert_int_equal(f->n, n);
}

static void test_of_map(void **state)
{
	struct types t = types_new();
	struct layout key, value;

	add_map(&t, "san_x", t.u32, add_value(&t));
	assert_int_equal(layout_of_map(t.btf, "san_x", &key, &value), 0);
	assert_int_equal(key.size, 4);
	check_field(&key, "", 0, 4, 1);
	assert_int_equal(value.size, sizeof(struct value));
	check_field(&value, "id", 0, 8, 1);
	check_field(&value, "ends[0].port", 8, 2, 1);
	check_field(&value, "ends[1].mac", 18, 1, 6);
	check_field(&value, "kind", 24, 4, 1);
	assert_null(layout_find(&value, "ends"));
	assert_int_equal(layout_of_map(t.btf, "san_y", &key, &value), -ENOENT);
	btf__free(t.btf);
}

/* A map without a type of its values, of bit fields, of a union; too many fields. */
static void test_refused(void **state)
{
	struct types t = types_new();
	struct layout key, value;
	int id, map;

	map = btf__add_struct(t.btf, "", 8);
	btf__add_field(t.btf, "key", btf__add_ptr(t.btf, t.u32), 0, 0);
	btf__add_var(t.btf, "no_value", BTF_VAR_GLOBAL_ALLOCATED, map);
	assert_int_equal(layout_of_map(t.btf, "no_value", &key, &value), -ENOENT);
	id = btf__add_struct(t.btf, "bits", 4);
	btf__add_field(t.btf, "few", t.u32, 0, 3);
	add_map(&t, "of_bits", t.u32, id);
	assert_int_equal(layout_of_map(t.btf, "of_bits", &key, &value), -EINVAL);
	id = btf__add_union(t.btf, "either", 4);
	btf__add_field(t.btf, "one", t.u32, 0, 0);
	add_map(&t, "of_union", t.u32, id);
	assert_int_equal(layout_of_map(t.btf, "of_union", &key, &value), -EINVAL);
	add_map(&t, "of_many", t.u32, btf__add_array(t.btf, t.u32, t.inner, LAYOUT_FIELDS));
	assert_int_equal(layout_of_map(t.btf, "of_many", &key, &value), -E2BIG);
	btf__free(t.btf);
}

/* --- copies --------------------------------------------------------------------------------------
 */

static struct layout layout(uint32_t size, const struct layout_field *fields, unsigned int n)
{
	struct layout l = {.size = size, .n = n};

	memcpy(l.fields, fields, n * sizeof(*fields));
	return l;
}

static void test_equal(void **state)
{
	const struct layout_field a[] = {{"x", 0, 4, 1}, {"pad", 4, 4, 1}};
	const struct layout_field b[] = {{"x", 0, 4, 1}, {"pad2", 4, 1, 4}};
	const struct layout_field c[] = {{"x", 0, 4, 1}, {"y", 4, 4, 1}};
	const struct layout_field d[] = {{"x", 0, 2, 2}};
	struct layout la = layout(8, a, 2), lb = layout(8, b, 2), lc = layout(8, c, 2),
		      ld = layout(8, d, 1);

	assert_true(layout_equal(&la, &lb)); /* padding does not count */
	assert_false(layout_equal(&la, &lc));
	assert_false(layout_equal(&lc, &la));
	assert_false(layout_equal(&la, &ld));
	lb.size = 12;
	assert_false(layout_equal(&la, &lb));
}

/* Moved, gone, new, wider. */
static void test_copy(void **state)
{
	const struct layout_field old[] = {
		{"a", 0, 4, 1}, {"gone", 4, 2, 1}, {"b", 6, 2, 1}, {"m", 8, 1, 3}};
	const struct layout_field new[] = {
		{"b", 0, 8, 1}, {"a", 8, 4, 1}, {"fresh", 12, 4, 1}, {"m", 16, 1, 6}};
	const uint8_t src[12] = {1, 2, 3, 4, 9, 9, 0x34, 0x12, 7, 8, 9};
	struct layout from = layout(12, old, 4), to = layout(24, new, 4);
	uint8_t dst[24], want[24] = {0x34, 0x12, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};

	memset(dst, 0xff, sizeof(dst));
	memcpy(want + 16, src + 8, 3);
	assert_int_equal(layout_copy(&from, src, &to, dst), 0);
	assert_memory_equal(dst, want, sizeof(dst));
}

/* Narrower: only what fits. */
static void test_narrow(void **state)
{
	const struct layout_field old[] = {{"a", 0, 8, 1}, {"m", 8, 4, 2}};
	const struct layout_field new[] = {{"a", 0, 2, 1}, {"m", 4, 4, 1}};
	struct layout from = layout(16, old, 2), to = layout(8, new, 2);
	uint64_t src[2] = {0xffff, 5};
	uint8_t dst[8];

	assert_int_equal(layout_copy(&from, src, &to, dst), 0);
	assert_int_equal(dst[0], 0xff);
	assert_int_equal(dst[1], 0xff);
	assert_int_equal(dst[4], 5);
	src[0] = 0x10000;
	assert_int_equal(layout_copy(&from, src, &to, dst), -ERANGE);
	src[0] = 1;
	src[1] = 5ull << 32;
	assert_int_equal(layout_copy(&from, src, &to, dst), -ERANGE);
}

/* --- the version before --------------------------------------------------------------------------
 */

static void test_abi2(void **state)
{
	struct layout key, value;

	assert_int_equal(abi2_layout("san_services", &key, &value), 0);
	assert_int_equal(key.size, 8);
	assert_int_equal(value.size, 24);
	check_field(&key, "service_id", 0, 8, 1);
	check_field(&value, "affinity", 21, 1, 1);
	/* Flows have not changed since. */
	assert_int_equal(abi2_layout("san_flows", &key, &value), 0);
	assert_int_equal(key.size, sizeof(struct san_flow_key));
	assert_int_equal(value.size, sizeof(struct san_flow));
	check_field(&key, "service_id", offsetof(struct san_flow_key, service_id), 8, 1);
	check_field(&key, "proto", offsetof(struct san_flow_key, proto), 1, 1);
	assert_int_equal(abi2_layout("san_nexthops", &key, &value), 0);
	check_field(&value, "epoch", 200, 4, 1);
	assert_int_equal(abi2_layout("san_reasons", &key, &value), -ENOENT);
	assert_int_equal(abi2_layout("san_sids", &key, &value), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_map), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_equal),  cmocka_unit_test(test_copy),
		cmocka_unit_test(test_narrow), cmocka_unit_test(test_abi2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
