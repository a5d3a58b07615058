/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts applied to stores in tests, and what is said about them. */
#ifndef UNIT_NEMO_STORES_H
#define UNIT_NEMO_STORES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nemo/store.h"

#define GATEWAYS "CREATE CFN gw1 Type gateway; CREATE CFN gw2 Type gateway;\n"
#define CONNECTION GATEWAYS "CREATE Connection c Type p2p EndNodes gw1, gw2;\n"
#define FLOW "CREATE ServiceFlow f Match dst_port: 443;\n"
#define OPERATION FLOW "CREATE Operation o Target f Priority 5 Action deny;\n"

/* What a script does; free with outcome_fini(). */
struct outcome {
	struct nemo_store *store; /* NULL: it was refused */
	struct nemo_diags diags;
	int result;
};

static inline struct outcome outcome_of(const struct nemo_store *before, const char *text)
{
	struct nemo_store *empty = nemo_store_new();
	struct outcome out = {.result = -1};
	struct nemo_script *script = nemo_parse(text, strlen(text), &out.diags);

	if (!script)
		fail_msg("%s", nemo_diags_text(&out.diags, "script", text, strlen(text)));
	out.result = nemo_check(script, before ? before : empty, &out.store, &out.diags);
	nemo_script_free(script);
	nemo_store_free(empty);
	return out;
}

static inline void outcome_fini(struct outcome *out)
{
	nemo_store_free(out->store);
	nemo_diags_fini(&out->diags);
}

/* The script must be accepted; warnings are not looked at. */
static inline struct nemo_store *store_after(const struct nemo_store *before, const char *text)
{
	struct outcome out = outcome_of(before, text);

	if (out.result < 0)
		fail_msg("%s", nemo_diags_text(&out.diags, "script", text, strlen(text)));
	nemo_diags_fini(&out.diags);
	return out.store;
}

/* Exactly these, as "LINE:COLUMN text ...": the text is a part of the reason. warnings: the code,
 * then a blank, stands before it. */
static inline void expect(const struct nemo_store *before, const char *text, int n,
			  const char *const *want)
{
	struct outcome out = outcome_of(before, text);

	for (unsigned int i = 0; i < out.diags.n; i++) {
		const struct nemo_diag *d = &out.diags.v[i];
		char is[1024], at[32];

		snprintf(at, sizeof(at), "%u:%u", d->at.line, d->at.column);
		snprintf(is, sizeof(is), "%s%s%s",
			 d->is_warning ? nemo_warning_names[d->warning] : "",
			 d->is_warning ? " " : "", d->reason);
		if ((int)i >= n)
			fail_msg("not expected: %s %s", at, is);
		if (strncmp(want[i], at, strlen(at)) != 0 || want[i][strlen(at)] != ' ' ||
		    !strstr(is, want[i] + strlen(at) + 1))
			fail_msg("expected: %s\nis: %s %s", want[i], at, is);
	}
	assert_int_equal(out.diags.n, n);
	outcome_fini(&out);
}
#define EXPECT(before, text, ...)                                                                  \
	expect(before, text, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),        \
	       (const char *[]){__VA_ARGS__})
#define EXPECT_NOTHING(before, text) expect(before, text, 0, NULL)

static inline void expect_export(const struct nemo_store *store, const char *want)
{
	char *text = nemo_export(store);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

#endif
