/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Balanced services, steered by instance and by gateway, under random writes. Without margin and
 * hold time the weights are a function of the view: worked out here from nothing, and compared with
 * what the steps have led to, at the ingress and among the host's own instances.
 */
#include "unit/orc/rig.h"

#define SERVICES 3
#define INSTANCES 6
#define GATEWAYS 3
#define PATHS 2
#define ROUNDS 1500

static uint64_t seed;

static unsigned int below(unsigned int n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % n;
}

static const char *numbered(const char *prefix, unsigned int i)
{
	static char text[4][32];
	static unsigned int next;
	char *buf = text[next++ % 4];

	snprintf(buf, sizeof(text[0]), "%s%u", prefix, i);
	return buf;
}

/* ---- random writes ---- */

static void write_service(uint64_t id)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"selection\": \"%s\", \"steering\": \"%s\", \"evaluation\": [{\"attribute\": "
		 "\"cpu_load\", \"curve\": {\"ramp\": [0, 100]}}, {\"attribute\": \"delay_us\", "
		 "\"curve\": {\"ramp\": [0, 1000]}}], \"hysteresis\": {\"margin\": 0, "
		 "\"hold_ms\": 0}, \"freshness\": {\"policy\": \"hold\"}}",
		 below(8) ? "balanced" : "preferred", below(2) ? "instance" : "gateway");
	service(id, text);
}

static void write_instance(uint64_t id, const char *name)
{
	char sid[64];

	snprintf(sid, sizeof(sid), "5f00:0:2:%x::", 0x100 + below(9));
	instance_at(id, name, numbered("gw", below(GATEWAYS)), below(4) ? sid : NULL,
		    below(2) ? "2001:db8:2a::2" : "::ffff:10.2.0.5");
}

static void write_path(const char *gw, const char *name)
{
	if (below(3))
		path("gw0", gw, name, below(2) ? "5f00:0:9::1" : NULL);
	else
		view_path_del(&view, (struct path_key){"gw0", gw, name});
}

static void path_delay(const char *gw, const char *name)
{
	struct sample s = {
		.attr = ATTR_DELAY_US, .milli = below(1000) * 1000, .received_us = clock_us()};

	assert_int_equal(view_path_attr(&view, (struct path_key){"gw0", gw, name}, &s), 0);
}

static void write_gateway(const char *name)
{
	static const char *const san_sids[] = {NULL, "5f00:0:2:5a::", "5f00:0:2:5b::"};

	if (below(4))
		gateway(name, san_sids[below(3)]);
	else
		view_gateway_del(&view, name);
}

static void write_something(void)
{
	uint64_t id = 1 + below(SERVICES);
	const char *inst = numbered("i", below(INSTANCES));
	const char *gw = numbered("gw", below(GATEWAYS));
	const char *name = numbered("p", below(PATHS));
	unsigned int what = below(40);

	if (what < 1)
		view_service_del(&view, id);
	else if (what < 4)
		write_service(id);
	else if (what < 8)
		write_instance(id, inst);
	else if (what < 9)
		view_instance_del(&view, id, inst);
	else if (what < 11 && view_instance(&view, id, inst))
		instance_state(id, inst, below(INSTANCE_STATE_MAX));
	else if (what < 14)
		write_path(gw, name);
	else if (what < 16)
		write_gateway(gw);
	else if (what < 24)
		path_delay(gw, name);
	else if (what < 26 && view_instance(&view, id, inst))
		attr(id, inst, ATTR_QUEUE_US, below(500));
	else if (view_instance(&view, id, inst))
		attr(id, inst, ATTR_CPU_LOAD, below(101));
}

/* ---- the same from nothing ---- */

static unsigned int metric_of(const struct service *def, const struct view_instance *inst,
			      const struct view_path *over, bool damped)
{
	struct ssc_candidate cand = {.instance = inst, .path = over};
	struct ssc_score score;

	if (over && def->steering == STEERING_GATEWAY)
		cand.gateway = view_gateway(&view, inst->gateway);
	ssc_score(def, &cand, damped, clock_us(), &score);
	return score.metric;
}

static unsigned int best_metric(const struct service *def, struct view_instance *inst,
				const struct orc_seat *seat, uint8_t scope)
{
	unsigned int best = METRIC_MAX;
	struct view_path *over, *next;

	if (!seat || !inst->gateway[0] || IN6_IS_ADDR_UNSPECIFIED(&inst->address))
		return best;
	if (scope == SAN_SCOPE_LOCAL)
		return strcmp(inst->gateway, "gw0") ? best
						    : metric_of(def, inst, NULL, seat->damped);
	HASH_ITER(hh, view.paths, over, next) {
		unsigned int m = METRIC_MAX;

		if (over->defined && strcmp(over->def.gateway, inst->gateway) == 0)
			m = metric_of(def, inst, over, seat->damped);
		best = m < best ? m : best;
	}
	return best;
}

static unsigned int weight_in_force(struct orc_service *svc, const struct view_instance *inst)
{
	unsigned int sum = 0;

	orc_fill(orc, svc);
	for (unsigned int i = 0; svc->weights && i < svc->n; i++)
		if (svc->cands[i].instance == inst)
			sum += svc->weights[i];
	return sum;
}

/* Returns the sum of the weights. */
static unsigned int check_weights(struct orc_service *svc)
{
	const struct service *def = svc->view->def;
	struct view_instance *inst;
	unsigned int sum = 0;

	view_each_instance(svc->view, inst) {
		unsigned int want = METRIC_MAX -
				    best_metric(def, inst, orc_seat(svc, orc_of(inst)), svc->scope);
		unsigned int got = weight_in_force(svc, inst);

		if (def->mode != SAN_MODE_BALANCED)
			want = 0;
		if (got != want)
			fail_msg("service %d scope %d instance %s: weight %u, not %u", (int)def->id,
				 svc->scope, inst->name, got, want);
		sum += got;
	}
	return sum;
}

/* Members at the parent: in the proportion of the weights in force. */
static void check_parent(const struct orc_service *svc, unsigned int sum)
{
	const struct san_msg_service *msg = parent_scoped(svc->view->id, svc->scope);
	unsigned int at_parent = 0;

	if (svc->scope == SAN_SCOPE_LOCAL && svc->n == 0) {
		assert_null(msg);
		return;
	}
	assert_non_null(msg);
	if (svc->view->def->mode != SAN_MODE_BALANCED)
		return;
	assert_int_equal(msg->mode, sum ? SAN_MODE_BALANCED : SAN_MODE_NONE);
	for (unsigned int i = 0; i < parent.n_members; i++)
		if (parent.members[i].service_id == svc->view->id &&
		    parent.member_scopes[i] == svc->scope)
			at_parent += parent.members[i].weight;
	assert_true(!sum == !at_parent);
	assert_true(at_parent <= sum);
}

static void check(void)
{
	for (uint64_t id = 1; id <= SERVICES; id++) {
		const struct view_service *seen = view_service(&view, id);
		struct orc_service *svc = seen ? seen->user : NULL;

		if (!seen || !seen->registered) {
			assert_null(svc);
			assert_null(parent_scoped(id, SAN_SCOPE_INGRESS));
			assert_null(parent_scoped(id, SAN_SCOPE_LOCAL));
			continue;
		}
		check_parent(svc, check_weights(svc));
		assert_int_equal(svc->local != NULL, seen->def->steering == STEERING_GATEWAY);
		if (svc->local)
			check_parent(svc->local, check_weights(svc->local));
		else
			assert_null(parent_scoped(id, SAN_SCOPE_LOCAL));
	}
}

static void test_random_writes(void **state)
{
	unsigned int members_seen = 0;

	seed = 20260101;
	for (int i = 0; i < ROUNDS; i++) {
		for (unsigned int n = 1 + below(4); n; n--)
			write_something();
		if (orc->armed)
			orc_round(orc);
		settle();
		check();
		members_seen += parent.n_members;
	}
	print_message("%u members in %d rounds\n", members_seen, ROUNDS);
	assert_true(members_seen > ROUNDS); /* it was not all about nothing */
}

static int setup_both(void **state)
{
	rig_open(&(struct orc_conf){.ingress = "gw0", .gateway = "gw0"});
	orc_start(orc);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_writes, setup_both, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
