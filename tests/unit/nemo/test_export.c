/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stores.h"

static void empty(void **state)
{
	struct nemo_store *store = nemo_store_new();

	expect_export(store, "");
	nemo_store_free(store);
}

/* Models, then kind by kind; names before those that use them, else in byte order. */
static void order(void **state)
{
	struct nemo_store *store = store_after(
		NULL,
		"CREATE CFN z Type host; CREATE CFN y Type host; CREATE CFN a Type l2group "
		"Contain z, y; CFNModel m Property Integer: x; ActionModel b Property String: "
		"x; CREATE CFN B Type m Property x: 1;" CONNECTION OPERATION
		"CREATE Notification z2 Condition c.up Listener ops;"
		"CREATE Notification a2 Query Condition From z2 Condition c.up Listener ops;");

	expect_export(store, "ActionModel b Property String: x;\n"
			     "CFNModel m Property Integer: x;\n"
			     "CREATE CFN B Type m Property x: 1;\n"
			     "CREATE CFN z Type host;\n"
			     "CREATE CFN y Type host;\n"
			     "CREATE CFN a Type l2group Contain z, y;\n"
			     "CREATE CFN gw1 Type gateway;\n"
			     "CREATE CFN gw2 Type gateway;\n"
			     "CREATE Connection c Type p2p EndNodes gw1, gw2;\n"
			     "CREATE ServiceFlow f Type flow Match dst_port: 443;\n"
			     "CREATE Operation o Target f Priority 5 Action deny;\n"
			     "CREATE Notification z2 Condition c.up Listener ops;\n"
			     "CREATE Notification a2 Query Condition From z2 Condition c.up "
			     "Listener ops;\n");
	nemo_store_free(store);
}

/* The same store, in whatever order it was made. */
static void does_not_depend_on_history(void **state)
{
	struct nemo_store *a = store_after(NULL, "CREATE CFN x Type host; CREATE CFN y Type host "
						 "Property ip: 192.0.2.1, location: \"\";");
	struct nemo_store *b = store_after(
		NULL, "CREATE CFN y Type host Property location: \"\"; CREATE CFN q Type host; "
		      "CREATE CFN x Type host; UPDATE CFN y Property ip: 192.0.2.1; DELETE CFN q;");
	char *text = nemo_export(a);

	expect_export(b, text);
	free(text);
	nemo_store_free(a);
	nemo_store_free(b);
}

/* What one CFN contains may contain another, and so on, as deep as one likes. */
static void deep(void **state)
{
	enum { N = NEMO_OBJECTS_MAX };
	char *text = malloc(N * 64), *p = text, *out;
	struct nemo_store *store, *again;

	assert_non_null(text);
	p += sprintf(p, "CREATE CFN z%05u Type host;\n", N);
	for (unsigned int i = N - 1; i > 0; i--)
		p += sprintf(p, "CREATE CFN z%05u Type l2group Contain z%05u;\n", i, i + 1);
	store = store_after(NULL, text);
	out = nemo_export(store);
	assert_string_equal(out, text);
	again = store_after(NULL, out);
	assert_int_equal(nemo_store_count(again), N);
	EXPECT_NOTHING(store, out); /* and searches no cycles where nothing changes */
	free(out);
	free(text);
	nemo_store_free(store);
	nemo_store_free(again);
}

/* ---- random stores ---- */
static unsigned int seed;

static unsigned int below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static char *random_cond(char *p, unsigned int depth)
{
	static const char *const terms[] = {
		"packets > 5",		 "c0.up",
		"time > \"18:00\"",	 "!c0.up",
		"c0.delay == 3",	 "proto == \"\\\"\"",
		"time < \"2026-01-01\"", "!(packets == 1)",
	};

	if (depth == 0 || below(3) == 0)
		return p + sprintf(p, "%s", terms[below(8)]);
	p += sprintf(p, "(");
	p = random_cond(p, depth - 1);
	p += sprintf(p, "%s", below(2) ? " && " : " || ");
	p = random_cond(p, depth - 1);
	return p + sprintf(p, ")");
}

static char *random_script(char *p)
{
	static const char *const actions[] = {"deny", "mark: 5, qos_bandwidth: 9",
					      "redirect: \"c0\"", "gothrough: List(\"g0\")"};

	for (unsigned int i = 0; i < 6; i++)
		p += sprintf(p, "CREATE CFN g%u Type gateway%s;\n", i,
			     below(2) ? " Property locator: \"fc00::/16\", location: \"a\\\\b\\n\""
				      : "");
	for (unsigned int i = 0; i < 4; i++)
		p += sprintf(
			p,
			"CREATE Connection c%u Type mesh EndNodes g%u, (g%u, g5) Property delay: "
			"%u;\n",
			i, below(2), 2 + below(3), below(100));
	for (unsigned int i = 0; i < 5; i++)
		p += sprintf(p,
			     "CREATE ServiceFlow f%u Match port: List(%u, %u), src_ip: "
			     "Range(10.0.0.%u, 10.0.1.0);\n",
			     i, below(9), below(9), below(9));
	for (unsigned int i = 0; i < 8; i++) {
		p += sprintf(p, "CREATE Operation o%u Target f%u Priority %u Condition ", i,
			     below(5), i);
		p = random_cond(p, 4);
		p += sprintf(p, " Action %s;\n", actions[below(4)]);
	}
	p += sprintf(p, "UPDATE Operation o%u Priority -%u; DELETE Operation o%u;\n", below(8),
		     below(9), below(8));
	return p + sprintf(p,
			   "CREATE Notification n Query up From c1 Condition !up || c0.up Listener "
			   "\"https://x/\";\n");
}

static void random_round_trip(void **state)
{
	static char text[65536];

	for (seed = 1; seed < 200;) {
		unsigned int next = seed + 1;
		struct nemo_store *store, *again, *same;
		char *out, *second;
		json_t *changes;

		random_script(text);
		store = store_after(NULL, text);
		out = nemo_export(store);
		again = store_after(NULL, out);
		second = nemo_export(again);
		assert_string_equal(out, second);
		same = store_after(store, out);
		changes = nemo_diff(store, same);
		assert_int_equal(json_array_size(changes), 0);
		json_decref(changes);
		changes = nemo_diff(store, again);
		assert_int_equal(json_array_size(changes), 0);
		json_decref(changes);
		free(out);
		free(second);
		nemo_store_free(store);
		nemo_store_free(again);
		nemo_store_free(same);
		seed = next;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(order),
		cmocka_unit_test(does_not_depend_on_history),
		cmocka_unit_test(deep),
		cmocka_unit_test(random_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
