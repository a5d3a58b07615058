/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gateway role: SIDs of the configuration and of the instances behind this gateway. */
#include "unit/orc/rig.h"

static struct plan_sid configured;

static int setup_gateway(void **state)
{
	configured = (struct plan_sid){.behaviour = SAN_BEHAVIOUR_END};
	assert_int_equal(inet_pton(AF_INET6, "5f00:0:2::1", &configured.addr), 1);
	rig_open(&(struct orc_conf){
		.ingress = "", .gateway = "gw2", .sids = &configured, .n_sids = 1});
	return 0;
}

static void address(const char *name, const char *text)
{
	struct in6_addr addr;
	struct view_instance_put put = {.service = 0x101, .instance = name, .address = &addr};

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	assert_int_equal(view_instance_put(&view, &put), 0);
}

static const char *leads_to(const char *sid)
{
	static char text[INET6_ADDRSTRLEN];
	const struct san_msg_sid *msg = parent_sid(sid);

	return msg ? inet_ntop(AF_INET6, &msg->nexthop, text, sizeof(text)) : "nowhere";
}

static void test_configured_and_own(void **state)
{
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x101, "x", "gw3", "5f00:0:3:100::");
	orc_start(orc);
	settle();
	assert_int_equal(parent.n_sids, 2);
	assert_int_equal(parent_sid("5f00:0:2::1")->behaviour, SAN_BEHAVIOUR_END);
	assert_int_equal(parent_sid("5f00:0:2:100::")->behaviour, SAN_BEHAVIOUR_END_DX6);
	assert_string_equal(leads_to("5f00:0:2:100::"), "2001:db8:2a::2");
	assert_true(parent_sid("5f00:0:2:100::")->service_id == 0x101);
	assert_true(parent_sid("5f00:0:2::1")->service_id == 0);
	/* The service need not be registered. A SID may come later. */
	instance(0x102, "b", "gw2", NULL);
	settle();
	assert_int_equal(parent.n_sids, 2);
	instance(0x102, "b", "gw2", "5f00:0:2:101::");
	settle();
	assert_int_equal(parent.n_sids, 3);
}

static void test_follows_the_instance(void **state)
{
	orc_start(orc);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	settle();
	address("a", "2001:db8:2a::9");
	settle();
	assert_string_equal(leads_to("5f00:0:2:100::"), "2001:db8:2a::9");
	instance(0x101, "a", "gw2", "5f00:0:2:105::");
	settle();
	assert_null(parent_sid("5f00:0:2:100::"));
	assert_string_equal(leads_to("5f00:0:2:105::"), "2001:db8:2a::2");
	/* Running connections end at the instance, not at its mark. */
	instance_state(0x101, "a", INSTANCE_DOWN);
	settle();
	assert_non_null(parent_sid("5f00:0:2:105::"));
	instance(0x101, "a", "gw3", NULL);
	settle();
	assert_int_equal(parent.n_sids, 1);
	instance(0x101, "a", "gw2", NULL);
	settle();
	assert_int_equal(parent.n_sids, 2);
	view_instance_del(&view, 0x101, "a");
	settle();
	assert_int_equal(parent.n_sids, 1);
}

static void test_shared_by_two(void **state)
{
	orc_start(orc);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x102, "a", "gw2", "5f00:0:2:100::");
	settle();
	assert_int_equal(parent.n_sids, 2);
	/* Whose packets these are nobody can say. */
	assert_true(parent_sid("5f00:0:2:100::")->service_id == 0);
	view_instance_del(&view, 0x101, "a");
	settle();
	assert_string_equal(leads_to("5f00:0:2:100::"), "2001:db8:2a::2");
	assert_true(parent_sid("5f00:0:2:100::")->service_id == 0x102);
	instance(0x102, "b", "gw2", "5f00:0:2:100::");
	settle();
	assert_true(parent_sid("5f00:0:2:100::")->service_id == 0x102);
	view_instance_del(&view, 0x102, "b");
	view_instance_del(&view, 0x102, "a");
	settle();
	assert_string_equal(leads_to("5f00:0:2:100::"), "nowhere");
}

/* The first has it; the other one gets it when it is free. */
static void test_taken_for_another_address(void **state)
{
	orc_start(orc);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	instance(0x101, "b", "gw2", NULL);
	address("b", "2001:db8:2a::b");
	instance(0x101, "c", "gw2", "5f00:0:2:100::");
	address("c", "2001:db8:2a::c");
	settle();
	assert_string_equal(leads_to("5f00:0:2:100::"), "2001:db8:2a::2");
	assert_int_equal(orc->n_sids_refused, 1);
	view_instance_del(&view, 0x101, "a");
	settle();
	assert_string_equal(leads_to("5f00:0:2:100::"), "2001:db8:2a::c");
	assert_int_equal(orc->n_sids_refused, 0);
	/* A configured SID is nobody's. */
	instance(0x101, "d", "gw2", "5f00:0:2::1");
	settle();
	assert_int_equal(parent_sid("5f00:0:2::1")->behaviour, SAN_BEHAVIOUR_END);
	assert_int_equal(orc->n_sids_refused, 1);
	view_instance_del(&view, 0x101, "d");
	assert_int_equal(orc->n_sids_refused, 0);
}

static void test_ipv4_instances(void **state)
{
	orc_start(orc);
	instance_at(0x101, "a", "gw2", "5f00:0:2:100::", "::ffff:10.2.0.5");
	settle();
	assert_int_equal(parent_sid("5f00:0:2:100::")->behaviour, SAN_BEHAVIOUR_END_DX4);
	assert_string_equal(leads_to("5f00:0:2:100::"), "::ffff:10.2.0.5");
	address("a", "2001:db8:2a::9");
	settle();
	assert_int_equal(parent_sid("5f00:0:2:100::")->behaviour, SAN_BEHAVIOUR_END_DX6);
	assert_string_equal(leads_to("5f00:0:2:100::"), "2001:db8:2a::9");
}

/* Those that wait for the same address come into force together, with their service; a SID of the
 * configuration is shared by those it fits, and named again when they go. */
static void test_waiting_together(void **state)
{
	orc_start(orc);
	instance(0x101, "a", "gw2", "5f00:0:2:100::");
	for (int i = 0; i < 3; i++)
		instance_at(0x102, (const char *[]){"b", "c", "d"}[i], "gw2",
			    "5f00:0:2:100::", "2001:db8:2a::b");
	instance_at(0x102, "e", "gw2", "5f00:0:2:100::", "2001:db8:2a::e");
	settle();
	assert_int_equal(orc->n_sids_refused, 4);
	assert_true(parent_sid("5f00:0:2:100::")->service_id == 0x101);
	view_instance_del(&view, 0x101, "a");
	settle();
	assert_string_equal(leads_to("5f00:0:2:100::"), "2001:db8:2a::b");
	assert_true(parent_sid("5f00:0:2:100::")->service_id == 0x102);
	assert_int_equal(orc->n_sids_refused, 1);
	view_instance_del(&view, 0x102, "e"); /* while it waits */
	assert_int_equal(orc->n_sids_refused, 0);
	for (int i = 0; i < 3; i++)
		view_instance_del(&view, 0x102, (const char *[]){"b", "c", "d"}[i]);
	settle();
	assert_int_equal(parent.n_sids, 1);
	assert_null(orc->sid_claims);
	assert_null(orc->sid_uses);
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* n instances of one SID come and go, each of an address of its own or all of one. */
static double share(int n, bool one_address)
{
	char name[NAME_LEN], at[INET6_ADDRSTRLEN];
	double start = cpu_s();

	for (int i = 0; i < n; i++) {
		sprintf(name, "i%d", i);
		sprintf(at, "2001:db8:2a::%x", one_address ? 1 : i + 1);
		instance_at(0x101, name, "gw2", "5f00:0:2:100::", at);
	}
	assert_int_equal(orc->n_sids_refused, one_address ? 0 : n - 1);
	for (int i = 0; i < n; i++) {
		sprintf(name, "i%d", i);
		view_instance_del(&view, 0x101, name);
	}
	assert_null(orc->sid_uses);
	return cpu_s() - start;
}

/* Eight times as many take about eight times as long, not sixty-four times. */
static void test_many_share_one(void **state)
{
	orc_start(orc);
	settle();
	for (int one_address = 0; one_address < 2; one_address++) {
		double few = share(2500, one_address), many = share(20000, one_address);

		if (many > 0.3)
			assert_true(many < 24 * few);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_gateway, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_configured_and_own), T(test_follows_the_instance),
		T(test_shared_by_two),	    T(test_taken_for_another_address),
		T(test_ipv4_instances),	    T(test_waiting_together),
		T(test_many_share_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
