/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Session and plans of the child side. */
#include "unit/ncc/child.h"

#define CONFIG_MSGS 7

/* --- configuration --- */

static void test_configuration(void **state)
{
	struct fixture *f = *state;
	const struct san_msg_hello *hello = payload(f, SAN_MSG_HELLO, 0);
	const struct san_msg_iface *iface = payload(f, SAN_MSG_IFACE, 0);
	const struct san_msg_prefix *prefix = payload(f, SAN_MSG_PREFIX, 0);
	struct ncc_status status;

	assert_string_equal(types(f, 0), "HELLO CONFIG IFACE IFACE PREFIX PREFIX CONFIG_END");
	assert_int_equal(hello->abi_version, SAN_ABI_VERSION);
	assert_int_equal(hello->pid, getpid());
	assert_int_not_equal(f->msgs[0].hdr.session, 0);
	assert_string_equal(iface->name, "eth0");
	assert_int_equal(iface->role, SAN_ROLE_INGRESS);
	assert_int_equal(iface->policy, SAN_IF_DROP_UNKNOWN);
	assert_int_equal(iface->group, 3);
	assert_int_equal(prefix->kind, SAN_PREFIX_BLOCK);
	assert_int_equal(prefix->len, 16);
	/* A flush waits for the answer. */
	assert_int_equal(put(f, 1, NULL, "5f00::1"), 0);
	assert_int_equal(ncc_flush(f->ncc), 1);
	turn(f);
	assert_int_equal(f->n, CONFIG_MSGS);
	ack(f, SAN_MSG_CONFIG_END, 0, 0, "");
	turn(f);
	assert_string_equal(types(f, CONFIG_MSGS), "PLAN_BEGIN NEXTHOP SERVICE PLAN_COMMIT");
	assert_int_equal(f->acks, 1);
	assert_int_equal(f->acked_generation, 0);
	ncc_status(f->ncc, &status);
	assert_true(status.connected);
	assert_int_equal(status.desired, 1);
	assert_int_equal(status.applied, 0);
}

static void test_configuration_refused(void **state)
{
	struct fixture *f = *state;

	put(f, 1, NULL, "5f00::1");
	ncc_flush(f->ncc);
	ack(f, SAN_MSG_CONFIG_END, 0, -ENODEV, "interface eth0: does not exist");
	turn(f);
	assert_int_equal(f->acked_result, -ENODEV);
	assert_int_equal(f->acked_generation, 0);
	assert_string_equal(f->acked_text, "interface eth0: does not exist");
	ncc_flush(f->ncc);
	turn(f);
	assert_int_equal(f->n, CONFIG_MSGS); /* no plan */
}

/* --- plans --- */

static void test_first_plan_is_full(void **state)
{
	struct fixture *f = *state;
	const struct san_msg_plan *begin, *commit;
	const struct san_msg_service *svc;
	const struct san_msg_nexthop *nh;

	ack(f, SAN_MSG_CONFIG_END, 0, 0, "");
	assert_int_equal(put(f, 0x101, "2001:db8:5::1", "5f00::1"), 0);
	turn(f);
	assert_int_equal(f->n, CONFIG_MSGS); /* nothing before the flush */
	assert_int_equal(ncc_flush(f->ncc), 1);
	turn(f);
	begin = payload(f, SAN_MSG_PLAN_BEGIN, 0);
	commit = payload(f, SAN_MSG_PLAN_COMMIT, 0);
	svc = payload(f, SAN_MSG_SERVICE, 0);
	nh = payload(f, SAN_MSG_NEXTHOP, 0);
	assert_int_equal(begin->flags, SAN_PLAN_FULL);
	assert_int_equal(commit->count, 2);
	assert_int_equal(svc->service_id, 0x101);
	assert_int_equal(svc->nexthop, nh->id);
	assert_int_equal(svc->mode, SAN_MODE_PREFERRED);
	assert_int_equal(svc->affinity, SAN_AFFINITY_FLOW);
	assert_int_equal(nh->n_segs, 1);
	ack_plan(f, 1);
	assert_int_equal(f->acked_generation, 1);
	assert_int_equal(f->acked_result, 0);
}

static void test_empty_first_plan(void **state)
{
	struct fixture *f = *state;

	ack(f, SAN_MSG_CONFIG_END, 0, 0, "");
	assert_int_equal(ncc_flush(f->ncc), 1);
	assert_int_equal(ncc_flush(f->ncc), 1);
	turn(f);
	assert_string_equal(types(f, CONFIG_MSGS), "PLAN_BEGIN PLAN_COMMIT");
}

static void test_changes_only(void **state)
{
	struct fixture *f = *state;
	const struct san_msg_plan *begin;

	put(f, 1, NULL, "5f00::1");
	put(f, 2, NULL, "5f00::1"); /* the same next hop */
	assert_int_equal(ncc_flush(f->ncc), 2);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP SERVICE SERVICE PLAN_COMMIT");
	begin = payload(f, SAN_MSG_PLAN_BEGIN, 0);
	assert_int_equal(begin->flags, 0);
	ack_plan(f, 2);
	forget(f);
	/* Nothing new: nothing sent. */
	put(f, 1, NULL, "5f00::1");
	assert_int_equal(ncc_flush(f->ncc), 2);
	turn(f);
	assert_int_equal(f->n, 1);
	put(f, 1, NULL, NULL);
	assert_int_equal(ncc_flush(f->ncc), 3);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN SERVICE PLAN_COMMIT");
	ack_plan(f, 3);
	forget(f);
	ncc_service_del(f->ncc, 2, SAN_SCOPE_INGRESS);
	ncc_service_del(f->ncc, 2, SAN_SCOPE_INGRESS);
	ncc_service_del(f->ncc, 77, SAN_SCOPE_INGRESS);
	assert_int_equal(ncc_flush(f->ncc), 4);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP_DEL SERVICE_DEL PLAN_COMMIT");
}

static void test_alive_keeps_next_hops(void **state)
{
	struct fixture *f = *state;
	struct plan_nexthop alive[3] = {hop("5f00::1", NULL), hop("5f00::2", NULL),
					hop("5f00::1", NULL)};
	struct plan_service svc = {
		.id = 1, .mode = SAN_MODE_PREFERRED, .alive = alive, .n_alive = 3};

	svc.selected = &alive[0];
	assert_int_equal(ncc_service_put(f->ncc, &svc, NULL), 0);
	ncc_flush(f->ncc);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP NEXTHOP SERVICE PLAN_COMMIT");
	ack_plan(f, 2);
	forget(f);
	svc.selected = &alive[1];
	ncc_service_put(f->ncc, &svc, NULL);
	ncc_flush(f->ncc);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN SERVICE PLAN_COMMIT");
	ack_plan(f, 3);
	forget(f);
	/* An instance that is gone takes its next hop with it, the service stays as it is. */
	svc.alive = &alive[1];
	svc.n_alive = 1;
	ncc_service_put(f->ncc, &svc, NULL);
	ncc_flush(f->ncc);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP_DEL PLAN_COMMIT");
}

static void test_newest_wins(void **state)
{
	struct fixture *f = *state;
	const struct san_msg_service *svc;

	put(f, 1, NULL, "5f00::1");
	assert_int_equal(ncc_flush(f->ncc), 2);
	turn(f);
	forget(f);
	/* Generation 2 is on its way: everything now is generation 3, and only its last state. */
	put(f, 1, NULL, "5f00::2");
	assert_int_equal(ncc_flush(f->ncc), 3);
	put(f, 1, NULL, "5f00::3");
	assert_int_equal(ncc_flush(f->ncc), 3);
	put(f, 2, NULL, "5f00::4");
	ncc_service_del(f->ncc, 2, SAN_SCOPE_INGRESS); /* came and went unseen */
	turn(f);
	assert_int_equal(f->n, 1);
	ack_plan(f, 2);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP_DEL SERVICE NEXTHOP PLAN_COMMIT");
	svc = payload(f, SAN_MSG_SERVICE, 0);
	assert_int_equal(svc->nexthop,
			 ((struct san_msg_nexthop *)payload(f, SAN_MSG_NEXTHOP, 0))->id);
	ack_plan(f, 3);
	assert_int_equal(f->acks, 2);
}

/* Removed, on its way, wanted again: the same next hop is sent again. */
static void test_removed_and_back(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	put(f, 1, NULL, "5f00::1");
	ncc_flush(f->ncc);
	turn(f);
	id = ((struct san_msg_nexthop *)payload(f, SAN_MSG_NEXTHOP, 0))->id;
	ack_plan(f, 2);
	ncc_service_del(f->ncc, 1, SAN_SCOPE_INGRESS);
	ncc_flush(f->ncc);
	turn(f);
	forget(f);
	put(f, 1, NULL, "5f00::1");
	ncc_flush(f->ncc);
	ack_plan(f, 3);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP SERVICE PLAN_COMMIT");
	assert_int_equal(((struct san_msg_nexthop *)payload(f, SAN_MSG_NEXTHOP, 0))->id, id);
	ack_plan(f, 4);
	assert_int_equal(json_array_size(f->stats = ncc_nexthops_json(f->ncc)), 1);
}

static void test_refused_plan_is_repeated_in_full(void **state)
{
	struct fixture *f = *state;
	struct ncc_status status;

	put(f, 1, NULL, "5f00::1");
	ncc_flush(f->ncc);
	turn(f);
	ack_plan(f, 2);
	ncc_service_del(f->ncc, 1, SAN_SCOPE_INGRESS);
	put(f, 2, NULL, "5f00::2");
	assert_int_equal(ncc_flush(f->ncc), 3);
	turn(f);
	forget(f);
	ack(f, SAN_MSG_PLAN_COMMIT, 3, -EEXIST, "route x: is in the way");
	assert_int_equal(f->acked_result, -EEXIST);
	assert_int_equal(f->n, 1); /* not at once */
	ncc_status(f->ncc, &status);
	assert_int_equal(status.failures, 1);
	assert_int_equal(status.applied, 2);
	assert_int_equal(status.desired, 4);
	assert_int_equal(status.last_result, -EEXIST);
	assert_string_equal(status.last_text, "route x: is in the way");
	assert_true(run_until(f, has_more));
	assert_string_equal(types(f, 1), "PLAN_BEGIN NEXTHOP SERVICE PLAN_COMMIT");
	assert_int_equal(((struct san_msg_plan *)payload(f, SAN_MSG_PLAN_BEGIN, 0))->flags,
			 SAN_PLAN_FULL);
	ack_plan(f, 4);
	ncc_status(f->ncc, &status);
	assert_int_equal(status.applied, 4);
	assert_int_equal(status.last_result, 0);
	assert_int_equal(status.repaired, 2 * 5);
}

static void test_pause_grows(void **state)
{
	struct fixture *f = *state;

	put(f, 1, NULL, "5f00::1");
	ncc_flush(f->ncc);
	turn(f);
	for (unsigned int i = 0; i < 10; i++) {
		unsigned int want = NCC_BACKOFF_MIN_MS << i;

		ack(f, SAN_MSG_PLAN_COMMIT, 2 + i, -EIO, "no");
		if (want > NCC_BACKOFF_MAX_MS)
			want = NCC_BACKOFF_MAX_MS;
		assert_int_equal(f->ncc->backoff_ms, want);
		assert_true(uv_is_active((uv_handle_t *)&f->ncc->retry));
		/* The pause is over. */
		uv_timer_start(&f->ncc->retry, f->ncc->retry.timer_cb, 0, 0);
		forget(f);
		assert_true(run_until(f, has_more));
	}
	/* A change shortens the pause to the minimum. */
	ack(f, SAN_MSG_PLAN_COMMIT, 12, -EIO, "no");
	put(f, 2, NULL, "5f00::2");
	ncc_flush(f->ncc);
	assert_true(uv_timer_get_due_in(&f->ncc->retry) <= NCC_BACKOFF_MIN_MS);
}

static void test_shared_address(void **state)
{
	struct fixture *f = *state;
	const struct san_msg_service *a, *b;
	struct in6_addr address = in6("2001:db8:5::1"), none = in6("::");

	put(f, 5, "2001:db8:5::1", "5f00::1");
	put(f, 7, "2001:db8:5::1", "5f00::2");
	ncc_flush(f->ncc);
	turn(f);
	a = payload(f, SAN_MSG_SERVICE, 0);
	b = payload(f, SAN_MSG_SERVICE, 1);
	assert_memory_equal(&(a->service_id == 5 ? a : b)->address, &address, 16);
	assert_memory_equal(&(a->service_id == 7 ? a : b)->address, &none, 16);
	ack_plan(f, 2);
	forget(f);
	ncc_service_del(f->ncc, 5, SAN_SCOPE_INGRESS);
	ncc_flush(f->ncc);
	turn(f);
	a = payload(f, SAN_MSG_SERVICE, 0); /* told again, now with the address */
	assert_int_equal(a->service_id, 7);
	assert_memory_equal(&a->address, &address, 16);
	ack_plan(f, 3);
	forget(f);
	put(f, 6, "2001:db8:5::1", "5f00::2");
	put(f, 7, "2001:db8:5::2", "5f00::2");
	ncc_flush(f->ncc);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN SERVICE SERVICE PLAN_COMMIT");
}

static void test_sids(void **state)
{
	struct fixture *f = *state;
	struct plan_sid sid = {.addr = in6("5f00::100"), .behaviour = SAN_BEHAVIOUR_END_DX6};
	const struct san_msg_sid *msg;

	sid.nexthop = in6("2001:db8::2");
	sid.table = 99; /* not used by End.DX6 */
	strcpy(sid.oif, "eth1");
	assert_int_equal(ncc_sid_put(f->ncc, &sid, NULL), 0);
	assert_int_equal(ncc_sid_put(f->ncc, &sid, NULL), 0);
	ncc_flush(f->ncc);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN SID PLAN_COMMIT");
	msg = payload(f, SAN_MSG_SID, 0);
	assert_memory_equal(&msg->nexthop, &sid.nexthop, 16);
	assert_string_equal(msg->oif, "eth1");
	assert_int_equal(msg->table, 0);
	ack_plan(f, 2);
	forget(f);
	assert_int_equal(ncc_sid_put(f->ncc, &sid, NULL), 0);
	assert_int_equal(ncc_flush(f->ncc), 2);
	ncc_sid_del(f->ncc, &sid.addr);
	ncc_sid_del(f->ncc, &sid.addr);
	assert_int_equal(ncc_flush(f->ncc), 3);
	turn(f);
	assert_string_equal(types(f, 1), "PLAN_BEGIN SID_DEL PLAN_COMMIT");
	ack_plan(f, 3);
	ncc_sid_put(f->ncc, &sid, NULL);
	ncc_sid_del(f->ncc, &sid.addr); /* came and went unseen */
	assert_int_equal(ncc_flush(f->ncc), 3);
}

/* --- bad input, limits --- */

static void svc_refused(struct fixture *f, const struct plan_service *svc, int code,
			const char *want)
{
	struct err err = {0};
	char text[512];

	assert_int_equal(ncc_service_put(f->ncc, svc, &err), code);
	assert_string_equal(err_text(&err, text, sizeof(text)), want);
}

static void test_bad_services(void **state)
{
	static struct plan_nexthop many[PLAN_MAX_ALIVE + 1];
	struct fixture *f = *state;
	struct plan_nexthop nh = hop("5f00::1", NULL);
	struct plan_service svc = {.id = 0, .mode = SAN_MODE_PREFERRED, .selected = &nh};
	uint16_t heavy = SAN_MAX_WEIGHT + 1;

	svc_refused(f, &svc, -EINVAL, "service 0x0: id: is 0, must be 1 or more");
	svc.id = 1;
	svc.mode = SAN_MODE_BALANCED + 1;
	svc_refused(f, &svc, -EINVAL,
		    "service 0x1: mode: is 3, must be none, preferred or balanced");
	svc.mode = SAN_MODE_BALANCED;
	svc_refused(f, &svc, -EINVAL,
		    "service 0x1: weights: is 0, must be above 0 for one next hop at least");
	svc.alive = &nh;
	svc.n_alive = 1;
	svc.weights = &heavy;
	svc_refused(f, &svc, -EINVAL, "service 0x1: weights: is 1001, must be 0..1000");
	svc.n_alive = 0;
	svc.scope = 2;
	svc_refused(f, &svc, -EINVAL, "service 0x1: scope: is 2, must be 0 (ingress) or 1 (local)");
	svc.scope = 0;
	svc.mode = SAN_MODE_PREFERRED;
	svc.affinity = 3;
	svc_refused(f, &svc, -EINVAL, "service 0x1: affinity: is 3, must be 0..2");
	svc.affinity = 0;
	nh.n_segs = 9;
	svc_refused(f, &svc, -EINVAL, "service 0x1: segments: is 9, must be 1..8");
	nh.n_segs = 0;
	svc_refused(f, &svc, -EINVAL, "service 0x1: segments: is 0, must be 1..8");
	nh.n_segs = 2;
	svc_refused(f, &svc, -EINVAL,
		    "service 0x1: segments: must be unicast addresses, number 2 is not");
	nh.n_segs = 1;
	nh.encap = SAN_ENCAP_MAX;
	svc_refused(f, &svc, -EINVAL, "service 0x1: encap: is 2, must be 0 or 1");
	nh.families = 0;
	svc_refused(f, &svc, -EINVAL, "service 0x1: families: is 0, must be 1..3");
	nh.families = SAN_NH_IP6;
	nh.kind = SAN_NH_DROP;
	svc_refused(f, &svc, -EINVAL, "service 0x1: kind: is 4, must be srv6 or direct");
	nh.kind = SAN_NH_DIRECT;
	svc_refused(f, &svc, -EINVAL,
		    "service 0x1: kind: is direct, must have one address, no encap and no hop "
		    "limit");
	svc.selected = NULL;
	svc.alive = many;
	svc.n_alive = PLAN_MAX_ALIVE + 1;
	svc_refused(f, &svc, -ENOSPC, "service 0x1: next hops: is 1025, must be at most 1024");
	assert_int_equal(ncc_flush(f->ncc), 1); /* nothing of all this was kept */
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	struct plan_nexthop nh;
	struct plan_service svc = {.id = 99, .mode = SAN_MODE_PREFERRED};
	char seg[64];

	for (unsigned int i = 1; i <= 8; i++)
		assert_int_equal(put(f, i, NULL, "5f00::1"), 0);
	svc_refused(f, &svc, -ENOSPC,
		    "service 0x63: map san_services is full, it holds 8; raise maps.services");
	svc.scope = SAN_SCOPE_LOCAL; /* a map of its own */
	assert_int_equal(ncc_service_put(f->ncc, &svc, NULL), 0);
	ncc_service_del(f->ncc, 99, SAN_SCOPE_LOCAL);
	svc.scope = SAN_SCOPE_INGRESS;
	assert_int_equal(put(f, 8, NULL, "5f00::1"), 0); /* one that is there may change */
	ncc_service_del(f->ncc, 8, SAN_SCOPE_INGRESS);
	assert_int_equal(put(f, 9, NULL, "5f00::1"), 0);
	for (unsigned int i = 2; i <= 7; i++) {
		snprintf(seg, sizeof(seg), "5f00::%u", i);
		assert_int_equal(put(f, i, NULL, seg), 0);
	}
	nh = hop("5f00::8", NULL);
	svc.id = 7;
	svc.selected = &nh;
	svc_refused(f, &svc, -ENOSPC,
		    "service 0x7: map san_nexthops is full, it holds 7; raise maps.nexthops");
	/* The refused service is as it was. */
	f->stats = ncc_entries_json(f->ncc);
	assert_int_equal(json_array_size(f->stats), 8);
}

static void test_bad_sids(void **state)
{
	struct fixture *f = *state;
	struct plan_sid sid = {.behaviour = SAN_BEHAVIOUR_END};
	struct err err = {0};

	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -EINVAL);
	assert_string_equal(err.field, "sid");
	sid.addr = in6("5f00::1");
	sid.behaviour = 0;
	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -EINVAL);
	assert_string_equal(err.field, "behaviour");
	sid.behaviour = SAN_BEHAVIOUR_END_DX6;
	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -EINVAL);
	assert_string_equal(err.field, "nexthop");
	sid.behaviour = SAN_BEHAVIOUR_END_DT6;
	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -EINVAL);
	assert_string_equal(err.field, "table");
	assert_string_equal(err.object, "SID 5f00::1");
	sid.behaviour = SAN_BEHAVIOUR_END;
	memset(sid.oif, 'x', sizeof(sid.oif));
	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -EINVAL);
	assert_string_equal(err.field, "interface");
}

static void test_sid_limit(void **state)
{
	struct fixture *f = *state;
	struct plan_sid sid = {.behaviour = SAN_BEHAVIOUR_END};
	struct err err = {0};

	for (unsigned int i = 0; i < NCC_MAX_SIDS; i++) {
		sid.addr = in6("5f00::");
		sid.addr.s6_addr[13] = 1;
		sid.addr.s6_addr[14] = (uint8_t)(i >> 8);
		sid.addr.s6_addr[15] = (uint8_t)i;
		assert_int_equal(ncc_sid_put(f->ncc, &sid, NULL), 0);
	}
	sid.addr.s6_addr[13] = 2;
	assert_int_equal(ncc_sid_put(f->ncc, &sid, &err), -ENOSPC);
	assert_string_equal(err.want, "map san_sids is full, it holds 65536");
}

/* --- the parent's words --- */

static void test_slow_parent(void **state)
{
	struct fixture *f = *state;
	struct ncc_conf c = conf();
	unsigned int before, services = 0;

	teardown(state);
	f = *state = calloc(1, sizeof(*f));
	c.config.max_services = 10000;
	open_ncc(f, &c);
	ack(f, SAN_MSG_CONFIG_END, 0, 0, "");
	before = f->n;
	for (unsigned int i = 1; i <= 5000; i++)
		assert_int_equal(put(f, i, NULL, "5f00::1"), 0);
	assert_int_equal(ncc_flush(f->ncc), 1); /* does not block, although nobody reads */
	assert_true(f->ncc->out.len > f->ncc->out.pos);
	while (f->n < before + 5003)
		turn(f);
	turn(f);
	assert_int_equal(f->n, before + 5003);
	for (unsigned int i = before; i < f->n; i++)
		services += f->msgs[i].hdr.type == SAN_MSG_SERVICE;
	assert_int_equal(services, 5000);
	assert_int_equal(f->msgs[f->n - 1].hdr.type, SAN_MSG_PLAN_COMMIT);
	assert_int_equal(((struct san_msg_plan *)f->msgs[f->n - 1].payload)->count, 5001);
}

static void test_foreign_messages(void **state)
{
	struct fixture *f = *state;
	struct san_msg_ack msg = {.type = SAN_MSG_PLAN_COMMIT};
	struct wire_buf buf;
	struct ncc_status status;

	put(f, 1, NULL, "5f00::1");
	ncc_flush(f->ncc);
	turn(f);
	/* For a predecessor, for another generation, malformed, of the wrong direction. */
	wire_fill(&buf, SAN_MSG_ACK, f->msgs[0].hdr.session + 1, 2, &msg);
	wire_send(f->fd, &buf);
	ack(f, SAN_MSG_PLAN_COMMIT, 1, 0, "");
	ack(f, SAN_MSG_CONFIG_END, 0, -EIO, "late");
	assert_int_equal(send(f->fd, "junk", 4, 0), 4);
	say(f, SAN_MSG_STATS_REQ, 0, &(struct san_msg_stats_req){.request = 1});
	ack(f, SAN_MSG_NEXTHOP, 0, -EPROTO, "no plan");
	turn(f);
	assert_int_equal(f->acks, 0);
	ncc_status(f->ncc, &status);
	assert_int_equal(status.applied, 1);
	ack_plan(f, 2);
	assert_int_equal(f->acks, 1);
}

static void test_hangup(void **state)
{
	struct fixture *f = *state;
	struct ncc_status status;

	close(f->fd);
	f->fd = -1;
	for (int i = 0; i < 3; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(f->hangups, 1);
	ncc_status(f->ncc, &status);
	assert_false(status.connected);
	assert_int_equal(put(f, 1, NULL, "5f00::1"), 0);
	ncc_flush(f->ncc);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(ncc_stats(f->ncc, NULL, NULL), -ENOTCONN);
	assert_int_equal(f->hangups, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		C(test_configuration),
		C(test_configuration_refused),
		C(test_first_plan_is_full),
		C(test_empty_first_plan),
		R(test_changes_only),
		R(test_alive_keeps_next_hops),
		R(test_newest_wins),
		R(test_removed_and_back),
		R(test_refused_plan_is_repeated_in_full),
		R(test_pause_grows),
		R(test_shared_address),
		R(test_sids),
		R(test_bad_services),
		R(test_limits),
		R(test_bad_sids),
		R(test_sid_limit),
		C(test_slow_parent),
		R(test_foreign_messages),
		R(test_hangup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
