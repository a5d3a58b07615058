/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many gateways: their numbers, and what is beyond the last one. */
#include "unit/orc/rig.h"

static char *name_of(unsigned int i)
{
	static char name[NAME_LEN];

	snprintf(name, sizeof(name), "g-%u", i);
	return name;
}

/* An instance behind a gateway of its own, each of the same name; address: last byte. */
static const struct orc_instance *put(unsigned int i, uint8_t address)
{
	struct in6_addr at = {.s6_addr = {0x20, 1, [15] = address}};
	char *name = name_of(i);
	struct view_instance_put in = {
		.service = 0x101, .instance = name, .gateway = name, .address = &at};

	assert_int_equal(view_instance_put(&view, &in), 0);
	return orc_of(view_instance(&view, 0x101, name));
}

static void test_numbers_are_used_again(void **state)
{
	for (unsigned int i = 0; i < 40; i++)
		assert_string_equal(orc_gateway_of(orc, put(i, 1))->name, name_of(i));
	for (unsigned int i = 0; i < 40; i += 2)
		view_instance_del(&view, 0x101, name_of(i));
	for (unsigned int i = 100; i < 120; i++)
		put(i, 1);
	assert_int_equal(orc->cap_sites, 64);
	for (unsigned int i = 0; i < 120; i++) {
		const struct view_instance *inst = view_instance(&view, 0x101, name_of(i));

		assert_int_equal(inst != NULL, i >= 100 || (i < 40 && i % 2));
		if (inst)
			assert_string_equal(orc_gateway_of(orc, orc_of(inst))->name, name_of(i));
	}
}

static void test_limit(void **state)
{
	unsigned int i;

	for (i = 0; i < ORC_MAX_SITES; i++)
		assert_true(put(i, 1)->gateway > 0);
	assert_false(orc->sites_full);
	assert_int_equal(put(i, 1)->gateway, 0);
	assert_int_equal(put(i + 1, 1)->gateway, 0);
	assert_true(orc->sites_full);
	view_instance_del(&view, 0x101, name_of(7));
	assert_true(put(i, 2)->gateway > 0); /* there is room at its next change */
	assert_string_equal(orc_gateway_of(orc, put(i, 2))->name, name_of(i));
	assert_int_equal(put(i + 1, 2)->gateway, 0);
}

static void aggregate_put(uint64_t id, const char *gateway, uint32_t count)
{
	const struct aggregate agg = {.count = count, .capacity = 900, .metric = 100};
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "@%s", gateway);
	assert_int_equal(view_instance_put(&view, &(struct view_instance_put){.service = id,
									      .instance = name,
									      .gateway = gateway,
									      .aggregate = &agg}),
			 0);
}

/* An aggregate that there was no room for hides nobody, and what there is no room for changes
 * nothing for the others. */
static void test_no_room_for_an_aggregate(void **state)
{
	const struct orc_service *svc;

	for (unsigned int i = 0; i < ORC_MAX_SITES; i++)
		put(i, 1);
	service(0x102, "{\"steering\": \"gateway\", \"hysteresis\": {\"hold_ms\": 0}, "
		       "\"evaluation\": [{\"attribute\": \"cpu_load\", "
		       "\"curve\": {\"ramp\": [0, 100]}}]}");
	aggregate_put(0x102, "gx", 1);
	assert_int_equal(orc_of(view_instance(&view, 0x102, "@gx"))->gateway, 0);
	view_instance_del(&view, 0x101, name_of(7));
	path("pe1", "gx", "be", NULL);
	gateway("gx", "5f00:0:7:5a::");
	instance(0x102, "a", "gx", "5f00:0:7:100::");
	attr(0x102, "a", ATTR_CPU_LOAD, 20);
	orc_start(orc);
	settle();
	assert_string_equal(chosen(0x102), "a");
	svc = view_service(&view, 0x102)->user;
	for (int i = 0; i < 2; i++) {
		instance(0x102, "b", "gy", i ? "5f00:0:8:101::" : NULL);
		assert_false(svc->rebuild);
		assert_int_equal(stats().queued, 0);
	}
	aggregate_put(0x102, "gx", 2); /* told anew: there is room now */
	assert_true(svc->rebuild);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers_are_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room_for_an_aggregate, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
