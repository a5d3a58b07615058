/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rounds: what was marked is evaluated; if an operation applies that did not, or no longer, or a
 * goal may lead elsewhere, the whole is compiled. Changes of the view are coalesced for
 * ENACT_COALESCE_MS, longer where rounds are long; edges of time are not.
 */
#include "enact/enact_int.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "util/log.h"

unsigned int enact_hold_ms = 200;

struct goals {
	struct enact *enact;
	const struct nemo_plan_in *in;
	struct enact_item *item;
	bool up;
};

static void look_at_goal(void *arg, const char *goal)
{
	struct goals *g = arg;
	struct enact_memo *memo;
	bool isnew;

	if (!g->up)
		return;
	memo = enact_memo(g->enact, &isnew, "U%s/%s", g->item->tenant->name, goal);
	if (isnew)
		memo->known = enact_goal_up(g->in, g->item->tenant, goal, memo->why,
					    sizeof(g->item->why));
	g->up = memo->known;
	if (!g->up)
		snprintf(g->item->why, sizeof(g->item->why), "%.127s", memo->why);
}

static void look_at_goals(struct enact *enact, struct enact_item *item, struct enact_ask *ask)
{
	struct goals goals = {enact, &ask->in, item, true};
	bool was = item->goal_up;

	enact_ask_item(ask, item);
	item->why[0] = '\0';
	enact_goals(item->object, look_at_goal, &goals);
	item->goal_up = goals.up && enact_home_up(enact, item, item->why, sizeof(item->why));
	enact->warm_due |= item->goal_up != was;
}

static void evaluate_condition(struct enact *enact, struct enact_item *item, struct enact_ask *ask)
{
	const struct nemo_expr *cond = item->object->c.condition;

	enact_ask_item(ask, item);
	enact->stats.evaluations++;
	item->truth = nemo_eval(cond, &ask->in.env);
	item->held = false;
	item->stale_us = ask->lookup.stale_us;
	item->edge_s = item->timed ? enact_edge(enact, cond, ask->now_s) : ENACT_EVER;
}

/* Values that go to and fro do not carry an operation with them. The clock does, and its goal. */
static void hold(struct enact *enact, struct enact_item *item, enum nemo_truth before)
{
	uint64_t age_us = clock_us() - item->flipped_us, hold_us = enact_hold_ms * UINT64_C(1000);
	uint64_t again_us;

	if (!enact->by_values || !item->seen || !item->flipped_us || age_us >= hold_us ||
	    (before == NEMO_TRUE) == (item->truth == NEMO_TRUE))
		return;
	item->truth = before;
	item->held = true;
	again_us = enact_view_now(enact) + hold_us - age_us;
	if (again_us < item->stale_us)
		item->stale_us = again_us;
}

static void evaluate_operation(struct enact *enact, struct enact_item *item, struct enact_ask *ask)
{
	bool applied = item->seen && enact_applies(item);
	enum nemo_truth before = item->truth;

	evaluate_condition(enact, item, ask);
	hold(enact, item, before);
	look_at_goals(enact, item, ask);
	if (!item->seen || applied != enact_applies(item)) {
		enact->recompile = true;
		enact->stats.flips++;
		item->flipped_us = item->seen ? clock_us() : 0;
		item->since_s = clock_real_s();
	}
	item->seen = true;
	enact_notify_goal(enact, item, ask);
}

static void evaluate_notification(struct enact *enact, struct enact_item *item,
				  struct enact_ask *ask)
{
	enum nemo_truth before = item->seen ? item->truth : NEMO_FALSE;

	evaluate_condition(enact, item, ask);
	if ((before == NEMO_TRUE) != (item->truth == NEMO_TRUE)) {
		item->since_s = clock_real_s();
		item->observed |= item->seen;
	}
	item->seen = true;
	enact_notify_truth(enact, item, before);
}

void enact_evaluate(struct enact *enact)
{
	struct enact_ask ask;
	struct enact_item *item;
	enum nemo_truth before;

	enact_expand(enact);
	enact_ask_init(&ask, enact);
	while ((item = enact->dirty)) {
		before = item->truth;
		DL_DELETE(enact->dirty, item);
		item->dirty = false;
		if (item->notification)
			evaluate_notification(enact, item, &ask);
		else
			evaluate_operation(enact, item, &ask);
		enact->n_unknown -= before == NEMO_UNKNOWN;
		enact->n_unknown += item->truth == NEMO_UNKNOWN;
	}
}

/* ---- values get old ---- */

static void on_stale(uv_timer_t *timer)
{
	struct enact *enact = timer->data;
	uint64_t now_us = enact_view_now(enact);

	for (unsigned int i = 0; i < enact->n_items; i++)
		if (enact->items[i].stale_us <= now_us)
			enact_mark(enact, &enact->items[i]);
	if (enact->dirty)
		enact_schedule(enact);
	else
		enact_arm(enact);
}

static void arm_stale(struct enact *enact)
{
	uint64_t first = ENACT_FRESH, now_us = enact_view_now(enact), ms;

	for (unsigned int i = 0; i < enact->n_items; i++)
		if (enact->items[i].stale_us < first)
			first = enact->items[i].stale_us;
	if (first == ENACT_FRESH) {
		uv_timer_stop(&enact->stale);
		return;
	}
	ms = first > now_us ? (first - now_us) / 1000 + 1 : 0;
	uv_update_time(enact->conf.loop);
	uv_timer_start(&enact->stale, on_stale, ms > ENACT_AGE_MIN_MS ? ms : ENACT_AGE_MIN_MS, 0);
}

/* ---- rounds ---- */

static void on_round(uv_timer_t *timer)
{
	struct enact *enact = timer->data;

	enact_expand(enact);
	if (!enact->dirty && !enact->recompile) {
		enact->event_us = 0;
		return;
	}
	enact_round_by_values(enact);
}

void enact_arm(struct enact *enact)
{
	enact_arm_edge(enact);
	arm_stale(enact);
}

void enact_retry(struct enact *enact)
{
	enact->recompile = true;
	uv_timer_start(&enact->round, on_round, ENACT_RETRY_MS, 0);
}

static void apply(struct enact *enact)
{
	struct err err = {0};
	char text[sizeof(err)];
	bool changed;
	int r;

	enact->recompile = false;
	r = enact_apply(enact, &changed, &err);
	if (changed)
		enact->generation = ncc_flush(enact->conf.ncc);
	else if (r == 0)
		enact->failing = false;
	if (r == 0)
		return;
	if (!enact->failing)
		log_err("intents not in force, tried again", "why=\"%s\"",
			err_text(&err, text, sizeof(text)));
	enact->failing = true;
	enact_retry(enact);
}

void enact_round(struct enact *enact)
{
	uint64_t start_us = clock_us();

	if (enact->closed || !enact->started)
		return;
	uv_timer_stop(&enact->round);
	enact_remember(enact, true);
	enact_evaluate(enact);
	if (enact->recompile) {
		apply(enact);
		enact->stats.react_us = clock_us() - (enact->event_us ? enact->event_us : start_us);
	}
	enact_remember(enact, false);
	enact->event_us = 0;
	enact_arm(enact);
	enact->ended_us = clock_us();
	enact->round_us = enact->ended_us - start_us;
}

void enact_round_by_values(struct enact *enact)
{
	enact->by_values = true;
	enact_round(enact);
	enact->by_values = false;
}

void enact_schedule(struct enact *enact)
{
	uint64_t now_us = clock_us(), rest_us = enact->round_us * ENACT_ROUND_SHARE, ms = 0;

	if (enact->closed || !enact->started)
		return;
	if (!enact->event_us)
		enact->event_us = now_us;
	if (now_us - enact->ended_us < rest_us)
		ms = (rest_us - (now_us - enact->ended_us)) / 1000;
	ms = ms > ENACT_COALESCE_MS ? ms : ENACT_COALESCE_MS;
	uv_update_time(enact->conf.loop);
	if (!uv_is_active((uv_handle_t *)&enact->round) ||
	    uv_timer_get_due_in(&enact->round) > ms) /* it waits to try again */
		uv_timer_start(&enact->round, on_round, ms, 0);
}

void enact_rounds_open(struct enact *enact)
{
	uv_timer_init(enact->conf.loop, &enact->round);
	uv_timer_init(enact->conf.loop, &enact->stale);
	enact->round.data = enact->stale.data = enact;
	enact->handles += 2;
}
