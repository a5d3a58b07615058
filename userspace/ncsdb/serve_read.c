/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/serve_int.h"
#include "util/own.h"

typedef Etcdserverpb__RangeRequest range_request;

void serve_reader_init(struct serve_reader *reader, struct ncsdb_server *server, bool durable)
{
	int64_t at = local_durable(server->l);

	*reader = (struct serve_reader){
		.server = server,
		.at = durable ? at : 0,
		.newest = durable ? at : server->l->store.revision,
		.room = SERVE_ANSWER_MAX - SERVE_ANSWER_REST,
		.steps = NCSDB_REQUEST_STEPS_MAX,
	};
}

const struct rec *serve_next(struct serve_reader *reader, const struct span *span, int64_t at,
			     const struct rec *last)
{
	return store_next(&reader->server->l->store, span, at, last, &reader->steps);
}

/* The arena puts a NUL behind the bytes; one among them ends what can be text. */
struct span serve_span(const ProtobufCBinaryData *key, const ProtobufCBinaryData *end)
{
	struct span span = {.key = key->len ? (const char *)key->data : ""};

	span.key_len = strnlen(span.key, key->len);
	span.after = span.key_len < key->len;
	if (end->len == 0) {
		span.kind = SPAN_KEY;
	} else if (end->len == 1 && end->data[0] == 0) {
		span.kind = SPAN_ALL;
	} else {
		span.kind = SPAN_UNTIL;
		span.end = (const char *)end->data;
		span.end_len = end->len;
	}
	return span;
}

void serve_fill_kv(Mvccpb__KeyValue *kv, const struct rec *rec, bool key_only)
{
	mvccpb__key_value__init(kv);
	kv->key = (ProtobufCBinaryData){rec->key_len, (uint8_t *)rec->key};
	kv->mod_revision = rec->mod_rev;
	if (rec->deleted)
		return;
	kv->create_revision = rec->create_rev;
	kv->version = rec->version;
	kv->lease = rec->lease;
	if (!key_only)
		kv->value = (ProtobufCBinaryData){rec->value_len, (uint8_t *)rec_value(rec)};
}

size_t serve_kv_bytes(const struct rec *rec, bool key_only)
{
	return rec->key_len + (key_only ? 0 : rec->value_len) + 64; /* numbers, at most */
}

int serve_kv(struct serve_reader *reader, const struct rec *rec, bool key_only,
	     Mvccpb__KeyValue **out)
{
	size_t size = serve_kv_bytes(rec, key_only);

	if (size > reader->room)
		return -EMSGSIZE;
	reader->room -= size;
	*out = serve_alloc(reader->server, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	serve_fill_kv(*out, rec, key_only);
	return 0;
}

const struct serve_error *serve_read_error(int rc)
{
	return rc == -EMSGSIZE ? &serve_answer_large : serve_error(rc);
}

const struct serve_error *serve_range_check(const range_request *req)
{
	return req->key.len ? NULL : &serve_no_key;
}

/* ---- what is found ---- */

struct found {
	const struct rec **recs;
	size_t n, cap, bytes; /* bytes: of the answer, if all of it is in */
};

static int found_push(struct found *found, const struct rec *rec)
{
	size_t cap = found->cap ? found->cap * 2 : 16;
	const struct rec **bigger;

	if (found->n == found->cap) {
		bigger = reallocarray(found->recs, cap, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		found->recs = bigger;
		found->cap = cap;
	}
	found->recs[found->n++] = rec;
	return 0;
}

static bool between(int64_t value, int64_t min, int64_t max)
{
	return (!min || value >= min) && (!max || value <= max);
}

static bool wanted(const range_request *req, const struct rec *rec)
{
	return between(rec->mod_rev, req->min_mod_revision, req->max_mod_revision) &&
	       between(rec->create_rev, req->min_create_revision, req->max_create_revision);
}

static bool sorts(const range_request *req)
{
	return req->sort_order != ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__NONE ||
	       req->sort_target != ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__KEY;
}

static int compare_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_value(const struct rec *a, const struct rec *b)
{
	uint32_t common = a->value_len < b->value_len ? a->value_len : b->value_len;
	int diff = memcmp(rec_value(a), rec_value(b), common);

	return diff ? diff : compare_int(a->value_len, b->value_len);
}

static int compare(const struct rec *a, const struct rec *b, int target)
{
	switch (target) {
	case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VERSION:
		return compare_int(a->version, b->version);
	case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__CREATE:
		return compare_int(a->create_rev, b->create_rev);
	case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__MOD:
		return compare_int(a->mod_rev, b->mod_rev);
	case ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VALUE:
		return compare_value(a, b);
	default:
		return strcmp(a->key, b->key);
	}
}

/* Equal ones stay in the order of their keys, in both directions. */
static int by_target(const void *a, const void *b, void *arg)
{
	const struct rec *const *x = a, *const *y = b;
	const range_request *req = arg;
	int diff = compare(*x, *y, (int)req->sort_target);

	if (req->sort_order == ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__DESCEND)
		diff = -diff;
	return diff ? diff : strcmp((*x)->key, (*y)->key);
}

/* ---- the first ones of many, in order: a heap with the last of them on top ---- */

static bool behind(const struct found *found, size_t a, size_t b, const range_request *req)
{
	return by_target(&found->recs[a], &found->recs[b], (void *)req) > 0;
}

static void swap(struct found *found, size_t a, size_t b)
{
	const struct rec *rec = found->recs[a];

	found->recs[a] = found->recs[b];
	found->recs[b] = rec;
}

static void heap_up(struct found *found, const range_request *req)
{
	for (size_t at = found->n - 1; at && behind(found, at, (at - 1) / 2, req);
	     at = (at - 1) / 2)
		swap(found, at, (at - 1) / 2);
}

static void heap_down(struct found *found, const range_request *req)
{
	for (size_t at = 0, child = 1; child < found->n; at = child, child = 2 * at + 1) {
		if (child + 1 < found->n && behind(found, child + 1, child, req))
			child++;
		if (!behind(found, child, at, req))
			return;
		swap(found, at, child);
	}
}

static int found_sorted(struct found *found, const range_request *req, const struct rec *rec)
{
	int rc = 0;

	if (found->n <= (size_t)req->limit) {
		rc = found_push(found, rec);
		if (!rc)
			heap_up(found, req);
	} else if (by_target(&rec, &found->recs[0], (void *)req) < 0) {
		found->recs[0] = rec;
		heap_down(found, req);
	}
	return rc;
}

/* One more than the limit tells that there are more. What is too large an answer is not read to
 * its end. */
static int found_add(struct found *found, const struct serve_reader *reader,
		     const range_request *req, const struct rec *rec)
{
	if (req->limit > 0 && sorts(req))
		return found_sorted(found, req, rec);
	if (req->limit <= 0 || found->n < (size_t)req->limit)
		found->bytes += serve_kv_bytes(rec, req->keys_only);
	return found->bytes > reader->room ? -EMSGSIZE : found_push(found, rec);
}

static int collect(struct serve_reader *reader, const range_request *req, const struct span *span,
		   int64_t at, struct found *found)
{
	size_t enough = SIZE_MAX;
	const struct rec *rec = NULL;
	int rc = 0;

	if (req->limit > 0 && !sorts(req))
		enough = (size_t)req->limit + 1;
	while (!rc && found->n < enough && (rec = serve_next(reader, span, at, rec))) {
		if (wanted(req, rec))
			rc = found_add(found, reader, req, rec);
	}
	if (!rc && found->n && sorts(req))
		qsort_r(found->recs, found->n, sizeof(*found->recs), by_target, (void *)req);
	return rc;
}

static int answer_kvs(struct serve_reader *reader, const range_request *req,
		      const struct found *found, Etcdserverpb__RangeResponse *out)
{
	size_t n = found->n;
	int rc = 0;

	if (req->limit > 0 && n > (size_t)req->limit) {
		n = (size_t)req->limit;
		out->more = true;
	}
	out->kvs = serve_alloc(reader->server, n * sizeof(*out->kvs));
	if (!out->kvs)
		return -ENOMEM;
	for (size_t i = 0; !rc && i < n; i++)
		rc = serve_kv(reader, found->recs[i], req->keys_only, &out->kvs[i]);
	out->n_kvs = n;
	return rc;
}

static const struct serve_error *choose_revision(const struct serve_reader *reader,
						 const range_request *req, int64_t *at)
{
	*at = reader->at;
	if (req->revision <= 0)
		return NULL;
	if (req->revision > reader->newest)
		return &serve_future;
	if (req->revision < reader->server->l->store.compacted)
		return &serve_compacted;
	*at = req->revision;
	return NULL;
}

static const struct serve_error *count(struct serve_reader *reader, const struct span *span,
				       int64_t at, int64_t *n)
{
	const struct store *s = &reader->server->l->store;
	size_t steps = store_count_steps(s, span, at);

	if (span->kind == SPAN_KEY) {
		*n = serve_next(reader, span, at, NULL) != NULL;
		return reader->steps ? NULL : &serve_many_steps;
	}
	if (steps >= reader->steps) {
		reader->steps = 0;
		return &serve_many_steps;
	}
	reader->steps -= steps;
	*n = (int64_t)store_count(s, span, at);
	return NULL;
}

const struct serve_error *serve_range(struct serve_reader *reader, const range_request *req,
				      Etcdserverpb__RangeResponse **out)
{
	struct span span = serve_span(&req->key, &req->range_end);
	OWN_PTR const struct rec **recs = NULL;
	struct found found = {0};
	const struct serve_error *error;
	int64_t at;
	int rc = 0;

	error = choose_revision(reader, req, &at);
	if (error)
		return error;
	*out = serve_alloc(reader->server, sizeof(**out));
	if (!*out)
		return &serve_no_memory;
	etcdserverpb__range_response__init(*out);
	error = count(reader, &span, at, &(*out)->count);
	if (error || req->count_only)
		return error;
	rc = collect(reader, req, &span, at, &found);
	recs = found.recs;
	if (!reader->steps)
		return &serve_many_steps;
	if (!rc)
		rc = answer_kvs(reader, req, &found, *out);
	return serve_read_error(rc);
}

const struct serve_error *serve_run_range(struct serve_call *call, const void *request,
					  ProtobufCMessage **answer)
{
	const struct serve_error *error = serve_range_check(request);
	Etcdserverpb__RangeResponse *out = NULL;
	struct serve_reader reader;

	if (error)
		return error;
	serve_reader_init(&reader, call->server, true);
	error = serve_range(&reader, request, &out);
	if (error)
		return error;
	out->header = serve_header(call->server, reader.newest);
	*answer = &out->base;
	return out->header ? NULL : &serve_no_memory;
}
