/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events on their way into the database. What waits is no text but a mark on its item: however many
 * there are, nothing is lost, and an event is told as things are when its turn comes. One is under
 * way at a time; tenants take turns, each at most enact_tell_rate times a second.
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/log.h"
#include "util/own.h"

#define LOG_US (60 * UINT64_C(1000000)) /* between lines about the same */
#define SECOND_US UINT64_C(1000000)

unsigned int enact_tell_rate = 100;

struct enact_note {	     /* the event that is under way */
	struct enact *enact; /* NULL: that is closed */
	bool down;	     /* of an operation: what is told */
	char tenant[NAME_LEN], name[NAME_LEN];
};

static struct enact_teller *teller_get(struct enact *enact, const char *tenant)
{
	struct enact_teller *teller;

	HASH_FIND_STR(enact->tellers, tenant, teller);
	if (teller)
		return teller;
	teller = calloc(1, sizeof(*teller));
	if (!teller)
		return NULL;
	snprintf(teller->tenant, sizeof(teller->tenant), "%s", tenant);
	HASH_ADD_STR(enact->tellers, tenant, teller);
	return teller;
}

static bool queue(struct enact *enact, struct enact_item *item)
{
	struct enact_teller *teller = teller_get(enact, item->tenant->name);

	item->untold = teller != NULL;
	if (!teller)
		return false;
	DL_APPEND2(teller->items, item, tell_prev, tell_next);
	enact->n_untold++;
	return true;
}

static void unqueue(struct enact *enact, struct enact_teller *teller, struct enact_item *item)
{
	DL_DELETE2(teller->items, item, tell_prev, tell_next);
	item->untold = false;
	enact->n_untold--;
}

/* ---- one event ---- */

static void log_failure(struct enact *enact, const char *tenant, int status)
{
	uint64_t now_us = clock_us();

	if (enact->tell_logged_us && now_us - enact->tell_logged_us < LOG_US)
		return;
	enact->tell_logged_us = now_us;
	if (status == -EINVAL)
		log_err("event not kept", "tenant=%s why=\"refused by the database\"", tenant);
	else
		log_err("events wait for the database", "events=%u why=\"%s\"", enact->n_untold + 1,
			strerror(-status));
}

/* What the database refuses it would refuse again. */
static void done(struct enact *enact, const struct enact_note *note, int status)
{
	struct enact_teller *teller = teller_get(enact, note->tenant);
	struct enact_item *item = enact_item(enact, note->tenant, note->name);
	bool over = !status || status == -EINVAL;

	enact->telling = NULL;
	enact->stats.notified += !status;
	if (status && enact->leads)
		log_failure(enact, note->tenant, status);
	if (teller && !over)
		teller->due_us = clock_us() + ENACT_RETRY_MS * UINT64_C(1000);
	if (!item)
		return;
	if (!item->notification && over)
		item->told_down = note->down;
	if (!enact->leads || item->untold)
		return;
	if (item->notification ? !over : item->told_down == item->reach)
		queue(enact, item);
}

static void on_put(void *arg, int status, int64_t revision, bool created)
{
	OWN_PTR struct enact_note *note = arg;
	struct enact *enact = note->enact;

	if (!enact)
		return;
	done(enact, note, status);
	enact_tell_next(enact);
}

static json_t *values_of(struct enact *enact, const struct enact_item *item)
{
	struct enact_lookup lookup = enact_lookup(enact, item->tenant->name);
	struct nemo_env env = enact_env(&lookup, enact_now_s(enact));

	return item->object->c.query ? nemo_query(item->tenant->store, item->object->c.query, &env)
				     : json_null();
}

static char *reason_of(const struct enact_item *item)
{
	struct nemo_text text = {0};
	char *reason = NULL;

	if (item->notification) {
		nemo_print_expr(&text, item->object->c.condition);
		return text.data;
	}
	if (item->reach)
		return strdup(ENACT_GOAL_UP);
	return asprintf(&reason, ENACT_GOAL_DOWN "%s", item->reach_why) < 0 ? NULL : reason;
}

static int put(struct enact *enact, const struct enact_item *item, struct enact_note *note)
{
	OWN_PTR char *reason = reason_of(item);
	json_t *values = item->notification ? values_of(enact, item) : json_null();
	char time[CLOCK_RFC3339];
	struct intent_event event = {
		.notification = note->name,
		.listener = item->notification ? item->object->c.listener.text : "",
		.time = clock_rfc3339(item->event_s, time),
		.values = values,
		.reason = reason,
	};
	int r = reason && values ? 0 : -ENOMEM;

	if (r == 0)
		r = intent_event_put(enact->intent, note->tenant, &event,
				     (struct ncsdb_write_done){on_put, note}, NULL);
	json_decref(values);
	return r;
}

static void send_event(struct enact *enact, const struct enact_item *item)
{
	struct enact_note *note = calloc(1, sizeof(*note));
	struct enact_note failed = {.down = !item->reach};
	int r;

	snprintf(failed.tenant, sizeof(failed.tenant), "%s", item->tenant->name);
	snprintf(failed.name, sizeof(failed.name), "%s", item->object->name);
	if (!note) {
		done(enact, &failed, -ENOMEM);
		return;
	}
	*note = failed;
	note->enact = enact;
	enact->telling = note;
	r = put(enact, item, note);
	if (r == 0)
		return;
	free(note);
	done(enact, &failed, r);
}

/* ---- whose turn it is ---- */

static void on_turn(uv_timer_t *timer)
{
	enact_tell_next(timer->data);
}

/* Went down and came back before its turn came, or the other way round. */
static bool is_over(const struct enact_item *item)
{
	return !item->notification && item->told_down != item->reach;
}

static struct enact_item *first_of(struct enact *enact, struct enact_teller *teller)
{
	while (teller->items && is_over(teller->items))
		unqueue(enact, teller, teller->items);
	return teller->items;
}

/* The tenant that waits longest and may. *wait_us: until one may. */
static struct enact_teller *next_teller(struct enact *enact, uint64_t now_us, uint64_t *wait_us)
{
	struct enact_teller *teller;

	*wait_us = UINT64_MAX;
	for (teller = enact->tellers; teller; teller = teller->hh.next) {
		if (!first_of(enact, teller))
			continue;
		if (teller->due_us <= now_us)
			return teller;
		if (teller->due_us - now_us < *wait_us)
			*wait_us = teller->due_us - now_us;
	}
	return NULL;
}

/* A second's worth may go at once. */
static void spend(struct enact *enact, struct enact_teller *teller, uint64_t now_us)
{
	uint64_t from_us = now_us > SECOND_US ? now_us - SECOND_US : 0;

	if (teller->due_us < from_us)
		teller->due_us = from_us;
	teller->due_us += SECOND_US / enact_tell_rate;
	HASH_DEL(enact->tellers, teller);
	HASH_ADD_STR(enact->tellers, tenant, teller);
}

void enact_tell_next(struct enact *enact)
{
	struct enact_teller *teller;
	struct enact_item *item;
	uint64_t wait_us;

	if (enact->closed || !enact->intent || !enact->leads)
		return;
	while (!enact->telling) {
		uint64_t now_us = clock_us();

		teller = next_teller(enact, now_us, &wait_us);
		if (!teller)
			break;
		item = teller->items;
		spend(enact, teller, now_us);
		unqueue(enact, teller, item);
		send_event(enact, item);
	}
	if (!enact->telling && wait_us != UINT64_MAX)
		uv_timer_start(&enact->tell, on_turn, wait_us / 1000 + 1, 0);
}

void enact_tell(struct enact *enact, struct enact_item *item)
{
	if (item->untold)
		return;
	item->event_s = clock_real_s();
	if (queue(enact, item))
		enact_tell_next(enact);
}

/* ---- life ---- */

static void empty(struct enact *enact)
{
	struct enact_teller *teller;

	for (teller = enact->tellers; teller; teller = teller->hh.next)
		teller->items = NULL;
	enact->n_untold = 0;
}

void enact_tell_replaced(struct enact *enact)
{
	empty(enact);
	for (unsigned int i = 0; i < enact->n_items; i++)
		if (enact->items[i].untold)
			queue(enact, &enact->items[i]);
}

void enact_tell_drop(struct enact *enact)
{
	uv_timer_stop(&enact->tell);
	empty(enact);
	for (unsigned int i = 0; i < enact->n_items; i++)
		enact->items[i].untold = false;
}

void enact_tell_open(struct enact *enact)
{
	uv_timer_init(enact->conf.loop, &enact->tell);
	enact->tell.data = enact;
	enact->handles++;
}

void enact_tell_close(struct enact *enact)
{
	struct enact_teller *teller, *next;

	enact_tell_drop(enact);
	if (enact->telling)
		enact->telling->enact = NULL; /* answered later: it goes then */
	enact->telling = NULL;
	HASH_ITER(hh, enact->tellers, teller, next) {
		HASH_DEL(enact->tellers, teller);
		free(teller);
	}
}
