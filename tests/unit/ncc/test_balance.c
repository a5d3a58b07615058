/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balanced services in the maps: ranges, slots, what moves, what is undone, what finds no room. */
#include "unit/ncc/parent.h"

#include <stdlib.h>

#define ROOM 1024

static uint32_t slots[ROOM], before[ROOM];

static unsigned int read_slots(struct fixture *f, uint64_t id)
{
	struct san_service val = map_service(f, id);
	unsigned int n = 1u << val.slot_bits;

	assert_int_equal(val.mode, SAN_MODE_BALANCED);
	assert_int_equal(dp_slots_get(f->apply->dp, val.slot_base, n, slots), 0);
	return n;
}

static unsigned int count(unsigned int n, uint32_t nexthop)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += slots[i] == nexthop;
	return sum;
}

static unsigned int moved(unsigned int n)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += slots[i] != before[i];
	return sum;
}

static void hops(struct fixture *f, unsigned int first, unsigned int last)
{
	char seg[64];

	for (unsigned int i = first; i <= last; i++) {
		snprintf(seg, sizeof(seg), "5f00:0:2::%x", i);
		nexthop(f, i, seg, NULL);
	}
}

static const uint32_t even[] = {100, 100, 100, 100, 100, 100, 100, 100};

static int start(struct fixture *f, unsigned int n)
{
	begin(f, SAN_PLAN_FULL);
	hops(f, 1, n);
	balanced(f, 0x101, "2001:db8:5::101", n, even);
	return commit(f);
}

static void test_shares(void **state)
{
	static const uint32_t weights[] = {300, 100};
	struct fixture *f = *state;

	NEED_ROOT();
	begin(f, SAN_PLAN_FULL);
	hops(f, 1, 2);
	balanced(f, 0x101, "2001:db8:5::101", 2, weights);
	assert_int_equal(commit(f), 0);
	assert_true(run_until(f, nh_resolved, 2));
	assert_int_equal(read_slots(f, 0x101), 256);
	assert_int_equal(count(256, f->nh[1].index), 192);
	assert_int_equal(count(256, f->nh[2].index), 64);
	assert_true(has_route("segs 1 [ 5f00:0:2::1 ]"));
}

/* Written in place: the entry stays as it is, only what the weights ask for moves. */
static void test_weights_change(void **state)
{
	static const uint32_t weights[] = {100, 300};
	struct san_service was, is;
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(start(f, 2), 0);
	read_slots(f, 0x101);
	memcpy(before, slots, sizeof(before));
	was = map_service(f, 0x101);
	begin(f, 0);
	balanced(f, 0x101, "2001:db8:5::101", 2, weights);
	assert_int_equal(commit(f), 0);
	is = map_service(f, 0x101);
	assert_memory_equal(&was, &is, sizeof(was));
	assert_int_equal(read_slots(f, 0x101), 256);
	assert_int_equal(moved(256), 64);
	/* and nothing at all */
	begin(f, 0);
	balanced(f, 0x101, "2001:db8:5::101", 2, weights);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 0);
}

/* From 256 slots to 512: another range, the same flows at the same instances but for the share of
 * the new one. */
static void test_grows(void **state)
{
	struct san_service was, is;
	struct fixture *f = *state;
	unsigned int stay = 0;

	NEED_ROOT();
	assert_int_equal(start(f, 2), 0);
	read_slots(f, 0x101);
	memcpy(before, slots, sizeof(before));
	was = map_service(f, 0x101);
	begin(f, 0);
	hops(f, 3, 3);
	balanced(f, 0x101, "2001:db8:5::101", 3, even);
	assert_int_equal(commit(f), 0);
	is = map_service(f, 0x101);
	assert_int_equal(read_slots(f, 0x101), 512);
	assert_int_not_equal(is.slot_base, was.slot_base);
	for (unsigned int i = 0; i < 512; i++)
		stay += slots[i] == before[i % 256];
	assert_in_range(stay, 341, 342);
	/* The old range rests, then it is free again. */
	assert_int_equal(f->apply->ranges.used, 256 + 512);
	assert_int_equal(buddy_take(&f->apply->ranges, 8, apply_now_ms() + REST_MS), was.slot_base);
	/* It does not shrink. */
	begin(f, 0);
	balanced(f, 0x101, "2001:db8:5::101", 1, even);
	removal(f, SAN_MSG_NEXTHOP_DEL, 3);
	assert_int_equal(commit(f), 0);
	assert_int_equal(read_slots(f, 0x101), 512);
	assert_int_equal(count(512, f->nh[1].index), 512);
}

/* A next hop that is gone is in no slot, and its index is nobody else's for a while. */
static void test_freed_index_rests(void **state)
{
	struct fixture *f = *state;
	uint32_t gone;

	NEED_ROOT();
	assert_int_equal(start(f, 2), 0);
	assert_true(run_until(f, nh_resolved, 2));
	gone = f->nh[2].index;
	begin(f, 0);
	removal(f, SAN_MSG_NEXTHOP_DEL, 2);
	refused(f, -EINVAL, "next hop 2: is still selected");
	begin(f, 0);
	balanced(f, 0x101, "2001:db8:5::101", 1, even);
	removal(f, SAN_MSG_NEXTHOP_DEL, 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(count(read_slots(f, 0x101), gone), 0);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_not_equal(pool_take(&f->apply->indexes, 0), gone);
}

static void test_modes(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(start(f, 2), 0);
	begin(f, 0);
	service(f, 0x101, "2001:db8:5::101", 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(map_service(f, 0x101).mode, SAN_MODE_PREFERRED);
	assert_int_equal(map_service(f, 0x101).slot_bits, 0);
	assert_int_equal(f->apply->ranges.rest.n, 1);
	begin(f, 0);
	balanced(f, 0x101, "2001:db8:5::101", 2, even);
	assert_int_equal(commit(f), 0);
	assert_int_equal(read_slots(f, 0x101), 256);
	begin(f, 0);
	removal(f, SAN_MSG_SERVICE_DEL, 0x101);
	removal(f, SAN_MSG_NEXTHOP_DEL, 1);
	removal(f, SAN_MSG_NEXTHOP_DEL, 2);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->apply->ranges.rest.n, 2);
	assert_int_equal(pool_used(&f->apply->indexes), 0);
}

/* A new parent reads the assignment from the map: nothing moves. */
static void test_restart_moves_nothing(void **state)
{
	static const uint32_t weights[] = {500, 499, 1};
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct san_service was, is;

	NEED_ROOT();
	assert_int_equal(start(f, 3), 0);
	begin(f, 0);
	balanced(f, 0x101, "2001:db8:5::101", 3, weights);
	assert_int_equal(commit(f), 0);
	assert_int_equal(read_slots(f, 0x101), 512);
	memcpy(before, slots, sizeof(before));
	was = map_service(f, 0x101);
	close_apply(f);
	open_apply(f);
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	assert_int_equal(f->apply->ranges.used, 512);
	begin(f, SAN_PLAN_FULL);
	hops(f, 1, 3);
	balanced(f, 0x101, "2001:db8:5::101", 3, weights);
	assert_int_equal(commit(f), 0);
	assert_int_equal(f->ack.applied, 0);
	is = map_service(f, 0x101);
	assert_memory_equal(&was, &is, sizeof(was));
	read_slots(f, 0x101);
	assert_int_equal(moved(512), 0);
}

static unsigned int fill_map(struct fixture *f)
{
	struct san_service val = {.mode = SAN_MODE_NONE};
	unsigned int n = 0;

	while (!dp_service_put(f->apply->dp, false, 0x1000 + n, &val))
		n++;
	return n;
}

/* A plan that fails after it has moved slots, grown a range and made new ones. */
static void test_undone(void **state)
{
	static const uint32_t weights[] = {1, 99};
	struct san_service was[2], is[2];
	struct fixture *f = *state;
	unsigned int n, ranges;

	NEED_ROOT();
	assert_int_equal(start(f, 2), 0);
	begin(f, 0);
	balanced(f, 0x102, NULL, 2, even);
	service(f, 0x103, NULL, 1);
	assert_int_equal(commit(f), 0);
	read_slots(f, 0x101);
	memcpy(before, slots, sizeof(before));
	was[0] = map_service(f, 0x101);
	was[1] = map_service(f, 0x102);
	ranges = f->apply->ranges.used;
	n = fill_map(f);
	begin(f, 0);
	hops(f, 3, 3);
	balanced(f, 0x101, NULL, 2, weights); /* in place */
	service(f, 0x102, NULL, 3);	      /* no longer balanced */
	balanced(f, 0x103, NULL, 1, even);    /* newly balanced */
	service(f, 0x104, NULL, 1);	      /* does not fit */
	assert_int_equal(commit(f), -ENOSPC);
	is[0] = map_service(f, 0x101);
	is[1] = map_service(f, 0x102);
	assert_memory_equal(was, is, sizeof(was));
	assert_int_equal(read_slots(f, 0x101), 256);
	assert_int_equal(moved(256), 0);
	assert_int_equal(map_service(f, 0x103).mode, SAN_MODE_PREFERRED);
	assert_int_equal(f->apply->ranges.used - 128, ranges); /* of the new one: rests */
	assert_int_equal(f->apply->ranges.rest.n, 1);
	assert_null(hop_by_id(f->apply, 3));
	while (n)
		dp_service_del(f->apply->dp, false, 0x1000 + --n);
	/* References are as before: both next hops are in use, 2 by two services. */
	assert_int_equal(hop_by_id(f->apply, 1)->refs, 3);
	assert_int_equal(hop_by_id(f->apply, 2)->refs, 2);
}

/* san_slots holds 1024: four members get 512, then 256 of what is left, then nothing. */
static void test_no_room(void **state)
{
	struct fixture *f = *state;
	struct san_service val;

	NEED_ROOT();
	assert_int_equal(start(f, 4), 0);
	begin(f, 0);
	balanced(f, 0x102, NULL, 2, even);
	balanced(f, 0x103, NULL, 4, even); /* less than it should have */
	balanced(f, 0x104, NULL, 1, even); /* nothing: its best instance gets all */
	assert_int_equal(commit(f), 0);
	assert_int_equal(read_slots(f, 0x102), 256);
	assert_int_equal(read_slots(f, 0x103), 256);
	assert_int_equal(count(256, f->nh[4].index), 64);
	val = map_service(f, 0x104);
	assert_int_equal(val.mode, SAN_MODE_PREFERRED);
	assert_int_equal(val.nexthop, f->nh[1].index);
	/* One that should grow goes on with its range. */
	begin(f, 0);
	balanced(f, 0x102, NULL, 4, even);
	assert_int_equal(commit(f), 0);
	assert_int_equal(read_slots(f, 0x102), 256);
	assert_int_equal(count(256, f->nh[3].index), 64);
	/* Room again, and rested: the audit balances it. */
	begin(f, 0);
	removal(f, SAN_MSG_SERVICE_DEL, 0x102);
	assert_int_equal(commit(f), 0);
	f->apply->ranges.rest.v[0].at_ms -= REST_MS;
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 0);
	assert_int_equal(read_slots(f, 0x104), 128);
	assert_int_equal(count(128, f->nh[1].index), 128);
}

static void test_audit_of_slots(void **state)
{
	struct fixture *f = *state;
	struct san_service val;
	uint32_t junk[] = {9, 9, 9};

	NEED_ROOT();
	assert_int_equal(start(f, 2), 0);
	read_slots(f, 0x101);
	memcpy(before, slots, sizeof(before));
	val = map_service(f, 0x101);
	dp_slots_put(f->apply->dp, val.slot_base + 7, 3, junk);
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 1);
	read_slots(f, 0x101);
	assert_int_equal(moved(256), 0);
}

static void test_bad_members(void **state)
{
	struct san_msg_service svc = {
		.service_id = 0x105,
		.nexthop = 1,
		.mode = SAN_MODE_BALANCED,
		.n_members = 2,
	};
	struct san_msg_member one = {0x105, 1, 10}, nine = {0x105, 9, 10}, other = {0x106, 2, 1};
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(start(f, 2), 0);
	begin(f, 0);
	object(f, SAN_MSG_MEMBER, &one);
	refused(f, -EPROTO, "message MEMBER: must follow a SERVICE");
	begin(f, 0);
	object(f, SAN_MSG_SERVICE, &svc);
	object(f, SAN_MSG_MEMBER, &other);
	refused(f, -EPROTO, "message MEMBER: must follow a SERVICE");
	begin(f, 0);
	object(f, SAN_MSG_SERVICE, &svc);
	object(f, SAN_MSG_MEMBER, &one);
	refused(f, -EPROTO, "n_members: must be as many as MEMBERs follow");
	begin(f, 0);
	object(f, SAN_MSG_SERVICE, &svc);
	object(f, SAN_MSG_MEMBER, &one);
	object(f, SAN_MSG_MEMBER, &one);
	refused(f, -EEXIST, "must differ from those of other members");
	begin(f, 0);
	object(f, SAN_MSG_SERVICE, &svc);
	object(f, SAN_MSG_MEMBER, &one);
	object(f, SAN_MSG_MEMBER, &nine);
	refused(f, -EINVAL, "must be a known next hop, 9 is none");
	svc.n_members = 1;
	svc.nexthop = 2;
	begin(f, 0);
	object(f, SAN_MSG_SERVICE, &svc);
	object(f, SAN_MSG_MEMBER, &one);
	refused(f, -EINVAL, "nexthop: must be a member's");
	svc.nexthop = 1;
	begin(f, 0);
	object(f, SAN_MSG_SERVICE, &svc);
	object(f, SAN_MSG_MEMBER, &one);
	object(f, SAN_MSG_MEMBER, &one);
	refused(f, -EPROTO, "message MEMBER: must follow a SERVICE");
	assert_int_equal(read_slots(f, 0x101), 256);
}

/* --- many changes --- */

#define SVCS 5
#define HOPS 10

struct world { /* what the child wants */
	bool hop[HOPS + 1];
	uint32_t weight[SVCS][HOPS + 1]; /* 0 = no member */
	unsigned int seed;
};

static unsigned int draw(struct world *w, unsigned int below)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->seed >> 8) % below;
}

static void put_world_service(struct fixture *f, const struct world *w, unsigned int s)
{
	struct san_msg_service msg = {.service_id = s + 1, .mode = SAN_MODE_BALANCED};
	unsigned int n = 0;

	for (uint32_t h = 1; h <= HOPS; h++) {
		n += w->weight[s][h] != 0;
		if (w->weight[s][h] && !msg.nexthop)
			msg.nexthop = h;
	}
	msg.n_members = (uint16_t)n;
	if (!n)
		msg.mode = SAN_MODE_NONE;
	object(f, SAN_MSG_SERVICE, &msg);
	for (uint32_t h = 1; h <= HOPS; h++) {
		struct san_msg_member member = {s + 1, h, w->weight[s][h]};

		if (w->weight[s][h])
			object(f, SAN_MSG_MEMBER, &member);
	}
}

/* One next hop comes or goes, weights of what it concerns change. */
static void step(struct fixture *f, struct world *w)
{
	uint32_t h = 1 + draw(w, HOPS);
	bool touched[SVCS] = {false};

	begin(f, 0);
	w->hop[h] = !w->hop[h];
	if (w->hop[h])
		hops(f, h, h);
	else
		removal(f, SAN_MSG_NEXTHOP_DEL, h);
	for (unsigned int s = 0; s < SVCS; s++) {
		if (w->hop[h] ? draw(w, 2) : w->weight[s][h] != 0) {
			w->weight[s][h] = w->hop[h] ? 1 + draw(w, 1000) : 0;
			touched[s] = true;
		}
	}
	for (unsigned int s = 0; s < SVCS; s++) {
		if (touched[s])
			put_world_service(f, w, s);
	}
	assert_int_equal(commit(f), 0);
}

/* Every slot leads to a member, every member has its share, no two ranges meet. */
static void check_world(struct fixture *f, const struct world *w)
{
	uint32_t base[SVCS] = {0}, end[SVCS] = {0};

	for (unsigned int s = 0; s < SVCS; s++) {
		struct san_service val = {0};
		unsigned int n, sum = 0, held = 0;

		dp_service_get(f->apply->dp, false, s + 1, &val);
		if (val.mode != SAN_MODE_BALANCED)
			continue;
		n = read_slots(f, s + 1);
		base[s] = val.slot_base;
		end[s] = val.slot_base + n;
		for (uint32_t h = 1; h <= HOPS; h++)
			sum += w->weight[s][h];
		for (uint32_t h = 1; h <= HOPS; h++) {
			struct hop *hop = w->weight[s][h] ? hop_by_id(f->apply, h) : NULL;
			unsigned int due = w->weight[s][h] * n / (sum ? sum : 1);

			if (hop) {
				held += count(n, hop->index);
				assert_in_range(count(n, hop->index), due, due + 1);
			}
		}
		assert_int_equal(held, n);
		for (unsigned int o = 0; o < s; o++)
			assert_true(end[o] <= base[s] || base[o] >= end[s]);
	}
}

static void test_many_changes(void **state)
{
	struct fixture *f = *state;
	struct san_msg_config c = config();
	struct world w = {.seed = 1};

	NEED_ROOT();
	c.max_slots = 65536;
	c.max_nexthops = 2000; /* none rests long enough to be missed */
	assert_int_equal(configure(f, SESSION + 1, &c, "v0"), 0);
	begin(f, SAN_PLAN_FULL);
	assert_int_equal(commit(f), 0);
	for (int i = 0; i < 500; i++) {
		step(f, &w);
		check_world(f, &w);
	}
	audit_run(f->apply);
	assert_int_equal(f->apply->repaired, 0);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		L(test_shares),		L(test_weights_change),
		L(test_grows),		L(test_freed_index_rests),
		L(test_modes),		L(test_restart_moves_nothing),
		L(test_undone),		L(test_no_room),
		L(test_audit_of_slots), L(test_bad_members),
		L(test_many_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
