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

#define THINGS                                                                                     \
	"CREATE CFN a Type gateway; CREATE CFN b Type gateway; CREATE CFN c Type gateway;"         \
	"CREATE ServiceFlow f Match port: 1; CREATE ServiceFlow g Match port: 1;"                  \
	"ActionModel twice Property Integer: i, Integer: j;"

static const char *const variants[] = {
	"CREATE CFN x Type host;",
	"IMPORT CFN x Type host;",
	"CREATE CFN x Type cache;",
	"CREATE CFN x Type host Contain a;",
	"CREATE CFN x Type host Contain a, b;",
	"CREATE CFN x Type host Contain b, a;",
	"CREATE CFN x Type host Property ip: 1.2.3.4;",
	"CREATE CFN x Type host Property ip: \"1.2.3.4/32\";",
	"CREATE CFN x Type host Property ip: 1.2.3.0/24;",
	"CREATE CFN x Type host Property ip: \"::ffff:1.2.3.4\";",
	"CREATE CFN x Type host Property ip: List(1.2.3.4);",
	"CREATE CFN x Type host Property ip: List(1.2.3.4, 1.2.3.5);",
	"CREATE CFN x Type host Property location: \"1.2.3.4\";",
	"CREATE CFN x Type host Property location: \"1.2.3.4\", ip: 1.2.3.4;",
	"CREATE CFN x Type host Property ip: 1.2.3.4, location: \"1.2.3.4\";",
	"CREATE CFN x Type m Property v: \"10:00:00\";",
	"CREATE CFN x Type m Property v: \"10:00:01\";",
	"CREATE Connection x Type p2mp EndNodes a, b, c;",
	"CREATE Connection x Type mesh EndNodes a, b, c;",
	"CREATE Connection x Type p2mp EndNodes a, (b, c);",
	"CREATE Connection x Type p2mp EndNodes (a), b, (c);",
	"CREATE Connection x Type p2mp EndNodes b, a, c;",
	"CREATE ServiceFlow x Match port: 1;",
	"CREATE ServiceFlow x Match port: Range(1, 2);",
	"CREATE ServiceFlow x Match port: List(1, 2);",
	"CREATE ServiceFlow x Match dst_port: List(1, 2);",
	"CREATE Operation x Target f Priority 1 Action allow;",
	"CREATE Operation x Target g Priority 1 Action allow;",
	"CREATE Operation x Target f Priority 2 Action allow;",
	"CREATE Operation x Target f Priority 2 Action deny;",
	"CREATE Operation x Target f Priority 2 Action mark: 1;",
	"CREATE Operation x Target f Priority 2 Action mark: 2;",
	"CREATE Operation x Target f Priority 2 Action twice: 2, 3;",
	"CREATE Operation x Target f Priority 2 Action twice: 3, 2;",
	"CREATE Operation x Target f Priority 1 Condition packets > 1 Action allow;",
	"CREATE Operation x Target f Priority 1 Condition f.packets > 1 Action allow;",
	"CREATE Operation x Target f Priority 1 Condition g.packets > 1 Action allow;",
	"CREATE Operation x Target f Priority 1 Condition packets >= 1 Action allow;",
	"CREATE Operation x Target f Priority 1 Condition bytes > 1 Action allow;",
	"CREATE Operation x Target f Priority 1 Condition packets > 2 Action allow;",
	"CREATE Operation x Target f Priority 1 Condition (packets > 2) Action allow;",
	"CREATE Operation x Target f Priority 1 Condition a.up && b.up Action allow;",
	"CREATE Operation x Target f Priority 1 Condition a.up && b.up && c.up Action allow;",
	"CREATE Operation x Target f Priority 1 Condition a.up && (b.up && c.up) Action "
	"allow;",
	"CREATE Operation x Target f Priority 1 Condition a.up || b.up Action allow;",
	"CREATE Operation x Target f Priority 1 Condition !a.up Action allow;",
	"CREATE Operation x Target f Priority 1 Condition time < \"10:00\" Action allow;",
	"CREATE Operation x Target f Priority 1 Condition time < \"10:00:00\" Action allow;",
	"CREATE Notification x Query up From a Condition up Listener l;",
	"CREATE Notification x Query up From b Condition up Listener l;",
	"CREATE Notification x Query cpu_load From a Condition up Listener l;",
	"CREATE Notification x Query up From a Condition up Listener k;",
	"CREATE Notification x Query up From a Condition up Listener \"l\";",
	"CREATE Notification x Condition a.up Listener l;",
};

/* What is equal is what would be written with the same text. */
static void equal_is_the_text(void **state)
{
	enum { N = sizeof(variants) / sizeof(*variants) };
	struct nemo_store *stores[2 * N];
	struct nemo_text texts[2 * N] = {0};

	/* twice, with a model that has the same name and other types */
	for (unsigned int i = 0; i < 2 * N; i++) {
		char text[1024];

		snprintf(text, sizeof(text), "%sCFNModel m Property %s: v;%s", THINGS,
			 i < N ? "String" : "Date", variants[i % N]);
		stores[i] = store_after(NULL, text);
		nemo_print_object(&texts[i], nemo_store_find(stores[i], "x"));
	}
	for (unsigned int i = 0; i < 2 * N; i++) {
		for (unsigned int j = 0; j < 2 * N; j++) {
			const struct nemo_object *a = nemo_store_find(stores[i], "x");
			const struct nemo_object *b = nemo_store_find(stores[j], "x");

			if (nemo_object_equal(a, b) != !strcmp(texts[i].data, texts[j].data))
				fail_msg("%s%s", texts[i].data, texts[j].data);
		}
	}
	for (unsigned int i = 0; i < 2 * N; i++) {
		nemo_store_free(stores[i]);
		free(texts[i].data);
	}
}

static void order_of_actions(void **state)
{
	struct nemo_store *store = store_after(
		NULL, CONNECTION FLOW "CREATE Operation o Target f Priority 1 Action mark: 1, "
				      "redirect: \"c\", qos_bandwidth: 5;");

	EXPECT_NOTHING(store, "CREATE Operation o Target f Priority 1 Action qos_bandwidth: 5, "
			      "mark: 1, redirect: \"c\";");
	EXPECT(store,
	       "CREATE Operation o Target f Priority 1 Action qos_bandwidth: 5, mark: 2, "
	       "redirect: \"c\";",
	       "1:18 exists and is different");
	nemo_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal),
		cmocka_unit_test(equal_is_the_text),
		cmocka_unit_test(order_of_actions),
		cmocka_unit_test(all_changes),
		cmocka_unit_test(other_kind),
		cmocka_unit_test(order_of_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
