/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan of one host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"

void nemo_plan_fini(struct nemo_plan *plan)
{
	free(plan->rules);
	free(plan->goals);
	free(plan->ops);
	*plan = (struct nemo_plan){0};
}

static int refuse(const struct nemo_op_plan *op, int code, struct err *err)
{
	switch (code) {
	case -ENOMEM:
		err_set(err, -ENOMEM, "", "", "no memory");
		break;
	case -EMFILE:
		err_set(err, -ENOSPC, "", "",
			"is the first for which this host has no counter left, it has %d",
			SAN_MAX_ACTS);
		break;
	case -E2BIG:
		err_set(err, -ENOSPC, "", "",
			"is the first beyond %d matches, those included that stronger operations "
			"hide",
			NEMO_LOOKS_MAX);
		break;
	default:
		err_set(err, -ENOSPC, "", "",
			"is the first for which this host has no classifier rule left, it has %d",
			NEMO_RULES_MAX);
	}
	err_object(err, "operation %s of tenant %s", op->op->name, op->tenant);
	return code == -ENOMEM ? -ENOMEM : -ENOSPC;
}

static int in_force(const struct nemo_plan_in *in, struct nemo_emit *emit,
		    const struct nemo_verdict *verdict, struct nemo_op_plan *op, struct err *err)
{
	int r;

	op->act = in->act(in->arg, op->tenant, op->op->name);
	if (!op->act)
		return refuse(op, -EMFILE, err);
	r = nemo_emit_op(emit, verdict, op);
	return r ? refuse(op, r, err) : 0;
}

static int one(const struct nemo_ctx *ctx, struct nemo_emit *emit, const struct nemo_ranked *ranked,
	       struct nemo_op_plan *op, struct err *err)
{
	struct nemo_verdict verdict;
	int r = nemo_judge(ctx, ranked->own, ranked->op, &verdict);

	op->tenant = ranked->own->tenant->name;
	op->op = ranked->op;
	op->state = verdict.state;
	if (r)
		r = refuse(op, r, err);
	else if (verdict.state == NEMO_OP_IN_FORCE && nemo_verdict_fields(ranked->own, &verdict))
		r = refuse(op, -ENOMEM, err);
	else if (verdict.state == NEMO_OP_IN_FORCE)
		r = in_force(ctx->in, emit, &verdict, op, err);
	else
		memcpy(op->why, verdict.why, sizeof(op->why));
	nemo_verdict_fini(&verdict);
	return r;
}

static int all(const struct nemo_ctx *ctx, const struct nemo_ranking *ranking,
	       struct nemo_plan *plan, struct err *err)
{
	struct nemo_emit *emit = nemo_emit_new(plan, ctx->in->all);
	int r = 0;

	plan->ops = calloc(ranking->n + 1u, sizeof(plan->ops[0]));
	if (!emit || !plan->ops)
		r = err_set(err, -ENOMEM, "", "", "no memory");
	for (unsigned int i = 0; !r && i < ranking->n; i++) {
		r = one(ctx, emit, &ranking->v[i], &plan->ops[i], err);
		plan->n_ops++;
	}
	if (!r && nemo_emit_finish(emit))
		r = err_set(err, -ENOMEM, "", "", "no memory");
	nemo_emit_free(emit);
	return r;
}

int nemo_compile(const struct nemo_plan_in *in, struct nemo_plan *out, struct err *err)
{
	struct nemo_plan plan = {0};
	struct nemo_ranking ranking = {0};
	struct nemo_ctx ctx;
	int r = nemo_ctx_init(&ctx, in);

	if (!r)
		r = nemo_ranking_init(&ranking, in);
	r = r ? err_set(err, r, "", "", "no memory") : all(&ctx, &ranking, &plan, err);
	nemo_ranking_fini(&ranking);
	nemo_ctx_fini(&ctx);
	if (r)
		nemo_plan_fini(&plan);
	else
		*out = plan;
	return r;
}
