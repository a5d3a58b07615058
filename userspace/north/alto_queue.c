/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of ALTO whose answer has to be computed: one a turn of the loop, so that what else runs
 * on it has its turn, too; the parties that ask take turns.
 */
#include <errno.h>
#include <stdio.h>
#include <utlist.h>

#include "north/alto.h"

struct alto_job {
	struct req *req; /* held */
	void (*run)(struct req *req);
	struct alto_job *prev, *next;
};

static struct alto_job *take_first(struct alto_queue *q)
{
	struct share *share = q->ring;
	struct alto_job *job = share->jobs;

	DL_DELETE(share->jobs, job);
	share->n_jobs--;
	q->n--;
	DL_DELETE(q->ring, share);
	if (share->jobs)
		DL_APPEND(q->ring, share);
	return job;
}

static void on_turn(uv_idle_t *idle)
{
	struct north *n = idle->data;
	struct alto_job *job;

	if (!n->alto.queue.n) {
		uv_idle_stop(idle);
		return;
	}
	job = take_first(&n->alto.queue);
	if (job->req->conn)
		job->run(job->req);
	rest_put(job->req);
	free(job);
}

static void refuse(struct req *req, unsigned int max, const char *whose)
{
	char want[96];

	req->north->alto.queue.refused++;
	snprintf(want, sizeof(want), "at most %u requests %s wait to be computed: try again later",
		 max, whose);
	alto_busy(req, want);
}

void alto_queue(struct req *req, void (*run)(struct req *req))
{
	const struct alto_queue *q = &req->north->alto.queue;
	const struct share *share = req->share;

	if (q->n >= ALTO_QUEUE_MAX - (share->known ? 0 : ALTO_QUEUE_KNOWN)) {
		refuse(req, ALTO_QUEUE_MAX, "in all");
	} else if (!share->local && share->n_jobs >= ALTO_QUEUE_PARTY) {
		refuse(req, ALTO_QUEUE_PARTY, "of one client");
	} else {
		alto_queue_again(req, run);
	}
}

void alto_queue_again(struct req *req, void (*run)(struct req *req))
{
	struct alto_queue *q = &req->north->alto.queue;
	struct share *share = req->share;
	struct alto_job *job = calloc(1, sizeof(*job));

	if (!job) {
		rest_json(req, 500, NULL);
		return;
	}
	*job = (struct alto_job){.req = req, .run = run};
	rest_hold(req);
	if (!share->jobs)
		DL_APPEND(q->ring, share);
	DL_APPEND(share->jobs, job);
	share->n_jobs++;
	q->n++;
	uv_idle_start(&q->idle, on_turn);
}

void alto_queue_open(struct north *n)
{
	struct alto_queue *q = &n->alto.queue;

	uv_idle_init(n->conf.loop, &q->idle); /* cannot fail */
	q->idle.data = n;
	q->open = true;
	n->handles++;
}

static void on_closed(uv_handle_t *handle)
{
	north_release(handle->data);
}

void alto_queue_stop(struct north *n)
{
	struct alto_queue *q = &n->alto.queue;
	struct alto_job *job;

	if (!q->open)
		return;
	q->open = false;
	while (q->n) {
		job = take_first(q);
		rest_put(job->req); /* answered by whoever closes */
		free(job);
	}
	uv_close((uv_handle_t *)&q->idle, on_closed);
}
