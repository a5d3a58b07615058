/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One operation on this host: in force or not, and why; and all operations by strength. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "util/own.h"

const char *const nemo_op_state_names[NEMO_OP_STATE_MAX] = {
	[NEMO_OP_IN_FORCE] = "in force",	   [NEMO_OP_ELSEWHERE] = "elsewhere",
	[NEMO_OP_CONDITION] = "condition not met", [NEMO_OP_UNKNOWN] = "unknown",
	[NEMO_OP_GOAL_DOWN] = "goal down",	   [NEMO_OP_IMPOSSIBLE] = "impossible",
};

/* ---- by strength ---- */

static int by_tenant(const void *a, const void *b)
{
	const struct nemo_own *x = a, *y = b;

	return strcmp(x->tenant->name, y->tenant->name);
}

static int by_strength(const void *a, const void *b)
{
	const struct nemo_object *x = *(const struct nemo_object *const *)a;
	const struct nemo_object *y = *(const struct nemo_object *const *)b;

	if (x->c.priority != y->c.priority)
		return x->c.priority < y->c.priority ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int add_ops(struct nemo_ranking *ranking, struct nemo_own *own)
{
	OWN_PTR const struct nemo_object **list = NULL;
	int n = nemo_store_list(own->tenant->store, NEMO_OPERATION, &list);
	struct nemo_ranked *v = ranking->v;

	if (n <= 0)
		return n < 0 ? -ENOMEM : 0;
	v = reallocarray(v, ranking->n + (unsigned int)n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	ranking->v = v;
	qsort(list, (size_t)n, sizeof(list[0]), by_strength);
	for (int i = 0; i < n; i++)
		ranking->v[ranking->n++] = (struct nemo_ranked){.own = own, .op = list[i]};
	return 0;
}

int nemo_ranking_init(struct nemo_ranking *ranking, const struct nemo_plan_in *in)
{
	int r = 0;

	*ranking =
		(struct nemo_ranking){.own = calloc(in->n_tenants + 1u, sizeof(struct nemo_own))};
	if (!ranking->own)
		return -ENOMEM;
	for (; !r && ranking->n_own < in->n_tenants; ranking->n_own++)
		r = nemo_own_init(&ranking->own[ranking->n_own], &in->tenants[ranking->n_own]);
	qsort(ranking->own, ranking->n_own, sizeof(ranking->own[0]), by_tenant);
	for (unsigned int i = 0; !r && i < ranking->n_own; i++)
		r = add_ops(ranking, &ranking->own[i]);
	return r;
}

void nemo_ranking_fini(struct nemo_ranking *ranking)
{
	for (unsigned int i = 0; i < ranking->n_own; i++)
		nemo_own_fini(&ranking->own[i]);
	free(ranking->own);
	free(ranking->v);
	*ranking = (struct nemo_ranking){0};
}

/* ---- one operation ---- */

struct ask { /* the first value that is not known */
	const struct nemo_env *env;
	char *why;
};

static void each_value(void *arg, const char *entity, const char *member)
{
	const struct ask *ask = arg;
	struct nemo_value value;

	if (ask->why[0] ||
	    (ask->env->value && ask->env->value(ask->env->arg, entity, member, &value)))
		return;
	nemo_why(ask->why, "%.50s of %.50s is not known", member, entity);
}

static enum nemo_truth truth_of(const struct nemo_plan_in *in, const char *tenant,
				const struct nemo_object *op)
{
	enum nemo_truth truth;

	if (in->all)
		return NEMO_TRUE;
	if (in->held && in->held(in->arg, tenant, op->name, &truth))
		return truth;
	return nemo_eval(op->c.condition, &in->env);
}

static void condition(const struct nemo_plan_in *in, const char *tenant, struct nemo_verdict *v,
		      const struct nemo_object *op)
{
	const struct nemo_expr *cond = op->c.condition;
	struct nemo_text text = {0};

	switch (truth_of(in, tenant, op)) {
	case NEMO_TRUE:
		return;
	case NEMO_UNKNOWN:
		v->state = NEMO_OP_UNKNOWN;
		nemo_expr_uses(cond, each_value, &(struct ask){.env = &in->env, .why = v->why});
		return;
	case NEMO_FALSE:
		v->state = NEMO_OP_CONDITION;
		nemo_print_expr(&text, cond);
		nemo_why(v->why, "%s is false", text.data ? text.data : "");
		free(text.data);
		return;
	}
}

/* Some packet of the flow finds a way that takes it. */
static bool of_use(const struct nemo_flow *flow, const struct nemo_way *way)
{
	for (int f = 0; f < NEMO_FAMILIES; f++) {
		bool to = !way->limited || way->to.v4 == (f == NEMO_V4);

		if (way->can[f] && to && flow->src[f].n && flow->dst[f].n)
			return true;
	}
	return false;
}

static void check_use(struct nemo_verdict *v)
{
	for (unsigned int i = 0; i < v->ways.n; i++)
		if (of_use(v->flow, &v->ways.v[i]))
			return;
	v->state = NEMO_OP_IMPOSSIBLE;
	v->fixed = true;
	nemo_why(v->why, "%s",
		 v->ways.n && v->ways.v[0].cannot[0]
			 ? v->ways.v[0].cannot
			 : "flow and far ends have no IP version in common");
}

/* Whatever the condition is. */
static int fixed(const struct nemo_ctx *ctx, struct nemo_own *own, const struct nemo_object *op,
		 struct nemo_verdict *v)
{
	const struct nemo_object *target = nemo_store_find(own->tenant->store, op->c.target.text);
	enum nemo_op_state state = NEMO_OP_IMPOSSIBLE;

	if (!target || target->kind != NEMO_FLOW) {
		nemo_why(v->why, "target %.63s must be a ServiceFlow", op->c.target.text);
		return (int)state;
	}
	v->flow = nemo_flow_get(own, target);
	if (!v->flow)
		return -ENOMEM;
	if (nemo_want_read(own, op, &v->want, v->why))
		return (int)state;
	if (v->flow->why[0]) {
		nemo_why(v->why, "flow %.40s: %.80s", target->name, v->flow->why);
		return (int)state;
	}
	if (!nemo_flow_here(v->flow, ctx->in->host)) {
		nemo_why(v->why, "flow %.50s comes in at %.40s%s", target->name,
			 v->flow->ingress[0], v->flow->n_ingress > 1 ? " and others" : "");
		return NEMO_OP_ELSEWHERE;
	}
	return NEMO_OP_IN_FORCE;
}

int nemo_judge(const struct nemo_ctx *ctx, struct nemo_own *own, const struct nemo_object *op,
	       struct nemo_verdict *out)
{
	int state, goal = NEMO_OP_IN_FORCE;
	char goal_why[NEMO_WHY] = "";

	*out = (struct nemo_verdict){0};
	if (ctx->in->tenant)
		*ctx->in->tenant = own->tenant->name;
	state = fixed(ctx, own, op, out);
	if (state == NEMO_OP_IN_FORCE)
		state = goal = nemo_ways_find(ctx, own, &out->want, &out->ways, goal_why);
	if (state < 0)
		return state;
	/* a flow that names this host comes in here: then it is no other host's affair */
	if (goal == NEMO_OP_ELSEWHERE && out->flow->n_ingress)
		state = NEMO_OP_IMPOSSIBLE;
	if (goal != NEMO_OP_IN_FORCE)
		memcpy(out->why, goal_why, sizeof(out->why));
	out->state = (enum nemo_op_state)state;
	out->fixed = state == NEMO_OP_IMPOSSIBLE || state == NEMO_OP_ELSEWHERE;
	if (state == NEMO_OP_IN_FORCE)
		check_use(out);
	if (out->fixed)
		return 0;
	out->why[0] = '\0';
	out->state = NEMO_OP_IN_FORCE;
	condition(ctx->in, own->tenant->name, out, op);
	if (out->state == NEMO_OP_IN_FORCE && goal == NEMO_OP_GOAL_DOWN) {
		out->state = NEMO_OP_GOAL_DOWN;
		memcpy(out->why, goal_why, sizeof(out->why));
	}
	return 0;
}

int nemo_verdict_fields(struct nemo_own *own, struct nemo_verdict *verdict)
{
	return nemo_flow_fields(own, verdict->flow, &verdict->fields, &verdict->n_fields);
}

void nemo_verdict_fini(struct nemo_verdict *verdict)
{
	free(verdict->fields);
	nemo_ways_fini(&verdict->ways);
}
