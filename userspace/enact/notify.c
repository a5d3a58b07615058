/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: notifications whose condition has become true, operations whose goal went down or came
 * back. Every host follows them, the leader tells them; who becomes the leader looks at what is
 * kept and tells what nobody has told. Events wait in order until the database has taken them.
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/json.h"
#include "util/log.h"
#include "util/own.h"

#define GOAL_DOWN "goal down: "
#define GOAL_UP "goal up"
#define SKEW_S 2 /* of hosts' clocks, when it is asked whether an event was told */

static void note_free(struct enact_note *note)
{
	free(note->listener);
	free(note->reason);
	json_decref(note->values);
	free(note);
}

/* ---- into the database ---- */

static void send_first(struct enact *enact);

static void on_retry(uv_timer_t *timer)
{
	send_first(timer->data);
}

static void note_done(struct enact *enact, struct enact_note *note, int status)
{
	note->flying = false;
	if (status == 0 || status == -EINVAL || !enact->leads) {
		DL_DELETE(enact->notes, note);
		enact->n_notes--;
		note_free(note);
		if (status == -EINVAL)
			log_err("event not kept", "why=\"refused by the database\"");
		send_first(enact);
		return;
	}
	uv_timer_start(&enact->note, on_retry, ENACT_RETRY_MS, 0);
}

static void on_put(void *arg, int status, int64_t revision, bool created)
{
	struct enact_note *note = arg;

	if (!note->enact)
		note_free(note);
	else
		note_done(note->enact, note, status);
}

static void send_first(struct enact *enact)
{
	struct enact_note *note = enact->notes;
	struct intent_event event;
	struct err err = {0};
	int r;

	if (!note || note->flying || enact->closed || !enact->intent)
		return;
	event = (struct intent_event){
		.notification = note->notification,
		.listener = note->listener,
		.time = note->time,
		.values = note->values,
		.reason = note->reason,
	};
	note->flying = true;
	r = intent_event_put(enact->intent, note->tenant, &event,
			     (struct ncsdb_write_done){on_put, note}, &err);
	if (r)
		note_done(enact, note, r);
}

struct telling {
	const char *listener;
	char *reason;	/* taken */
	json_t *values; /* taken */
};

static void tell(struct enact *enact, const struct enact_item *item, struct telling t)
{
	struct enact_note *note = calloc(1, sizeof(*note));

	if (note) {
		note->listener = strdup(t.listener);
		note->reason = t.reason;
		note->values = t.values;
		note->enact = enact;
	}
	if (!note || !note->listener || !note->reason || !note->values ||
	    enact->n_notes == ENACT_NOTES_MAX) {
		log_err("event lost", "tenant=%s object=%s why=\"%s\"", item->tenant->name,
			item->object->name,
			enact->n_notes == ENACT_NOTES_MAX ? "too many wait for the database"
							  : "no memory");
		if (note)
			note_free(note);
		return;
	}
	snprintf(note->tenant, sizeof(note->tenant), "%s", item->tenant->name);
	snprintf(note->notification, sizeof(note->notification), "%s", item->object->name);
	enact_rfc3339(enact_real_s(), note->time);
	enact->stats.notified++;
	enact->n_notes++;
	DL_APPEND(enact->notes, note);
	send_first(enact);
}

/* ---- what is told ---- */

static void fire(struct enact *enact, const struct enact_item *item)
{
	const struct nemo_object *object = item->object;
	struct enact_lookup lookup = enact_lookup(enact, item->tenant->name);
	struct nemo_env env = enact_env(&lookup, enact_now_s(enact));
	struct nemo_text reason = {0};
	json_t *values = object->c.query ? nemo_query(item->tenant->store, object->c.query, &env)
					 : json_null();

	nemo_print_expr(&reason, object->c.condition);
	tell(enact, item, (struct telling){object->c.listener.text, reason.data, values});
}

void enact_notify_truth(struct enact *enact, struct enact_item *item, enum nemo_truth before)
{
	if (enact->leads && item->observed && item->truth == NEMO_TRUE && before != NEMO_TRUE)
		fire(enact, item);
}

static void tell_goal(struct enact *enact, struct enact_item *item)
{
	char *reason = NULL;

	if (item->reach)
		reason = strdup(GOAL_UP);
	else if (asprintf(&reason, GOAL_DOWN "%s", item->reach_why) < 0)
		reason = NULL;
	tell(enact, item, (struct telling){"", reason, json_null()});
	item->told_down = !item->reach;
}

/* Before this host has looked at what is kept it does not know what was told: enact_reconcile(). */
void enact_notify_goal(struct enact *enact, struct enact_item *item)
{
	if (!enact->leads || !item->observed)
		return;
	item->reach = enact_reach(enact, item);
	if (item->told_down == item->reach)
		tell_goal(enact, item);
}

/* ---- a new leader ---- */

struct kept { /* the last event of an object */
	bool goal_down;
	char time[32];
	UT_hash_handle hh;
	char name[NAME_LEN];
};

static struct kept *kept_get(struct kept **all, const char *name)
{
	struct kept *kept;

	HASH_FIND_STR(*all, name, kept);
	if (kept)
		return kept;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	HASH_ADD_STR(*all, name, kept);
	return kept;
}

static bool on_kept(void *arg, uint64_t sequence, const char *text)
{
	json_t *event = NULL;
	const char *name, *time, *reason;
	struct kept *kept;

	if (json_parse(text, strlen(text), &event, NULL))
		return true;
	name = json_string_value(json_object_get(event, "notification"));
	time = json_string_value(json_object_get(event, "time"));
	reason = json_string_value(json_object_get(event, "reason"));
	kept = name && time && reason ? kept_get(arg, name) : NULL;
	if (kept) {
		snprintf(kept->time, sizeof(kept->time), "%s", time);
		kept->goal_down = strncmp(reason, GOAL_DOWN, strlen(GOAL_DOWN)) == 0;
	}
	json_decref(event);
	return true;
}

static void reconcile_item(struct enact *enact, struct enact_item *item, const struct kept *kept)
{
	char since[32];

	if (!item->notification) {
		item->told_down = kept && kept->goal_down;
		item->reach = enact_reach(enact, item);
		item->observed = true;
		if (item->told_down == item->reach)
			tell_goal(enact, item);
	} else if (item->truth == NEMO_TRUE) {
		/* True since before this host looked: whoever led then has told it, if any did. */
		enact_rfc3339(item->since_s - SKEW_S, since);
		if (!kept || (item->observed && strcmp(kept->time, since) < 0))
			fire(enact, item);
	}
}

static void reconcile_tenant(struct enact *enact, const struct nemo_tenant *tenant)
{
	struct kept *all = NULL, *kept, *next;

	intent_events(enact->intent, tenant->name, 0, on_kept, &all);
	for (unsigned int i = 0; i < enact->n_items; i++) {
		struct enact_item *item = &enact->items[i];

		if (item->tenant != tenant)
			continue;
		HASH_FIND_STR(all, item->object->name, kept);
		reconcile_item(enact, item, kept);
	}
	HASH_ITER(hh, all, kept, next) {
		HASH_DEL(all, kept);
		free(kept);
	}
}

void enact_reconcile(struct enact *enact)
{
	if (!enact->started || !enact->leads || !enact->intent)
		return;
	enact_remember(enact, true);
	for (unsigned int i = 0; i < enact->head.n; i++)
		reconcile_tenant(enact, &enact->head.tenants[i]);
	enact_remember(enact, false);
}

/* ---- life ---- */

/* One that is under way is answered later, and then goes. */
void enact_notes_drop(struct enact *enact)
{
	struct enact_note *note, *next;

	uv_timer_stop(&enact->note);
	DL_FOREACH_SAFE(enact->notes, note, next)
	{
		if (note->flying && !enact->closed)
			continue;
		DL_DELETE(enact->notes, note);
		enact->n_notes--;
		if (note->flying)
			note->enact = NULL;
		else
			note_free(note);
	}
}

void enact_notify_open(struct enact *enact)
{
	uv_timer_init(enact->conf.loop, &enact->note);
	enact->note.data = enact;
	enact->handles++;
}
