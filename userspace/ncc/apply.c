/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ncc/apply_int.h"
#include "util/clock.h"
#include "util/log.h"

/* --- following the network --- */

static void follow(struct apply *a)
{
	uint64_t start = clock_us(), cost, wait;

	if (!a->dp)
		return;
	host_follow(a);
	hops_resolve(a);
	routes_follow(a);
	sids_follow(a);
	if (nl_lost(a->nl))
		audit_kernel(a);
	talk_pump(a);
	cost = clock_us() - start;
	wait = cost * (APPLY_SETTLE_SHARE - 1);
	if (wait > APPLY_SETTLE_MAX_MS * 1000)
		wait = APPLY_SETTLE_MAX_MS * 1000;
	a->settled_us = start + cost + wait;
}

static void on_settled(uv_timer_t *timer)
{
	follow(timer->data);
}

/* At once when the last time is long enough ago, else at the end of the pause: a storm of changes
 * does not keep plans waiting. */
void apply_changed(void *arg)
{
	struct apply *a = arg;
	uint64_t now = clock_us();

	if (uv_is_active((uv_handle_t *)&a->settle_timer))
		return;
	if (now >= a->settled_us)
		follow(a);
	else
		uv_timer_start(&a->settle_timer, on_settled, (a->settled_us - now) / 1000 + 1, 0);
}

void apply_soon(struct apply *a)
{
	uint64_t now = clock_us();
	uint64_t wait = a->settled_us > now ? (a->settled_us - now) / 1000 : 0;

	if (!a->closing && !uv_is_active((uv_handle_t *)&a->settle_timer))
		uv_timer_start(&a->settle_timer, on_settled, wait + 1, 0);
}

/* --- by and by --- */

void apply_repaired(struct apply *a, enum san_repair kind)
{
	a->repaired++;
	a->repairs[kind]++;
	a->repairs_all++;
}

static bool rest_left(const struct apply *a)
{
	return a->job.running || a->plan.open || a->late_due || a->audit.running;
}

/* A route in the kernel takes longer than all the rest of a small plan: who was sent the answer
 * takes it first, also where there is one processor for both. When the next plan has come already,
 * there is nothing to wait for. */
static bool late_now(const struct apply *a)
{
	return a->late_routes && (a->late_due || a->held);
}

static void on_late(uv_timer_t *timer)
{
	struct apply *a = timer->data;

	a->late_due = a->late_routes != NULL;
	if (a->late_due)
		apply_go_on(a);
}

static void late_wait(struct apply *a)
{
	if (!a->late_routes)
		a->late_due = false;
	else if (!a->late_due && !a->closing && !uv_is_active((uv_handle_t *)&a->late_timer))
		uv_timer_start(&a->late_timer, on_late, APPLY_LATE_MS, 0);
}

void apply_rest(struct apply *a)
{
	struct slice slice;

	talk_pump(a);
	if (!a->job.running && (a->plan.open || late_now(a))) {
		slice = slice_of(APPLY_SLICE_US);
		if (a->plan.open && a->dp)
			room_look_plan(a);
		if (!draft_clear_some(&a->plan, &slice) && late_now(a))
			routes_late(a, &slice);
	}
	late_wait(a);
	if (a->held && !a->job.running && !a->plan.open) {
		talk_resume(a);
		talk_pump(a);
	}
	if (rest_left(a))
		apply_go_on(a);
	else
		uv_idle_stop(&a->idle);
}

/* An active idle handle keeps the loop from sleeping. */
static void on_idle(uv_idle_t *idle)
{
	struct apply *a = idle->data;

	if (a->job.running)
		job_run(a);
	if (a->audit.running)
		audit_slice(a);
	apply_rest(a);
}

void apply_go_on(struct apply *a)
{
	if (!a->closing)
		uv_idle_start(&a->idle, on_idle);
}

/* --- handle --- */

void apply_handle_gone(struct apply *a)
{
	if (--a->handles == 0)
		free(a);
}

static void on_closed(uv_handle_t *handle)
{
	apply_handle_gone(handle->data);
}

static void add_handle(struct apply *a, void *handle)
{
	((uv_handle_t *)handle)->data = a;
	a->handles++;
}

static int start(struct apply *a, struct err *err)
{
	int r = uv_poll_init(a->loop, &a->poll, a->fd);

	if (r)
		return err_set(err, r, "", "", "socket to the child: %s", strerror(-r));
	add_handle(a, &a->poll);
	uv_idle_init(a->loop, &a->idle);
	add_handle(a, &a->idle);
	uv_timer_init(a->loop, &a->audit_timer);
	add_handle(a, &a->audit_timer);
	uv_timer_init(a->loop, &a->again_timer);
	add_handle(a, &a->again_timer);
	uv_timer_init(a->loop, &a->settle_timer);
	add_handle(a, &a->settle_timer);
	uv_timer_init(a->loop, &a->trace_timer);
	add_handle(a, &a->trace_timer);
	uv_timer_init(a->loop, &a->learned_timer);
	add_handle(a, &a->learned_timer);
	uv_timer_init(a->loop, &a->late_timer);
	add_handle(a, &a->late_timer);
	r = nl_open(a->loop, apply_changed, a, &a->nl, err);
	if (r)
		return r;
	r = talk_start(a);
	return r ? err_set(err, r, "", "", "socket to the child: %s", strerror(-r)) : 0;
}

int apply_open(const struct apply_conf *conf, struct apply **out, struct err *err)
{
	struct apply *a = calloc(1, sizeof(*a));
	int r = 0;

	if (!a) {
		close(conf->fd);
		return err_set(err, -ENOMEM, "", "", "no memory");
	}
	a->loop = conf->loop;
	a->fd = conf->fd;
	a->pin_dir = strdup(conf->pin_dir);
	if (!a->pin_dir)
		r = err_set(err, -ENOMEM, "", "", "no memory");
	if (!r)
		r = start(a, err);
	if (r) {
		apply_close(a);
		return r;
	}
	*out = a;
	return 0;
}

/* A plan that was answered becomes real as a whole; in the middle of another one, what it changed
 * waits for the next start anyway. */
static void last_routes(struct apply *a)
{
	struct slice slice = slice_of(APPLY_CLOSE_US);

	if (a->dp && a->nl && !a->job.running)
		routes_late(a, &slice);
}

void apply_close(struct apply *a)
{
	if (!a)
		return;
	a->closing = true;
	last_routes(a);
	if (a->handles && a->trace.fields)
		domain_trace_end(a); /* nobody would be there to end it */
	events_stop(a);
	draft_clear(&a->draft);
	job_cancel(a);
	audit_cancel(a);
	talk_reset(a);
	undo_free(a);
	shadow_clear(a);
	nl_shut(a->nl);
	dp_close(a->dp);
	free(a->pin_dir);
	if (!a->handles) {
		close(a->fd);
		free(a);
		return;
	}
	uv_close((uv_handle_t *)&a->poll, on_closed);
	close(a->fd);
	uv_close((uv_handle_t *)&a->idle, on_closed);
	uv_close((uv_handle_t *)&a->audit_timer, on_closed);
	uv_close((uv_handle_t *)&a->again_timer, on_closed);
	uv_close((uv_handle_t *)&a->settle_timer, on_closed);
	uv_close((uv_handle_t *)&a->trace_timer, on_closed);
	uv_close((uv_handle_t *)&a->learned_timer, on_closed);
	uv_close((uv_handle_t *)&a->late_timer, on_closed);
}

void apply_on_ready(struct apply *apply, void (*ready)(void *arg), void *arg)
{
	apply->ready = ready;
	apply->ready_arg = arg;
}
