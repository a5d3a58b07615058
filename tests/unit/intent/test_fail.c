/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A commit that fails half-way leaves every host on the old revisions. */
#include "unit/intent/rig.h"

static struct intent_stats figures(int at)
{
	struct intent_stats out;

	intent_figures(host[at].in, &out);
	return out;
}

/* hq is in force everywhere, br nowhere, and nothing is left of it. */
static void old_everywhere(uint64_t commit)
{
	for (int i = 0; i < HOSTS; i++) {
		if (!host[i].in)
			continue;
		assert_true(has(i, "a", "hq"));
		assert_false(has(i, "a", "br"));
		assert_int_equal(host[i].commit, commit);
		assert_int_equal(intent_revision(host[i].in, "a"), 1);
	}
	assert_string_equal(stored("/san/nemo/stage"), "");
	assert_null(strstr(stored("/san/nemo/revisions/"), "0000000002"));
}

static int setup_three(void **state)
{
	setup_two(state);
	host_open(2);
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	return 0;
}

static void test_host_refuses(void **state)
{
	host[1].prepare = -ENOSPC;
	assert_int_equal(applied("a", SITE("br", "2")), -EBUSY);
	said(came[0].err, "host pe2: refuses it: too many rules");
	assert_int_equal(came[0].n_done, 0);
	assert_int_equal(came[0].n_changes, 0);
	old_everywhere(1);
	assert_int_equal(figures(0).refused, 1);
	/* What it said of that stage does not count for the next one, which has its number. */
	assert_int_equal(applied("a", SITE("br", "2")), -EBUSY);
	assert_int_equal(host[1].prepared, 3);
	old_everywhere(1);
	host[1].prepare = 0;
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	assert_int_equal(came[0].commit, 2);
	assert_true(has(2, "a", "br"));
}

/* Three statements, refused as one: one by one, up to the first that is refused. */
static void test_host_refuses_one_by_one(void **state)
{
	host[1].prepare = -ENOSPC;
	assert_int_equal(applied("a", SITE("br", "2") SITE("x", "3") SITE("y", "4")), -EBUSY);
	assert_int_equal(figures(0).refused, 2);
	assert_int_equal(came[0].n_done, 0);
	assert_int_equal(came[0].units, 3);
	old_everywhere(1);
}

static void test_host_cannot_apply(void **state)
{
	host[2].flip = -EIO;
	host[2].flip_fails = 2;
	assert_int_equal(applied("a", SITE("br", "2")), -EBUSY);
	said(came[0].err, "host pe3: cannot apply it: the parent does not answer");
	RUN_UNTIL(host[2].commit == 3);
	old_everywhere(3);
	assert_int_equal(figures(0).backed_out, 1);
	assert_int_equal(figures(0).commits, 1);
	host[2].flip = 0;
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	assert_int_equal(came[0].commit, 4);
	assert_int_equal(came[0].revision, 2);
}

static void test_coordinator_cannot_apply(void **state)
{
	host[0].flip = -EIO;
	host[0].flip_fails = 2;
	assert_int_equal(applied("a", SITE("br", "2")), -EBUSY);
	said(came[0].err, "host pe1: cannot apply it");
	old_everywhere(3);
}

static void test_host_does_not_prepare(void **state)
{
	intent_limits.prepare_ms = 300;
	ghost();
	assert_int_equal(applied("a", SITE("br", "2")), -ETIMEDOUT);
	said(came[0].err, "host ghost: does not say whether it can");
	old_everywhere(1);
	raw_del("/san/nemo/hosts/ghost");
	assert_int_equal(applied("a", SITE("br", "2")), 0);
}

static void test_host_does_not_apply(void **state)
{
	intent_limits.apply_ms = 300;
	host[1].silent = true;
	assert_int_equal(applied("a", SITE("br", "2")), -EBUSY);
	said(came[0].err, "host pe2: has not applied it in time");
	RUN_UNTIL(host[1].commit == 3);
	old_everywhere(3);
}

/* A host that is gone is not waited for. */
static void test_host_goes_meanwhile(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	ghost();
	start(0, &came[0], &apply);
	RUN_UNTIL(host[2].prepared == 2);
	raw_del("/san/nemo/hosts/ghost");
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	assert_true(has(2, "a", "br"));
}

/* The time in which this process itself cannot hear them is not theirs. */
static void test_busy_process(void **state)
{
	intent_limits.prepare_ms = intent_limits.apply_ms = 600;
	for (int i = 0; i < HOSTS; i++)
		host[i].busy_ms = 300;
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	assert_true(has(2, "a", "br"));
}

/* But no more of it than the phase lasts anyway: it ends in the sixth round, after twice its time,
 * and has the others for its transactions. Without the bound, 14 rounds would be 1400 ms of it. */
static void test_busy_for_ever(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	intent_limits.prepare_ms = 1500;
	ghost();
	start(0, &came[0], &apply);
	for (int i = 0; i < 14 && !came[0].done; i++) {
		usleep(500000);
		turn();
	}
	assert_true(came[0].done);
	assert_int_equal(came[0].status, -ETIMEDOUT);
}

/* Nobody's, or of a version with more to say. */
static void test_records_of_hosts(void **state)
{
	raw_put("/san/nemo/hosts/nobody", "{\"applied\":0,\"prepared\":0,\"why\":\"\"}");
	leased_put("/san/nemo/hosts/no name", "{\"applied\":0,\"prepared\":0,\"why\":\"\"}");
	assert_false(host_said("nobody"));
	assert_int_equal(figures(0).hosts, 3);
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	ghost();
	assert_true(host_said("ghost"));
}

/* The stage is there, but never again as far as it was. */
static void test_stage_falls_back(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));
	char id[17], text[128];

	intent_limits.prepare_ms = 200;
	ghost();
	start(0, &came[0], &apply);
	RUN_UNTIL(host[1].prepared == 2);
	memcpy(id, strstr(stored("/san/nemo/stage"), "\"id\":\"") + 6, 16);
	id[16] = '\0';
	snprintf(text, sizeof(text), "{\"id\":\"%s\",\"commit\":2,\"coordinator\":\"pe1\"}", id);
	raw_put("/san/nemo/stage", text);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -ETIMEDOUT);
	said(came[0].err, "the stage is not what this host has written");
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
}

/* ---- what was written with it is taken back with it ---- */

static void test_confirmation_comes_back(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));
	char before[512];

	apply.confirm_s = 3600;
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, 0);
	snprintf(before, sizeof(before), "%s", stored("/san/nemo/confirm/"));
	said(before, "\"back_to\":1");
	host[2].flip = -EIO;
	host[2].flip_fails = 3;
	assert_int_equal(applied("a", SITE("x", "3")), -EBUSY);
	assert_string_equal(stored("/san/nemo/confirm/"), before);
}

/* ---- a coordinator that dies ---- */

/* Between stage and head: its lease takes the stage with it. */
static void test_coordinator_dies_before_the_head(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	ghost();
	start(0, &came[0], &apply);
	RUN_UNTIL(host[1].prepared == 2 && host[2].prepared == 2);
	host_close(0);
	assert_int_equal(came[0].status, -ECANCELED);
	turn();
	raw_del("/san/nemo/hosts/ghost");
	assert_string_equal(stored("/san/nemo/stage"), "");
	for (int i = 1; i < 3; i++)
		assert_int_equal(host[i].commit, 1);
	/* The revision that it left is in nobody's way. */
	start(1, &came[1],
	      &(struct intent_apply){.tenant = "a",
				     .script = SITE("z", "9"),
				     .len = strlen(SITE("z", "9")),
				     .if_revision = 1});
	RUN_UNTIL(came[1].done);
	assert_int_equal(came[1].status, 0);
	assert_int_equal(came[1].revision, 2);
	assert_false(has(2, "a", "br"));
	assert_true(has(2, "a", "z"));
}

/* Behind the head, and pe3 has not applied it: the leader sees to the end of it. */
static void coordinator_dies_behind_the_head(int result)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));
	const struct err why = {.code = -EIO, .want = "no"};

	host[2].silent = true;
	start(0, &came[0], &apply);
	RUN_UNTIL(host[2].commit == 2 && host[1].commit == 2);
	turn();
	host_close(0);
	RUN_UNTIL(host[1].leads || host[2].leads);
	said(stored("/san/nemo/stage"), "\"back_to\"");
	host[2].silent = false;
	intent_applied(host[2].in, 2, result, &why);
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
}

static void test_coordinator_dies_and_all_apply(void **state)
{
	coordinator_dies_behind_the_head(0);
	for (int i = 1; i < 3; i++)
		assert_true(has(i, "a", "br"));
}

static void test_coordinator_dies_and_one_cannot(void **state)
{
	coordinator_dies_behind_the_head(-EIO);
	RUN_UNTIL(host[1].commit == 3 && host[2].commit == 3);
	old_everywhere(3);
	assert_int_equal(figures(1).backed_out + figures(2).backed_out, 1);
}

/* It comes back, and ends what it began itself. */
static void test_coordinator_comes_back(void **state)
{
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":2,\"coordinator\":\"pe1\","
				   "\"tenants\":{\"a\":1},\"legs\":[]}");
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
	assert_int_equal(applied("a", SITE("br", "2")), 0);
}

static void test_lease_lost_in_between(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	ghost();
	start(0, &came[0], &apply);
	RUN_UNTIL(host[1].prepared == 2);
	raw_del("/san/nemo/stage");
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -EHOSTUNREACH);
	said(came[0].err, "nothing has changed");
	assert_int_equal(host[1].commit, 1);
}

static void test_no_turn(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	intent_limits.prepare_ms = 200;
	intent_limits.apply_ms = 200;
	leased_put("/san/nemo/hosts/other", "{\"applied\":0,\"prepared\":0,\"why\":\"\"}");
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":2,\"coordinator\":\"other\"}");
	start(0, &came[0], &apply);
	RUN_UNTIL(came[0].done);
	assert_int_equal(came[0].status, -EAGAIN);
	said(came[0].err, "another commit is under way");
}

/* ---- what others wrote ---- */

static void test_revision_that_does_not_parse(void **state)
{
	uint64_t bad = figures(1).bad;

	raw_put("/san/nemo/revisions/a/0000000002",
		"{\"tenant\":\"a\",\"revision\":2,\"time\":\"\",\"by\":\"\",\"comment\":\"\","
		"\"script\":\"CREATE nonsense\"}");
	raw_put("/san/nemo/head", "{\"commit\":2,\"tenants\":{\"a\":2},\"legs\":[]}");
	RUN_UNTIL(figures(1).bad == bad + 1);
	assert_true(has(1, "a", "hq"));
	assert_int_equal(host[1].commit, 2);
	assert_null(strstr(stored("/san/nemo/hosts/pe2"), "\"failed\""));
	said(stored("/san/nemo/hosts/pe2"), "\"applied\":2");
	said(stored("/san/nemo/hosts/pe2"), "revision 2 of tenant a: /script: 1:8");
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	/* Said once, and good again when it is. */
	assert_int_equal(figures(1).bad, bad + 1);
	raw_put("/san/nemo/revisions/a/0000000002",
		"{\"tenant\":\"a\",\"revision\":2,\"time\":\"\",\"by\":\"\",\"comment\":\"\","
		"\"script\":\"CREATE CFN new Type host;\"}");
	RUN_UNTIL(host[1].commit == 2 && host[0].commit == 2);
	assert_true(has(1, "a", "new"));
	assert_int_equal(applied("a", SITE("br", "2")), 0);
}

/* Of one tenant, at a start: the others' objects are in force. It is looked at again only when a
 * revision changes. */
static void test_revision_of_one_tenant_at_a_start(void **state)
{
	unsigned int flipped;

	assert_int_equal(applied("b", SITE("bee", "7")), 0);
	for (int i = 0; i < HOSTS; i++)
		host_close(i);
	turn();
	raw_put("/san/nemo/revisions/b/0000000001", "garbage");
	host_open(0);
	assert_true(has(0, "a", "hq"));
	assert_false(has(0, "b", "bee"));
	assert_int_equal(host[0].n_tenants, 1);
	assert_null(strstr(stored("/san/nemo/hosts/pe1"), "\"failed\""));
	said(stored("/san/nemo/hosts/pe1"), "revision 1 of tenant b");
	flipped = host[0].flipped;
	raw_put("/san/nemo/delivered/a/x", "{\"sequence\":1}");
	assert_int_equal(host[0].flipped, flipped);
	raw_put("/san/nemo/revisions/b/0000000001",
		"{\"tenant\":\"b\",\"revision\":1,\"time\":\"\",\"by\":\"\",\"comment\":\"\","
		"\"script\":\"CREATE CFN bee Type host;\"}");
	RUN_UNTIL(has(0, "b", "bee"));
	assert_int_equal(applied("a", SITE("br", "2")), 0);
}

static void test_head_that_is_no_head(void **state)
{
	raw_put("/san/nemo/head", "{\"commit\":-1}");
	RUN_UNTIL(figures(2).bad == 1);
	assert_true(has(2, "a", "hq"));
	raw_del("/san/nemo/head");
	RUN_UNTIL(host[2].commit == 0);
	assert_false(has(2, "a", "hq"));
}

/* Nobody could ever commit again. */
static void test_stage_that_is_no_stage(void **state)
{
	intent_limits.apply_ms = 300;
	raw_put("/san/nemo/stage", "nonsense");
	RUN_UNTIL(stored("/san/nemo/stage")[0] == '\0');
	intent_limits.apply_ms = 5000;
	assert_int_equal(applied("a", SITE("br", "2")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup_three, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(host_refuses),
		TEST(host_refuses_one_by_one),
		TEST(host_cannot_apply),
		TEST(coordinator_cannot_apply),
		TEST(host_does_not_prepare),
		TEST(host_does_not_apply),
		TEST(host_goes_meanwhile),
		TEST(busy_process),
		TEST(busy_for_ever),
		TEST(records_of_hosts),
		TEST(stage_falls_back),
		TEST(confirmation_comes_back),
		TEST(coordinator_dies_before_the_head),
		TEST(coordinator_dies_and_all_apply),
		TEST(coordinator_dies_and_one_cannot),
		TEST(coordinator_comes_back),
		TEST(lease_lost_in_between),
		TEST(no_turn),
		TEST(revision_that_does_not_parse),
		TEST(revision_of_one_tenant_at_a_start),
		TEST(head_that_is_no_head),
		TEST(stage_that_is_no_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
