/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conditions: three-valued evaluation, what they depend on, and when time alone can change them.
 */
#ifndef NEMO_COND_H
#define NEMO_COND_H

#include "nemo/ast.h"

enum nemo_truth { NEMO_FALSE, NEMO_TRUE, NEMO_UNKNOWN };

struct nemo_env {
	struct nemo_date now; /* in the zone of conditions; day and time are set */
	/* Value of a property or statistic; false: unknown. */
	bool (*value)(void *arg, const char *entity, const char *member, struct nemo_value *out);
	void *arg;
};

/* NULL (no condition) is TRUE. A date without a day is compared with the time of day, one without a
 * time with the day, one with both with both. Unknown: three-valued logic (Kleene). */
enum nemo_truth nemo_eval(const struct nemo_expr *cond, const struct nemo_env *env);

/* Whether time is in it; each (entity, member) that it reads is told. */
bool nemo_expr_uses(const struct nemo_expr *cond,
		    void (*each)(void *arg, const char *entity, const char *member), void *arg);

/* The first second after `now` at which time alone could change what the condition is; false: none
 * ever. Every change of the truth lies on such a second. */
bool nemo_next_edge(const struct nemo_expr *cond, const struct nemo_date *now,
		    struct nemo_date *out);

/* Civil arithmetic (proleptic Gregorian, no zone): seconds since 1970-01-01 00:00:00. */
int64_t nemo_date_seconds(const struct nemo_date *date);
void nemo_date_from_seconds(int64_t seconds, struct nemo_date *out);

/* {"result": "true" | "false" | "unknown", "text": canonical, "terms": [{"text", "result", "value"
 * (what the variable is now, null: unknown)}]}: every comparison or bare term, in order. */
json_t *nemo_eval_json(const struct nemo_expr *cond, const struct nemo_env *env);

#endif
