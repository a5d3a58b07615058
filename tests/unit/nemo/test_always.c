/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "expr.h"
#include "network.h"
#include "nemo/cond_int.h"

#define AND(l, r) op2(NEMO_OP_AND, l, r)
#define OR(l, r) op2(NEMO_OP_OR, l, r)
#define AFTER(text) clock_is(NEMO_OP_GT, text)
#define BEFORE(text) clock_is(NEMO_OP_LT, text)

static int teardown(void **state)
{
	expr_free();
	return 0;
}

/* Worth as many steps as there can be. */
static enum nemo_always always_is(const struct nemo_expr *cond)
{
	unsigned int budget = UINT_MAX;

	return cond_always(cond, &budget);
}

static bool may_both(const struct nemo_expr *a, const struct nemo_expr *b)
{
	unsigned int budget = UINT_MAX;

	return cond_may_both(a, b, &budget);
}

static void test_windows_of_the_day(void **state)
{
	assert_int_equal(always_is(OR(AFTER("18:00"), BEFORE("21:00"))), NEMO_ALWAYS);
	assert_int_equal(always_is(OR(AFTER("18:00"), BEFORE("02:00"))), NEMO_VARIES);
	assert_int_equal(always_is(AND(AFTER("18:00"), BEFORE("21:00"))), NEMO_VARIES);
	assert_int_equal(always_is(AND(AFTER("18:00"), BEFORE("02:00"))), NEMO_NEVER);
	assert_int_equal(always_is(AND(AFTER("18:00:00"), BEFORE("18:00:01"))), NEMO_NEVER);
	assert_int_equal(always_is(AND(AFTER("18:00:00"), BEFORE("18:00:02"))), NEMO_VARIES);
}

static void test_ends_of_the_day(void **state)
{
	assert_int_equal(always_is(AFTER("23:59:59")), NEMO_NEVER);
	assert_int_equal(always_is(BEFORE("00:00:00")), NEMO_NEVER);
	assert_int_equal(always_is(clock_is(NEMO_OP_LE, "23:59:59")), NEMO_ALWAYS);
	assert_int_equal(always_is(clock_is(NEMO_OP_GE, "00:00:00")), NEMO_ALWAYS);
	assert_int_equal(always_is(clock_is(NEMO_OP_EQ, "23:59:59")), NEMO_VARIES);
	assert_int_equal(
		always_is(op2(NEMO_OP_LT, lit(NEMO_DATE, "23:59:59"), var("time", NEMO_DATE))),
		NEMO_NEVER);
}

static void test_integers(void **state)
{
	assert_int_equal(
		always_is(OR(number_is("a", NEMO_OP_GT, "5"), number_is("a", NEMO_OP_LT, "6"))),
		NEMO_ALWAYS);
	assert_int_equal(
		always_is(AND(number_is("a", NEMO_OP_GT, "5"), number_is("a", NEMO_OP_LT, "6"))),
		NEMO_NEVER);
	assert_int_equal(
		always_is(AND(number_is("a", NEMO_OP_GT, "5"), number_is("b", NEMO_OP_LT, "6"))),
		NEMO_VARIES);
	assert_int_equal(always_is(AND(var("a", NEMO_INTEGER), number_is("a", NEMO_OP_EQ, "0"))),
			 NEMO_NEVER);
	assert_int_equal(always_is(number_is("a", NEMO_OP_LE, "9223372036854775807")), NEMO_ALWAYS);
	assert_int_equal(always_is(number_is("a", NEMO_OP_LT, "-9223372036854775808")), NEMO_NEVER);
}

static void test_booleans_and_literals(void **state)
{
	struct nemo_expr *yes = lit(NEMO_BOOLEAN, "true"), *no = lit(NEMO_BOOLEAN, "false");

	assert_int_equal(always_is(NULL), NEMO_ALWAYS);
	assert_int_equal(always_is(yes), NEMO_ALWAYS);
	assert_int_equal(always_is(no), NEMO_NEVER);
	assert_int_equal(always_is(lit(NEMO_INTEGER, "-3")), NEMO_ALWAYS);
	assert_int_equal(always_is(lit(NEMO_INTEGER, "0")), NEMO_NEVER);
	assert_int_equal(always_is(OR(flag("p"), not_(flag("p")))), NEMO_ALWAYS);
	assert_int_equal(always_is(op2(NEMO_OP_EQ, flag("p"), not_(flag("p")))), NEMO_NEVER);
	assert_int_equal(always_is(op2(NEMO_OP_NE, flag("p"), not_(flag("p")))), NEMO_ALWAYS);
	assert_int_equal(
		always_is(OR(op2(NEMO_OP_EQ, flag("p"), yes), op2(NEMO_OP_EQ, flag("p"), no))),
		NEMO_ALWAYS);
	assert_int_equal(always_is(op2(NEMO_OP_LT, lit(NEMO_INTEGER, "1"), lit(NEMO_INTEGER, "2"))),
			 NEMO_ALWAYS);
}

/* A term about anything else may be true or false, but the same one is the same. */
static void test_other_terms(void **state)
{
	struct nemo_expr *is = op2(NEMO_OP_EQ, var("s", NEMO_STRING), lit(NEMO_STRING, "a"));
	struct nemo_expr *again = op2(NEMO_OP_EQ, var("s", NEMO_STRING), lit(NEMO_STRING, "a"));
	struct nemo_expr *other = op2(NEMO_OP_NE, var("s", NEMO_STRING), lit(NEMO_STRING, "a"));

	assert_int_equal(always_is(is), NEMO_VARIES);
	assert_int_equal(always_is(OR(is, not_(again))), NEMO_ALWAYS);
	assert_int_equal(always_is(OR(is, other)), NEMO_VARIES);
	assert_int_equal(always_is(OR(clock_is(NEMO_OP_GE, "2026-01-01"),
				      clock_is(NEMO_OP_LT, "2026-01-01"))),
			 NEMO_VARIES);
}

static struct nemo_expr *pair_is(enum nemo_op op, const char *l, const char *r)
{
	return op2(op, var(l, NEMO_INTEGER), var(r, NEMO_INTEGER));
}

/* Less, equal or greater: one of the three, whichever is written first. */
static void test_pairs_of_variables(void **state)
{
	struct nemo_expr *now = var("time", NEMO_DATE), *again = var("time", NEMO_DATE);

	assert_int_equal(always_is(pair_is(NEMO_OP_EQ, "a", "a")), NEMO_ALWAYS);
	assert_int_equal(always_is(pair_is(NEMO_OP_LT, "a", "a")), NEMO_NEVER);
	assert_int_equal(always_is(op2(NEMO_OP_GE, now, again)), NEMO_ALWAYS);
	assert_int_equal(always_is(op2(NEMO_OP_NE, now, again)), NEMO_NEVER);
	assert_int_equal(always_is(pair_is(NEMO_OP_LE, "a", "b")), NEMO_VARIES);
	assert_int_equal(
		always_is(OR(pair_is(NEMO_OP_NE, "a", "b"), pair_is(NEMO_OP_GE, "a", "b"))),
		NEMO_ALWAYS);
	assert_int_equal(
		always_is(OR(pair_is(NEMO_OP_LE, "a", "b"), pair_is(NEMO_OP_LT, "b", "a"))),
		NEMO_ALWAYS);
	assert_int_equal(
		always_is(AND(pair_is(NEMO_OP_GE, "a", "b"), pair_is(NEMO_OP_LT, "a", "b"))),
		NEMO_NEVER);
	assert_int_equal(
		always_is(AND(pair_is(NEMO_OP_LE, "a", "b"), pair_is(NEMO_OP_LE, "b", "a"))),
		NEMO_VARIES);
	assert_false(may_both(pair_is(NEMO_OP_GT, "a", "b"), pair_is(NEMO_OP_GT, "b", "a")));
	assert_true(may_both(pair_is(NEMO_OP_GT, "a", "b"), pair_is(NEMO_OP_GT, "b", "c")));
}

static bool both_of(enum nemo_type type, enum nemo_op op, const char *text, enum nemo_op op2_,
		    const char *text2)
{
	return may_both(op2(op, var("v", type), lit(type, text)),
			op2(op2_, lit(type, text2), var("v", type)));
}

/* Nothing is said of them alone, but no value is two at once. */
static void test_values_of_other_types(void **state)
{
	static const struct {
		enum nemo_type type;
		const char *a, *b; /* a comes first */
	} of[] = {
		{NEMO_STRING, "a", "b"},
		{NEMO_IPPREFIX, "192.0.2.0/24", "192.0.2.1"},
		{NEMO_UUID, "00000000-0000-0000-0000-000000000001",
		 "00000000-0000-0000-0000-000000000002"},
		{NEMO_ETHADDR, "02:00:00:00:00:01", "02:00:00:00:00:02"},
		{NEMO_DATE, "2026-01-01", "2026-01-03"},
		{NEMO_DATE, "10:00", "11:00"},
	};

	for (unsigned int i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		const char *a = of[i].a, *b = of[i].b;
		enum nemo_type t = of[i].type;

		assert_false(both_of(t, NEMO_OP_EQ, a, NEMO_OP_NE, a));
		assert_false(both_of(t, NEMO_OP_EQ, a, NEMO_OP_EQ, b));
		assert_true(both_of(t, NEMO_OP_EQ, a, NEMO_OP_EQ, a));
		assert_true(both_of(t, NEMO_OP_EQ, a, NEMO_OP_NE, b));
		assert_true(both_of(t, NEMO_OP_NE, a, NEMO_OP_NE, b));
		assert_false(both_of(t, NEMO_OP_LT, a, NEMO_OP_LT, b));
		assert_true(both_of(t, NEMO_OP_GT, a, NEMO_OP_GT, b));
	}
}

static bool days(enum nemo_op op, const char *text, enum nemo_op with, const char *text2)
{
	return may_both(clock_is(op, text), clock_is(with, text2));
}

static void test_days(void **state)
{
	assert_false(days(NEMO_OP_EQ, "2026-01-01", NEMO_OP_EQ, "2026-01-02 10:00:00"));
	assert_true(days(NEMO_OP_EQ, "2026-01-02", NEMO_OP_EQ, "2026-01-02 10:00:00"));
	assert_false(days(NEMO_OP_NE, "2026-01-02", NEMO_OP_EQ, "2026-01-02 23:59:59"));
	assert_false(days(NEMO_OP_LE, "2026-01-02", NEMO_OP_GT, "2026-01-02 23:59:59"));
	assert_true(days(NEMO_OP_LE, "2026-01-02", NEMO_OP_GE, "2026-01-02 23:59:59"));
	assert_false(days(NEMO_OP_GT, "2026-01-02", NEMO_OP_LT, "2026-01-03 00:00:00"));
	assert_true(days(NEMO_OP_GE, "2026-01-02", NEMO_OP_LT, "2026-01-02 00:00:01"));
	/* without its time such a property equals both */
	assert_true(both_of(NEMO_DATE, NEMO_OP_EQ, "2026-01-01 10:00:00", NEMO_OP_EQ,
			    "2026-01-01 11:00:00"));
	assert_false(both_of(NEMO_DATE, NEMO_OP_EQ, "2026-01-01 10:00:00", NEMO_OP_NE,
			     "2026-01-01 10:00:00"));
}

static void test_both(void **state)
{
	assert_true(may_both(NULL, NULL));
	assert_true(may_both(NULL, AFTER("18:00")));
	assert_false(may_both(AFTER("23:59:59"), NULL));
	assert_false(may_both(AFTER("18:00"), BEFORE("18:00")));
	assert_true(may_both(AFTER("18:00"), BEFORE("18:02")));
	assert_true(may_both(flag("p"), flag("q")));
	assert_false(may_both(flag("p"), not_(flag("p"))));
}

static struct nemo_expr *numbered(const char *format, unsigned int i)
{
	char *name = nemo_arena_alloc(expr_arena, 16);

	snprintf(name, 16, format, i);
	return flag(name);
}

/* The equality of n flags one after another: nothing is decided before the last one is set. */
static struct nemo_expr *chain(unsigned int n)
{
	struct nemo_expr *e = flag("p");

	for (unsigned int i = 0; i < n; i++)
		e = op2(NEMO_OP_EQ, e, numbered("p%u", i));
	return e;
}

static void test_beyond_the_limits_nothing_is_said(void **state)
{
	struct nemo_expr *any = OR(flag("p"), not_(flag("p")));

	assert_int_equal(always_is(OR(chain(6), not_(chain(6)))), NEMO_ALWAYS);
	assert_int_equal(always_is(OR(chain(50), not_(chain(50)))), NEMO_VARIES);
	assert_true(may_both(chain(50), not_(chain(50))));
	for (unsigned int i = 0; i < 200; i++)
		any = OR(any, numbered("v%u", i));
	assert_int_equal(always_is(any), NEMO_ALWAYS);
	for (unsigned int i = 200; i < 300; i++)
		any = OR(any, numbered("v%u", i));
	assert_int_equal(always_is(any), NEMO_VARIES);
}

/* Nothing hangs on the 51 variables of the chain: the search does not try them. */
static void test_only_what_matters_is_tried(void **state)
{
	struct nemo_expr *idle = AND(chain(50), lit(NEMO_BOOLEAN, "false"));

	assert_int_equal(always_is(OR(idle, OR(flag("q"), not_(flag("q"))))), NEMO_ALWAYS);
}

/* What was spent is gone; with nothing left nothing is said. */
static void test_a_budget(void **state)
{
	struct nemo_expr *any = OR(flag("p"), not_(flag("p")));
	unsigned int budget = 100000, before = budget;

	assert_int_equal(cond_always(any, &budget), NEMO_ALWAYS);
	assert_true(budget < before && budget > 0);
	before = budget;
	assert_false(cond_may_both(flag("p"), not_(flag("p")), &budget));
	assert_true(budget < before && budget > 0);
	assert_int_equal(cond_always(OR(chain(50), not_(chain(50))), &budget), NEMO_VARIES);
	assert_int_equal(cond_may_both(chain(50), not_(chain(50)), &budget), true);
	assert_int_equal(budget, 0);
	assert_int_equal(cond_always(any, &budget), NEMO_VARIES);
	assert_true(cond_may_both(flag("p"), not_(flag("p")), &budget));
}

static void test_surely_by_the_condition_alone(void **state)
{
	struct nemo_expr *wide = not_(flag("p"));

	assert_int_equal(cond_surely(OR(flag("p"), not_(flag("p")))), NEMO_ALWAYS);
	assert_int_equal(always_is(OR(chain(7), not_(chain(7)))), NEMO_ALWAYS);
	assert_int_equal(cond_surely(OR(chain(7), not_(chain(7)))), NEMO_VARIES);
	for (unsigned int i = 0; i < 4000; i++)
		wide = OR(wide, flag("q"));
	assert_int_equal(cond_surely(OR(wide, flag("p"))), NEMO_ALWAYS);
}

static enum nemo_always written(const char *condition)
{
	char text[512];
	struct nemo_store *store;
	enum nemo_always is;

	snprintf(text, sizeof(text),
		 "IMPORT CFN g Type gateway; CREATE ServiceFlow f Match dst_port: 80;\n"
		 "CREATE Operation o Target f Priority 1 Condition %s Action deny;",
		 condition);
	store = store_of(text, NULL);
	is = always_is(nemo_store_find(store, "o")->c.condition);
	nemo_store_free(store);
	return is;
}

static void test_conditions_of_scripts(void **state)
{
	assert_int_equal(written("(time>\"18:00\") || (time<\"21:00\")"), NEMO_ALWAYS);
	assert_int_equal(written("(time>\"18:00\") || (time<\"02:00\")"), NEMO_VARIES);
	assert_int_equal(written("\"18:00\" < time && \"02:00\" > time && g.up"), NEMO_NEVER);
	assert_int_equal(written("g.cpu_load > 5 || packets || g.cpu_load <= 4 || "
				 "g.cpu_load == 5"),
			 NEMO_ALWAYS);
	assert_int_equal(written("packets && bytes && !packets"), NEMO_NEVER);
	assert_int_equal(written("packets && bytes && g.up"), NEMO_VARIES);
	assert_int_equal(written("g.location == \"x\" || g.location != \"x\""), NEMO_VARIES);
	assert_int_equal(written("packets == packets"), NEMO_ALWAYS);
	assert_int_equal(written("time == time"), NEMO_ALWAYS);
	assert_int_equal(written("packets < packets"), NEMO_NEVER);
	assert_int_equal(written("g.location == g.location"), NEMO_VARIES);
	assert_int_equal(written("time >= \"2026-01-01\" || time < \"2026-01-01\""), NEMO_VARIES);
}

/* ---- against brute force ---- */
struct world {
	int64_t a, b;
	bool p, q;
};

static bool look_up(void *arg, const char *entity, const char *member, struct nemo_value *out)
{
	const struct world *w = arg;

	out->type = member[0] < 'p' ? NEMO_INTEGER : NEMO_BOOLEAN;
	if (out->type == NEMO_INTEGER)
		out->integer = member[0] == 'a' ? w->a : w->b;
	else
		out->boolean = member[0] == 'p' ? w->p : w->q;
	return true;
}

static struct nemo_expr *random_compare(void)
{
	static const char *const times[] = {"00:00:00", "00:00:01", "00:00:02",
					    "00:00:04", "23:59:58", "23:59:59"};
	static const char *const numbers[] = {"-1", "0", "1", "2", "4"};
	struct nemo_expr *l, *r;

	if (pick(2)) {
		l = var("time", NEMO_DATE);
		r = lit(NEMO_DATE, times[pick(6)]);
	} else {
		l = var(pick(2) ? "a" : "b", NEMO_INTEGER);
		r = lit(NEMO_INTEGER, numbers[pick(5)]);
	}
	return pick(2) ? op2(NEMO_OP_EQ + pick(6), l, r) : op2(NEMO_OP_EQ + pick(6), r, l);
}

static struct nemo_expr *random_expr(unsigned int depth)
{
	unsigned int kind = depth == 0 ? 4 + pick(4) : pick(8);

	switch (kind) {
	case 0:
		return not_(random_expr(depth - 1));
	case 1:
		return AND(random_expr(depth - 1), random_expr(depth - 1));
	case 2:
		return OR(random_expr(depth - 1), random_expr(depth - 1));
	case 3:
		return op2(pick(2) ? NEMO_OP_EQ : NEMO_OP_NE, not_(random_expr(depth - 1)),
			   op2(NEMO_OP_AND, random_expr(depth - 1), flag("p")));
	case 4:
		return flag(pick(2) ? "p" : "q");
	case 5:
		return var(pick(2) ? "a" : "b", NEMO_INTEGER);
	default:
		return random_compare();
	}
}

/* Every value of all variables next to a literal. */
static void brute_force(const struct nemo_expr *e, bool *can_true, bool *can_false)
{
	static const int64_t seconds[] = {0, 1, 2, 3, 4, 5, 86397, 86398, 86399};
	struct world w;
	struct nemo_env env = {.value = look_up, .arg = &w};

	*can_true = *can_false = false;
	for (unsigned int i = 0; i < 9 * 8 * 8 * 4 && !(*can_true && *can_false); i++) {
		nemo_date_from_seconds(seconds[i % 9], &env.now);
		w = (struct world){.a = (int)(i / 9 % 8) - 2,
				   .b = (int)(i / 72 % 8) - 2,
				   .p = i / 576 & 1,
				   .q = i / 1152 & 1};
		if (nemo_eval(e, &env) == NEMO_TRUE)
			*can_true = true;
		else
			*can_false = true;
	}
}

static void test_like_brute_force(void **state)
{
	unsigned int seen[3] = {0};
	bool can_true, can_false;
	struct nemo_expr *e;

	for (unsigned int i = 0; i < 4000; i++) {
		e = random_expr(4);
		brute_force(e, &can_true, &can_false);
		enum nemo_always want = !can_true    ? NEMO_NEVER
					: !can_false ? NEMO_ALWAYS
						     : NEMO_VARIES;
		assert_int_equal(always_is(e), want);
		seen[want]++;
		expr_free();
	}
	for (unsigned int i = 0; i < 3; i++)
		assert_true(seen[i] > 20);
}

static void test_both_like_brute_force(void **state)
{
	unsigned int both = 0, not_both = 0;
	bool can_true, can_false;

	for (unsigned int i = 0; i < 3000; i++) {
		struct nemo_expr *a = random_expr(2), *b = random_expr(2);

		brute_force(AND(a, b), &can_true, &can_false);
		assert_int_equal(may_both(a, b), can_true);
		can_true ? both++ : not_both++;
		expr_free();
	}
	assert_true(both > 20 && not_both > 20);
}

/* ---- values of all types: what is seen once may be ---- */
static const char *const samples[][4] = {
	[NEMO_INTEGER] = {"-1", "0", "1", "2"},
	[NEMO_STRING] = {"a", "aa", "b", "c"},
	[NEMO_IPPREFIX] = {"192.0.2.0/24", "192.0.2.0", "192.0.2.1", "2001:db8::1"},
	[NEMO_DATE] = {"2026-01-01", "2026-01-01 00:00:00", "2026-01-01 23:59:59", "12:00:00"},
};

struct sampled {
	struct nemo_date now;
	struct nemo_value v[8];
};

static bool look_at(void *arg, const char *entity, const char *member, struct nemo_value *out)
{
	const struct sampled *s = arg;

	*out = s->v[member[0] - 'a'];
	return true;
}

static struct nemo_expr *typed_var(enum nemo_type type)
{
	static const char *const names[][2] = {
		[NEMO_INTEGER] = {"a", "b"},
		[NEMO_STRING] = {"c", "d"},
		[NEMO_IPPREFIX] = {"e", "f"},
		[NEMO_DATE] = {"g", "h"},
	};

	return type == NEMO_DATE && pick(2) ? var("time", type) : var(names[type][pick(2)], type);
}

static struct nemo_expr *typed_compare(void)
{
	static const enum nemo_type types[] = {NEMO_INTEGER, NEMO_STRING, NEMO_IPPREFIX, NEMO_DATE};
	enum nemo_type type = types[pick(4)];
	struct nemo_expr *l = typed_var(type);
	struct nemo_expr *r = pick(3) ? lit(type, samples[type][pick(4)]) : typed_var(type);

	return pick(2) ? op2(NEMO_OP_EQ + pick(6), l, r) : op2(NEMO_OP_EQ + pick(6), r, l);
}

static struct nemo_expr *typed_expr(unsigned int depth)
{
	switch (depth ? pick(4) : 3) {
	case 0:
		return not_(typed_expr(depth - 1));
	case 1:
		return AND(typed_expr(depth - 1), typed_expr(depth - 1));
	case 2:
		return OR(typed_expr(depth - 1), typed_expr(depth - 1));
	default:
		return typed_compare();
	}
}

static void sample(struct sampled *s)
{
	static const enum nemo_type types[] = {NEMO_INTEGER, NEMO_STRING, NEMO_IPPREFIX, NEMO_DATE};

	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(nemo_value_read(types[i / 2], samples[types[i / 2]][pick(4)],
						 &s->v[i], NULL),
				 0);
	nemo_date_from_seconds(1767225600 + 43200 * ((int)pick(7) - 3) + (int)pick(3) - 1, &s->now);
}

static void test_what_is_seen_may_be(void **state)
{
	struct sampled s;
	struct nemo_env env = {.value = look_at, .arg = &s};
	unsigned int seen = 0, never = 0;

	for (unsigned int i = 0; i < 3000; i++) {
		struct nemo_expr *a = typed_expr(2), *b = typed_expr(2);
		enum nemo_always always = always_is(a);
		bool may = may_both(a, b);

		never += !may;
		for (unsigned int j = 0; j < 60; j++) {
			sample(&s);
			env.now = s.now;
			enum nemo_truth is = nemo_eval(a, &env);

			assert_true(is == NEMO_UNKNOWN ||
				    always != (is == NEMO_TRUE ? NEMO_NEVER : NEMO_ALWAYS));
			if (is != NEMO_TRUE || nemo_eval(b, &env) != NEMO_TRUE)
				continue;
			assert_true(may);
			seen++;
		}
		expr_free();
	}
	assert_true(seen > 1000 && never > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_windows_of_the_day, teardown),
		cmocka_unit_test_teardown(test_ends_of_the_day, teardown),
		cmocka_unit_test_teardown(test_integers, teardown),
		cmocka_unit_test_teardown(test_booleans_and_literals, teardown),
		cmocka_unit_test_teardown(test_other_terms, teardown),
		cmocka_unit_test_teardown(test_pairs_of_variables, teardown),
		cmocka_unit_test_teardown(test_values_of_other_types, teardown),
		cmocka_unit_test_teardown(test_days, teardown),
		cmocka_unit_test_teardown(test_a_budget, teardown),
		cmocka_unit_test_teardown(test_surely_by_the_condition_alone, teardown),
		cmocka_unit_test_teardown(test_both, teardown),
		cmocka_unit_test_teardown(test_beyond_the_limits_nothing_is_said, teardown),
		cmocka_unit_test_teardown(test_only_what_matters_is_tried, teardown),
		cmocka_unit_test(test_conditions_of_scripts),
		cmocka_unit_test_teardown(test_like_brute_force, teardown),
		cmocka_unit_test_teardown(test_both_like_brute_force, teardown),
		cmocka_unit_test_teardown(test_what_is_seen_may_be, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
