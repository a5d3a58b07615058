/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/csc/rig.h"

#include <inttypes.h>

static const char *instance_of(int64_t lease)
{
	static char text[160];

	snprintf(text, sizeof(text),
		 "{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::2\", \"lease\": %" PRId64
		 ", \"attributes\": {\"sessions\": 1}}",
		 lease);
	return text;
}

static void test_register(void **state)
{
	assert_int_equal(
		agent_put("site2", "{\"ttl_s\": 10, \"host\": \"h\", \"version\": \"0.1\"}"), 0);
	assert_int_equal(l.ttl_s, 10);
	assert_true(l.id > 0);
	assert_string_equal(stored("/san/"), "/san/agents/site2={\"host\":\"h\",\"ttl_s\":10,"
					     "\"version\":\"0.1\"}(L)");
}

static void test_instances_go_with_the_agent(void **state)
{
	assert_int_equal(agent_put("site2", "{\"ttl_s\": 10}"), 0);
	assert_int_equal(put(0x101, "a", instance_of(l.id), 0), 0);
	assert_int_equal(put(0x101, "b", GOOD, 0), 0);
	/* Values go under the lease of the instance. */
	assert_int_equal(status("a", "{\"cpu_load\": 5, \"state\": \"draining\"}"), 0);
	assert_string_equal(stored("/san/status/0x101/a/"),
			    "/san/status/0x101/a/address=2001:db8:2a::2(L) "
			    "/san/status/0x101/a/cpu_load=5(L) "
			    "/san/status/0x101/a/gateway=gw2(L) "
			    "/san/status/0x101/a/sessions=1(L) "
			    "/san/status/0x101/a/state=draining(L)");
	assert_int_equal(agent_del("site2"), 0);
	turn();
	assert_null(seen("a"));
	assert_non_null(seen("b"));
	assert_string_equal(stored("/san/agents/"), "");
	assert_int_equal(agent_keepalive("site2"), -ENOENT);
	assert_int_equal(agent_del("site2"), -ENOENT);
}

static void test_register_again_keeps_the_lease(void **state)
{
	int64_t first;
	int r;

	assert_int_equal(agent_put("site2", "{\"ttl_s\": 10}"), 0);
	first = l.id;
	assert_int_equal(put(0x101, "a", instance_of(first), 0), 0);
	assert_int_equal(agent_put("site2", "{\"ttl_s\": 10, \"version\": \"2\"}"), 0);
	assert_int_equal(l.id, first);
	assert_int_equal(l.ttl_s, 10);
	assert_non_null(strstr(stored("/san/agents/"), "\"version\":\"2\""));
	assert_non_null(seen("a"));
	r = agent_put("site2", "{\"ttl_s\": 11}");
	assert_int_equal(r, -EEXIST);
	refused(r, "/ttl_s", "delete the agent first");
	assert_int_equal(agent_keepalive("site2"), 0);
	assert_int_equal(l.id, first);
	assert_int_equal(agent_del("site2"), 0);
	assert_int_equal(agent_put("site2", "{\"ttl_s\": 11}"), 0);
	assert_int_not_equal(l.id, first);
}

/* Two of the same name at once: one wins, the lease of the other does not stay behind. */
static void test_two_at_once(void **state)
{
	struct ncsdb_status db_status;
	struct lease first;

	assert_int_equal(csc_agent_put(csc, "site2", json("{\"ttl_s\": 10}"), leased(), &err), 0);
	assert_int_equal(csc_agent_put(csc, "site2", json("{\"ttl_s\": 10}"),
				       (struct csc_lease_done){NULL, NULL}, &err),
			 0);
	wait_for(&l.done);
	first = l;
	assert_int_equal(first.status, 0);
	for (int i = 0; i < 100; i++)
		turn();
	ncsdb_status(db, &db_status);
	assert_int_equal(db_status.leases, 1);
	assert_int_equal(agent_keepalive("site2"), 0);
	assert_int_equal(l.id, first.id);
}

static void test_lease_of_an_agent_only(void **state)
{
	struct answer first;

	assert_int_equal(agent_put("site2", "{\"ttl_s\": 10}"), 0);
	assert_int_equal(put(0x101, "a", instance_of(l.id + 1000), 0), -ENOENT);
	/* The lease ends while the write is under way: nothing of it is stored. */
	assert_int_equal(csc_agent_del(csc, "site2", (struct csc_lease_done){NULL, NULL}, &err), 0);
	assert_int_equal(
		csc_instance_put(csc, 0x101, "a", json(instance_of(l.id)), 0, into(&first), &err),
		0);
	wait_for(&first.done);
	assert_int_equal(first.status, -ENOENT);
	turn();
	assert_string_equal(stored("/san/"), "");
	assert_null(seen("a"));
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *field;
	} bad[] = {
		{"{}", "/ttl_s"},
		{"{\"ttl_s\": 1}", "/ttl_s"},
		{"{\"ttl_s\": 86401}", "/ttl_s"},
		{"{\"ttl_s\": \"10\"}", "/ttl_s"},
		{"{\"ttl_s\": 10, \"a\": 1}", "/a"},
		{"{\"ttl_s\": 10, \"host\": 7}", "/host"},
		{"7", ""},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(agent_put("site2", bad[i].text), -EINVAL);
		assert_string_equal(err.field, bad[i].field);
		assert_string_equal(err.object, "agent site2");
	}
	assert_int_equal(agent_put("a b", "{\"ttl_s\": 10}"), -EINVAL);
	assert_int_equal(agent_keepalive("a b"), -EINVAL);
	assert_string_equal(stored("/san/"), "");
}

/* After a restart of the daemon the agents are known again, with their leases. */
static void test_agents_are_followed(void **state)
{
	int64_t first;

	assert_int_equal(agent_put("site2", "{\"ttl_s\": 10}"), 0);
	first = l.id;
	csc_close(csc);
	csc_again();
	assert_int_equal(agent_keepalive("site2"), 0);
	assert_int_equal(l.id, first);
	assert_int_equal(put(0x101, "a", instance_of(first), 0), 0);
	assert_int_equal(agent_put("site2", "{\"ttl_s\": 11}"), -EEXIST);
}

static void test_stored_agents_are_checked(void **state)
{
	struct ncsdb_op op = {NCSDB_PUT, "/san/agents/other", "{\"ttl_s\": 10}", 13, 0};

	raw_put("/san/agents/loose", "{\"ttl_s\": 10}");
	raw_put("/san/agents/a/b", "{\"ttl_s\": 10}");
	assert_int_equal(csc_refused(csc), 2);
	assert_int_equal(agent_put("site2", "{\"ttl_s\": 10}"), 0);
	op.lease = l.id;
	raw_ops(&op, 1);
	op.value = "nothing";
	op.value_len = 7;
	op.key = "/san/agents/third";
	raw_ops(&op, 1);
	turn();
	assert_int_equal(csc_refused(csc), 4);
	assert_int_equal(agent_keepalive("other"), -ENOENT);
	assert_int_equal(agent_keepalive("site2"), 0);
	raw_del("/san/agents/a/b");
}

static void test_limit_of_agents(void **state)
{
	char name[32];
	int r;

	for (int i = 0; i < CSC_MAX_AGENTS; i++) {
		snprintf(name, sizeof(name), "agent%d", i);
		assert_int_equal(agent_put(name, "{\"ttl_s\": 3600}"), 0);
	}
	r = agent_put("one-more", "{\"ttl_s\": 3600}");
	assert_int_equal(r, -ENOSPC);
	refused(r, "", "at most 4096 agents");
	assert_int_equal(agent_put("agent7", "{\"ttl_s\": 3600}"), 0);
}

static void test_close_with_requests_under_way(void **state)
{
	assert_int_equal(csc_agent_put(csc, "site2", json("{\"ttl_s\": 10}"), leased(), &err), 0);
	csc_close(csc);
	csc = NULL;
	wait_for(&l.done);
	assert_int_equal(l.status, -ECANCELED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_register),
		T(test_instances_go_with_the_agent),
		T(test_register_again_keeps_the_lease),
		T(test_two_at_once),
		T(test_lease_of_an_agent_only),
		T(test_refusals),
		T(test_agents_are_followed),
		T(test_stored_agents_are_checked),
		T(test_limit_of_agents),
		T(test_close_with_requests_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
