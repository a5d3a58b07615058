/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept, going back to it, confirmations, and a restart on the same database. */
#include "unit/intent/rig.h"

struct list {
	char text[4096];
};

static bool on_item(void *arg, const struct intent_item *item)
{
	struct list *list = arg;
	size_t at = strlen(list->text);

	assert_true(strlen(item->time) == 20);
	snprintf(list->text + at, sizeof(list->text) - at, "%s%" PRIu64 "%s by %s", at ? ", " : "",
		 item->revision, item->in_force ? "*" : "", item->by);
	if (item->rollback_of)
		snprintf(list->text + strlen(list->text), sizeof(list->text) - strlen(list->text),
			 " to %" PRIu64, item->rollback_of);
	return true;
}

static const char *history(int at, const char *tenant)
{
	static struct list list;

	list = (struct list){""};
	intent_history(host[at].in, tenant, on_item, &list);
	return list.text;
}

static int rolled_back(const char *tenant, uint64_t revision)
{
	int r;

	came[0] = (struct came){0};
	err = (struct err){0};
	r = intent_rollback(host[0].in, tenant, "op", revision, ANY_REVISION, on_result, &came[0],
			    &err);
	if (r)
		return r;
	assert_false(came[0].done);
	RUN_UNTIL(came[0].done);
	return came[0].status;
}

static void three_revisions(void)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(applied("a", SITE("two", "2")), 0);
	assert_int_equal(applied("a", SITE("three", "3")), 0);
}

static void test_history(void **state)
{
	char *text;
	int r = 0;

	assert_string_equal(history(0, "a"), "");
	three_revisions();
	assert_string_equal(history(1, "a"), "3* by tester, 2 by tester, 1 by tester");
	assert_string_equal(history(1, "b"), "");
	text = intent_script(host[1].in, "a", 2, &r);
	said(text, "two");
	assert_null(strstr(text, "three"));
	free(text);
	assert_null(intent_script(host[1].in, "a", 4, &r));
	assert_int_equal(r, -ENOENT);
}

static void test_rollback(void **state)
{
	three_revisions();
	assert_int_equal(rolled_back("a", 1), 0);
	assert_int_equal(came[0].revision, 4);
	assert_int_equal(came[0].n_changes, 2);
	for (int i = 0; i < 2; i++) {
		assert_true(has(i, "a", "one"));
		assert_false(has(i, "a", "two"));
	}
	assert_string_equal(history(1, "a"),
			    "4* by op to 1, 3 by tester, 2 by tester, 1 by tester");
	/* The one before, which has all three. */
	assert_int_equal(rolled_back("a", 0), 0);
	assert_true(has(1, "a", "three"));
	/* To what is in force already. */
	assert_int_equal(rolled_back("a", 5), 0);
	assert_int_equal(came[0].revision, 5);
	assert_int_equal(came[0].n_changes, 0);
	assert_int_equal(rolled_back("a", 9), -ENOENT);
	assert_int_equal(rolled_back("b", 0), -ENOENT);
	assert_int_equal(rolled_back("nobody", 0), -EINVAL);
}

static void test_rollback_removes_services(void **state)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(applied("a", "CREATE CFN web Type service Property service_id: 257;"), 0);
	said(stored("/san/services/"), "0x101");
	assert_int_equal(rolled_back("a", 1), 0);
	assert_string_equal(stored("/san/services/"), "");
}

static void test_history_has_a_limit(void **state)
{
	intent_limits.history = 3;
	three_revisions();
	assert_int_equal(applied("b", SITE("b1", "1")), 0);
	assert_int_equal(applied("a", SITE("four", "4")), 0);
	assert_int_equal(applied("a", SITE("five", "5")), 0);
	assert_string_equal(history(1, "a"), "5* by tester, 4 by tester, 3 by tester");
	assert_string_equal(history(1, "b"), "1* by tester");
	assert_int_equal(rolled_back("a", 2), -ENOENT);
	assert_int_equal(rolled_back("a", 3), 0);
}

static void large_revision(unsigned int number)
{
	size_t len = 900000;
	char *text = malloc(len + 300), key[64];
	int at = sprintf(
		text,
		"{\"tenant\":\"a\",\"revision\":%u,\"time\":\"2026-01-01T00:00:00Z\",\"by\":\"old\","
		"\"comment\":\"\",\"script\":\"",
		number);

	memset(text + at, ' ', len);
	strcpy(text + at + len, "\"}");
	snprintf(key, sizeof(key), "/san/nemo/revisions/a/%010u", number);
	raw_put(key, text);
	free(text);
}

/* 25 of 0.9 MB, of which 18 are within 16 MiB. */
static void test_history_has_a_limit_in_bytes(void **state)
{
	host_close(1);
	for (unsigned int i = 1; i <= 25; i++)
		large_revision(i);
	raw_put("/san/nemo/head", "{\"commit\":1,\"tenants\":{\"a\":25},\"legs\":[]}");
	RUN_UNTIL(host[0].commit == 1);
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	said(history(0, "a"), "26* by tester, 25 by old");
	said(history(0, "a"), ", 8 by old");
	assert_null(strstr(history(0, "a"), ", 7 by old"));
}

/* ---- confirmations ---- */

static int tried(const char *script, unsigned int seconds)
{
	struct intent_apply apply = asks("a", script);

	apply.confirm_s = seconds;
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	return came[0].status;
}

static const char *confirm_text(int at)
{
	static char text[256];
	json_t *obj = intent_confirm_json(host[at].in, "a");
	char *dump;

	json_object_del(obj, "until");
	dump = json_dumps(obj, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	snprintf(text, sizeof(text), "%s", dump);
	free(dump);
	json_decref(obj);
	return text;
}

static void test_not_confirmed(void **state)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(tried(SITE("two", "2"), 1), 0);
	assert_string_equal(confirm_text(1), "{\"back_to\":1,\"commit\":2}");
	assert_true(has(1, "a", "two"));
	RUN_UNTIL(!has(0, "a", "two") && !has(1, "a", "two"));
	assert_true(has(1, "a", "one"));
	assert_string_equal(history(1, "a"), "3* by confirm to 1, 2 by tester, 1 by tester");
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
	assert_string_equal(confirm_text(1), "null");
}

static uint64_t refused_by_hosts(void)
{
	struct intent_stats out;

	intent_figures(host[0].in, &out);
	return out.refused;
}

/* A host that cannot carry what was before either: tried again until it can. */
static void test_not_confirmed_and_refused(void **state)
{
	intent_limits.apply_ms = 300;
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(tried(SITE("two", "2"), 1), 0);
	host[1].prepare = -ENOSPC;
	RUN_UNTIL(refused_by_hosts() > 0);
	assert_true(has(1, "a", "two"));
	host[1].prepare = 0;
	RUN_UNTIL(!has(1, "a", "two"));
}

/* Nothing was there before. */
static void test_not_confirmed_back_to_nothing(void **state)
{
	assert_int_equal(tried(SITE("one", "1"), 1), 0);
	RUN_UNTIL(!has(1, "a", "one"));
	RUN_UNTIL(intent_head(host[1].in)->commit == 2);
	assert_int_equal(intent_head(host[1].in)->n_tenants, 0);
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
	/* Numbers go on. */
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(came[0].revision, 3);
}

static void test_confirmed(void **state)
{
	struct answer a;

	assert_int_equal(intent_confirm(host[0].in, "a", into(&a), &err), -ENOENT);
	assert_int_equal(tried(SITE("one", "1"), 3600), 0);
	assert_int_equal(answered(intent_confirm(host[1].in, "a", into(&a), &err), &a), 0);
	assert_string_equal(confirm_text(0), "null");
	assert_true(has(0, "a", "one"));
}

/* The next commit confirms; one that is to be confirmed itself goes back to the first. */
static void test_commit_on_top(void **state)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(tried(SITE("two", "2"), 3600), 0);
	assert_int_equal(tried(SITE("three", "3"), 3600), 0);
	assert_string_equal(confirm_text(1), "{\"back_to\":1,\"commit\":3}");
	assert_int_equal(applied("a", SITE("four", "4")), 0);
	assert_string_equal(confirm_text(1), "null");
}

/* One that was not confirmed while nobody was there. */
static void test_confirmation_survives_all_hosts(void **state)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(applied("a", SITE("two", "2")), 0);
	host_close(0);
	host_close(1);
	raw_put("/san/nemo/confirm/a",
		"{\"commit\":2,\"until\":\"2020-01-01T00:00:00Z\",\"back_to\":1}");
	host_open(0);
	RUN_UNTIL(!has(0, "a", "two"));
	assert_true(has(0, "a", "one"));
}

static void test_confirmation_without_a_way_back(void **state)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	raw_put("/san/nemo/confirm/a",
		"{\"commit\":1,\"until\":\"2020-01-01T00:00:00Z\",\"back_to\":77}");
	RUN_UNTIL(stored("/san/nemo/confirm/")[0] == '\0');
	assert_true(has(0, "a", "one"));
}

/* ---- restart ---- */

static void test_restart(void **state)
{
	two_gateways();
	assert_int_equal(applied("a", "IMPORT CFN pe1 Type gateway; IMPORT CFN pe2 Type gateway; "
				      "CREATE Connection c EndNodes pe1, pe2 Property "
				      "bandwidth: 60;"),
			 0);
	assert_int_equal(applied("b", SITE("b1", "1")), 0);
	host_close(0);
	host_close(1);
	host[0].flipped = 0;
	host_open(0);
	assert_int_equal(host[0].flipped, 1);
	assert_int_equal(host[0].commit, 2);
	assert_int_equal(host[0].n_tenants, 2);
	assert_true(has(0, "a", "c"));
	assert_int_equal(intent_tenant(host[0].in, "a")->legs->n, 2);
	/* A commit that only this host takes part in. */
	assert_int_equal(applied("a", "UPDATE Connection c Property bandwidth: 70;"), 0);
	assert_int_equal(came[0].commit, 3);
}

/* Tenants that only other hosts know are in force here, too, and stay when others commit. */
static void test_tenant_of_others(void **state)
{
	raw_put("/san/nemo/revisions/zz/0000000001",
		"{\"tenant\":\"zz\",\"revision\":1,\"time\":\"\",\"by\":\"\",\"comment\":\"\","
		"\"script\":\"CREATE CFN theirs Type host;\"}");
	raw_put("/san/nemo/head", "{\"commit\":1,\"tenants\":{\"zz\":1},\"legs\":[]}");
	RUN_UNTIL(host[0].commit == 1 && host[1].commit == 1);
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_true(has(1, "zz", "theirs"));
	assert_int_equal(host[1].n_tenants, 2);
	said(stored("/san/nemo/head"), "\"tenants\":{\"a\":1,\"zz\":1}");
}

static uint64_t lists(int at)
{
	struct ncsdb_follow_stats out;

	intent_follow_stats(host[at].in, &out);
	return out.lists;
}

/* Events that were lost are found in the next list: nothing happens that is not on the database. */
static void test_list_again(void **state)
{
	unsigned int flipped;

	three_revisions();
	flipped = host[1].flipped;
	ncsdb_follow_limits.audit_ms = 50;
	host_close(0);
	host_open(0);
	RUN_UNTIL(lists(0) >= 4);
	ncsdb_follow_limits.audit_ms = FOLLOW_AUDIT_MS;
	assert_int_equal(host[1].flipped, flipped);
	assert_true(has(0, "a", "three"));
	assert_int_equal(applied("a", SITE("four", "4")), 0);
}

/* ---- large ones ---- */

#define MANY 13000

/* More than two values of the database, with characters of two bytes at every cut. */
static char *large_script(void)
{
	struct nemo_text text = {0};

	for (int i = 0; i < MANY; i++)
		nemo_text_add(&text,
			      "CREATE CFN c%d Type host Property description: \"%s%s%s%s\";\n", i,
			      "üüüüüüüüüü", "üüüüüüüüüü", "üüüüüüüüüü", "üüüüüüüüüü");
	assert_true(text.len > NCSDB_VALUE_MAX);
	return text.data;
}

static void test_large_script(void **state)
{
	char *script = large_script(), *again;
	int r = 0;

	assert_int_equal(applied("a", script), 0);
	assert_true(has(1, "a", "c0"));
	assert_true(has(1, "a", "c12999"));
	again = intent_script(host[1].in, "a", 1, &r);
	assert_int_equal(r, 0);
	assert_true(strlen(again) > NCSDB_VALUE_MAX);
	free(again);
	/* Another host reads it back. */
	host_open(2);
	assert_int_equal(nemo_store_count(intent_store(host[2].in, "a")), MANY);
	/* Its parts go with it. */
	intent_limits.history = 1;
	assert_int_equal(applied("b", SITE("b1", "1")), 0);
	host[1].prepare = -EPERM;
	assert_int_equal(applied("a", "CREATE CFN more Type host;"), -EBUSY);
	assert_false(has(0, "a", "more"));
	free(script);
}

#define TWO(name) cmocka_unit_test_setup_teardown(test_##name, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO(history),
		TWO(rollback),
		TWO(rollback_removes_services),
		TWO(history_has_a_limit),
		TWO(history_has_a_limit_in_bytes),
		TWO(not_confirmed),
		TWO(not_confirmed_and_refused),
		TWO(not_confirmed_back_to_nothing),
		TWO(confirmed),
		TWO(commit_on_top),
		TWO(confirmation_survives_all_hosts),
		TWO(confirmation_without_a_way_back),
		TWO(restart),
		TWO(tenant_of_others),
		TWO(list_again),
		TWO(large_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
