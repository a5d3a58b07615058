/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classifier's rules: as a whole, with the plan. */
#include "unit/orc/rig.h"

static void rule(const char *name, uint64_t id)
{
	struct plan_class def = {.msg.service_id = id};

	strcpy(def.name, name);
	assert_int_equal(view_class_put(&view, &def, 1), 0);
}

/* "1 2": services of the rules at the parent, in their order. */
static const char *rules(void)
{
	static char text[256];

	text[0] = '\0';
	for (unsigned int i = 0; i < parent.n_classes; i++)
		sprintf(text + strlen(text), "%s%d", i ? " " : "",
			(int)parent.classes[i].service_id);
	return text;
}

static void test_with_the_first_plan(void **state)
{
	rule("b", 2);
	rule("a", 1);
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(parent.plans, 0);
	orc_start(orc);
	settle();
	assert_int_equal(parent.plans, 1);
	assert_string_equal(rules(), "1 2"); /* by name: of equal ones the smaller wins */
	assert_int_equal(stats().classes, 2);
}

static void test_follow(void **state)
{
	unsigned int plans;

	orc_start(orc);
	settle();
	plans = parent.plans;
	rule("a", 1);
	rule("c", 3);
	rule("b", 2);
	settle();
	assert_int_equal(parent.plans, plans + 1); /* together */
	assert_string_equal(rules(), "1 2 3");
	rule("b", 9);
	settle();
	assert_string_equal(rules(), "1 9 3");
	view_class_del(&view, "a");
	settle();
	assert_string_equal(rules(), "9 3");
	service(0x101, BY_LOAD); /* a plan about something else leaves them */
	settle();
	assert_string_equal(rules(), "9 3");
	view_class_del(&view, "b");
	view_class_del(&view, "c");
	settle();
	assert_string_equal(rules(), "");
	assert_int_equal(stats().classes, 0);
}

static void many(unsigned int n)
{
	char name[16];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "r%05u", i);
		rule(name, 1);
	}
}

/* The set that was taken last stands; the room that gets free is used. */
static void test_no_room(void **state)
{
	view.limits.classes = SAN_MAX_CLASSES + 1;
	orc_start(orc);
	many(SAN_MAX_CLASSES);
	settle();
	assert_int_equal(parent.n_classes, SAN_MAX_CLASSES);
	rule("x", 7);
	settle();
	assert_int_equal(parent.n_classes, SAN_MAX_CLASSES);
	assert_int_equal(stats().classes, SAN_MAX_CLASSES);
	assert_int_equal(stats().classes_refused, SAN_MAX_CLASSES + 1);
	assert_true(uv_is_active((uv_handle_t *)&orc->classes_retry));
	view_class_del(&view, "r00000");
	settle();
	assert_int_equal(parent.n_classes, SAN_MAX_CLASSES);
	assert_true(parent.classes[SAN_MAX_CLASSES - 1].service_id == 7);
	assert_int_equal(stats().classes_refused, 0);
	assert_false(uv_is_active((uv_handle_t *)&orc->classes_retry));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_with_the_first_plan),
		T(test_follow),
		T(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
