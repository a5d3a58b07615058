/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Legs as values, and their JSON form. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/admit_int.h"
#include "util/json.h"
#include "util/own.h"

void nemo_legs_fini(struct nemo_legs *legs)
{
	free(legs->v);
	*legs = (struct nemo_legs){0};
}

int nemo_leg_order(const void *a, const void *b)
{
	const struct nemo_leg *x = a, *y = b;
	int c = strcmp(x->connection, y->connection);

	if (c == 0)
		c = strcmp(x->ingress, y->ingress);
	return c ? c : strcmp(x->gateway, y->gateway);
}

struct nemo_leg *legs_add(struct nemo_legs *legs)
{
	unsigned int cap = legs->cap ? legs->cap * 2 : 16;
	struct nemo_leg *v;

	if (legs->n == legs->cap) {
		v = realloc(legs->v, cap * sizeof(*v));
		if (!v)
			return NULL;
		legs->v = v;
		legs->cap = cap;
	}
	memset(&legs->v[legs->n], 0, sizeof(*legs->v));
	return &legs->v[legs->n++];
}

static json_t *leg_json(const struct nemo_leg *leg)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "tenant", leg->tenant, "connection",
			 leg->connection, "ingress", leg->ingress, "gateway", leg->gateway, "path",
			 leg->path, "bandwidth", (json_int_t)leg->bandwidth, "delay",
			 (json_int_t)leg->delay);
}

json_t *nemo_legs_json(const struct nemo_legs *legs)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < legs->n; i++)
		if (json_array_append_new(array, leg_json(&legs->v[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static int read_name(const json_t *obj, const char *member, char buf[NAME_LEN], struct err *err)
{
	char field[32];
	int r = json_get_text(obj, member, JSON_REQUIRED, buf, NAME_LEN, err);

	if (r < 0 || name_valid(buf))
		return r;
	snprintf(field, sizeof(field), "/%s", member);
	return err_set(err, -EINVAL, field, buf, "must be a name: 1 to 63 of A-Z a-z 0-9 . _ -");
}

static int leg_read(const json_t *obj, struct nemo_leg *leg, struct err *err)
{
	static const char *const members[] = {"tenant", "connection", "ingress", "gateway",
					      "path",	"bandwidth",  "delay",	 NULL};
	char *const names[] = {leg->tenant, leg->connection, leg->ingress, leg->gateway, leg->path};
	const struct json_range bandwidth = {0, LEG_BANDWIDTH_MAX}, delay = {0, INT64_MAX};
	int r = json_is_obj(obj, err);

	if (r == 0)
		r = json_only(obj, members, err);
	for (unsigned int i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = read_name(obj, members[i], names[i], err);
	if (r == 0)
		r = json_get_int(obj, "bandwidth", JSON_REQUIRED, bandwidth, &leg->bandwidth, err);
	return r < 0 ? r : json_get_int(obj, "delay", JSON_REQUIRED, delay, &leg->delay, err);
}

int nemo_legs_from_json(const json_t *array, struct nemo_legs *out, struct err *err)
{
	struct nemo_legs legs = {0};
	struct nemo_leg *leg;
	int r = 0;

	if (!json_is_array(array))
		return err_set(err, -EINVAL, "", "", "must be an array of legs");
	if (json_array_size(array) > NEMO_LEGS_MAX)
		return err_set(err, -ENOSPC, "", "", "must have at most %d legs", NEMO_LEGS_MAX);
	for (size_t i = 0; r == 0 && i < json_array_size(array); i++) {
		leg = legs_add(&legs);
		if (!leg) {
			r = err_set(err, -ENOMEM, "", "", "no memory");
			break;
		}
		r = leg_read(json_array_get(array, i), leg, err);
		if (r < 0)
			err_prefix(err, "/%zu", i);
	}
	if (r == 0)
		*out = legs;
	else
		nemo_legs_fini(&legs);
	return r;
}
