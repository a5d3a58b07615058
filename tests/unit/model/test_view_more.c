/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The view: aggregates of gateways, names of many instances, the time that stands still. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/view.h"
#include "util/own.h"

#define SVC 0x101

static struct view view;
static struct {
	unsigned int instance, gone, changed, refreshed;
} heard;

static void observe(void *arg, const struct view_event *e)
{
	heard.instance += e->change == VIEW_INSTANCE;
	heard.gone += e->change == VIEW_INSTANCE_GONE;
	heard.changed += e->change == VIEW_INSTANCE_ATTR && e->value_changed;
	heard.refreshed += e->change == VIEW_INSTANCE_ATTR && !e->value_changed;
}

static void assert_heard(unsigned int instance, unsigned int changed, unsigned int refreshed)
{
	assert_int_equal(heard.instance, instance);
	assert_int_equal(heard.changed, changed);
	assert_int_equal(heard.refreshed, refreshed);
	memset(&heard, 0, sizeof(heard));
}

static int setup(void **state)
{
	view_init(&view);
	memset(&heard, 0, sizeof(heard));
	view.observe = observe;
	return 0;
}

static int teardown(void **state)
{
	view_fini(&view);
	return 0;
}

static int put(const char *name, const struct aggregate *agg)
{
	return view_instance_put(&view, &(struct view_instance_put){.service = SVC,
								    .instance = name,
								    .revision = 5,
								    .aggregate = agg,
								    .received_us = 77});
}

static void test_aggregate(void **state)
{
	struct aggregate agg = {.count = 3, .capacity = 2410, .n = 2};
	const struct view_instance *inst;

	agg.samples[0] = (struct sample){.attr = ATTR_CPU_LOAD, .milli = 41500};
	agg.samples[1] = (struct sample){.attr = ATTR_QUEUE_US, .milli = 80000};
	assert_int_equal(put("@gw2", &agg), 0);
	assert_heard(1, 2, 0);
	inst = view_instance(&view, SVC, "@gw2");
	assert_non_null(inst);
	assert_true(inst->aggregate);
	assert_string_equal(inst->gateway, "gw2");
	assert_int_equal(inst->agg_count, 3);
	assert_int_equal(inst->agg_capacity, 2410);
	assert_true(IN6_IS_ADDR_UNSPECIFIED(&inst->address));
	assert_int_equal(samples_get(&inst->samples, ATTR_QUEUE_US)->milli, 80000);
	assert_int_equal(samples_get(&inst->samples, ATTR_QUEUE_US)->received_us, 77);
	assert_int_equal(put("@gw2", &agg), 0); /* the same again */
	assert_heard(0, 0, 2);
	agg.samples[0].milli++;
	agg.n = 1; /* the other one is taken back */
	assert_int_equal(put("@gw2", &agg), 0);
	assert_heard(0, 2, 0);
	assert_int_equal(inst->samples.n, 1);
	agg.count = 0;
	agg.capacity = 0;
	assert_int_equal(put("@gw2", &agg), 0);
	assert_heard(1, 0, 1);
	assert_int_equal(inst->agg_count, 0);
	view_instance_del(&view, SVC, "@gw2");
	assert_int_equal(heard.gone, 1);
	assert_int_equal(view.n_instances, 0);
}

static void test_aggregate_names(void **state)
{
	struct aggregate agg = {.count = 1};
	char name[NAME_LEN + 1] = "@";

	assert_int_equal(put("gw2", &agg), -EINVAL);
	assert_int_equal(put("@", &agg), -EINVAL);
	assert_int_equal(put("@gw 2", &agg), -EINVAL);
	assert_int_equal(put("@gw2", NULL), -EINVAL);
	assert_int_equal(view_instance_attr(&view, SVC, "@gw2", &(struct sample){.milli = 1}),
			 -EINVAL);
	memset(name + 1, 'g', NAME_LEN - 1);
	assert_int_equal(put(name, &agg), -EINVAL); /* too long with the "@" */
	assert_null(view_service(&view, SVC));
	name[NAME_LEN - 1] = '\0';
	assert_int_equal(put(name, &agg), 0);
}

/* ---- names ---- */

static void put_named(unsigned int i, const char *gateway)
{
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "i-%u", i);
	assert_int_equal(view_instance_put(&view, &(struct view_instance_put){.service = SVC,
									      .instance = name,
									      .gateway = gateway}),
			 0);
}

static const struct view_instance *named(unsigned int i)
{
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "i-%u", i);
	return view_instance(&view, SVC, name);
}

/* Against an array of who is there, in any order of coming and going. */
static void test_names(void **state)
{
	enum { N = 3000 };
	static bool there[N];
	const struct view_instance *inst;
	unsigned int n = 0, seen = 0;
	char name[NAME_LEN];

	srand(7);
	for (unsigned int step = 0; step < 40000; step++) {
		unsigned int i = (unsigned int)rand() % (step < 20000 ? N : N / 10);

		if (there[i]) {
			snprintf(name, sizeof(name), "i-%u", i);
			view_instance_del(&view, SVC, name);
		} else {
			put_named(i, i % 2 ? "gw2" : "gw3");
		}
		there[i] = !there[i];
		n += there[i] ? 1 : -1;
		i = (unsigned int)rand() % N;
		assert_int_equal(named(i) != NULL, there[i]);
	}
	assert_int_equal(view.n_instances, n);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(named(i) != NULL, there[i]);
		assert_true(!there[i] || strcmp(named(i)->gateway, i % 2 ? "gw2" : "gw3") == 0);
	}
	view_each_instance(view_service(&view, SVC), inst)
		seen += there[atoi(inst->name + 2)];
	assert_int_equal(seen, n);
}

/* Instances behind one gateway share its name, and it goes with the last of them. */
static void test_gateway_names_are_shared(void **state)
{
	put_named(1, "gw2");
	put_named(2, "gw2");
	assert_ptr_equal(named(1)->gateway, named(2)->gateway);
	put_named(1, "gw3");
	assert_string_equal(named(1)->gateway, "gw3");
	assert_string_equal(named(2)->gateway, "gw2");
	put_named(2, "");
	assert_string_equal(named(2)->gateway, "");
	view_instance_del(&view, SVC, "i-1");
	assert_null(view.sites);
}

/* ---- time ---- */

static void test_time_goes_with_the_clock(void **state)
{
	assert_int_equal(view_time(&view, 1000), 1000);
	view_go_on(&view, 2000); /* it goes already */
	assert_int_equal(view_time(&view, 3000), 3000);
}

static void test_time_stands_still(void **state)
{
	view_stall(&view, 1000);
	assert_int_equal(view_time(&view, 1000), 1000);
	assert_int_equal(view_time(&view, 9000), 1000);
	view_stall(&view, 5000); /* it stands already */
	assert_int_equal(view_time(&view, 9000), 1000);
	view_go_on(&view, 11000);
	assert_int_equal(view_time(&view, 11000), 1000);
	assert_int_equal(view_time(&view, 11500), 1500);
	view_stall(&view, 12000); /* once more: both add up */
	view_go_on(&view, 13000);
	assert_int_equal(view_time(&view, 13000), 2000);
}

/* What was read from the clock before it stood is not later than when it stands. */
static void test_time_never_goes_back(void **state)
{
	uint64_t last = 0;

	for (uint64_t clock = 1; clock < 2000; clock++) {
		if (clock % 100 == 0)
			view_stall(&view, clock);
		if (clock % 100 == 50)
			view_go_on(&view, clock);
		assert_true(view_time(&view, clock) >= last);
		last = view_time(&view, clock);
	}
	assert_int_equal(view_time(&view, 1999), 1999 - 19 * 50);
}

/* ---- names that somebody chose ---- */

#define BLOCKS 11
#define BLOCK_LEN 5
#define CHOSEN (1 << BLOCKS)

static uint32_t fnv1a(uint32_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

static void block_text(uint32_t number, char text[BLOCK_LEN + 1])
{
	for (int i = 0; i < BLOCK_LEN; i++, number /= 26)
		text[i] = (char)('a' + number % 26);
	text[BLOCK_LEN] = '\0';
}

/* Two blocks that lead from the hash to the same one. */
static uint32_t pair_find(uint32_t h, char pair[2][BLOCK_LEN + 1])
{
	const uint32_t cap = 1 << 20;
	OWN_PTR uint32_t *seen = calloc(cap, sizeof(*seen));

	assert_non_null(seen);
	for (uint32_t i = 1;; i++) {
		uint32_t now, at;

		block_text(i, pair[1]);
		now = fnv1a(h, pair[1]);
		at = now % cap;
		if (seen[at]) {
			block_text(seen[at], pair[0]);
			if (fnv1a(h, pair[0]) == now)
				return now;
		}
		seen[at] = i;
	}
}

/* All of one FNV-1a hash: any of a pair may follow any of the pair before. */
static void chosen_names(char names[CHOSEN][NAME_LEN])
{
	char pairs[BLOCKS][2][BLOCK_LEN + 1];
	uint32_t h = 2166136261u;

	for (int b = 0; b < BLOCKS; b++)
		h = pair_find(h, pairs[b]);
	for (int i = 0; i < CHOSEN; i++) {
		names[i][0] = '\0';
		for (int b = 0; b < BLOCKS; b++)
			strcat(names[i], pairs[b][i >> b & 1]);
		assert_int_equal(fnv1a(2166136261u, names[i]), h);
	}
}

/* Slots that may have to be looked at for one name. */
static uint32_t longest_run(const struct view_service *svc)
{
	uint32_t longest = 0, run = 0;

	for (uint32_t i = 0; i < svc->n_slots; i++) {
		run = svc->slots[i] ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void test_chosen_names_do_not_collide(void **state)
{
	static char names[CHOSEN][NAME_LEN];

	chosen_names(names);
	for (int i = 0; i < CHOSEN; i++)
		assert_int_equal(put(names[i], NULL), 0);
	assert_in_range(longest_run(view_service(&view, SVC)), 1, CHOSEN / 8);
	for (int i = 0; i < CHOSEN; i++)
		assert_non_null(view_instance(&view, SVC, names[i]));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_aggregate),
		T(test_aggregate_names),
		T(test_names),
		T(test_gateway_names_are_shared),
		T(test_time_goes_with_the_clock),
		T(test_time_stands_still),
		T(test_time_never_goes_back),
		T(test_chosen_names_do_not_collide),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
