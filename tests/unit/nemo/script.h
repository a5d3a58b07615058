/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts in tests: parsed, refused at a place, printed, as JSON. */
#ifndef UNIT_NEMO_SCRIPT_H
#define UNIT_NEMO_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nemo/ast.h"

static inline struct nemo_script *script_n(const char *text, size_t len, struct nemo_diags *diags)
{
	struct nemo_script *script;

	*diags = (struct nemo_diags){0};
	script = nemo_parse(text, len, diags);
	if (!script && diags->n)
		print_message("%u:%u: %s\n", diags->v[diags->n - 1].at.line,
			      diags->v[diags->n - 1].at.column, diags->v[diags->n - 1].reason);
	assert_non_null(script);
	assert_int_equal(diags->errors, 0);
	return script;
}

/* Must be accepted without a warning. */
static inline struct nemo_script *script_of(const char *text)
{
	struct nemo_diags diags;
	struct nemo_script *script = script_n(text, strlen(text), &diags);

	assert_int_equal(diags.n, 0);
	return script;
}

/* "statements" of the canonical JSON; a new reference. */
static inline json_t *statements_of(const char *text)
{
	struct nemo_diags diags;
	struct nemo_script *script = script_n(text, strlen(text), &diags);
	json_t *all = nemo_script_json(script, &diags);
	json_t *statements = json_incref(json_object_get(all, "statements"));

	assert_non_null(statements);
	json_decref(all);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	return statements;
}

static inline void expect_json(json_t *is, const char *should)
{
	json_error_t error;
	json_t *want = json_loads(should, JSON_DECODE_ANY, &error);

	if (!want)
		fail_msg("test's JSON: %s, column %d: %s", error.text, error.column, should);
	if (!json_equal(is, want)) {
		char *text = json_dumps(is, JSON_ENCODE_ANY);

		print_message("is     %s\nshould %s\n", text, should);
		free(text);
		fail();
	}
	json_decref(want);
}

/* Must be refused at LINE:COLUMN, in a class, with a reason that holds `part`. */
static inline void expect_refused_n(const char *text, size_t len, const char *at, const char *class,
				    const char *part)
{
	struct nemo_diags diags = {0};
	struct nemo_script *script = nemo_parse(text, len, &diags);
	const struct nemo_diag *d = NULL;
	char is[32];

	if (script)
		fail_msg("accepted: %.*s", (int)len, text);
	assert_int_equal(diags.errors, 1);
	for (unsigned int i = 0; i < diags.n; i++)
		d = diags.v[i].is_warning ? d : &diags.v[i];
	assert_non_null(d);
	snprintf(is, sizeof(is), "%u:%u", d->at.line, d->at.column);
	if (strcmp(is, at) || strcmp(nemo_class_names[d->class], class) || !strstr(d->reason, part))
		fail_msg("%.*s\n is     %s %s %s\n should %s %s %s", (int)(len < 200 ? len : 200),
			 text, is, nemo_class_names[d->class], d->reason, at, class, part);
	nemo_diags_fini(&diags);
}

static inline void expect_refused(const char *text, const char *at, const char *class,
				  const char *part)
{
	expect_refused_n(text, strlen(text), at, class, part);
}

#endif
