/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parent side: rules of intents, their counters, services of the host's making. */
#include "unit/ncc/parent.h"

#define OWN (SAN_SERVICE_OWN_MIN + 1)

static void intent(struct fixture *f, uint64_t id, uint8_t verdict, uint32_t act)
{
	struct san_msg_class msg = {
		.service_id = id, .intent = 1, .verdict = verdict, .act = act, .priority = act};

	object(f, SAN_MSG_CLASS, &msg);
}

static bool stats_done(struct fixture *f, uint64_t arg)
{
	return f->stats_ends > 0;
}

/* Each act once, with what was above its rate behind it. */
static void test_counters(void **state)
{
	struct san_msg_stats_req req = {.request = 42};
	struct fixture *f = *state;
	unsigned int n = 0;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	intent(f, 0, SAN_ACT_DROP, 7);
	intent(f, 0, SAN_ACT_PASS, 3);
	intent(f, 0, SAN_ACT_PASS, 7);
	intent(f, 0, SAN_ACT_PASS, 0);
	assert_int_equal(commit(f), 0);
	send_msg(f, SAN_MSG_STATS_REQ, 0, &req);
	assert_true(run_until(f, stats_done, 0));
	for (unsigned int i = 0; i < f->n_stats; i++) {
		const struct san_msg_stat *s = &f->stats[i];

		if (s->kind != SAN_STAT_ACT)
			continue;
		assert_int_equal(s->key, n++ ? 3 : 7);
		assert_int_equal(s[1].kind, SAN_STAT_ACT_OVER);
		assert_int_equal(s[1].key, s->key);
	}
	assert_int_equal(n, 2);
}

static void test_own_service(void **state)
{
	struct san_msg_service own = {
		.service_id = OWN, .nexthop = 1, .mode = SAN_MODE_PREFERRED, .groups = 1};
	struct fixture *f = *state;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f00:0:2::1", NULL);
	object(f, SAN_MSG_SERVICE, &own);
	refused(f, -EINVAL, "groups");
	own.groups = 0;
	begin(f, SAN_PLAN_FULL);
	nexthop(f, 1, "5f00:0:2::1", NULL);
	object(f, SAN_MSG_SERVICE, &own);
	intent(f, OWN, SAN_ACT_STEER, 1);
	assert_int_equal(commit(f), 0);
	assert_true(map_service(f, OWN).groups == 0);
	assert_int_equal(map_service(f, OWN).mode, SAN_MODE_PREFERRED);
	begin(f, SAN_PLAN_CLASSES); /* rules and service go together */
	removal(f, SAN_MSG_SERVICE_DEL, OWN);
	removal(f, SAN_MSG_NEXTHOP_DEL, 1);
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_classes_count(f->apply->dp), 0);
}

/* What a child gone mad says about rules is refused, and nothing changes. */
static void test_refused(void **state)
{
	struct san_msg_class bad = {.intent = 1, .verdict = SAN_ACT_DROP, .act = 1};
	struct fixture *f = *state;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	intent(f, 0, SAN_ACT_DROP, 7);
	assert_int_equal(commit(f), 0);
	bad.mark = 1;
	begin(f, SAN_PLAN_CLASSES);
	object(f, SAN_MSG_CLASS, &bad);
	refused(f, -EINVAL, "mark");
	bad.mark = 0;
	bad.act = SAN_MAX_ACTS + 1;
	begin(f, SAN_PLAN_CLASSES);
	object(f, SAN_MSG_CLASS, &bad);
	refused(f, -EINVAL, "act");
	assert_int_equal(dp_classes_count(f->apply->dp), 1);
	assert_int_equal(f->apply->rules.v[0].act, 7);
}

/* Another hand turns a rate: mended like rules are. */
static void test_audit(void **state)
{
	struct san_msg_class msg = {
		.intent = 1, .verdict = SAN_ACT_PASS, .act = 5, .rate_kbps = 1000};
	struct fixture *f = *state;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	object(f, SAN_MSG_CLASS, &msg);
	assert_int_equal(commit(f), 0);
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 0);
	msg.rate_kbps = 9;
	assert_int_equal(dp_classes_set(f->apply->dp, &msg, 1, NULL), 0);
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 1);
	assert_true(dp_classes_same(f->apply->dp, f->apply->rules.v, 1));
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		L(test_counters),
		L(test_own_service),
		L(test_refused),
		L(test_audit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
