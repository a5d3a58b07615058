/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A revision in force that cannot be read is its tenant's trouble, and no other's. */
#include "unit/intent/unread.h"

static void test_others_commit(void **state)
{
	unsigned int flipped;

	damage();
	assert_int_equal(applied("b", SITE("bee", "7")), 0);
	assert_int_equal(came[0].commit, 3);
	for (int i = 0; i < 2; i++) {
		assert_true(has(i, "b", "bee"));
		assert_true(has(i, "a", "hq"));
		assert_int_equal(intent_revision(host[i].in, "a"), 2);
		assert_int_equal(host[i].n_tenants, 2);
	}
	said(stored("/san/nemo/head"), "\"tenants\":{\"a\":2,\"b\":1}");
	assert_null(strstr(said_by("pe2"), "\"failed\""));
	said(said_by("pe2"), "\"applied\":3");
	said(said_by("pe2"), "revision 2 of tenant a: /script: 1:8");
	/* It is put in force once, not again when other revisions change. */
	flipped = host[1].flipped;
	raw_put("/san/nemo/revisions/b/0000000009", "garbage");
	assert_int_equal(host[1].flipped, flipped);
}

/* A host that has nothing of before does not hold them up either. */
static void test_others_commit_behind_a_start(void **state)
{
	damage();
	host_close(1);
	turn();
	host_open(1);
	assert_false(has(1, "a", "hq"));
	assert_int_equal(applied("b", SITE("bee", "7")), 0);
	assert_true(has(1, "b", "bee"));
	assert_int_equal(host[1].n_tenants, 1);
	assert_int_equal(host[0].n_tenants, 2);
}

static void test_statements_are_refused(void **state)
{
	struct intent_apply apply = asks("a", SITE("br", "2"));

	damage();
	for (int dry = 0; dry < 2; dry++) {
		apply.dry_run = dry;
		start(dry, &came[0], &apply);
		RUN_UNTIL(came[0].done);
		assert_int_equal(came[0].status, -EIO);
		said(came[0].err, "revision 2 of tenant a: cannot be read: roll back to 1");
		said(came[0].err, "/script: 1:8: expected CFN");
	}
	assert_int_equal(intent_head(host[0].in)->commit, 2);
	assert_string_equal(stored("/san/nemo/stage"), "");
}

/* Also where its objects are those that are in force on every host. */
static void test_rollback_heals(void **state)
{
	damage();
	assert_int_equal(rolled_back(1, 2), -EINVAL);
	said(came[0].err, "revision 2 of tenant a: /script: 1:8");
	assert_int_equal(rolled_back(1, 1), 0);
	assert_int_equal(came[0].revision, 3);
	for (int i = 0; i < 2; i++)
		assert_true(has(i, "a", "hq"));
	RUN_UNTIL(strstr(said_by("pe1"), "\"why\":\"\"") && strstr(said_by("pe2"), "\"why\":\"\""));
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	assert_true(has(1, "a", "br"));
}

/* The newest that can be, not the one before. */
static void test_rollback_finds_one(void **state)
{
	assert_int_equal(applied("a", SITE("one", "1")), 0);
	assert_int_equal(applied("a", SITE("two", "2")), 0);
	raw_put("/san/nemo/revisions/a/0000000003", RECORD("a", "3", "CREATE novelty"));
	raw_put("/san/nemo/revisions/a/0000000004", RECORD("a", "4", "CREATE novelty"));
	raw_put("/san/nemo/head", "{\"commit\":4,\"tenants\":{\"a\":4},\"legs\":[]}");
	RUN_UNTIL(host[0].commit == 4 && host[1].commit == 4);
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	said(came[0].err, "roll back to 2");
	assert_int_equal(rolled_back(0, 0), 0);
	assert_int_equal(came[0].revision, 5);
	said(stored("/san/nemo/revisions/a/0000000005"), "\"rollback_of\":2");
	assert_true(has(1, "a", "two"));
}

/* A start from nothing is all there is. */
static void test_none_can_be_read(void **state)
{
	damage();
	raw_put("/san/nemo/revisions/a/0000000001", "garbage");
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	said(came[0].err, "nor can those before: rollback removes all objects");
	assert_int_equal(rolled_back(0, 1), -EINVAL);
	assert_int_equal(rolled_back(0, 0), 0);
	assert_false(has(0, "a", "hq") || has(1, "a", "hq"));
	assert_int_equal(came[0].revision, 3);
	assert_int_equal(applied("a", SITE("br", "2")), 0);
	assert_true(has(1, "a", "br"));
}

/* A revision that is not kept at all. */
static void test_not_kept(void **state)
{
	damage();
	raw_del("/san/nemo/revisions/a/0000000002");
	assert_int_equal(applied("b", SITE("bee", "7")), 0);
	assert_int_equal(applied("a", SITE("br", "2")), -EIO);
	said(came[0].err, "revision 2 is not kept");
	assert_int_equal(rolled_back(0, 0), 0);
	assert_int_equal(applied("a", SITE("br", "2")), 0);
}

/* Legs of the revision are reserved; those of the objects in force stay with them. */
static void test_legs(void **state)
{
	two_gateways();
	assert_int_equal(applied("a", "IMPORT CFN pe1 Type gateway; IMPORT CFN pe2 Type gateway; "
				      "CREATE Connection c EndNodes pe1, pe2 Property "
				      "bandwidth: 60;"),
			 0);
	raw_put("/san/nemo/revisions/a/0000000002", RECORD("a", "2", "CREATE novelty"));
	raw_put("/san/nemo/head", "{\"commit\":2,\"tenants\":{\"a\":2},\"legs\":[]}");
	RUN_UNTIL(host[1].commit == 2);
	assert_int_equal(intent_tenant(host[1].in, "a")->legs->n, 2);
	assert_int_equal(applied("b", SITE("bee", "7")), 0);
	assert_int_equal(intent_tenant(host[1].in, "a")->legs->n, 2);
	said(stored("/san/nemo/head"), "\"legs\":[]");
}

/* ---- services ---- */

static void registered(uint64_t id, const char *name)
{
	char key[64], value[128], text[SVC_ID_TEXT];
	struct service svc;

	service_init(&svc, id);
	strcpy(svc.name, name);
	svc_id_text(id, text);
	snprintf(key, sizeof(key), "/san/services/%s", text);
	snprintf(value, sizeof(value), "{\"id\":\"%s\",\"name\":\"%s\"}", text, name);
	assert_int_equal(view_service_put(&view, &svc, raw_put(key, value)), 0);
}

/* Services of the revision stay where the objects that come back have them; others go. */
static void test_services(void **state)
{
	assert_int_equal(applied("a", "CREATE CFN web Type service Property service_id: 257;"), 0);
	damage();
	registered(0x101, "web");
	registered(0x102, "more");
	registered(0x103, "theirs");
	raw_put("/san/nemo/revisions/a/0000000003", RECORD("a", "3", "CREATE novelty"));
	raw_put("/san/nemo/head", "{\"commit\":3,\"tenants\":{\"a\":3},\"legs\":[]}");
	/* Hosts that know nothing of before. */
	for (int i = 0; i < 2; i++)
		host_close(i);
	turn();
	host_open(0);
	assert_false(has(0, "a", "web"));
	assert_int_equal(rolled_back(0, 1), 0);
	assert_true(has(0, "a", "web"));
	said(stored("/san/services/"), "0x101");
	said(stored("/san/services/"), "0x103");
	assert_null(strstr(stored("/san/services/"), "0x102"));
}

/* One that stays is looked at again when the head is written: the view may be behind. */
static void test_service_that_stays(void **state)
{
	assert_int_equal(applied("a", "CREATE CFN web Type service Property service_id: 257;"), 0);
	damage();
	registered(0x101, "web");
	for (int i = 0; i < 2; i++)
		host_close(i);
	turn();
	host_open(0);
	raw_put("/san/services/0x101", "{\"id\":\"0x101\",\"name\":\"theirs\"}");
	assert_int_equal(rolled_back(0, 1), -ESTALE);
	said(came[0].err, "service 0x101 was changed by another meanwhile");
	assert_string_equal(stored("/san/services/"),
			    "/san/services/0x101={\"id\":\"0x101\",\"name\":\"theirs\"}");
	assert_false(has(0, "a", "web"));
}

/* ---- a commit of that tenant itself, by a host that can read it ---- */

static void test_commit_that_others_cannot_read(void **state)
{
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	leased_put("/san/nemo/hosts/newer", "{\"applied\":1,\"prepared\":0,\"why\":\"\"}");
	raw_put("/san/nemo/revisions/a/0000000002", RECORD("a", "2", "CREATE novelty"));
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":2,\"coordinator\":\"newer\","
				   "\"tenants\":{\"a\":2},\"legs\":[]}");
	RUN_UNTIL(strstr(said_by("pe2"), "\"failed\":\"prepare\""));
	said(said_by("pe2"), "revision 2 of tenant a: /script: 1:8");
	raw_del("/san/nemo/stage");
	RUN_UNTIL(!strstr(said_by("pe2"), "\"failed\""));
	/* In force on a host that was not there to refuse it. */
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":2,\"coordinator\":\"newer\","
				   "\"back_to\":{\"tenants\":{\"a\":1},\"legs\":[]},\"undo\":{}}");
	raw_put("/san/nemo/head", "{\"commit\":2,\"tenants\":{\"a\":2},\"legs\":[]}");
	RUN_UNTIL(strstr(said_by("pe2"), "\"failed\":\"apply\""));
	said(said_by("pe2"), "revision 2 of tenant a: /script: 1:8");
	/* What can be is in force there: that does not make up for the rest. */
	intent_applied(host[1].in, 2, 0, NULL);
	turn();
	said(said_by("pe2"), "\"failed\":\"apply\"");
	raw_put("/san/nemo/head", "{\"commit\":3,\"tenants\":{\"a\":1},\"legs\":[]}");
	raw_del("/san/nemo/stage");
	RUN_UNTIL(strstr(said_by("pe2"), "\"applied\":3"));
	assert_null(strstr(said_by("pe2"), "\"failed\""));
}

/* A host that comes while another tenant's commit is being applied does not undo it. */
static void test_start_within_a_commit(void **state)
{
	damage();
	host_close(1);
	turn();
	leased_put("/san/nemo/hosts/newer", "{\"applied\":2,\"prepared\":3,\"why\":\"\"}");
	raw_put("/san/nemo/revisions/b/0000000001", RECORD("b", "1", "CREATE CFN bee Type host;"));
	raw_put("/san/nemo/stage", "{\"id\":\"0\",\"commit\":3,\"coordinator\":\"newer\","
				   "\"back_to\":{\"tenants\":{\"a\":2},\"legs\":[]},\"undo\":{}}");
	raw_put("/san/nemo/head", "{\"commit\":3,\"tenants\":{\"a\":2,\"b\":1},\"legs\":[]}");
	host_open(1);
	RUN_UNTIL(strstr(said_by("pe2"), "\"applied\":3"));
	assert_null(strstr(said_by("pe2"), "\"failed\""));
	assert_true(has(1, "b", "bee"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup_two, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(others_commit),
		TEST(others_commit_behind_a_start),
		TEST(statements_are_refused),
		TEST(rollback_heals),
		TEST(rollback_finds_one),
		TEST(none_can_be_read),
		TEST(not_kept),
		TEST(legs),
		TEST(services),
		TEST(service_that_stays),
		TEST(commit_that_others_cannot_read),
		TEST(start_within_a_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
