/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tests of update streams and TIPS share: a source of three domains whose costs, map and
 * properties are told by a struct state, one set of resources after another; requests with ' for ".
 *
 *   A <-ab-> B <-1-> C
 */
#ifndef UPDATE_RIG_H
#define UPDATE_RIG_H

#include "alto/update.h"
#include "unit/alto/build_rig.h"
#include "util/json.h"
#include "util/own.h"

struct state {
	double ab;
	bool moved;    /* a network of A is one of B: another map */
	bool delay;    /* is known of all links */
	int cpu;       /* of A; 0 = not told */
	bool calendar; /* two hours, in the second of which A to B costs 9 */
};

#define RIG_BASE "http://127.0.0.1:8080"
#define RIG_NOW 1404219600u /* on the hour */

static struct alto_contents *contents;
static struct alto_resources *all; /* the newest */
static uint64_t now_unix = RIG_NOW;
static struct alto_error error;
static const char *client_text = "ipv4:10.1.9.9";

/* text with ' as "; until the next call but three. */
static const char *q(const char *text)
{
	static char kept[4][8192];
	static unsigned int at;
	char *out = kept[at++ % 4];

	assert_true(strlen(text) < sizeof(kept[0]));
	strcpy(out, text);
	for (char *c = out; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return out;
}

static void rig_state_link(struct alto_builder *b, uint32_t from, uint32_t to,
			   const struct state *s)
{
	const bool ab = from + to == 1;
	const double calendar[2] = {s->ab, 9}, same[2] = {1, 1};
	struct alto_link l = rig_link(from, to, ab ? s->ab : 1);

	if (s->delay)
		l.value[LINK_DELAY_US] = 10;
	if (s->calendar)
		l.calendar = ab ? calendar : same;
	assert_int_equal(alto_builder_link(b, &l), 0);
}

static struct alto_source *rig_source(const struct state *s)
{
	static const struct alto_calendar hours = {.interval_s = 3600, .n_intervals = 2};
	struct alto_builder_conf conf = {.stat = "", .cost_source = "estimation"};
	struct alto_builder *b = rig_builder("net");

	if (s->calendar)
		assert_int_equal(alto_builder_calendar(b, &hours), 0);
	rig_letters(b, 3);
	rig_prefix(b, 0, "10.1.0.0/16");
	rig_prefix(b, 1, "10.2.0.0/16");
	rig_prefix(b, 2, "10.3.0.0/16");
	rig_prefix(b, s->moved, "10.4.0.0/16");
	rig_state_link(b, 0, 1, s);
	rig_state_link(b, 1, 0, s);
	rig_state_link(b, 1, 2, s);
	rig_state_link(b, 2, 1, s);
	if (s->cpu)
		alto_builder_pid_prop(b, 0, "cpu", json_pack("[i]", s->cpu));
	return rig_finish(b, &conf);
}

/* A star: everything reaches everything. */
static __attribute__((unused)) struct alto_source *rig_star(uint32_t n, double cost)
{
	struct alto_builder_conf conf = {.stat = "", .cost_source = "estimation"};
	struct alto_source *source = NULL;
	struct alto_builder *b = NULL;
	struct alto_link l;
	char name[16];
	uint32_t id;

	assert_int_equal(alto_builder_new("net", &b), 0);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(alto_builder_pid(b, name, true, &id), 0);
	}
	for (int v = 0; v < LINK_VALUE_MAX; v++)
		l.value[v] = NAN;
	l.calendar = NULL;
	for (uint32_t i = 1; i < n; i++) {
		l.value[LINK_ROUTINGCOST] = i * cost;
		l.from = 0;
		l.to = i;
		assert_int_equal(alto_builder_link(b, &l), 0);
		l.from = i;
		l.to = 0;
		assert_int_equal(alto_builder_link(b, &l), 0);
	}
	assert_int_equal(alto_builder_finish(b, &conf, &source), 0);
	return source;
}

static void rig_use(struct alto_source *source)
{
	alto_resources_free(all);
	all = rig_resources(&source, 1);
}

static void rig_set(const struct state *s)
{
	rig_use(rig_source(s));
}

static int rig_setup(void **state)
{
	contents = alto_contents_new("pe1");
	now_unix = RIG_NOW;
	rig_set(&(struct state){.ab = 1, .delay = true, .cpu = 4});
	return 0;
}

static int rig_teardown(void **state)
{
	alto_resources_free(all);
	all = NULL;
	alto_contents_free(contents);
	return 0;
}

static struct alto_stream_conf rig_conf(const char *path)
{
	struct alto_stream_conf conf = {.contents = contents,
					.all = all,
					.base = RIG_BASE,
					.path = path,
					.now_unix = now_unix};

	assert_int_equal(alto_endpoint_parse(client_text, &conf.client), 0);
	return conf;
}

static void ask_round(void)
{
	for (unsigned int i = 0; alto_contents_step(contents, all, now_unix); i++)
		assert_true(i < ALTO_CONTENTS_MAX);
}

/* What a resource answers itself: JSON, or the raw text in *raw. */
static json_t *rig_answer(const char *id, const char *body, char **raw)
{
	struct alto_stream_conf conf = rig_conf("");
	struct alto_request req = {.all = all,
				   .resource = alto_resource_named(all, id),
				   .body = body,
				   .len = body ? strlen(body) : 0,
				   .client = conf.client,
				   .host = "pe1",
				   .now_unix = now_unix};
	struct alto_reply reply = {0};
	json_t *json = NULL;

	assert_non_null(req.resource);
	assert_int_equal(alto_answer(&req, &reply, &error), 0);
	if (raw)
		*raw = TAKE_PTR(reply.out.data);
	else
		json_parse(reply.out.data, reply.out.len, &json, NULL);
	alto_out_fini(&reply.out);
	return json;
}

/* copy (taken) as the patch (taken) makes it. */
static __attribute__((unused)) json_t *patched(json_t *copy, json_t *patch)
{
	copy = json_merge_patch(copy, patch);
	json_decref(patch);
	return copy;
}

/* got (taken) is what the resource answers. */
static void check_answer(json_t *got, const char *id, const char *body)
{
	json_t *want = rig_answer(id, body, NULL);

	assert_true(json_equal(got, want));
	json_decref(got);
	json_decref(want);
}

static void check_error(int r, enum alto_code code, const char *field, const char *value)
{
	assert_int_equal(r, -EINVAL);
	assert_int_equal(error.status, 400);
	assert_string_equal(alto_code_names[error.code], alto_code_names[code]);
	assert_string_equal(error.field, field);
	if (value)
		assert_string_equal(error.value, value);
}

#endif
