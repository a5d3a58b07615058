/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When rounds happen: after idle in the same loop turn (behind all its events, so that a whole
 * revision is taken together), while busy at most one per ORC_COALESCE_US; and when a deadline
 * comes.
 */
#include "orc/orc_int.h"

#include <sched.h>
#include <stdlib.h>
#include <utlist.h>

#define STALLED_MS 100 /* between two looks at a view that stands still */

void orc_queue(struct orc *orc, struct orc_service *svc)
{
	if (!svc->queued) {
		DL_APPEND(orc->queue, svc);
		orc->stats.queued++;
	}
	svc->queued = true;
	orc_schedule(orc);
}

void orc_unqueue(struct orc *orc, struct orc_service *svc)
{
	if (svc->queued) {
		DL_DELETE(orc->queue, svc);
		orc->stats.queued--;
	}
	svc->queued = false;
}

static uint64_t ms_until(uint64_t at_us, uint64_t now_us)
{
	return at_us > now_us ? (at_us - now_us + 999) / 1000 : 0;
}

static void on_later(uv_timer_t *timer)
{
	orc_round(timer->data);
}

/* Where one processor has to do for both, who applies the plan goes first: what is left to do here,
 * log lines and the disk, takes as long as that. Not while busy: others would come between. */
static void on_check(uv_check_t *check)
{
	struct orc *orc = check->data;

	orc_round(orc);
	if (orc->said)
		sched_yield();
}

static void on_idle(uv_idle_t *idle)
{
	/* Being active is all it is for. */
}

void orc_schedule(struct orc *orc)
{
	uint64_t now_us, next_us;

	if (!orc->started || orc->armed)
		return;
	now_us = clock_us();
	next_us = orc->last_round_us + ORC_COALESCE_US;
	orc->armed = true;
	orc->first_event_us = now_us;
	if (now_us >= next_us) {
		uv_check_start(&orc->check, on_check);
		uv_idle_start(&orc->idle, on_idle);
	} else {
		uv_update_time(orc->loop);
		uv_timer_start(&orc->later, on_later, ms_until(next_us, now_us), 0);
	}
}

static void disarm(struct orc *orc)
{
	orc->armed = false;
	uv_check_stop(&orc->check);
	uv_idle_stop(&orc->idle);
	uv_timer_stop(&orc->later);
}

void orc_take_due(struct orc *orc)
{
	uint64_t now_us = orc_now(orc);
	struct orc_service *svc;

	while ((svc = orc_heap_pop(&orc->due, now_us))) {
		orc_mark_due(orc, svc, now_us);
		orc_queue(orc, svc);
	}
	orc_rate_due(orc);
}

static void on_deadline(uv_timer_t *timer)
{
	struct orc *orc = timer->data;

	orc_take_due(orc);
	orc_schedule(orc); /* the clocks of loop and deadlines may differ: set the timer again */
}

/* Nothing tells when the view goes on: it is looked at. */
static uint64_t ms_until_due(const struct orc *orc)
{
	if (orc->due.n == 0)
		return UINT64_MAX;
	if (orc->view->stall_since_us)
		return STALLED_MS;
	return ms_until(orc->due.v[1]->at_us, orc_now(orc));
}

static void wait_for_deadline(struct orc *orc, uint64_t now_us)
{
	uint64_t due_ms = ms_until_due(orc);
	uint64_t send_ms = orc->send.n ? ms_until(orc->send.v[1]->at_us, now_us) : UINT64_MAX;
	uint64_t ms = due_ms < send_ms ? due_ms : send_ms;

	if (ms == UINT64_MAX) {
		uv_timer_stop(&orc->deadline);
		return;
	}
	uv_update_time(orc->loop);
	uv_timer_start(&orc->deadline, on_deadline, ms, 0);
}

static void flush(struct orc *orc)
{
	uint64_t generation;

	if (!orc->plan_touched)
		return;
	generation = ncc_flush(orc->ncc);
	for (; orc->puts; orc->puts = orc->puts->next_put)
		orc->puts->generation = generation;
	orc->plan_touched = false;
	orc->stats.last_react_us = clock_us() - orc->first_event_us;
	hist_add(&orc->react_us, orc->stats.last_react_us);
}

/* Lines in the log take longer than the change: first the answer to the plan is taken, which comes
 * in the poll between two calls of this. */
static void on_say(uv_idle_t *idle)
{
	struct orc *orc = idle->data;

	orc->said_next = !orc->said_next;
	if (orc->said_next)
		return;
	uv_idle_stop(idle);
	orc_say_all(orc);
}

static void say_soon(struct orc *orc)
{
	orc->said_next = false;
	if (orc->said)
		uv_idle_start(&orc->say, on_say);
}

void orc_round(struct orc *orc)
{
	uint64_t begin_us = clock_us(), now_us = view_time(orc->view, begin_us);
	bool evaluated = orc->queue != NULL;
	struct orc_service *svc;

	disarm(orc);
	orc_say_all(orc); /* of the round before */
	orc_classes_round(orc);
	while ((svc = orc->queue)) {
		orc_unqueue(orc, svc);
		orc_evaluate(orc, svc, now_us);
		if (!svc->rebuild)
			orc_emit(orc, svc);
	}
	if (evaluated)
		hist_add(&orc->round_us, clock_us() - begin_us);
	flush(orc);
	orc_publish_all(orc);
	say_soon(orc);
	orc->last_round_us = clock_us();
	wait_for_deadline(orc, orc->last_round_us);
}

static void on_closed(uv_handle_t *handle)
{
	struct orc *orc = handle->data;

	if (--orc->n_handles == 0)
		free(orc);
}

static void adopt(struct orc *orc, uv_handle_t *handle)
{
	handle->data = orc;
	orc->n_handles++;
}

void orc_sched_open(struct orc *orc)
{
	uv_check_init(orc->loop, &orc->check);
	adopt(orc, (uv_handle_t *)&orc->check);
	uv_idle_init(orc->loop, &orc->idle);
	adopt(orc, (uv_handle_t *)&orc->idle);
	uv_idle_init(orc->loop, &orc->say);
	adopt(orc, (uv_handle_t *)&orc->say);
	uv_timer_init(orc->loop, &orc->later);
	adopt(orc, (uv_handle_t *)&orc->later);
	uv_timer_init(orc->loop, &orc->deadline);
	adopt(orc, (uv_handle_t *)&orc->deadline);
	uv_timer_init(orc->loop, &orc->classes_retry);
	adopt(orc, (uv_handle_t *)&orc->classes_retry);
}

void orc_sched_close(struct orc *orc)
{
	free(orc->due.v);
	free(orc->send.v);
	orc->due = orc->send = (struct orc_heap){0};
	uv_close((uv_handle_t *)&orc->check, on_closed);
	uv_close((uv_handle_t *)&orc->idle, on_closed);
	uv_close((uv_handle_t *)&orc->say, on_closed);
	uv_close((uv_handle_t *)&orc->later, on_closed);
	uv_close((uv_handle_t *)&orc->deadline, on_closed);
	uv_close((uv_handle_t *)&orc->classes_retry, on_closed);
}
