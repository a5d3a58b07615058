/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stores.h"

static void expect_diff(const struct nemo_store *before, const struct nemo_store *after,
			const char *want)
{
	json_error_t error;
	json_t *is = nemo_diff(before, after), *should = json_loads(want, 0, &error);
	char *text;

	assert_non_null(is);
	assert_non_null(should);
	text = json_dumps(is, JSON_INDENT(1));
	if (!json_equal(is, should))
		fail_msg("%s", text);
	free(text);
	json_decref(is);
	json_decref(should);
}

static void equal(void **state)
{
	struct nemo_store *a = store_after(NULL, CONNECTION OPERATION);
	struct nemo_store *b = store_after(NULL, OPERATION CONNECTION), *none = nemo_store_new();

	expect_diff(a, b, "[]");
	expect_diff(a, a, "[]");
	expect_diff(none, none, "[]");
	nemo_store_free(a);
	nemo_store_free(b);
	nemo_store_free(none);
}

/* Models first, then all objects by name. */
static void all_changes(void **state)
{
	struct nemo_store *a = store_after(NULL, OPERATION "CREATE CFN h Type host;");
	struct nemo_store *b = store_after(
		a, "UPDATE Operation o Action allow; DELETE CFN h; CREATE CFN a Type host;"
		   "CFNModel z Property Integer: x;");

	expect_diff(
		a, b,
		"[{\"change\": \"create\", \"kind\": \"CFNModel\", \"name\": \"z\", \"after\": "
		"\"CFNModel z Property Integer: x;\"},"
		"{\"change\": \"create\", \"kind\": \"CFN\", \"name\": \"a\", \"after\": "
		"\"CREATE CFN a Type host;\"},"
		"{\"change\": \"delete\", \"kind\": \"CFN\", \"name\": \"h\", \"before\": "
		"\"CREATE CFN h Type host;\"},"
		"{\"change\": \"update\", \"kind\": \"Operation\", \"name\": \"o\", \"before\": "
		"\"CREATE Operation o Target f Priority 5 Action deny;\", \"after\": "
		"\"CREATE Operation o Target f Priority 5 Action allow;\"}]");
	expect_diff(
		b, a,
		"[{\"change\": \"delete\", \"kind\": \"CFNModel\", \"name\": \"z\", \"before\": "
		"\"CFNModel z Property Integer: x;\"},"
		"{\"change\": \"delete\", \"kind\": \"CFN\", \"name\": \"a\", \"before\": "
		"\"CREATE CFN a Type host;\"},"
		"{\"change\": \"create\", \"kind\": \"CFN\", \"name\": \"h\", \"after\": "
		"\"CREATE CFN h Type host;\"},"
		"{\"change\": \"update\", \"kind\": \"Operation\", \"name\": \"o\", \"before\": "
		"\"CREATE Operation o Target f Priority 5 Action allow;\", \"after\": "
		"\"CREATE Operation o Target f Priority 5 Action deny;\"}]");
	nemo_store_free(a);
	nemo_store_free(b);
}

/* A name that stands for another kind of object is deleted and made anew. */
static void other_kind(void **state)
{
	struct nemo_store *a = store_after(NULL, "CREATE CFN x Type host;");
	struct nemo_store *b = store_after(NULL, "CREATE ServiceFlow x Match port: 1;");
	struct nemo_store *c = store_after(NULL, "IMPORT CFN x Type host;");

	expect_diff(
		a, b,
		"[{\"change\": \"delete\", \"kind\": \"CFN\", \"name\": \"x\", \"before\": "
		"\"CREATE CFN x Type host;\"},"
		"{\"change\": \"create\", \"kind\": \"ServiceFlow\", \"name\": \"x\", \"after\": "
		"\"CREATE ServiceFlow x Type flow Match port: 1;\"}]");
	expect_diff(a, c,
		    "[{\"change\": \"update\", \"kind\": \"CFN\", \"name\": \"x\", \"before\": "
		    "\"CREATE CFN x Type host;\", \"after\": \"IMPORT CFN x Type host;\"}]");
	nemo_store_free(a);
	nemo_store_free(b);
	nemo_store_free(c);
}

/* The order of properties, fields and actions is no difference; that of what counts in order is. */
static void order_of_parts(void **state)
{
	static const char head[] = "CREATE CFN g Type gateway; CREATE CFN h Type gateway;"
				   "CREATE ServiceFlow f Match port: 1, dscp: 2;";
	char text[512];
	struct nemo_store *a, *b;
	json_t *changes;

	snprintf(
		text, sizeof(text),
		"%sCREATE Operation o Target f Priority 1 Action mark: 1, gothrough: \"g\", \"h\";",
		head);
	a = store_after(NULL, text);
	snprintf(
		text, sizeof(text),
		"%sCREATE Operation o Target f Priority 1 Action gothrough: \"g\", \"h\", mark: 1;",
		head);
	b = store_after(NULL, text);
	expect_diff(a, b, "[]");
	nemo_store_free(b);
	snprintf(
		text, sizeof(text),
		"%sCREATE Operation o Target f Priority 1 Action gothrough: \"h\", \"g\", mark: 1;",
		head);
	b = store_after(NULL, text);
	changes = nemo_diff(a, b);
	assert_int_equal(json_array_size(changes), 1);
	json_decref(changes);
	nemo_store_free(a);
	nemo_store_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal),
		cmocka_unit_test(all_changes),
		cmocka_unit_test(other_kind),
		cmocka_unit_test(order_of_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
