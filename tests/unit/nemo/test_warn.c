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

#define OF(name, flow, more) "CREATE Operation " name " Target " flow " Priority 5 " more ";\n"

/* Terms that never hold at once, though nothing is said of each alone. */
static void never_at_once(void **state)
{
	static const char *const pairs[][2] = {
		{"packets > bytes", "packets <= bytes"},
		{"h.ip == \"10.0.0.1\"", "h.ip != \"10.0.0.1\""},
		{"h.ip == \"10.0.0.1\"", "\"10.0.0.2\" == h.ip"},
		{"h.location == \"a\"", "h.location == \"b\""},
		{"time == \"2026-01-01\"", "time == \"2026-01-02\""},
	};
	char text[600];

	for (unsigned int i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		snprintf(text, sizeof(text),
			 "CREATE CFN h Type host;" FLOW OF("o1", "f", "Condition %s Action deny")
				 OF("o2", "f", "Condition %s Action allow"),
			 pairs[i][0], pairs[i][1]);
		EXPECT_NOTHING(NULL, text);
		snprintf(text, sizeof(text),
			 "CREATE CFN h Type host;" FLOW OF("o1", "f", "Condition %s Action deny")
				 OF("o2", "f", "Condition %s Action allow"),
			 pairs[i][0], pairs[i][0]);
		EXPECT(NULL, text, "3:18 W-overlap");
	}
}

#define TWO "CREATE ServiceFlow f Match port: 80;\nCREATE ServiceFlow k Match port: 81;\n"

/* The later operation is the one that the script touched last, whichever flow is changed. */
static void match_becomes_equal(void **state)
{
	static const char both[] = TWO OF("o1", "f", "Action allow") OF("o2", "k", "Action deny");
	struct nemo_store *store = store_after(NULL, both);
	char text[1024];

	snprintf(text, sizeof(text), "%sUPDATE ServiceFlow k Match port: 80;", both);
	EXPECT(NULL, text, "4:18 W-overlap operation 'o2' and 'o1' " OVERLAPS);
	snprintf(text, sizeof(text), "%sUPDATE ServiceFlow f Match port: 81;", both);
	EXPECT(NULL, text, "4:18 W-overlap operation 'o2' and 'o1'");
	snprintf(text, sizeof(text),
		 "%sTransaction;\nUPDATE ServiceFlow k Match port: 80;\nCommit;", both);
	EXPECT(NULL, text, "4:18 W-overlap");
	snprintf(text, sizeof(text),
		 "%sTransaction;\nUPDATE ServiceFlow k Match port: 80;\n"
		 "UPDATE ServiceFlow k Match port: 82;\nCommit;",
		 both);
	EXPECT_NOTHING(NULL, text);
	EXPECT(store, "UPDATE ServiceFlow k Match port: 80;",
	       "1:20 W-overlap operation 'o2' and 'o1'");
	EXPECT(store, "UPDATE Operation o1 Action mark: 1;\nUPDATE ServiceFlow k Match port: 80;",
	       "1:18 W-overlap operation 'o1' and 'o2'");
	EXPECT(store,
	       "UPDATE ServiceFlow k Match port: 80;\nUPDATE ServiceFlow k Match port: 81;\n"
	       "UPDATE ServiceFlow k Match port: 80;",
	       "1:20 W-overlap", "3:20 W-overlap");
	EXPECT_NOTHING(store, "UPDATE Operation o1 Priority 6;"
			      "UPDATE ServiceFlow k Match port: 80;");
	EXPECT_NOTHING(store, "UPDATE ServiceFlow k Match port: 82;");
	nemo_store_free(store);
}

/* Inside a transaction what is there at its Commit counts. */
static void conflicts_at_commit(void **state)
{
	struct nemo_store *store = store_after(NULL, OPERATION);

	EXPECT_NOTHING(store,
		       "Transaction;\n" OF(
			       "p", "f", "Action allow") "UPDATE Operation p Priority 6;\nCommit;");
	EXPECT_NOTHING(store, "Transaction;\n" OF("p", "f",
						  "Action allow") "DELETE Operation o;\nCommit;");
	EXPECT_NOTHING(store, "Transaction;\nUPDATE Operation o Action allow;\n"
			      "UPDATE Operation o Action deny;\nCommit;");
	EXPECT(store, "Transaction;\n" OF("p", "f", "Action allow") "Commit;",
	       "2:18 operation 'p' conflicts with 'o'");
	EXPECT(store,
	       "Transaction;\n" OF("p", "f", "Action allow") "UPDATE Operation o Action mark: 1;\n"
							     "Commit;",
	       "3:18 operation 'o' conflicts with 'p'");
	EXPECT(store,
	       "Transaction;\n" OF("p", "f", "Action allow") "UPDATE Operation p Action mark: 1;\n"
							     "Commit;\nUPDATE Operation p "
							     "Priority 6;",
	       "3:18 operation 'p' conflicts with 'o'");
	EXPECT(store,
	       "Transaction;\nCommit;\n" OF("p", "f",
					    "Action allow") "UPDATE Operation p Priority 6;",
	       "2:1 W-empty-transaction", "3:18 operation 'p' conflicts with 'o'");
	EXPECT(store, "Transaction;\n" OF("p", "f", "Action allow"), "1:1 has no Commit",
	       "2:18 operation 'p' conflicts with 'o'");
	EXPECT(store, "Transaction;\n" OF("p", "f", "Condition packets Action allow") "Commit;",
	       "2:18 W-overlap");
	nemo_store_free(store);
}

/* Each of several that are always in force is compared with those of other actions. */
static void conflicts_among_equals(void **state)
{
	struct nemo_store *store = store_after(
		NULL, FLOW OF("a", "f", "Action deny") OF("b", "f", "Condition true Action deny")
			      OF("c", "f", "Condition packets > 1 Action allow"));

	EXPECT(store, "DELETE Operation a;\n" OF("d", "f", "Action allow"),
	       "2:18 operation 'd' conflicts with 'b'");
	EXPECT(store, "DELETE Operation a; DELETE Operation b;\n" OF("d", "f", "Action mark: 1"),
	       "2:18 W-overlap");
	EXPECT(store,
	       "DELETE Operation c;\n" OF("d", "f", "Action allow") OF("e", "f", "Action allow")
		       OF("g", "f", "Action deny"),
	       "2:18 operation 'd' conflicts with 'a'", "3:18 operation 'e' conflicts with 'a'",
	       "4:18 operation 'g' conflicts with 'e'");
	nemo_store_free(store);
}

#define HARD "(packets==bytes||packets!=bytes)&&(g.up||!g.up)&&(h.up||!h.up)&&(i.up||!i.up)&&"

/* What the warnings may cost has an end; errors are told all the same. */
static void budget_of_a_script(void **state)
{
	static const char last[] = "CREATE ServiceFlow k Match port: 1;\n" OF(
		"x", "k", "Condition packets == 1 Action deny")
		OF("y", "k", "Condition packets == 2 Action allow") "CREATE ServiceFlow l Match port: 2;\n" OF(
			"t", "l", "Condition packets == packets Action deny")
			OF("u", "l", "Action allow");
	enum { N = 1500 };
	char *text = malloc((N + 9) * 300), *p = text;
	const struct nemo_diag *d;
	struct outcome out;

	EXPECT(NULL, last, "5:50 W-tautology", "6:18 conflicts");
	p += sprintf(p, "IMPORT CFN g Type gateway; IMPORT CFN h Type gateway;"
			"IMPORT CFN i Type gateway;" FLOW);
	for (unsigned int i = 0; i < N; i++)
		p += sprintf(p,
			     OF("o%u", "f", "Condition " HARD "bytes==%u Action qos_bandwidth: %u"),
			     i, i, i + 1);
	strcpy(p, last);
	out = outcome_of(NULL, text);
	assert_true(out.diags.n > 2);
	d = &out.diags.v[out.diags.n - 2];
	assert_int_equal(d[0].at.line, N + 4);
	assert_int_equal(d[0].warning, NEMO_W_OVERLAP);
	assert_non_null(strstr(d[0].reason, "too many to compare"));
	assert_int_equal(d[1].at.line, N + 7);
	assert_false(d[1].is_warning);
	outcome_fini(&out);
	free(text);
}

/* Beyond the budget a flow is not followed, but that is said only where there is another one. */
static void budget_of_matches(void **state)
{
	enum { OPS = 2000, UPDATES = NEMO_CHECK_BUDGET / OPS / 8 + 20 };
	char *text = malloc((OPS + UPDATES + 5) * 100), *p = text;
	struct outcome out;

	p += sprintf(p, FLOW);
	for (unsigned int i = 0; i < OPS; i++)
		p += sprintf(p, OF("o%u", "f", "Action allow"), i);
	for (unsigned int i = 0; i < UPDATES; i++)
		p += sprintf(p, "UPDATE ServiceFlow f Match dst_port: %u;", i % 2);
	EXPECT_NOTHING(NULL, text);
	p += sprintf(p, "CREATE ServiceFlow g Match dst_port: 7;\n" OF(
				"o", "g", "Action deny") "UPDATE ServiceFlow f Match dst_port: 7;");
	out = outcome_of(NULL, text);
	assert_int_equal(out.diags.n, 1);
	assert_int_equal(out.diags.v[0].at.line, OPS + 4);
	assert_int_equal(out.diags.v[0].warning, NEMO_W_OVERLAP);
	outcome_fini(&out);
	free(text);
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
		cmocka_unit_test(never_at_once),
		cmocka_unit_test(match_becomes_equal),
		cmocka_unit_test(conflicts_at_commit),
		cmocka_unit_test(conflicts_among_equals),
		cmocka_unit_test(budget_of_a_script),
		cmocka_unit_test(budget_of_matches),
		cmocka_unit_test(empty_and_noop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
