/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/store.h"

/* ---- spans ---- */

static bool before_end(const struct span *span, const struct rec *rec)
{
	size_t common = rec->key_len < span->end_len ? rec->key_len : span->end_len;
	int diff = memcmp(rec->key, span->end, common);

	return diff ? diff < 0 : rec->key_len < span->end_len;
}

/* Of a key that is not before the span's first one. */
static bool within(const struct span *span, const struct rec *rec)
{
	switch (span->kind) {
	case SPAN_KEY:
		return !span->after && strcmp(rec->key, span->key) == 0;
	case SPAN_PREFIX:
		return strncmp(rec->key, span->key, span->key_len) == 0;
	case SPAN_UNTIL:
		return before_end(span, rec);
	case SPAN_ALL:
		return true;
	}
	return false;
}

bool span_has(const struct span *span, const struct rec *rec)
{
	int diff;

	if (span->kind == SPAN_KEY || span->kind == SPAN_PREFIX)
		return within(span, rec);
	diff = strcmp(rec->key, span->key);
	return (span->after ? diff > 0 : diff >= 0) && within(span, rec);
}

/* ---- versions ---- */

/* False: no step is left. */
static bool step(size_t *steps)
{
	if (!steps)
		return true;
	*steps -= *steps > 0;
	return *steps > 0;
}

/* rec is the newest version of its key; at 0: now. NULL: there was none. */
static const struct rec *as_of(const struct rec *rec, int64_t at, size_t *steps)
{
	while (at && rec && rec->mod_rev > at)
		rec = step(steps) ? rec->prev : NULL;
	return rec && !rec->deleted ? rec : NULL;
}

static const struct rec *newest(const struct store *s, const char *key, bool past)
{
	const struct rec *rec = radix_get(&s->tree, key);

	return rec || !past ? rec : radix_get(&s->ghosts, key);
}

/* A key is in one of the two trees. */
static const struct rec *seek(const struct store *s, const char *key, bool after, bool past)
{
	const struct rec *rec = radix_seek(&s->tree, key, after), *ghost;

	if (!past || !s->ghosts.count)
		return rec;
	ghost = radix_seek(&s->ghosts, key, after);
	if (!rec || !ghost)
		return rec ? rec : ghost;
	return strcmp(rec->key, ghost->key) < 0 ? rec : ghost;
}

const struct rec *store_next(const struct store *s, const struct span *span, int64_t at,
			     const struct rec *last, size_t *steps)
{
	bool past = at && at < s->revision + (s->n_changes > 0);
	const struct rec *rec, *version;

	if (span->kind == SPAN_KEY)
		return last || span->after || !step(steps)
			       ? NULL
			       : as_of(newest(s, span->key, past), at, steps);
	rec = last ? seek(s, last->key, true, past) : seek(s, span->key, span->after, past);
	for (; rec && within(span, rec) && step(steps); rec = seek(s, rec->key, true, past)) {
		version = as_of(rec, at, steps);
		if (version)
			return version;
	}
	return NULL;
}

/* ---- counting ---- */

/* What came into being with this event, less what went. */
static int delta(const struct rec *rec)
{
	bool was = rec->prev && !rec->prev->deleted;

	return !rec->deleted - was;
}

/* A bound of any bytes: keys are text, so nothing lies between its text before a NUL and itself. */
static size_t count_from_end(const struct store *s, const struct span *span)
{
	size_t len = strnlen(span->end, span->end_len);
	char key[NCSDB_KEY_MAX];
	/* Longer than any key: only what it begins with counts. */
	bool after = len < span->end_len || len >= NCSDB_KEY_MAX;

	if (len >= NCSDB_KEY_MAX)
		len = NCSDB_KEY_MAX - 1;
	memcpy(key, span->end, len);
	key[len] = '\0';
	return radix_count_from(&s->tree, key, after);
}

static size_t count_now(const struct store *s, const struct span *span)
{
	size_t from = radix_count_from(&s->tree, span->key, span->after);
	size_t behind = span->kind == SPAN_UNTIL ? count_from_end(s, span) : 0;

	return from > behind ? from - behind : 0;
}

size_t store_count_steps(const struct store *s, const struct span *span, int64_t at)
{
	size_t n = at && at <= s->revision ? s->n_changes : 0;

	if (span->kind != SPAN_KEY && at && at < s->revision)
		n += s->history.end - history_find(&s->history, at + 1);
	return n;
}

size_t store_count(const struct store *s, const struct span *span, int64_t at)
{
	const struct history *h = &s->history;
	int64_t since = 0;

	if (span->kind == SPAN_KEY)
		return store_next(s, span, at, NULL, NULL) != NULL;
	if (at && at < s->revision) {
		for (uint64_t i = history_find(h, at + 1); i < h->end; i++) {
			if (span_has(span, history_at(h, i)))
				since += delta(history_at(h, i));
		}
	}
	for (size_t i = 0; at && at <= s->revision && i < s->n_changes; i++) {
		if (span_has(span, s->changes[i]))
			since += delta(s->changes[i]);
	}
	return (size_t)((int64_t)count_now(s, span) - since);
}

/* ---- in process ---- */

static struct span span_of(const struct ncsdb_range *req)
{
	struct span span = {.key = req->key, .key_len = strlen(req->key)};

	if (req->prefix) {
		span.kind = SPAN_PREFIX;
	} else if (req->end) {
		span.kind = SPAN_UNTIL;
		span.end = req->end;
		span.end_len = strlen(req->end);
	}
	return span;
}

static int range_push(struct ncsdb_range_result *res, size_t *cap, const struct rec *rec)
{
	struct ncsdb_kv *kvs = (struct ncsdb_kv *)res->kvs;

	if (res->n == *cap) {
		*cap = *cap ? *cap * 2 : 16;
		kvs = reallocarray(kvs, *cap, sizeof(*kvs));
		if (!kvs)
			return -ENOMEM;
		res->kvs = kvs;
	}
	rec_kv(rec, &kvs[res->n++]);
	return 0;
}

void store_range(const struct store *s, const struct ncsdb_range *req,
		 struct ncsdb_range_result *res)
{
	const struct rec *rec = NULL;
	struct span span = span_of(req);
	size_t cap = 0;

	*res = (struct ncsdb_range_result){.revision = s->revision};
	if (req->revision && (req->revision < s->compacted || req->revision > s->revision)) {
		res->status = req->revision > s->revision ? -EINVAL : -ERANGE;
		return;
	}
	while ((rec = store_next(s, &span, req->revision, rec, NULL))) {
		if (req->limit && res->n == req->limit) {
			res->more = true;
			return;
		}
		if (range_push(res, &cap, rec)) {
			free((void *)res->kvs);
			*res = (struct ncsdb_range_result){.status = -ENOMEM};
			return;
		}
		if (req->keys_only) {
			struct ncsdb_kv *kv = (struct ncsdb_kv *)&res->kvs[res->n - 1];

			kv->value = NULL;
			kv->value_len = 0;
		}
	}
}
