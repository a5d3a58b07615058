/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which operation a packet gets on this host, and why the others are not it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/in6.h"
#include "nemo/compile_int.h"

struct explain {
	const struct nemo_ctx *ctx;
	const struct nemo_packet *packet;
	const struct nemo_ranked *winner; /* NULL: none yet */
	json_t *won;			  /* "winner" */
};

struct result { /* of one operation */
	const char *word;
	char why[NEMO_WHY];
};

static json_t *packet_json(const struct nemo_packet *p)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], proto[8];

	in6_text(&p->src, src);
	in6_text(&p->dst, dst);
	return json_sprintf("%s %s %s %u %u %u", src, dst, nemo_proto_text(p->proto, proto),
			    p->sport, p->dport, p->dscp);
}

/* What follows the key word. */
static json_t *actions_json(const struct nemo_object *op)
{
	struct nemo_clauses only = {.actions = op->c.actions};
	struct nemo_text text = {0};
	const char *at;
	json_t *json;

	nemo_print_clauses(&text, &only);
	at = text.data ? strstr(text.data, "Action ") : NULL;
	json = json_string(at ? at + strlen("Action ") : "");
	free(text.data);
	return json;
}

static const char *goal_name(const struct nemo_verdict *v, const struct nemo_way *way)
{
	if (way->verdict == SAN_ACT_STEER && v->want.steer)
		return v->want.steer->name;
	if (way->verdict == SAN_ACT_STEER)
		return way->to_goal.name;
	return v->want.redirect ? v->want.redirect->name : NULL;
}

static json_t *winner_json(const struct nemo_ranked *ranked, const struct nemo_verdict *v,
			   const struct nemo_way *way)
{
	const char *goal = goal_name(v, way);
	json_t *json = json_object();

	json_object_set_new(json, "tenant", json_string(ranked->own->tenant->name));
	json_object_set_new(json, "operation", json_string(ranked->op->name));
	json_object_set_new(json, "actions", actions_json(ranked->op));
	json_object_set_new(json, "goal", goal ? json_string(goal) : json_null());
	if (way->to_goal.gateway[0])
		json_object_set_new(json, "gateway", json_string(way->to_goal.gateway));
	if (way->to_goal.path[0])
		json_object_set_new(json, "path", json_string(way->to_goal.path));
	return json;
}

/* In force, and its flow matches: then it wins, unless a stronger one did. */
static void contest(struct explain *ex, const struct nemo_ranked *ranked,
		    const struct nemo_verdict *v, struct result *out)
{
	bool family;
	const struct nemo_way *way = nemo_ways_pick(&v->ways, &ex->packet->dst, &family, out->why);

	if (!way) {
		out->word = family ? "impossible" : "no match";
		return;
	}
	if (!ex->winner) {
		ex->winner = ranked;
		ex->won = winner_json(ranked, v, way);
		out->word = "wins";
		return;
	}
	out->word = "loses";
	if (ex->winner->own != ranked->own)
		nemo_why(out->why, "an operation of another tenant goes first");
	else
		nemo_why(out->why, "%.63s with priority %lld goes first", ex->winner->op->name,
			 (long long)ex->winner->op->c.priority);
}

static void find(struct explain *ex, const struct nemo_ranked *ranked, const struct nemo_verdict *v,
		 struct result *out)
{
	if (!v->fixed && !nemo_flow_matches(ranked->own, v->flow, ex->packet, out->why)) {
		out->word = "no match";
		return;
	}
	if (v->state == NEMO_OP_IN_FORCE) {
		contest(ex, ranked, v, out);
		return;
	}
	out->word = v->state == NEMO_OP_CONDITION ? "condition" : nemo_op_state_names[v->state];
	memcpy(out->why, v->why, sizeof(out->why));
}

static bool is_asked(const struct nemo_plan_in *in, const char *tenant)
{
	return !in->asker || strcmp(in->asker, tenant) == 0;
}

static json_t *one(struct explain *ex, const struct nemo_ranked *ranked)
{
	const struct nemo_object *op = ranked->op;
	struct result result = {0};
	struct nemo_verdict verdict;
	json_t *json;

	if (nemo_judge(ex->ctx, ranked->own, op, &verdict)) {
		nemo_verdict_fini(&verdict);
		return NULL;
	}
	find(ex, ranked, &verdict, &result);
	nemo_verdict_fini(&verdict);
	json = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s}", "tenant", ranked->own->tenant->name,
			 "operation", op->name, "priority", (json_int_t)op->c.priority, "flow",
			 op->c.target.text, "result", result.word, "why", result.why);
	if (json && op->c.condition && is_asked(ex->ctx->in, ranked->own->tenant->name))
		json_object_set_new(json, "condition",
				    nemo_eval_json(op->c.condition, &ex->ctx->in->env));
	return json;
}

static json_t *list(struct explain *ex, const struct nemo_ranking *ranking)
{
	json_t *array = json_array();

	for (unsigned int i = 0; array && i < ranking->n; i++) {
		json_t *op = one(ex, &ranking->v[i]);

		if (op && json_array_append_new(array, op) == 0)
			continue;
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *time_json(const struct nemo_date *now)
{
	return nemo_plain_json(&(struct nemo_value){.type = NEMO_DATE, .date = *now});
}

json_t *nemo_explain(const struct nemo_plan_in *in, const struct nemo_packet *packet)
{
	struct nemo_ctx ctx;
	struct explain ex = {.ctx = &ctx, .packet = packet};
	struct nemo_ranking ranking = {0};
	json_t *ops = NULL, *json = NULL;

	if (nemo_ctx_init(&ctx, in) == 0 && nemo_ranking_init(&ranking, in) == 0)
		ops = list(&ex, &ranking);
	if (ops)
		json = json_pack("{s:o, s:o, s:o, s:o}", "packet", packet_json(packet), "time",
				 time_json(&in->env.now), "winner", ex.won ? ex.won : json_null(),
				 "operations", ops);
	else
		json_decref(ex.won);
	nemo_ranking_fini(&ranking);
	nemo_ctx_fini(&ctx);
	return json;
}
