/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/golden/nemo/: NAME.nemo is a script; NAME.json its canonical JSON after the check, or
 * NAME.err the errors (reasons only where they stand there), NAME.syntax.json and NAME.syntax.err
 * the same of the parser alone. What passes the check is also printed, exported and read again.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nemo/store.h"

#define DIR_NAME "tests/golden/nemo"
#define FILES_MIN 150
#define TEXT_MAX 65536

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text;

	if (!file)
		return NULL;
	text = malloc(TEXT_MAX);
	assert_non_null(text);
	*len = fread(text, 1, TEXT_MAX, file);
	assert_true(*len < TEXT_MAX);
	text[*len] = '\0';
	fclose(file);
	return text;
}

/* NULL: there is no such file. */
static json_t *expectation(const char *name, const char *suffix)
{
	char path[512];
	json_error_t error;
	json_t *json;
	FILE *file;

	snprintf(path, sizeof(path), DIR_NAME "/%s%s", name, suffix);
	file = fopen(path, "rb");
	if (!file)
		return NULL;
	json = json_loadf(file, 0, &error);
	fclose(file);
	if (!json)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return json;
}

/* Reasons that are not expected are not compared. */
static void forget_reasons(json_t *is, const json_t *want)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(is, "errors"), i, entry) {
		json_t *other = json_array_get(json_object_get(want, "errors"), i);

		assert_true(json_string_length(json_object_get(entry, "reason")) > 0);
		if (other && !json_object_get(other, "reason"))
			json_object_del(entry, "reason");
	}
}

static bool same(const char *name, json_t *is, const json_t *want)
{
	char *text;

	forget_reasons(is, want);
	if (json_equal(is, want))
		return true;
	text = json_dumps(is, JSON_INDENT(1));
	print_message("%s: is %s\n", name, text);
	free(text);
	text = json_dumps(want, JSON_INDENT(1));
	print_message("%s: must be %s\n", name, text);
	free(text);
	return false;
}

static char *text_of(const struct nemo_store *store)
{
	char *text = nemo_export(store);

	assert_non_null(text);
	return text;
}

/* The export gives the same store from nothing, and changes nothing of this one. */
static void round_trip(const struct nemo_store *store)
{
	struct nemo_store *empty = nemo_store_new(), *again = NULL, *same_store = NULL;
	struct nemo_diags diags = {0};
	char *text = text_of(store), *second;
	struct nemo_script *script = nemo_parse(text, strlen(text), &diags);
	json_t *changes;

	assert_non_null(script);
	assert_int_equal(nemo_check(script, empty, &again, &diags), 0);
	second = text_of(again);
	assert_string_equal(text, second);
	assert_int_equal(nemo_check(script, store, &same_store, &diags), 0);
	changes = nemo_diff(store, same_store);
	assert_int_equal(json_array_size(changes), 0);
	json_decref(changes);
	changes = nemo_diff(store, again);
	assert_int_equal(json_array_size(changes), 0);
	json_decref(changes);
	free(text);
	free(second);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	nemo_store_free(empty);
	nemo_store_free(again);
	nemo_store_free(same_store);
}

static json_t *result(const struct nemo_script *script, const struct nemo_diags *diags, int r)
{
	json_t *json = r < 0 ? nemo_errors_json(diags) : nemo_script_json(script, diags);

	assert_non_null(json);
	return json;
}

/* One level of one script. */
static bool run(const char *name, const char *text, size_t len, const char *suffixes[2])
{
	bool check = suffixes[0][1] != 's', ok;
	json_t *good = expectation(name, suffixes[0]), *bad = expectation(name, suffixes[1]), *is;
	struct nemo_store *empty = nemo_store_new(), *after = NULL;
	struct nemo_diags diags = {0};
	struct nemo_script *script = nemo_parse(text, len, &diags);
	int r = script ? 0 : -1;

	if (script && check)
		r = nemo_check(script, empty, &after, &diags);
	is = result(script, &diags, r);
	if (check && !good == !bad)
		fail_msg("%s.nemo needs either %s.json or %s.err", name, name, name);
	ok = !(good || bad) || same(name, is, good ? good : bad);
	if (after)
		round_trip(after);
	json_decref(good);
	json_decref(bad);
	json_decref(is);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	nemo_store_free(empty);
	nemo_store_free(after);
	return ok;
}

static bool run_file(const char *name)
{
	const char *semantic[2] = {".json", ".err"}, *syntax[2] = {".syntax.json", ".syntax.err"};
	char path[512];
	size_t len;
	char *text;
	bool ok;

	snprintf(path, sizeof(path), DIR_NAME "/%s.nemo", name);
	text = read_file(path, &len);
	assert_non_null(text);
	ok = run(name, text, len, semantic);
	ok = run(name, text, len, syntax) && ok;
	free(text);
	return ok;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static void all_files(void **state)
{
	DIR *dir = opendir(DIR_NAME);
	unsigned int n = 0, wrong = 0;
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char name[256];

		if (!ends_with(entry->d_name, ".nemo"))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(strlen(entry->d_name) - 5),
			 entry->d_name);
		n++;
		wrong += !run_file(name);
	}
	closedir(dir);
	assert_true(n >= FILES_MIN);
	assert_int_equal(wrong, 0);
}

/* Every expectation has its script. */
static void no_orphans(void **state)
{
	static const char *const suffixes[] = {".syntax.json", ".syntax.err", ".json", ".err"};
	DIR *dir = opendir(DIR_NAME);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[600];
		FILE *file;

		for (unsigned int i = 0; i < 4; i++) {
			if (!ends_with(entry->d_name, suffixes[i]))
				continue;
			snprintf(path, sizeof(path), DIR_NAME "/%.*s.nemo",
				 (int)(strlen(entry->d_name) - strlen(suffixes[i])), entry->d_name);
			file = fopen(path, "rb");
			if (!file)
				fail_msg("%s is missing for %s", path, entry->d_name);
			fclose(file);
			break;
		}
	}
	closedir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_files),
		cmocka_unit_test(no_orphans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
