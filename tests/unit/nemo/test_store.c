/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "stores.h"

static void finds_and_lists(void **state)
{
	struct nemo_store *store = store_after(
		NULL,
		"CREATE CFN b Type host; CREATE CFN B Type host; CREATE CFN a Type host;" FLOW);
	const struct nemo_object **list;

	assert_int_equal(nemo_store_count(store), 4);
	assert_int_equal(nemo_store_list(store, NEMO_CFN, &list), 3);
	assert_string_equal(list[0]->name, "B"); /* byte order */
	assert_string_equal(list[1]->name, "a");
	assert_string_equal(list[2]->name, "b");
	free(list);
	assert_int_equal(nemo_store_list(store, NEMO_NOTIFICATION, &list), 0);
	free(list);
	assert_int_equal(nemo_store_find(store, "f")->kind, NEMO_FLOW);
	assert_null(nemo_store_find(store, "host"));
	nemo_store_free(store);
	nemo_store_free(NULL);
}

static void properties(void **state)
{
	struct nemo_store *store = store_after(
		NULL, "CREATE CFN s Type service Property service_id: 257, location: \"x\", "
		      "ipv6Prefix: \"2001:db8::/32\", ipv4Prefix: List(192.0.2.0/24, 10.0.0.0/8);"
		      "CREATE ServiceFlow f Match port: Range(1, 2);");
	const struct nemo_object *s = nemo_store_find(store, "s"), *f = nemo_store_find(store, "f");
	struct nemo_prefix prefix;
	int64_t id = 0;

	assert_true(nemo_object_integer(s, "service_id", &id));
	assert_int_equal(id, 257);
	assert_string_equal(nemo_object_string(s, "location"), "x");
	assert_true(nemo_object_prefix(s, "ipv6Prefix", &prefix));
	assert_int_equal(prefix.len, 32);
	assert_false(prefix.v4);
	/* lists, other types, what is not set */
	assert_false(nemo_object_prefix(s, "ipv4Prefix", &prefix));
	assert_int_equal(nemo_object_prop(s, "ipv4Prefix")->n, 2);
	assert_false(nemo_object_integer(s, "location", &id));
	assert_null(nemo_object_string(s, "description"));
	assert_null(nemo_object_prop(s, "uuid"));
	assert_int_equal(nemo_object_prop(f, "port")->kind, NEMO_ARG_RANGE);
	nemo_store_free(store);
}

/* A copy shares its objects, and changes of one are not those of the other. */
static void copies(void **state)
{
	struct nemo_store *first = store_after(NULL, CONNECTION FLOW);
	struct nemo_store *second = nemo_store_copy(first);
	struct nemo_store *third = store_after(second, "DELETE Connection c; UPDATE CFN gw1 "
						       "Property location: \"x\";");

	assert_ptr_equal(nemo_store_find(first, "c"), nemo_store_find(second, "c"));
	assert_ptr_equal(nemo_store_find(first, "f"), nemo_store_find(third, "f"));
	assert_null(nemo_store_find(third, "c"));
	assert_null(nemo_object_string(nemo_store_find(second, "gw1"), "location"));
	nemo_store_free(first);
	assert_string_equal(nemo_store_find(second, "c")->name, "c");
	nemo_store_free(second);
	assert_string_equal(nemo_object_string(nemo_store_find(third, "gw1"), "location"), "x");
	nemo_store_free(third);
}

static struct nemo_script *checked(const struct nemo_store *before, const char *text)
{
	struct nemo_diags diags = {0};
	struct nemo_script *script = nemo_parse(text, strlen(text), &diags);

	assert_non_null(script);
	assert_int_equal(nemo_check(script, before, NULL, &diags), 0);
	assert_true(script->checked);
	nemo_diags_fini(&diags);
	return script;
}

static const char whole[] =
	"CFNModel cam Property Date: since, UUID: id;"
	"CREATE CFN k Type cam Property since: \"18:00\", id: "
	"\"123e4567-e89b-12d3-a456-426614174000\";" CONNECTION OPERATION
	"Transaction; UPDATE Connection c Property bandwidth: 5; Commit;"
	"CREATE Operation p Target f Priority 6 Condition packets > 5 && c.up && time > \"18:00\" "
	"Action redirect: \"c\", mark: 3;"
	"CREATE Notification n Query up From c Condition up Listener ops; Query up From c;"
	"UPDATE Operation p Priority 7; DELETE Notification n; Description cam;";

/* Statement by statement, or some at a time: the same as the whole script at once. */
static void applies_in_parts(void **state)
{
	struct nemo_store *empty = nemo_store_new();
	struct nemo_store *at_once = store_after(NULL, whole);
	struct nemo_script *script = checked(empty, whole);
	char *want = nemo_export(at_once);

	for (unsigned int step = 1; step <= script->n + 1; step++) {
		struct nemo_store *store = nemo_store_new(), *own = nemo_store_new();
		struct nemo_diags diags = {0};

		for (unsigned int i = 0; i < script->n; i += step) {
			assert_int_equal(nemo_store_apply(store, script, i, step, &diags), 0);
			assert_int_equal(nemo_store_apply_own(own, script, i, step, &diags), 0);
		}
		expect_export(store, want);
		expect_export(own, want);
		nemo_store_free(own);
		nemo_diags_fini(&diags);
		nemo_store_free(store);
	}
	free(want);
	nemo_script_free(script);
	nemo_store_free(at_once);
	nemo_store_free(empty);
}

/* The store behind a part that is refused is the one before it. */
static void applies_all_or_nothing(void **state)
{
	struct nemo_store *empty = nemo_store_new(), *store = store_after(NULL, FLOW), *own;
	struct nemo_script *script = checked(
		empty, "CREATE CFN a Type host; CREATE CFN f Type host; CREATE CFN b Type host;");
	struct nemo_diags diags = {0};

	own = nemo_store_copy(store);
	assert_int_equal(nemo_store_apply_own(own, script, 0, 3, &diags), -EINVAL);
	assert_int_equal(diags.errors, 1);
	nemo_store_free(own);
	nemo_diags_fini(&diags);
	assert_int_equal(nemo_store_apply(store, script, 0, 3, &diags), -EINVAL);
	assert_int_equal(diags.errors, 1);
	assert_int_equal(diags.v[0].at.column, 36);
	assert_int_equal(nemo_store_count(store), 1);
	nemo_diags_fini(&diags);
	assert_int_equal(nemo_store_apply(store, script, 2, 99, &diags), 0);
	assert_int_equal(nemo_store_count(store), 2);
	assert_non_null(nemo_store_find(store, "b"));
	nemo_diags_fini(&diags);
	nemo_script_free(script);
	nemo_store_free(store);
	nemo_store_free(empty);
}

/* CREATE statements of n hosts from number first on. */
static char *hosts(unsigned int first, unsigned int n)
{
	char *text = malloc(n * 40 + 1), *p = text;

	assert_non_null(text);
	*p = '\0';
	for (unsigned int i = 0; i < n; i++)
		p += sprintf(p, "CREATE CFN h%u Type host;\n", first + i);
	return text;
}

static void limit(void **state)
{
	char *text = hosts(0, NEMO_OBJECTS_MAX - 1);
	struct nemo_store *store = store_after(NULL, text), *full;

	full = store_after(store, "CREATE CFN last Type host;");
	EXPECT(full, "CREATE CFN more Type host;", "1:12 16384 objects, the limit");
	EXPECT(full, "CFNModel more Property Integer: x;", "1:10 16384 objects, the limit");
	/* those that are there may be written again, and make room */
	EXPECT_NOTHING(full,
		       "CREATE CFN last Type host; UPDATE CFN last Property location: \"x\";");
	EXPECT_NOTHING(full, "DELETE CFN last; CREATE CFN more Type host;");
	free(text);
	nemo_store_free(store);
	nemo_store_free(full);
}

/* One property more than what a script may hold is refused, also where it comes bit by bit: the
 * export must be read again. */
static void terms_of_all(void **state)
{
	enum { EACH = 4096, N = NEMO_TERMS_MAX / EACH };
	struct nemo_store *store = store_after(NULL, "CFNModel m Property Integer: x, Integer: y;");
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < N; i++) {
		struct nemo_store *last = store;

		text.len = 0;
		nemo_text_add(&text, "CREATE CFN c%u Type m Property x: List(1", i);
		for (unsigned int j = 1; j < EACH; j++)
			nemo_text_add(&text, ",1");
		nemo_text_add(&text, ");");
		store = store_after(last, text.data);
		nemo_store_free(last);
	}
	free(text.data);
	assert_int_equal(store->terms, NEMO_TERMS_MAX);
	EXPECT(store, "UPDATE CFN c0 Property y: 1;", "1:12 more than 131072 values, terms");
	EXPECT(store, "CREATE CFN d Type m Property y: 1;", "1:12 more than 131072 values, terms");
	EXPECT(store, FLOW "CREATE Notification d Query x From c0 Condition x == 1 Listener \"l\";",
	       "1:20 more than 131072", "2:21 more than 131072");
	EXPECT_NOTHING(store, "CREATE CFN d Type m; UPDATE CFN c0 Property x: 2; "
			      "UPDATE CFN c0 Property y: List(1, 2); DELETE CFN c1;");
	text = (struct nemo_text){.data = nemo_export(store)};
	EXPECT_NOTHING(store, text.data);
	nemo_store_free(store_after(NULL, text.data));
	free(text.data);
	nemo_store_free(store);
}

/* Each kind of object counts as the parser counts its statement. */
static void terms_of_each(void **state)
{
	struct nemo_store *store = store_after(
		NULL, CONNECTION
		"CREATE CFN x Type host Property location: \"a\", ipv4Prefix: List(1.2.3.4, 5.6.7.8);"
		"CREATE ServiceFlow f Match port: Range(1, 2), dst_ip: List(1.2.3.4, 1.2.3.5);"
		"CREATE Operation o Target f Priority 1 Condition !(c.up && !!gw1.up || "
		"packets > 5) Action redirect: \"c\", mark: 5;"
		"CREATE Notification n Query ip, location From x Condition x.up Listener l;");
	static const struct {
		const char *name;
		unsigned int terms;
	} each[] = {{"gw1", 0}, {"c", 0}, {"x", 3}, {"f", 4}, {"o", 11}, {"n", 3}};
	struct nemo_store *copy = nemo_store_copy(store);
	unsigned int sum = 0;

	for (unsigned int i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		assert_int_equal(nemo_store_find(store, each[i].name)->terms, each[i].terms);
		sum += each[i].terms;
	}
	assert_int_equal(store->terms, sum);
	assert_int_equal(copy->terms, sum);
	nemo_store_free(copy);
	copy = store_after(store, "DELETE Operation o; UPDATE CFN x Property location: List(\"a\", "
				  "\"b\");");
	assert_int_equal(copy->terms, sum - 11 + 1);
	nemo_store_free(copy);
	nemo_store_free(store);
}

/* A property is looked for in every model, and only once in each. */
static void queries(void **state)
{
	struct nemo_store *store = store_after(
		NULL, "CFNModel m Property Integer: z, Integer: b, Integer: y, Integer: a;"
		      "CFNModel k Property Integer: y, Integer: z, Integer: c;"
		      "CREATE CFN m1 Type m; CREATE CFN m2 Type m; CREATE CFN k1 Type k;"
		      "CREATE CFN k2 Type k;");

	EXPECT_NOTHING(store, "Query y, z, up From m1, m2, k1, k2;");
	EXPECT(store, "Query a, y, b From m1, m2, k1, m2x;",
	       "1:7 'k1' (type k) has no property 'a'", "1:13 'k1' (type k) has no property 'b'",
	       "1:32 no object 'm2x'");
	EXPECT(store, "Query c From k1, k2, m1;", "1:7 'm1' (type m) has no property 'c'");
	nemo_store_free(store);
}

/* site0 contains site1, and so on; whatever leads nowhere near a cycle costs little. */
static struct nemo_store *chain(unsigned int n)
{
	struct nemo_text text = {0};
	struct nemo_store *store;

	nemo_text_add(&text, "CREATE CFN leaf Type l2group; CREATE CFN s%u Type l2group;", n - 1);
	for (unsigned int i = n - 1; i-- > 0;)
		nemo_text_add(&text, "CREATE CFN s%u Type l2group Contain s%u;", i, i + 1);
	store = store_after(NULL, text.data);
	free(text.data);
	return store;
}

static void long_chains(void **state)
{
	struct nemo_store *store = chain(NEMO_OBJECTS_MAX - 1);
	struct nemo_text text = {0};

	for (unsigned int i = 0; i < 200; i++)
		nemo_text_add(&text, "UPDATE CFN s%u Contain %s%s, s%u;\n", i, i % 2 ? "s" : "leaf",
			      i % 2 ? "16000" : "", i + 1);
	for (unsigned int i = 0; i < 50; i++)
		nemo_text_add(&text, "UPDATE CFN s0 Contain s%u;\n", i + 1);
	EXPECT_NOTHING(store, text.data);
	EXPECT(store, "UPDATE CFN s16382 Contain leaf; UPDATE CFN s16382 Contain s1, s2, leaf;",
	       "1:59 's16382' would contain itself", "1:63 's16382' would contain itself");
	EXPECT(store, "UPDATE CFN s5 Contain s5, s6, s4;", "1:23 's5' would contain itself",
	       "1:31 's5' would contain itself");
	free(text.data);
	nemo_store_free(store);
}

/* How many reasons hold `part`; all are errors, n of them. */
static unsigned int reasons_with(const struct nemo_store *store, const char *text, const char *part,
				 unsigned int n)
{
	struct outcome out = outcome_of(store, text);
	unsigned int count = 0;

	assert_int_equal(out.diags.n, n);
	assert_int_equal(out.diags.errors, n);
	for (unsigned int i = 0; i < n; i++)
		count += strstr(out.diags.v[i].reason, part) != NULL;
	outcome_fini(&out);
	return count;
}

/* Names that could be meant are searched for as long as that costs little. */
static void suggestions(void **state)
{
	enum { NAMES = NEMO_OBJECTS_MAX / 2, ERRORS = 50 };
	struct nemo_text text = {0};
	struct nemo_store *store;
	unsigned int n;

	for (unsigned int i = 0; i < NAMES; i++)
		nemo_text_add(&text, "CREATE CFN long-name-of-%05u Type host;", i);
	store = store_after(NULL, text.data);
	text.len = 0;
	for (unsigned int i = 0; i < ERRORS; i++)
		nemo_text_add(&text, "UPDATE CFN long-nameof-%05u Property location: \"x\";\n", i);
	n = reasons_with(store, text.data, "did you mean", ERRORS);
	assert_in_range(n, 1, (1u << 16) / NAMES);
	free(text.data);
	nemo_store_free(store);
}

/* So is who refers to what is not to be deleted. */
static void referrers(void **state)
{
	enum { USERS = 40, ERRORS = 90 };
	struct nemo_text text = {0};
	struct nemo_store *store;
	unsigned int n;

	for (unsigned int i = 0; i < NEMO_LIST_MAX; i++)
		nemo_text_add(&text, "CREATE CFN s%u Type l2group;", i);
	for (unsigned int i = 0; i < USERS; i++) {
		nemo_text_add(&text, "CREATE CFN u%02u Type l2group Contain s0", i);
		for (unsigned int j = 1; j < NEMO_LIST_MAX; j++)
			nemo_text_add(&text, ",s%u", j);
		nemo_text_add(&text, ";");
	}
	store = store_after(NULL, text.data);
	text.len = 0;
	for (unsigned int i = 0; i < ERRORS; i++)
		nemo_text_add(&text, "DELETE CFN s%u;\n", i);
	assert_int_equal(reasons_with(store, text.data, "40 references to it", ERRORS), ERRORS);
	n = reasons_with(store, text.data, "one of them in CFN 'u00'", ERRORS);
	assert_in_range(n, 10, ERRORS / 2);
	free(text.data);
	nemo_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_and_lists),
		cmocka_unit_test(properties),
		cmocka_unit_test(copies),
		cmocka_unit_test(applies_in_parts),
		cmocka_unit_test(applies_all_or_nothing),
		cmocka_unit_test(limit),
		cmocka_unit_test(terms_of_all),
		cmocka_unit_test(terms_of_each),
		cmocka_unit_test(queries),
		cmocka_unit_test(long_chains),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(referrers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
