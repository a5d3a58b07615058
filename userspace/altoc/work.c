/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue to the thread pool. One at a time: the database's writes need threads, too, and what
 * is to be freed is freed before anything more is read.
 */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdlib.h>

size_t altoc_large = ALTOC_LARGE;

/* ---- in the pool ---- */

static void on_run(uv_work_t *uv)
{
	struct altoc *altoc = uv->data;

	if (!altoc->running->r)
		altoc->running->run(altoc->running);
}

/* All that is large. */
static void clear(struct altoc_work *work)
{
	altoc_plan_free(work->plan);
	alto_ird_free(work->ird);
	altoc_doc_wipe(work->doc);
	json_decref(work->root);
	free(work->text);
	work->plan = NULL;
	work->ird = NULL;
	work->doc = NULL;
	work->root = NULL;
	work->text = NULL;
}

/* ---- in the loop ---- */

static void work_free(struct altoc_work *work)
{
	struct altoc *altoc = work->peer->altoc;

	free(work);
	altoc_release(altoc);
}

static void push(struct altoc_work *work)
{
	struct altoc *altoc = work->peer->altoc;

	work->next = NULL;
	*altoc->works_end = work;
	altoc->works_end = &work->next;
}

/* What nobody waits for goes first: it is only freed. */
static struct altoc_work *pop(struct altoc *altoc)
{
	struct altoc_work **place = &altoc->works, *work;

	while (*place && (*place)->done)
		place = &(*place)->next;
	if (!*place)
		place = &altoc->works;
	work = *place;
	if (!work)
		return NULL;
	*place = work->next;
	if (!work->next)
		altoc->works_end = place;
	return work;
}

static void unreserve(struct altoc_work *work)
{
	work->peer->texts -= work->waits;
	work->peer->bytes -= work->reserved;
	work->waits = work->reserved = 0;
}

/* It waits no more. */
static void admit(struct altoc_work *work)
{
	unreserve(work);
	if (work->weighs)
		work->r = altoc_read_reserve(work, &work->err);
}

/* To be cleared, before anything else is run. */
static void bury(struct altoc_work *work)
{
	unreserve(work);
	altoc_doc_hold(&work->map, NULL);
	altoc_doc_hold(&work->old, NULL);
	work->done = NULL;
	work->run = clear;
	work->weighs = false;
	work->r = 0;
	push(work);
}

static void go_on(struct altoc *altoc);

static void on_ran(uv_work_t *uv, int status)
{
	struct altoc *altoc = uv->data;
	struct altoc_work *work = altoc->running;

	altoc->running = NULL;
	altoc->refs++;
	if (work->done) {
		work->peer->works--;
		work->done(work);
	} else if (work->run == clear) {
		work_free(work);
	} else {
		bury(work);
	}
	go_on(altoc);
	altoc_release(altoc);
}

/* What nobody waits for any more is not done. */
static void go_on(struct altoc *altoc)
{
	struct altoc_work *work;

	while (!altoc->running && (work = pop(altoc))) {
		if (!work->done && work->run != clear) {
			bury(work);
			continue;
		}
		admit(work);
		altoc->running = work;
		altoc->uv_work.data = altoc;
		uv_queue_work(altoc->conf.loop, &altoc->uv_work, on_run, on_ran);
	}
}

struct altoc_work *altoc_work_new(struct altoc_peer *peer, struct altoc_slot *slot)
{
	struct altoc_work *work = calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	work->peer = peer;
	work->slot = slot;
	peer->altoc->refs++;
	return work;
}

bool altoc_work_is_large(const struct altoc_peer *peer, size_t bytes)
{
	return bytes >= altoc_large || peer->works;
}

void altoc_work_queue(struct altoc_work *work, void (*run)(struct altoc_work *work),
		      void (*done)(struct altoc_work *work))
{
	work->run = run;
	work->done = done;
	work->pooled = true;
	work->r = 0;
	unreserve(work);
	work->waits = work->weighs ? work->len : 0;
	work->peer->texts += work->waits;
	work->peer->works++;
	push(work);
	go_on(work->peer->altoc);
}

void altoc_work_run(struct altoc_work *work, void (*run)(struct altoc_work *work))
{
	admit(work);
	if (!work->r)
		run(work);
}

void altoc_work_end(struct altoc_work *work)
{
	/* on_ran() goes on, when all that comes of it is in force and gave room. */
	if (work->pooled) {
		bury(work);
		return;
	}
	unreserve(work);
	altoc_doc_hold(&work->map, NULL);
	altoc_doc_hold(&work->old, NULL);
	clear(work);
	work_free(work);
}

static void drop(struct altoc_work *work)
{
	work->done = NULL;
	work->peer->works--;
	unreserve(work);
}

void altoc_work_drop(struct altoc_peer *peer, bool all)
{
	struct altoc *altoc = peer->altoc;
	struct altoc_work *work = altoc->running;

	if (work && work->peer == peer && work->done && (all || work->of_stream)) {
		drop(work);
		uv_cancel((uv_req_t *)&altoc->uv_work);
	}
	for (work = altoc->works; work; work = work->next)
		if (work->peer == peer && work->done && (all || work->of_stream))
			drop(work);
}

bool altoc_bury(struct altoc_peer *peer, struct altoc_doc *doc, json_t *root)
{
	struct altoc_work *work = altoc_work_new(peer, NULL);

	if (!work)
		return false;
	work->doc = doc;
	work->root = root;
	bury(work);
	go_on(peer->altoc);
	return true;
}
