/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said of a condition beforehand. Every comparison becomes a test of one variable (time
 * of day, integer, Boolean) against a literal; what is about anything else is a variable of its own
 * that is true or false. The literals cut a variable's range into points and gaps: one value of
 * each stands for all. A search sets one variable after another, those first on which the outcome
 * (in three-valued logic) still hangs, and stops where it is decided.
 *
 * Limits: VARIABLES_MAX variables, STEPS_MAX nodes looked at by one search. Beyond them nothing is
 * said: VARIES, and true.
 */
#include <stdlib.h>

#include "nemo/cond_int.h"

#define VARIABLES_MAX 256
#define STEPS_MAX (1u << 16)

enum range { RANGE_TRUTH, RANGE_TIME, RANGE_INTEGER, RANGE_MAX };
static const struct {
	int64_t min, max;
} ranges[RANGE_MAX] = {
	[RANGE_TRUTH] = {0, 1},
	[RANGE_TIME] = {0, COND_DAY_SECONDS - 1},
	[RANGE_INTEGER] = {INT64_MIN, INT64_MAX},
};

struct cut {
	int64_t at;
	struct cut *next;
};

struct variable {
	const struct nemo_expr *term; /* VAR, or the whole term */
	enum range range;
	struct cut *cuts;
	unsigned int n_cuts;
	int64_t *points; /* one of each part */
	unsigned int n;
	bool set;
	int64_t value;
};

enum node_kind { IS_CONST, IS_TEST, IS_NOT, IS_AND, IS_OR, IS_SAME };
struct node {
	enum node_kind kind;
	enum nemo_truth truth;	  /* CONST */
	unsigned int var;	  /* TEST: value of var, op, literal */
	enum nemo_op op;	  /* TEST */
	int64_t literal;	  /* TEST */
	const struct node **kids; /* the others; SAME: two */
	unsigned int n;
};

struct space {
	struct nemo_arena *arena;
	struct variable vars[VARIABLES_MAX];
	unsigned int n_vars;
	bool full; /* no memory, too many variables or steps */
	unsigned int steps;
	int open; /* the first variable on which the outcome hangs; -1: none */
};

static void *need(struct space *s, size_t size)
{
	void *p = nemo_arena_alloc(s->arena, size);

	s->full |= !p;
	return p;
}

static bool same(const struct nemo_expr *a, const struct nemo_expr *b)
{
	if (a->kind != b->kind || a->n != b->n)
		return false;
	if (a->kind == NEMO_E_VALUE)
		return a->value.type == b->value.type && nemo_value_equal(&a->value, &b->value);
	if (a->kind == NEMO_E_OP && a->op != b->op)
		return false;
	if (a->kind == NEMO_E_VAR && strcmp(a->entity, b->entity) != 0)
		return false;
	if (a->kind != NEMO_E_OP && strcmp(a->member, b->member) != 0)
		return false;
	for (unsigned int i = 0; i < a->n; i++)
		if (!same(a->args[i], b->args[i]))
			return false;
	return true;
}

static struct variable *variable(struct space *s, const struct nemo_expr *term, enum range range)
{
	unsigned int i = 0;

	while (i < s->n_vars && (s->vars[i].range != range || !same(s->vars[i].term, term)))
		i++;
	if (i == VARIABLES_MAX) {
		s->full = true;
		return NULL;
	}
	if (i == s->n_vars)
		s->vars[s->n_vars++] = (struct variable){.term = term, .range = range};
	return &s->vars[i];
}

static const struct node *node(struct space *s, struct node content)
{
	struct node *n = need(s, sizeof(*n));

	if (n)
		*n = content;
	return n;
}

static const struct node *constant(struct space *s, enum nemo_truth truth)
{
	return node(s, (struct node){.kind = IS_CONST, .truth = truth});
}

static const struct node *test(struct space *s, const struct nemo_expr *term, enum range range,
			       enum nemo_op op, int64_t literal)
{
	struct variable *v = variable(s, term, range);
	struct cut *cut = v ? need(s, sizeof(*cut)) : NULL;

	if (!cut)
		return NULL;
	cut->at = literal;
	cut->next = v->cuts;
	v->cuts = cut;
	v->n_cuts++;
	return node(s, (struct node){.kind = IS_TEST,
				     .var = (unsigned int)(v - s->vars),
				     .op = op,
				     .literal = literal});
}

/* A term that may be true or false. */
static const struct node *is_free(struct space *s, const struct nemo_expr *term)
{
	return test(s, term, RANGE_TRUTH, NEMO_OP_NE, 0);
}

static const struct node *build(struct space *s, const struct nemo_expr *e);

static const struct node *build_kids(struct space *s, enum node_kind kind,
				     const struct nemo_expr *e)
{
	const struct node **kids = need(s, e->n * sizeof(struct node *));

	for (unsigned int i = 0; i < e->n && !s->full; i++)
		kids[i] = build(s, e->args[i]);
	return s->full ? NULL : node(s, (struct node){.kind = kind, .kids = kids, .n = e->n});
}

static const struct node *negated(struct space *s, const struct node *of)
{
	const struct node **kid = need(s, sizeof(struct node *));

	if (!kid)
		return NULL;
	*kid = of;
	return node(s, (struct node){.kind = IS_NOT, .kids = kid, .n = 1});
}

static bool is_boolean(const struct nemo_expr *e)
{
	enum nemo_type type = e->kind == NEMO_E_VALUE ? e->value.type : e->type;

	return e->kind == NEMO_E_OP || type == NEMO_BOOLEAN;
}

static const struct node *build_compare(struct space *s, const struct nemo_expr *e)
{
	const struct nemo_expr *l = e->args[0], *r = e->args[1];
	enum nemo_op op = e->op;
	const struct node *both;

	if (l->kind == NEMO_E_VALUE && r->kind == NEMO_E_VALUE)
		return constant(s, cond_compare(op, &l->value, &r->value));
	if (is_boolean(l) && is_boolean(r) && (op == NEMO_OP_EQ || op == NEMO_OP_NE)) {
		both = build_kids(s, IS_SAME, e);
		return op == NEMO_OP_EQ ? both : negated(s, both);
	}
	if (l->kind == NEMO_E_VALUE) {
		l = e->args[1];
		r = e->args[0];
		op = cond_flip(op);
	}
	if (l->kind != NEMO_E_VAR || r->kind != NEMO_E_VALUE)
		return is_free(s, e);
	if (cond_is_time(l) && cond_time_only(&r->value))
		return test(s, l, RANGE_TIME, op, nemo_date_seconds(&r->value.date));
	if (l->type == NEMO_INTEGER && r->value.type == NEMO_INTEGER)
		return test(s, l, RANGE_INTEGER, op, r->value.integer);
	return is_free(s, e);
}

static const struct node *build(struct space *s, const struct nemo_expr *e)
{
	if (e->kind == NEMO_E_VALUE && cond_bare(&e->value) != NEMO_UNKNOWN)
		return constant(s, cond_bare(&e->value));
	if (e->kind == NEMO_E_VAR && e->type == NEMO_INTEGER)
		return test(s, e, RANGE_INTEGER, NEMO_OP_NE, 0);
	if (e->kind != NEMO_E_OP)
		return is_free(s, e);
	if (e->op == NEMO_OP_OR)
		return build_kids(s, IS_OR, e);
	if (e->op == NEMO_OP_AND)
		return build_kids(s, IS_AND, e);
	if (e->op == NEMO_OP_NOT)
		return build_kids(s, IS_NOT, e);
	return build_compare(s, e);
}

static int by_value(const void *a, const void *b)
{
	int64_t l = *(const int64_t *)a, r = *(const int64_t *)b;

	return (l > r) - (l < r);
}

/* The literals of v in order, each once; *n of them. */
static int64_t *literals(struct space *s, const struct variable *v, unsigned int *n)
{
	int64_t *at = need(s, v->n_cuts * sizeof(*at));
	unsigned int all = 0;

	*n = 0;
	if (!at)
		return NULL;
	for (const struct cut *c = v->cuts; c; c = c->next)
		at[all++] = c->at;
	qsort(at, all, sizeof(*at), by_value);
	for (unsigned int i = 0; i < all; i++)
		if (*n == 0 || at[i] != at[*n - 1])
			at[(*n)++] = at[i];
	return at;
}

static void cut_range(struct space *s, struct variable *v)
{
	unsigned int n;
	int64_t *at = literals(s, v, &n);

	v->points = at ? need(s, (2 * (size_t)n + 1) * sizeof(*at)) : NULL;
	if (!v->points)
		return;
	if (at[0] > ranges[v->range].min)
		v->points[v->n++] = at[0] - 1;
	for (unsigned int i = 0; i < n; i++) {
		v->points[v->n++] = at[i];
		if (at[i] < ranges[v->range].max && (i + 1 == n || at[i] + 1 < at[i + 1]))
			v->points[v->n++] = at[i] + 1;
	}
}

static enum nemo_truth truth_of(struct space *s, const struct node *n);

static enum nemo_truth truth_of_kids(struct space *s, const struct node *n)
{
	enum nemo_truth stop = cond_truth(n->kind == IS_OR), all = cond_not(stop), one;
	int open = s->open;

	for (unsigned int i = 0; i < n->n; i++) {
		one = truth_of(s, n->kids[i]);
		if (one == stop) {
			s->open = open; /* what came before does not matter */
			return stop;
		}
		if (one == NEMO_UNKNOWN)
			all = one;
	}
	return all;
}

static enum nemo_truth truth_of_test(struct space *s, const struct node *n)
{
	const struct variable *v = &s->vars[n->var];

	if (v->set)
		return cond_truth(
			cond_holds(n->op, (v->value > n->literal) - (v->value < n->literal)));
	if (s->open < 0)
		s->open = (int)n->var;
	return NEMO_UNKNOWN;
}

static enum nemo_truth truth_of(struct space *s, const struct node *n)
{
	enum nemo_truth l, r;

	if (++s->steps > STEPS_MAX) {
		s->full = true;
		return NEMO_UNKNOWN;
	}
	switch (n->kind) {
	case IS_CONST:
		return n->truth;
	case IS_TEST:
		return truth_of_test(s, n);
	case IS_NOT:
		return cond_not(truth_of(s, n->kids[0]));
	case IS_SAME:
		l = truth_of(s, n->kids[0]);
		r = truth_of(s, n->kids[1]);
		return l == NEMO_UNKNOWN || r == NEMO_UNKNOWN ? NEMO_UNKNOWN : cond_truth(l == r);
	default:
		return truth_of_kids(s, n);
	}
}

/* Is there a setting of what is not set yet that makes it so? Means nothing once s->full. */
static bool search(struct space *s, const struct node *root, enum nemo_truth want)
{
	enum nemo_truth is;
	struct variable *v;
	bool found = false;

	s->open = -1;
	is = truth_of(s, root);
	if (s->full || is == want)
		return true;
	if (s->open < 0)
		return is == NEMO_UNKNOWN; /* a comparison of literals that has no answer */
	if (is != NEMO_UNKNOWN)
		return false;
	v = &s->vars[s->open];
	v->set = true;
	for (unsigned int i = 0; i < v->n && !found; i++) {
		v->value = v->points[i];
		found = search(s, root, want);
	}
	v->set = false;
	return found;
}

static struct space *space_new(void)
{
	struct space *s = calloc(1, sizeof(*s));

	if (s)
		s->arena = nemo_arena_new();
	if (s && !s->arena) {
		free(s);
		return NULL;
	}
	return s;
}

static void space_free(struct space *s)
{
	nemo_arena_free(s->arena);
	free(s);
}

/* Can it be so? What cannot be told: it can. */
static bool can_be(struct space *s, const struct node *root, enum nemo_truth want)
{
	s->steps = 0;
	return s->full || search(s, root, want) || s->full;
}

static void cut_ranges(struct space *s)
{
	for (unsigned int i = 0; i < s->n_vars && !s->full; i++)
		cut_range(s, &s->vars[i]);
}

enum nemo_always nemo_expr_always(const struct nemo_expr *cond)
{
	enum nemo_always result = NEMO_VARIES;
	const struct node *root;
	struct space *s;

	if (!cond)
		return NEMO_ALWAYS;
	s = space_new();
	if (!s)
		return NEMO_VARIES;
	root = build(s, cond);
	cut_ranges(s);
	if (!can_be(s, root, NEMO_TRUE))
		result = NEMO_NEVER;
	else if (!can_be(s, root, NEMO_FALSE))
		result = NEMO_ALWAYS;
	space_free(s);
	return result;
}

bool nemo_may_both(const struct nemo_expr *a, const struct nemo_expr *b)
{
	const struct node *kids[2];
	struct node both = {.kind = IS_AND, .kids = kids, .n = 2};
	struct space *s = space_new();
	bool may;

	if (!s)
		return true;
	kids[0] = a ? build(s, a) : constant(s, NEMO_TRUE);
	kids[1] = b ? build(s, b) : constant(s, NEMO_TRUE);
	cut_ranges(s);
	may = can_be(s, &both, NEMO_TRUE);
	space_free(s);
	return may;
}
