/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts that need a while to prepare: what the hosts say waits for it, and goes with the stage. */
#include "unit/intent/rig.h"
#include "intent/intent_int.h"

static unsigned int gone[HOSTS];

static void on_gone(void *arg)
{
	gone[(struct host *)arg - host]++;
}

static int setup_slow(void **state)
{
	setup_two(state);
	memset(gone, 0, sizeof(gone));
	for (int i = 0; i < 2; i++)
		intent_on_stage_gone(host[i].in, on_gone, &host[i]);
	host[1].prepare = -EINPROGRESS;
	return 0;
}

static void begin(const char *script)
{
	struct intent_apply apply = asks("a", script);
	unsigned int before = host[1].prepared;

	start(0, &came[0], &apply);
	RUN_UNTIL(host[1].prepared == before + 1);
	turn();
}

static const char *said_by_pe2(void)
{
	return stored("/san/nemo/hosts/pe2");
}

static void test_says_so_when_ready(void **state)
{
	begin(SITE("hq", "1"));
	said(said_by_pe2(), "\"prepared\":0");
	assert_false(came[0].done);
	intent_prepared(host[1].in, 7); /* of another one */
	turn();
	said(said_by_pe2(), "\"prepared\":0");
	intent_prepared(host[1].in, 1);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_int_equal(host[1].prepared, 1); /* once */
	said(said_by_pe2(), "\"prepared\":1");
	RUN_UNTIL(gone[0] == 1 && gone[1] == 1);
	turn();
	assert_int_equal(gone[1], 1);
}

/* The other one refuses: what was begun is told to be gone, and its end is nobody's. */
static void test_taken_back(void **state)
{
	host[0].prepare = -ENOSPC;
	begin(SITE("hq", "1"));
	RUN_UNTIL(came[0].done && gone[1] == 1);
	assert_int_equal(came[0].status, -EBUSY);
	intent_prepared(host[1].in, 1);
	turn();
	said(said_by_pe2(), "\"prepared\":0");
	host[0].prepare = 0;
	begin(SITE("hq", "1")); /* under the same number */
	assert_false(came[0].done);
	intent_prepared(host[1].in, 1);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_true(has(1, "a", "hq"));
}

#define STAGE(id)                                                                                  \
	"{\"id\":\"" id                                                                            \
	"\",\"commit\":1,\"coordinator\":\"newer\",\"tenants\":{\"a\":1},\"legs\":[]}"

/* As a host that gives up the one before says so when it is asked for the next. */
static int prepare_after_another(void *arg, const struct intent_head *head, struct err *e)
{
	const struct host *h = arg;

	intent_prepared(h->in, head->commit);
	return host_prepare(arg, head, e);
}

/* One stage goes, another comes under the same number, seen as one: what is said of the first is
 * nothing of the second. */
static void test_same_number(void **state)
{
	host[1].in->conf.prepare = prepare_after_another;
	raw_put("/san/nemo/revisions/a/0000000001",
		"{\"tenant\":\"a\",\"revision\":1,\"time\":\"2026-01-01T00:00:00Z\",\"by\":\"op\","
		"\"comment\":\"\",\"services\":[],\"script\":\"CREATE CFN hq Type host;\"}");
	leased_put("/san/nemo/hosts/newer", "{\"applied\":0,\"prepared\":0,\"why\":\"\"}");
	raw_put("/san/nemo/stage", STAGE("0"));
	RUN_UNTIL(host[1].prepared == 1);
	turn();
	said(said_by_pe2(), "\"prepared\":0");
	raw_del("/san/nemo/stage");
	raw_put("/san/nemo/stage", STAGE("1"));
	RUN_UNTIL(host[1].prepared == 2);
	for (int i = 0; i < 50; i++)
		turn();
	said(said_by_pe2(), "\"prepared\":0");
	intent_prepared(host[1].in, 1);
	RUN_UNTIL(strstr(said_by_pe2(), "\"prepared\":1"));
}

/* The head was written without it. */
static void test_ready_too_late(void **state)
{
	raw_put("/san/nemo/revisions/a/0000000001",
		"{\"tenant\":\"a\",\"revision\":1,\"time\":\"2026-01-01T00:00:00Z\",\"by\":\"op\","
		"\"comment\":\"\",\"services\":[],\"script\":\"CREATE CFN hq Type host;\"}");
	leased_put("/san/nemo/hosts/newer", "{\"applied\":0,\"prepared\":0,\"why\":\"\"}");
	raw_put("/san/nemo/stage", STAGE("0"));
	RUN_UNTIL(host[1].prepared == 1);
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":1,\"coordinator\":\"newer\","
				   "\"back_to\":{\"tenants\":{},\"legs\":[]},\"undo\":{}}");
	intent_prepared(host[1].in, 1);
	turn();
	said(said_by_pe2(), "\"prepared\":0");
}

static void test_never_ready(void **state)
{
	intent_limits.prepare_ms = 300;
	begin(SITE("hq", "1"));
	RUN_UNTIL(came[0].done && gone[0] && gone[1]);
	assert_int_equal(came[0].status, -ETIMEDOUT);
	said(came[0].err, "host pe2: does not say whether it can");
}

#define TEST(f) cmocka_unit_test_setup_teardown(test_##f, setup_slow, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_so_when_ready), TEST(taken_back),  TEST(same_number),
		TEST(ready_too_late),	  TEST(never_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
