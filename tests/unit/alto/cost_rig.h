/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small source for tests of the cost services, asked through alto_answer():
 *
 *   A <-1-> B <-2-> C, A -10-> C    D: nobody can reach it
 *
 * delay: A->B 10, B->A 20, C->B 30 us; B->C and A->C unknown. Bandwidth: A->B 8 Gbit/s, B->A 8
 * Mbit/s. One network of A lies within B. Calendar: three intervals of an hour, in the second of
 * them A->B costs 100, so that the way leads elsewhere.
 */
#ifndef COST_RIG_H
#define COST_RIG_H

#include "unit/alto/build_rig.h"

#define UNUSED __attribute__((unused))
#define RIG_NOW 1404219600u /* Tue, 01 Jul 2014 13:00:00 GMT */

/* Cost types, and the member that names the one of a request. */
#define COST_TYPE(mode, metric) "{\"cost-mode\":\"" mode "\",\"cost-metric\":\"" metric "\"}"
#define NUM(metric) COST_TYPE("numerical", metric)
#define ORD(metric) COST_TYPE("ordinal", metric)
#define TYPE(mode, metric) "\"cost-type\":" COST_TYPE(mode, metric)

struct rig_conf {
	const char *stat;
	bool calendar;
};

struct rig {
	struct alto_resources *all;
	struct alto_prefix client;
	struct alto_error error; /* of the last request */
	char tag[ALTO_TAG_LEN];
	enum alto_media media;
	int ret;
};

struct rig_edge {
	uint32_t from, to;
	double cost, delay, bw;
	double calendar[3];
};

static void rig_links(struct alto_builder *b, bool calendar)
{
	static const struct rig_edge links[] = {
		{0, 1, 1, 10, 8e9, {1, 100, 1}},    {1, 0, 1, 20, 8e6, {1, 1, 1}},
		{1, 2, 2, NAN, NAN, {2, 2, 2}},	    {2, 1, 2, 30, NAN, {2, 2, 2}},
		{0, 2, 10, NAN, NAN, {10, 10, 10}},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct alto_link l = rig_link(links[i].from, links[i].to, links[i].cost);

		l.value[LINK_DELAY_US] = links[i].delay;
		l.value[LINK_BW_RESIDUAL] = links[i].bw;
		l.calendar = calendar ? links[i].calendar : NULL;
		assert_int_equal(alto_builder_link(b, &l), 0);
	}
}

static void rig_props(struct alto_builder *b)
{
	assert_int_equal(alto_builder_endpoint_prop(b, "ipv6:2001:db8:a::1", "nf",
						    json_pack("[s,s]", "NF1", "NF2")),
			 0);
	assert_int_equal(
		alto_builder_endpoint_prop(b, "ipv4:10.1.0.1", "cpu", json_pack("[i]", 16)), 0);
	assert_int_equal(
		alto_builder_endpoint_prop(b, "ipv4:10.1.0.1", "nf", json_pack("[s]", "NF3")), 0);
	assert_int_equal(alto_builder_endpoint_prop(b, "ipv4:10.2.0.1", "nf", json_array()), 0);
}

static struct alto_source *rig_source(const struct rig_conf *conf)
{
	static const struct alto_calendar hours = {.interval_s = 3600, .n_intervals = 3};
	struct alto_builder_conf bc = {.stat = conf->stat, .cost_source = "estimation"};
	struct alto_builder *b = rig_builder("net");

	if (conf->calendar)
		assert_int_equal(alto_builder_calendar(b, &hours), 0);
	rig_letters(b, 4);
	rig_prefix(b, 0, "10.1.0.0/16");
	rig_prefix(b, 0, "2001:db8:a::/48");
	rig_prefix(b, 1, "10.2.0.0/16");
	rig_prefix(b, 1, "10.1.5.0/24");
	rig_prefix(b, 2, "10.3.0.0/16");
	rig_prefix(b, 3, "10.4.0.0/16");
	rig_links(b, conf->calendar);
	rig_props(b);
	return rig_finish(b, &bc);
}

static void rig_use(struct rig *rig, struct alto_source *s)
{
	memset(rig, 0, sizeof(*rig));
	rig->all = rig_resources(&s, 1);
	assert_int_equal(alto_endpoint_parse("ipv4:10.1.9.9", &rig->client), 0);
}

static UNUSED void rig_new(struct rig *rig, const struct rig_conf *conf)
{
	rig_use(rig, rig_source(conf));
}

static UNUSED void rig_free(struct rig *rig)
{
	alto_resources_free(rig->all);
	rig->all = NULL;
}

static UNUSED const struct alto_source *rig_s(const struct rig *rig)
{
	return rig->all->snap->sources[0];
}

/* Whole answer of a resource; NULL: rig->error. body NULL: GET. */
static UNUSED json_t *rig_ask(struct rig *rig, const char *id, const char *body)
{
	struct alto_request req = {.all = rig->all,
				   .resource = alto_resource_named(rig->all, id),
				   .body = body,
				   .len = body ? strlen(body) : 0,
				   .client = rig->client,
				   .now_unix = RIG_NOW + 4000};
	struct alto_reply reply = {0};
	json_error_t je;
	json_t *json = NULL;

	assert_non_null(req.resource);
	memset(&rig->error, 0, sizeof(rig->error));
	rig->ret = alto_answer(&req, &reply, &rig->error);
	if (rig->ret == 0) {
		json = json_loadb(reply.out.data, reply.out.len, JSON_REJECT_DUPLICATES, &je);
		assert_non_null(json);
	}
	rig->media = reply.media;
	memcpy(rig->tag, reply.tag, sizeof(rig->tag));
	alto_out_fini(&reply.out);
	return json;
}

/* Member `member` of the answer must equal the JSON text want. */
static UNUSED void rig_expect(struct rig *rig, const char *id, const char *body, const char *member,
			      const char *want)
{
	json_t *got = rig_ask(rig, id, body);
	json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);
	const json_t *part = json_object_get(got, member);

	assert_non_null(wanted);
	if (!json_equal(part, wanted)) {
		char *text = part ? json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

		fail_msg("%s %s: got %s, want %s (error %s %s)", id, body ? body : "",
			 text ? text : "nothing", want, rig->error.field, rig->error.why);
	}
	json_decref(got);
	json_decref(wanted);
}

/* The request must be refused with this code on this field. */
static UNUSED void rig_refused(struct rig *rig, const char *id, const char *body,
			       enum alto_code code, const char *field)
{
	json_t *got = rig_ask(rig, id, body);

	if (got || rig->error.code != code || strcmp(rig->error.field, field) != 0)
		fail_msg("%s %s: got %s on \"%s\", want %s on \"%s\"", id, body,
			 got ? "an answer" : alto_code_names[rig->error.code], rig->error.field,
			 alto_code_names[code], field);
	assert_int_equal(rig->ret, -EINVAL);
	assert_int_equal(rig->error.status, 400);
}

/* ---- the rig of a file ---- */

static UNUSED struct rig rig;

static UNUSED int rig_setup(void **state)
{
	rig_new(&rig, &(struct rig_conf){.stat = ""});
	return 0;
}

static UNUSED int rig_teardown(void **state)
{
	rig_free(&rig);
	return 0;
}

#endif
