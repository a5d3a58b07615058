/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/aggregate.h"

#include <errno.h>
#include <stdlib.h>

#include "model/patch.h"
#include "model/service.h"
#include "util/json.h"

static int read_number(const json_t *obj, const char *name, int64_t max, int64_t *out,
		       struct err *err)
{
	return json_get_int(obj, name, JSON_REQUIRED, (struct json_range){0, max}, out, err);
}

static int read_numbers(const json_t *obj, struct aggregate *agg, struct err *err)
{
	int64_t count = 0, capacity = 0, metric = 0;
	int r = read_number(obj, "count", AGGREGATE_MAX_COUNT, &count, err);

	if (!r)
		r = read_number(obj, "capacity", count * METRIC_MAX, &capacity, err);
	if (!r)
		r = read_number(obj, "metric", METRIC_MAX, &metric, err);
	agg->count = (uint32_t)count;
	agg->capacity = (uint32_t)capacity;
	agg->metric = (uint16_t)metric;
	return r;
}

static int by_attr(const void *a, const void *b)
{
	return ((const struct sample *)a)->attr - ((const struct sample *)b)->attr;
}

static int take_patch(const struct attr_patch *patch, struct aggregate *agg, struct err *err)
{
	for (unsigned int i = 0; i < patch->n; i++) {
		const struct attr_change *change = &patch->v[i];

		if (change->remove) {
			err_set(err, -EINVAL, "", "null", "must be a number");
			return err_prefix(err, "/%s", attr_name(change->attr));
		}
		agg->samples[i] = (struct sample){.attr = change->attr, .milli = change->milli};
	}
	agg->n = (uint16_t)patch->n;
	qsort(agg->samples, agg->n, sizeof(*agg->samples), by_attr);
	return 0;
}

/* The last part that can be refused: names stay interned only when all is taken. */
static int read_samples(const json_t *obj, struct aggregate *agg, struct err *err)
{
	uint16_t names = attr_count();
	struct attr_patch patch;
	json_t *attrs;
	int r = json_get_object(obj, "attributes", JSON_OPTIONAL, &attrs, err);

	if (r || !attrs)
		return r;
	r = attr_patch_from_json(attrs, NULL, &patch, err);
	if (!r)
		r = take_patch(&patch, agg, err);
	if (!r)
		return 0;
	attr_forget(names);
	err_prefix(err, "/attributes");
	return r;
}

int aggregate_from_json(const json_t *obj, struct aggregate *out, struct err *err)
{
	static const char *const members[] = {"count", "capacity", "metric", "attributes", NULL};
	struct aggregate agg = {0};
	int r = json_is_obj(obj, err);

	if (!r)
		r = json_only(obj, members, err);
	if (!r)
		r = read_numbers(obj, &agg, err);
	if (!r)
		r = read_samples(obj, &agg, err);
	if (!r)
		*out = agg;
	return r;
}

static json_t *samples_to_json(const struct aggregate *agg)
{
	json_t *obj = json_object();

	for (unsigned int i = 0; obj && i < agg->n; i++) {
		const struct sample *s = &agg->samples[i];

		if (json_object_set_new(obj, attr_name(s->attr), attr_to_json(s->milli))) {
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}

json_t *aggregate_to_json(const struct aggregate *agg)
{
	json_t *attrs = samples_to_json(agg);

	return json_pack("{s:I, s:I, s:I, s:o}", "count", (json_int_t)agg->count, "capacity",
			 (json_int_t)agg->capacity, "metric", (json_int_t)agg->metric, "attributes",
			 attrs);
}
