/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/events and /v1/trace: what the dataplane tells, who waits for it, what it is asked to tell.
 */
#include "unit/north/rig.h"

#include "north/observe.h"

static struct san_event event_of(enum san_reason reason)
{
	struct san_event e = {
		.time_ns = 1,
		.service_id = 0x101,
		.ifindex = RIG_ACC0,
		.len = 120,
		.sport = htons(9),
		.dport = htons(80),
		.proto = IPPROTO_TCP,
		.kind = SAN_EVENT_SAMPLE,
		.reason = reason,
		.by = SAN_BY_HEADER,
		.role = SAN_ROLE_INGRESS,
	};

	inet_pton(AF_INET6, "2001:db8::1", e.src);
	inet_pton(AF_INET6, "2001:db8:5::101", e.dst);
	return e;
}

static uint64_t newest(struct rig *rig)
{
	uint64_t number;
	struct answer a;

	assert_int_equal(rig_call(rig, "GET /v1/events?after=now", NULL, &a), 200);
	assert_int_equal(items_of(&a), 0);
	number = (uint64_t)int_at(a.json, "next");
	answer_free(&a);
	return number;
}

/* n events arrive, and have arrived. */
static void tell(struct rig *rig, const struct san_event *event, unsigned int n)
{
	uint64_t before = newest(rig);

	for (unsigned int i = 0; i < n; i++) {
		rig_tell_event(rig, event);
		if (i % 64 == 0)
			rig_turn(rig);
	}
	while (newest(rig) < before + n)
		rig_turn(rig);
}

/* ---- one event ---- */

static void test_all_members(void **state)
{
	struct san_event e = event_of(SAN_R_FORWARDED);
	struct rig *rig = *state;
	const json_t *item;
	struct answer a;

	rig_fill(rig);
	rig_wait_applied(rig);
	e.kind = SAN_EVENT_TRACE;
	e.nexthop = 1;
	e.hash = 0x1234;
	e.generation = 7;
	tell(rig, &e, 1);
	assert_int_equal(rig_call(rig, "GET /v1/events", NULL, &a), 200);
	assert_int_equal(items_of(&a), 1);
	item = json_array_get(json_object_get(a.json, "items"), 0);
	assert_string_equal(text_at(item, "kind"), "trace");
	assert_string_equal(text_at(item, "interface"), "acc0");
	assert_string_equal(text_at(item, "role"), "ingress");
	assert_string_equal(text_at(item, "reason"), "forwarded");
	assert_string_equal(text_at(item, "verdict"), "redirect");
	assert_string_equal(text_at(item, "why"), "steered to the selected next hop");
	assert_string_equal(text_at(item, "service"), "0x101");
	assert_string_equal(text_at(item, "name"), "web");
	assert_string_equal(text_at(item, "by"), "header");
	assert_string_equal(text_at(item, "selection"), "preferred");
	assert_string_equal(text_at(item, "source"), "2001:db8::1");
	assert_string_equal(text_at(item, "destination"), "2001:db8:5::101");
	assert_string_equal(text_at(item, "protocol"), "tcp");
	assert_int_equal(int_at(item, "source_port"), 9);
	assert_int_equal(int_at(item, "destination_port"), 80);
	assert_string_equal(text_at(item, "nexthop"), "5f00:0:2:100::");
	assert_string_equal(text_at(item, "instance"), "a");
	assert_string_equal(text_at(item, "gateway"), "gw2");
	assert_string_equal(text_at(item, "path"), "be");
	assert_int_equal(int_at(item, "hash"), 0x1234);
	assert_int_equal(int_at(item, "generation"), 7);
	assert_int_equal(int_at(item, "length"), 120);
	assert_int_equal(strlen(text_at(item, "time")), strlen("2026-01-01T00:00:00.000000Z"));
	assert_null(json_object_get(item, "slot"));
	assert_null(json_object_get(item, "mtu"));
	assert_null(json_object_get(item, "cause"));
	answer_free(&a);
}

static void test_cause(void **state)
{
	struct san_event e = event_of(SAN_R_GOAL_DOWN);
	struct rig *rig = *state;
	const json_t *item;
	struct answer a;

	e.cause = SAN_R_NH_UNRESOLVED;
	tell(rig, &e, 1);
	assert_int_equal(rig_call(rig, "GET /v1/events", NULL, &a), 200);
	item = json_array_get(json_object_get(a.json, "items"), 0);
	assert_string_equal(text_at(item, "reason"), "goal_down");
	assert_string_equal(text_at(item, "verdict"), "drop");
	assert_string_equal(text_at(item, "cause"), "nh_unresolved");
	assert_string_equal(text_at(item, "cause_why"), "next hop has no neighbour or route yet");
	answer_free(&a);
}

/* Decapsulated: the SID that it came to says for whom. */
static void test_by_sid(void **state)
{
	struct san_event e = event_of(SAN_R_DECAPSULATED);
	struct rig *rig = *state;
	const json_t *item;
	struct answer a;

	rig_fill(rig);
	e.by = SAN_BY_SID;
	e.role = SAN_ROLE_CORE;
	inet_pton(AF_INET6, "5f00:0:2:100::", e.dst);
	tell(rig, &e, 1);
	assert_int_equal(rig_call(rig, "GET /v1/events", NULL, &a), 200);
	item = json_array_get(json_object_get(a.json, "items"), 0);
	assert_string_equal(text_at(item, "by"), "sid");
	assert_string_equal(text_at(item, "role"), "core");
	assert_string_equal(text_at(item, "instance"), "a");
	assert_string_equal(text_at(item, "gateway"), "gw2");
	assert_null(json_object_get(item, "nexthop"));
	answer_free(&a);
}

/* IPv4, nothing known of it. */
static void test_few_members(void **state)
{
	struct san_event e = {.kind = SAN_EVENT_SAMPLE, .reason = 255, .ifindex = 99};
	struct rig *rig = *state;
	const json_t *item;
	struct answer a;

	inet_pton(AF_INET6, "::ffff:10.0.0.1", e.src);
	tell(rig, &e, 1);
	assert_int_equal(rig_call(rig, "GET /v1/events", NULL, &a), 200);
	item = json_array_get(json_object_get(a.json, "items"), 0);
	assert_string_equal(text_at(item, "source"), "10.0.0.1");
	assert_true(json_is_null(json_object_get(item, "interface")));
	assert_string_equal(text_at(item, "reason"), "?");
	assert_null(json_object_get(item, "destination"));
	assert_null(json_object_get(item, "service"));
	assert_null(json_object_get(item, "protocol"));
	assert_null(json_object_get(item, "nexthop"));
	answer_free(&a);
}

/* ---- many ---- */

static size_t count_of(struct rig *rig, const char *query)
{
	char request[160];
	struct answer a;
	size_t n;

	snprintf(request, sizeof(request), "GET /v1/events?%s", query);
	assert_int_equal(rig_call(rig, request, NULL, &a), 200);
	n = items_of(&a);
	answer_free(&a);
	return n;
}

static void test_filters(void **state)
{
	struct san_event denied = event_of(SAN_R_DENIED), relayed = event_of(SAN_R_RELAYED);
	struct rig *rig = *state;

	relayed.service_id = 0;
	relayed.ifindex = RIG_CORE0;
	relayed.kind = SAN_EVENT_TRACE;
	tell(rig, &denied, 3);
	tell(rig, &relayed, 2);
	assert_int_equal(count_of(rig, ""), 5);
	assert_int_equal(count_of(rig, "service=0x101"), 3);
	assert_int_equal(count_of(rig, "service=257"), 3);
	assert_int_equal(count_of(rig, "service=0x102"), 0);
	assert_int_equal(count_of(rig, "reason=relayed"), 2);
	assert_int_equal(count_of(rig, "reason=relayed,denied"), 5);
	assert_int_equal(count_of(rig, "reason=relayed%2Cno_san"), 2);
	assert_int_equal(count_of(rig, "interface=acc0"), 3);
	assert_int_equal(count_of(rig, "interface=core0&kind=sample"), 0);
	assert_int_equal(count_of(rig, "kind=trace"), 2);
	assert_int_equal(count_of(rig, "limit=4"), 4);
}

static void test_pages(void **state)
{
	struct san_event e = event_of(SAN_R_DENIED);
	struct rig *rig = *state;
	uint64_t before = newest(rig);
	char request[96];
	struct answer a;

	tell(rig, &e, 5);
	snprintf(request, sizeof(request), "GET /v1/events?after=%ju&limit=2", before);
	assert_int_equal(rig_call(rig, request, NULL, &a), 200);
	assert_int_equal(items_of(&a), 2);
	assert_int_equal(int_at(a.json, "next"), before + 2);
	answer_free(&a);
	snprintf(request, sizeof(request), "GET /v1/events?after=%ju", before + 2);
	assert_int_equal(rig_call(rig, request, NULL, &a), 200);
	assert_int_equal(items_of(&a), 3);
	assert_int_equal(int_at(a.json, "next"), before + 5);
	assert_int_equal(int_at(a.json, "missed"), 0);
	answer_free(&a);
}

/* The ring holds the newest; who came too late is told how many are gone. */
static void test_missed(void **state)
{
	struct san_event e = event_of(SAN_R_DENIED);
	struct rig *rig = *state;
	uint64_t before = newest(rig);
	char request[96];
	struct answer a;

	rig->lost = 17;
	tell(rig, &e, EVENTS_RING + 10);
	snprintf(request, sizeof(request), "GET /v1/events?after=%ju&limit=1", before);
	assert_int_equal(rig_call(rig, request, NULL, &a), 200);
	assert_int_equal(int_at(a.json, "missed"), 10);
	assert_int_equal(int_at(a.json, "lost"), 17);
	assert_int_equal(int_at(a.json, "next"), before + 11);
	answer_free(&a);
	/* a number of an earlier start says nothing about this one's events */
	assert_int_equal(rig_call(rig, "GET /v1/events?after=5&limit=1", NULL, &a), 200);
	assert_int_equal(int_at(a.json, "missed"), 0);
	assert_int_equal(items_of(&a), 1);
	answer_free(&a);
}

static void test_bad_queries(void **state)
{
	static const struct {
		const char *query, *field, *want;
	} bad[] = {
		{"after=x", "?after", "number"},
		{"after=-1", "?after", "number"},
		{"limit=0", "?limit", "1..1000"},
		{"limit=1001", "?limit", "1..1000"},
		{"wait_s=31", "?wait_s", "0..30"},
		{"service=0", "?service", "0x101"},
		{"reason=none", "?reason", "reasons"},
		{"reason=", "?reason", "reasons"},
		{"interface=eth9", "?interface", "this host's"},
		{"kind=drop", "?kind", "sample, trace"},
		{"sort=1", "?sort", "after, limit, wait_s"},
		{"service=%zz", "?service", "hex"},
		{"after", "?after", "value"},
	};
	struct rig *rig = *state;
	char request[96];
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(request, sizeof(request), "GET /v1/events?%s", bad[i].query);
		rig_call(rig, request, NULL, &a);
		assert_problem(&a, 400, bad[i].field, bad[i].want);
		answer_free(&a);
	}
}

/* ---- waiting ---- */

static int ask(struct rig *rig, const char *query)
{
	int fd = rig_connect(rig);
	char text[160];

	snprintf(text, sizeof(text), "GET /v1/events?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
	rig_say(rig, fd, text);
	return fd;
}

static void until_waiting(struct rig *rig, int n)
{
	struct answer a;
	int waiting = 0;

	while (waiting < n) { /* connections, this one's apart */
		rig_call(rig, "GET /v1/status", NULL, &a);
		waiting = (int)int_at(json_object_get(a.json, "rest"), "connections") - 1;
		answer_free(&a);
	}
}

static void test_wait(void **state)
{
	struct san_event denied = event_of(SAN_R_DENIED), no_san = event_of(SAN_R_NO_SAN);
	struct rig *rig = *state;
	int fd = ask(rig, "after=now&wait_s=30&reason=denied");
	struct answer a;

	until_waiting(rig, 1);
	tell(rig, &no_san, 3); /* is not what it waits for */
	rig_tell_event(rig, &denied);
	rig_tell_event(rig, &denied); /* both in one answer, as they came together */
	rig_recv(rig, fd, &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(items_of(&a), 2);
	assert_string_equal(text_at(a.json, "items/0/reason"), "denied");
	answer_free(&a);
	close(fd);
}

static void test_wait_in_vain(void **state)
{
	struct rig *rig = *state;
	int fd = ask(rig, "wait_s=1");
	struct answer a;

	rig_recv(rig, fd, &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(items_of(&a), 0);
	assert_int_equal(int_at(a.json, "next"), newest(rig));
	answer_free(&a);
	close(fd);
}

/* What is there already is not waited for. */
static void test_wait_is_over(void **state)
{
	struct san_event e = event_of(SAN_R_DENIED);
	struct rig *rig = *state;
	struct answer a;
	int fd;

	tell(rig, &e, 1);
	fd = ask(rig, "wait_s=30");
	rig_recv(rig, fd, &a);
	assert_int_equal(items_of(&a), 1);
	answer_free(&a);
	close(fd);
}

static void test_too_many_wait(void **state)
{
	struct rig *rig = *state;
	int fds[EVENTS_WAITERS];
	struct answer a;

	for (int i = 0; i < EVENTS_WAITERS; i++)
		fds[i] = ask(rig, "wait_s=30");
	until_waiting(rig, EVENTS_WAITERS);
	rig_call(rig, "GET /v1/events?wait_s=1", NULL, &a);
	assert_problem(&a, 503, "?wait_s", "at most 64");
	answer_free(&a);
	for (int i = 0; i < EVENTS_WAITERS; i++)
		close(fds[i]); /* the interface ends while they wait */
}

static void test_close_while_waiting(void **state)
{
	struct rig *rig = *state;
	int fd = ask(rig, "wait_s=30");
	struct answer a;

	until_waiting(rig, 1);
	north_close(rig->north);
	rig->north = NULL;
	rig_recv(rig, fd, &a);
	assert_problem(&a, 503, "", "shutting down");
	answer_free(&a);
	close(fd);
}

/* ---- traces ---- */

static void wait_trace(struct rig *rig, unsigned int n)
{
	while (rig->n_traces < n)
		rig_turn(rig);
}

static void test_trace(void **state)
{
	static const char order[] =
		"{\"service\": \"0x101\", \"interface\": \"core0\", \"source\": \"10.0.0.1\","
		" \"destination\": \"2001:db8:5::101\", \"protocol\": \"udp\", \"source_port\": 0,"
		" \"destination_port\": 53, \"reasons\": [\"denied\", \"too_deep\"],"
		" \"seconds\": 30}";
	struct rig *rig = *state;
	const struct san_trace *t = &rig->trace.trace;
	struct answer a;
	struct in6_addr addr;

	assert_int_equal(rig_status(rig, "GET /v1/trace", NULL), 404);
	assert_int_equal(rig_call(rig, "PUT /v1/trace", order, &a), 200);
	assert_int_equal(int_at(a.json, "after"), newest(rig));
	assert_int_equal(int_at(a.json, "seconds"), 30);
	answer_free(&a);
	wait_trace(rig, 1);
	assert_int_equal(rig->trace.seconds, 30);
	assert_int_equal(t->fields, SAN_TRACE_ON | SAN_TRACE_SERVICE | SAN_TRACE_IFINDEX |
					    SAN_TRACE_SRC | SAN_TRACE_DST | SAN_TRACE_PROTO |
					    SAN_TRACE_SPORT | SAN_TRACE_DPORT | SAN_TRACE_REASONS);
	assert_int_equal(t->service_id, 0x101);
	assert_int_equal(t->ifindex, RIG_CORE0);
	inet_pton(AF_INET6, "::ffff:10.0.0.1", &addr);
	assert_memory_equal(t->src, &addr, sizeof(addr));
	inet_pton(AF_INET6, "2001:db8:5::101", &addr);
	assert_memory_equal(t->dst, &addr, sizeof(addr));
	assert_int_equal(t->proto, IPPROTO_UDP);
	assert_int_equal(t->sport, 0);
	assert_int_equal(t->dport, htons(53));
	assert_int_equal(t->reasons, 1ull << SAN_R_DENIED | 1ull << SAN_R_TOO_DEEP);
	assert_int_equal(rig_call(rig, "GET /v1/trace", NULL, &a), 200);
	assert_string_equal(text_at(a.json, "service"), "0x101");
	assert_in_range(int_at(a.json, "seconds_left"), 1, 30);
	answer_free(&a);
	assert_int_equal(rig_status(rig, "DELETE /v1/trace", NULL), 204);
	wait_trace(rig, 2);
	assert_int_equal(t->fields, 0);
	assert_int_equal(rig_status(rig, "GET /v1/trace", NULL), 404);
}

static void test_trace_of_all(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig_status(rig, "PUT /v1/trace", "{}"), 200);
	wait_trace(rig, 1);
	assert_int_equal(rig->trace.trace.fields, SAN_TRACE_ON);
	assert_int_equal(rig->trace.seconds, TRACE_SECONDS);
}

static void test_bad_traces(void **state)
{
	static const struct {
		const char *body, *field, *want;
	} bad[] = {
		{"{\"service\": \"web\"}", "/service", "0x101"},
		{"{\"service\": 257}", "/service", ""},
		{"{\"interface\": \"eth9\"}", "/interface", "this host's"},
		{"{\"source\": \"host\"}", "/source", "IPv6 or IPv4"},
		{"{\"destination\": \"10.0.0\"}", "/destination", "IPv6 or IPv4"},
		{"{\"protocol\": \"sctp\"}", "/protocol", "icmp6"},
		{"{\"protocol\": 256}", "/protocol", "0..255"},
		{"{\"protocol\": 1.5}", "/protocol", ""},
		{"{\"source_port\": 65536}", "/source_port", "0..65535"},
		{"{\"destination_port\": \"80\"}", "/destination_port", ""},
		{"{\"reasons\": [\"lost\"]}", "/reasons/0", "reason"},
		{"{\"reasons\": []}", "/reasons", "absent"},
		{"{\"seconds\": 0}", "/seconds", "1..3600"},
		{"{\"seconds\": 3601}", "/seconds", "1..3600"},
		{"{\"port\": 1}", "/port", "source_port"},
	};
	struct rig *rig = *state;
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		rig_call(rig, "PUT /v1/trace", bad[i].body, &a);
		assert_problem(&a, 400, bad[i].field, bad[i].want);
		answer_free(&a);
	}
	assert_int_equal(rig->n_traces, 0);
	assert_int_equal(rig_status(rig, "GET /v1/trace", NULL), 404);
}

static void test_trace_without_parent(void **state)
{
	struct rig *rig = *state;
	struct ncc_status status;
	struct answer a;

	shutdown(rig->parent_fd, SHUT_RDWR);
	do {
		rig_turn(rig);
		ncc_status(rig->ncc, &status);
	} while (status.connected);
	rig_call(rig, "PUT /v1/trace", "{}", &a);
	assert_problem(&a, 503, "", "parent");
	answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_members, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_by_sid, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_cause, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_few_members, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_filters, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_pages, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_missed, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_bad_queries, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_wait, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_wait_in_vain, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_wait_is_over, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_too_many_wait, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_close_while_waiting, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_trace, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_trace_of_all, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_bad_traces, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_trace_without_parent, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
