/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/service.h"
#include "util/json.h"
#include "util/own.h"

static json_t *parse(const char *text)
{
	struct err err;
	json_t *obj = NULL;

	if (json_parse(text, strlen(text), &obj, &err))
		fail_msg("test data: %s", err.want);
	return obj;
}

/* Frees what *svc was before. */
static int read_text(const char *text, uint64_t expect, struct service **svc, struct err *err)
{
	json_t *obj = parse(text);
	struct service *old = *svc;
	int r = service_from_json(obj, expect, svc, err);

	if (r)
		assert_ptr_equal(*svc, old);
	else
		free(old);
	json_decref(obj);
	return r;
}

static void must_read(const char *text, struct service **svc)
{
	struct err err;
	char buf[512];

	if (read_text(text, 0, svc, &err))
		fail_msg("%s", err_text(&err, buf, sizeof(buf)));
}

static void must_round_trip(const struct service *svc)
{
	json_t *obj = service_to_json(svc), *again;
	OWN_PTR struct service *back = NULL;
	char *text = json_text(obj);

	must_read(text, &back); /* through text, as the database does */
	assert_true(service_equal(svc, back));
	again = service_to_json(back);
	assert_true(json_equal(obj, again));
	free(text);
	json_decref(obj);
	json_decref(again);
}

static const char full[] =
	"{\"id\": \"0x101\", \"name\": \"web\", \"address\": \"2001:db8:5::101\","
	"\"strategy\": \"resource-first\", \"selection\": \"preferred\", \"affinity\": \"flow\","
	"\"evaluation\": [{\"attribute\": \"delay_us\", \"curve\": {\"step\": 50000}, \"weight\": 0},"
	"{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [40, 80.1]}, \"weight\": 1},"
	"{\"attribute\": \"cpu_cores_free\", \"curve\": {\"ramp\": [12, 6]}},"
	"{\"attribute\": \"sessions\", \"curve\": {\"points\": [[0, 0], [50.5, 900], [100, 10]]}}],"
	"\"requirements\": [{\"attribute\": \"loss_ppm\", \"op\": \"<\", \"value\": 1000},"
	"{\"attribute\": \"mem_free_mb\", \"op\": \">=\", \"value\": 0.125}],"
	"\"hysteresis\": {\"margin\": 30, \"hold_ms\": 0},"
	"\"freshness\": {\"max_age_ms\": 4000, \"policy\": \"worsen\"}}";

static void check_terms(const struct service *svc)
{
	const struct term *t = svc->terms;

	assert_int_equal(svc->n_terms, 4);
	assert_int_equal(t[0].attr, ATTR_DELAY_US);
	assert_int_equal(t[0].weight, 0);
	assert_int_equal(t[0].curve.kind, CURVE_STEP);
	assert_int_equal(t[0].curve.v[0].x_milli, 50000000);
	assert_int_equal(t[1].weight, 1);
	assert_int_equal(t[1].curve.kind, CURVE_POINTS);
	assert_true(t[1].curve.ramp);
	assert_int_equal(t[1].curve.v[0].y, 0);
	assert_int_equal(t[1].curve.v[1].x_milli, 80100);
	assert_int_equal(t[1].curve.v[1].y, METRIC_MAX);
	assert_int_equal(t[2].weight, WEIGHT_BY_STRATEGY);
	assert_int_equal(t[2].curve.v[0].x_milli, 6000); /* rising x, falling y */
	assert_int_equal(t[2].curve.v[0].y, METRIC_MAX);
	assert_int_equal(t[2].curve.v[1].y, 0);
	assert_false(t[3].curve.ramp);
	assert_int_equal(t[3].curve.n, 3);
	assert_int_equal(t[3].curve.v[1].x_milli, 50500);
	assert_int_equal(t[3].curve.v[1].y, 900);
}

static void test_full(void **state)
{
	OWN_PTR struct service *svc = NULL;
	char addr[INET6_ADDRSTRLEN];

	must_read(full, &svc);
	assert_int_equal(svc->id, 0x101);
	assert_string_equal(svc->name, "web");
	inet_ntop(AF_INET6, &svc->address, addr, sizeof(addr));
	assert_string_equal(addr, "2001:db8:5::101");
	assert_int_equal(svc->strategy, STRATEGY_RESOURCE_FIRST);
	assert_int_equal(svc->mode, SAN_MODE_PREFERRED);
	assert_int_equal(svc->affinity, SAN_AFFINITY_FLOW);
	check_terms(svc);
	assert_int_equal(svc->n_requirements, 2);
	assert_int_equal(svc->requirements[0].op, REQ_LT);
	assert_int_equal(svc->requirements[0].milli, 1000000);
	assert_int_equal(svc->requirements[1].op, REQ_GE);
	assert_int_equal(svc->requirements[1].milli, 125);
	assert_int_equal(svc->margin, 30);
	assert_int_equal(svc->hold_ms, 0);
	assert_int_equal(svc->max_age_ms, 4000);
	assert_int_equal(svc->stale, STALE_WORSEN);
	must_round_trip(svc);
}

static void test_defaults(void **state)
{
	OWN_PTR struct service *svc = NULL;
	struct service init;

	must_read("{\"id\": \"0x1\"}", &svc);
	service_init(&init, 1);
	assert_true(service_equal(svc, &init));
	assert_int_equal(svc->n_terms, 1);
	assert_int_equal(svc->terms[0].attr, ATTR_DELAY_US);
	assert_int_equal(svc->terms[0].weight, 1);
	assert_int_equal(svc->terms[0].curve.v[1].x_milli, 100000000);
	assert_int_equal(svc->margin, 50);
	assert_int_equal(svc->hold_ms, 1000);
	assert_int_equal(svc->max_age_ms, 10000);
	assert_int_equal(svc->max_updates_per_s, 100);
	assert_int_equal(svc->stale, STALE_EXCLUDE);
	assert_int_equal(svc->affinity, SAN_AFFINITY_HASH);
	assert_int_equal(svc->affinity_key, 0);
	assert_int_equal(svc->flow_idle_s, 0);
	assert_int_equal(svc->steering, STEERING_INSTANCE);
	assert_int_equal(svc->address4, 0);
	assert_int_equal(svc->n_access, 0);
	must_round_trip(svc);
	must_read("{\"id\": 1, \"name\": null, \"address\": null, \"evaluation\": null,"
		  "\"requirements\": null, \"hysteresis\": null, \"freshness\": {}}",
		  &svc);
	assert_true(service_equal(svc, &init));
}

static void test_update_rate(void **state)
{
	OWN_PTR struct service *svc = NULL;

	must_read("{\"id\": 1, \"max_updates_per_s\": 1}", &svc);
	assert_int_equal(svc->max_updates_per_s, 1);
	must_round_trip(svc);
	must_read("{\"id\": 1, \"max_updates_per_s\": 1000}", &svc);
	assert_int_equal(svc->max_updates_per_s, 1000);
	must_round_trip(svc);
}

static void test_dataplane_choices(void **state)
{
	OWN_PTR struct service *svc = NULL;

	must_read("{\"id\": 1, \"selection\": \"balanced\", \"affinity\": \"flow\","
		  "\"affinity_key\": \"source\", \"flow_idle_s\": 86400, \"steering\": \"gateway\","
		  "\"address4\": \"10.9.0.1\", \"access\": [\"tenant-a\", \"b\"]}",
		  &svc);
	assert_int_equal(svc->mode, SAN_MODE_BALANCED);
	assert_int_equal(svc->affinity, SAN_AFFINITY_FLOW);
	assert_int_equal(svc->affinity_key, SAN_SVC_KEY_SOURCE);
	assert_int_equal(svc->flow_idle_s, 86400);
	assert_int_equal(svc->steering, STEERING_GATEWAY);
	assert_int_equal(svc->address4, htonl(0x0a090001));
	assert_int_equal(svc->n_access, 2);
	assert_string_equal(svc->access[0], "tenant-a");
	assert_string_equal(svc->access[1], "b");
	must_round_trip(svc);
	must_read("{\"id\": 1, \"affinity\": \"none\", \"affinity_key\": \"5-tuple\", "
		  "\"access\": null}",
		  &svc);
	assert_int_equal(svc->affinity, SAN_AFFINITY_NONE);
	must_round_trip(svc);
}

static void test_access_limit(void **state)
{
	OWN_PTR struct service *svc = NULL;
	char text[512] = "{\"id\": 1, \"access\": [\"g0\"";
	struct err err;

	for (int i = 1; i < SERVICE_MAX_ACCESS; i++)
		sprintf(text + strlen(text), ", \"g%d\"", i);
	strcat(text, "]}");
	must_read(text, &svc);
	assert_int_equal(svc->n_access, SERVICE_MAX_ACCESS);
	must_round_trip(svc);
	strcpy(text + strlen(text) - 2, ", \"one\"]}");
	assert_int_equal(read_text(text, 0, &svc, &err), -ENOSPC);
	assert_string_equal(err.field, "/access");
	assert_string_equal(err.want, "must name 1..16 access groups, or be absent");
}

static void test_no_terms(void **state)
{
	OWN_PTR struct service *svc = NULL;

	must_read("{\"id\": 1, \"evaluation\": []}", &svc);
	assert_int_equal(svc->n_terms, 0);
	must_round_trip(svc);
}

static void test_ids(void **state)
{
	OWN_PTR struct service *svc = NULL;
	struct err err;

	must_read("{\"id\": 257}", &svc);
	assert_int_equal(svc->id, 0x101);
	must_read("{\"id\": \"0xfffffffeffffffff\"}", &svc);
	assert_true(svc->id == SAN_SERVICE_OWN_MIN - 1);
	must_round_trip(svc);
	assert_int_equal(read_text("{}", 0x101, &svc, &err), 0);
	assert_int_equal(svc->id, 0x101);
	assert_int_equal(read_text("{\"id\": \"257\"}", 0x101, &svc, &err), 0);
	assert_int_equal(read_text("{\"id\": \"0x102\"}", 0x101, &svc, &err), -EINVAL);
	assert_string_equal(err.field, "/id");
	assert_string_equal(err.want, "must be 0x101, as the place it is put to, or absent");
	assert_int_equal(read_text("{\"id\": 0}", 0x101, &svc, &err), -EINVAL);
	assert_int_equal(read_text("{\"id\": \"0xffffffff00000000\"}", 0, &svc, &err), -EINVAL);
	assert_int_equal(read_text("{}", UINT64_MAX, &svc, &err), -EINVAL);
	assert_string_equal(err.field, "/id");
}

/* The whole text of the refusal: field and what would be right. */
struct refusal {
	const char *json;
	const char *field;
	const char *want; /* a part of it */
	int code;	  /* 0: -EINVAL */
};

static void refuse(const struct refusal *r)
{
	OWN_PTR struct service *svc = NULL;
	struct err err;
	uint16_t names = attr_count();
	int code = r->code ? r->code : -EINVAL;

	print_message("%s\n", r->json);
	assert_int_equal(read_text(r->json, 0, &svc, &err), code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.field, r->field);
	if (!strstr(err.want, r->want))
		fail_msg("want is \"%s\"", err.want);
	assert_null(svc);
	assert_int_equal(attr_count(), names);
	assert_int_equal(read_text(r->json, 0, &svc, NULL), code); /* without anybody to tell */
}

#define TERM(curve)                                                                                \
	"{\"id\": 1, \"evaluation\": [{\"attribute\": \"cpu_load\", \"curve\": " curve "}]}"
#define EVAL(terms) "{\"id\": 1, \"evaluation\": [" terms "]}"
#define REQ(reqs) "{\"id\": 1, \"requirements\": [" reqs "]}"
#define GOOD_TERM "{\"attribute\": \"brand_new\", \"curve\": {\"step\": 1}}"

static const struct refusal refusals[] = {
	{"[]", "", "object", 0},
	{"{}", "/id", "service ID", 0},
	{"{\"id\": null}", "/id", "service ID", 0},
	{"{\"id\": 0}", "/id", "service ID", 0},
	{"{\"id\": -1}", "/id", "service ID", 0},
	{"{\"id\": 1.5}", "/id", "service ID", 0},
	{"{\"id\": true}", "/id", "service ID", 0},
	{"{\"id\": \"0x\"}", "/id", "service ID", 0},
	{"{\"id\": \"0x10000000000000000\"}", "/id", "service ID", 0},
	{"{\"id\": 1, \"colour\": 1}", "/colour", "known", 0},
	{"{\"id\": 1, \"name\": \"\"}", "/name", "1..63", 0},
	{"{\"id\": 1, \"name\": \"a b\"}", "/name", "1..63", 0},
	{"{\"id\": 1, \"name\": 5}", "/name", "string", 0},
	{"{\"id\": 1, \"address\": \"10.0.0.1\"}", "/address", "IPv6", 0},
	{"{\"id\": 1, \"address\": \"::\"}", "/address", "IPv6", 0},
	{"{\"id\": 1, \"address\": \"::1\"}", "/address", "IPv6", 0},
	{"{\"id\": 1, \"address\": \"ff02::1\"}", "/address", "IPv6", 0},
	{"{\"id\": 1, \"address\": \"fe80::1\"}", "/address", "IPv6", 0},
	{"{\"id\": 1, \"address\": \"::ffff:10.0.0.1\"}", "/address", "IPv6", 0},
	{"{\"id\": 1, \"address\": 7}", "/address", "IPv6", 0},
	{"{\"id\": 1, \"strategy\": \"best\"}", "/strategy", "resource-first", 0},
	{"{\"id\": 1, \"selection\": \"best\"}", "/selection", "balanced", 0},
	{"{\"id\": 1, \"affinity\": \"sticky\"}", "/affinity", "hash", 0},
	{"{\"id\": 1, \"affinity_key\": \"3-tuple\"}", "/affinity_key", "source", 0},
	{"{\"id\": 1, \"flow_idle_s\": -1}", "/flow_idle_s", "0..86400", 0},
	{"{\"id\": 1, \"flow_idle_s\": 86401}", "/flow_idle_s", "0..86400", 0},
	{"{\"id\": 1, \"steering\": \"both\"}", "/steering", "gateway", 0},
	{"{\"id\": 1, \"address4\": \"2001:db8::1\"}", "/address4", "IPv4", 0},
	{"{\"id\": 1, \"address4\": \"0.1.2.3\"}", "/address4", "IPv4", 0},
	{"{\"id\": 1, \"address4\": \"127.0.0.1\"}", "/address4", "IPv4", 0},
	{"{\"id\": 1, \"address4\": \"169.254.0.1\"}", "/address4", "IPv4", 0},
	{"{\"id\": 1, \"address4\": \"224.0.0.1\"}", "/address4", "IPv4", 0},
	{"{\"id\": 1, \"address4\": \"255.255.255.255\"}", "/address4", "IPv4", 0},
	{"{\"id\": 1, \"address4\": \"10.0.1\"}", "/address4", "IPv4", 0},
	{"{\"id\": 1, \"access\": \"a\"}", "/access", "array", 0},
	{"{\"id\": 1, \"access\": []}", "/access", "1..16", 0},
	{"{\"id\": 1, \"access\": [\"a\", 5]}", "/access/1", "access group", 0},
	{"{\"id\": 1, \"access\": [\"a b\"]}", "/access/0", "access group", 0},
	{"{\"id\": 1, \"access\": [\"a\", \"a\"]}", "/access/1", "once", 0},
	{"{\"id\": 1, \"evaluation\": {}}", "/evaluation", "array", 0},
	{EVAL("5"), "/evaluation/0", "object", 0},
	{EVAL("{}"), "/evaluation/0/attribute", "missing", 0},
	{EVAL("{\"attribute\": 5}"), "/evaluation/0/attribute", "string", 0},
	{EVAL("{\"attribute\": \"a b\"}"), "/evaluation/0/attribute", "1..63", 0},
	{EVAL("{\"attribute\": \"cost\"}"), "/evaluation/0/curve", "missing", 0},
	{EVAL("{\"attribute\": \"cost\", \"curve\": 5}"), "/evaluation/0/curve", "object", 0},
	{EVAL(GOOD_TERM ", {\"attribute\": \"also_new\", \"kurve\": {}}"), "/evaluation/1/kurve",
	 "curve", 0},
	{EVAL("{\"attribute\": \"cost\", \"curve\": {\"step\": 1}, \"weight\": -1}"),
	 "/evaluation/0/weight", "0..1000", 0},
	{EVAL("{\"attribute\": \"cost\", \"curve\": {\"step\": 1}, \"weight\": 1001}"),
	 "/evaluation/0/weight", "0..1000", 0},
	{EVAL("{\"attribute\": \"cost\", \"curve\": {\"step\": 1}, \"weight\": 0.5}"),
	 "/evaluation/0/weight", "0..1000", 0},
	{TERM("{}"), "/evaluation/0/curve", "exactly one", 0},
	{TERM("{\"step\": 1, \"ramp\": [1, 2]}"), "/evaluation/0/curve", "exactly one", 0},
	{TERM("{\"slope\": 1}"), "/evaluation/0/curve/slope", "step, ramp, points", 0},
	{TERM("{\"step\": -1}"), "/evaluation/0/curve/step", "0..100 percent", 0},
	{TERM("{\"step\": 100.001}"), "/evaluation/0/curve/step", "0..100 percent", 0},
	{TERM("{\"step\": \"5\"}"), "/evaluation/0/curve/step", "0..100 percent", 0},
	{TERM("{\"step\": null}"), "/evaluation/0/curve/step", "0..100 percent", 0},
	{TERM("{\"ramp\": 5}"), "/evaluation/0/curve/ramp", "[from, to]", 0},
	{TERM("{\"ramp\": [1]}"), "/evaluation/0/curve/ramp", "[from, to]", 0},
	{TERM("{\"ramp\": [1, 2, 3]}"), "/evaluation/0/curve/ramp", "[from, to]", 0},
	{TERM("{\"ramp\": [1, 1]}"), "/evaluation/0/curve/ramp/1", "another value", 0},
	{TERM("{\"ramp\": [-1, 1]}"), "/evaluation/0/curve/ramp/0", "0..100", 0},
	{TERM("{\"ramp\": [1, 101]}"), "/evaluation/0/curve/ramp/1", "0..100", 0},
	{TERM("{\"points\": {}}"), "/evaluation/0/curve/points", "1..16", 0},
	{TERM("{\"points\": []}"), "/evaluation/0/curve/points", "1..16", 0},
	{TERM("{\"points\": [5]}"), "/evaluation/0/curve/points/0", "[x, y]", 0},
	{TERM("{\"points\": [[1]]}"), "/evaluation/0/curve/points/0", "[x, y]", 0},
	{TERM("{\"points\": [[101, 1]]}"), "/evaluation/0/curve/points/0/0", "0..100", 0},
	{TERM("{\"points\": [[1, -1]]}"), "/evaluation/0/curve/points/0/1", "0..1000", 0},
	{TERM("{\"points\": [[1, 1001]]}"), "/evaluation/0/curve/points/0/1", "0..1000", 0},
	{TERM("{\"points\": [[1, 1.5]]}"), "/evaluation/0/curve/points/0/1", "0..1000", 0},
	{TERM("{\"points\": [[1, 1], [1, 2]]}"), "/evaluation/0/curve/points/1/0", "greater", 0},
	{TERM("{\"points\": [[2, 1], [1, 2]]}"), "/evaluation/0/curve/points/1/0", "greater", 0},
	{"{\"id\": 1, \"requirements\": 5}", "/requirements", "array", 0},
	{REQ("{\"op\": \"<\", \"value\": 1}"), "/requirements/0/attribute", "missing", 0},
	{REQ("{\"attribute\": \"brand_new\", \"value\": 1}"), "/requirements/0/op", "missing", 0},
	{REQ("{\"attribute\": \"cost\", \"op\": \"=\", \"value\": 1}"), "/requirements/0/op",
	 "<=", 0},
	{REQ("{\"attribute\": \"cost\", \"op\": \"<\"}"), "/requirements/0/value", "0..", 0},
	{REQ("{\"attribute\": \"cpu_load\", \"op\": \"<\", \"value\": 101}"),
	 "/requirements/0/value", "0..100", 0},
	{REQ("{\"attribute\": \"cost\", \"op\": \"<\", \"value\": 1, \"x\": 1}"),
	 "/requirements/0/x", "known", 0},
	{"{\"id\": 1, \"hysteresis\": 5}", "/hysteresis", "object", 0},
	{"{\"id\": 1, \"hysteresis\": {\"x\": 5}}", "/hysteresis/x", "margin", 0},
	{"{\"id\": 1, \"hysteresis\": {\"margin\": -1}}", "/hysteresis/margin", "0..1000", 0},
	{"{\"id\": 1, \"hysteresis\": {\"margin\": 1001}}", "/hysteresis/margin", "0..1000", 0},
	{"{\"id\": 1, \"hysteresis\": {\"hold_ms\": 3600001}}", "/hysteresis/hold_ms", "0..3600000",
	 0},
	{"{\"id\": 1, \"freshness\": {\"max_age_ms\": 99}}", "/freshness/max_age_ms",
	 "100..86400000", 0},
	{"{\"id\": 1, \"freshness\": {\"max_age_ms\": 86400001}}", "/freshness/max_age_ms",
	 "100..86400000", 0},
	{"{\"id\": 1, \"freshness\": {\"policy\": \"ignore\"}}", "/freshness/policy", "worsen", 0},
	{"{\"id\": 1, \"freshness\": {\"age\": 1}}", "/freshness/age", "max_age_ms", 0},
	{"{\"id\": 1, \"max_updates_per_s\": 0}", "/max_updates_per_s", "1..1000", 0},
	{"{\"id\": 1, \"max_updates_per_s\": 1001}", "/max_updates_per_s", "1..1000", 0},
	{"{\"id\": 1, \"max_updates_per_s\": \"7\"}", "/max_updates_per_s", "1..1000", 0},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		refuse(&refusals[i]);
}

static void test_object_named(void **state)
{
	OWN_PTR struct service *svc = NULL;
	struct err err;
	char buf[512];

	read_text("{\"id\": 257, \"hysteresis\": {\"margin\": -3}}", 0, &svc, &err);
	assert_string_equal(err_text(&err, buf, sizeof(buf)),
			    "service 0x101: /hysteresis/margin: is -3, must be an integer 0..1000");
}

/* n times item, separated by commas. */
static void repeat(char *out, const char *item, int n)
{
	out[0] = '\0';
	for (int i = 0; i < n; i++)
		out += sprintf(out, "%s%s", i ? "," : "", item);
}

static void test_limits(void **state)
{
	static const char term[] = "{\"attribute\": \"cost\", \"curve\": {\"step\": 1}}";
	static const char req[] = "{\"attribute\": \"cost\", \"op\": \"<\", \"value\": 1}";
	char items[2048], text[4096];
	OWN_PTR struct service *svc = NULL;

	repeat(items, term, SERVICE_MAX_TERMS);
	snprintf(text, sizeof(text), EVAL("%s"), items);
	must_read(text, &svc);
	assert_int_equal(svc->n_terms, SERVICE_MAX_TERMS);
	must_round_trip(svc);
	repeat(items, term, SERVICE_MAX_TERMS + 1);
	snprintf(text, sizeof(text), EVAL("%s"), items);
	refuse(&(struct refusal){text, "/evaluation", "at most 16", -ENOSPC});

	repeat(items, req, SERVICE_MAX_REQUIREMENTS);
	snprintf(text, sizeof(text), REQ("%s"), items);
	must_read(text, &svc);
	assert_int_equal(svc->n_requirements, SERVICE_MAX_REQUIREMENTS);
	must_round_trip(svc);
	repeat(items, req, SERVICE_MAX_REQUIREMENTS + 1);
	snprintf(text, sizeof(text), REQ("%s"), items);
	refuse(&(struct refusal){text, "/requirements", "at most 16", -ENOSPC});
}

static void test_points_limit(void **state)
{
	char items[512] = "", text[1024];
	OWN_PTR struct service *svc = NULL;
	size_t at = 0;

	for (int i = 0; i < CURVE_MAX_POINTS; i++)
		at += (size_t)sprintf(items + at, "%s[%d, %d]", i ? "," : "", i, i);
	snprintf(text, sizeof(text), TERM("{\"points\": [%s]}"), items);
	must_read(text, &svc);
	assert_int_equal(svc->terms[0].curve.n, CURVE_MAX_POINTS);
	must_round_trip(svc);
	sprintf(items + at, ", [99, 99]");
	snprintf(text, sizeof(text), TERM("{\"points\": [%s]}"), items);
	refuse(&(struct refusal){text, "/evaluation/0/curve/points", "1..16", 0});
	must_read(TERM("{\"points\": [[50, 7]]}"), &svc);
	must_round_trip(svc);
}

static void test_attribute_limit(void **state)
{
	uint16_t mark = attr_count(), id;
	char name[32];

	for (int i = mark; i < ATTR_LIMIT - 1; i++) {
		snprintf(name, sizeof(name), "fill_%d", i);
		assert_int_equal(attr_intern(name, &id), 0);
	}
	/* the first new name still fits, the second does not, and the first is given back */
	refuse(&(struct refusal){
		EVAL(GOOD_TERM ", {\"attribute\": \"second\", \"curve\": {\"step\": 1}}"),
		"/evaluation/1/attribute", "all 256 names are taken", -ENOSPC});
	attr_forget(mark);
}

static void test_extremes(void **state)
{
	OWN_PTR struct service *svc = NULL;
	uint16_t mark = attr_count();

	must_read("{\"id\": 1, \"evaluation\": [{\"attribute\": \"free\", \"weight\": 1000, "
		  "\"curve\": {\"ramp\": [999999999999.999, 0]}}],"
		  "\"hysteresis\": {\"margin\": 1000, \"hold_ms\": 3600000},"
		  "\"freshness\": {\"max_age_ms\": 86400000, \"policy\": \"hold\"}}",
		  &svc);
	assert_int_equal(svc->terms[0].weight, WEIGHT_MAX);
	assert_int_equal(svc->terms[0].curve.v[1].x_milli, 999999999999999);
	must_round_trip(svc);
	attr_forget(mark);
}

#define OTHER(member) "{\"id\": \"0x101\", " member "}"

/* Whatever is said otherwise makes another service. */
static void test_equal(void **state)
{
	static const char *const others[] = {
		"{\"id\": \"0x101\"}",
		"{\"id\": \"0x102\"}",
		OTHER("\"name\": \"web\""),
		OTHER("\"address\": \"2001:db8::1\""),
		OTHER("\"strategy\": \"cost-first\""),
		OTHER("\"affinity\": \"flow\""),
		OTHER("\"affinity\": \"none\""),
		OTHER("\"affinity_key\": \"source\""),
		OTHER("\"flow_idle_s\": 1"),
		OTHER("\"selection\": \"balanced\""),
		OTHER("\"steering\": \"gateway\""),
		OTHER("\"address4\": \"10.0.0.1\""),
		OTHER("\"access\": [\"a\"]"),
		OTHER("\"access\": [\"b\"]"),
		OTHER("\"access\": [\"a\", \"b\"]"),
		OTHER("\"evaluation\": []"),
		OTHER("\"evaluation\": [" GOOD_TERM "]"),
		OTHER("\"evaluation\": [" GOOD_TERM ", " GOOD_TERM "]"),
		OTHER("\"evaluation\": [{\"attribute\": \"cost\", \"curve\": {\"step\": 7}}]"),
		OTHER("\"evaluation\": [{\"attribute\": \"cost\", \"curve\": {\"ramp\": [0, 9]}}]"),
		OTHER("\"evaluation\": [{\"attribute\": \"cost\","
		      "\"curve\": {\"points\": [[0, 0], [9, 1000]]}}]"),
		OTHER("\"evaluation\": [{\"attribute\": \"cost\","
		      "\"curve\": {\"points\": [[0, 0], [9, 999]]}}]"),
		OTHER("\"requirements\": [{\"attribute\": \"cost\", \"op\": \"<\", \"value\": 1}]"),
		OTHER("\"requirements\": [{\"attribute\": \"cost\", \"op\": \">\", \"value\": 1}]"),
		OTHER("\"requirements\": [{\"attribute\": \"cost\", \"op\": \"<\", \"value\": 2}]"),
		OTHER("\"hysteresis\": {\"margin\": 1}"),
		OTHER("\"hysteresis\": {\"hold_ms\": 1}"),
		OTHER("\"freshness\": {\"max_age_ms\": 500}"),
		OTHER("\"freshness\": {\"policy\": \"hold\"}"),
		OTHER("\"max_updates_per_s\": 99"),
	};
	OWN_PTR struct service *a = NULL, *b = NULL;
	struct service *copy;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		must_read(others[i], &a);
		assert_int_equal(service_copy(a, &copy), 0);
		assert_true(service_equal(a, copy));
		free(copy);
		for (size_t k = 0; k < ARRAY_SIZE(others); k++) {
			must_read(others[k], &b);
			assert_int_equal(service_equal(a, b), i == k);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_dataplane_choices),
		cmocka_unit_test(test_update_rate),
		cmocka_unit_test(test_access_limit),
		cmocka_unit_test(test_no_terms),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_object_named),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_points_limit),
		cmocka_unit_test(test_attribute_limit),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
