/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "unit/ssc/fix.h"
#include "util/json.h"
#include "util/own.h"

#define N 3

static struct {
	struct service svc;
	struct fix fix[N];
	struct ssc_candidate cands[N];
	struct ssc_score scores[N];
	uint16_t order[N];
	uint32_t weights[N];
	struct ssc_choice choice;
	struct ssc_result res;
} t;

/* Service 1 of the draft with a requirement; a is selected, b is out, c is unknown. */
static int setup(void **state)
{
	static const char *const names[N] = {"a", "b", "c"};

	memset(&t, 0, sizeof(t));
	service_bare(&t.svc);
	strcpy(t.svc.name, "web");
	term_step(&t.svc, ATTR_DELAY_US, 50000, 0);
	term_ramp(&t.svc, ATTR_CPU_LOAD, 40, 80, 1);
	require(&t.svc, ATTR_LOSS_PPM, REQ_LT, 1000);
	for (int i = 0; i < N; i++) {
		fix_init(&t.fix[i], names[i], "be");
		fix_path(&t.fix[i], ATTR_DELAY_US, 1000);
		fix_path(&t.fix[i], ATTR_LOSS_PPM, i == 1 ? 2000 : 0);
		t.cands[i] = fix_cand(&t.fix[i]);
	}
	fix_instance(&t.fix[0], ATTR_QUEUE_US, 250);
	samples_put(&t.fix[0].instance.samples, ATTR_CPU_LOAD, 71500, FIX_NOW - 400 * MS, NULL);
	fix_instance(&t.fix[1], ATTR_CPU_LOAD, 10);
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < N; i++)
		fix_fini(&t.fix[i]);
	return 0;
}

static struct ssc_field field(unsigned int n)
{
	return (struct ssc_field){.svc = &t.svc,
				  .cands = t.cands,
				  .scores = t.scores,
				  .n = n,
				  .order = t.order,
				  .weights = t.weights};
}

static void decide(uint64_t now)
{
	const struct ssc_field f = field(N);

	for (int i = 0; i < N; i++)
		ssc_score(&t.svc, &t.cands[i], false, now, &t.scores[i]);
	ssc_decide(&f, now, &t.choice, &t.res);
}

static json_t *explain(uint64_t now)
{
	const struct ssc_field f = field(N);
	json_t *obj = ssc_explain(&f, &t.choice, &t.res, now);

	assert_non_null(obj);
	return obj;
}

/* The value that a path of member names and indexes leads to, as JSON text. */
static void assert_at(const json_t *value, const char *path, const char *want)
{
	char step[64];
	int len;

	for (const char *p = path; *p; p += len + (p[len] == '/')) {
		len = (int)strcspn(p, "/");
		snprintf(step, sizeof(step), "%.*s", len, p);
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(step))
					     : json_object_get(value, step);
		if (!value)
			fail_msg("%s: no %s", path, step);
	}
	{
		OWN_PTR char *text =
			json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS |
						  JSON_REAL_PRECISION(15));

		if (strcmp(text, want) != 0)
			fail_msg("%s: is %s, not %s", path, text, want);
	}
}

static void test_whole(void **state)
{
	json_t *e;

	decide(FIX_NOW);
	e = explain(FIX_NOW + 2500 * MS);
	assert_at(e, "service", "\"0x101\"");
	assert_at(e, "name", "\"web\"");
	assert_at(e, "selected",
		  "{\"gateway\":\"gw2\",\"instance\":\"a\",\"metric\":788,\"path\":\"be\","
		  "\"since_s\":2.5}");
	assert_at(e, "why", "\"first selection: nothing was selected before\"");
	assert_at(e, "challenger", "null");
	assert_at(e, "hysteresis",
		  "{\"back_off\":0,\"hold_ms\":1000,\"hold_now_ms\":1000,\"margin\":50}");
	assert_int_equal(json_array_size(json_object_get(e, "candidates")), N);
	json_decref(e);
}

static void test_candidate(void **state)
{
	json_t *e;

	decide(FIX_NOW);
	e = explain(FIX_NOW);
	assert_at(e, "candidates/0/rank", "1");
	assert_at(e, "candidates/0/instance", "\"a\"");
	assert_at(e, "candidates/0/gateway", "\"gw2\"");
	assert_at(e, "candidates/0/path", "\"be\"");
	assert_at(e, "candidates/0/metric", "788");
	assert_at(e, "candidates/0/satisfying", "true");
	assert_at(e, "candidates/0/gate", "null");
	assert_at(e, "candidates/0/attributes/0",
		  "{\"age_s\":0,\"attribute\":\"delay_us\",\"parts\":["
		  "{\"age_s\":0,\"attribute\":\"delay_us\",\"from\":\"path\",\"value\":1000},"
		  "{\"age_s\":0,\"attribute\":\"queue_us\",\"from\":\"instance\",\"value\":250}],"
		  "\"state\":\"ok\",\"unit\":\"microseconds\",\"value\":1250}");
	assert_at(e, "candidates/0/attributes/1",
		  "{\"age_s\":0.4,\"attribute\":\"cpu_load\",\"parts\":[{\"age_s\":0.4,"
		  "\"attribute\":\"cpu_load\",\"from\":\"instance\",\"value\":71.5}],"
		  "\"state\":\"ok\",\"unit\":\"percent\",\"value\":71.5}");
	assert_at(e, "candidates/0/attributes/2/attribute", "\"loss_ppm\"");
	assert_at(e, "candidates/0/terms/0",
		  "{\"attribute\":\"delay_us\",\"curve\":\"step at 50000\",\"score\":0,"
		  "\"value\":1250,\"weight\":0}");
	assert_at(e, "candidates/0/terms/1",
		  "{\"attribute\":\"cpu_load\",\"curve\":\"ramp 40..80\",\"score\":788,"
		  "\"value\":71.5,\"weight\":1}");
	assert_at(e, "candidates/0/requirements",
		  "[{\"holds\":true,\"text\":\"loss_ppm < 1000\",\"value\":0}]");
	json_decref(e);
}

static void test_gated(void **state)
{
	json_t *e;

	decide(FIX_NOW);
	e = explain(FIX_NOW);
	assert_at(e, "candidates/1/instance", "\"b\"");
	assert_at(e, "candidates/1/metric", "1000");
	assert_at(e, "candidates/1/satisfying", "false");
	assert_at(e, "candidates/1/gate",
		  "{\"kind\":\"requirement\",\"text\":\"loss_ppm < 1000: is 2000\"}");
	assert_at(e, "candidates/1/requirements/0/holds", "false");
	assert_at(e, "candidates/2/gate",
		  "{\"kind\":\"unknown\",\"text\":\"cpu_load was never told\"}");
	assert_at(e, "candidates/2/attributes/1",
		  "{\"age_s\":null,\"attribute\":\"cpu_load\",\"parts\":[],\"state\":\"unknown\","
		  "\"unit\":\"percent\",\"value\":null}");
	assert_at(e, "candidates/2/terms/1/value", "null");
	assert_at(e, "candidates/2/terms/1/score", "null");
	json_decref(e);
}

static void assert_gate(uint64_t now, const char *want)
{
	json_t *e;

	decide(now);
	e = explain(now);
	for (size_t i = 0; i < N; i++) {
		json_t *cand = json_array_get(json_object_get(e, "candidates"), i);

		if (strcmp(json_string_value(json_object_get(cand, "instance")), "a") == 0)
			assert_at(cand, "gate", want);
	}
	json_decref(e);
}

static void test_gate_texts(void **state)
{
	struct fix *a = &t.fix[0];

	samples_put(&a->instance.samples, ATTR_CPU_LOAD, 80500, FIX_NOW, NULL);
	assert_gate(FIX_NOW,
		    "{\"kind\":\"term\",\"text\":\"cpu_load is 80.5: 1000 by ramp 40..80\"}");
	fix_path(a, ATTR_DELAY_US, 60000);
	assert_gate(FIX_NOW, "{\"kind\":\"term\",\"text\":\"delay_us is 60250: 1000 by step at "
			     "50000\"}");
	assert_gate(FIX_NOW + 12345 * MS,
		    "{\"kind\":\"stale\",\"text\":\"loss_ppm is 12.345 s old, fresh until 10 s\"}");
	a->path.def.n_segs = SAN_MAX_SEGS;
	assert_gate(FIX_NOW, "{\"kind\":\"too_many_segments\",\"text\":\"9 segments with that of "
			     "the instance, at most 8\"}");
	a->path.defined = false;
	assert_gate(FIX_NOW, "{\"kind\":\"no_sid\",\"text\":\"path is not defined\"}");
	a->path.defined = true;
	memset(&a->instance.sid, 0, sizeof(a->instance.sid));
	assert_gate(FIX_NOW, "{\"kind\":\"no_sid\",\"text\":\"instance has no SID\"}");
	a->instance.state = INSTANCE_DRAINING;
	assert_gate(FIX_NOW, "{\"kind\":\"draining\",\"text\":\"instance is draining\"}");
	a->instance.state = INSTANCE_DOWN;
	assert_gate(FIX_NOW, "{\"kind\":\"down\",\"text\":\"instance is down\"}");
}

static void test_damped(void **state)
{
	const struct ssc_field f = field(1);
	json_t *e;

	ssc_score(&t.svc, &t.cands[0], true, FIX_NOW, &t.scores[0]);
	e = ssc_explain(&f, &t.choice, NULL, FIX_NOW);
	assert_at(e, "candidates/0/gate",
		  "{\"kind\":\"damped\",\"text\":\"changed too often, suppressed for a while\"}");
	assert_at(e, "selected", "null");
	assert_at(e, "why", "null");
	json_decref(e);
}

static void test_refused_shows_stale(void **state)
{
	json_t *e;

	t.fix[0].instance.samples.v[0].refused = true; /* cpu_load */
	decide(FIX_NOW);
	e = explain(FIX_NOW);
	assert_at(e, "candidates/0/metric", "788"); /* still counts */
	assert_at(e, "candidates/0/attributes/1/state", "\"stale\"");
	assert_at(e, "candidates/0/attributes/1/value", "71.5");
	assert_at(e, "candidates/0/attributes/1/parts/0/refused", "true");
	json_decref(e);
}

static void test_challenger(void **state)
{
	json_t *e;

	decide(FIX_NOW);
	fix_path(&t.fix[1], ATTR_LOSS_PPM, 0);
	fix_instance(&t.fix[1], ATTR_CPU_LOAD, 60);
	decide(FIX_NOW + 1 * S);
	e = explain(FIX_NOW + 1500 * MS);
	assert_at(e, "why",
		  "\"kept: another is better by the margin, but not for the hold time yet\"");
	assert_at(e, "selected/instance", "\"a\"");
	assert_at(e, "candidates/0/instance", "\"b\""); /* by rank, not by selection */
	assert_at(e, "challenger",
		  "{\"better_by\":288,\"beyond_margin_s\":0.5,\"gateway\":\"gw2\","
		  "\"instance\":\"b\",\"metric\":500,\"path\":\"be\"}");
	json_decref(e);
	fix_instance(&t.fix[1], ATTR_CPU_LOAD, 71);
	decide(FIX_NOW + 2 * S);
	e = explain(FIX_NOW + 2 * S);
	assert_at(e, "challenger/beyond_margin_s", "null");
	json_decref(e);
}

static void test_curves(void **state)
{
	struct curve c = {.kind = CURVE_POINTS, .n = CURVE_MAX_POINTS};
	struct curve_point *v;
	OWN_PTR char *text = NULL;
	json_t *e;

	service_bare(&t.svc);
	term_ramp(&t.svc, ATTR_CPU_LOAD, 12, 6, 1); /* falling as written */
	v = term_add(&t.svc, ATTR_CPU_LOAD, 0, c);
	for (int i = 0; i < CURVE_MAX_POINTS; i++)
		v[i] = (struct curve_point){ATTR_VALUE_MAX_MILLI - CURVE_MAX_POINTS + i, 1000};
	decide(FIX_NOW);
	e = explain(FIX_NOW);
	assert_at(e, "candidates/0/terms/0/curve", "\"ramp 12..6\"");
	text = json_text(e);
	assert_non_null(strstr(text, " (4503599627370.495,1000)\"")); /* the last one is not cut */
	/* one attribute in two terms is listed once */
	assert_int_equal(
		json_array_size(json_object_get(json_array_get(json_object_get(e, "candidates"), 0),
						"attributes")),
		1);
	json_decref(e);
}

static void test_empty(void **state)
{
	const struct ssc_field f = field(0);
	json_t *e;

	ssc_decide(&f, FIX_NOW, &t.choice, &t.res);
	e = ssc_explain(&f, &t.choice, &t.res, FIX_NOW);
	assert_at(e, "selected", "null");
	assert_at(e, "why", "\"nothing selected: no candidate is satisfying\"");
	assert_at(e, "candidates", "[]");
	json_decref(e);
}

/* c becomes a member, too: 212 and 1000 of 1212. */
static void test_balanced(void **state)
{
	json_t *e;

	t.svc.mode = SAN_MODE_BALANCED;
	fix_instance(&t.fix[2], ATTR_CPU_LOAD, 40);
	decide(FIX_NOW);
	e = explain(FIX_NOW);
	assert_at(e, "selection", "\"balanced\"");
	assert_at(e, "why", "\"first selection: nothing was selected before\"");
	assert_at(e, "selected/instance", "\"c\"");
	assert_at(e, "balance", "{\"beyond_margin_s\":null,\"members\":2,\"weights\":1212}");
	assert_at(e, "candidates/0/instance", "\"c\"");
	assert_at(e, "candidates/0/weight", "1000");
	assert_at(e, "candidates/0/share_permille", "825");
	assert_at(e, "candidates/1/weight", "212");
	assert_at(e, "candidates/1/share_permille", "175");
	assert_at(e, "candidates/2/weight", "0");
	assert_at(e, "candidates/2/weight_now", "0");
	assert_at(e, "challenger", "null");
	json_decref(e);
	fix_instance(&t.fix[2], ATTR_CPU_LOAD, 60);
	decide(FIX_NOW);
	e = explain(FIX_NOW + 500 * MS);
	assert_at(e, "why",
		  "\"kept: a weight differs by more than the margin, but not for the hold time "
		  "yet\"");
	assert_at(e, "balance/beyond_margin_s", "0.5");
	assert_at(e, "candidates/0/weight", "1000");
	assert_at(e, "candidates/0/weight_now", "500");
	json_decref(e);
}

/* Without a path: no name, and a gate of its own for the gateway's SID. */
static void test_two_levels(void **state)
{
	json_t *e;

	t.svc.steering = STEERING_GATEWAY;
	decide(FIX_NOW);
	e = explain(FIX_NOW);
	assert_at(e, "candidates/0/gate",
		  "{\"kind\":\"no_sid\",\"text\":\"gateway has no SAN SID\"}");
	json_decref(e);
	for (int i = 0; i < N; i++)
		t.cands[i].path = NULL;
	decide(FIX_NOW);
	e = explain(FIX_NOW);
	assert_at(e, "candidates/0/instance", "\"b\""); /* the path's loss is out of it */
	assert_at(e, "candidates/0/path", "\"\"");
	assert_at(e, "candidates/0/attributes/0/value", "0");
	assert_at(e, "candidates/0/attributes/0/age_s", "null");
	assert_at(e, "candidates/2/gate/kind", "\"unknown\"");
	json_decref(e);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_whole),	    T(test_candidate),	T(test_gated),
		T(test_gate_texts), T(test_damped),	T(test_refused_shows_stale),
		T(test_challenger), T(test_curves),	T(test_empty),
		T(test_balanced),   T(test_two_levels),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
