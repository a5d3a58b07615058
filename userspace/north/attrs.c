/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples as JSON. */
#include "north/rest.h"

static json_t *number(int64_t milli)
{
	if (milli % 1000 == 0)
		return json_integer(milli / 1000);
	return json_real((double)milli / 1000);
}

static json_t *sample_json(const struct sample *sample, uint64_t now_us)
{
	json_t *obj = json_object();
	uint64_t age_us = now_us > sample->received_us ? now_us - sample->received_us : 0;
	int r = json_object_set_new(obj, "value", number(sample->milli));

	if (sample->received_us) /* 0: before this boot, age unknown */
		r |= json_object_set_new(obj, "age_s", json_real((double)(age_us / 1000) / 1000));
	else
		r |= json_object_set_new(obj, "age_s", json_null());
	r |= json_object_set_new(obj, "refused", json_boolean(sample->refused));
	if (r) {
		json_decref(obj);
		return NULL;
	}
	return obj;
}

json_t *rest_attributes(const struct view *view, const struct samples *set)
{
	uint64_t now_us = clock_us() - view->stalled_us;
	json_t *obj = json_object();

	for (unsigned int i = 0; obj && i < set->n; i++) {
		if (json_object_set_new(obj, attr_name(set->v[i].attr),
					sample_json(&set->v[i], now_us))) {
			json_decref(obj);
			obj = NULL;
		}
	}
	return obj;
}
