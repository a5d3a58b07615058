/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source made of domains and links as the broker takes them (JSON), asked through alto_answer();
 * answers of path vectors come apart into their parts. Golden files: tests/golden/alto/.
 */
#ifndef PV_RIG_H
#define PV_RIG_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/pv.h"

struct pv_rig {
	struct alto_resources *all;
	struct alto_error error; /* of the last request */
	struct alto_reply reply; /* and its answer */
	struct alto_prefix client;
};

#define PV_UNUSED __attribute__((unused))

static PV_UNUSED json_t *golden(const char *name)
{
	char path[128];
	json_error_t je;
	json_t *json;

	snprintf(path, sizeof(path), "tests/golden/alto/%s.json", name);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
	if (!json)
		fail_msg("%s:%d: %s", path, je.line, je.text);
	return json;
}

static void pv_list(struct alto_builder *b, uint32_t pid, const char *name, json_t *value)
{
	if (!value || (json_is_array(value) && !json_array_size(value)))
		return;
	value = json_is_array(value) ? json_incref(value) : json_pack("[O]", value);
	assert_int_equal(alto_builder_pid_prop(b, pid, name, value), 0);
}

static void pv_domain(struct alto_builder *b, const char *name, const json_t *domain)
{
	static const char *const resources[] = {"cpu", "mem", "storage"};
	const json_t *prefixes = json_object_get(domain, "prefixes");
	uint32_t pid;
	json_t *text;
	size_t i;

	assert_int_equal(
		alto_builder_pid(b, name, json_is_true(json_object_get(domain, "transit")), &pid),
		0);
	for (int family = 4; family <= 6; family += 2) {
		json_array_foreach(json_object_get(prefixes, family == 4 ? "ipv4" : "ipv6"), i,
				   text) {
			struct alto_prefix p;

			assert_int_equal(alto_prefix_parse(json_string_value(text), family, &p), 0);
			assert_int_equal(alto_builder_prefix(b, pid, &p), 0);
		}
	}
	pv_list(b, pid, "entry-point", json_object_get(domain, "entry-point"));
	for (int r = 0; r < 3; r++)
		pv_list(b, pid, resources[r],
			json_object_get(json_object_get(domain, "resources"), resources[r]));
	pv_list(b, pid, "nf", json_object_get(domain, "nfs"));
	pv_list(b, pid, "port", json_object_get(domain, "saps"));
}

static double pv_number(const json_t *value)
{
	return value ? json_number_value(value) : NAN;
}

/* "A/B", there and back, unless `directed`. */
static void pv_link(struct alto_builder *b, const json_t *domains, const char *ends,
		    const json_t *link)
{
	struct alto_link l = {0};
	const char *name;
	json_t *domain;
	uint32_t id = 0;

	for (int i = 0; i < LINK_VALUE_MAX; i++)
		l.value[i] = NAN;
	l.value[LINK_ROUTINGCOST] = pv_number(json_object_get(link, "routingcost"));
	l.value[LINK_BW_RESIDUAL] = pv_number(json_object_get(link, "max-reservable-bandwidth"));
	json_object_foreach((json_t *)domains, name, domain) {
		size_t len = strlen(name);

		if (!strncmp(ends, name, len) && ends[len] == '/')
			l.from = id;
		if (!strcmp(strchr(ends, '/') + 1, name))
			l.to = id;
		id++;
	}
	assert_int_equal(alto_builder_link(b, &l), 0);
	if (json_is_true(json_object_get(link, "directed")))
		return;
	id = l.from;
	l.from = l.to;
	l.to = id;
	assert_int_equal(alto_builder_link(b, &l), 0);
}

static PV_UNUSED struct alto_builder *pv_builder(const json_t *def)
{
	const json_t *domains = json_object_get(def, "domains");
	struct alto_builder *b = NULL;
	const char *name;
	json_t *value;

	assert_int_equal(alto_builder_new("domains", &b), 0);
	json_object_foreach((json_t *)domains, name, value)
		pv_domain(b, name, value);
	json_object_foreach(json_object_get(def, "links"), name, value)
		pv_link(b, domains, name, value);
	return b;
}

/* b is taken. */
static PV_UNUSED void pv_rig_use(struct pv_rig *rig, struct alto_builder *b)
{
	struct alto_builder_conf conf = {.stat = "", .service_graph = true};
	struct alto_snapshot *snap = NULL;
	struct alto_source *s = NULL;

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(alto_builder_finish(b, &conf, &s), 0);
	assert_int_equal(alto_snapshot_new(&s, 1, &snap), 0);
	assert_int_equal(alto_resources_new(snap, &rig->all), 0);
	alto_snapshot_put(snap);
}

static PV_UNUSED void pv_rig_json(struct pv_rig *rig, const char *text)
{
	json_t *def = json_loads(text, 0, NULL);

	assert_non_null(def);
	pv_rig_use(rig, pv_builder(def));
	json_decref(def);
}

static PV_UNUSED void pv_rig_golden(struct pv_rig *rig)
{
	json_t *def = golden("domains");

	pv_rig_use(rig, pv_builder(def));
	json_decref(def);
}

static PV_UNUSED void pv_rig_free(struct pv_rig *rig)
{
	alto_out_fini(&rig->reply.out);
	alto_resources_free(rig->all);
	rig->all = NULL;
}

static PV_UNUSED struct alto_source *pv_source(const struct pv_rig *rig)
{
	return rig->all->snap->sources[0];
}

static PV_UNUSED int pv_ask(struct pv_rig *rig, const char *id, const char *body)
{
	struct alto_request req = {.all = rig->all,
				   .resource = alto_resource_named(rig->all, id),
				   .body = body,
				   .len = body ? strlen(body) : 0,
				   .client = rig->client,
				   .host = "alto.example.com"};

	assert_non_null(req.resource);
	alto_out_fini(&rig->reply.out);
	memset(&rig->error, 0, sizeof(rig->error));
	return alto_answer(&req, &rig->reply, &rig->error);
}

static PV_UNUSED json_t *pv_body(const char *text, size_t len)
{
	json_error_t je;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);

	if (!json)
		fail_msg("%s: %.*s", je.text, (int)len, text);
	return json;
}

/* One JSON answer. */
static PV_UNUSED json_t *pv_json(struct pv_rig *rig, const char *id, const char *body)
{
	if (pv_ask(rig, id, body))
		fail_msg("%s %s: %s %s", id, body ? body : "", rig->error.field, rig->error.why);
	return pv_body(rig->reply.out.data, rig->reply.out.len);
}

/* Part i of the last answer; with its headers as text. */
static PV_UNUSED json_t *pv_part(const struct pv_rig *rig, int i, char headers[512])
{
	const char *boundary = strstr(rig->reply.content_type, "boundary=") + 9;
	char line[128];
	const char *at = rig->reply.out.data, *body, *end;

	snprintf(line, sizeof(line), "--%.*s\r\n", (int)strcspn(boundary, ";"), boundary);
	assert_memory_equal(at, line, strlen(line));
	for (; i > 0; i--) {
		at = strstr(at + 1, line);
		assert_non_null(at);
	}
	at += strlen(line);
	body = strstr(at, "\r\n\r\n");
	assert_non_null(body);
	snprintf(headers, 512, "%.*s", (int)(body - at), at);
	body += 4;
	line[strlen(line) - 2] = '\0';
	end = strstr(body, line) - 2;
	return pv_body(body, (size_t)(end - body));
}

/* Both parts of an answer; either may be NULL. */
static PV_UNUSED void pv_parts(struct pv_rig *rig, const char *id, const char *body, json_t **costs,
			       json_t **props)
{
	char headers[512];

	if (pv_ask(rig, id, body))
		fail_msg("%s %s: %s %s", id, body ? body : "", rig->error.field, rig->error.why);
	if (costs)
		*costs = pv_part(rig, 0, headers);
	if (props)
		*props = pv_part(rig, 1, headers);
}

/* got (taken) is want (JSON text). */
static PV_UNUSED void pv_same(json_t *got, const char *want)
{
	json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);

	assert_non_null(wanted);
	if (!json_equal(got, wanted)) {
		char *text = json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY);

		fail_msg("got %s, want %s", text, want);
	}
	json_decref(wanted);
	json_decref(got);
}

static PV_UNUSED json_t *pv_member(json_t *got, const char *name)
{
	json_t *value = json_incref(json_object_get(got, name));

	json_decref(got);
	return value;
}

/* Tags are digests: they are looked at elsewhere. */
static PV_UNUSED void pv_untag(json_t *value)
{
	const char *name;
	json_t *inner;
	size_t i;

	if (json_is_object(value))
		json_object_del(value, "tag");
	json_object_foreach(value, name, inner)
		pv_untag(inner);
	json_array_foreach(value, i, inner)
		pv_untag(inner);
}

static PV_UNUSED void pv_is_golden(json_t *got, const char *name)
{
	json_t *want = golden(name);

	pv_untag(got);
	if (!json_equal(got, want)) {
		char *text = json_dumps(got, JSON_INDENT(1));

		fail_msg("%s: got %s", name, text);
	}
	json_decref(want);
	json_decref(got);
}

static PV_UNUSED void pv_refused(struct pv_rig *rig, const char *id, const char *body,
				 const char *want)
{
	json_t *error;

	if (!pv_ask(rig, id, body))
		fail_msg("%s was answered", body);
	error = alto_error_json(&rig->error);
	pv_same(pv_member(error, "meta"), want);
}

#endif
