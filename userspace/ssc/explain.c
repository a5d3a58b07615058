/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reasoning as JSON: everything that score.c and decide.c looked at, in their order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ssc/ssc_int.h"
#include "util/own.h"

#define TEXT_LEN 256
#define VALUE_LEN 32
#define CURVE_TEXT_LEN 512 /* 16 points of at most 26 characters */

static const char *const state_names[] = {"ok", "unknown", "stale"};
_Static_assert(ARRAY_SIZE(state_names) == SSC_VALUE_STATE_MAX, "a name for every state");

struct look {
	const struct ssc_field *field;
	const struct service *svc; /* field's */
	uint64_t weights;	   /* sum of those in force */
	const struct ssc_candidate *cand;
	const struct ssc_score *score;
	int selected; /* index, -1 = none */
	uint64_t now_us;
};

/* Appends item, takes both; NULL if either is missing or memory is. */
static json_t *append(json_t *array, json_t *item)
{
	if (json_array_append_new(array, item) == 0)
		return array;
	json_decref(array);
	return NULL;
}

/* Milliseconds are what people read. */
static json_t *seconds(uint64_t us)
{
	return attr_to_json((int64_t)(us / 1000));
}

static struct ssc_value value_of(const struct look *look, uint16_t attr)
{
	return ssc_aggregate(look->svc, look->cand, attr, look->now_us);
}

static json_t *value_json(const struct ssc_value *value)
{
	return value->state == SSC_VALUE_UNKNOWN ? json_null() : attr_to_json(value->milli);
}

static const char *curve_text(const struct curve *c, char *buf, size_t size)
{
	char x[VALUE_LEN], to[VALUE_LEN];
	size_t at;

	attr_text(c->v[0].x_milli, x, sizeof(x));
	if (c->kind == CURVE_STEP) {
		snprintf(buf, size, "step at %s", x);
	} else if (c->ramp) {
		bool falling = c->v[0].y > c->v[1].y;

		attr_text(c->v[1].x_milli, to, sizeof(to));
		snprintf(buf, size, "ramp %s..%s", falling ? to : x, falling ? x : to);
	} else {
		at = (size_t)snprintf(buf, size, "points");
		for (int i = 0; i < c->n && at < size; i++)
			at += (size_t)snprintf(buf + at, size - at, " (%s,%d)",
					       attr_text(c->v[i].x_milli, x, sizeof(x)), c->v[i].y);
	}
	return buf;
}

static const char *requirement_text(const struct requirement *req, char *buf, size_t size)
{
	char value[VALUE_LEN];

	snprintf(buf, size, "%s %s %s", attr_name(req->attr), requirement_op_text(req->op),
		 attr_text(req->milli, value, sizeof(value)));
	return buf;
}

/* Gates that a value opens or shuts. */
static void value_gate_text(const struct look *look, char *buf, size_t size)
{
	const struct ssc_score *score = look->score;
	const struct ssc_value v = value_of(look, score->gate_attr);
	const char *attr = attr_name(score->gate_attr);
	char sub[CURVE_TEXT_LEN], is[VALUE_LEN], age[VALUE_LEN], max[VALUE_LEN];

	attr_text(v.milli, is, sizeof(is));
	switch ((enum ssc_gate)score->gate) {
	case SSC_REQUIREMENT:
		requirement_text(&look->svc->requirements[score->gate_index], sub, sizeof(sub));
		snprintf(buf, size, "%s: is %s", sub, is);
		break;
	case SSC_TERM:
		curve_text(&look->svc->terms[score->gate_index].curve, sub, sizeof(sub));
		snprintf(buf, size, "%s is %s: %d by %s", attr, is, METRIC_MAX, sub);
		break;
	case SSC_UNKNOWN:
		snprintf(buf, size, "%s was never told", attr);
		break;
	default:
		attr_text((int64_t)(v.age_us / 1000), age, sizeof(age));
		attr_text(look->svc->max_age_ms, max, sizeof(max));
		snprintf(buf, size, "%s is %s s old, fresh until %s s", attr, age, max);
	}
}

static const char *no_sid_text(const struct look *look)
{
	if (!look->cand->path->defined)
		return "path is not defined";
	if (look->svc->steering == STEERING_GATEWAY)
		return "gateway has no SAN SID";
	return "instance has no SID";
}

static void gate_text(const struct look *look, char *buf, size_t size)
{
	switch ((enum ssc_gate)look->score->gate) {
	case SSC_DRAINING:
		snprintf(buf, size, "instance is draining");
		break;
	case SSC_DOWN:
		snprintf(buf, size, "instance is down");
		break;
	case SSC_NO_SID:
		snprintf(buf, size, "%s", no_sid_text(look));
		break;
	case SSC_TOO_MANY_SEGS:
		snprintf(buf, size, "%d segments with that of the instance, at most %d",
			 look->cand->path->def.n_segs + 1, SAN_MAX_SEGS);
		break;
	case SSC_DAMPED:
		snprintf(buf, size, "changed too often, suppressed for a while");
		break;
	case SSC_NO_INSTANCE:
		snprintf(buf, size, "no instance behind the gateway satisfies");
		break;
	default:
		value_gate_text(look, buf, size);
	}
}

static json_t *gate_json(const struct look *look)
{
	char why[TEXT_LEN + CURVE_TEXT_LEN];

	if (look->score->gate == SSC_OK)
		return json_null();
	gate_text(look, why, sizeof(why));
	return json_pack("{s:s, s:s}", "kind", ssc_gate_text(look->score->gate), "text", why);
}

static json_t *part_json(const struct ssc_part *part, uint64_t now_us)
{
	const struct sample *s = part->sample;
	uint64_t age = now_us > s->received_us ? now_us - s->received_us : 0;
	json_t *obj = json_pack(
		"{s:s, s:s, s:o, s:o}", "from", part->from_path ? "path" : "instance", "attribute",
		attr_name(s->attr), "value", attr_to_json(s->milli), "age_s", seconds(age));

	if (obj && s->refused)
		json_object_set_new(obj, "refused", json_true());
	return obj;
}

/* A value whose successor was refused shows as stale whatever its age. */
static json_t *attribute_json(const struct look *look, uint16_t attr)
{
	const struct ssc_parts parts = ssc_parts(look->cand, attr);
	struct ssc_value value = value_of(look, attr);
	json_t *array = json_array();

	for (int i = 0; i < parts.n; i++) {
		array = append(array, part_json(&parts.v[i], look->now_us));
		if (parts.v[i].sample->refused)
			value.state = SSC_VALUE_STALE;
	}
	return json_pack("{s:s, s:o, s:s, s:o, s:s, s:o}", "attribute", attr_name(attr), "value",
			 value_json(&value), "unit", attr_unit(attr), "age_s",
			 parts.n ? seconds(value.age_us) : json_null(), "state",
			 state_names[value.state], "parts", array);
}

/* Every attribute of terms and requirements once. */
static json_t *attributes_json(const struct look *look)
{
	const struct service *svc = look->svc;
	bool seen[ATTR_LIMIT] = {false};
	json_t *array = json_array();

	for (int i = 0; i < svc->n_terms + svc->n_requirements; i++) {
		uint16_t attr = i < svc->n_terms ? svc->terms[i].attr
						 : svc->requirements[i - svc->n_terms].attr;

		if (!seen[attr])
			array = append(array, attribute_json(look, attr));
		seen[attr] = true;
	}
	return array;
}

static json_t *term_json(const struct look *look, const struct term *term)
{
	const struct ssc_value value = value_of(look, term->attr);
	bool known = value.state != SSC_VALUE_UNKNOWN;
	char curve[CURVE_TEXT_LEN];

	return json_pack("{s:s, s:o, s:s, s:o, s:i}", "attribute", attr_name(term->attr), "value",
			 value_json(&value), "curve",
			 curve_text(&term->curve, curve, sizeof(curve)), "score",
			 known ? json_integer(curve_metric(&term->curve, value.milli))
			       : json_null(),
			 "weight", ssc_weight(look->svc, term));
}

static json_t *requirement_json(const struct look *look, const struct requirement *req)
{
	const struct ssc_value value = value_of(look, req->attr);
	char buf[TEXT_LEN];

	return json_pack("{s:s, s:o, s:b}", "text", requirement_text(req, buf, sizeof(buf)),
			 "value", value_json(&value), "holds",
			 value.state != SSC_VALUE_UNKNOWN && requirement_holds(req, value.milli));
}

/* What holds changes back, and how far. */
static json_t *hysteresis_json(const struct look *look)
{
	const struct service *svc = look->svc;
	const struct ssc_calm *calm = look->field->calm;
	json_t *obj = json_pack("{s:i, s:i, s:I, s:i}", "margin", (int)svc->margin, "hold_ms",
				(int)svc->hold_ms, "hold_now_ms",
				(json_int_t)(ssc_hold_us(svc, calm, look->now_us) / 1000),
				"back_off", (int)ssc_calm_level(svc, calm, look->now_us));
	int step = calm && calm->step ? calm->step : SSC_STEP_ALL;

	if (obj && svc->mode == SAN_MODE_BALANCED)
		json_object_set_new(obj, "step_permille", json_integer(1000 * step / SSC_STEP_ALL));
	return obj;
}

/* Metric (balanced: weight) that it was left with, while that counts. */
static json_t *recalled_json(const struct look *look, unsigned int i)
{
	const struct ssc_left *left =
		ssc_calm_recall(look->field, (int)i, look->selected, look->now_us);

	return left ? json_integer(left->value) : json_null();
}

static void weight_json(const struct look *look, unsigned int i, json_t *obj)
{
	uint64_t weight = look->field->weights[i], sum = look->weights ? look->weights : 1;

	json_object_set_new(obj, "weight", json_integer((json_int_t)weight));
	json_object_set_new(obj, "weight_now", json_integer(ssc_weight_now(look->field, i)));
	json_object_set_new(obj, "share_permille",
			    json_integer((json_int_t)((2000 * weight + sum) / (2 * sum))));
}

static json_t *reasons_json(const struct look *look)
{
	json_t *terms = json_array(), *requirements = json_array();

	for (int i = 0; i < look->svc->n_terms; i++)
		terms = append(terms, term_json(look, &look->svc->terms[i]));
	for (int i = 0; i < look->svc->n_requirements; i++)
		requirements =
			append(requirements, requirement_json(look, &look->svc->requirements[i]));
	return json_pack("{s:o, s:o, s:o}", "attributes", attributes_json(look), "terms", terms,
			 "requirements", requirements);
}

static json_t *candidate_json(const struct look *look, unsigned int i)
{
	const struct ssc_candidate *cand = look->cand;
	json_t *reasons = reasons_json(look);
	json_t *obj =
		json_pack("{s:i, s:s, s:s, s:s, s:i, s:b, s:o, s:o}", "rank",
			  (int)look->score->rank, "instance", cand->instance->name, "gateway",
			  cand->instance->gateway, "path", ssc_path_name(cand), "metric",
			  (int)look->score->metric, "satisfying", look->score->metric < METRIC_MAX,
			  "gate", gate_json(look), "recalled", recalled_json(look, i));

	if (obj && look->svc->mode == SAN_MODE_BALANCED)
		weight_json(look, i, obj);
	if (json_object_update(obj, reasons)) {
		json_decref(obj);
		obj = NULL;
	}
	json_decref(reasons);
	return obj;
}

static int by_rank(const void *pa, const void *pb, void *arg)
{
	const unsigned int a = *(const unsigned int *)pa, b = *(const unsigned int *)pb;
	const struct ssc_score *scores = arg;

	if (scores[a].rank != scores[b].rank)
		return scores[a].rank < scores[b].rank ? -1 : 1;
	return a < b ? -1 : 1;
}

static json_t *candidates_json(struct look look)
{
	const struct ssc_field *field = look.field;
	OWN_PTR unsigned int *order = calloc(field->n + 1, sizeof(*order));
	json_t *array = json_array();

	if (!order) {
		json_decref(array);
		return NULL;
	}
	for (unsigned int i = 0; i < field->n; i++)
		order[i] = i;
	qsort_r(order, field->n, sizeof(*order), by_rank, field->scores);
	for (unsigned int i = 0; i < field->n; i++) {
		look.cand = &field->cands[order[i]];
		look.score = &field->scores[order[i]];
		array = append(array, candidate_json(&look, order[i]));
	}
	return array;
}

static uint64_t since(uint64_t at_us, uint64_t now_us)
{
	return now_us > at_us ? now_us - at_us : 0;
}

static json_t *selected_json(const struct ssc_choice *choice, uint64_t now_us)
{
	if (!choice->valid)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:i, s:o}", "instance", choice->instance, "gateway",
			 choice->gateway, "path", choice->path, "metric", (int)choice->metric,
			 "since_s", seconds(since(choice->since_us, now_us)));
}

static json_t *beyond_margin_json(const struct ssc_choice *choice, uint64_t now_us)
{
	if (!choice->better_since_us)
		return json_null();
	return seconds(since(choice->better_since_us, now_us));
}

static int first_ranked(const struct ssc_field *field)
{
	for (unsigned int i = 0; i < field->n; i++)
		if (field->scores[i].rank == 1)
			return (int)i;
	return -1;
}

/* What is better than the selected one and waits, if anything. */
static json_t *challenger_json(const struct look *look, const struct ssc_choice *choice)
{
	const struct ssc_field *field = look->field;
	int selected = look->selected, best = first_ranked(field);
	const struct ssc_candidate *cand = best < 0 ? NULL : &field->cands[best];

	if (look->svc->mode == SAN_MODE_BALANCED || selected < 0 || best < 0 || best == selected)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o}", "instance", cand->instance->name,
			 "gateway", cand->instance->gateway, "path", ssc_path_name(cand), "metric",
			 (int)field->scores[best].metric, "better_by",
			 (int)field->scores[selected].metric - (int)field->scores[best].metric,
			 "beyond_margin_s", beyond_margin_json(choice, look->now_us));
}

static json_t *balance_json(const struct look *look, const struct ssc_choice *choice)
{
	if (look->svc->mode != SAN_MODE_BALANCED)
		return json_null();
	return json_pack("{s:i, s:I, s:o}", "members", (int)choice->members, "weights",
			 (json_int_t)look->weights, "beyond_margin_s",
			 beyond_margin_json(choice, look->now_us));
}

json_t *ssc_explain(const struct ssc_field *field, const struct ssc_choice *choice,
		    const struct ssc_result *last, uint64_t now_us)
{
	const struct service *svc = field->svc;
	struct look look = {.field = field,
			    .svc = svc,
			    .selected = ssc_chosen(choice, field),
			    .now_us = now_us};
	char id[SVC_ID_TEXT];

	for (unsigned int i = 0; svc->mode == SAN_MODE_BALANCED && i < field->n; i++)
		look.weights += field->weights[i];
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "service",
			 svc_id_text(svc->id, id), "name", svc->name, "selection",
			 svc->mode == SAN_MODE_BALANCED ? "balanced" : "preferred", "selected",
			 selected_json(choice, now_us), "why",
			 last ? json_string(ssc_why_text(last->why)) : json_null(), "challenger",
			 challenger_json(&look, choice), "balance", balance_json(&look, choice),
			 "hysteresis", hysteresis_json(&look), "candidates", candidates_json(look));
}
