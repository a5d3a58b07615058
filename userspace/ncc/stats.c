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

static const char *const map_names[] = {
#define X(id, text) [SAN_MAP_##id] = text,
	SAN_SIZED_MAPS(X)
#undef X
};

_Static_assert(sizeof(map_names) / sizeof(map_names[0]) == SAN_MAP_MAX, "a name for every map");

static json_t *empty_stats(void)
{
	return json_pack("{s:[], s:[], s:[], s:[], s:[], s:[], s:{s:i, s:i}}", "services", "egress",
			 "nexthops", "reasons", "acts", "maps", "events", "passed", 0, "lost", 0);
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

static void add_service(json_t *stats, const char *list, const struct san_msg_stat *stat)
{
	char text[SVC_ID_TEXT];

	add(stats, list, json_pack("{s:s}", "service", svc_id_text(stat->key, text)), stat);
}

static const char *iface_name(const struct ncc *ncc, uint32_t ifindex)
{
	for (const struct iface *i = ncc->ifaces; ifindex && i; i = i->hh.next) {
		if (i->state.ifindex == ifindex)
			return i->conf.name;
	}
	return NULL;
}

static void add_reason(struct ncc *ncc, const struct san_msg_stat *stat)
{
	const char *name = iface_name(ncc, stat->ifindex);

	if (stat->key >= SAN_R_MAX || (stat->ifindex && !name))
		return; /* an interface that went away meanwhile */
	add(ncc->stats, "reasons",
	    json_pack("{s:s, s:s, s:s?}", "reason", reasons[stat->key].name, "why",
		      reasons[stat->key].why, "interface", name),
	    stat);
}

/* Follows the row of what it matched. */
static void add_over(json_t *stats, const struct san_msg_stat *stat)
{
	json_t *acts = json_object_get(stats, "acts");
	json_t *act = json_array_get(acts, json_array_size(acts) - 1);

	if (json_integer_value(json_object_get(act, "act")) == (json_int_t)stat->key)
		json_object_set_new(act, "dropped", json_integer((json_int_t)stat->packets));
}

static void add_map(json_t *stats, const struct san_msg_stat *stat)
{
	if (stat->key >= SAN_MAP_MAX)
		return;
	json_array_append_new(json_object_get(stats, "maps"),
			      json_pack("{s:s, s:I, s:I}", "map", map_names[stat->key], "used",
					(json_int_t)stat->packets, "size",
					(json_int_t)stat->bytes));
}

static void set_events(json_t *stats, const struct san_msg_stat *stat)
{
	json_object_set_new(stats, "events",
			    json_pack("{s:I, s:I}", "passed", (json_int_t)stat->packets, "lost",
				      (json_int_t)stat->bytes));
}

void stats_on_row(struct ncc *ncc, const struct san_msg_stat *row)
{
	if (!ncc->stats_busy || row->request != ncc->request)
		return;
	switch (row->kind) {
	case SAN_STAT_SERVICE:
		add_service(ncc->stats, "services", row);
		break;
	case SAN_STAT_EGRESS:
		add_service(ncc->stats, "egress", row);
		break;
	case SAN_STAT_NEXTHOP:
		add(ncc->stats, "nexthops", json_pack("{s:I}", "id", (json_int_t)row->key), row);
		break;
	case SAN_STAT_REASON:
		add_reason(ncc, row);
		break;
	case SAN_STAT_ACT:
		add(ncc->stats, "acts",
		    json_pack("{s:I, s:i}", "act", (json_int_t)row->key, "dropped", 0), row);
		break;
	case SAN_STAT_ACT_OVER:
		add_over(ncc->stats, row);
		break;
	case SAN_STAT_MAP:
		add_map(ncc->stats, row);
		break;
	case SAN_STAT_EVENTS:
		set_events(ncc->stats, row);
		break;
	}
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
