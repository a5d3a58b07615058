/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grammar: what is accepted, and that an error stands at the first token that cannot go on. */
#include "nemo/lex.h"
#include "unit/nemo/samples.h"
#include "unit/nemo/script.h"

static void test_samples(void **state)
{
	for (unsigned int i = 0; i < N_SAMPLES; i++) {
		json_t *all = statements_of(samples[i]);

		json_decref(all);
	}
}

/* Where tokens end. */
static unsigned int cuts_of(const char *text, size_t *cuts, unsigned int max)
{
	struct nemo_diags diags = {0};
	struct nemo_arena *arena = nemo_arena_new();
	struct lexer lex = {.text = text, .len = strlen(text), .arena = arena, .diags = &diags};
	struct lex_token tok;
	unsigned int n = 0;

	lex_init(&lex);
	while (lex_next(&lex, &tok) == 0 && tok.kind != LEX_END) {
		assert_true(n < max);
		cuts[n++] = tok.end;
	}
	nemo_arena_free(arena);
	return n;
}

/* A script that stops behind any of its tokens is right, or what is missing is missing at its end:
 * no token that could go on is refused. */
static void test_prefixes_can_go_on(void **state)
{
	for (unsigned int i = 0; i < N_SAMPLES; i++) {
		size_t cuts[256];
		unsigned int n = cuts_of(samples[i], cuts, 256);

		for (unsigned int j = 0; j < n; j++) {
			struct nemo_diags diags = {0};
			struct nemo_script *s = nemo_parse(samples[i], cuts[j], &diags);
			char *lf = memrchr(samples[i], '\n', cuts[j]);
			size_t column = cuts[j] - (lf ? (size_t)(lf + 1 - samples[i]) : 0) + 1;

			if (!s) {
				struct nemo_diag *d = &diags.v[diags.n - 1];

				assert_int_equal(d->class, NEMO_SYNTAX);
				assert_non_null(strstr(d->reason, "found the end"));
				assert_int_equal(d->at.column, column);
			}
			nemo_script_free(s);
			nemo_diags_fini(&diags);
		}
	}
}

/* A sign that nothing goes on with, behind every token of every sample, is where the error is. */
static void test_wrong_token_is_the_place(void **state)
{
	for (unsigned int i = 0; i < N_SAMPLES; i++) {
		size_t cuts[256];
		unsigned int n = cuts_of(samples[i], cuts, 256);

		for (unsigned int j = 0; j < n; j++) {
			char text[1024];
			struct nemo_diags diags = {0};

			snprintf(text, sizeof(text), "%.*s\n.", (int)cuts[j], samples[i]);
			if (nemo_parse(text, strlen(text), &diags))
				fail_msg("accepted: %s", text);
			/* x . is the begin of x.y, so the end is where it cannot go on */
			if (!strstr(diags.v[diags.n - 1].reason, "found the end")) {
				assert_int_equal(diags.v[diags.n - 1].at.column, 1);
				assert_true(diags.v[diags.n - 1].at.line > 1);
			}
			nemo_diags_fini(&diags);
		}
	}
}

static const struct {
	const char *text, *at, *part;
} refused[] = {
	/* statements and labels */
	{"x", "1:2", "expected ':' behind a label, found the end"},
	{"Craete CFN a Type b;", "1:8", "did you mean CREATE?"},
	{"create CFN a Type b;", "1:8", "did you mean CREATE?"},
	{"P1: ;", "1:5", "expected a statement, found ';'"},
	{"P1: P2: Commit", "1:5", "expected a statement, found name 'P2'"},
	{"\"P1\": Commit", "1:1", "expected a statement, found string \"P1\""},
	{"Type x;", "1:1", "found key word 'Type'"},
	{"5;", "1:1", "found '5'"},
	{"CREATE", "1:7", "expected CFN, Connection"},
	{"CREATE Conection c", "1:8", "did you mean Connection?"},
	{"CREATE Query", "1:8", "found key word 'Query'"},
	{"IMPORT Connection c", "1:8", "expected CFN, found"},
	{"DELETE CFN a, b;", "1:13", "expected ';', found ','"},
	{"DELETE ServiceFlow f", "1:21", "expected ';', found the end"},
	/* models */
	{"CFNModel m;", "1:11", "expected Property, found ';'"},
	{"CFNModel m Propety", "1:12", "did you mean Property?"},
	{"CFNModel m Property a: 5", "1:21", "expected a data type"},
	{"CFNModel m Property integer: a", "1:21", "did you mean Integer?"},
	{"CFNModel m Property String a", "1:28", "expected ':'"},
	{"CFNModel m Property String: Type", "1:29", "expected a name, found key word 'Type'"},
	{"CFNModel m Property String: a, ;", "1:32", "expected a data type"},
	{"Description 5;", "1:13", "expected a name, found '5'"},
	{"Description \"a b\";", "1:13", "\"a b\" is not a name"},
	/* CFN */
	{"CREATE CFN a;", "1:13", "expected Type, found ';'"},
	{"CREATE CFN a Type host Proprety x: 1;", "1:24",
	 "expected Contain, Property or ';', found name 'Proprety'; did you mean Property?"},
	{"CREATE CFN a Type host Property x: 1 Contain b;", "1:38", "expected ',' or ';'"},
	{"CREATE CFN a Type host Contain b, Property x: 1;", "1:35", "expected a name"},
	{"CREATE CFN a Type host Property x 1;", "1:35", "expected ':'"},
	{"CREATE CFN a Type host Property x: y;", "1:36", "a string stands in quotes: \"y\""},
	{"CREATE CFN a Type host Property x: Range(1, 2);", "1:36", "expected a value or List"},
	{"CREATE CFN a Type host Property x: List();", "1:41", "expected a value"},
	{"CREATE CFN a Type host Property x: List(1, List(2));", "1:44", "expected a value"},
	{"CREATE CFN a Type host Property x: List(1;", "1:42", "expected ',' or ')'"},
	{"CREATE CFN a Type host Property x: 1,;", "1:38", "expected a name"},
	{"UPDATE CFN a Type b;", "1:14", "expected Contain, Property or ';'"},
	{"UPDATE CFN a Contain;", "1:21", "expected a name"},
	/* connections */
	{"CREATE Connection c;", "1:20", "expected Type or EndNodes"},
	{"CREATE Connection c EndNodes a;", "1:31", "expected ',', found ';'"},
	{"CREATE Connection c EndNodes a, ();", "1:34", "expected a name, found ')'"},
	{"CREATE Connection c EndNodes a, (b, (c));", "1:37", "expected a name"},
	{"CREATE Connection c EndNodes a, b Type p2p;", "1:35", "expected ',', Property or ';'"},
	{"UPDATE Connection c Type p2p;", "1:21", "expected EndNodes, Property or ';'"},
	{"UPDATE Connection c EndNodes a;", "1:31", "expected ','"},
	/* flows */
	{"CREATE ServiceFlow f;", "1:21", "expected Type or Match"},
	{"CREATE ServiceFlow f Match a: Range(1);", "1:38", "expected ','"},
	{"CREATE ServiceFlow f Match a: Range(1, 2, 3);", "1:41", "expected ')'"},
	{"CREATE ServiceFlow f Match a: 1 Property", "1:33", "expected ',' or ';'"},
	{"CREATE ServiceFlow f Match a: 1 5", "1:33", "expected ',' or ';'"},
	{"CREATE ServiceFlow f Match a: 1 b", "1:34", "expected ':' behind a label"},
	{"UPDATE ServiceFlow f;", "1:21", "expected Match"},
	/* operations */
	{"CREATE Operation o Priority 1", "1:20", "expected Target"},
	{"CREATE Operation o Target f Action a;", "1:29", "expected Priority"},
	{"CREATE Operation o Target f Priority \"1\"", "1:38", "expected a number, found string"},
	{"CREATE Operation o Target f Priority 1;", "1:39", "expected Condition or Action"},
	{"CREATE Operation o Target f Priority 1 Action;", "1:46", "expected a name"},
	{"CREATE Operation o Target f Priority 1 Action a: b;", "1:50", "expected a value or List"},
	{"CREATE Operation o Target f Priority 1 Action a: 1, b: ;", "1:56", "expected a value"},
	{"CREATE Operation o Target f Priority 1 Action a: 1, ;", "1:53",
	 "expected a name, a value"},
	{"CREATE Operation o Target f Priority 1 Action a, 5;", "1:50",
	 "expected a name, found '5'"},
	{"CREATE Operation o Target f Priority 1 Action a, \"1 2\";", "1:50", "is not a name"},
	{"CREATE Operation o Target f Priority 1 Action a: \"b\": 1;", "1:53",
	 "expected ',' or ';'"},
	{"CREATE Operation o Target f Priority 1 Action a: 1, \"x y\": 1;", "1:58", "found ':'"},
	{"CREATE Operation o Target f Priority 1 Action a: Range(1, 2);", "1:50",
	 "expected a value"},
	{"UPDATE Operation o Action a Target f;", "1:29", "expected ':', ',' or ';'"},
	/* conditions */
	{"UPDATE Operation o Condition ;", "1:30", "expected '!', a name, a value or '('"},
	{"UPDATE Operation o Condition a == b == c;", "1:37", "'&&'"},
	{"UPDATE Operation o Condition a < b > c;", "1:36", "'&&'"},
	{"UPDATE Operation o Condition (a;", "1:32", "an operator or ')'"},
	{"UPDATE Operation o Condition a);", "1:31", "found ')'"},
	{"UPDATE Operation o Condition ();", "1:31", "found ')'"},
	{"UPDATE Operation o Condition a &&;", "1:34", "found ';'"},
	{"UPDATE Operation o Condition a b;", "1:32", "found name 'b'"},
	{"UPDATE Operation o Condition a.5;", "1:32", "expected a name, found '5'"},
	{"UPDATE Operation o Condition a.\"b\";", "1:32", "expected a name"},
	{"UPDATE Operation o Condition a.b.c;", "1:33", "found '.'"},
	{"UPDATE Operation o Condition a.b(c);", "1:33", "found '('"},
	{"UPDATE Operation o Condition \"a\".b;", "1:33", "found '.'"},
	{"UPDATE Operation o Condition \"a\"(b);", "1:33", "found '('"},
	{"UPDATE Operation o Condition f(a,);", "1:34", "found ')'"},
	{"UPDATE Operation o Condition f(List(1));", "1:32", "found key word 'List'"},
	{"UPDATE Operation o Condition a == !;", "1:36", "found ';'"},
	{"UPDATE Operation o Condition a Priority 1;", "1:32", "Action or ';'"},
	/* notifications, queries */
	{"CREATE Notification n Listener l;", "1:23", "expected '(', Query or Condition"},
	{"CREATE Notification n Condition a;", "1:34", "Listener, found ';'"},
	{"CREATE Notification n Condition a Listener 5;", "1:44", "expected a name or a string"},
	{"CREATE Notification n (Query a From b Condition a", "1:39", "expected ',' or ')'"},
	{"CREATE Notification n (Query a From b;) Condition a", "1:38", "expected ',' or ')'"},
	{"CREATE Notification n () Condition a", "1:24", "expected Query"},
	{"UPDATE Notification n Type a;", "1:23",
	 "expected '(', Query, Condition, Listener or ';'"},
	{"Query From a;", "1:7", "expected what to query"},
	{"Query Porperty From a;", "1:7", "found key word 'Porperty'"},
	{"Query propertY From a, 5", "1:24", "expected a name"},
	{"Query a;", "1:8", "expected ',' or From"},
	{"Query a From b )", "1:16", "expected ',' or ';'"},
	{"Query a From b c", "1:17", "expected ':' behind a label"},
};

static void test_refused(void **state)
{
	for (unsigned int i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		expect_refused(refused[i].text, refused[i].at, "syntax", refused[i].part);
}

/* The first error counts, whichever class it has. */
static void test_first_error(void **state)
{
	expect_refused("CREATE Type @", "1:8", "syntax", "found key word 'Type'");
	expect_refused("CREATE CFN @ Type Type", "1:12", "lexical", "'@'");
	expect_refused("Description \"a b\" @", "1:13", "syntax", "is not a name");
	expect_refused("UPDATE Operation o Action a: 1, \"b\" @", "1:37", "lexical", "'@'");
	expect_refused("UPDATE Operation o Action a: 1, \"b c\" @", "1:39", "lexical", "'@'");
}

static void warned(const char *text, const char *warnings)
{
	struct nemo_diags diags;
	struct nemo_script *s = script_n(text, strlen(text), &diags);
	json_t *all = nemo_script_json(s, &diags);

	expect_json(json_object_get(all, "warnings"), warnings);
	json_decref(all);
	nemo_script_free(s);
	nemo_diags_fini(&diags);
}

static void test_warnings(void **state)
{
	warned("UPDATE ServiceFlow f Match a: 1",
	       "[{\"code\": \"W-missing-semicolon\", \"at\": \"1:32\"}]");
	warned("UPDATE ServiceFlow f Match a: 1 \n\n",
	       "[{\"code\": \"W-missing-semicolon\", \"at\": \"3:1\"}]");
	warned("CREATE ServiceFlow f Match a: 1\n P1: Commit",
	       "[{\"code\": \"W-missing-semicolon\", \"at\": \"2:2\"}]");
	warned("Query a From b\nQuery c From d Commit",
	       "[{\"code\": \"W-missing-semicolon\", \"at\": \"2:1\"},"
	       " {\"code\": \"W-missing-semicolon\", \"at\": \"2:16\"}]");
	warned("CFNModel m Porperty String: a; UPDATE CFN c\nPorperty a: 1;",
	       "[{\"code\": \"W-porperty\", \"at\": \"1:12\"},"
	       " {\"code\": \"W-porperty\", \"at\": \"2:1\"}]");
	warned("UPDATE ServiceFlow f Match a: 1; Query a From b; Transaction Commit", "[]");
}

static void test_bytes_of_statements(void **state)
{
	const char *text = " P1: Commit ; Query a From b, c Transaction # x\n; Commit";
	struct nemo_diags diags;
	struct nemo_script *s = script_n(text, strlen(text), &diags);
	const char *should[] = {"P1: Commit ;", "Query a From b, c", "Transaction # x\n;",
				"Commit"};

	assert_int_equal(s->n, 4);
	assert_string_equal(s->text, text);
	assert_int_equal(s->len, strlen(text));
	assert_false(s->checked);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(s->v[i].end - s->v[i].begin, strlen(should[i]));
		assert_memory_equal(text + s->v[i].begin, should[i], strlen(should[i]));
	}
	nemo_script_free(s);
	nemo_diags_fini(&diags);
}

static void is_at(struct nemo_pos at, unsigned int column)
{
	assert_int_equal(at.line, 1);
	assert_int_equal(at.column, column);
}

static void test_places_of_expressions(void **state)
{
	struct nemo_script *s =
		script_of("UPDATE Operation o Condition (a || (b.c && !d)) || (5 < x(y));");
	struct nemo_expr *e = s->v[0].c.condition, *and_, *less;

	is_at(e->at, 30); /* the "(" */
	is_at(e->op_at, 33);
	assert_int_equal(e->n, 3);
	is_at(e->args[0]->at, 31);
	is_at(e->args[0]->member_at, 31);
	is_at(e->args[0]->entity_at, 31);
	assert_true(e->args[0]->bare);
	and_ = e->args[1];
	is_at(and_->at, 36);
	is_at(and_->op_at, 41);
	is_at(and_->args[0]->at, 37);
	is_at(and_->args[0]->entity_at, 37);
	is_at(and_->args[0]->member_at, 39);
	assert_false(and_->args[0]->bare);
	is_at(and_->args[1]->at, 44);
	is_at(and_->args[1]->args[0]->at, 45);
	less = e->args[2];
	is_at(less->at, 52);
	is_at(less->op_at, 55);
	is_at(less->args[0]->value.at, 53);
	is_at(less->args[1]->at, 57);
	is_at(less->args[1]->args[0]->at, 59);
	nemo_script_free(s);
}

static void test_places_of_clauses(void **state)
{
	struct nemo_script *s = script_of("l: CREATE Operation o Target f Priority 7 "
					  "Action a: List(1, 2), \"b\";");
	const struct nemo_clauses *c = &s->v[0].c;

	is_at(s->v[0].label.at, 1);
	is_at(s->v[0].at, 4);
	is_at(s->v[0].name.at, 21);
	is_at(c->target.at, 30);
	is_at(c->priority_at, 41);
	is_at(c->actions.v[0].name.at, 50);
	is_at(c->actions.v[0].args[0].at, 53);
	is_at(c->actions.v[0].args[0].v[1].at, 61);
	is_at(c->actions.v[0].args[1].at, 65);
	nemo_script_free(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_prefixes_can_go_on),
		cmocka_unit_test(test_wrong_token_is_the_place),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_first_error),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_bytes_of_statements),
		cmocka_unit_test(test_places_of_expressions),
		cmocka_unit_test(test_places_of_clauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
