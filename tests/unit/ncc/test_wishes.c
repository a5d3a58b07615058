/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Child side: balanced services, local scope, IPv4 addresses, classifier, traces, events. */
#include "unit/ncc/child.h"

#include <stdio.h>

/* --- balanced --- */

struct balanced {
	struct plan_service svc;
	struct plan_nexthop alive[4];
	uint16_t weights[4];
};

static void balanced(struct balanced *b, uint64_t id, unsigned int n)
{
	char seg[32];

	memset(b, 0, sizeof(*b));
	for (unsigned int i = 0; i < n; i++) {
		snprintf(seg, sizeof(seg), "5f00::%u", i + 1);
		b->alive[i] = hop(seg, NULL);
		b->weights[i] = (uint16_t)(100 * (i + 1));
	}
	b->svc.id = id;
	b->svc.mode = SAN_MODE_BALANCED;
	b->svc.affinity = SAN_AFFINITY_HASH;
	b->svc.alive = b->alive;
	b->svc.weights = b->weights;
	b->svc.n_alive = n;
	b->svc.selected = &b->alive[0];
}

static const struct san_msg_member *member(struct fixture *f, unsigned int nth)
{
	return payload(f, SAN_MSG_MEMBER, nth);
}

static void flush(struct fixture *f, uint64_t generation)
{
	assert_int_equal(ncc_flush(f->ncc), generation);
	turn(f);
}

static void test_members(void **state)
{
	const struct san_msg_service *svc;
	struct fixture *f = *state;
	struct balanced b;

	balanced(&b, 0x101, 3);
	b.weights[1] = 0; /* alive, not selected */
	b.svc.flags = SAN_SVC_KEY_SOURCE;
	b.svc.idle_s = 300;
	b.svc.groups = 5;
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	flush(f, 2);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP NEXTHOP NEXTHOP SERVICE MEMBER "
					 "MEMBER PLAN_COMMIT");
	svc = payload(f, SAN_MSG_SERVICE, 0);
	assert_int_equal(svc->mode, SAN_MODE_BALANCED);
	assert_int_equal(svc->n_members, 2);
	assert_int_equal(svc->flags, SAN_SVC_KEY_SOURCE);
	assert_int_equal(svc->idle_s, 300);
	assert_int_equal(svc->groups, 5);
	assert_int_equal(member(f, 0)->service_id, 0x101);
	assert_int_equal(member(f, 0)->weight + member(f, 1)->weight, 400);
	assert_true(svc->nexthop == member(f, 0)->nexthop || svc->nexthop == member(f, 1)->nexthop);
	assert_int_equal(((struct san_msg_plan *)payload(f, SAN_MSG_PLAN_COMMIT, 0))->count, 6);
	ack_plan(f, 2);
	forget(f);
	/* The same again: nothing. Another weight: told, with all members. */
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	assert_int_equal(ncc_flush(f->ncc), 2);
	b.weights[0] = 50;
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	flush(f, 3);
	assert_string_equal(types(f, 1), "PLAN_BEGIN SERVICE MEMBER MEMBER PLAN_COMMIT");
}

/* Instances behind one SID are one next hop, their weights add up. */
static void test_weights_add_up(void **state)
{
	struct fixture *f = *state;
	struct balanced b;

	balanced(&b, 1, 3);
	b.alive[2] = b.alive[0];
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	flush(f, 2);
	assert_string_equal(types(f, 1),
			    "PLAN_BEGIN NEXTHOP NEXTHOP SERVICE MEMBER MEMBER PLAN_COMMIT");
	assert_int_equal(member(f, 0)->weight, 400);
	assert_int_equal(member(f, 1)->weight, 200);
}

/* The kernel's route needs a member: the heaviest, when the best is none. */
static void test_kernel_route_of_a_member(void **state)
{
	struct fixture *f = *state;
	struct balanced b;

	balanced(&b, 1, 3);
	b.weights[0] = 0;
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	flush(f, 2);
	assert_int_equal(member(f, 1)->weight, 300);
	assert_int_equal(((struct san_msg_service *)payload(f, SAN_MSG_SERVICE, 0))->nexthop,
			 member(f, 1)->nexthop);
}

static void test_balanced_without_members(void **state)
{
	struct fixture *f = *state;
	struct balanced b;

	balanced(&b, 1, 2);
	memset(b.weights, 0, sizeof(b.weights));
	b.svc.selected = NULL;
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	flush(f, 2);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP NEXTHOP SERVICE PLAN_COMMIT");
	assert_int_equal(((struct san_msg_service *)payload(f, SAN_MSG_SERVICE, 0))->mode,
			 SAN_MODE_NONE);
}

/* 512 slots: 256 for two members, 128 for one each. */
static void test_slots_run_out(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	struct balanced b;

	balanced(&b, 1, 2);
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	balanced(&b, 2, 1);
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	balanced(&b, 3, 2);
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, &err), -ENOSPC);
	assert_string_equal(err.want, "map san_slots is full, it holds 512; raise maps.slots");
	assert_int_equal(f->ncc->n_slots, 384);
	balanced(&b, 3, 1);
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	/* One that is there goes on with the slots it has, and never gives any back. */
	balanced(&b, 2, 4);
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	balanced(&b, 1, 1);
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	assert_int_equal(f->ncc->n_slots, 512);
	b.svc.mode = SAN_MODE_PREFERRED;
	assert_int_equal(ncc_service_put(f->ncc, &b.svc, NULL), 0);
	assert_int_equal(f->ncc->n_slots, 256);
	ncc_service_del(f->ncc, 2, SAN_SCOPE_INGRESS);
	ncc_service_del(f->ncc, 3, SAN_SCOPE_INGRESS);
	assert_int_equal(f->ncc->n_slots, 0);
}

/* --- scope, addresses --- */

static struct plan_nexthop direct(const char *address)
{
	struct plan_nexthop nh = {.kind = SAN_NH_DIRECT, .n_segs = 1};

	nh.segs[0] = in6(address);
	nh.families = IN6_IS_ADDR_V4MAPPED(&nh.segs[0]) ? SAN_NH_IP4 : SAN_NH_IP6;
	return nh;
}

static void put_local(struct fixture *f, uint64_t id, const char *address, const char *instance)
{
	struct plan_nexthop nh = direct(instance);
	struct plan_service svc = {
		.id = id,
		.scope = SAN_SCOPE_LOCAL,
		.mode = SAN_MODE_PREFERRED,
		.address = in6(address),
		.address4 = inet_addr("10.9.0.1"),
		.selected = &nh,
	};

	assert_int_equal(ncc_service_put(f->ncc, &svc, NULL), 0);
}

static const struct san_msg_service *of_scope(struct fixture *f, uint8_t scope)
{
	const struct san_msg_service *m = payload(f, SAN_MSG_SERVICE, 0);

	return m->scope == scope ? m : payload(f, SAN_MSG_SERVICE, 1);
}

static void test_local_scope(void **state)
{
	struct in6_addr address = in6("2001:db8:5::1"), none = in6("::");
	const struct san_msg_service *local, *ingress;
	const struct san_msg_key *key;
	struct fixture *f = *state;
	json_t *list, *e;

	put(f, 1, "2001:db8:5::1", "5f00::1");
	put_local(f, 7, "2001:db8:5::1", "::ffff:10.2.0.5");
	put_local(f, 1, "2001:db8:5::2", "2001:db8:2::5");
	flush(f, 2);
	ack_plan(f, 2);
	list = ncc_entries_json(f->ncc);
	assert_int_equal(json_array_size(list), 3);
	e = json_array_get(list, 1);
	assert_string_equal(json_string_value(json_object_get(e, "scope")), "local");
	assert_string_equal(json_string_value(json_object_get(e, "address4")), "10.9.0.1");
	e = json_object_get(e, "nexthop");
	assert_string_equal(json_string_value(json_object_get(e, "kind")), "direct");
	assert_string_equal(json_string_value(json_object_get(e, "address")), "2001:db8:2::5");
	json_decref(list);
	e = ncc_entry_json(f->ncc, 7, SAN_SCOPE_LOCAL);
	assert_non_null(e);
	json_decref(e);
	assert_null(ncc_entry_json(f->ncc, 7, SAN_SCOPE_INGRESS));
	/* Of one address the local service has the route, though its ID is larger. */
	forget(f);
	ncc_service_del(f->ncc, 1, SAN_SCOPE_LOCAL);
	put_local(f, 8, "2001:db8:5::1", "2001:db8:2::5");
	put(f, 1, "2001:db8:5::1", "5f00::2");
	flush(f, 3);
	ingress = of_scope(f, SAN_SCOPE_INGRESS);
	assert_memory_equal(&ingress->address, &none, 16);
	key = payload(f, SAN_MSG_SERVICE_DEL, 0);
	assert_int_equal(key->scope, SAN_SCOPE_LOCAL);
	ack_plan(f, 3);
	forget(f);
	ncc_service_del(f->ncc, 7, SAN_SCOPE_LOCAL);
	flush(f, 4);
	local = payload(f, SAN_MSG_SERVICE, 0);
	assert_int_equal(local->service_id, 8);
	assert_memory_equal(&local->address, &address, 16);
	assert_int_equal(local->address4, inet_addr("10.9.0.1"));
}

static void test_sid_kinds(void **state)
{
	struct fixture *f = *state;
	struct plan_sid sid = {.addr = in6("5f00::100"), .behaviour = SAN_BEHAVIOUR_END_DX4};
	struct err err = {0};
	char addr[32];
	json_t *list, *e;

	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -EINVAL);
	assert_string_equal(err.field, "nexthop");
	sid.nexthop = in6("::ffff:10.2.0.5");
	sid.service_id = 0x101;
	sid.flavors = SAN_FLAVOR_PSP;
	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -EINVAL);
	assert_string_equal(err.field, "flavors");
	sid.flavors = 0;
	assert_int_equal(ncc_sid_put(f->ncc, &sid, NULL), 0);
	list = ncc_sids_json(f->ncc);
	e = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(e, "behaviour")), "End.DX4");
	assert_string_equal(json_string_value(json_object_get(e, "nexthop")), "10.2.0.5");
	assert_string_equal(json_string_value(json_object_get(e, "service")), "0x101");
	json_decref(list);
	sid.addr = in6("5f00::1");
	sid.behaviour = SAN_BEHAVIOUR_END;
	sid.flavors = SAN_FLAVOR_PSP | SAN_FLAVOR_USD;
	assert_int_equal(ncc_sid_put(f->ncc, &sid, NULL), 0);
	list = ncc_sids_json(f->ncc);
	e = json_object_get(json_array_get(list, 1), "flavors");
	assert_string_equal(json_string_value(json_array_get(e, 0)), "psp");
	assert_string_equal(json_string_value(json_array_get(e, 1)), "usd");
	json_decref(list);
	/* Next hops of SIDs count: 7 indexes, one is in use. */
	sid.behaviour = SAN_BEHAVIOUR_END_DX4;
	sid.flavors = 0;
	for (int i = 2; i <= 7; i++) {
		snprintf(addr, sizeof(addr), "5f00::20%d", i);
		sid.addr = in6(addr);
		assert_int_equal(ncc_sid_put(f->ncc, &sid, NULL), 0);
	}
	sid.addr = in6("5f00::999");
	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -ENOSPC);
	assert_string_equal(err.want, "map san_nexthops is full, it holds 7; raise maps.nexthops");
	assert_int_equal(put(f, 1, NULL, "5f00::1"), -ENOSPC);
}

/* --- classifier --- */

static struct plan_class rule(const char *name, uint64_t id)
{
	struct plan_class c = {.msg.service_id = id};

	snprintf(c.name, sizeof(c.name), "%s", name);
	return c;
}

static void test_classes(void **state)
{
	struct fixture *f = *state;
	struct plan_class rules[] = {rule("b", 2), rule("a", 1)};
	const struct san_msg_plan *begin;
	struct err err = {0};

	assert_int_equal(ncc_classes_set(f->ncc, rules, 2, NULL), 0);
	flush(f, 2);
	assert_string_equal(types(f, 1), "PLAN_BEGIN CLASS CLASS PLAN_COMMIT");
	begin = payload(f, SAN_MSG_PLAN_BEGIN, 0);
	assert_int_equal(begin->flags, SAN_PLAN_CLASSES);
	assert_int_equal(((struct san_msg_class *)payload(f, SAN_MSG_CLASS, 0))->service_id, 1);
	assert_int_equal(((struct san_msg_plan *)payload(f, SAN_MSG_PLAN_COMMIT, 0))->count, 2);
	ack_plan(f, 2);
	forget(f);
	assert_int_equal(ncc_classes_set(f->ncc, rules, 2, NULL), 0); /* the same */
	assert_int_equal(ncc_flush(f->ncc), 2);
	rules[0].msg.service_id = 0;
	assert_int_equal(ncc_classes_set(f->ncc, rules, 2, &err), -EINVAL);
	assert_string_equal(err.object, "class b");
	assert_int_equal(ncc_classes_set(f->ncc, NULL, SAN_MAX_CLASSES + 1, &err), -ENOSPC);
	assert_non_null(strstr(err.want, "4096"));
	assert_int_equal(ncc_flush(f->ncc), 2);
	assert_int_equal(ncc_classes_set(f->ncc, NULL, 0, NULL), 0);
	flush(f, 3);
	assert_string_equal(types(f, 1), "PLAN_BEGIN PLAN_COMMIT");
	/* Refused: all of it again, with the rules. */
	assert_int_equal(ncc_classes_set(f->ncc, rules + 1, 1, NULL), 0);
	ack_plan(f, 3);
	flush(f, 4);
	forget(f);
	ack(f, SAN_MSG_PLAN_COMMIT, 4, -EIO, "no");
	assert_true(run_until(f, has_more));
	assert_string_equal(types(f, 1), "PLAN_BEGIN CLASS PLAN_COMMIT");
}

/* --- traces and events --- */

struct seen {
	unsigned int n;
	struct san_event event;
	struct plan_nexthop nexthop;
	bool has_nexthop;
	uint64_t lost;
};

static void on_event(void *arg, const struct san_event *event, const struct plan_nexthop *nexthop,
		     uint64_t lost)
{
	struct seen *s = arg;

	s->n++;
	s->event = *event;
	s->has_nexthop = nexthop != NULL;
	if (nexthop)
		s->nexthop = *nexthop;
	s->lost = lost;
}

static void test_events(void **state)
{
	struct fixture *f = *state;
	struct san_msg_event msg = {.event.reason = SAN_R_DENIED, .lost = 5};
	struct seen seen = {0};

	say(f, SAN_MSG_EVENT, 0, &msg); /* nobody listens */
	turn(f);
	put(f, 1, NULL, "5f00::1");
	ncc_flush(f->ncc);
	turn(f);
	ncc_on_event(f->ncc, on_event, &seen);
	msg.id = ((struct san_msg_nexthop *)payload(f, SAN_MSG_NEXTHOP, 0))->id;
	say(f, SAN_MSG_EVENT, 0, &msg);
	turn(f);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.event.reason, SAN_R_DENIED);
	assert_int_equal(seen.lost, 5);
	assert_true(seen.has_nexthop);
	assert_int_equal(seen.nexthop.n_segs, 1);
	msg.id = UINT64_C(1) << 32 | msg.id;
	say(f, SAN_MSG_EVENT, 0, &msg);
	turn(f);
	assert_false(seen.has_nexthop);
	ncc_on_event(f->ncc, NULL, NULL);
	say(f, SAN_MSG_EVENT, 0, &msg);
	turn(f);
	assert_int_equal(seen.n, 2);
}

static void test_trace(void **state)
{
	struct fixture *f = *state;
	struct san_trace trace = {.fields = SAN_TRACE_ON | SAN_TRACE_SERVICE, .service_id = 9};
	const struct san_msg_trace *msg;

	assert_int_equal(ncc_trace(f->ncc, &trace, 0), -EINVAL);
	assert_int_equal(ncc_trace(f->ncc, &trace, 3601), -EINVAL);
	assert_int_equal(ncc_trace(f->ncc, &trace, 60), 0);
	turn(f);
	msg = payload(f, SAN_MSG_TRACE, 0);
	assert_memory_equal(&msg->trace, &trace, sizeof(trace));
	assert_int_equal(msg->seconds, 60);
	trace.fields = 0;
	assert_int_equal(ncc_trace(f->ncc, &trace, 0), 0);
	close(f->fd);
	f->fd = -1;
	for (int i = 0; i < 3; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(ncc_trace(f->ncc, &trace, 60), -ENOTCONN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		R(test_members),
		R(test_weights_add_up),
		R(test_kernel_route_of_a_member),
		R(test_balanced_without_members),
		R(test_slots_run_out),
		R(test_local_scope),
		R(test_sid_kinds),
		R(test_classes),
		R(test_events),
		R(test_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
