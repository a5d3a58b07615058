/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cost types, constraints and calendars of a request (RFC 7285, 11.3.2.3; RFC 8189, 4.1.2; RFC
 * 8896, 4.1.1), in the order of the RFCs' lists of fields. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/cost.h"
#include "util/json.h"

int alto_cost_element(struct alto_error *error, const char *field, const json_t *value,
		      const char *why)
{
	char *text = json_text(value);

	alto_wrong_value(error, field, text, "%s", why);
	free(text);
	return -EINVAL;
}

/* Index of the offered type that an element of array `field` asks for. */
static int add_type(const struct alto_cost_ask *ask, json_t *element, const char *field,
		    uint8_t *type, struct alto_error *error)
{
	const struct alto_cost_type *found = NULL;
	json_t *holder;
	int ret;

	if (!json_is_object(element))
		return alto_cost_element(error, field, element, "must be a cost type");
	holder = json_pack("{s:O}", field, element);
	if (!holder)
		return -ENOMEM;
	ret = alto_get_cost_type(holder, "", field, true, ask->offered, ask->n_offered, &found,
				 error);
	json_decref(holder);
	if (ret == 0)
		*type = (uint8_t)(found - ask->offered);
	return ret;
}

/* Array of 1..ALTO_COST_TYPES_MAX cost types. */
static int get_types(const struct alto_cost_ask *ask, const json_t *array, const char *field,
		     uint8_t *types, unsigned int *n, struct alto_error *error)
{
	size_t size = json_array_size(array);

	if (!json_is_array(array))
		return alto_wrong_type(error, field, "must be an array");
	if (size < 1 || size > ALTO_COST_TYPES_MAX)
		return alto_wrong_value(error, field, NULL, "must hold 1..%d cost types",
					ALTO_COST_TYPES_MAX);
	for (size_t i = 0; i < size; i++) {
		int ret = add_type(ask, json_array_get(array, i), field, &types[i], error);

		if (ret)
			return ret;
	}
	*n = (unsigned int)size;
	return 0;
}

/* Exactly one of cost-type and multi-cost-types. */
static int asked_types(const json_t *body, struct alto_cost_ask *ask, struct alto_error *error)
{
	const json_t *multi = json_object_get(body, "multi-cost-types");
	const struct alto_cost_type *one = NULL;
	int ret;

	ret = alto_get_cost_type(body, "", "cost-type", !multi, ask->offered, ask->n_offered, &one,
				 error);
	if (ret)
		return ret;
	if (one && multi)
		return alto_wrong_value(error, "multi-cost-types", NULL,
					"must not stand beside \"cost-type\"");
	if (multi) {
		ask->multi = true;
		return get_types(ask, multi, "multi-cost-types", ask->types, &ask->n_types, error);
	}
	ask->types[0] = (uint8_t)(one - ask->offered);
	ask->n_types = 1;
	return 0;
}

/* Default: what is asked for. */
static int testable_types(const json_t *body, struct alto_cost_ask *ask, struct alto_error *error)
{
	const json_t *types = json_object_get(body, "testable-cost-types");

	if (types)
		return get_types(ask, types, "testable-cost-types", ask->testable, &ask->n_testable,
				 error);
	memcpy(ask->testable, ask->types, sizeof(ask->testable));
	ask->n_testable = ask->n_types;
	return 0;
}

/* Types without a calendar are answered as if false had been said (RFC 8896, 4.1.1). */
static bool has_calendar(const struct alto_source *s, const struct alto_cost_type *type)
{
	return s->calendar.n_intervals > 0 && type->metric == ALTO_ROUTINGCOST &&
	       type->mode == ALTO_NUMERICAL;
}

static int calendars(const struct alto_source *s, const json_t *body, struct alto_cost_ask *ask,
		     struct alto_error *error)
{
	const json_t *array = json_object_get(body, "calendared");

	if (!array)
		return 0;
	if (!json_is_array(array))
		return alto_wrong_type(error, "calendared", "must be an array");
	if (json_array_size(array) != ask->n_types)
		return alto_wrong_value(error, "calendared", NULL,
					"must hold one boolean for each of %u cost types",
					ask->n_types);
	for (unsigned int i = 0; i < ask->n_types; i++) {
		const json_t *flag = json_array_get(array, i);

		if (!json_is_boolean(flag))
			return alto_cost_element(error, "calendared", flag,
						 "must be true or false");
		ask->calendared[i] =
			json_is_true(flag) && has_calendar(s, &ask->offered[ask->types[i]]);
	}
	return 0;
}

int alto_cost_ask_parse(const struct alto_source *s, const json_t *body, struct alto_cost_ask *ask,
			struct alto_error *error)
{
	int ret;

	memset(ask, 0, sizeof(*ask));
	ask->n_offered = alto_cost_types(s, ask->offered);
	ret = asked_types(body, ask, error);
	if (ret == 0)
		ret = testable_types(body, ask, error);
	if (ret == 0)
		ret = alto_cost_constraints(body, ask, error);
	if (ret == 0)
		ret = calendars(s, body, ask, error);
	return ret;
}
