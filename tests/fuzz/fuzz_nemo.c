/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a NEMO script: one error with a place in the text, or a tree that, written, is read
 * as the same tree. What is right against an empty store stays so when it is written again, and the
 * store that comes of it is written as a script that gives the same store.
 */
#include <stdlib.h>
#include <string.h>

#include "nemo/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_places(const struct nemo_diags *diags, const char *text, size_t size)
{
	uint32_t lines = 1;
	char *shown = nemo_diags_text(diags, "f", text, size);

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	for (unsigned int i = 0; i < diags->n; i++) {
		must(diags->v[i].at.line >= 1 && diags->v[i].at.line <= lines);
		must(diags->v[i].at.column >= 1 && diags->v[i].at.column <= size + 1);
		must(diags->v[i].reason[0] != '\0');
	}
	must(shown != NULL);
	free(shown);
}

static void check_errors(const struct nemo_diags *diags)
{
	json_t *json = nemo_errors_json(diags);

	must(diags->errors > 0 && !diags->no_memory);
	must(json_array_size(json_object_get(json, "errors")) > 0);
	json_decref(json);
}

static char *printed(const struct nemo_script *script)
{
	struct nemo_text out = {0};

	nemo_text_add(&out, "%s", "");
	for (unsigned int i = 0; i < script->n; i++)
		nemo_print_stmt(&out, &script->v[i]);
	must(!out.no_memory);
	return out.data;
}

/* Of a script that is right, but for places. */
static json_t *statements(const struct nemo_script *script)
{
	struct nemo_diags none = {0};
	json_t *json = nemo_script_json(script, &none), *all, *stmt;
	size_t i;

	must(json != NULL);
	all = json_incref(json_object_get(json, "statements"));
	json_decref(json);
	must(json_array_size(all) == script->n);
	json_array_foreach(all, i, stmt)
		json_object_del(stmt, "at");
	return all;
}

static struct nemo_script *read_right(const char *text)
{
	struct nemo_diags diags = {0};
	struct nemo_script *script = nemo_parse(text, strlen(text), &diags);

	must(script && diags.n == 0);
	return script;
}

static void check_right(struct nemo_script *script, const struct nemo_store *before,
			struct nemo_store **after)
{
	struct nemo_diags diags = {0};

	must(nemo_check(script, before, after, &diags) == 0 && diags.errors == 0);
	nemo_diags_fini(&diags);
}

/* Written, read (and checked): the same statements, and the same writing. */
static void check_writing(const struct nemo_script *script)
{
	char *text = printed(script), *again;
	struct nemo_script *other = read_right(text);
	struct nemo_store *empty = nemo_store_new();
	json_t *a = statements(script), *b;

	if (script->checked)
		check_right(other, empty, NULL);
	b = statements(other);
	again = printed(other);
	must(json_equal(a, b) && !strcmp(text, again));
	json_decref(a);
	json_decref(b);
	free(text);
	free(again);
	nemo_script_free(other);
	nemo_store_free(empty);
}

static void check_same(const struct nemo_store *a, const struct nemo_store *b)
{
	json_t *diff = nemo_diff(a, b);

	must(json_is_array(diff) && json_array_size(diff) == 0);
	json_decref(diff);
}

/* The store's script gives the same store from nothing, and changes nothing in that store. */
static void check_export(const struct nemo_store *empty, const struct nemo_store *store)
{
	char *text = nemo_export(store), *again;
	struct nemo_script *script = read_right(text);
	struct nemo_store *other = NULL, *same = NULL;

	check_right(script, empty, &other);
	check_same(store, other);
	again = nemo_export(other);
	must(!strcmp(text, again));
	nemo_script_free(script);
	script = read_right(text);
	check_right(script, store, &same);
	check_same(store, same);
	nemo_script_free(script);
	nemo_store_free(other);
	nemo_store_free(same);
	free(text);
	free(again);
}

static void check_meaning(struct nemo_script *script, const char *text, size_t size)
{
	struct nemo_store *empty = nemo_store_new(), *store = NULL;
	struct nemo_diags diags = {0};

	if (nemo_check(script, empty, &store, &diags) == 0) {
		must(script->checked && store && diags.errors == 0);
		check_writing(script);
		check_export(empty, store);
	} else {
		must(!store);
		check_errors(&diags);
	}
	check_places(&diags, text, size);
	nemo_diags_fini(&diags);
	nemo_store_free(store);
	nemo_store_free(empty);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct nemo_diags diags = {0};
	struct nemo_script *script = nemo_parse(text, size, &diags);

	check_places(&diags, text, size);
	if (script) {
		must(diags.errors == 0);
		check_writing(script);
		check_meaning(script, text, size);
	} else {
		must(diags.errors == 1);
		check_errors(&diags);
	}
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	return 0;
}
