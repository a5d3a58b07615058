/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: what the dataplane tells by itself. Events are kept in a ring and numbered; numbers
 * rise over restarts, so that a reader's place stays meaningful. Fill of the maps is remembered
 * from every answer with counters; from OBSERVE_WARN_PERCENT on the status warns.
 */
#ifndef NORTH_OBSERVE_H
#define NORTH_OBSERVE_H

#include "north/rest.h"

#define EVENTS_RING 4096
#define EVENTS_WAITERS 64  /* requests that wait for an event */
#define EVENTS_BATCH_MS 20 /* events that come so close together make one answer */
#define EVENTS_WAIT_MAX_S 30
#define TRACE_SECONDS 60 /* unless said */
#define TRACE_SECONDS_MAX 3600
#define OBSERVE_FRESH_US 1000000
#define OBSERVE_PATIENCE_MS 500 /* a status does not wait longer for fresh counters */
#define OBSERVE_WAITERS 16
#define OBSERVE_WARN_PERCENT 90

struct event_row {
	uint64_t number;
	struct san_event event;
	struct plan_nexthop nexthop; /* kind 0: not known */
};

struct event_waiter;

struct map_fill {
	uint64_t used, size;
	bool known;
};

struct observe {
	struct event_row *ring; /* EVENTS_RING, by number */
	uint64_t base, newest;	/* numbers base + 1 ... newest have been given */
	uint64_t lost;		/* the parent did not pass on */
	struct event_waiter *waiters;
	unsigned int n_waiters;
	uv_timer_t wake, patience;
	json_t *trace; /* as it was armed; NULL = none */
	uint64_t trace_until_us;
	struct map_fill maps[SAN_MAP_MAX];
	uint64_t maps_us;		      /* when they were seen; 0 = not yet */
	struct req *waiting[OBSERVE_WAITERS]; /* held; show is their show_fresh */
	unsigned int n_waiting;
};

/* ---- observe.c ---- */
int observe_open(struct north *n); /* -ENOMEM */
/* Nobody waits any more; before the requests end. */
void observe_stop(struct north *n);
void observe_free(struct north *n);
/* Remembers "maps" of ncc's counters. */
void observe_maps(struct north *n, const json_t *stats);
/* show(req) when the counters have been seen just now, or not within OBSERVE_PATIENCE_MS: the
 * parent may hang. Holds the request until then. */
void observe_fresh(struct req *req, void (*show)(struct req *req));
json_t *observe_maps_age(const struct north *n); /* seconds; null: not seen yet */
/* [{"map", "used", "size", "percent", "warning"}] as last seen, new reference. */
json_t *observe_maps_json(const struct north *n);

/* ---- events.c ---- */
void events_add(void *north, const struct san_event *event, const struct plan_nexthop *nexthop,
		uint64_t lost);
void events_on_wake(uv_timer_t *timer);
void events_forget(struct north *n); /* all who wait */

/* ---- event_json.c: names behind the numbers ---- */
struct event_names;
/* NULL: no memory. */
struct event_names *event_names_new(const struct north *n);
void event_names_free(struct event_names *names);
json_t *event_json(struct event_names *names, const struct event_row *row);
/* 0 = no such interface, or it does not exist now. known may be NULL. */
uint32_t event_ifindex(const struct north *n, const char *name, bool *known);
const char *event_protocol(uint8_t proto); /* NULL: has no name */
/* -1: none of this name. */
int event_reason(const char *name);
const char *reason_name(unsigned int reason), *reason_why(unsigned int reason);
const char *reason_verdict(unsigned int reason);

#endif
