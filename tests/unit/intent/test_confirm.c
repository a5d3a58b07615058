/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken back because nobody confirmed it, and what is not. */
#include "unit/intent/rig.h"

#define LONG_AGO "2020-01-01T00:00:00Z"

static int tried(const char *tenant, const char *script, unsigned int seconds)
{
	struct intent_apply apply = asks(tenant, script);

	apply.confirm_s = seconds;
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	return came[0].status;
}

static bool in_queue(int at)
{
	return strstr(stored("/san/nemo/stage"), "\"back_to\"") && host[at].leads;
}

/* The next revision of tenant a with hq and br is not confirmed; its time is over once b's commit
 * is under way: the rollback waits for that. */
static void two_revisions(void)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(tried("a", SITE("two", "2"), 3600), 0);
}

static void expire(const char *tenant)
{
	char key[64];

	snprintf(key, sizeof(key), "/san/nemo/confirm/%s", tenant);
	raw_put(key, "{\"commit\":2,\"until\":\"" LONG_AGO "\",\"back_to\":1}");
}

static void let_go(int at)
{
	host[at].silent = false;
	intent_applied(host[at].in, host[at].commit, 0, NULL);
}

/* Time for what must not happen. */
static void a_while(void)
{
	for (int i = 0; i < 60; i++) {
		turn();
		usleep(10000);
	}
}

static void test_confirmed_while_the_rollback_waits(void **state)
{
	struct intent_apply other = asks("b", SITE("bee", "7"));
	struct answer a;

	two_revisions();
	host[0].silent = true;
	start(0, &came[1], &other);
	RUN_UNTIL(in_queue(0));
	expire("a");
	assert_int_equal(answered(intent_confirm(host[0].in, "a", into(&a), &err), &a), 0);
	let_go(0);
	RUN_UNTIL(came[1].done);
	assert_int_equal(came[1].status, 0);
	a_while();
	assert_true(has(0, "a", "two"));
	assert_int_equal(intent_revision(host[0].in, "a"), 2);
}

/* A commit that was on its way when the time was over, and confirms. */
static void test_confirmed_by_a_later_commit(void **state)
{
	struct intent_apply later = asks("a", SITE("three", "3"));

	two_revisions();
	host[0].silent = true;
	ghost();
	start(0, &came[1], &later);
	RUN_UNTIL(host[0].prepared == 3);
	expire("a");
	let_go(0);
	raw_del("/san/nemo/hosts/ghost");
	RUN_UNTIL(came[1].done);
	assert_int_equal(came[1].status, 0);
	a_while();
	assert_true(has(0, "a", "two"));
	assert_true(has(0, "a", "three"));
	assert_string_equal(stored("/san/nemo/confirm/"), "");
}

/* The record changes while the rollback is prepared: it is the head's transaction that counts. */
static void test_confirmed_while_it_is_rolled_back(void **state)
{
	struct answer a;

	two_revisions();
	ghost();
	expire("a");
	RUN_UNTIL(host[0].prepared == 3);
	assert_int_equal(answered(intent_confirm(host[0].in, "a", into(&a), &err), &a), 0);
	raw_del("/san/nemo/hosts/ghost");
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
	a_while();
	assert_true(has(0, "a", "two"));
	assert_int_equal(intent_revision(host[0].in, "a"), 2);
}

static uint64_t bad(void)
{
	struct intent_stats out;

	intent_figures(host[0].in, &out);
	return out.bad;
}

static void revision_of(const char *tenant)
{
	char key[512], text[512];

	snprintf(key, sizeof(key), "/san/nemo/revisions/%s/0000000005", tenant);
	snprintf(text, sizeof(text),
		 "{\"tenant\":\"%s\",\"revision\":5,\"time\":\"\",\"by\":\"\",\"comment\":\"\","
		 "\"script\":\"\"}",
		 tenant);
	raw_put(key, text);
}

/* Keys that nobody here wrote. */
static void test_keys_of_no_tenant(void **state)
{
	char name[201], key[256];

	assert_int_equal(applied("b", SITE("bee", "7")), 0);
	memset(name, 'q', 200);
	name[200] = '\0';
	snprintf(key, sizeof(key), "/san/nemo/confirm/%s", name);
	revision_of("zzz");
	revision_of(name);
	raw_put("/san/nemo/confirm/zzz", "{\"commit\":1,\"until\":\"" LONG_AGO "\",\"back_to\":5}");
	raw_put(key, "{\"commit\":1,\"until\":\"" LONG_AGO "\",\"back_to\":5}");
	raw_put("/san/nemo/confirm/a/b", "{\"commit\":1,\"until\":\"" LONG_AGO "\",\"back_to\":0}");
	a_while();
	assert_int_equal(bad(), 3);
	assert_true(has(0, "b", "bee"));
	said(stored("/san/nemo/confirm/"), "confirm/a/b=");
}

/* A tenant whose older revision cannot be read holds up nobody. */
static void test_one_that_fails_and_another(void **state)
{
	intent_limits.apply_ms = 300;
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(applied("b", SITE("one", "1")), 0);
	assert_int_equal(tried("a", SITE("two", "2"), 3600), 0);
	assert_int_equal(tried("b", SITE("two", "2"), 3600), 0);
	raw_put("/san/nemo/revisions/a/0000000001", "garbage");
	expire("a");
	a_while();
	expire("b");
	RUN_UNTIL(!has(0, "b", "two"));
	assert_true(has(0, "a", "two"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(confirmed_while_the_rollback_waits), TEST(confirmed_by_a_later_commit),
		TEST(confirmed_while_it_is_rolled_back),  TEST(keys_of_no_tenant),
		TEST(one_that_fails_and_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
