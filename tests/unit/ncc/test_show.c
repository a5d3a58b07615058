/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the child side shows: JSON and counters. */
#include "unit/ncc/child.h"

/* --- JSON --- */

static const char *text_at(json_t *obj, const char *name)
{
	const char *text = json_string_value(json_object_get(obj, name));

	return text ? text : "(none)";
}

static long long number_at(json_t *obj, const char *name)
{
	return json_integer_value(json_object_get(obj, name));
}

static void test_entries_json(void **state)
{
	struct fixture *f = *state;
	json_t *list, *e, *nh;

	put(f, 0x102, NULL, NULL);
	put(f, 0x101, "2001:db8:5::1", "5f00::1");
	ncc_flush(f->ncc);
	turn(f);
	list = ncc_entries_json(f->ncc);
	assert_int_equal(json_array_size(list), 2);
	e = json_array_get(list, 0);
	assert_string_equal(text_at(e, "service"), "0x101");
	assert_string_equal(text_at(e, "address"), "2001:db8:5::1");
	assert_string_equal(text_at(e, "mode"), "preferred");
	assert_string_equal(text_at(e, "affinity"), "flow");
	assert_int_equal(number_at(e, "desired_generation"), 2);
	assert_int_equal(number_at(e, "applied_generation"), 0);
	nh = json_object_get(e, "nexthop");
	assert_string_equal(text_at(nh, "state"), "unknown");
	assert_string_equal(text_at(nh, "encap"), "encap.red");
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "nexthop")));
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "address")));
	json_decref(list);
	ack_plan(f, 2);
	e = ncc_entry_json(f->ncc, 0x101, SAN_SCOPE_INGRESS);
	assert_string_equal(text_at(e, "service"), "0x101");
	assert_int_equal(number_at(e, "applied_generation"), 2);
	json_decref(e);
	assert_null(ncc_entry_json(f->ncc, 0x103, SAN_SCOPE_INGRESS));
	list = ncc_entries_json(f->ncc);
	assert_int_equal(number_at(json_array_get(list, 0), "applied_generation"), 2);
	json_decref(list);
	put(f, 0x101, "2001:db8:5::1", "5f00::2");
	ncc_flush(f->ncc);
	list = ncc_entries_json(f->ncc);
	assert_int_equal(number_at(json_array_get(list, 0), "desired_generation"), 3);
	assert_int_equal(number_at(json_array_get(list, 0), "applied_generation"), 2);
	json_decref(list);
}

static void test_nexthops_json(void **state)
{
	struct fixture *f = *state;
	struct san_msg_nh_state st = {
		.id = 1, .index = 9, .kind = SAN_NH_UNRESOLVED, .text = "no route to 5f00::1"};
	json_t *list, *nh;

	put(f, 1, NULL, "5f00::1");
	put(f, 2, NULL, "5f00::1");
	ncc_flush(f->ncc);
	turn(f);
	st.id = ((struct san_msg_nexthop *)payload(f, SAN_MSG_NEXTHOP, 0))->id;
	say(f, SAN_MSG_NH_STATE, 0, &st);
	turn(f);
	list = ncc_nexthops_json(f->ncc);
	nh = json_array_get(list, 0);
	assert_int_equal(number_at(nh, "id"), st.id);
	assert_int_equal(number_at(nh, "index"), 9);
	assert_int_equal(number_at(nh, "services"), 2);
	assert_string_equal(text_at(nh, "kind"), "srv6");
	assert_string_equal(json_string_value(json_array_get(json_object_get(nh, "families"), 0)),
			    "ipv6");
	assert_string_equal(text_at(nh, "state"), "unresolved");
	assert_string_equal(text_at(nh, "reason"), "no route to 5f00::1");
	assert_string_equal(json_string_value(json_array_get(json_object_get(nh, "segments"), 0)),
			    "5f00::1");
	json_decref(list);
	st.kind = SAN_NH_SRV6;
	st.ifindex = 4;
	st.mtu = 1500;
	st.learned_mtu = 1400;
	memcpy(st.dst_mac, "\x02\0\0\0\0\xab", 6);
	strcpy(st.ifname, "eth1");
	say(f, SAN_MSG_NH_STATE, 0, &st);
	st.id = 999; /* unknown: ignored */
	say(f, SAN_MSG_NH_STATE, 0, &st);
	turn(f);
	list = ncc_nexthops_json(f->ncc);
	nh = json_array_get(list, 0);
	assert_string_equal(text_at(nh, "kind"), "srv6");
	assert_string_equal(text_at(nh, "state"), "resolved");
	assert_string_equal(text_at(nh, "interface"), "eth1");
	assert_string_equal(text_at(nh, "mac"), "02:00:00:00:00:ab");
	assert_int_equal(number_at(nh, "mtu"), 1500);
	assert_int_equal(number_at(nh, "learned_mtu"), 1400);
	json_decref(list);
}

static void test_other_json(void **state)
{
	struct fixture *f = *state;
	struct plan_sid sid = {.addr = in6("5f00::100"), .behaviour = SAN_BEHAVIOUR_END_DT6};
	struct san_msg_iface_state st = {
		.name = "eth1", .ifindex = 3, .role = 2, .up = 1, .attached = 1};
	struct plan_nexthop nh = hop("5f00::1", "5f00::2");
	char text[64], small[10];
	json_t *list;

	sid.table = 254;
	ncc_sid_put(f->ncc, &sid, NULL);
	list = ncc_sids_json(f->ncc);
	assert_string_equal(text_at(json_array_get(list, 0), "sid"), "5f00::100");
	assert_string_equal(text_at(json_array_get(list, 0), "behaviour"), "End.DT6");
	assert_int_equal(number_at(json_array_get(list, 0), "table"), 254);
	json_decref(list);
	say(f, SAN_MSG_IFACE_STATE, 0, &st);
	turn(f);
	list = ncc_ifaces_json(f->ncc);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(text_at(json_array_get(list, 0), "attached"), "no");
	assert_string_equal(text_at(json_array_get(list, 1), "name"), "eth1");
	assert_string_equal(text_at(json_array_get(list, 1), "role"), "core");
	assert_string_equal(text_at(json_array_get(list, 1), "attached"), "native");
	assert_true(json_is_true(json_object_get(json_array_get(list, 1), "up")));
	json_decref(list);
	assert_string_equal(ncc_segs_text(&nh, text, sizeof(text)), "5f00::1,5f00::2");
	assert_string_equal(ncc_segs_text(&nh, small, sizeof(small)), "5f00::1,5");
}

/* --- counters --- */

static void on_stats(void *arg, int status, json_t *stats)
{
	struct fixture *f = arg;

	f->answers++;
	f->stats_status = status;
	json_decref(f->stats);
	f->stats = json_incref(stats);
}

static uint32_t last_request(struct fixture *f)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < f->n; i++)
		n += f->msgs[i].hdr.type == SAN_MSG_STATS_REQ;
	return ((struct san_msg_stats_req *)payload(f, SAN_MSG_STATS_REQ, n - 1))->request;
}

static void row_of(struct fixture *f, uint32_t request, uint32_t kind, uint64_t key,
		   uint32_t ifindex)
{
	struct san_msg_stat msg = {.request = request,
				   .kind = kind,
				   .key = key,
				   .packets = 10,
				   .bytes = 1000,
				   .ifindex = ifindex};

	say(f, SAN_MSG_STAT, 0, &msg);
}

static void row(struct fixture *f, uint32_t request, uint32_t kind, uint64_t key)
{
	row_of(f, request, kind, key, 0);
}

static void end(struct fixture *f, uint32_t request)
{
	say(f, SAN_MSG_STATS_END, 0, &(struct san_msg_stats_req){.request = request});
	turn(f);
}

static void test_stats(void **state)
{
	struct fixture *f = *state;
	uint32_t request;
	json_t *r;

	assert_int_equal(ncc_stats(f->ncc, on_stats, f), 0);
	turn(f);
	request = last_request(f);
	row(f, request, SAN_STAT_SERVICE, 0x101);
	row(f, request, SAN_STAT_NEXTHOP, 7);
	row(f, request, SAN_STAT_REASON, SAN_R_TOO_DEEP);
	row(f, request, SAN_STAT_REASON, SAN_R_MAX); /* of another build: left out */
	row(f, request, 9, 1);
	row(f, request + 1, SAN_STAT_SERVICE, 0x102);
	end(f, request + 1);
	assert_int_equal(f->answers, 0);
	end(f, request);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->stats_status, 0);
	r = json_array_get(json_object_get(f->stats, "services"), 0);
	assert_string_equal(text_at(r, "service"), "0x101");
	assert_int_equal(number_at(r, "packets"), 10);
	assert_int_equal(number_at(r, "bytes"), 1000);
	assert_int_equal(json_array_size(json_object_get(f->stats, "services")), 1);
	r = json_array_get(json_object_get(f->stats, "nexthops"), 0);
	assert_int_equal(number_at(r, "id"), 7);
	assert_int_equal(json_array_size(json_object_get(f->stats, "reasons")), 1);
	r = json_array_get(json_object_get(f->stats, "reasons"), 0);
	assert_string_equal(text_at(r, "reason"), "too_deep");
	assert_string_equal(text_at(r, "why"), "more headers or options than the work bound");
}

static void test_other_stats(void **state)
{
	struct fixture *f = *state;
	struct san_msg_iface_state st = {.name = "eth1", .ifindex = 3, .role = 2};
	uint32_t request;
	json_t *r;

	say(f, SAN_MSG_IFACE_STATE, 0, &st);
	assert_int_equal(ncc_stats(f->ncc, on_stats, f), 0);
	turn(f);
	request = last_request(f);
	row(f, request, SAN_STAT_EGRESS, 0x101);
	row_of(f, request, SAN_STAT_REASON, SAN_R_DENIED, 3);
	row_of(f, request, SAN_STAT_REASON, SAN_R_DENIED, 4); /* gone meanwhile */
	row(f, request, SAN_STAT_REASON, SAN_R_NO_ROLE);
	row(f, request, SAN_STAT_MAP, SAN_MAP_SLOTS);
	row(f, request, SAN_STAT_MAP, SAN_MAP_MAX);
	row(f, request, SAN_STAT_EVENTS, 0);
	end(f, request);
	r = json_array_get(json_object_get(f->stats, "egress"), 0);
	assert_string_equal(text_at(r, "service"), "0x101");
	assert_int_equal(json_array_size(json_object_get(f->stats, "reasons")), 2);
	r = json_array_get(json_object_get(f->stats, "reasons"), 0);
	assert_string_equal(text_at(r, "interface"), "eth1");
	r = json_array_get(json_object_get(f->stats, "reasons"), 1);
	assert_true(json_is_null(json_object_get(r, "interface")));
	assert_int_equal(json_array_size(json_object_get(f->stats, "maps")), 1);
	r = json_array_get(json_object_get(f->stats, "maps"), 0);
	assert_string_equal(text_at(r, "map"), "san_slots");
	assert_int_equal(number_at(r, "used"), 10);
	assert_int_equal(number_at(r, "size"), 1000);
	r = json_object_get(f->stats, "events");
	assert_int_equal(number_at(r, "passed"), 10);
	assert_int_equal(number_at(r, "lost"), 1000);
}

/* Who asks while a request is under way gets the next one's answer. */
static void test_stats_together(void **state)
{
	struct fixture *f = *state;
	uint32_t first;

	ncc_stats(f->ncc, on_stats, f);
	turn(f);
	first = last_request(f);
	ncc_stats(f->ncc, on_stats, f);
	ncc_stats(f->ncc, on_stats, f);
	turn(f);
	assert_int_equal(last_request(f), first);
	end(f, first);
	assert_int_equal(f->answers, 1);
	turn(f);
	assert_int_equal(last_request(f), first + 1);
	end(f, first + 1);
	assert_int_equal(f->answers, 3);
	end(f, first + 1); /* nobody waits */
	assert_int_equal(f->answers, 3);
}

static bool answered(struct fixture *f)
{
	return f->answers > 0;
}

static void test_stats_failures(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < NCC_STATS_WAITERS; i++)
		assert_int_equal(ncc_stats(f->ncc, on_stats, f), 0);
	assert_int_equal(ncc_stats(f->ncc, on_stats, f), -ENOSPC);
	turn(f);
	/* The answer does not come; the others' request goes out. */
	uv_timer_start(&f->ncc->stats_timer, f->ncc->stats_timer.timer_cb, 0, 0);
	assert_true(run_until(f, answered));
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->stats_status, -ETIMEDOUT);
	turn(f);
	assert_int_equal(last_request(f), 2);
	ack(f, SAN_MSG_STATS_REQ, 0, -ENOMEM, "no memory");
	assert_int_equal(f->answers, NCC_STATS_WAITERS);
	assert_int_equal(f->stats_status, -ENOMEM);
	assert_int_equal(ncc_stats(f->ncc, on_stats, f), 0);
	f->answers = 0;
	close(f->fd);
	f->fd = -1;
	for (int i = 0; i < 3; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->stats_status, -ENOTCONN);
}

static void test_close_with_waiters(void **state)
{
	struct fixture *f = *state;
	struct ncc_conf c = conf();

	ncc_stats(f->ncc, on_stats, f);
	ncc_stats(f->ncc, on_stats, f);
	ncc_close(f->ncc);
	assert_int_equal(f->answers, 2);
	assert_int_equal(f->stats_status, -ECANCELED);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	close(f->fd);
	uv_loop_close(&f->loop);
	f->n = 0;
	open_ncc(f, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		R(test_entries_json),	R(test_nexthops_json),	    R(test_other_json),
		R(test_stats),		R(test_other_stats),	    R(test_stats_together),
		R(test_stats_failures), R(test_close_with_waiters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
