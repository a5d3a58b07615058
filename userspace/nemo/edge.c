/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When time alone can change a condition. */
#include "nemo/cond_int.h"

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31 23:59:59: no date is behind it */
#define NEVER INT64_MAX

/* Where the truth of "x OP literal" changes as x goes up past the part that the literal stands for,
 * [begin, end): at begin, at end, or at both. */
static bool at_begin(enum nemo_op op)
{
	return op != NEMO_OP_GT && op != NEMO_OP_LE;
}

static bool at_end(enum nemo_op op)
{
	return op != NEMO_OP_GE && op != NEMO_OP_LT;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The first second after now at which the clock shows that second of the day. */
static int64_t next_daily(int64_t now, int64_t second)
{
	int64_t since = now % COND_DAY_SECONDS;
	int64_t midnight = now - (since < 0 ? since + COND_DAY_SECONDS : since);
	int64_t today = midnight + second % COND_DAY_SECONDS;

	return today > now ? today : today + COND_DAY_SECONDS;
}

static int64_t daily_edge(enum nemo_op op, const struct nemo_date *literal, int64_t now)
{
	int64_t at = nemo_date_seconds(literal);
	int64_t next = NEVER;

	if (at_begin(op))
		next = next_daily(now, at);
	if (at_end(op))
		next = earlier(next, next_daily(now, at + 1));
	if (op != NEMO_OP_EQ && op != NEMO_OP_NE) /* the clock goes back to 0 */
		next = earlier(next, next_daily(now, 0));
	return next;
}

static int64_t single_edge(enum nemo_op op, const struct nemo_date *literal, int64_t now)
{
	int64_t begin = nemo_date_seconds(literal);
	int64_t end = begin + (literal->has_time ? 1 : COND_DAY_SECONDS);

	if (at_begin(op) && begin > now)
		return begin;
	return at_end(op) && end > now ? end : NEVER;
}

static int64_t compare_edge(const struct nemo_expr *e, int64_t now)
{
	const struct nemo_expr *l = e->args[0], *r = e->args[1];
	enum nemo_op op = e->op;

	if (!cond_is_time(l)) {
		l = e->args[1];
		r = e->args[0];
		op = cond_flip(op);
	}
	if (r->kind != NEMO_E_VALUE) /* a date that only the network knows: any second may be it */
		return now + 1;
	if (r->value.type != NEMO_DATE)
		return NEVER;
	return r->value.date.has_day ? single_edge(op, &r->value.date, now)
				     : daily_edge(op, &r->value.date, now);
}

static int64_t edge(const struct nemo_expr *e, int64_t now)
{
	int64_t next = NEVER;

	if (cond_is_compare(e) && (cond_is_time(e->args[0]) || cond_is_time(e->args[1])))
		return compare_edge(e, now);
	for (unsigned int i = 0; i < e->n; i++)
		next = earlier(next, edge(e->args[i], now));
	return next;
}

bool nemo_next_edge(const struct nemo_expr *cond, const struct nemo_date *now,
		    struct nemo_date *out)
{
	int64_t next = cond ? edge(cond, nemo_date_seconds(now)) : NEVER;

	if (next > LAST_SECOND)
		return false;
	nemo_date_from_seconds(next, out);
	return true;
}
