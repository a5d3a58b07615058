/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said of a condition beforehand. A search sets one variable after another, those first
 * on which the outcome (in three-valued logic) still hangs, and stops where it is decided.
 *
 * Limits: ALWAYS_VARIABLES_MAX variables, and nodes looked at by one search. Beyond them nothing is
 * said: VARIES, and true.
 */
#include <stdlib.h>

#include "nemo/always_int.h"

#define STEPS_MAX (1u << 16)
#define SURE_STEPS 1024 /* of cond_surely(), and SURE_PASSES for each node */
#define SURE_PASSES 4
#define WORK_OF_SPACE 128 /* to make and to free one */

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
	const struct variable *v = s->vars[n->var];

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

	if (++s->steps > s->most_steps) {
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
	v = s->vars[s->open];
	v->set = true;
	for (unsigned int i = 0; i < v->n && !found; i++) {
		v->value = v->points[i];
		found = search(s, root, want);
	}
	v->set = false;
	return found;
}

static struct space *space_new(bool wide)
{
	struct space *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->arena = nemo_arena_new();
	s->wide = wide;
	s->work = WORK_OF_SPACE;
	if (s->arena)
		return s;
	free(s);
	return NULL;
}

static void space_free(struct space *s)
{
	nemo_arena_free(s->arena);
	free(s);
}

/* Can it be so? What cannot be told: it can. */
static bool can_be(struct space *s, const struct node *root, enum nemo_truth want)
{
	bool found;

	s->steps = 0;
	found = s->full || search(s, root, want) || s->full;
	s->work += s->steps;
	return found;
}

static enum nemo_always always(struct space *s, const struct node *root)
{
	if (!can_be(s, root, NEMO_TRUE))
		return NEMO_NEVER;
	return can_be(s, root, NEMO_FALSE) ? NEMO_VARIES : NEMO_ALWAYS;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static void spend(unsigned int *budget, const struct space *s)
{
	*budget -= least(*budget, s->work);
}

enum nemo_always cond_always(const struct nemo_expr *cond, unsigned int *budget)
{
	enum nemo_always is;
	const struct node *root;
	struct space *s;

	if (!cond)
		return NEMO_ALWAYS;
	s = *budget ? space_new(false) : NULL;
	if (!s)
		return NEMO_VARIES;
	root = always_build(s, cond);
	always_cut(s);
	s->most_steps = least(STEPS_MAX, *budget);
	is = always(s, root);
	spend(budget, s);
	space_free(s);
	return is;
}

enum nemo_always cond_surely(const struct nemo_expr *cond)
{
	struct space *s = space_new(false);
	enum nemo_always is;
	const struct node *root;

	if (!s)
		return NEMO_VARIES;
	root = always_build(s, cond);
	always_cut(s);
	s->most_steps = SURE_STEPS + SURE_PASSES * s->n_nodes;
	is = always(s, root);
	space_free(s);
	return is;
}

bool cond_may_both(const struct nemo_expr *a, const struct nemo_expr *b, unsigned int *budget)
{
	struct node *kids[2];
	struct node both = {.kind = IS_AND, .kids = kids, .n = 2};
	struct space *s = *budget ? space_new(true) : NULL;
	bool may;

	if (!s)
		return true;
	kids[0] = a ? always_build(s, a) : always_constant(s, NEMO_TRUE);
	kids[1] = b ? always_build(s, b) : always_constant(s, NEMO_TRUE);
	always_cut(s);
	s->most_steps = least(STEPS_MAX, *budget);
	may = can_be(s, &both, NEMO_TRUE);
	spend(budget, s);
	space_free(s);
	return may;
}
