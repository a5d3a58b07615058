/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror of /san/nemo/: texts as they are stored, read when they are needed. */
#include "intent/intent_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"

static const char *relative(const char *key)
{
	return key + strlen(INTENT_KEYS);
}

static struct record *record_new(const struct ncsdb_kv *kv)
{
	const char *key = relative(kv->key);
	size_t key_len = strlen(key);
	struct record *rec = malloc(sizeof(*rec) + key_len + 1 + kv->value_len + 1);
	char *text;

	if (!rec)
		return NULL;
	text = rec->key + key_len + 1;
	memcpy(rec->key, key, key_len + 1);
	memcpy(text, kv->value, kv->value_len);
	text[kv->value_len] = '\0';
	rec->text = text;
	rec->len = kv->value_len;
	rec->mod_rev = kv->mod_rev;
	rec->create_rev = kv->create_rev;
	rec->lease = kv->lease;
	rec->refused = false;
	return rec;
}

static void refuse(struct intent *in, const char *key, const struct err *err)
{
	char text[512];

	in->stats.bad++;
	if (ncsdb_refused(&in->refusals, key, clock_us()))
		log_warn("stored intent refused", "key=" INTENT_KEYS "%s why=\"%s\"", key,
			 err_text(err, text, sizeof(text)));
}

void intent_refuse(struct intent *in, const struct record *rec, const struct err *err)
{
	struct record *known = radix_get(&in->records, rec->key);

	if (rec->refused)
		return;
	if (known)
		known->refused = true;
	refuse(in, rec->key, err);
}

void intent_refuse_absent(struct intent *in, const struct err *err, const char *key, ...)
{
	char text[NCSDB_KEY_MAX];
	va_list args;

	va_start(args, key);
	vsnprintf(text, sizeof(text), key, args);
	va_end(args);
	refuse(in, text, err);
}

static int record_set(struct intent *in, struct record *rec)
{
	int r = 0;

	if (!radix_get(&in->records, rec->key)) {
		r = in->records.count >= INTENT_RECORDS_MAX ? -ENOSPC : 0;
		if (!r)
			r = radix_reserve(&in->records, rec->key);
	}
	if (!r)
		free(radix_set(&in->records, rec->key, rec));
	return r;
}

static void tell(struct intent *in, const struct record *rec)
{
	if (strncmp(rec->key, "events/", 7) == 0)
		intent_events_told(in, rec);
	else if (strncmp(rec->key, "stats/", 6) == 0)
		intent_stats_told(in, rec);
}

/* Before the owner was told that all is read, listeners have nothing yet that an event or a figure
 * would change; but the clock may have been asked for. */
static void clock_changed(struct intent *in, const char *key)
{
	if (!in->synced || strcmp(key, "clock") != 0)
		return;
	in->clock_changed = true;
	intent_clock_tell(in);
}

static void revision_seen(struct intent *in, const char *key)
{
	in->revisions_seen += strncmp(key, "revisions/", 10) == 0;
}

static void on_put(void *arg, const struct ncsdb_kv *kv)
{
	struct intent *in = arg;
	struct record *rec = record_new(kv);
	struct err err = {0};
	int r = rec ? record_set(in, rec) : -ENOMEM;

	if (r) {
		free(rec);
		err_set(&err, r, "", NULL, "no room: at most %u keys", INTENT_RECORDS_MAX);
		refuse(in, relative(kv->key), &err);
		return;
	}
	revision_seen(in, rec->key);
	intent_events_changed(in, rec->key, rec);
	if (in->told_synced)
		tell(in, rec);
	clock_changed(in, rec->key);
}

static void on_del(void *arg, const char *key, int64_t revision)
{
	struct intent *in = arg;

	free(radix_remove(&in->records, relative(key)));
	revision_seen(in, relative(key));
	intent_events_changed(in, relative(key), NULL);
	clock_changed(in, relative(key));
}

/* What waits for a write is answered behind the step: it finds what it wrote in force. */
static void on_revision(void *arg, int64_t revision)
{
	struct intent *in = arg;

	in->refs++;
	intent_step(in);
	if (!in->closed)
		ncsdb_writer_seen(&in->writer, revision);
	intent_unref(in);
}

static void on_synced(void *arg, int64_t revision)
{
	struct intent *in = arg;

	in->synced = true;
	on_revision(arg, revision);
}

bool intent_synced(const struct intent *in)
{
	return in->synced && in->told_synced;
}

static void on_failed(void *arg, int status)
{
	struct intent *in = arg;

	log_err("intent is not followed for now", "error=\"%s\"", strerror(-status));
	ncsdb_writer_seen(&in->writer, INT64_MAX);
}

int intent_records_follow(struct intent *in)
{
	static const struct ncsdb_follow_ops ops = {on_put, on_del, on_synced, on_revision,
						    on_failed};

	return ncsdb_follow_start(in->conf.db, INTENT_KEYS, &ops, in, &in->follow);
}

void intent_records_fini(struct intent *in)
{
	struct record *rec;

	while ((rec = radix_seek(&in->records, "", false))) {
		radix_remove(&in->records, rec->key);
		free(rec);
	}
	radix_fini(&in->records);
}

const struct record *intent_record(const struct intent *in, const char *key, ...)
{
	char text[NCSDB_KEY_MAX];
	va_list args;

	va_start(args, key);
	vsnprintf(text, sizeof(text), key, args);
	va_end(args);
	return radix_get(&in->records, text);
}

const struct record *intent_record_next(const struct intent *in, const char *prefix,
					const struct record *after)
{
	const struct record *rec =
		radix_seek(&in->records, after ? after->key : prefix, after != NULL);

	return rec && strncmp(rec->key, prefix, strlen(prefix)) == 0 ? rec : NULL;
}

const char *intent_record_name(const struct record *rec)
{
	const char *slash = strrchr(rec->key, '/');

	return slash ? slash + 1 : rec->key;
}
