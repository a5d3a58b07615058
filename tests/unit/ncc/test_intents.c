/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Child side: rules of intents beside the classifier's own, services of the host's making. */
#include "unit/ncc/child.h"

#include <stdio.h>

#define OWN (SAN_SERVICE_OWN_MIN + 1)

static struct plan_class rule(const char *name, uint64_t id, uint8_t intent)
{
	struct plan_class c = {.msg = {.service_id = id, .intent = intent}};

	snprintf(c.name, sizeof(c.name), "%s", name);
	return c;
}

static void flush(struct fixture *f, uint64_t generation)
{
	assert_int_equal(ncc_flush(f->ncc), generation);
	turn(f);
}

static uint64_t sent_service(struct fixture *f, unsigned int nth)
{
	return ((const struct san_msg_class *)payload(f, SAN_MSG_CLASS, nth))->service_id;
}

/* Both lists travel as one, intents first and in the order that they were given. */
static void test_lists(void **state)
{
	struct fixture *f = *state;
	struct plan_class own[] = {rule("b", 2, 0), rule("a", 1, 0)};
	struct plan_class intents[] = {rule("z", 9, 1), rule("y", 8, 1)};
	struct err err = {0};

	assert_int_equal(ncc_classes_set(f->ncc, own, 2, &err), 0);
	assert_int_equal(ncc_intents_set(f->ncc, intents, 2, &err), 0);
	flush(f, 2);
	assert_string_equal(types(f, 1), "PLAN_BEGIN CLASS CLASS CLASS CLASS PLAN_COMMIT");
	assert_int_equal(sent_service(f, 0), 9);
	assert_int_equal(sent_service(f, 1), 8);
	assert_int_equal(sent_service(f, 2), 1);
	assert_int_equal(((struct san_msg_plan *)payload(f, SAN_MSG_PLAN_COMMIT, 0))->count, 4);
	ack_plan(f, 2);
	forget(f);
	assert_int_equal(ncc_intents_set(f->ncc, intents, 2, &err), 0); /* the same */
	assert_int_equal(ncc_flush(f->ncc), 2);
	assert_int_equal(ncc_intents_set(f->ncc, intents + 1, 1, &err), 0);
	flush(f, 3);
	assert_string_equal(types(f, 1), "PLAN_BEGIN CLASS CLASS CLASS PLAN_COMMIT");
	ack_plan(f, 3);
	forget(f);
	assert_int_equal(ncc_intents_set(f->ncc, NULL, 0, &err), 0);
	flush(f, 4);
	assert_string_equal(types(f, 1), "PLAN_BEGIN CLASS CLASS PLAN_COMMIT");
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct plan_class bad = rule("x", 1, 0);
	struct err err = {0};

	assert_int_equal(ncc_intents_set(f->ncc, &bad, 1, &err), -EINVAL);
	assert_string_equal(err.object, "class x");
	assert_string_equal(err.field, "intent");
	bad.msg.intent = 1;
	assert_int_equal(ncc_classes_set(f->ncc, &bad, 1, &err), -EINVAL);
	bad.msg.service_id = 0;
	assert_int_equal(ncc_intents_set(f->ncc, &bad, 1, &err), -EINVAL);
	bad.msg.verdict = SAN_ACT_DROP;
	assert_int_equal(ncc_intents_set(f->ncc, &bad, 1, &err), 0);
	bad.msg.verdict = SAN_ACT_DROP + 1;
	assert_int_equal(ncc_intents_check(f->ncc, &bad, 1, 0, &err), -EINVAL);
	bad = rule("x", OWN, 0); /* only an intent leads there */
	assert_int_equal(ncc_classes_set(f->ncc, &bad, 1, &err), -EINVAL);
	bad.msg.intent = 1;
	assert_int_equal(ncc_intents_check(f->ncc, &bad, 1, 0, &err), 0);
	flush(f, 2);
	assert_string_equal(types(f, 1), "PLAN_BEGIN CLASS PLAN_COMMIT");
}

/* 4096 together. */
static void test_room(void **state)
{
	struct plan_class *many = calloc(SAN_MAX_CLASSES + 1, sizeof(*many)), one = rule("a", 1, 0);
	struct fixture *f = *state;
	struct err err = {0};

	for (uint32_t i = 0; i <= SAN_MAX_CLASSES; i++) {
		many[i] = rule("i", 1, 1);
		many[i].msg.dst_len = 128;
		many[i].msg.dst = in6("2001:db8::");
		memcpy(&many[i].msg.dst.s6_addr[12], &i, sizeof(i));
	}
	assert_int_equal(ncc_intents_set(f->ncc, many, SAN_MAX_CLASSES + 1, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "4096"));
	assert_string_equal(err.value, "4097");
	assert_int_equal(ncc_intents_check(f->ncc, many, SAN_MAX_CLASSES, 0, &err), 0);
	assert_int_equal(ncc_intents_set(f->ncc, many, SAN_MAX_CLASSES, &err), 0);
	assert_int_equal(ncc_classes_set(f->ncc, &one, 1, &err), -ENOSPC);
	assert_int_equal(ncc_intents_set(f->ncc, many, SAN_MAX_CLASSES - 1, &err), 0);
	assert_int_equal(ncc_classes_set(f->ncc, &one, 1, &err), 0);
	assert_int_equal(ncc_intents_set(f->ncc, many, SAN_MAX_CLASSES, &err), -ENOSPC);
	assert_int_equal(ncc_intents_check(f->ncc, many, SAN_MAX_CLASSES, 0, &err), -ENOSPC);
	free(many);
}

/* Tables that would not fit are seen beforehand, and so are services and next hops. */
static void test_check(void **state)
{
	struct plan_class *many = calloc(400, sizeof(*many));
	struct fixture *f = *state;
	struct err err = {0};

	for (unsigned int i = 0; i < 400; i++) {
		struct san_msg_class *msg = &many[i].msg;
		struct in6_addr *addr = i % 2 ? &msg->src : &msg->dst;

		many[i] = rule("i", 1, 1);
		*(i % 2 ? &msg->src_len : &msg->dst_len) = 128;
		*addr = in6("2001:db8::");
		addr->s6_addr[15] = (uint8_t)(i / 2);
	}
	assert_int_equal(ncc_intents_check(f->ncc, many, 400, 0, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "pairs of prefixes"));
	assert_int_equal(ncc_intents_check(f->ncc, many, 100, 7, &err), 0);
	assert_int_equal(ncc_intents_check(f->ncc, many, 100, 8, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "san_nexthops"));
	assert_int_equal(ncc_intents_check(f->ncc, many, 100, 9, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "san_services"));
	put(f, 1, NULL, "5f00::1");
	assert_int_equal(ncc_intents_check(f->ncc, many, 100, 6, &err), 0);
	assert_int_equal(ncc_intents_check(f->ncc, many, 100, 7, &err), -ENOSPC);
	assert_int_equal(ncc_flush(f->ncc), 2); /* the service alone */
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP SERVICE PLAN_COMMIT");
	free(many);
}

static void test_own_services(void **state)
{
	struct fixture *f = *state;
	struct plan_nexthop nh = hop("5f00::1", "5f00::2"), two[2] = {nh, hop("5f00::3", NULL)};
	struct plan_service svc = {
		.id = OWN, .mode = SAN_MODE_PREFERRED, .selected = &nh, .alive = &nh, .n_alive = 1};
	struct plan_service bad = svc;
	struct err err = {0};

	bad.groups = 1;
	assert_int_equal(ncc_service_put(f->ncc, &bad, &err), -EINVAL);
	assert_string_equal(err.field, "groups");
	bad = svc;
	bad.address = in6("2001:db8::1");
	assert_int_equal(ncc_service_put(f->ncc, &bad, &err), -EINVAL);
	bad = svc;
	bad.address4 = htonl(0x01020304);
	assert_int_equal(ncc_service_put(f->ncc, &bad, &err), -EINVAL);
	bad = svc;
	bad.scope = SAN_SCOPE_LOCAL;
	assert_int_equal(ncc_service_put(f->ncc, &bad, &err), -EINVAL);
	bad = svc;
	bad.alive = two;
	bad.n_alive = 2;
	assert_int_equal(ncc_service_put(f->ncc, &bad, &err), -EINVAL);
	assert_int_equal(ncc_service_put(f->ncc, &svc, &err), 0);
	flush(f, 2);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP SERVICE PLAN_COMMIT");
	assert_int_equal(((struct san_msg_service *)payload(f, SAN_MSG_SERVICE, 0))->groups, 0);
}

static void on_told(void *arg)
{
	++*(unsigned int *)arg;
}

static void tell(struct fixture *f, uint32_t ifindex)
{
	struct san_msg_nh_state st = {.ifindex = ifindex};

	st.id = ((const struct san_msg_nexthop *)payload(f, SAN_MSG_NEXTHOP, 0))->id;
	say(f, SAN_MSG_NH_STATE, 0, &st);
	turn(f);
}

static bool ready(const struct fixture *f)
{
	return ncc_service_ready(f->ncc, OWN, SAN_SCOPE_INGRESS);
}

/* What was known of a next hop that went does not count when it comes back. */
static void test_ready(void **state)
{
	struct fixture *f = *state;
	struct plan_nexthop nh = hop("5f00::1", "5f00::2");
	struct plan_service svc = {
		.id = OWN, .mode = SAN_MODE_PREFERRED, .selected = &nh, .alive = &nh, .n_alive = 1};
	unsigned int told = 0;

	ncc_on_nexthop(f->ncc, on_told, &told);
	assert_false(ready(f));
	assert_int_equal(ncc_service_put(f->ncc, &svc, NULL), 0);
	assert_false(ready(f));
	flush(f, 2);
	tell(f, 0);
	assert_int_equal(told, 1);
	assert_false(ready(f));
	tell(f, 3);
	assert_int_equal(told, 2);
	assert_true(ready(f));
	ack_plan(f, 2);
	ncc_service_del(f->ncc, OWN, SAN_SCOPE_INGRESS);
	assert_false(ready(f));
	flush(f, 3); /* on its way: the next hop's name is still known */
	assert_int_equal(ncc_service_put(f->ncc, &svc, NULL), 0);
	assert_false(ready(f));
	ncc_on_nexthop(f->ncc, NULL, NULL);
	tell(f, 3);
	assert_int_equal(told, 2);
	assert_true(ready(f));
}

/* --- counters --- */

static void on_stats(void *arg, int status, json_t *stats)
{
	json_t **out = arg;

	assert_int_equal(status, 0);
	*out = json_incref(stats);
}

static void say_stat(struct fixture *f, uint32_t request, uint32_t kind, uint64_t key, uint64_t n)
{
	struct san_msg_stat msg = {
		.request = request, .kind = kind, .key = key, .packets = n, .bytes = 100 * n};

	say(f, SAN_MSG_STAT, 0, &msg);
}

static void test_stats(void **state)
{
	struct fixture *f = *state;
	json_t *stats = NULL, *want;
	uint32_t request;

	assert_int_equal(ncc_stats(f->ncc, on_stats, &stats), 0);
	turn(f);
	request = ((const struct san_msg_stats_req *)payload(f, SAN_MSG_STATS_REQ, 0))->request;
	say_stat(f, request, SAN_STAT_ACT, 3, 20);
	say_stat(f, request, SAN_STAT_ACT_OVER, 3, 5);
	say_stat(f, request, SAN_STAT_ACT, 7, 1);
	say_stat(f, request, SAN_STAT_ACT_OVER, 8, 9); /* without a row of its own: left out */
	say(f, SAN_MSG_STATS_END, 0, &(struct san_msg_stats_req){.request = request});
	turn(f);
	want = json_pack("[{s:i, s:i, s:i, s:i}, {s:i, s:i, s:i, s:i}]", "act", 3, "packets", 20,
			 "bytes", 2000, "dropped", 5, "act", 7, "packets", 1, "bytes", 100,
			 "dropped", 0);
	assert_true(json_equal(json_object_get(stats, "acts"), want));
	json_decref(want);
	json_decref(stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		R(test_lists),	      R(test_refused), R(test_room),  R(test_check),
		R(test_own_services), R(test_ready),   R(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
