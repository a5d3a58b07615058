/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts that come through: what is stored, what all hosts have, what is answered. */
#include "unit/intent/rig.h"

static void test_nothing_at_first(void **state)
{
	assert_int_equal(intent_head(host[0].in)->commit, 0);
	assert_int_equal(intent_head(host[0].in)->n_tenants, 0);
	assert_int_equal(intent_revision(host[0].in, "a"), 0);
	assert_non_null(intent_store(host[0].in, "a"));
	assert_null(intent_store(host[0].in, "nobody"));
	assert_true(intent_knows(host[0].in, "b"));
	assert_false(intent_knows(host[0].in, "nobody"));
	assert_int_equal(host[0].flipped, 1);
	assert_string_equal(stored("/san/nemo/hosts/"),
			    "/san/nemo/hosts/pe1={\"applied\":0,\"prepared\":0,\"stage\":0,"
			    "\"why\":\"\"}(L)");
}

static void test_commit(void **state)
{
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	assert_int_equal(came[0].revision, 1);
	assert_int_equal(came[0].commit, 1);
	assert_int_equal(came[0].n_done, 1);
	assert_int_equal(came[0].units, 1);
	said(came[0].changes, "\"change\":\"create\"");
	assert_true(has(0, "a", "hq"));
	assert_false(has(0, "b", "hq"));
	assert_int_equal(host[0].commit, 1);
	assert_int_equal(host[0].n_tenants, 1);
	assert_string_equal(stored("/san/nemo/head"),
			    "/san/nemo/head={\"commit\":1,\"legs\":[],\"tenants\":{\"a\":1}}");
	assert_string_equal(stored("/san/nemo/stage"), "");
	said(stored("/san/nemo/revisions/"), "/san/nemo/revisions/a/0000000001={\"by\":\"tester\"");
	said(stored("/san/nemo/hosts/"), "\"applied\":1,\"prepared\":1");
}

static void test_second_host(void **state)
{
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	host_open(1);
	assert_true(has(1, "a", "hq"));
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	/* The answer comes when all have it. */
	assert_true(has(1, "a", "br"));
	assert_int_equal(host[1].commit, 2);
	assert_int_equal(host[1].prepared, 1);
	assert_int_equal(intent_revision(host[1].in, "a"), 2);
}

static void test_no_difference_no_commit(void **state)
{
	assert_int_equal(applied("a", SITE("hq", "1") SITE("br", "2")), 0);
	assert_int_equal(came[0].n_done, 2);
	assert_int_equal(applied("a", SITE("hq", "1") SITE("br", "2")), 0);
	assert_int_equal(came[0].revision, 1);
	assert_int_equal(came[0].commit, 1);
	assert_int_equal(came[0].n_changes, 0);
	assert_int_equal(came[0].n_done, 2);
	assert_int_equal(came[0].units, 2);
	assert_int_equal(applied("a", "Query location From hq;"), 0);
	assert_int_equal(came[0].units, 0);
	assert_int_equal(came[0].commit, 1);
	assert_int_equal(applied("a", ""), 0);
}

static void test_static_error_refuses_all(void **state)
{
	assert_int_equal(applied("a", SITE("hq", "1") "DELETE CFN nobody;"), -EINVAL);
	assert_int_equal(came[0].n_errors, 1);
	said(came[0].diag, "2:12 ");
	said(came[0].err, "nobody");
	assert_int_equal(came[0].n_done, 0);
	assert_false(has(0, "a", "hq"));
	assert_int_equal(applied("a", "CREATE \x01"), -EINVAL);
	assert_string_equal(stored("/san/nemo/revisions/"), "");
}

static void test_dry_run(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));

	apply.dry_run = true;
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(came[0].n_changes, 1);
	assert_int_equal(came[0].commit, 0);
	assert_false(has(0, "a", "hq"));
	assert_string_equal(stored("/san/nemo/head"), "");
}

static void test_arguments(void **state)
{
	struct intent_apply apply = asks("nobody", "");
	char comment[300];

	assert_int_equal(intent_apply(host[0].in, &apply, on_result, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "/tenant");
	apply.tenant = "a";
	memset(comment, 'x', sizeof(comment));
	comment[sizeof(comment) - 1] = '\0';
	apply.comment = comment;
	assert_int_equal(intent_apply(host[0].in, &apply, on_result, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "/comment");
	apply.comment = NULL;
	apply.len = NEMO_SCRIPT_MAX + 1;
	assert_int_equal(intent_apply(host[0].in, &apply, on_result, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "/script");
	apply.len = 0;
	apply.confirm_s = INTENT_CONFIRM_MAX_S + 1;
	assert_int_equal(intent_apply(host[0].in, &apply, on_result, NULL, &err), -EINVAL);
	assert_string_equal(err.field, "/confirm");
}

static void on_count(void *arg, const struct intent_result *res)
{
	++*(unsigned int *)arg;
}

static void test_queue_has_a_limit(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));
	unsigned int n = 0;

	for (int i = 0; i < INTENT_WAITING; i++)
		assert_int_equal(intent_apply(host[0].in, &apply, on_count, &n, &err), 0);
	assert_int_equal(intent_apply(host[0].in, &apply, on_count, &n, &err), -EAGAIN);
	said(err.want, "64 commits wait");
	RUN_UNTIL(n == INTENT_WAITING);
	assert_int_equal(intent_head(host[0].in)->commit, 1);
}

static void test_stale(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));

	apply.if_revision = 3;
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -ESTALE);
	said(came[0].err, "at revision 0, not at 3");
	apply.if_revision = 0;
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
}

/* Both see the same head; one of them loses, and finds its turn. */
static void test_lost_swap(void **state)
{
	struct intent_apply one = asks("a", SITE("hq", "1")), two = asks("b", SITE("br", "2"));
	struct intent_stats s0, s1;

	start(0, &came[0], &one);
	start(1, &came[1], &two);
	RUN_UNTIL(came[0].done && came[1].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(came[1].status, 0);
	intent_figures(host[0].in, &s0);
	intent_figures(host[1].in, &s1);
	assert_int_equal(s0.lost + s1.lost, 1);
	assert_int_equal(s0.commits + s1.commits, 2);
	for (int i = 0; i < 2; i++) {
		assert_true(has(i, "a", "hq"));
		assert_true(has(i, "b", "br"));
		assert_int_equal(intent_head(host[i].in)->n_tenants, 2);
		assert_string_equal(intent_head(host[i].in)->tenants[0].name, "a");
		assert_int_equal(intent_head(host[i].in)->commit, 2);
	}
}

/* The same of one tenant that must be at a certain revision: one of them is told. */
static void test_lost_swap_of_a_revision(void **state)
{
	struct intent_apply one = asks("a", SITE("hq", "1")), two = asks("a", SITE("br", "2"));

	one.if_revision = two.if_revision = 0;
	start(0, &came[0], &one);
	start(1, &came[1], &two);
	RUN_UNTIL(came[0].done && came[1].done);
	assert_int_equal(came[0].status + came[1].status, -ESTALE);
	assert_int_equal(has(0, "a", "hq") + has(0, "a", "br"), 1);
	assert_int_equal(intent_revision(host[0].in, "a"), 1);
}

static const char connection_of[] = "IMPORT CFN pe1 Type gateway; IMPORT CFN pe2 Type gateway;\n"
				    "CREATE Connection c Type p2p EndNodes pe1, pe2 "
				    "Property bandwidth: 60;";

static void test_admission_between_tenants(void **state)
{
	two_gateways();
	assert_int_equal(applied("a", connection_of), 0);
	assert_int_equal(came[0].n_legs, 2);
	assert_int_equal(intent_tenant(host[1].in, "a")->legs->n, 2);
	said(stored("/san/nemo/head"), "\"bandwidth\":60");
	assert_int_equal(applied("b", connection_of), -EINVAL);
	said(came[0].diag, "has 40 of 100 Mbit/s free, 60 are asked for");
	/* One by one: the gateways are there, the connection is not. */
	assert_int_equal(came[0].n_done, 2);
	assert_int_equal(came[0].units, 3);
	assert_true(has(1, "b", "pe2"));
	assert_false(has(1, "b", "c"));
	/* Other legs stay in the head. */
	assert_int_equal(intent_tenant(host[1].in, "a")->legs->n, 2);
	assert_int_equal(applied("a", "UPDATE Connection c Property bandwidth: 40;"), 0);
	assert_int_equal(applied("b", connection_of), 0);
	assert_int_equal(came[0].n_legs, 2);
}

static void test_transaction_is_all_or_nothing(void **state)
{
	char script[512];

	two_gateways();
	snprintf(script, sizeof(script),
		 SITE("first", "3") "Transaction; %s UPDATE Connection c "
				    "Property bandwidth: 600; Commit;" SITE("last", "4"),
		 connection_of);
	assert_int_equal(applied("a", script), -EINVAL);
	said(came[0].diag, "600 are asked for");
	assert_true(has(0, "a", "first"));
	assert_false(has(0, "a", "pe1"));
	assert_false(has(0, "a", "last"));
	assert_int_equal(came[0].n_done, 1);
	assert_int_equal(came[0].units, 6);
	assert_int_equal(came[0].n_changes, 1);
	assert_int_equal(came[0].revision, 1);
}

static void test_parts_of_a_script(void **state)
{
	assert_int_equal(
		applied("a", SITE("a1", "1") "Transaction; " SITE("a2", "2") "Commit;" SITE(
				     "a3", "3") "Query location From a1;" SITE("a4", "4")),
		0);
	assert_int_equal(came[0].n_done, 4);
	assert_int_equal(came[0].revision, 3);
	assert_int_equal(came[0].n_changes, 4);
	assert_true(has(1, "a", "a4"));
}

static void test_close_answers(void **state)
{
	struct intent_apply apply = asks("a", SITE("hq", "1"));

	ghost();
	start(0, &came[0], &apply);
	start(0, &came[1], &apply);
	turn();
	host_close(0);
	assert_int_equal(came[0].status, -ECANCELED);
	assert_int_equal(came[1].status, -ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
#define TWO(name) cmocka_unit_test_setup_teardown(test_##name, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_at_first),
		TEST(commit),
		TEST(second_host),
		TEST(no_difference_no_commit),
		TEST(static_error_refuses_all),
		TEST(dry_run),
		TEST(arguments),
		TEST(queue_has_a_limit),
		TEST(stale),
		TWO(lost_swap),
		TWO(lost_swap_of_a_revision),
		TWO(admission_between_tenants),
		TWO(transaction_is_all_or_nothing),
		TWO(parts_of_a_script),
		TEST(close_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
