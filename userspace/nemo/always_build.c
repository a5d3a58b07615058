/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every comparison becomes a test of one variable against a literal: time of day, integers and
 * Booleans as they are. How two variables compare is a variable of three values. In a wide space
 * strings, prefixes and so on are the ranks of the literals that they are compared with, and the
 * gaps between those. What is about anything else is a variable of its own that is true or false.
 * The literals cut a variable's range into points and gaps: one value of each stands for all.
 */
#include <stdlib.h>

#include "nemo/always_int.h"
#include "util/hash.h"

#define WORK_OF_TEST 16 /* a variable is looked up, its literals are sorted */
#define DAY ((int64_t)COND_DAY_SECONDS)

static const struct {
	int64_t min, max;
} ranges[RANGE_MAX] = {
	[RANGE_TRUTH] = {0, 1},
	[RANGE_TIME] = {0, DAY - 1},
	[RANGE_INSTANT] = {INT64_MIN, INT64_MAX},
	[RANGE_INTEGER] = {INT64_MIN, INT64_MAX},
	[RANGE_SIGN] = {-1, 1},
	[RANGE_RANK] = {0, INT64_MAX},
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

/* Of terms that are the same. */
static uint64_t hash_of(const struct nemo_expr *e)
{
	uint64_t parts[3] = {e->kind, 0, e->n};

	if (e->kind == NEMO_E_VAR)
		parts[1] = hash_bytes(e->entity, strlen(e->entity));
	if (e->kind == NEMO_E_VAR || e->kind == NEMO_E_CALL)
		parts[2] = hash_bytes(e->member, strlen(e->member));
	for (unsigned int i = 0; i < e->n; i++)
		parts[1] = parts[1] * 31 + hash_of(e->args[i]);
	return hash_bytes(parts, sizeof(parts));
}

static bool is_about(const struct variable *v, const struct variable *want)
{
	return v->range == want->range && same(v->term, want->term) &&
	       (!v->other || same(v->other, want->other));
}

/* Its number; -1: there are too many, or no memory. */
static int variable(struct space *s, const struct variable *want)
{
	uint64_t hash = hash_of(want->term) + (want->other ? 3 * hash_of(want->other) : 0);
	struct variable **bucket = &s->buckets[(hash + want->range) % ALWAYS_VARIABLES_MAX];
	struct variable *v = *bucket;

	while (v && !is_about(v, want))
		v = v->next;
	if (v)
		return (int)v->number;
	s->full |= s->n_vars == ALWAYS_VARIABLES_MAX;
	v = s->full ? NULL : need(s, sizeof(*v));
	if (!v)
		return -1;
	*v = *want;
	v->number = s->n_vars;
	v->next = *bucket;
	*bucket = s->vars[s->n_vars++] = v;
	return (int)v->number;
}

static struct node *node(struct space *s, struct node content)
{
	struct node *n = need(s, sizeof(*n));

	s->n_nodes++;
	s->work++;
	if (n)
		*n = content;
	return n;
}

struct node *always_constant(struct space *s, enum nemo_truth truth)
{
	return node(s, (struct node){.kind = IS_CONST, .truth = truth});
}

/* `cut` says the literal. */
static struct node *test(struct space *s, struct variable about, enum nemo_op op, struct cut cut)
{
	int number = variable(s, &about);
	struct cut *kept = number < 0 ? NULL : need(s, sizeof(*kept));
	struct variable *v;

	if (!kept)
		return NULL;
	v = s->vars[number];
	*kept = cut;
	kept->next = v->cuts;
	kept->test = node(s, (struct node){.kind = IS_TEST,
					   .var = (unsigned int)number,
					   .op = op,
					   .literal = cut.at});
	v->cuts = kept;
	v->n_cuts++;
	s->work += WORK_OF_TEST;
	return kept->test;
}

static struct node *test_at(struct space *s, const struct nemo_expr *term, enum range range,
			    enum nemo_op op, int64_t literal)
{
	return test(s, (struct variable){.term = term, .range = range}, op,
		    (struct cut){.at = literal});
}

/* A term that may be true or false. */
static struct node *is_free(struct space *s, const struct nemo_expr *term)
{
	return test_at(s, term, RANGE_TRUTH, NEMO_OP_NE, 0);
}

static struct node *kids_of(struct space *s, enum node_kind kind, const struct nemo_expr *e)
{
	struct node **kids = need(s, e->n * sizeof(struct node *));

	for (unsigned int i = 0; i < e->n && !s->full; i++)
		kids[i] = always_build(s, e->args[i]);
	return s->full ? NULL : node(s, (struct node){.kind = kind, .kids = kids, .n = e->n});
}

static struct node *joined(struct space *s, enum node_kind kind, struct node *a, struct node *b)
{
	struct node **kids = need(s, 2 * sizeof(struct node *));

	if (!kids || s->full)
		return NULL;
	kids[0] = a;
	kids[1] = b;
	return node(s, (struct node){.kind = kind, .kids = kids, .n = b ? 2 : 1});
}

static struct node *negated(struct space *s, struct node *of)
{
	return joined(s, IS_NOT, of, NULL);
}

/* However it is written: the literal is last, and an inequality is the equality that does not hold.
 */
static struct node *free_compare(struct space *s, const struct nemo_expr *e)
{
	bool turned = e->args[0]->kind == NEMO_E_VALUE, unequal = e->op == NEMO_OP_NE;
	struct nemo_expr *term = s->wide ? need(s, sizeof(*term)) : NULL;
	struct nemo_expr **args = term ? need(s, 2 * sizeof(struct nemo_expr *)) : NULL;
	struct node *test;

	if (!args)
		return is_free(s, e);
	*term = *e;
	term->op = unequal ? NEMO_OP_EQ : turned ? cond_flip(e->op) : e->op;
	term->args = args;
	args[0] = e->args[turned];
	args[1] = e->args[!turned];
	test = is_free(s, term);
	return unequal ? negated(s, test) : test;
}

static bool is_boolean(const struct nemo_expr *e)
{
	enum nemo_type type = e->kind == NEMO_E_VALUE ? e->value.type : e->type;

	return e->kind == NEMO_E_OP || type == NEMO_BOOLEAN;
}

/* A pair of variables is the same in both orders. */
static struct node *pair(struct space *s, const struct nemo_expr *e)
{
	const struct nemo_expr *l = e->args[0], *r = e->args[1];
	int order = strcmp(l->entity, r->entity);
	bool numbers = l->type == NEMO_INTEGER && r->type == NEMO_INTEGER;

	if (!s->wide && !numbers && !(cond_is_time(l) && cond_is_time(r)))
		return is_free(s, e);
	if (order == 0)
		order = strcmp(l->member, r->member);
	if (order == 0)
		return always_constant(s, cond_truth(cond_holds(e->op, 0)));
	if (order < 0)
		return test(s, (struct variable){.term = l, .other = r, .range = RANGE_SIGN}, e->op,
			    (struct cut){0});
	return test(s, (struct variable){.term = r, .other = l, .range = RANGE_SIGN},
		    cond_flip(e->op), (struct cut){0});
}

/* A day is from its first second to that of the next one. */
static struct node *day(struct space *s, const struct nemo_expr *l, enum nemo_op op, int64_t at)
{
	switch (op) {
	case NEMO_OP_EQ:
		return joined(s, IS_AND, test_at(s, l, RANGE_INSTANT, NEMO_OP_GE, at),
			      test_at(s, l, RANGE_INSTANT, NEMO_OP_LT, at + DAY));
	case NEMO_OP_NE:
		return negated(s, day(s, l, NEMO_OP_EQ, at));
	case NEMO_OP_LE:
		return test_at(s, l, RANGE_INSTANT, NEMO_OP_LT, at + DAY);
	case NEMO_OP_GT:
		return test_at(s, l, RANGE_INSTANT, NEMO_OP_GE, at + DAY);
	default:
		return test_at(s, l, RANGE_INSTANT, op, at);
	}
}

/* A property that is a date may lack a part, and then equals many dates that have both. */
static struct node *date(struct space *s, const struct nemo_expr *e, const struct nemo_expr *l,
			 enum nemo_op op, const struct nemo_date *with)
{
	int64_t at = nemo_date_seconds(with);

	if (!with->has_day)
		return test_at(s, l, RANGE_TIME, op, at);
	if (!with->has_time)
		return day(s, l, op, at);
	if (cond_is_time(l))
		return test_at(s, l, RANGE_INSTANT, op, at);
	return free_compare(s, e);
}

static struct node *rank(struct space *s, const struct nemo_expr *l, enum nemo_op op,
			 const struct nemo_value *value)
{
	if (value->type == NEMO_STRING)
		s->work += (unsigned int)strlen(value->string) / 8;
	return test(s, (struct variable){.term = l, .range = RANGE_RANK}, op,
		    (struct cut){.value = value});
}

static struct node *compare(struct space *s, const struct nemo_expr *e)
{
	bool turned = e->args[0]->kind == NEMO_E_VALUE;
	const struct nemo_expr *l = e->args[turned], *r = e->args[!turned];
	enum nemo_op op = turned ? cond_flip(e->op) : e->op;
	struct node *both;

	if (l->kind == NEMO_E_VALUE && r->kind == NEMO_E_VALUE)
		return always_constant(s, cond_compare(op, &l->value, &r->value));
	if (is_boolean(l) && is_boolean(r) && (op == NEMO_OP_EQ || op == NEMO_OP_NE)) {
		both = kids_of(s, IS_SAME, e);
		return op == NEMO_OP_EQ ? both : negated(s, both);
	}
	if (l->kind == NEMO_E_VAR && r->kind == NEMO_E_VAR && l->type == r->type)
		return pair(s, e);
	if (l->kind != NEMO_E_VAR || r->kind != NEMO_E_VALUE || l->type != r->value.type)
		return free_compare(s, e);
	if (l->type == NEMO_INTEGER)
		return test_at(s, l, RANGE_INTEGER, op, r->value.integer);
	if (cond_is_time(l) && cond_time_only(&r->value))
		return test_at(s, l, RANGE_TIME, op, nemo_date_seconds(&r->value.date));
	if (!s->wide)
		return is_free(s, e);
	if (l->type == NEMO_DATE)
		return date(s, e, l, op, &r->value.date);
	return rank(s, l, op, &r->value);
}

struct node *always_build(struct space *s, const struct nemo_expr *e)
{
	if (e->kind == NEMO_E_VALUE && cond_bare(&e->value) != NEMO_UNKNOWN)
		return always_constant(s, cond_bare(&e->value));
	if (e->kind == NEMO_E_VAR && e->type == NEMO_INTEGER)
		return test_at(s, e, RANGE_INTEGER, NEMO_OP_NE, 0);
	if (e->kind != NEMO_E_OP)
		return is_free(s, e);
	if (e->op == NEMO_OP_OR)
		return kids_of(s, IS_OR, e);
	if (e->op == NEMO_OP_AND)
		return kids_of(s, IS_AND, e);
	if (e->op == NEMO_OP_NOT)
		return kids_of(s, IS_NOT, e);
	return compare(s, e);
}

/* ---- points ---- */
static int by_literal(const void *a, const void *b)
{
	const struct cut *l = *(struct cut *const *)a, *r = *(struct cut *const *)b;

	if (l->value)
		return nemo_value_compare(l->value, r->value);
	return (l->at > r->at) - (l->at < r->at);
}

/* Of a rank the gaps have even numbers. */
static void number_literals(struct cut **cuts, unsigned int n)
{
	int64_t at = 1;

	for (unsigned int i = 0; i < n; i++) {
		if (i > 0 && nemo_value_compare(cuts[i]->value, cuts[i - 1]->value) != 0)
			at += 2;
		cuts[i]->at = cuts[i]->test->literal = at;
	}
}

/* The cuts of v in order, those of equal literals together. */
static struct cut **in_order(struct space *s, const struct variable *v)
{
	struct cut **cuts = need(s, v->n_cuts * sizeof(*cuts));
	unsigned int n = 0;

	if (!cuts)
		return NULL;
	for (struct cut *c = v->cuts; c; c = c->next)
		cuts[n++] = c;
	qsort(cuts, n, sizeof(struct cut *), by_literal);
	if (v->range == RANGE_RANK)
		number_literals(cuts, n);
	return cuts;
}

static void cut_range(struct space *s, struct variable *v)
{
	struct cut **cuts = in_order(s, v);
	int64_t at;

	v->points = cuts ? need(s, (2 * (size_t)v->n_cuts + 1) * sizeof(*v->points)) : NULL;
	if (!v->points)
		return;
	if (cuts[0]->at > ranges[v->range].min)
		v->points[v->n++] = cuts[0]->at - 1;
	for (unsigned int i = 0; i < v->n_cuts; i++) {
		at = cuts[i]->at;
		if (i + 1 < v->n_cuts && cuts[i + 1]->at == at)
			continue;
		v->points[v->n++] = at;
		if (at < ranges[v->range].max && (i + 1 == v->n_cuts || at + 1 < cuts[i + 1]->at))
			v->points[v->n++] = at + 1;
	}
}

void always_cut(struct space *s)
{
	for (unsigned int i = 0; i < s->n_vars && !s->full; i++)
		cut_range(s, s->vars[i]);
}
