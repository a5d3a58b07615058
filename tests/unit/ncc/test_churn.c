/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Repairs where kernel tables do not hold still, and what is held when the way back fails. Root:
 * network namespace, bpffs. */
#include "unit/ncc/churn.h"

#include "dp/priv.h"

#define ROUNDS 3
#define QUIET_MS 1500
#define ROUTES_READ 9 /* phase of the audit that comes then */
#define PER_REPAIR 40 /* walks: two for each audit, one again and again for some tries */

static uint64_t walks(const struct fixture *f)
{
	return f->apply->nl->walks;
}

static bool both_back(struct fixture *f, uint64_t arg)
{
	return has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]") &&
	       strstr(netns_read("ip -6 route show 5f00:0:1::100"), "seg6local");
}

static bool audited(struct fixture *f, uint64_t n)
{
	return f->apply->audits > n && !f->apply->audit.running;
}

static void run_for(struct fixture *f, uint64_t ms)
{
	uint64_t end = apply_now_ms() + ms;

	while (apply_now_ms() < end) {
		uv_run(&f->loop, UV_RUN_NOWAIT);
		take_all(f);
		usleep(1000);
	}
}

static void delete_both(void)
{
	assert_int_equal(netns_ip("route del 2001:db8:5::101/128 table 5300;"
				  "route del 5f00:0:1::100/128"),
			 0);
}

/* Walks while both are deleted, ROUNDS times, and while nothing of ours happens; and how often both
 * came back. The churn is over afterwards. */
struct counted {
	unsigned int back;
	uint64_t repairing, quiet;
};

static struct counted repairs_under(struct fixture *f, struct churn *churn)
{
	struct counted counted = {0};
	uint64_t before;

	churn_start(churn);
	run_for(f, 200);
	before = walks(f);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		delete_both();
		counted.back += run_until(f, both_back, 0);
	}
	counted.repairing = walks(f) - before;
	before = walks(f);
	run_for(f, QUIET_MS);
	counted.quiet = walks(f) - before;
	audit_run(f->apply);
	churn_stop(churn);
	return counted;
}

/* What is missing is mended, with few walks, and nothing else is taken for missing. */
static void check_repairs(struct fixture *f, struct churn *churn)
{
	struct counted counted;

	assert_int_equal(first_plan(f), 0);
	counted = repairs_under(f, churn);
	assert_int_equal(counted.back, ROUNDS);
	assert_true(counted.repairing <= ROUNDS * PER_REPAIR);
	assert_true(counted.quiet <= 2 * PER_REPAIR);
	assert_int_equal(f->apply->repairs[SAN_REPAIR_ROUTES], ROUNDS);
	assert_int_equal(f->apply->repairs[SAN_REPAIR_SIDS], ROUNDS);
}

/* A router that learns and forgets routes is no reason to read the tables again; what is missing is
 * mended, and nothing else is taken for missing. */
static void test_foreign_churn(void **state)
{
	struct churn churn = {.proto = RTPROT_BOOT, .len = 64, .first = "2001:db9::"};
	struct fixture *f = *state;

	NEED_ROOT();
	check_repairs(f, &churn);
	if (!nl_overruns(f->apply->nl)) /* each table once */
		assert_true(walks(f) <= 2 * f->apply->audits);
}

/* Routes that bear our protocol come and go: no walk is sure. What was not seen is looked at one by
 * one, and there is an end. */
static void test_never_still(void **state)
{
	struct churn churn = {.proto = NL_PROTO, .len = 64, .first = "2001:db9::"};
	struct fixture *f = *state;

	NEED_ROOT();
	check_repairs(f, &churn);
}

/* A hand that takes our route away again and again gets slower answers, not all of our time. */
static void test_same_hand_again(void **state)
{
	struct churn churn = {.proto = NL_PROTO, .len = 128, .first = "2001:db8:5::"};
	struct fixture *f = *state;
	uint64_t before, counted, audits;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	churn_start(&churn); /* 2001:db8:5::101 is one of its routes */
	run_for(f, 200);
	before = walks(f);
	run_for(f, 3000);
	counted = walks(f) - before;
	churn_stop(&churn);
	assert_true(counted <= 5 * PER_REPAIR);
	audits = f->apply->audits;
	netns_ip("route replace unreachable 2001:db8:5::101/128 table 5300 proto 0x5a");
	audit_kernel(f->apply);
	assert_true(run_until(f, audited, audits));
	audit_run(f->apply);
	assert_true(both_back(f, 0));
}

/* A walk that saw nothing of what is there, and tells of what is gone: one route was really
 * missing, one nobody wants. */
static void test_only_real_ones_count(void **state)
{
	struct fixture *f = *state;
	struct audit *audit = &f->apply->audit;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	netns_ip("route del 2001:db8:5::102/128 table 5300;"
		 "route add unreachable 2001:db8:5::777/128 table 5300 proto 0x5a");
	f->apply->again_us = 0;
	audit_kernel(f->apply);
	assert_true(audit->running);
	audit->phase = ROUTES_READ;
	audit->strays = calloc(4, sizeof(*audit->strays));
	audit->stray_room = 4;
	audit->strays[audit->n_strays++] = in6("2001:db8:5::666");
	audit->strays[audit->n_strays++] = in6("2001:db8:5::777");
	audit->strays[audit->n_strays++] = in6("2001:db8:5::777"); /* told twice */
	audit->strays[audit->n_strays++] = in6("2001:db8:5::101"); /* wanted by now */
	while (audit->running)
		audit_slice(f->apply);
	assert_true(has_route("2001:db8:5::102"));
	assert_true(has_route("segs 2 [ 5f00:0:2::1 5f00:0:2::100 ]"));
	assert_false(has_route("2001:db8:5::777"));
	assert_int_equal(f->apply->repairs[SAN_REPAIR_ROUTES], 2);
	assert_int_equal(f->apply->repairs_all, 2);
}

/* --- after the answer --- */

/* The end of the parent comes between the answer and the kernel's route. */
static void test_close_writes_late_routes(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	begin(f, 0);
	service(f, 0x101, "2001:db8:5::101", 2);
	assert_int_equal(commit(f), 0);
	close_apply(f);
	assert_true(
		strstr(netns_read("ip -6 route show table 5300 2001:db8:5::101"), "5f00:0:3::100"));
	open_apply(f);
}

/* --- a way back that fails --- */

/* The map still leads to the next hop of the plan that failed: nobody else gets its index. */
static void test_undo_that_fails(void **state)
{
	struct fixture *f = *state;
	struct undo undo = {.kind = UNDO_ENTRY, .had = true};
	struct svc_key key = {.id = 0x101, .scope = SAN_SCOPE_INGRESS};
	struct err err = {0};
	struct hop *one, *two;
	int *fd;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	one = hop_by_id(f->apply, 1);
	two = hop_by_id(f->apply, 2);
	undo.entry = *shadow_entry(f->apply, &key);
	begin(f, 0);
	service(f, 0x101, "2001:db8:5::101", 2);
	assert_int_equal(commit(f), 0);
	fd = &f->apply->dp->map_fd[DP_MAP_SERVICES];
	*fd = ~*fd;
	assert_true(shadow_undo_entry(f->apply, &undo, &err) < 0);
	assert_true(shadow_undo_entry(f->apply, &undo, &err) < 0); /* held once */
	*fd = ~*fd;
	assert_int_equal(map_service(f, 0x101).nexthop, two->index);
	assert_int_equal(two->refs, 1);
	audit_run(f->apply);
	assert_int_equal(map_service(f, 0x101).nexthop, one->index);
	assert_int_equal(two->refs, 0);
	assert_int_equal(one->refs, 1);
	assert_null(shadow_entry(f->apply, &key)->held);
}

/* Entries of a plan that failed to be written are not counted with those of the next. */
static void test_batch_that_fails(void **state)
{
	struct fixture *f = *state;
	uint64_t used, size;
	int *fd;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	begin(f, 0);
	service(f, 0x103, NULL, 1);
	service(f, 0x104, NULL, 1);
	fd = &f->apply->dp->map_fd[DP_MAP_SERVICES];
	*fd = ~*fd;
	assert_true(commit(f) < 0);
	assert_int_equal(f->apply->batch.n, 0);
	assert_int_equal(f->apply->batch.added, 0);
	f->apply->dp->used[SAN_MAP_SERVICES] = DP_UNKNOWN;
	assert_int_equal(dp_map_fill(f->apply->dp, SAN_MAP_SERVICES, &used, &size), -EIO);
	assert_int_equal(f->apply->dp->used[SAN_MAP_SERVICES], DP_UNKNOWN);
	*fd = ~*fd;
	begin(f, 0);
	service(f, 0x103, NULL, 1);
	assert_int_equal(commit(f), 0);
	assert_int_equal(dp_map_fill(f->apply->dp, SAN_MAP_SERVICES, &used, &size), 0);
	assert_int_equal(used, 3);
}

/* What a job that was given up had collected is nobody's. */
static void test_dropped_batch(void **state)
{
	struct fixture *f = *state;

	NEED_ROOT();
	assert_int_equal(first_plan(f), 0);
	f->apply->batch.n = 3;
	f->apply->batch.added = 2;
	f->apply->batch.slots = 64;
	job_cancel(f->apply);
	assert_int_equal(f->apply->batch.n, 0);
	assert_int_equal(f->apply->batch.added, 0);
	assert_int_equal(f->apply->batch.slots, 0);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		L(test_foreign_churn),
		L(test_never_still),
		L(test_same_hand_again),
		L(test_only_real_ones_count),
		L(test_close_writes_late_routes),
		L(test_undo_that_fails),
		L(test_batch_that_fails),
		L(test_dropped_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return live_run(run);
}
