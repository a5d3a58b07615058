/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Next hops of operations that are not in force now: they are kept in the dataplane, so that their
 * neighbours are known when an edge comes and the flip of a rule loses no packet. What they need
 * was checked when the commit was prepared.
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void enact_warm_drop(struct enact *enact)
{
	nemo_plan_fini(&enact->warm);
	enact->warm_due = false;
}

void enact_warm(struct enact *enact, int64_t now_s)
{
	struct enact_lookup lookup = enact_lookup(enact, NULL);
	struct enact_numbers numbers = {0};
	struct nemo_plan_in in;
	struct err err = {0};

	if (!enact->warm_due)
		return;
	enact_warm_drop(enact);
	in = enact_plan_in(enact, &lookup, &enact->head, now_s);
	in.all = true;
	in.act = enact_number;
	in.arg = &numbers;
	/* Without them it goes, too, only with a gap. */
	if (nemo_compile(&in, &enact->warm, &err))
		nemo_plan_fini(&enact->warm);
}

static int by_id(const void *a, const void *b)
{
	const struct nemo_goal *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int enact_goals_merge(struct nemo_plan *plan, const struct nemo_plan *more)
{
	unsigned int n = plan->n_goals;
	struct nemo_goal *goals;

	if (!more->n_goals)
		return 0;
	goals = realloc(plan->goals, (n + more->n_goals) * sizeof(*goals));
	if (!goals)
		return -ENOMEM;
	plan->goals = goals;
	for (unsigned int i = 0; i < more->n_goals; i++)
		if (!bsearch(&more->goals[i], goals, plan->n_goals, sizeof(*goals), by_id))
			goals[n++] = more->goals[i];
	qsort(goals, n, sizeof(*goals), by_id);
	plan->n_goals = n;
	return 0;
}

int enact_warm_add(const struct enact *enact, struct nemo_plan *plan)
{
	int r = enact_goals_merge(plan, &enact->warm);

	return r ? r : enact_goals_merge(plan, &enact->stage.plan);
}
