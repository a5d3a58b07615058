/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans and audits that take more than one turn of the loop; what a mad child can make the parent
 * do. Root: network namespace, bpffs. */
#include "unit/ncc/parent.h"

#include "dp/priv.h"

#define MANY 3000u
#define MAX_SERVICES 4096u

static void big(struct fixture *f)
{
	struct san_msg_config c = config();

	c.max_services = MAX_SERVICES;
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
}

/* The socket holds a few hundred datagrams: the parent has to read meanwhile. */
static void services(struct fixture *f, uint64_t first, unsigned int n, uint32_t nh)
{
	char address[64];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(address, sizeof(address), "2001:db8:6::%x", (unsigned int)first + i);
		service(f, first + i, i % 10 ? NULL : address, nh);
		if (i % 50 == 0) {
			uv_run(&f->loop, UV_RUN_NOWAIT);
			take_all(f);
		}
	}
}

static void send_commit(struct fixture *f)
{
	struct san_msg_plan msg = {.count = f->objects};

	f->acks = 0;
	send_msg(f, SAN_MSG_PLAN_COMMIT, f->generation, &msg);
}

static void many(struct fixture *f, uint32_t nh)
{
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f00:0:2::1", "5f00:0:2::100");
	nexthop(f, 2, "5f00:0:3::100", NULL);
	services(f, 1, MANY, nh);
	send_commit(f);
}

static unsigned int entries(struct fixture *f)
{
	uint64_t used, size;

	f->apply->dp->used[SAN_MAP_SERVICES] = DP_UNKNOWN; /* counted in the map */
	assert_int_equal(dp_map_fill(f->apply->dp, SAN_MAP_SERVICES, &used, &size), 0);
	return (unsigned int)used;
}

/* --- turns --- */

struct turns {
	struct fixture *f;
	unsigned int busy; /* turns of the loop in which a plan was under way */
	bool served;	   /* in one of these a message was */
	bool acked;	   /* too early */
	uv_check_t check;
};

static void on_turn(uv_check_t *check)
{
	struct turns *t = check->data;

	take_all(t->f);
	if (!t->f->apply->job.running)
		return;
	t->busy++;
	t->served |= t->f->apply->trace.fields != 0;
	t->acked |= t->f->acks != 0;
}

static void test_plan_takes_turns(void **state)
{
	struct fixture *f = *state;
	struct turns turns = {.f = f};
	struct san_msg_trace trace = {.trace.fields = SAN_TRACE_ON, .seconds = 60};

	NEED_ROOT();
	big(f);
	many(f, 1);
	send_msg(f, SAN_MSG_TRACE, 0, &trace);
	uv_check_init(&f->loop, &turns.check);
	turns.check.data = &turns;
	uv_check_start(&turns.check, on_turn);
	f->acks = 0;
	run_until(f, acked, 1);
	uv_close((uv_handle_t *)&turns.check, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(f->acks, 1);
	assert_int_equal(f->ack.result, 0);
	assert_true(turns.busy > 2);
	assert_true(turns.served);
	assert_false(turns.acked);
	assert_int_equal(entries(f), MANY);
}

static bool route_two(struct fixture *f, uint64_t arg)
{
	return has_route("2001:db8:6::1 encap seg6 mode encap.red segs 1 [ 5f00:0:3::100 ]") ||
	       strstr(netns_read("ip -6 route show table 5300 2001:db8:6::1"), "5f00:0:3::100");
}

/* A plan sent before the one before was answered, and a new session in the middle of one. */
static void test_next_one_waits(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();

	NEED_ROOT();
	big(f);
	many(f, 1);
	begin(f, 0);
	service(f, 1, "2001:db8:6::1", 2);
	send_commit(f);
	assert_true(run_until(f, acked, 2));
	assert_int_equal(f->ack.result, 0);
	assert_int_equal(f->ack_generation, 2);
	assert_int_equal(map_service(f, 1).nexthop, hop_by_id(f->apply, 2)->index);
	assert_true(run_until(f, route_two, 0)); /* after the answer */
	many(f, 2);
	c.max_services = MAX_SERVICES;
	assert_int_equal(configure(f, SESSION + 2, &c, "v0"), 0);
	f->bad = 0; /* answers to the session before */
	assert_int_equal(entries(f), MANY);
	assert_int_equal(map_service(f, MANY).nexthop, map_service(f, 1).nexthop);
	begin(f, SAN_PLAN_FULL);
	assert_int_equal(commit(f), 0);
	assert_int_equal(entries(f), 0);
	assert_int_equal(pool_used(&f->apply->indexes), 0);
}

static bool audited(struct fixture *f, uint64_t n)
{
	return f->apply->audits >= n && !f->apply->audit.running;
}

/* Nothing is found where nothing is wrong, also while plans add, change and remove. */
static void test_audit_beside_plans(void **state)
{
	struct fixture *f = *state;
	uint64_t audits;

	NEED_ROOT();
	big(f);
	many(f, 1);
	assert_int_equal(answer(f), 0);
	audits = f->apply->audits;
	for (unsigned int i = 0; i < 40; i++) {
		audit_kernel(f->apply);
		begin(f, 0);
		services(f, 1 + 40 * i, 20, i % 2 + 1);
		for (unsigned int k = 0; k < 20; k++)
			removal(f, SAN_MSG_SERVICE_DEL, 1 + 40 * i + 20 + k);
		services(f, 5000 + 10 * i, 10, 2);
		assert_int_equal(commit(f), 0);
	}
	assert_true(run_until(f, audited, audits + 2));
	audit_run(f->apply);
	assert_int_equal(f->apply->repairs_all, 0);
	assert_int_equal(entries(f), MANY - 40 * 20 + 40 * 10);
}

/* --- a full map --- */

/* Somebody else fills the map by hand: the plan is refused as a whole, by name, and what was there
 * goes on. The audit throws the strangers out, then it is accepted. */
static void test_full_by_other_hands(void **state)
{
	struct fixture *f = *state;
	struct san_service stray = {.mode = SAN_MODE_NONE};
	unsigned int n = 0;

	NEED_ROOT();
	big(f);
	many(f, 1);
	assert_int_equal(answer(f), 0);
	while (!dp_service_put(f->apply->dp, false, 0x100000 + n, &stray))
		n++;
	assert_true(n >= MAX_SERVICES - MANY);
	begin(f, 0);
	services(f, 1, 100, 2);
	services(f, 10000, 300, 2);
	refused(f, -ENOSPC, "map san_services is full, it holds 4096; raise maps.services");
	assert_non_null(strstr(f->ack.text, "service 0x"));
	assert_int_equal(map_service(f, 1).nexthop, hop_by_id(f->apply, 1)->index);
	assert_int_equal(map_service(f, MANY).nexthop, hop_by_id(f->apply, 1)->index);
	assert_false(has_route("2001:db8:6::2710"));
	assert_true(has_route("2001:db8:6::1 "));
	audit_run(f->apply);
	assert_int_equal(f->apply->repairs[SAN_REPAIR_MAPS], n);
	assert_int_equal(entries(f), MANY);
	begin(f, 0);
	services(f, 1, 100, 2);
	services(f, 10000, 300, 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(entries(f), MANY + 300);
}

/* --- a child gone mad --- */

static void test_members_have_a_bound(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f00:0:2::1", NULL);
	for (uint64_t i = 1; i <= 5; i++) {
		struct san_msg_service msg = {
			.service_id = i,
			.nexthop = 1,
			.mode = SAN_MODE_BALANCED,
			.n_members = SAN_MAX_MEMBERS,
		};

		object(f, SAN_MSG_SERVICE, &msg);
	}
	refused(f, -ENOSPC,
		"service 0x5: n_members: makes too many members in one plan, raise "
		"maps.slots");
}

static void test_log_has_a_bound(void **state)
{
	struct fixture *f = *state;
	struct san_msg_plan msg = {0};

	NEED_ROOT();
	f->apply->lines.second_us = 0;
	for (int i = 0; i < 40; i++)
		send_msg(f, SAN_MSG_PLAN_COMMIT, 1, &msg);
	f->acks = 0;
	assert_true(run_until(f, acked, 40)); /* each is answered */
	assert_int_equal(f->ack.result, -EPROTO);
	assert_int_equal(f->apply->lines.n + f->apply->lines.left_out,
			 f->apply->lines.left_out ? 40 : f->apply->lines.n);
	assert_true(f->apply->lines.n <= APPLY_LINES_PER_S);
}

/* Everything that a message can make the parent say counts: sessions, configurations, plans. */
static void test_log_counts_everything(void **state)
{
	struct san_msg_empty end = {0};
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	f->apply->lines.second_us = clock_us();
	f->apply->lines.n = f->apply->lines.left_out = 0;
	for (unsigned int i = 1; i <= 30; i++) {
		f->apply->lines.second_us = clock_us(); /* a second that does not end */
		hello(f, SESSION + i);
		send_msg(f, SAN_MSG_CONFIG_END, 0, &end); /* without CONFIG: refused */
		assert_int_equal(answer(f), -EPROTO);
	}
	assert_int_equal(f->apply->lines.n, APPLY_LINES_PER_S);
	assert_int_equal(f->apply->lines.n + f->apply->lines.left_out, 2 * 30);
}

/* A second CONFIG_END is refused, and nothing else: an audit under way goes on. */
static void test_config_end_twice(void **state)
{
	struct san_msg_empty end = {0};
	struct fixture *f = *state;
	struct wire_buf msg;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	f->apply->again_us = 0;
	audit_kernel(f->apply);
	assert_true(f->apply->audit.running);
	wire_fill(&msg, SAN_MSG_CONFIG_END, f->session, 0, &end);
	assert_int_equal(session_message(f->apply, &msg, wire_size(SAN_MSG_CONFIG_END)), 0);
	assert_true(f->apply->audit.running);
	assert_int_equal(answer(f), -EPROTO);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		L(test_plan_takes_turns),      L(test_next_one_waits),
		L(test_audit_beside_plans),    L(test_full_by_other_hands),
		L(test_members_have_a_bound),  L(test_log_has_a_bound),
		L(test_log_counts_everything), L(test_config_end_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
