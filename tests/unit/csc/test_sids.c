/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gateway gives its instances SIDs of its locator. */
#include "unit/csc/rig.h"

#include "csc/functions.h"

static const char *sid_of(uint64_t service, const char *instance)
{
	const struct view_instance *inst = view_instance(&view, service, instance);

	return inst ? addr_text(&inst->sid) : "none";
}

static void test_allocates_the_lowest(void **state)
{
	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "a"), "5f00:0:2:100::");
	assert_non_null(strstr(stored("/san/"), "/san/status/0x101/a/sid=5f00:0:2:100::"));
	/* The same address in another service is another instance. */
	assert_int_equal(put(0x102, "a", GOOD, 0), 0);
	assert_string_equal(sid_of(0x102, "a"), "5f00:0:2:101::");
	assert_int_equal(put(0x101, "b", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "b"), "5f00:0:2:102::");
	assert_int_equal(del(0x102, "a", ANY_REVISION), 0);
	assert_int_equal(put(0x101, "c", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "c"), "5f00:0:2:101::");
}

static void test_keeps_what_it_has(void **state)
{
	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_int_equal(put(0x101, "b", GOOD, 0), 0);
	assert_int_equal(put(0x101, "b", GOOD, ANY_REVISION), 0);
	assert_string_equal(sid_of(0x101, "b"), "5f00:0:2:101::");
	assert_int_equal(del(0x101, "a", ANY_REVISION), 0);
	csc_close(csc);
	view_fini(&view);
	view_init(&view);
	csc_again();
	assert_int_equal(put(0x101, "b", GOOD, ANY_REVISION), 0);
	assert_string_equal(sid_of(0x101, "b"), "5f00:0:2:101::");
	assert_int_equal(put(0x101, "c", GOOD, ANY_REVISION), 0);
	assert_string_equal(sid_of(0x101, "c"), "5f00:0:2:100::");
}

static void test_respects_what_is_told(void **state)
{
	assert_int_equal(put(0x101, "a", WITH_SID("5f00:0:2:100::"), 0), 0);
	assert_int_equal(put(0x101, "b", WITH_SID("5f00:0:2:102::5"), 0), 0);
	assert_int_equal(put(0x101, "c", WITH_SID("5f00:0:9:101::"), 0), 0);
	assert_int_equal(put(0x101, "d", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "d"), "5f00:0:2:101::");
	assert_int_equal(put(0x101, "e", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "e"), "5f00:0:2:103::");
	/* A SID of another locator is not kept when none is told. */
	assert_int_equal(put(0x101, "c", GOOD, ANY_REVISION), 0);
	assert_string_equal(sid_of(0x101, "c"), "5f00:0:2:104::");
	/* Two with the same one: free only when both are gone. */
	assert_int_equal(put(0x101, "f", WITH_SID("5f00:0:2:100::"), 0), 0);
	assert_int_equal(del(0x101, "a", ANY_REVISION), 0);
	assert_int_equal(put(0x101, "g", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "g"), "5f00:0:2:105::");
	assert_int_equal(del(0x101, "f", ANY_REVISION), 0);
	assert_int_equal(put(0x101, "h", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "h"), "5f00:0:2:100::");
}

static void test_two_at_once_get_two(void **state)
{
	struct answer first, second;

	into(&first);
	assert_int_equal(csc_instance_put(csc, 0x101, "a", json(GOOD), 0, into(&first), &err), 0);
	assert_int_equal(csc_instance_put(csc, 0x101, "b", json(GOOD), 0, into(&second), &err), 0);
	wait_for(&first.done);
	wait_for(&second.done);
	assert_string_equal(sid_of(0x101, "a"), "5f00:0:2:100::");
	assert_string_equal(sid_of(0x101, "b"), "5f00:0:2:101::");
}

static void test_a_failed_write_gives_it_back(void **state)
{
	assert_int_equal(put(0x101, "a", GOOD, 0), 0);
	assert_int_equal(put(0x101, "a", "{\"gateway\": \"gw3\", \"address\": \"2001:db8::2\"}",
			     ANY_REVISION),
			 0);
	assert_string_equal(sid_of(0x101, "a"), "::");
	assert_int_equal(put(0x101, "a", GOOD, 0), -ESTALE);
	assert_int_equal(put(0x101, "b", GOOD, 0), 0);
	assert_string_equal(sid_of(0x101, "b"), "5f00:0:2:100::");
}

static void test_not_ours(void **state)
{
	assert_int_equal(put(0x101, "a", "{\"gateway\": \"gw3\", \"address\": \"2001:db8::2\"}", 0),
			 0);
	assert_string_equal(sid_of(0x101, "a"), "::");
}

static void test_exhausted(void **state)
{
	struct functions f;
	struct in6_addr locator = addr("5f00:0:2::"), seg;

	assert_int_equal(functions_init(&f, &locator, 48), 0);
	for (int i = FUNCTION_MIN; i <= FUNCTION_MAX; i++) {
		assert_int_equal(functions_alloc(&f, &seg), 0);
		assert_int_equal(functions_of(&f, &seg), i);
	}
	assert_string_equal(addr_text(&seg), "5f00:0:2:ffff::");
	assert_int_equal(functions_alloc(&f, &seg), -ENOSPC);
	functions_drop(&f, 0x4242);
	assert_int_equal(functions_alloc(&f, &seg), 0);
	assert_string_equal(addr_text(&seg), "5f00:0:2:4242::");
	functions_fini(&f);
}

/* Behind any length of locator, also one that is not a multiple of 8. */
static void test_functions_of_locators(void **state)
{
	static const struct {
		const char *locator;
		int len;
		const char *first;
	} good[] = {
		{"5f00:0:2::", 48, "5f00:0:2:100::"},
		{"5f00::", 16, "5f00:100::"},
		{"5f00:0:2::", 52, "5f00:0:2:10::"},
		{"5f00:0:2:8000::", 49, "5f00:0:2:8080::"},
		{"2001:db8:1:2:3:4:5::", 112, "2001:db8:1:2:3:4:5:100"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct in6_addr locator = addr(good[i].locator), other = addr("3fff::1"), seg;
		struct functions f;

		assert_int_equal(functions_init(&f, &locator, good[i].len), 0);
		assert_int_equal(functions_alloc(&f, &seg), 0);
		assert_string_equal(addr_text(&seg), good[i].first);
		assert_int_equal(functions_of(&f, &seg), FUNCTION_MIN);
		assert_int_equal(functions_of(&f, &other), -1);
		functions_fini(&f);
	}
}

static void test_exhausted_names_the_locator(void **state)
{
	char name[16], sid[32], text[128];
	int r;

	/* Whatever is in use counts, by whomever it was told. */
	for (int i = FUNCTION_MIN; i <= FUNCTION_MAX; i++) {
		struct ncsdb_op op = {NCSDB_PUT, text, sid, 0, 0};

		snprintf(name, sizeof(name), "i%x", i);
		op.value_len = snprintf(sid, sizeof(sid), "5f00:0:2:%x::", i);
		snprintf(text, sizeof(text), "/san/status/0x101/%s/sid", name);
		assert_int_equal(
			ncsdb_txn(db, &(struct ncsdb_txn){.then = &op, .n_then = 1}, NULL, NULL),
			0);
		if (i % 256 == 0)
			turn();
	}
	turn();
	r = put(0x102, "a", GOOD, 0);
	assert_int_equal(r, -ENOSPC);
	refused(r, "/sid", "locator 5f00:0:2::/48 has no free function in 0x100..0xffff");
	assert_int_equal(put(0x102, "a", WITH_SID("5f00:0:2:100::"), 0), 0);
}

static void test_configuration(void **state)
{
	struct csc *other = NULL;

	assert_int_equal(
		csc_open(db, &view, &(struct csc_conf){.gateway = "g w"}, NULL, NULL, &other),
		-EINVAL);
	assert_int_equal(
		csc_open(db, &view, &(struct csc_conf){.gateway = "gw2"}, NULL, NULL, &other),
		-EINVAL);
	assert_int_equal(csc_open(db, &view,
				  &(struct csc_conf){.gateway = "gw2", .locator_len = 113}, NULL,
				  NULL, &other),
			 -EINVAL);
	assert_null(other);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_gateway, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_allocates_the_lowest),
		T(test_keeps_what_it_has),
		T(test_respects_what_is_told),
		T(test_two_at_once_get_two),
		T(test_a_failed_write_gives_it_back),
		T(test_not_ours),
		T(test_exhausted),
		T(test_functions_of_locators),
		T(test_exhausted_names_the_locator),
		T(test_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
