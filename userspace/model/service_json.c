/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON form of a service. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <san/map_abi.h>

#include "model/curve.h"
#include "model/in6.h"
#include "model/service.h"
#include "util/json.h"
#include "util/own.h"

#define HOLD_MS_MAX 3600000
#define MAX_AGE_MS_MIN 100
#define MAX_AGE_MS_MAX 86400000

static const char *const strategy_names[] = {"none", "experience-first", "cost-first",
					     "resource-first"};
_Static_assert(ARRAY_SIZE(strategy_names) == STRATEGY_MAX, "a name for every strategy");

static const char *const stale_names[] = {"exclude", "hold", "worsen"};
_Static_assert(ARRAY_SIZE(stale_names) == STALE_POLICY_MAX, "a name for every policy");

static const char *const op_names[] = {"<", "<=", ">", ">="};
_Static_assert(ARRAY_SIZE(op_names) == REQ_OP_MAX, "a name for every operator");

static const char *const selection_names[] = {"preferred", "balanced"};
static const uint8_t selections[] = {SAN_MODE_PREFERRED, SAN_MODE_BALANCED};
static const char *const affinity_names[] = {"none", "hash", "flow"};
_Static_assert(ARRAY_SIZE(affinity_names) == SAN_AFFINITY_FLOW + 1, "a name for every affinity");
static const char *const key_names[] = {"5-tuple", "source"};
static const char *const steering_names[] = {"instance", "gateway"};
_Static_assert(ARRAY_SIZE(steering_names) == STEERING_MAX, "a name for every steering");

const char *requirement_op_text(uint8_t op)
{
	return op < REQ_OP_MAX ? op_names[op] : "?";
}

/* A service as it is read, with all the room it may need. */
struct draft {
	struct service svc;
	struct term terms[SERVICE_MAX_TERMS];
	struct requirement requirements[SERVICE_MAX_REQUIREMENTS];
	struct curve_point points[SERVICE_MAX_TERMS][CURVE_MAX_POINTS];
	char access[SERVICE_MAX_ACCESS][NAME_LEN];
};

/* ---- reading ---- */

static int read_attr(const json_t *obj, uint16_t *attr, struct err *err)
{
	const char *name = NULL;
	int r = json_get_str(obj, "attribute", JSON_REQUIRED, &name, err);

	if (r)
		return r;
	r = attr_intern(name, attr);
	if (r == -ENOSPC)
		return err_set(err, r, "/attribute", name,
			       "must be a name already in use: all %d names are taken", ATTR_LIMIT);
	if (r)
		return err_set(err, r, "/attribute", name,
			       "must be a name of 1..63 of [A-Za-z0-9._-]");
	return 0;
}

static int read_term(const json_t *obj, struct draft *draft, int i, struct err *err)
{
	static const char *const allowed[] = {"attribute", "curve", "weight", NULL};
	struct term *term = &draft->terms[i];
	struct curve_room room = {&term->curve, draft->points[i]};
	int64_t weight = WEIGHT_BY_STRATEGY;
	json_t *curve = NULL;
	int r = json_only(obj, allowed, err);

	if (r == 0)
		r = read_attr(obj, &term->attr, err);
	if (r == 0)
		r = json_get_object(obj, "curve", JSON_REQUIRED, &curve, err);
	if (r)
		return r;
	r = curve_from_json(curve, term->attr, room, err);
	if (r)
		return err_prefix(err, "/curve");
	r = json_get_int(obj, "weight", JSON_OPTIONAL, (struct json_range){0, WEIGHT_MAX}, &weight,
			 err);
	term->weight = (int16_t)weight;
	return r;
}

static int read_requirement(const json_t *obj, struct draft *draft, int i, struct err *err)
{
	static const char *const allowed[] = {"attribute", "op", "value", NULL};
	struct requirement *req = &draft->requirements[i];
	int op = 0;
	int r = json_only(obj, allowed, err);

	if (r == 0)
		r = read_attr(obj, &req->attr, err);
	if (r == 0)
		r = json_get_enum(obj, "op", JSON_REQUIRED, op_names, REQ_OP_MAX, &op, err);
	if (r)
		return r;
	req->op = (uint8_t)op;
	r = attr_from_json(req->attr, json_object_get(obj, "value"), &req->milli, err);
	return r ? err_prefix(err, "/value") : 0;
}

struct list {
	const char *name;
	size_t max;
	int (*read)(const json_t *obj, struct draft *draft, int i, struct err *err);
};

/* *n = number of items; untouched if the member is absent. */
static int read_list(const json_t *obj, const struct list *list, struct draft *draft, uint8_t *n,
		     struct err *err)
{
	json_t *array = NULL;
	int r = json_get_array(obj, list->name, JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (json_array_size(array) > list->max) {
		err_set(err, -ENOSPC, "", NULL, "must have at most %zu items", list->max);
		return err_prefix(err, "/%s", list->name);
	}
	*n = (uint8_t)json_array_size(array);
	for (int i = 0; i < *n; i++) {
		const json_t *item = json_array_get(array, (size_t)i);

		r = json_is_obj(item, err);
		if (r == 0)
			r = list->read(item, draft, i, err);
		if (r)
			return err_prefix(err, "/%s/%d", list->name, i);
	}
	return 0;
}

static int read_lists(const json_t *obj, struct draft *draft, struct err *err)
{
	static const struct list terms = {"evaluation", SERVICE_MAX_TERMS, read_term};
	static const struct list requirements = {"requirements", SERVICE_MAX_REQUIREMENTS,
						 read_requirement};
	const json_t *evaluation = json_object_get(obj, terms.name);
	struct service *svc = &draft->svc;
	int r;

	if (evaluation && !json_is_null(evaluation)) {
		svc->n_terms = 0; /* replaces the default */
		svc->terms = draft->terms;
	}
	svc->requirements = draft->requirements;
	r = read_list(obj, &terms, draft, &svc->n_terms, err);
	return r ? r : read_list(obj, &requirements, draft, &svc->n_requirements, err);
}

static int read_hysteresis(const json_t *obj, struct service *svc, struct err *err)
{
	static const char *const allowed[] = {"margin", "hold_ms", NULL};
	int64_t margin = svc->margin, hold = svc->hold_ms;
	int r = json_only(obj, allowed, err);

	if (r == 0)
		r = json_get_int(obj, "margin", JSON_OPTIONAL, (struct json_range){0, METRIC_MAX},
				 &margin, err);
	if (r == 0)
		r = json_get_int(obj, "hold_ms", JSON_OPTIONAL, (struct json_range){0, HOLD_MS_MAX},
				 &hold, err);
	svc->margin = (int32_t)margin;
	svc->hold_ms = (uint32_t)hold;
	return r;
}

static int read_freshness(const json_t *obj, struct service *svc, struct err *err)
{
	static const char *const allowed[] = {"max_age_ms", "policy", NULL};
	int64_t max_age = svc->max_age_ms;
	int policy = svc->stale;
	int r = json_only(obj, allowed, err);

	if (r == 0)
		r = json_get_int(obj, "max_age_ms", JSON_OPTIONAL,
				 (struct json_range){MAX_AGE_MS_MIN, MAX_AGE_MS_MAX}, &max_age,
				 err);
	if (r == 0)
		r = json_get_enum(obj, "policy", JSON_OPTIONAL, stale_names, STALE_POLICY_MAX,
				  &policy, err);
	svc->max_age_ms = (uint32_t)max_age;
	svc->stale = (uint8_t)policy;
	return r;
}

/* An optional member that is an object of its own. */
static int read_part(const json_t *obj, const char *name, struct service *svc,
		     int (*read)(const json_t *, struct service *, struct err *), struct err *err)
{
	json_t *part = NULL;
	int r = json_get_object(obj, name, JSON_OPTIONAL, &part, err);

	if (r || !part)
		return r;
	r = read(part, svc, err);
	return r ? err_prefix(err, "/%s", name) : 0;
}

static int read_name(const json_t *obj, struct service *svc, struct err *err)
{
	int r = json_get_text(obj, "name", JSON_OPTIONAL, svc->name, sizeof(svc->name), err);

	if (r == 0 && json_is_string(json_object_get(obj, "name")) && !name_valid(svc->name))
		return err_set(err, -EINVAL, "/name", svc->name,
			       "must be a name of 1..63 of [A-Za-z0-9._-]");
	return r;
}

static int read_choices(const json_t *obj, struct service *svc, struct err *err)
{
	int strategy = svc->strategy, selection = 0, steering = svc->steering;
	int r = json_get_enum(obj, "strategy", JSON_OPTIONAL, strategy_names, STRATEGY_MAX,
			      &strategy, err);

	if (r == 0)
		r = json_get_enum(obj, "selection", JSON_OPTIONAL, selection_names,
				  ARRAY_SIZE(selection_names), &selection, err);
	if (r == 0)
		r = json_get_enum(obj, "steering", JSON_OPTIONAL, steering_names, STEERING_MAX,
				  &steering, err);
	svc->strategy = (uint8_t)strategy;
	svc->mode = selections[selection];
	svc->steering = (uint8_t)steering;
	return r;
}

static int read_affinity(const json_t *obj, struct service *svc, struct err *err)
{
	int affinity = svc->affinity, key = 0;
	int64_t idle = svc->flow_idle_s;
	int r = json_get_enum(obj, "affinity", JSON_OPTIONAL, affinity_names,
			      ARRAY_SIZE(affinity_names), &affinity, err);

	if (r == 0)
		r = json_get_enum(obj, "affinity_key", JSON_OPTIONAL, key_names,
				  ARRAY_SIZE(key_names), &key, err);
	if (r == 0)
		r = json_get_int(obj, "flow_idle_s", JSON_OPTIONAL,
				 (struct json_range){0, FLOW_IDLE_S_MAX}, &idle, err);
	svc->affinity = (uint8_t)affinity;
	svc->affinity_key = key ? SAN_SVC_KEY_SOURCE : 0;
	svc->flow_idle_s = (uint32_t)idle;
	return r;
}

static int read_group(const json_t *value, struct draft *draft, int i, struct err *err)
{
	const char *name = json_string_value(value);

	if (!name || !name_valid(name))
		return err_set(err, -EINVAL, "", name,
			       "must be the name of an access group, 1..63 of [A-Za-z0-9._-]");
	for (int k = 0; k < i; k++)
		if (strcmp(draft->access[k], name) == 0)
			return err_set(err, -EINVAL, "", name, "must be named once");
	strcpy(draft->access[i], name);
	return 0;
}

/* An empty list would be a service for nobody, which is most likely a mistake. */
static int read_access(const json_t *obj, struct draft *draft, struct err *err)
{
	json_t *array = NULL;
	size_t n;
	int r = json_get_array(obj, "access", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	n = json_array_size(array);
	if (n < 1 || n > SERVICE_MAX_ACCESS)
		return err_set(err, n ? -ENOSPC : -EINVAL, "/access", NULL,
			       "must name 1..%d access groups, or be absent", SERVICE_MAX_ACCESS);
	for (size_t i = 0; i < n; i++) {
		r = read_group(json_array_get(array, i), draft, (int)i, err);
		if (r)
			return err_prefix(err, "/access/%zu", i);
	}
	draft->svc.access = draft->access;
	draft->svc.n_access = (uint8_t)n;
	return 0;
}

static int read_max_updates(const json_t *obj, struct service *svc, struct err *err)
{
	int64_t n = svc->max_updates_per_s;
	int r = json_get_int(obj, "max_updates_per_s", JSON_OPTIONAL,
			     (struct json_range){1, MAX_UPDATES_MAX}, &n, err);

	svc->max_updates_per_s = (uint16_t)n;
	return r;
}

static int read_service(const json_t *obj, struct draft *draft, struct err *err)
{
	struct service *svc = &draft->svc;
	int r = read_name(obj, svc, err);

	if (r == 0)
		r = in6_from_json(obj, "address", JSON_OPTIONAL, &svc->address, err);
	if (r == 0)
		r = in4_from_json(obj, "address4", JSON_OPTIONAL, &svc->address4, err);
	if (r == 0)
		r = read_choices(obj, svc, err);
	if (r == 0)
		r = read_affinity(obj, svc, err);
	if (r == 0)
		r = read_access(obj, draft, err);
	if (r == 0)
		r = read_lists(obj, draft, err);
	if (r == 0)
		r = read_part(obj, "hysteresis", svc, read_hysteresis, err);
	if (r == 0)
		r = read_part(obj, "freshness", svc, read_freshness, err);
	if (r == 0)
		r = read_max_updates(obj, svc, err);
	return r;
}

static int parse_id(const json_t *value, uint64_t *id)
{
	if (json_is_string(value))
		return svc_id_parse(json_string_value(value), id);
	if (!json_is_integer(value) || json_integer_value(value) <= 0)
		return -EINVAL;
	*id = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_id(const json_t *obj, uint64_t expect_id, uint64_t *id, struct err *err)
{
	const json_t *value = json_object_get(obj, "id");
	char text[SVC_ID_TEXT];
	OWN_PTR char *given = NULL;

	*id = expect_id;
	if (expect_id != 0 && (!value || json_is_null(value)))
		return 0;
	if (value && parse_id(value, id) == 0 && (expect_id == 0 || *id == expect_id))
		return 0;
	given = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	if (expect_id != 0)
		return err_set(err, -EINVAL, "/id", given,
			       "must be %s, as the place it is put to, or absent",
			       svc_id_text(expect_id, text));
	return err_set(err, -EINVAL, "/id", given,
		       "must be a service ID: \"0x101\" or a number, 1..0xffffffffffffffff");
}

/* The last 2^32 are for what hosts make themselves. */
static int check_id(uint64_t id, struct err *err)
{
	char text[SVC_ID_TEXT];

	if (id < SAN_SERVICE_OWN_MIN)
		return 0;
	return err_set(err, -EINVAL, "/id", svc_id_text(id, text),
		       "must be below 0x%llx: the others are kept for connections",
		       SAN_SERVICE_OWN_MIN);
}

int service_from_json(const json_t *obj, uint64_t expect_id, struct service **out, struct err *err)
{
	static const char *const allowed[] = {"id",
					      "name",
					      "address",
					      "address4",
					      "strategy",
					      "selection",
					      "steering",
					      "affinity",
					      "affinity_key",
					      "flow_idle_s",
					      "access",
					      "evaluation",
					      "requirements",
					      "hysteresis",
					      "freshness",
					      "max_updates_per_s",
					      NULL};
	struct err ignored;
	uint16_t names = attr_count();
	char text[SVC_ID_TEXT];
	struct draft draft;
	uint64_t id = 0;
	int r;

	err = err ? err : &ignored;
	r = json_is_obj(obj, err);
	if (r == 0)
		r = json_only(obj, allowed, err);
	if (r == 0)
		r = read_id(obj, expect_id, &id, err) ?: check_id(id, err);
	if (r)
		return r;
	service_init(&draft.svc, id);
	r = read_service(obj, &draft, err);
	if (!r && service_copy(&draft.svc, out))
		r = err_set(err, -ENOMEM, "", NULL, "no memory");
	if (r) {
		attr_forget(names);
		err_object(err, "service %s", svc_id_text(id, text));
	}
	return r;
}

static json_t *term_to_json(const struct term *term)
{
	json_t *obj = json_pack("{s:s, s:o}", "attribute", attr_name(term->attr), "curve",
				curve_to_json(&term->curve));

	if (obj && term->weight != WEIGHT_BY_STRATEGY)
		json_object_set_new(obj, "weight", json_integer(term->weight));
	return obj;
}

static json_t *requirement_to_json(const struct requirement *req)
{
	return json_pack("{s:s, s:s, s:o}", "attribute", attr_name(req->attr), "op",
			 requirement_op_text(req->op), "value", attr_to_json(req->milli));
}

/* Appends item, takes both; NULL if either is missing or memory is. */
static json_t *append(json_t *array, json_t *item)
{
	if (json_array_append_new(array, item) == 0)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *terms_to_json(const struct service *svc)
{
	json_t *array = json_array();

	for (int i = 0; i < svc->n_terms; i++)
		array = append(array, term_to_json(&svc->terms[i]));
	return array;
}

static json_t *requirements_to_json(const struct service *svc)
{
	json_t *array = json_array();

	for (int i = 0; i < svc->n_requirements; i++)
		array = append(array, requirement_to_json(&svc->requirements[i]));
	return array;
}

static json_t *access_to_json(const struct service *svc)
{
	json_t *array = json_array();

	for (int i = 0; i < svc->n_access; i++)
		array = append(array, json_string(svc->access[i]));
	return array;
}

static void options_to_json(const struct service *svc, json_t *obj)
{
	const struct in6_addr address4 = in4_mapped(svc->address4);

	if (svc->name[0])
		json_object_set_new(obj, "name", json_string(svc->name));
	in6_to_json(obj, "address", &svc->address);
	in6_to_json(obj, "address4", &address4);
	if (svc->n_access)
		json_object_set_new(obj, "access", access_to_json(svc));
}

json_t *service_to_json(const struct service *svc)
{
	char id[SVC_ID_TEXT];
	json_t *obj = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:{s:i, s:i}, s:{s:i, s:s}, s:i}",
		"id", svc_id_text(svc->id, id), "strategy", strategy_names[svc->strategy],
		"selection", selection_names[svc->mode == SAN_MODE_BALANCED], "steering",
		steering_names[svc->steering], "affinity", affinity_names[svc->affinity],
		"affinity_key", key_names[svc->affinity_key == SAN_SVC_KEY_SOURCE], "flow_idle_s",
		(int)svc->flow_idle_s, "evaluation", terms_to_json(svc), "requirements",
		requirements_to_json(svc), "hysteresis", "margin", (int)svc->margin, "hold_ms",
		(int)svc->hold_ms, "freshness", "max_age_ms", (int)svc->max_age_ms, "policy",
		stale_names[svc->stale], "max_updates_per_s", (int)svc->max_updates_per_s);

	if (obj)
		options_to_json(svc, obj);
	return obj;
}
