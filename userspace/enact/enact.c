/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

/* ---- life ---- */

void enact_unref(struct enact *enact)
{
	if (--enact->handles)
		return;
	close(enact->edge_fd);
	free(enact);
}

void enact_handle_closed(uv_handle_t *handle)
{
	enact_unref(handle->data);
}

static int check_urls(const struct enact_conf *conf, struct err *err)
{
	for (unsigned int i = 0; i < conf->n_urls; i++)
		if (enact_url_check(conf->urls[i].url, err))
			return err_prefix(err, "/urls/%u", i);
	return 0;
}

int enact_open(const struct enact_conf *conf, struct enact **out, struct err *err)
{
	struct enact *enact;
	int r = check_urls(conf, err);

	if (r)
		return r;
	enact = calloc(1, sizeof(*enact));
	if (!enact)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	enact->conf = *conf;
	snprintf(enact->host, sizeof(enact->host), "%s", conf->host);
	if (conf->n_urls && fetch_open(conf->loop, &enact->fetch)) {
		free(enact);
		return err_set(err, -ENOMEM, "", NULL, "no HTTP client for webhooks");
	}
	r = enact_zone_open(enact, err);
	if (r) {
		fetch_close(enact->fetch);
		free(enact);
		return r;
	}
	enact_rounds_open(enact);
	enact_counts_open(enact);
	enact_stage_open(enact);
	enact_tell_open(enact);
	uv_timer_init(enact->conf.loop, &enact->rescan);
	enact->rescan.data = enact;
	enact->handles++;
	enact_watch_open(enact);
	*out = enact;
	return 0;
}

void enact_follow(struct enact *enact, struct intent *intent)
{
	enact->intent = intent;
	enact_hooks_open(enact);
	intent_on_stage_gone(intent, enact_stage_gone, enact);
	intent_on_clock(intent, enact_on_clock, enact);
	intent_on_stats(intent, enact_on_stats, enact);
}

static void close_timer(struct enact *enact, uv_timer_t *timer)
{
	uv_timer_stop(timer);
	uv_close((uv_handle_t *)timer, enact_handle_closed);
}

void enact_close(struct enact *enact)
{
	if (!enact)
		return;
	enact->closed = true;
	enact_watch_close(enact);
	enact_tell_close(enact);
	enact_hooks_close(enact);
	if (enact->intent) {
		intent_on_stage_gone(enact->intent, NULL, NULL);
		intent_on_clock(enact->intent, NULL, NULL);
		intent_on_stats(enact->intent, NULL, NULL);
	}
	nemo_plan_fini(&enact->plan);
	enact_warm_drop(enact);
	enact_stage_close(enact);
	enact_items_fini(enact);
	enact_acts_fini(enact);
	enact_counts_fini(enact);
	close_timer(enact, &enact->round);
	close_timer(enact, &enact->stale);
	close_timer(enact, &enact->count);
	close_timer(enact, &enact->tell);
	close_timer(enact, &enact->rescan);
	close_timer(enact, &enact->stage.timer);
	enact_zone_close(enact);
}

/* ---- what intent asks for ---- */

int enact_prepare(void *arg, const struct intent_head *head, struct err *err)
{
	struct enact *enact = arg;
	struct nemo_plan plan = {0};
	int r;

	enact_stage_clear(enact);
	r = enact_fits(enact, head, &plan, err);
	if (r == 0)
		r = enact_stage(enact, head->commit, &plan);
	nemo_plan_fini(&plan);
	return r;
}

static void applied(struct enact *enact, int result, const struct err *err)
{
	char text[sizeof(*err)];

	enact->pending = false;
	if (result)
		log_err("intents of a commit not in force", "commit=%llu why=\"%s\"",
			(unsigned long long)enact->commit, err_text(err, text, sizeof(text)));
	if (enact->intent)
		intent_applied(enact->intent, enact->commit, result, err);
}

/* Its rules are the plan's, or on their way. */
static void wait_for_ack(struct enact *enact)
{
	struct ncc_status status;

	enact->pending = true;
	if (!enact->conf.is_ingress) {
		applied(enact, 0, NULL);
		return;
	}
	ncc_status(enact->conf.ncc, &status);
	if (enact->started && status.applied >= enact->generation && !status.last_result)
		applied(enact, 0, NULL);
}

static void carry_out(struct enact *enact)
{
	struct err err = {0};
	bool changed = false;
	int r;

	enact->recompile = false;
	enact->warm_due = true;
	r = enact_apply(enact, &changed, &err);
	if (r == 0)
		enact_acts_sweep(enact);
	if (changed && enact->started)
		enact->generation = ncc_flush(enact->conf.ncc);
	if (r) {
		enact_retry(enact);
		applied(enact, r, &err);
		return;
	}
	wait_for_ack(enact);
}

/* Names in the plan are those of the head that goes. */
static void forget_operations(struct enact *enact)
{
	free(enact->plan.ops);
	enact->plan.ops = NULL;
	enact->plan.n_ops = 0;
}

void enact_flip(void *arg, const struct intent_head *head)
{
	struct enact *enact = arg;
	struct enact_head copy;
	struct err err = {0};

	enact->commit = head->commit;
	forget_operations(enact);
	enact_stage_end(enact); /* they are those of the plan now */
	if (enact_head_copy(head, &copy) || enact_items_replace(enact, &copy)) {
		err_set(&err, -ENOMEM, "", NULL, "out of memory");
		applied(enact, -ENOMEM, &err);
		return;
	}
	enact_mark_all(enact);
	if (enact->started) {
		enact_remember(enact, true);
		enact_evaluate(enact);
		carry_out(enact);
		enact_remember(enact, false);
		enact_arm(enact);
	} else {
		enact->pending = true;
	}
	enact->flipped = true;
}

void enact_leader(void *arg, bool leads)
{
	struct enact *enact = arg;

	if (enact->leads == leads || enact->closed)
		return;
	enact->leads = leads;
	if (!leads)
		enact_tell_drop(enact);
	else
		enact_reconcile(enact);
	enact_hooks_lead(enact, leads);
}

void enact_start(struct enact *enact)
{
	if (enact->started)
		return;
	enact_mark_all(enact);
	enact_remember(enact, true);
	enact_evaluate(enact);
	if (enact->pending)
		carry_out(enact);
	enact_remember(enact, false);
	enact->started = true;
	enact_reconcile(enact);
	if (enact->leads)
		enact_hooks_lead(enact, true);
	enact_arm(enact);
}

void enact_acked(struct enact *enact, uint64_t generation, int result, const char *text)
{
	struct err err = {0};

	if (!generation || !enact->started)
		return;
	if (enact_stage_acked(enact, generation, result))
		return; /* without it, it is tried again */
	if (generation < enact->generation)
		return;
	if (result == 0) {
		enact_acts_acked(enact);
		enact->failing = false;
	} else if (!enact->pending && !enact->failing) {
		enact->failing = true;
		log_err("intents not in force, tried again", "why=\"%s\"", text ? text : "");
	}
	if (!enact->pending)
		return;
	if (result)
		err_set(&err, result, "", NULL, "%s", text ? text : "");
	applied(enact, result, &err);
}

void enact_stats(const struct enact *enact, struct enact_stats *out)
{
	*out = enact->stats;
}
