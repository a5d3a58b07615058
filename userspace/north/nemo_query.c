/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queries: by themselves, and those of a script that is applied. Both are bounded: an answer is
 * made at once, on the loop. */
#include <errno.h>
#include <string.h>

#include "north/nemo.h"

#define TEXT_VALUE 64 /* bytes of text that count as one value */

/* ---- one query ---- */

/* What an answer has of values; a long text counts as several. */
static size_t values_of(const json_t *json)
{
	const char *name;
	json_t *item;
	size_t n = 0, i;

	if (json_is_string(json))
		return 1 + json_string_length(json) / TEXT_VALUE;
	if (!json_is_array(json) && !json_is_object(json))
		return 1;
	json_array_foreach((json_t *)json, i, item)
		n += values_of(item);
	json_object_foreach((json_t *)json, name, item)
		n += values_of(item);
	return n;
}

/* One object after the other, so that what is too much is never there as a whole. *left: values
 * that there is room for. NULL: err, or no memory. */
static json_t *answer(const struct enact *enact, const char *tenant, const struct nemo_query *query,
		      size_t *left, struct err *err)
{
	json_t *all = NULL;

	for (unsigned int i = 0; i < query->from.n; i++) {
		const struct nemo_query one = {
			.items = query->items,
			.from = {.v = &query->from.v[i], .n = 1},
		};
		json_t *part = enact_query(enact, tenant, &one, err);
		size_t n = part ? 1 + values_of(json_object_get(part, "results")) : 0;

		if (part && n > *left)
			err_set(err, -EINVAL, "", NULL,
				"must ask for at most %d values, all queries of a request together",
				NEMO_ANSWER_MAX);
		if (!part || n > *left) {
			json_decref(part);
			json_decref(all);
			return NULL;
		}
		*left -= n;
		if (!all) {
			all = part;
			continue;
		}
		json_array_extend(json_object_get(all, "results"),
				  json_object_get(part, "results"));
		json_decref(part);
	}
	return all;
}

/* The one query of a script that has nothing else; NULL: answered. */
static const struct nemo_query *one_query(struct req *req, const struct nemo_script *script)
{
	struct err err = {0};

	if (script->n == 1 && script->v[0].kind == NEMO_S_QUERY)
		return script->v[0].c.query;
	err_set(&err, -EINVAL, "", NULL, "must be one query: Query item, ... From name, ...");
	err_object(&err, "body");
	rest_fail(req, &err);
	return NULL;
}

static void answer_query(struct req *req, const char *tenant, const struct nemo_query *query)
{
	struct enact *enact = nemo_enact(req);
	size_t left = NEMO_ANSWER_MAX;
	struct err err = {0};
	json_t *all = enact ? answer(enact, tenant, query, &left, &err) : NULL;

	if (all)
		rest_json(req, 200, all);
	else if (err.code)
		rest_fail(req, &err);
	else if (enact)
		rest_json(req, 500, NULL);
}

void nemo_query_post(struct req *req)
{
	const struct intent *intent = req->north->conf.intent;
	struct nemo_diags diags = {0};
	struct nemo_script *script;
	const struct nemo_query *query;
	struct nemo_ask ask;

	if (!nemo_ask(req, &ask))
		return;
	script = nemo_parse(req->data ?: "", req->len, &diags);
	query = script ? one_query(req, script) : NULL;
	if (script && query)
		nemo_check(script, intent_store(intent, ask.tenant), NULL, &diags);
	if (!script || diags.errors)
		nemo_refused(req, &diags, NULL);
	else if (query)
		answer_query(req, ask.tenant, query);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
}

/* ---- those of a script ---- */

/* At least as many as it has statements: the word is reserved, but may stand elsewhere, too. */
static size_t count_words(const char *text, size_t len)
{
	static const char word[] = "Query";
	const char *p = text, *end = text + len;
	size_t n = 0;

	while (p && (p = memmem(p, (size_t)(end - p), word, sizeof(word) - 1))) {
		n++;
		p += sizeof(word) - 1;
	}
	return n;
}

bool nemo_queries_fit(struct req *req)
{
	struct nemo_diags diags = {0};
	struct nemo_script *script = NULL;
	unsigned int n = 0;
	bool fits;

	if (req->len && count_words(req->data, req->len) > NEMO_QUERIES_MAX)
		script = nemo_parse(req->data, req->len, &diags);
	for (unsigned int i = 0; script && i < script->n; i++) {
		if (script->v[i].kind == NEMO_S_QUERY && ++n == NEMO_QUERIES_MAX + 1)
			nemo_error(&diags, NEMO_COMMIT, script->v[i].at,
				   "at most %d queries of a script are answered", NEMO_QUERIES_MAX);
	}
	fits = n <= NEMO_QUERIES_MAX;
	if (!fits)
		nemo_refused(req, &diags, NULL);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	return fits;
}

json_t *nemo_answers(const struct enact *enact, const char *tenant, const char *text, size_t len)
{
	struct nemo_diags diags = {0};
	struct nemo_script *script = NULL;
	size_t left = NEMO_ANSWER_MAX;
	json_t *list = json_array();
	bool full = false;

	if (enact && text && len && count_words(text, len))
		script = nemo_parse(text, len, &diags);
	for (unsigned int i = 0; script && i < script->n && !full; i++) {
		struct err err = {0};
		char why[512];
		json_t *one;

		if (script->v[i].kind != NEMO_S_QUERY)
			continue;
		one = answer(enact, tenant, script->v[i].c.query, &left, &err);
		full = err.code == -EINVAL;
		json_array_append_new(
			list, one ?: json_pack("{s:s}", "error", err_text(&err, why, sizeof(why))));
	}
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	return list;
}
