/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/curve.h"

#include <errno.h>

#include "util/json.h"
#include "util/own.h"

static int read_step(const json_t *value, uint16_t attr, struct curve_room to, struct err *err)
{
	*to.curve = (struct curve){.kind = CURVE_STEP, .n = 1, .v = to.v};
	to.v[0] = (struct curve_point){0};
	return attr_from_json(attr, value, &to.v[0].x_milli, err);
}

static int read_ramp(const json_t *value, uint16_t attr, struct curve_room to, struct err *err)
{
	int64_t x[2] = {0, 0};
	bool falling;

	if (!json_is_array(value) || json_array_size(value) != 2)
		return err_set(err, -EINVAL, "", NULL,
			       "must be an array of two numbers: [from, to]");
	for (int i = 0; i < 2; i++) {
		if (attr_from_json(attr, json_array_get(value, i), &x[i], err))
			return err_prefix(err, "/%d", i);
	}
	if (x[0] == x[1])
		return err_set(err, -EINVAL, "/1", NULL,
			       "must be another value than from; see step");
	falling = x[0] > x[1];
	to.v[0] = (struct curve_point){x[falling], falling ? METRIC_MAX : 0};
	to.v[1] = (struct curve_point){x[!falling], falling ? 0 : METRIC_MAX};
	*to.curve = (struct curve){.kind = CURVE_POINTS, .n = 2, .ramp = true, .v = to.v};
	return 0;
}

static int read_point(const json_t *value, uint16_t attr, struct curve_point *point,
		      struct err *err)
{
	const json_t *y;

	if (!json_is_array(value) || json_array_size(value) != 2)
		return err_set(err, -EINVAL, "", NULL, "must be an array of two numbers: [x, y]");
	if (attr_from_json(attr, json_array_get(value, 0), &point->x_milli, err))
		return err_prefix(err, "/0");
	y = json_array_get(value, 1);
	if (!json_is_integer(y) || json_integer_value(y) < 0 || json_integer_value(y) > METRIC_MAX)
		return err_set(err, -EINVAL, "/1", NULL, "must be an integer 0..%d", METRIC_MAX);
	point->y = (int32_t)json_integer_value(y);
	return 0;
}

static int read_points(const json_t *value, uint16_t attr, struct curve_room to, struct err *err)
{
	size_t n = json_array_size(value); /* 0 for what is no array */

	if (n < 1 || n > CURVE_MAX_POINTS)
		return err_set(err, -EINVAL, "", NULL, "must be an array of 1..%d points [x, y]",
			       CURVE_MAX_POINTS);
	*to.curve = (struct curve){.kind = CURVE_POINTS, .n = (uint8_t)n, .v = to.v};
	for (size_t i = 0; i < n; i++) {
		if (read_point(json_array_get(value, i), attr, &to.v[i], err))
			return err_prefix(err, "/%zu", i);
		if (i > 0 && to.v[i].x_milli <= to.v[i - 1].x_milli) {
			err_set(err, -EINVAL, "/0", NULL,
				"must be an x greater than the one before");
			return err_prefix(err, "/%zu", i);
		}
	}
	return 0;
}

static const struct {
	const char *name;
	int (*read)(const json_t *value, uint16_t attr, struct curve_room to, struct err *err);
} forms[] = {{"step", read_step}, {"ramp", read_ramp}, {"points", read_points}};

int curve_from_json(const json_t *obj, uint16_t attr, struct curve_room to, struct err *err)
{
	static const char *const allowed[] = {"step", "ramp", "points", NULL};
	int r = json_is_obj(obj, err);

	if (r == 0)
		r = json_only(obj, allowed, err);
	if (r)
		return r;
	if (json_object_size(obj) != 1)
		return err_set(err, -EINVAL, "", NULL, "must be exactly one of step, ramp, points");
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const json_t *value = json_object_get(obj, forms[i].name);

		if (!value)
			continue;
		r = forms[i].read(value, attr, to, err);
		return r ? err_prefix(err, "/%s", forms[i].name) : 0;
	}
	return err_set(err, -EINVAL, "", NULL, "must be exactly one of step, ramp, points");
}

bool curve_equal(const struct curve *a, const struct curve *b)
{
	if (a->kind != b->kind || a->n != b->n || a->ramp != b->ramp)
		return false;
	for (int i = 0; i < a->n; i++) {
		if (a->v[i].x_milli != b->v[i].x_milli || a->v[i].y != b->v[i].y)
			return false;
	}
	return true;
}

static json_t *pair(json_t *a, json_t *b)
{
	return json_pack("[o, o]", a, b);
}

static json_t *points_to_json(const struct curve *curve)
{
	json_t *array = json_array();

	for (int i = 0; i < curve->n; i++) {
		const struct curve_point *p = &curve->v[i];

		if (json_array_append_new(array,
					  pair(attr_to_json(p->x_milli), json_integer(p->y)))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

json_t *curve_to_json(const struct curve *curve)
{
	if (curve->kind == CURVE_STEP)
		return json_pack("{s:o}", "step", attr_to_json(curve->v[0].x_milli));
	if (curve->ramp) {
		bool falling = curve->v[0].y > curve->v[1].y;

		return json_pack("{s:o}", "ramp",
				 pair(attr_to_json(curve->v[falling].x_milli),
				      attr_to_json(curve->v[!falling].x_milli)));
	}
	return json_pack("{s:o}", "points", points_to_json(curve));
}

/* ---- value ---- */

int metric_between(int a, int b, uint64_t at, uint64_t of)
{
	__int128 n = (__int128)a * of + (__int128)(b - a) * at; /* >= 0 */

	return (int)((2 * n + of) / ((__int128)2 * of));
}

int curve_metric(const struct curve *curve, int64_t milli)
{
	const struct curve_point *p = curve->v;
	int i = 1;

	if (curve->kind == CURVE_STEP)
		return milli < p[0].x_milli ? 0 : METRIC_MAX;
	if (milli <= p[0].x_milli)
		return p[0].y;
	while (i < curve->n && milli >= p[i].x_milli)
		i++;
	if (i == curve->n)
		return p[i - 1].y;
	return metric_between(p[i - 1].y, p[i].y, (uint64_t)(milli - p[i - 1].x_milli),
			      (uint64_t)(p[i].x_milli - p[i - 1].x_milli));
}
