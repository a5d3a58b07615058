/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications that are kept, how far listeners are, and the testbeds' clock. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/own.h"

#define WAITING_MAX 4096   /* events that are not written yet */
#define TRIES_MAX 100	   /* numbers that another leader has taken */
#define DELETED_AT_ONCE 50 /* old ones, with a new one */

struct event_wait {
	struct event_wait *prev, *next;
	struct intent *intent;
	char tenant[NAME_LEN];
	json_t *obj;
	unsigned int tries;
	struct ncsdb_write_done done;
};

/* ---- reading ---- */

static const struct record *event_next(const struct intent *in, const char *tenant,
				       const struct record *rec)
{
	char prefix[NCSDB_KEY_MAX];

	snprintf(prefix, sizeof(prefix), "events/%s/", tenant);
	return intent_record_next(in, prefix, rec);
}

static uint64_t sequence_of(const struct record *rec)
{
	return strtoull(intent_record_name(rec), NULL, 10);
}

static bool is_event(const struct record *rec)
{
	struct err err;
	uint64_t sequence;

	return stored_event_parse(rec->text, rec->len, &sequence, &err) == 0 &&
	       sequence == sequence_of(rec);
}

static const struct record *event_after(const struct intent *in, const char *tenant, uint64_t after)
{
	struct {
		struct record rec;
		char key[NCSDB_KEY_MAX];
	} from;
	char *key = from.rec.key;

	snprintf(key, NCSDB_KEY_MAX, "events/%s/%020" PRIu64, tenant, after);
	return event_next(in, tenant, &from.rec);
}

void intent_events(const struct intent *in, const char *tenant, uint64_t after,
		   bool (*each)(void *arg, uint64_t sequence, const char *text), void *arg)
{
	const struct record *rec = event_after(in, tenant, after);

	for (; rec; rec = event_next(in, tenant, rec))
		if (is_event(rec) && !each(arg, sequence_of(rec), rec->text))
			return;
}

void intent_events_told(struct intent *in, const struct record *rec)
{
	char tenant[2][NAME_LEN];
	struct intent_listen *listen, *next;
	struct err err = {0};
	uint64_t sequence;
	int r = stored_event_parse(rec->text, rec->len, &sequence, &err);

	if (ncsdb_key_split(rec->key, "events/", tenant, 2) != 2)
		return;
	if (!r && sequence != sequence_of(rec))
		r = err_set(&err, -EINVAL, "/sequence", NULL, "must be that of its key");
	if (r) {
		intent_refuse(in, rec, &err);
		return;
	}
	DL_FOREACH_SAFE(in->listens, listen, next)
	listen->event(listen->arg, tenant[0], sequence, rec->text);
}

void intent_listen(struct intent *in, struct intent_listen *listen)
{
	DL_APPEND(in->listens, listen);
}

void intent_unlisten(struct intent *in, struct intent_listen *listen)
{
	DL_DELETE(in->listens, listen);
}

/* ---- the newest one of a tenant: known from when it was first asked for ---- */

struct newest {
	uint64_t sequence;
	bool known;
	char tenant[NAME_LEN];
};

/* Anybody may have written any key. */
static uint64_t newest_find(const struct intent *in, const char *tenant)
{
	const struct record *rec = NULL;
	uint64_t found = 0;

	while ((rec = event_next(in, tenant, rec)))
		if (sequence_of(rec) > found && sequence_of(rec) < INT64_MAX && is_event(rec))
			found = sequence_of(rec);
	return found;
}

static struct newest *newest_new(struct intent *in, const char *tenant)
{
	struct newest *newest = calloc(1, sizeof(*newest));

	if (!newest || radix_reserve(&in->newest, tenant)) {
		free(newest);
		return NULL;
	}
	snprintf(newest->tenant, sizeof(newest->tenant), "%s", tenant);
	radix_set(&in->newest, newest->tenant, newest);
	return newest;
}

static uint64_t newest_sequence(struct intent *in, const char *tenant)
{
	struct newest *newest = radix_get(&in->newest, tenant);

	if (!newest)
		newest = newest_new(in, tenant);
	if (!newest)
		return newest_find(in, tenant);
	if (!newest->known)
		newest->sequence = newest_find(in, tenant);
	newest->known = true;
	return newest->sequence;
}

static void newest_fini(struct intent *in)
{
	struct newest *newest;

	while ((newest = radix_seek(&in->newest, "", false))) {
		radix_remove(&in->newest, newest->tenant);
		free(newest);
	}
	radix_fini(&in->newest);
}

void intent_events_changed(struct intent *in, const char *key, const struct record *rec)
{
	char parts[2][NAME_LEN];
	struct newest *newest;
	uint64_t sequence;

	if (ncsdb_key_split(key, "events/", parts, 2) != 2)
		return;
	newest = radix_get(&in->newest, parts[0]);
	sequence = strtoull(parts[1], NULL, 10);
	if (!newest || !newest->known || sequence < newest->sequence || sequence >= INT64_MAX)
		return;
	if (rec && is_event(rec))
		newest->sequence = sequence;
	else if (sequence == newest->sequence)
		newest->known = false;
}

/* ---- writing ---- */

static void wait_end(struct event_wait *wait, int status, int64_t revision)
{
	struct ncsdb_write_done done = wait->done;

	json_decref(wait->obj);
	free(wait);
	if (done.done)
		done.done(done.arg, status, revision, status == 0);
}

void intent_events_fini(struct intent *in)
{
	newest_fini(in);
	while (in->events) {
		struct event_wait *wait = in->events;

		DL_DELETE(in->events, wait);
		if (wait == in->events && in->event_busy)
			continue;
		wait_end(wait, -ECANCELED, 0);
	}
}

/* The number may be taken: by a leader that has lost its lease since. */
static void on_event(void *arg, int status, int64_t revision, bool created)
{
	struct event_wait *wait = arg;
	struct intent *in = wait->intent;

	in->event_busy = false;
	if (in->closed) {
		wait_end(wait, status, revision);
	} else if (status == -ESTALE && ++wait->tries <= TRIES_MAX) {
		DL_PREPEND(in->events, wait);
		intent_kick(in);
	} else {
		wait_end(wait, status, revision);
		if (!in->closed)
			intent_step(in);
	}
	intent_unref(in);
}

/* The next one whose key nothing lies at. */
static uint64_t next_sequence(struct intent *in, const char *tenant)
{
	uint64_t next = newest_sequence(in, tenant) + 1;

	while (intent_record(in, "events/%s/%020" PRIu64, tenant, next))
		next++;
	return next;
}

static void old_del(const struct intent *in, const char *tenant, uint64_t sequence,
		    struct ncsdb_write *w)
{
	const struct record *rec = NULL;
	unsigned int n = 0;

	while (n++ < DELETED_AT_ONCE && (rec = event_next(in, tenant, rec)) &&
	       sequence_of(rec) + intent_limits.events <= sequence)
		ncsdb_write_del(w, INTENT_KEYS "%s", rec->key);
}

/* One at a time, so that numbers are in order and without gaps. */
void intent_events_step(struct intent *in)
{
	struct event_wait *wait = in->events;
	OWN_PTR char *text = NULL;
	struct ncsdb_write *w;
	uint64_t sequence;
	int r;

	if (!wait || in->event_busy)
		return;
	DL_DELETE(in->events, wait);
	sequence = next_sequence(in, wait->tenant);
	json_object_set_new(wait->obj, "sequence", json_integer((json_int_t)sequence));
	text = json_text(wait->obj);
	w = ncsdb_write_new(&in->writer);
	ncsdb_write_if(w, 0, INTENT_KEYS "events/%s/%020" PRIu64, wait->tenant, sequence);
	ncsdb_write_put(w, 0, text, INTENT_KEYS "events/%s/%020" PRIu64, wait->tenant, sequence);
	old_del(in, wait->tenant, sequence, w);
	r = ncsdb_write_commit(w, (struct ncsdb_write_done){on_event, wait}, NULL);
	if (r) {
		wait_end(wait, r, 0);
		intent_kick(in);
		return;
	}
	in->event_busy = true;
	in->refs++;
}

static json_t *event_json(const struct intent_event *event)
{
	char time[CLOCK_RFC3339];
	json_t *values = event->values ? json_incref(event->values) : json_null();

	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "notification", event->notification,
			 "listener", event->listener, "time",
			 event->time ? event->time : clock_rfc3339(clock_real_s(), time), "reason",
			 event->reason ? event->reason : "", "values", values);
}

static unsigned int waiting(const struct intent *in)
{
	const struct event_wait *wait;
	unsigned int n = 0;

	DL_COUNT(in->events, wait, n);
	return n;
}

int intent_event_put(struct intent *in, const char *tenant, const struct intent_event *event,
		     struct ncsdb_write_done done, struct err *err)
{
	struct event_wait *wait;
	int r = intent_check_tenant(in, tenant, err);

	if (r)
		return r;
	if (waiting(in) >= WAITING_MAX)
		return err_set(err, -EAGAIN, "", NULL, "%d notifications wait already",
			       WAITING_MAX);
	wait = calloc(1, sizeof(*wait));
	if (wait)
		wait->obj = event_json(event);
	if (!wait || !wait->obj) {
		free(wait);
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	}
	wait->intent = in;
	strcpy(wait->tenant, tenant);
	wait->done = done;
	DL_APPEND(in->events, wait);
	intent_kick(in);
	return 0;
}

/* ---- listeners that have them ---- */

uint64_t intent_delivered(const struct intent *in, const char *tenant, const char *listener)
{
	const struct record *rec = intent_record(in, "delivered/%s/%s", tenant, listener);
	uint64_t sequence = 0;

	if (rec)
		stored_sequence_parse(rec->text, rec->len, &sequence, NULL);
	return sequence;
}

int intent_delivered_put(struct intent *in, const char *tenant, const char *listener,
			 uint64_t sequence, struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w;
	char text[64];
	int r = intent_check_tenant(in, tenant, err);

	if (r)
		return r;
	if (!name_valid(listener))
		return err_set(err, -EINVAL, "/listener", listener,
			       "must be a name: [A-Za-z0-9._-]{1,63}");
	snprintf(text, sizeof(text), "{\"sequence\":%" PRIu64 "}", sequence);
	w = ncsdb_write_new(&in->writer);
	ncsdb_write_put(w, 0, text, INTENT_KEYS "delivered/%s/%s", tenant, listener);
	return ncsdb_write_commit(w, done, err);
}

/* ---- clock ---- */

int64_t intent_clock(const struct intent *in)
{
	const struct record *rec = in->conf.testbed ? intent_record(in, "clock") : NULL;
	int64_t offset = 0;

	if (rec)
		stored_clock_parse(rec->text, rec->len, &offset, NULL);
	return offset;
}

int intent_clock_put(struct intent *in, int64_t offset_s, struct ncsdb_write_done done,
		     struct err *err)
{
	struct ncsdb_write *w;
	int64_t read;
	char text[64];

	if (!in->conf.testbed)
		return err_set(err, -EPERM, "", NULL,
			       "the clock of conditions can be shifted in testbeds only");
	snprintf(text, sizeof(text), "{\"offset_s\":%" PRId64 "}", offset_s);
	if (stored_clock_parse(text, strlen(text), &read, err))
		return err->code;
	w = ncsdb_write_new(&in->writer);
	ncsdb_write_put(w, 0, text, INTENT_KEYS "clock");
	return ncsdb_write_commit(w, done, err);
}

void intent_clock_tell(struct intent *in)
{
	if (!in->told_synced || !in->clock_changed)
		return;
	in->clock_changed = false;
	if (in->on_clock)
		in->on_clock(in->on_clock_arg);
}

void intent_on_clock(struct intent *in, void (*changed)(void *arg), void *arg)
{
	in->on_clock = changed;
	in->on_clock_arg = arg;
}
