/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the core share: a source from a few words, questions to its resources. */
#ifndef RIG_H
#define RIG_H

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

	assert_int_equal(alto_builder_pid(b, name, false, &pid), 0);
	return pid;
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

/* Asks the resource; body NULL: GET. The reply's text is the caller's. */
static inline int rig_ask(const struct alto_resources *all, const char *id, const char *body,
			  struct alto_reply *reply, struct alto_error *error)
{
	struct alto_request req = {.all = all,
				   .resource = alto_resource_named(all, id),
				   .body = body,
				   .len = body ? strlen(body) : 0};

	assert_non_null(req.resource);
	return alto_answer(&req, reply, error);
}

/* The answer must be this text. */
static inline void rig_answers(const struct alto_resources *all, const char *id, const char *body,
			       const char *want)
{
	struct alto_reply reply;
	struct alto_error error;

	assert_int_equal(rig_ask(all, id, body, &reply, &error), 0);
	assert_string_equal(reply.out.data, want);
	alto_out_fini(&reply.out);
}

/* The error's JSON must be this text. */
static inline void rig_error(const struct alto_error *error, const char *want)
{
	json_t *json = alto_error_json(error);
	char *text = json_dumps(json, JSON_COMPACT);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
	json_decref(json);
}

static inline void rig_refuses(const struct alto_resources *all, const char *id, const char *body,
			       const char *want)
{
	struct alto_reply reply;
	struct alto_error error;

	assert_int_equal(rig_ask(all, id, body, &reply, &error), -EINVAL);
	assert_int_equal(error.status, 400);
	rig_error(&error, want);
	alto_out_fini(&reply.out);
}

#endif
