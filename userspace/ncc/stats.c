/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters, asked from the parent: one request at a time. Who asks meanwhile gets the next one's
 * answer, so that every answer is younger than its question. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/ncc_int.h"
#include "util/name.h"

static const struct {
	const char *name, *why;
} reasons[] = {
#define X(id, text, verdict, explanation) [SAN_R_##id] = {text, explanation},
	SAN_REASONS(X)
#undef X
};

_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == SAN_R_MAX, "a row for every reason");

static json_t *empty_stats(void)
{
	return json_pack("{s:[], s:[], s:[]}", "services", "nexthops", "reasons");
}

static void answer(struct waiter *list, int status, json_t *stats)
{
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->done(w->arg, status, stats);
		free(w);
	}
}

static void on_timeout(uv_timer_t *timer);

static void ask(struct ncc *ncc)
{
	struct san_msg_stats_req req = {0};

	ncc->stats_now = ncc->stats_next;
	ncc->stats_next = NULL;
	if (!ncc->stats_now)
		return;
	req.request = ++ncc->request;
	ncc->stats = empty_stats();
	ncc->stats_busy = true;
	uv_timer_start(&ncc->stats_timer, on_timeout, NCC_STATS_TIMEOUT_MS, 0);
	if (!ncc->stats || io_push(ncc, SAN_MSG_STATS_REQ, 0, &req))
		stats_fail(ncc, -ENOMEM);
	else
		io_pump(ncc);
}

/* Ends the request that is under way. */
static void finish(struct ncc *ncc, int status)
{
	struct waiter *list = ncc->stats_now;
	json_t *stats = ncc->stats;

	for (struct waiter *w = list; w; w = w->next)
		ncc->n_waiters--;
	ncc->stats_now = NULL;
	ncc->stats = NULL;
	ncc->stats_busy = false;
	uv_timer_stop(&ncc->stats_timer);
	answer(list, status, status ? NULL : stats);
	json_decref(stats);
}

static void on_timeout(uv_timer_t *timer)
{
	struct ncc *ncc = timer->data;

	finish(ncc, -ETIMEDOUT);
	if (!ncc->closing && !ncc->stats_busy)
		ask(ncc);
}

void stats_fail(struct ncc *ncc, int status)
{
	struct waiter *next = ncc->stats_next;

	ncc->stats_next = NULL;
	for (struct waiter *w = next; w; w = w->next)
		ncc->n_waiters--;
	finish(ncc, status);
	answer(next, status, NULL);
}

void stats_on_end(struct ncc *ncc, uint32_t request)
{
	if (!ncc->stats_busy || request != ncc->request)
		return; /* timed out before */
	finish(ncc, 0);
	if (!ncc->closing && !ncc->stats_busy)
		ask(ncc);
}

static void add(json_t *stats, const char *list, json_t *row, const struct san_msg_stat *stat)
{
	json_object_set_new(row, "packets", json_integer((json_int_t)stat->packets));
	json_object_set_new(row, "bytes", json_integer((json_int_t)stat->bytes));
	json_array_append_new(json_object_get(stats, list), row);
}

void stats_on_row(struct ncc *ncc, const struct san_msg_stat *row)
{
	char text[SVC_ID_TEXT];

	if (!ncc->stats_busy || row->request != ncc->request)
		return;
	if (row->kind == SAN_STAT_SERVICE)
		add(ncc->stats, "services",
		    json_pack("{s:s}", "service", svc_id_text(row->key, text)), row);
	else if (row->kind == SAN_STAT_NEXTHOP)
		add(ncc->stats, "nexthops", json_pack("{s:I}", "id", (json_int_t)row->key), row);
	else if (row->kind == SAN_STAT_REASON && row->key < SAN_R_MAX)
		add(ncc->stats, "reasons",
		    json_pack("{s:s, s:s}", "reason", reasons[row->key].name, "why",
			      reasons[row->key].why),
		    row);
}

int ncc_stats(struct ncc *ncc, ncc_stats_cb done, void *arg)
{
	struct waiter *w;

	if (ncc->phase == PHASE_GONE || ncc->closing)
		return -ENOTCONN;
	if (ncc->n_waiters >= NCC_STATS_WAITERS)
		return -ENOSPC;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->done = done;
	w->arg = arg;
	LL_APPEND(ncc->stats_next, w);
	ncc->n_waiters++;
	if (!ncc->stats_busy)
		ask(ncc);
	return 0;
}
