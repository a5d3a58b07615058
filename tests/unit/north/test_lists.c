/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collections and their pages; what is read only: entries, next hops, SIDs, counters, health. */
#include "unit/north/rig.h"

#include "north/observe.h"

static size_t count(const struct answer *a)
{
	return json_array_size(json_object_get(a->json, "items"));
}

/* ---- pages ---- */

static void put_services(struct rig *rig, int n)
{
	char request[64];

	for (int i = n; i >= 1; i--) {
		snprintf(request, sizeof(request), "PUT /v1/services/%d", i);
		assert_int_equal(rig_status(rig, request, "{}"), 201);
	}
}

static void test_pages_of_services(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	put_services(rig, 20);
	rig_call(rig, "GET /v1/services", NULL, &a);
	assert_int_equal(count(&a), 20);
	assert_string_equal(text_at(a.json, "items/9/id"), "0xa"); /* by number, not by text */
	assert_null(json_object_get(a.json, "next"));
	answer_free(&a);
	rig_call(rig, "GET /v1/services?limit=8", NULL, &a);
	assert_int_equal(count(&a), 8);
	assert_string_equal(text_at(a.json, "next"), "0x8");
	assert_string_equal(text_at(a.json, "items/0/id"), "0x1");
	answer_free(&a);
	rig_call(rig, "GET /v1/services?after=0x8&limit=12", NULL, &a);
	assert_int_equal(count(&a), 12);
	assert_string_equal(text_at(a.json, "items/0/id"), "0x9");
	assert_null(json_object_get(a.json, "next")); /* exactly the rest */
	answer_free(&a);
	rig_call(rig, "GET /v1/services?after=0x14", NULL, &a);
	assert_int_equal(count(&a), 0);
	answer_free(&a);
}

static void test_bad_pages(void **state)
{
	static const struct {
		const char *query, *field;
	} bad[] = {
		{"limit=0", "?limit"},	 {"limit=1001", "?limit"}, {"limit=-1", "?limit"},
		{"limit=1x", "?limit"},	 {"limit=", "?limit"},	   {"after=junk", "?after"},
		{"after=%zz", "?after"}, {"sort=name", "?sort"},   {"limit", "?limit"},
		{"after=%00", "?after"},
	};
	struct rig *rig = *state;
	char request[64];
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(request, sizeof(request), "GET /v1/services?%s", bad[i].query);
		rig_call(rig, request, NULL, &a);
		assert_problem(&a, 400, bad[i].field, "must ");
		answer_free(&a);
	}
	rig_call(rig, "GET /healthz?verbose=1", NULL, &a);
	assert_problem(&a, 400, "?verbose", "no parameters");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/services?limit=1000", NULL), 200);
	assert_int_equal(rig_status(rig, "GET /v1/services?", NULL), 200);
}

static void put_instances(struct rig *rig, int service, const char *names)
{
	char request[96];

	for (const char *c = names; *c; c++) {
		snprintf(request, sizeof(request), "PUT /v1/services/%d/instances/%c", service, *c);
		assert_int_equal(rig_status(rig, request, RIG_INSTANCE), 201);
	}
}

static void test_pages_of_instances(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	put_instances(rig, 2, "cab");
	put_instances(rig, 1, "z");
	put_instances(rig, 16, "ba");
	rig_call(rig, "GET /v1/services/2/instances?limit=2", NULL, &a);
	assert_int_equal(count(&a), 2);
	assert_string_equal(text_at(a.json, "items/0/name"), "a");
	assert_string_equal(text_at(a.json, "next"), "b");
	answer_free(&a);
	rig_call(rig, "GET /v1/services/2/instances?after=b", NULL, &a);
	assert_int_equal(count(&a), 1);
	answer_free(&a);
	rig_call(rig, "GET /v1/instances", NULL, &a);
	assert_int_equal(count(&a), 6);
	assert_string_equal(text_at(a.json, "items/0/service"), "0x1");
	assert_string_equal(text_at(a.json, "items/5/service"), "0x10");
	answer_free(&a);
	rig_call(rig, "GET /v1/instances?limit=2", NULL, &a);
	assert_string_equal(text_at(a.json, "next"), "0x2/a");
	answer_free(&a);
	rig_call(rig, "GET /v1/instances?limit=1&after=0x2%2Fc", NULL, &a);
	assert_int_equal(count(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/name"), "a");
	assert_string_equal(text_at(a.json, "next"), "0x10/a");
	answer_free(&a);
	rig_call(rig, "GET /v1/instances?after=0x10/b", NULL, &a);
	assert_int_equal(count(&a), 0);
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/instances?after=x/b", NULL), 400);
}

static void test_pages_of_gateways_and_paths(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	for (int i = 3; i >= 1; i--) {
		char request[64], body[64];

		snprintf(request, sizeof(request), "PUT /v1/gateways/gw%d", i);
		snprintf(body, sizeof(body), "{\"locator\": \"5f00:0:%d::/48\"}", i);
		assert_int_equal(rig_status(rig, request, body), 201);
		snprintf(request, sizeof(request), "PUT /v1/paths/pe1/gw%d/be", i);
		assert_int_equal(rig_status(rig, request, "{\"kind\": \"be\"}"), 201);
	}
	/* status of a path that is not defined is no path */
	rig_status(rig, "PATCH /v1/network/pe1/gw9/be", "{\"delay_us\": 1}");
	rig_call(rig, "GET /v1/gateways?limit=2", NULL, &a);
	assert_int_equal(count(&a), 2);
	assert_string_equal(text_at(a.json, "next"), "gw2");
	answer_free(&a);
	rig_call(rig, "GET /v1/gateways?after=gw2", NULL, &a);
	assert_int_equal(count(&a), 1);
	assert_true(int_at(json_array_get(json_object_get(a.json, "items"), 0), "revision") > 0);
	answer_free(&a);
	rig_call(rig, "GET /v1/paths?limit=1", NULL, &a);
	assert_string_equal(text_at(a.json, "next"), "pe1/gw1/be");
	answer_free(&a);
	rig_call(rig, "GET /v1/paths?after=pe1%2fgw1%2Fbe", NULL, &a);
	assert_int_equal(count(&a), 2);
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/paths/pe1/gw9/be", NULL), 404);
}

/* ---- what is in force ---- */

static void wait_applied(struct rig *rig)
{
	struct ncc_status status;

	rig_until(rig, (ncc_status(rig->ncc, &status),
			status.desired > 0 && status.applied == status.desired));
}

static void test_entries(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	assert_int_equal(rig_status(rig, "PUT /v1/services/0x102",
				    "{\"name\": \"idle\", \"affinity\": \"none\"}"),
			 201);
	orc_start(rig->orc);
	wait_applied(rig);
	assert_int_equal(rig_call(rig, "GET /v1/entries/0x101", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "service"), "0x101");
	assert_string_equal(text_at(a.json, "name"), "web");
	assert_string_equal(text_at(a.json, "address"), "2001:db8:5::101");
	assert_string_equal(text_at(a.json, "mode"), "preferred");
	assert_string_equal(text_at(a.json, "instance"), "a");
	assert_string_equal(text_at(a.json, "gateway"), "gw2");
	assert_string_equal(text_at(a.json, "path"), "be");
	assert_string_equal(text_at(a.json, "nexthop/segments/0"), "5f00:0:2:100::");
	assert_true(json_is_integer(json_object_get(a.json, "metric")));
	assert_true(json_is_real(json_object_get(a.json, "since_s")));
	assert_true(int_at(a.json, "desired_generation") > 0);
	assert_int_equal(int_at(a.json, "applied_generation"),
			 int_at(a.json, "desired_generation"));
	assert_int_equal(int_at(a.json, "changes"), 1);
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /v1/entries", NULL, &a), 200);
	assert_int_equal(count(&a), 2);
	assert_string_equal(text_at(a.json, "items/0/nexthop/segments/0"), "5f00:0:2:100::");
	assert_string_equal(text_at(a.json, "items/1/name"), "idle");
	assert_string_equal(text_at(a.json, "items/1/mode"), "none");
	assert_non_null(strstr(a.body, "\"instance\":null"));
	assert_non_null(strstr(a.body, "\"nexthop\":null"));
	answer_free(&a);
	rig_call(rig, "GET /v1/entries?limit=1", NULL, &a);
	assert_string_equal(text_at(a.json, "next"), "0x101");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/entries/0x103", NULL), 404);
	assert_int_equal(rig_status(rig, "GET /v1/entries/zero", NULL), 400);
}

static void call_entry(struct rig *rig, struct answer *a)
{
	assert_int_equal(rig_call(rig, "GET /v1/entries/0x101", NULL, a), 200);
}

#define STATUS_OF_A "PATCH /v1/services/0x101/instances/a/status"

static bool is_deferred(const struct rig *rig)
{
	return orc_deferred(rig->orc, 0x101, SAN_SCOPE_INGRESS) > 0;
}

static void until_deferred(struct rig *rig)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;

	for (int i = 0; !is_deferred(rig); i++) {
		const char *body = i % 2 ? "{\"state\": \"up\"}" : "{\"state\": \"down\"}";

		assert_int_equal(rig_status(rig, STATUS_OF_A, body), 204);
		rig_turn(rig);
		assert_true(clock_us() < until);
	}
}

/* Chosen, but held back by max_updates_per_s: nobody may take it for what is in force. */
static void test_deferred_entry(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	assert_int_equal(rig_status(rig, "PATCH /v1/services/0x101", "{\"max_updates_per_s\": 1}"),
			 200);
	orc_start(rig->orc);
	wait_applied(rig);
	until_deferred(rig);
	for (call_entry(rig, &a); !is_deferred(rig); call_entry(rig, &a)) {
		answer_free(&a); /* the second was over before the answer */
		until_deferred(rig);
	}
	assert_true(int_at(a.json, "desired_generation") > int_at(a.json, "applied_generation"));
	answer_free(&a);
	rig_until(rig, !is_deferred(rig));
	wait_applied(rig);
	call_entry(rig, &a);
	assert_int_equal(int_at(a.json, "applied_generation"),
			 int_at(a.json, "desired_generation"));
	answer_free(&a);
}

/* Members say which instances they are and what they get. */
static void test_balanced_entry(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	put_instances(rig, 0x101, "b");
	assert_int_equal(rig_status(rig, "PATCH /v1/services/0x101",
				    "{\"selection\": \"balanced\", \"address4\": \"10.9.0.1\"}"),
			 200);
	orc_start(rig->orc);
	wait_applied(rig);
	assert_int_equal(rig_call(rig, "GET /v1/entries/0x101", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "mode"), "balanced");
	assert_string_equal(text_at(a.json, "address4"), "10.9.0.1");
	assert_int_equal(json_array_size(json_object_get(a.json, "members")), 2);
	assert_string_not_equal(text_at(a.json, "members/0/instance"), "");
	assert_string_not_equal(text_at(a.json, "members/0/instance"),
				text_at(a.json, "members/1/instance"));
	assert_string_equal(text_at(a.json, "members/1/gateway"), "gw2");
	assert_int_equal(
		int_at(json_array_get(json_object_get(a.json, "members"), 0), "share_permille"),
		500);
	assert_true(json_is_null(json_object_get(a.json, "local")));
	answer_free(&a);
}

static void test_explain(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	orc_start(rig->orc);
	wait_applied(rig);
	assert_int_equal(rig_call(rig, "GET /v1/services/0x101/explain", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "service"), "0x101");
	assert_string_equal(text_at(a.json, "selected/instance"), "a");
	assert_string_equal(text_at(a.json, "candidates/0/instance"), "a");
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/services/0x103/explain", NULL), 404);
}

static void test_nexthops_and_sids(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	orc_start(rig->orc);
	wait_applied(rig);
	assert_int_equal(rig_call(rig, "GET /v1/nexthops", NULL, &a), 200);
	assert_int_equal(count(&a), 1);
	assert_string_equal(text_at(a.json, "items/0/segments/0"), "5f00:0:2:100::");
	answer_free(&a);
	rig_call(rig, "GET /v1/nexthops?after=1000000", NULL, &a);
	assert_int_equal(count(&a), 0);
	answer_free(&a);
	assert_int_equal(rig_status(rig, "GET /v1/nexthops?limit=0", NULL), 400);
	assert_int_equal(rig_call(rig, "GET /v1/sids", NULL, &a), 200);
	assert_true(json_is_array(json_object_get(a.json, "items")));
	answer_free(&a);
}

static void test_stats(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	orc_start(rig->orc);
	wait_applied(rig);
	assert_int_equal(rig_call(rig, "GET /v1/stats", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "services/0/service"), "0x101");
	assert_string_equal(text_at(a.json, "services/0/name"), "web");
	assert_string_equal(text_at(a.json, "egress/0/name"), "web");
	assert_string_equal(text_at(a.json, "nexthops/0/segments/0"), "5f00:0:2:100::");
	assert_string_equal(text_at(a.json, "reasons/0/reason"), "no_san");
	assert_string_equal(text_at(a.json, "reasons/0/verdict"), "pass");
	assert_string_equal(text_at(a.json, "reasons/0/interface"), "acc0");
	assert_string_equal(text_at(a.json, "reasons/0/why"),
			    "no SAN header and no classifier rule");
	assert_int_equal(int_at(json_array_get(json_object_get(a.json, "reasons"), 0), "packets"),
			 3);
	answer_free(&a);
}

/* The parent goes away while somebody waits for counters. */
static void test_stats_without_parent(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	struct answer a;

	rig->mute = true;
	rig_say(rig, fd, "GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n");
	shutdown(rig->parent_fd, SHUT_RDWR);
	rig_recv(rig, fd, &a);
	assert_problem(&a, 503, "", "parent");
	answer_free(&a);
	close(fd);
	assert_int_equal(rig_status(rig, "GET /v1/stats", NULL), 503);
	assert_int_equal(rig_status(rig, "GET /readyz", NULL), 503);
	assert_int_equal(rig_status(rig, "GET /healthz", NULL), 200);
}

/* ---- health ---- */

static void test_health(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	assert_int_equal(rig_call(rig, "GET /healthz", NULL, &a), 200);
	assert_string_equal(a.body, "{\"status\":\"ok\"}");
	answer_free(&a);
	assert_int_equal(rig_call(rig, "GET /readyz", NULL, &a), 503);
	assert_string_equal(text_at(a.json, "status"), "starting");
	assert_non_null(strstr(text_at(a.json, "reason"), "database"));
	answer_free(&a);
	orc_start(rig->orc);
	wait_applied(rig);
	assert_int_equal(rig_call(rig, "GET /readyz", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "status"), "ready");
	answer_free(&a);
}

static void test_status(void **state)
{
	static const char *const objects[] = {"objects", "database", "orc",
					      "plan",	 "refused",  "rest"};
	struct rig *rig = *state;
	struct answer a;

	rig_fill(rig);
	assert_int_equal(rig_call(rig, "GET /v1/status", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "name"), "pe1");
	assert_int_equal(int_at(a.json, "pid"), getpid());
	assert_true(json_is_false(json_object_get(a.json, "ready")));
	assert_true(json_is_array(json_object_get(a.json, "interfaces")));
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		assert_true(json_is_object(json_object_get(a.json, objects[i])));
	assert_int_equal(int_at(json_object_get(a.json, "objects"), "instances"), 1);
	assert_true(int_at(json_object_get(a.json, "database"), "revision") > 1);
	assert_int_equal(int_at(json_object_get(a.json, "rest"), "connections"), 1);
	assert_true(json_is_array(json_object_get(a.json, "warnings")));
	answer_free(&a);
}

/* Fill of the maps is in the status, and a warning from 90 % on. */
static void test_fill(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig->slots_used = 899;
	assert_int_equal(rig_status(rig, "GET /v1/stats", NULL), 200);
	rig_call(rig, "GET /v1/status", NULL, &a);
	assert_string_equal(text_at(a.json, "maps/0/map"), "san_slots");
	assert_int_equal(int_at(json_array_get(json_object_get(a.json, "maps"), 0), "used"), 899);
	assert_int_equal(int_at(json_array_get(json_object_get(a.json, "maps"), 0), "size"),
			 RIG_SLOTS);
	assert_int_equal(json_array_size(json_object_get(a.json, "warnings")), 0);
	answer_free(&a);
	rig->slots_used = 900;
	assert_int_equal(rig_status(rig, "GET /v1/stats", NULL), 200);
	rig_call(rig, "GET /v1/status", NULL, &a);
	assert_string_equal(text_at(a.json, "warnings/0"), "map san_slots is 90 % full");
	answer_free(&a);
}

/* A status answers while the parent says nothing. */
static void test_status_of_hung_parent(void **state)
{
	struct rig *rig = *state;
	struct answer a;

	rig->mute = true;
	assert_int_equal(rig_call(rig, "GET /v1/status", NULL, &a), 200);
	assert_true(json_is_null(json_object_get(a.json, "maps_age_s")));
	answer_free(&a);
}

/* More at a time than may wait for fresh counters: all are answered. */
static void test_many_statuses(void **state)
{
	struct rig *rig = *state;
	int fds[OBSERVE_WAITERS + 4];
	struct answer a;

	rig->mute = true;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = rig_connect(rig);
		rig_say(rig, fds[i], "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		rig_recv(rig, fds[i], &a);
		assert_int_equal(a.status, 200);
		answer_free(&a);
		close(fds[i]);
	}
}

/* Who waits when the interface ends is told so. */
static void test_close_while_status_waits(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	struct answer a;

	rig->mute = true;
	rig_say(rig, fd, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
	while (rig_status(rig, "GET /healthz", NULL) != 200)
		;
	north_close(rig->north);
	rig->north = NULL;
	rig_recv(rig, fd, &a);
	assert_true(a.status == 503 || a.status == 200);
	answer_free(&a);
	close(fd);
}

static void test_head(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	struct answer a;

	rig_say(rig, fd, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	rig_recv_how(rig, fd, &a, true);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.head, "Content-Length: 15"));
	assert_string_equal(a.body, "");
	answer_free(&a);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages_of_services, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_bad_pages, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_pages_of_instances, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_pages_of_gateways_and_paths, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_entries, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_deferred_entry, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_balanced_entry, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_explain, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_nexthops_and_sids, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_stats, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_stats_without_parent, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_health, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_status, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_fill, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_status_of_hung_parent, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_many_statuses, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_close_while_status_waits, rig_setup,
						rig_teardown),
		cmocka_unit_test_setup_teardown(test_head, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
