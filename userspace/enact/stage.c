/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Next hops of the head to be. From when this host has prepared it until it is in force, or was
 * taken back, they are in the dataplane beside those of what is in force; no rule leads there yet.
 * So the flip is one of rules, to where packets can go at once. This host says that it is prepared
 * when the parent has applied them and knows where they lead, or after enact_stage_ms: a neighbour
 * that does not answer holds no commit up.
 *
 * That there is room for both was found out before; what else may keep them from being there (no
 * memory, a parent that refuses them) is no reason to refuse the commit: it comes with a gap then.
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdlib.h>

#include "util/log.h"
#include "util/own.h"

unsigned int enact_stage_ms = ENACT_STAGE_MS;

_Static_assert(ENACT_STAGE_MS <= INTENT_PREPARE_MS / 4, "hosts are waited for INTENT_PREPARE_MS");

static void answer(struct enact *enact)
{
	struct enact_stage *stage = &enact->stage;

	uv_timer_stop(&stage->timer);
	if (stage->waits && enact->intent)
		intent_prepared(enact->intent, stage->commit);
	stage->waits = false;
}

void enact_stage_end(struct enact *enact)
{
	struct enact_stage *stage = &enact->stage;

	answer(enact);
	nemo_plan_fini(&stage->plan);
	free(stage->fresh);
	stage->fresh = NULL;
	stage->n_fresh = 0;
}

/* They go, unless what is in force has come to need them. */
static void drop(struct enact *enact)
{
	enact_stage_end(enact);
	enact->recompile = true;
	enact_schedule(enact);
}

void enact_stage_gone(void *arg)
{
	struct enact *enact = arg;

	if (enact->stage.plan.n_goals)
		drop(enact);
}

/* The next one finds the room that they take, and is not to take them for its own. */
void enact_stage_clear(struct enact *enact)
{
	struct enact_stage *stage = &enact->stage;

	stage->waits = false;
	enact->recompile |= stage->plan.n_goals != 0;
	enact_stage_end(enact);
	if (enact->recompile)
		enact_round_by_values(enact);
}

/* ---- are they there? ---- */

static void look(struct enact *enact)
{
	struct enact_stage *stage = &enact->stage;

	if (!stage->waits || !stage->acked)
		return;
	while (stage->n_fresh &&
	       ncc_service_ready(enact->conf.ncc, stage->fresh[stage->n_fresh - 1],
				 SAN_SCOPE_INGRESS))
		stage->n_fresh--;
	if (!stage->n_fresh)
		answer(enact);
}

bool enact_stage_acked(struct enact *enact, uint64_t generation, int result)
{
	struct enact_stage *stage = &enact->stage;

	if (!stage->plan.n_goals || generation < stage->generation)
		return false;
	if (result) { /* also late: they would keep other changes from being applied */
		log_info("next hops of a commit refused", "commit=%llu result=%d",
			 (unsigned long long)stage->commit, result);
		drop(enact);
		return true;
	}
	stage->acked = true;
	look(enact);
	return false;
}

static void on_nexthop(void *arg)
{
	look(arg);
}

static void on_late(uv_timer_t *timer)
{
	struct enact *enact = timer->data;
	const struct enact_stage *stage = &enact->stage;
	const struct nemo_goal *goal = NULL;

	if (stage->n_fresh)
		goal = enact_goal_find(&stage->plan, stage->fresh[stage->n_fresh - 1]);
	log_info("next hops of a commit not ready in time", "commit=%llu missing=%u goal=\"%s\"",
		 (unsigned long long)stage->commit, stage->n_fresh, goal ? goal->name : "");
	answer(enact);
}

/* ---- a head to be ---- */

/* Those that are not there already: they had their time. */
static int find_fresh(struct enact *enact, const struct nemo_plan *plan)
{
	struct enact_stage *stage = &enact->stage;

	stage->fresh = calloc(plan->n_goals + 1, sizeof(stage->fresh[0]));
	if (!stage->fresh)
		return -ENOMEM;
	for (unsigned int i = 0; i < plan->n_goals; i++)
		if (!enact_goal_find(&enact->plan, plan->goals[i].id))
			stage->fresh[stage->n_fresh++] = plan->goals[i].id;
	return 0;
}

static void wait_for_them(struct enact *enact)
{
	struct enact_stage *stage = &enact->stage;

	stage->acked = false;
	stage->waits = true;
	uv_update_time(enact->conf.loop);
	uv_timer_start(&stage->timer, on_late, enact_stage_ms, 0);
	stage->generation = ncc_flush(enact->conf.ncc);
}

int enact_stage(struct enact *enact, uint64_t commit, struct nemo_plan *plan)
{
	struct enact_stage *stage = &enact->stage;

	if (!enact->started || !plan->n_goals)
		return 0;
	if (find_fresh(enact, plan) || enact_goals_add(enact, plan)) {
		enact_stage_end(enact);
		return 0;
	}
	stage->plan.goals = TAKE_PTR(plan->goals);
	stage->plan.n_goals = plan->n_goals;
	plan->n_goals = 0;
	stage->commit = commit;
	stage->generation = enact->generation;
	if (!stage->n_fresh)
		return 0;
	wait_for_them(enact);
	return -EINPROGRESS;
}

void enact_stage_open(struct enact *enact)
{
	uv_timer_init(enact->conf.loop, &enact->stage.timer);
	enact->stage.timer.data = enact;
	enact->handles++;
	if (enact->conf.is_ingress)
		ncc_on_nexthop(enact->conf.ncc, on_nexthop, enact);
}

void enact_stage_close(struct enact *enact)
{
	if (enact->conf.is_ingress)
		ncc_on_nexthop(enact->conf.ncc, NULL, NULL);
	enact->stage.waits = false;
	enact_stage_end(enact);
}
