/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is compiled becomes desired state of ncc: new next hops first, then the rules, then next
 * hops that no rule leads to any more go. */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nemo_plan_in enact_plan_in(struct enact *enact, struct enact_lookup *lookup,
				  const struct enact_head *head, int64_t now_s)
{
	lookup->head = head;
	return (struct nemo_plan_in){
		.host = enact->host,
		.view = enact->conf.view,
		.tenants = head->tenants,
		.n_tenants = head->n,
		.env = enact_env(lookup, now_s),
		.tenant = &lookup->tenant,
		.act = enact_act,
		.arg = enact,
	};
}

void enact_ask_init(struct enact_ask *ask, struct enact *enact)
{
	ask->now_s = enact_now_s(enact);
	ask->lookup = enact_lookup(enact, NULL);
	ask->in = enact_plan_in(enact, &ask->lookup, &enact->head, ask->now_s);
}

void enact_ask_item(struct enact_ask *ask, const struct enact_item *item)
{
	ask->lookup.tenant = item->tenant->name;
	ask->lookup.stale_us = ENACT_FRESH;
}

static bool same_rules(const struct nemo_plan *a, const struct nemo_plan *b)
{
	if (a->n_rules != b->n_rules)
		return false;
	for (unsigned int i = 0; i < a->n_rules; i++)
		if (strcmp(a->rules[i].name, b->rules[i].name) != 0 ||
		    memcmp(&a->rules[i].msg, &b->rules[i].msg, sizeof(a->rules[i].msg)) != 0)
			return false;
	return true;
}

const struct nemo_goal *enact_goal_find(const struct nemo_plan *plan, uint64_t id)
{
	unsigned int low = 0, high = plan->n_goals; /* they are by number */

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (plan->goals[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < plan->n_goals && plan->goals[low].id == id ? &plan->goals[low] : NULL;
}

static bool same_hop(const struct nemo_goal *a, const struct nemo_goal *b)
{
	return memcmp(&a->hop, &b->hop, sizeof(a->hop)) == 0;
}

static bool same_goals(const struct nemo_plan *a, const struct nemo_plan *b)
{
	if (a->n_goals != b->n_goals)
		return false;
	for (unsigned int i = 0; i < a->n_goals; i++) {
		const struct nemo_goal *other = enact_goal_find(b, a->goals[i].id);

		if (!other || !same_hop(&a->goals[i], other))
			return false;
	}
	return true;
}

static int put_goal(struct enact *enact, const struct nemo_goal *goal, struct err *err)
{
	struct plan_service svc = {
		.id = goal->id,
		.scope = SAN_SCOPE_INGRESS,
		.mode = SAN_MODE_PREFERRED,
		.selected = &goal->hop,
		.alive = &goal->hop,
		.n_alive = 1,
	};

	return ncc_service_put(enact->conf.ncc, &svc, err);
}

/* Those of `plan` that `keep` has not. */
static void drop_goals(struct enact *enact, const struct nemo_plan *plan,
		       const struct nemo_plan *keep)
{
	for (unsigned int i = 0; i < plan->n_goals; i++)
		if (!enact_goal_find(keep, plan->goals[i].id))
			ncc_service_del(enact->conf.ncc, plan->goals[i].id, SAN_SCOPE_INGRESS);
}

/* As it was before: what is put again was there, so there is room. */
static void go_back(struct enact *enact, const struct nemo_plan *plan)
{
	drop_goals(enact, plan, &enact->plan);
	for (unsigned int i = 0; i < enact->plan.n_goals; i++)
		if (enact_goal_find(plan, enact->plan.goals[i].id))
			put_goal(enact, &enact->plan.goals[i], NULL);
}

static bool is_idle(const struct nemo_plan *plan, uint64_t goal)
{
	for (unsigned int i = 0; i < plan->n_rules; i++)
		if (plan->rules[i].msg.service_id == goal)
			return false;
	return true;
}

/* Those that no rule in force leads to: there is no room for what is needed. Returns how many. */
static unsigned int drop_idle(struct enact *enact)
{
	struct nemo_plan *plan = &enact->plan;
	unsigned int n = 0, before = plan->n_goals;

	for (unsigned int i = 0; i < plan->n_goals; i++) {
		if (is_idle(plan, plan->goals[i].id))
			ncc_service_del(enact->conf.ncc, plan->goals[i].id, SAN_SCOPE_INGRESS);
		else
			plan->goals[n++] = plan->goals[i];
	}
	plan->n_goals = enact->stats.goals = n;
	return before - n;
}

/* Nothing is kept ready any more. Did anything go? Then there may be room now. */
static bool make_room(struct enact *enact, bool *changed)
{
	bool kept = enact->warm.n_goals || enact->stage.plan.n_goals;
	unsigned int n;

	enact_warm_drop(enact);
	enact_stage_end(enact);
	n = drop_idle(enact); /* also of a stage that was ended before */
	*changed |= n != 0;
	return n || kept;
}

static int put_goals(struct enact *enact, const struct nemo_plan *plan, struct err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < plan->n_goals && r == 0; i++) {
		const struct nemo_goal *old = enact_goal_find(&enact->plan, plan->goals[i].id);

		if (!old || !same_hop(old, &plan->goals[i]))
			r = put_goal(enact, &plan->goals[i], err);
	}
	return r;
}

/* *crowded: there is no room for its next hops. */
static int hand_over(struct enact *enact, const struct nemo_plan *plan, bool *crowded,
		     struct err *err)
{
	int r = put_goals(enact, plan, err);

	*crowded = r == -ENOSPC;
	if (r == 0)
		r = ncc_intents_set(enact->conf.ncc, plan->rules, plan->n_rules, err);
	if (r)
		go_back(enact, plan);
	else
		drop_goals(enact, &enact->plan, plan);
	return r;
}

static void take(struct enact *enact, struct nemo_plan *plan)
{
	nemo_plan_fini(&enact->plan);
	enact->plan = *plan;
	*plan = (struct nemo_plan){0};
	enact->stats.rules = enact->plan.n_rules;
	enact->stats.goals = enact->plan.n_goals;
	enact->stats.operations = enact->plan.n_ops;
	enact->stats.in_force = 0;
	for (unsigned int i = 0; i < enact->plan.n_ops; i++)
		enact->stats.in_force += enact->plan.ops[i].state == NEMO_OP_IN_FORCE;
	enact_acts_used(enact);
}

/* What is compiled is what was evaluated: else an operation whose values go to and fro would be
 * out of force, for another's sake, and nobody would see that it should be in force again. */
static bool held(void *arg, const char *tenant, const char *operation, enum nemo_truth *truth)
{
	const struct enact_item *item = enact_item(arg, tenant, operation);

	if (!item || !item->held)
		return false;
	*truth = item->truth;
	return true;
}

static int compile(struct enact *enact, struct nemo_plan *plan, struct err *err)
{
	struct enact_lookup lookup = enact_lookup(enact, NULL);
	int64_t now_s = enact_now_s(enact);
	struct nemo_plan_in in = enact_plan_in(enact, &lookup, &enact->head, now_s);
	uint64_t start_us = clock_us();
	int r;

	in.held = held;
	r = nemo_compile(&in, plan, err);

	enact->stats.compiled++;
	enact->stats.compile_us = clock_us() - start_us;
	enact_warm(enact, now_s);
	if (r == 0 && enact_warm_add(enact, plan))
		r = err_set(err, -ENOMEM, "", NULL, "no memory");
	return r;
}

static int apply(struct enact *enact, bool *changed, bool *crowded, struct err *err)
{
	struct nemo_plan plan = {0};
	int r = compile(enact, &plan, err);
	bool differs;

	*crowded = false;
	if (r == 0) {
		differs = !same_rules(&plan, &enact->plan) || !same_goals(&plan, &enact->plan);
		r = differs ? hand_over(enact, &plan, crowded, err) : 0;
		*changed |= differs && r == 0;
	}
	if (r == 0)
		take(enact, &plan);
	nemo_plan_fini(&plan);
	return r;
}

int enact_apply(struct enact *enact, bool *changed, struct err *err)
{
	bool crowded;
	int r;

	*changed = false;
	if (!enact->conf.is_ingress)
		return 0;
	r = apply(enact, changed, &crowded, err);
	if (crowded && make_room(enact, changed)) /* what is in force goes first */
		r = apply(enact, changed, &crowded, err);
	return r;
}

int enact_goals_add(struct enact *enact, const struct nemo_plan *more)
{
	struct nemo_plan *now = &enact->plan, all = {0};
	int r = enact_goals_merge(&all, now);

	if (r == 0)
		r = enact_goals_merge(&all, more);
	if (r == 0)
		r = put_goals(enact, &all, NULL);
	if (r == 0) {
		free(now->goals);
		now->goals = all.goals;
		now->n_goals = enact->stats.goals = all.n_goals;
		return 0;
	}
	go_back(enact, &all);
	nemo_plan_fini(&all);
	return r;
}

/* ---- could it be? ---- */

uint32_t enact_number(void *arg, const char *tenant, const char *operation)
{
	struct enact_numbers *numbers = arg;

	return numbers->n < SAN_MAX_ACTS ? ++numbers->n : 0;
}

int enact_fits(struct enact *enact, const struct intent_head *head, struct nemo_plan *plan,
	       struct err *err)
{
	struct enact_head copy = {0}; /* borrowed, all of it */
	struct enact_lookup lookup = enact_lookup(enact, NULL);
	struct enact_numbers numbers = {0};
	struct nemo_plan_in in;
	unsigned int more = 0;
	int r;

	if (!enact->conf.is_ingress)
		return 0;
	copy.tenants = (struct nemo_tenant *)head->tenants;
	copy.n = head->n_tenants;
	in = enact_plan_in(enact, &lookup, &copy, enact_now_s(enact));
	in.all = true;
	in.act = enact_number;
	in.arg = &numbers;
	r = nemo_compile(&in, plan, err);
	if (r)
		return r;
	for (unsigned int i = 0; i < plan->n_goals; i++)
		more += enact_goal_find(&enact->plan, plan->goals[i].id) == NULL;
	return ncc_intents_check(enact->conf.ncc, plan->rules, plan->n_rules, more, err);
}
