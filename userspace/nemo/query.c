/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nemo/cond_int.h"
#include "nemo/plan.h"
#include "util/own.h"

static json_t *names_json(const struct nemo_names *names)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < names->n; i++)
		json_array_append_new(array, json_string(names->v[i].text));
	return array;
}

static json_t *arg_json(const struct nemo_arg *arg)
{
	json_t *values;

	if (arg->kind == NEMO_ARG_VALUE)
		return nemo_plain_json(&arg->v[0]);
	values = json_array();
	for (unsigned int i = 0; i < arg->n; i++)
		json_array_append_new(values, nemo_plain_json(&arg->v[i]));
	return arg->kind == NEMO_ARG_LIST ? values : json_pack("{s:o}", "range", values);
}

static json_t *pairs_json(const struct nemo_pairs *pairs)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < pairs->n; i++)
		json_object_set_new(object, pairs->v[i].name.text, arg_json(&pairs->v[i].arg));
	return object;
}

static json_t *text_json(struct nemo_text *text)
{
	const char *from = text->data ? text->data : "";
	json_t *json;

	from += strspn(from, " \t\n");
	if (strncmp(from, "Action ", 7) == 0)
		from += 7;
	json = text->no_memory ? NULL : json_string(from);
	free(text->data);
	return json;
}

static json_t *type_json(const struct nemo_object *object)
{
	return object->c.type.text ? json_string(object->c.type.text) : json_null();
}

static json_t *contain_json(const struct nemo_object *object)
{
	return object->kind == NEMO_CFN ? names_json(&object->c.contain) : json_null();
}

static json_t *properties_json(const struct nemo_object *object)
{
	return object->kind == NEMO_CFN || object->kind == NEMO_CONNECTION
		       ? pairs_json(&object->c.properties)
		       : json_null();
}

static json_t *ends_json(const struct nemo_object *object)
{
	json_t *ends;

	if (object->kind != NEMO_CONNECTION)
		return json_null();
	ends = json_array();
	for (unsigned int i = 0; i < object->c.n_ends; i++)
		json_array_append_new(ends, names_json(&object->c.ends[i]));
	return ends;
}

static json_t *match_json(const struct nemo_object *object)
{
	return object->kind == NEMO_FLOW ? pairs_json(&object->c.match) : json_null();
}

static json_t *target_json(const struct nemo_object *object)
{
	return object->c.target.text ? json_string(object->c.target.text) : json_null();
}

static json_t *priority_json(const struct nemo_object *object)
{
	return object->c.has_priority ? json_integer(object->c.priority) : json_null();
}

static json_t *condition_json(const struct nemo_object *object)
{
	struct nemo_text text = {0};

	if (!object->c.condition)
		return json_null();
	nemo_print_expr(&text, object->c.condition);
	return text_json(&text);
}

static json_t *action_json(const struct nemo_object *object)
{
	const struct nemo_clauses only = {.actions = object->c.actions};
	struct nemo_text text = {0};

	if (only.actions.n == 0)
		return json_null();
	nemo_print_clauses(&text, &only);
	return text_json(&text);
}

static const struct {
	const char *item;
	json_t *(*json)(const struct nemo_object *object);
} clauses[] = {
	{"Type", type_json},	 {"Contain", contain_json},   {"Property", properties_json},
	{"EndNodes", ends_json}, {"Match", match_json},	      {"Target", target_json},
	{"Action", action_json}, {"Priority", priority_json}, {"Condition", condition_json},
};

static json_t *item_json(const struct nemo_object *object, const char *item,
			 const struct nemo_env *env)
{
	const struct nemo_arg *set;
	struct nemo_value v;

	for (size_t i = 0; i < ARRAY_SIZE(clauses); i++)
		if (strcmp(clauses[i].item, item) == 0)
			return clauses[i].json(object);
	set = nemo_object_prop(object, item);
	if (set) /* may be a list */
		return arg_json(set);
	if (env->value && env->value(env->arg, object->name, item, &v))
		return nemo_plain_json(&v);
	return json_null();
}

static json_t *object_json(const struct nemo_object *object, const struct nemo_names *items,
			   const struct nemo_env *env)
{
	json_t *values = json_object();

	for (unsigned int i = 0; i < items->n; i++)
		json_object_set_new(values, items->v[i].text,
				    item_json(object, items->v[i].text, env));
	return json_pack("{s:s, s:s, s:o}", "name", object->name, "kind",
			 nemo_object_names[object->kind], "values", values);
}

json_t *nemo_query(const struct nemo_store *store, const struct nemo_query *query,
		   const struct nemo_env *env)
{
	json_t *all = json_array();
	const struct nemo_object *object;

	for (unsigned int i = 0; i < query->from.n; i++) {
		object = nemo_store_find(store, query->from.v[i].text);
		if (object) /* the check let no other name in; it may have gone since */
			json_array_append_new(all, object_json(object, &query->items, env));
	}
	return all;
}
