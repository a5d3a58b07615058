/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Predicates on costs: "le 20" (RFC 7285, 11.3.2.3), "[1] le 20" (RFC 8189, 4.1.2). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alto/cost.h"

#define WANT "must be \"OP NUMBER\" or \"[INDEX] OP NUMBER\" with OP gt, lt, ge, le or eq"

static const char *const op_names[ALTO_COST_OP_MAX] = {"gt", "lt", "ge", "le", "eq"};

bool alto_cost_meets(enum alto_cost_op op, double value, double bound)
{
	switch (op) {
	case ALTO_GT:
		return value > bound;
	case ALTO_LT:
		return value < bound;
	case ALTO_GE:
		return value >= bound;
	case ALTO_LE:
		return value <= bound;
	case ALTO_EQ:
		return value == bound;
	case ALTO_COST_OP_MAX:
		break;
	}
	return false;
}

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* Moves *p behind white space, of which there must be some. */
static bool take_space(const char **p)
{
	const char *end = skip_space(*p);

	if (end == *p)
		return false;
	*p = end;
	return true;
}

/* "[12]", or nothing: 0 (RFC 8189, 4.1.2). */
static bool take_index(const char **p, unsigned int *index)
{
	size_t digits;

	*index = 0;
	if (**p != '[')
		return true;
	digits = strspn(*p + 1, "0123456789");
	if (digits < 1 || digits > 4 || (*p)[1 + digits] != ']')
		return false;
	*index = (unsigned int)strtoul(*p + 1, NULL, 10);
	*p += digits + 2;
	return take_space(p);
}

static bool take_op(const char **p, uint8_t *op)
{
	for (int i = 0; i < ALTO_COST_OP_MAX; i++) {
		if (strncmp(*p, op_names[i], 2) != 0)
			continue;
		*op = (uint8_t)i;
		*p += 2;
		return take_space(p);
	}
	return false;
}

/* A number as JSON writes them, so no "inf" and no hexadecimal; nothing behind it. */
static bool take_number(const char *p, double *value)
{
	size_t len = strspn(p, "0123456789+-.eE");
	const char *first = p + (*p == '-' || *p == '+');
	char *end;

	if (*first < '0' || *first > '9' || *skip_space(p + len) != '\0')
		return false;
	*value = strtod(p, &end);
	return end == p + len && isfinite(*value);
}

static int predicate(const char *text, const char *field, struct alto_cost_ask *ask,
		     struct alto_error *error)
{
	struct alto_cost_test *test = &ask->tests[ask->n_tests];
	const char *p = skip_space(text);
	unsigned int index;

	if (ask->n_tests == ALTO_CONSTRAINTS_MAX)
		return alto_wrong_value(error, field, NULL, "must hold at most %d predicates",
					ALTO_CONSTRAINTS_MAX);
	if (!take_index(&p, &index) || !take_op(&p, &test->op) || !take_number(p, &test->value))
		return alto_wrong_value(error, field, text, WANT);
	if (index >= ask->n_testable)
		return alto_wrong_value(error, field, text, "index must be below %u",
					ask->n_testable);
	test->type = ask->testable[index];
	ask->n_tests++;
	return 0;
}

/* Array of predicates that are all to be met. */
static int and_group(const json_t *texts, const char *field, struct alto_cost_ask *ask,
		     struct alto_error *error)
{
	size_t i;
	json_t *text;
	int ret;

	if (ask->n_groups == ALTO_CONSTRAINTS_MAX)
		return alto_wrong_value(error, field, NULL, "must hold at most %d arrays",
					ALTO_CONSTRAINTS_MAX);
	json_array_foreach(texts, i, text) {
		if (!json_is_string(text))
			return alto_cost_element(error, field, text, WANT);
		ret = predicate(json_string_value(text), field, ask, error);
		if (ret)
			return ret;
	}
	ask->group_end[ask->n_groups++] = (uint8_t)ask->n_tests;
	return 0;
}

static int or_groups(const json_t *groups, struct alto_cost_ask *ask, struct alto_error *error)
{
	size_t i;
	json_t *group;
	int ret;

	json_array_foreach(groups, i, group) {
		if (!json_is_array(group))
			return alto_cost_element(error, "or-constraints", group,
						 "must be an array of predicates");
		ret = and_group(group, "or-constraints", ask, error);
		if (ret)
			return ret;
	}
	return 0;
}

int alto_cost_constraints(const json_t *body, struct alto_cost_ask *ask, struct alto_error *error)
{
	const json_t *groups = json_object_get(body, "or-constraints");
	json_t *all = NULL;
	int ret;

	ret = alto_get_strings(body, "", "constraints", false, ALTO_CONSTRAINTS_MAX, &all, error);
	if (ret)
		return ret;
	if (all && groups)
		return alto_wrong_value(error, "or-constraints", NULL,
					"must not stand beside \"constraints\"");
	if (json_array_size(all) > 0)
		return and_group(all, "constraints", ask, error);
	if (groups && !json_is_array(groups))
		return alto_wrong_type(error, "or-constraints", "must be an array");
	return or_groups(groups, ask, error);
}
