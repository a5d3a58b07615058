/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nemo/check_int.h"
#include "stores.h"

#define OVERLAPS "have equal priority 5 and different actions, and both may be in force"

/* What is written is kept; the warning says what was perhaps meant. */
static void tautology_names_and(void **state)
{
	struct outcome out;

	EXPECT(NULL,
	       FLOW "CREATE Operation o Target f Priority 1 Condition (time>\"18:00\") || "
		    "(time<\"21:00\") Action deny;",
	       "2:50 W-tautology the condition is always true; with && it would be true only in "
	       "time > \"18:00:00\" && time < \"21:00:00\"");
	/* with && it would be never true: that was not meant either */
	out = outcome_of(NULL,
			 FLOW "CREATE Operation o Target f Priority 1 Condition packets > 5 || "
			      "packets <= 5 Action deny;");
	assert_int_equal(out.diags.n, 1);
	assert_int_equal(out.diags.v[0].warning, NEMO_W_TAUTOLOGY);
	assert_string_equal(out.diags.v[0].reason, "the condition is always true");
	outcome_fini(&out);
}

static void window_over_midnight(void **state)
{
	EXPECT_NOTHING(NULL, FLOW "CREATE Operation o Target f Priority 1 Condition "
				  "(time>\"18:00\") || (time<\"02:00\") Action deny;");
	EXPECT(NULL,
	       FLOW "CREATE Operation o Target f Priority 1 Condition (time>\"18:00\") && "
		    "(time<\"02:00\") Action deny;",
	       "2:50 W-contradiction the condition is never true");
}

/* Where a condition is wrong nothing else is said of it. */
static void errors_before_warnings(void **state)
{
	EXPECT(NULL, FLOW "CREATE Operation o Target f Priority 1 Condition true || x Action deny;",
	       "2:58 no field 'x'");
}

static void update_warns_of_its_own_condition(void **state)
{
	struct nemo_store *store = store_after(NULL, OPERATION);

	EXPECT(store, "UPDATE Operation o Condition !false;", "1:30 W-tautology");
	EXPECT_NOTHING(store, "UPDATE Operation o Priority 7;");
	nemo_store_free(store);
}

/* Lists are sets, fields and actions have no order. */
static void equal_match(void **state)
{
	static const char first[] =
		"CREATE ServiceFlow f Match port: List(1, 2), proto: \"tcp\";"
		"CREATE Operation o Target f Priority 5 Action mark: 1, qos_bandwidth: 2;";

	struct nemo_store *store = store_after(NULL, first);

	EXPECT(store,
	       "CREATE ServiceFlow g Match proto: \"tcp\", port: List(2, 1);"
	       "CREATE Operation p Target g Priority 5 Action deny;",
	       "1:76 W-overlap operation 'p' and 'o' " OVERLAPS);
	EXPECT_NOTHING(store, "CREATE ServiceFlow g Match proto: \"tcp\", port: List(2, 1);"
			      "CREATE Operation p Target g Priority 5 Action qos_bandwidth: 2, "
			      "mark: 1;");
	EXPECT_NOTHING(store, "CREATE ServiceFlow g Match proto: \"tcp\", port: Range(1, 2);"
			      "CREATE Operation p Target g Priority 5 Action deny;");
	nemo_store_free(store);
}

/* Two that both are always in force: an error on one flow, a warning on equal ones. */
static void conflict_or_overlap(void **state)
{
	struct nemo_store *store = store_after(NULL, OPERATION);

	EXPECT(store, "CREATE Operation p Target f Priority 5 Action allow;",
	       "1:18 operation 'p' conflicts with 'o'");
	EXPECT(store,
	       "CREATE ServiceFlow g Match dst_port: 443;"
	       "CREATE Operation p Target g Priority 5 Action allow;",
	       "1:59 W-overlap");
	EXPECT(store, "CREATE Operation p Target f Priority 5 Condition packets > 5 Action allow;",
	       "1:18 W-overlap");
	EXPECT(store, "CREATE Operation p Target f Priority 5 Condition false Action allow;",
	       "1:50 W-contradiction");
	EXPECT(store,
	       "UPDATE Operation o Condition packets > 5;\n"
	       "CREATE Operation p Target f Priority 5 Action allow;",
	       "2:18 W-overlap");
	/* the error is told beside an operation that merely overlaps */
	EXPECT(store,
	       "CREATE Operation p Target f Priority 5 Condition packets > 5 Action allow;"
	       "CREATE Operation q Target f Priority 5 Action mark: 1;",
	       "1:18 W-overlap", "1:92 operation 'q' conflicts with 'o'");
	nemo_store_free(store);
}

/* The groups follow what scripts do to operations and flows. */
static void follows_changes(void **state)
{
	struct nemo_store *store =
		store_after(NULL, OPERATION "CREATE ServiceFlow g Match dst_port: 80;"
					    "CREATE Operation p Target g Priority 5 Action allow;");

	EXPECT(store, "UPDATE Operation p Target f;", "1:18 operation 'p' conflicts with 'o'");
	EXPECT_NOTHING(store, "UPDATE Operation o Priority 6; UPDATE Operation p Target f;");
	EXPECT_NOTHING(store, "DELETE Operation o; UPDATE Operation p Target f;");
	EXPECT_NOTHING(store, "UPDATE ServiceFlow f Match dst_port: 1;"
			      "CREATE ServiceFlow h Match dst_port: 443;"
			      "CREATE Operation q Target h Priority 5 Action mark: 1;");
	EXPECT(store,
	       "UPDATE Operation p Priority 6; UPDATE ServiceFlow g Match dst_port: 443;"
	       "UPDATE Operation p Priority 5;",
	       "1:90 W-overlap operation 'p' and 'o'");
	EXPECT(store,
	       "DELETE Operation o; DELETE ServiceFlow f; CREATE ServiceFlow f Match dst_port: "
	       "80; CREATE Operation o Target f Priority 5 Action deny;",
	       "1:101 W-overlap operation 'o' and 'p'");
	EXPECT(store,
	       "UPDATE Operation o Action mark: 1; UPDATE Operation o Action deny;"
	       "CREATE Operation q Target f Priority 5 Action mark: 1;",
	       "1:84 operation 'q' conflicts with 'o'");
	nemo_store_free(store);
}

/* Windows that never meet are compared up to a number, then it is said that they are not. */
static void many_operations(void **state)
{
	char text[(NEMO_OVERLAP_MAX + 3) * 160], *p = text;

	p += sprintf(p, FLOW);
	for (unsigned int i = 0; i < NEMO_OVERLAP_MAX; i++)
		p += sprintf(p,
			     "CREATE Operation o%u Target f Priority 5 Condition packets == %u "
			     "Action mark: 1;\n",
			     i, i);
	EXPECT_NOTHING(NULL, text);
	p += sprintf(
		p, "CREATE Operation p Target f Priority 5 Condition packets == -1 Action deny;\n");
	EXPECT_NOTHING(NULL, text);
	p += sprintf(p, "CREATE Operation q Target f Priority 5 Condition packets == -2 Action "
			"mark: 2;\n");
	EXPECT(NULL, text, "67:18 W-overlap operation 'q' and 'o0'");
	EXPECT(NULL, text, "67:18 there are too many to compare");
}

static void empty_and_noop(void **state)
{
	EXPECT(NULL, "Transaction; ;; L: Commit; Transaction; Query a From b; Commit;",
	       "1:20 W-empty-transaction", "1:54 no object");
	EXPECT(NULL, CONNECTION "  UPDATE Connection c;", "3:3 W-noop-update");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tautology_names_and),
		cmocka_unit_test(window_over_midnight),
		cmocka_unit_test(errors_before_warnings),
		cmocka_unit_test(update_warns_of_its_own_condition),
		cmocka_unit_test(equal_match),
		cmocka_unit_test(conflict_or_overlap),
		cmocka_unit_test(follows_changes),
		cmocka_unit_test(many_operations),
		cmocka_unit_test(empty_and_noop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
