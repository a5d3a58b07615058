/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "nemo/cond_int.h"

static const char *const truth_names[] =
	{[NEMO_FALSE] = "false", [NEMO_TRUE] = "true", [NEMO_UNKNOWN] = "unknown"};

static json_t *text_json(const struct nemo_expr *e)
{
	struct nemo_text text = {0};
	json_t *json = NULL;

	nemo_print_expr(&text, e);
	if (!text.no_memory)
		json = json_string(text.data ? text.data : "");
	free(text.data);
	return json;
}

/* What the variable of a term is; of two variables the left one. */
static json_t *current_json(const struct nemo_expr *term, const struct nemo_env *env)
{
	const struct nemo_expr *e = term;
	struct nemo_value v;

	if (cond_is_compare(term))
		e = term->args[0]->kind == NEMO_E_VALUE ? term->args[1] : term->args[0];
	return cond_value(e, env, &v) ? nemo_plain_json(&v) : json_null();
}

/* Terms are what has no Boolean operation inside. */
static int add_terms(json_t *terms, const struct nemo_expr *e, const struct nemo_env *env)
{
	bool inner = e->kind == NEMO_E_OP && !cond_is_compare(e);

	for (unsigned int i = 0; e->kind == NEMO_E_OP && i < e->n; i++)
		inner |= e->args[i]->kind == NEMO_E_OP;
	if (!inner)
		return json_array_append_new(terms,
					     json_pack("{s:o, s:s, s:o}", "text", text_json(e),
						       "result", truth_names[nemo_eval(e, env)],
						       "value", current_json(e, env)));
	for (unsigned int i = 0; i < e->n; i++)
		if (e->args[i]->kind != NEMO_E_VALUE && add_terms(terms, e->args[i], env) < 0)
			return -1;
	return 0;
}

json_t *nemo_eval_json(const struct nemo_expr *cond, const struct nemo_env *env)
{
	json_t *terms = json_array();

	if (terms && cond && add_terms(terms, cond, env) < 0) {
		json_decref(terms);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o}", "result", truth_names[nemo_eval(cond, env)], "text",
			 cond ? text_json(cond) : json_string(""), "terms", terms);
}
