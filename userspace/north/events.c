/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /v1/events: the ring, and requests that wait for what is not in it yet. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "north/observe.h"
#include "north/server.h"

struct filter {
	uint64_t after; /* numbers beyond it */
	uint64_t limit;
	uint64_t service; /* 0 = any; likewise below */
	uint64_t reasons; /* a bit each */
	uint32_t ifindex;
	bool by_iface;
	uint8_t kind;
};

struct event_waiter {
	struct req *req; /* held */
	struct filter filter;
	uint64_t missed;
	uint64_t until_us;
	bool ready;
	struct event_waiter *prev, *next;
};

/* ---- the ring ---- */

static const struct event_row *row_at(const struct observe *o, uint64_t number)
{
	return &o->ring[number % EVENTS_RING];
}

static uint64_t oldest(const struct observe *o)
{
	uint64_t n = o->newest - o->base;

	return o->newest + 1 - (n < EVENTS_RING ? n : EVENTS_RING);
}

static bool matches(const struct filter *f, const struct san_event *e)
{
	return (!f->service || f->service == e->service_id) &&
	       (!f->reasons || f->reasons >> e->reason & 1) &&
	       (!f->by_iface || f->ifindex == e->ifindex) && (!f->kind || f->kind == e->kind);
}

/* The next one whose time will be up. */
static void rearm(struct observe *o)
{
	uint64_t now_us = clock_us(), first_us = UINT64_MAX;
	struct event_waiter *w;

	DL_FOREACH(o->waiters, w)
	{
		if (w->until_us < first_us)
			first_us = w->until_us;
	}
	if (!o->waiters)
		uv_timer_stop(&o->wake);
	else
		uv_timer_start(&o->wake, events_on_wake,
			       first_us > now_us ? (first_us - now_us + 999) / 1000 : 0, 0);
}

void events_add(void *north, const struct san_event *event, const struct plan_nexthop *nexthop,
		uint64_t lost)
{
	struct observe *o = &((struct north *)north)->observe;
	struct event_row *row = &o->ring[++o->newest % EVENTS_RING];
	struct event_waiter *w;
	bool ready = false;

	memset(row, 0, sizeof(*row));
	row->number = o->newest;
	row->event = *event;
	row->event.reason &= SAN_REASON_ROW - 1; /* shifted by, when it is asked for */
	if (nexthop)
		row->nexthop = *nexthop;
	o->lost = lost;
	DL_FOREACH(o->waiters, w)
	{
		if (w->ready || !matches(&w->filter, event))
			continue;
		w->ready = ready = true;
		w->until_us = clock_us() + EVENTS_BATCH_MS * 1000;
	}
	if (ready)
		rearm(o);
}

/* ---- answers ---- */

/* Items from f->after on; *last: the number up to which all have been looked at. NULL: no memory.
 */
static json_t *collect(const struct north *n, const struct filter *f, uint64_t *last)
{
	const struct observe *o = &n->observe;
	uint64_t from = f->after + 1 > oldest(o) ? f->after + 1 : oldest(o);
	struct event_names *names = event_names_new(n);
	json_t *items = json_array();
	int r = names ? 0 : -1;

	*last = f->after > o->newest ? f->after : o->newest;
	for (uint64_t number = from; !r && number <= o->newest; number++) {
		const struct event_row *row = row_at(o, number);

		if (!matches(f, &row->event))
			continue;
		r = json_array_append_new(items, event_json(names, row));
		if (json_array_size(items) == f->limit) {
			*last = number;
			break;
		}
	}
	if (names)
		event_names_free(names);
	if (!r)
		return items;
	json_decref(items);
	return NULL;
}

/* Takes items. */
static void reply(struct req *req, json_t *items, uint64_t last, uint64_t missed)
{
	if (!items) {
		rest_json(req, 500, NULL);
		return;
	}
	rest_json(req, 200,
		  json_pack("{s:o, s:I, s:I, s:I}", "items", items, "next", (json_int_t)last,
			    "missed", (json_int_t)missed, "lost",
			    (json_int_t)req->north->observe.lost));
}

/* ---- waiting ---- */

static void waiter_end(struct observe *o, struct event_waiter *w)
{
	DL_DELETE(o->waiters, w);
	o->n_waiters--;
	rest_put(w->req);
	free(w);
}

void events_on_wake(uv_timer_t *timer)
{
	struct north *n = timer->data;
	struct event_waiter *w, *next;
	uint64_t now_us = clock_us(), last;

	DL_FOREACH_SAFE(n->observe.waiters, w, next)
	{
		json_t *items;

		if (now_us < w->until_us)
			continue;
		items = collect(n, &w->filter, &last);
		reply(w->req, items, last, w->missed);
		waiter_end(&n->observe, w);
	}
	rearm(&n->observe);
}

void events_forget(struct north *n)
{
	while (n->observe.waiters)
		waiter_end(&n->observe, n->observe.waiters);
}

static void wait(struct req *req, const struct filter *f, uint64_t wait_s, uint64_t missed)
{
	struct observe *o = &req->north->observe;
	struct event_waiter *w = o->n_waiters < EVENTS_WAITERS ? calloc(1, sizeof(*w)) : NULL;
	struct err err = {0};

	if (!w) {
		err_set(&err, -EAGAIN, "?wait_s", NULL,
			"at most %d requests may wait for events: try again later", EVENTS_WAITERS);
		rest_fail(req, &err);
		return;
	}
	w->req = req;
	w->filter = *f;
	w->missed = missed;
	w->until_us = clock_us() + wait_s * 1000000;
	rest_hold(req);
	DL_APPEND(o->waiters, w);
	o->n_waiters++;
	rearm(o);
}

/* ---- what is asked for ---- */

struct question {
	const struct north *north;
	struct filter filter;
	uint64_t wait_s;
	bool from_start;
};

static int read_reasons(const char *text, uint64_t *bits)
{
	char name[64];
	size_t len;
	int reason;

	for (; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		reason = event_reason(name);
		if (reason < 0)
			return -EINVAL;
		*bits |= 1ull << reason;
	}
	return *bits ? 0 : -EINVAL;
}

static int read_kind(const char *text, uint8_t *kind)
{
	static const char *const names[] = {"sample", "trace", "ptb"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text) == 0) {
			*kind = SAN_EVENT_SAMPLE + i;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_after(struct question *q, const char *text)
{
	q->from_start = false;
	if (strcmp(text, "now") == 0) {
		q->filter.after = q->north->observe.newest;
		return 0;
	}
	return rest_number(text, 0, INT64_MAX, &q->filter.after);
}

static int read_iface(struct question *q, const char *text)
{
	bool known;

	q->filter.by_iface = true;
	q->filter.ifindex = event_ifindex(q->north, text, &known);
	return known ? 0 : -EINVAL;
}

static int read_parameter(void *arg, const char *name, const char *value, struct err *err)
{
	struct question *q = arg;
	const char *want;
	char field[32];
	int r;

	if (strcmp(name, "after") == 0) {
		r = read_after(q, value);
		want = "must be a number of an event, or now";
	} else if (strcmp(name, "limit") == 0) {
		r = rest_number(value, 1, NORTH_PAGE_MAX, &q->filter.limit);
		want = "must be 1..1000";
	} else if (strcmp(name, "wait_s") == 0) {
		r = rest_number(value, 0, EVENTS_WAIT_MAX_S, &q->wait_s);
		want = "must be 0..30";
	} else if (strcmp(name, "service") == 0) {
		r = svc_id_parse(value, &q->filter.service);
		want = "must be a service ID like 0x101";
	} else if (strcmp(name, "reason") == 0) {
		r = read_reasons(value, &q->filter.reasons);
		want = "must be names of reasons with commas between them";
	} else if (strcmp(name, "kind") == 0) {
		r = read_kind(value, &q->filter.kind);
		want = "must be sample, trace or ptb";
	} else {
		r = read_iface(q, value);
		want = "must be an interface of this host's configuration";
	}
	snprintf(field, sizeof(field), "?%s", name);
	return r ? err_set(err, -EINVAL, field, value, "%s", want) : 0;
}

void events_get(struct req *req)
{
	struct question q = {
		.north = req->north, .filter = {.limit = NORTH_PAGE_MAX}, .from_start = true};
	const struct observe *o = &req->north->observe;
	uint64_t last, missed = 0;
	json_t *items;

	if (!rest_query(req, read_parameter, &q))
		return;
	/* Beyond the newest: a number of an earlier life, from before the clock was set back. */
	if (q.from_start || q.filter.after > o->newest)
		q.filter.after = oldest(o) - 1;
	else if (q.filter.after >= o->base && q.filter.after + 1 < oldest(o))
		missed = oldest(o) - 1 - q.filter.after;
	items = collect(req->north, &q.filter, &last);
	if (items && !json_array_size(items) && q.wait_s) {
		json_decref(items);
		q.filter.after = last;
		wait(req, &q.filter, q.wait_s, missed);
		return;
	}
	reply(req, items, last, missed);
}
