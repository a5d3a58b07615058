/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests build sources of, from a few words, and their resources. */
#ifndef BUILD_RIG_H
#define BUILD_RIG_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alto/server.h"

static inline struct alto_builder *rig_builder(const char *id)
{
	struct alto_builder *b = NULL;

	assert_int_equal(alto_builder_new(id, &b), 0);
	return b;
}

static inline uint32_t rig_pid(struct alto_builder *b, const char *name)
{
	uint32_t pid;

	assert_int_equal(alto_builder_pid(b, name, true, &pid), 0);
	return pid;
}

/* Of two paths that cost the same: fewer PIDs, then their names (IDs are in that order). */
static inline bool rig_path_before(const uint32_t *a, uint32_t n, const uint32_t *b, uint32_t m)
{
	if (n != m)
		return n < m;
	for (uint32_t i = 0; i < n; i++) {
		if (a[i] != b[i])
			return a[i] < b[i];
	}
	return false;
}

/* A, B, C, ...: n of them, all transit, by these IDs. */
static inline void rig_letters(struct alto_builder *b, uint32_t n)
{
	char name[2] = "A";
	uint32_t id;

	for (uint32_t i = 0; i < n; i++, name[0]++) {
		assert_int_equal(alto_builder_pid(b, name, true, &id), 0);
		assert_int_equal(id, i);
	}
}

static inline void rig_prefix(struct alto_builder *b, uint32_t pid, const char *text)
{
	struct alto_prefix p;

	assert_int_equal(alto_prefix_parse(text, strchr(text, ':') ? 6 : 4, &p), 0);
	assert_int_equal(alto_builder_prefix(b, pid, &p), 0);
}

/* Nothing known but routingcost. */
static inline struct alto_link rig_link(uint32_t from, uint32_t to, double cost)
{
	struct alto_link link = {.from = from, .to = to};

	for (unsigned int i = 0; i < LINK_VALUE_MAX; i++)
		link.value[i] = NAN;
	link.value[LINK_ROUTINGCOST] = cost;
	return link;
}

static inline void rig_both(struct alto_builder *b, uint32_t from, uint32_t to, double cost)
{
	struct alto_link there = rig_link(from, to, cost), back = rig_link(to, from, cost);

	assert_int_equal(alto_builder_link(b, &there), 0);
	assert_int_equal(alto_builder_link(b, &back), 0);
}

static inline struct alto_source *rig_finish(struct alto_builder *b,
					     const struct alto_builder_conf *conf)
{
	static const struct alto_builder_conf none;
	struct alto_source *s = NULL;

	assert_int_equal(alto_builder_finish(b, conf ? conf : &none, &s), 0);
	return s;
}

/* Takes the sources. */
static inline struct alto_resources *rig_resources(struct alto_source **sources, unsigned int n)
{
	struct alto_resources *all = NULL;
	struct alto_snapshot *snap = NULL;

	assert_int_equal(alto_snapshot_new(sources, n, &snap), 0);
	assert_int_equal(alto_resources_new(snap, &all), 0);
	alto_snapshot_put(snap);
	return all;
}

#endif
