/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "ncsdb/serve_int.h"
#include "util/clock.h"

typedef Etcdserverpb__RequestOp request_op;
typedef Etcdserverpb__ResponseOp response_op;

/* One request that writes. */
struct writer {
	struct serve_reader reader; /* of the store as the writer leaves it */
	uint64_t now_us;
	bool inside;		/* a Txn: answers carry the revision only */
	response_op *plain_put; /* one answer for all puts that ask for nothing */
};

static const struct serve_error *begin(struct writer *w, struct serve_call *call, bool inside)
{
	const struct serve_error *error = serve_admit(call->server);

	*w = (struct writer){.now_us = clock_us(), .inside = inside};
	serve_reader_init(&w->reader, call->server, false);
	return error ? error : serve_error(local_admit_write(call->server->l, call->request_len));
}

static const struct serve_error *commit(struct serve_call *call)
{
	struct local *l = call->server->l;
	int rc = store_commit_within(&l->store, NCSDB_CLIENTS_MAX(l->store.max_keys),
				     NCSDB_CLIENTS_MAX(l->store.max_bytes));

	call->writes = true;
	local_kick(l);
	return serve_error(rc);
}

static struct store *store_of(const struct writer *w)
{
	return &w->reader.server->l->store;
}

/* Of one operation. */
static Etcdserverpb__ResponseHeader *op_header(struct writer *w)
{
	int64_t revision = w->reader.newest + (store_of(w)->n_changes > 0);
	Etcdserverpb__ResponseHeader *h = serve_header(w->reader.server, revision);

	if (h && w->inside)
		h->cluster_id = h->member_id = h->raft_term = 0;
	return h;
}

/* ---- one operation each ---- */

static const struct serve_error *make_put(struct writer *w, const Etcdserverpb__PutRequest *req)
{
	const struct rec *old = NULL;
	struct store_put put = {
		.key = (const char *)req->key.data,
		.key_len = req->key.len,
		.value = req->value.data,
		.value_len = req->value.len,
		.lease = req->lease,
		.now_us = w->now_us,
	};

	if (req->lease && !lease_get(&store_of(w)->leases, req->lease))
		return &serve_lease_not_found;
	if (req->ignore_value || req->ignore_lease) {
		old = radix_get(&store_of(w)->tree, put.key);
		if (!old)
			return &serve_key_not_found;
	}
	if (req->ignore_value) {
		put.value = rec_value(old);
		put.value_len = old->value_len;
	}
	if (req->ignore_lease)
		put.lease = old->lease;
	return serve_error(store_put(store_of(w), &put));
}

static const struct serve_error *do_put(struct writer *w, const Etcdserverpb__PutRequest *req,
					Etcdserverpb__PutResponse **out)
{
	const struct serve_error *error = make_put(w, req);
	const struct rec *prev;

	if (error)
		return error;
	*out = serve_alloc(w->reader.server, sizeof(**out));
	if (!*out)
		return &serve_no_memory;
	etcdserverpb__put_response__init(*out);
	(*out)->header = op_header(w);
	if (!(*out)->header)
		return &serve_no_memory;
	prev = req->prev_kv ? store_replaced(store_of(w)) : NULL;
	return prev ? serve_read_error(serve_kv(&w->reader, prev, false, &(*out)->prev_kv)) : NULL;
}

static int delete_all(struct writer *w, const struct span *span, bool prev_kv, size_t *n)
{
	const struct rec *rec = NULL;
	size_t bytes = 0;
	int rc = 0;

	while (!rc && (rec = serve_next(&w->reader, span, 0, rec))) {
		bytes += prev_kv ? serve_kv_bytes(rec, false) : 0;
		rc = bytes > w->reader.room ? -EMSGSIZE : store_delete(store_of(w), rec);
		*n += !rc;
	}
	return rc;
}

/* The newest n changes are deletions: what they replaced. */
static int answer_prevs(struct writer *w, size_t n, Etcdserverpb__DeleteRangeResponse *out)
{
	const struct store *s = store_of(w);
	int rc = 0;

	out->prev_kvs = serve_alloc(w->reader.server, n * sizeof(*out->prev_kvs));
	if (!out->prev_kvs)
		return -ENOMEM;
	for (size_t i = 0; !rc && i < n; i++)
		rc = serve_kv(&w->reader, s->changes[s->n_changes - n + i]->prev, false,
			      &out->prev_kvs[i]);
	out->n_prev_kvs = n;
	return rc;
}

static const struct serve_error *do_delete(struct writer *w,
					   const Etcdserverpb__DeleteRangeRequest *req,
					   Etcdserverpb__DeleteRangeResponse **out)
{
	struct span span = serve_span(&req->key, &req->range_end);
	size_t n = 0;
	int rc = delete_all(w, &span, req->prev_kv, &n);

	if (!w->reader.steps)
		return &serve_many_steps;
	if (rc)
		return serve_read_error(rc);
	*out = serve_alloc(w->reader.server, sizeof(**out));
	if (!*out)
		return &serve_no_memory;
	etcdserverpb__delete_range_response__init(*out);
	(*out)->header = op_header(w);
	(*out)->deleted = (int64_t)n;
	if (!(*out)->header)
		return &serve_no_memory;
	return req->prev_kv ? serve_read_error(answer_prevs(w, n, *out)) : NULL;
}

static const struct serve_error *do_range(struct writer *w, const Etcdserverpb__RangeRequest *req,
					  Etcdserverpb__RangeResponse **out)
{
	const struct serve_error *error = serve_range(&w->reader, req, out);

	if (error)
		return error;
	(*out)->header = op_header(w);
	return (*out)->header ? NULL : &serve_no_memory;
}

/* ---- single requests ---- */

const struct serve_error *serve_run_put(struct serve_call *call, const void *request,
					ProtobufCMessage **answer)
{
	const struct serve_error *error = serve_put_check(request);
	Etcdserverpb__PutResponse *out = NULL;
	struct writer w;

	if (!error)
		error = begin(&w, call, false);
	if (error)
		return error;
	error = do_put(&w, request, &out);
	if (error) {
		store_abort(store_of(&w));
		return error;
	}
	error = commit(call);
	out->header->revision = store_of(&w)->revision;
	*answer = &out->base;
	return error;
}

const struct serve_error *serve_run_delete(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer)
{
	const struct serve_error *error = serve_delete_check(request);
	Etcdserverpb__DeleteRangeResponse *out = NULL;
	struct writer w;

	if (!error)
		error = begin(&w, call, false);
	if (error)
		return error;
	error = do_delete(&w, request, &out);
	if (error) {
		store_abort(store_of(&w));
		return error;
	}
	error = commit(call);
	out->header->revision = store_of(&w)->revision;
	*answer = &out->base;
	return error;
}

/* ---- transactions ---- */

static bool only_reads(request_op *const *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ops[i]->request_case != ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE)
			return false;
	}
	return true;
}

static const struct serve_error *do_plain_put(struct writer *w, const request_op *op,
					      response_op **out)
{
	const struct serve_error *error;

	if (w->plain_put) {
		*out = w->plain_put;
		return make_put(w, op->request_put);
	}
	error = do_put(w, op->request_put, &(*out)->response_put);
	w->plain_put = *out;
	return error;
}

static const struct serve_error *do_op(struct writer *w, const request_op *op, response_op **out)
{
	bool plain = op->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT &&
		     !op->request_put->prev_kv;

	if (plain && w->plain_put)
		return do_plain_put(w, op, out);
	*out = serve_alloc(w->reader.server, sizeof(**out));
	if (!*out)
		return &serve_no_memory;
	etcdserverpb__response_op__init(*out);
	/* The cases of requests and responses have the same numbers. */
	(*out)->response_case = (Etcdserverpb__ResponseOp__ResponseCase)op->request_case;
	switch (op->request_case) {
	case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE:
		return do_range(w, op->request_range, &(*out)->response_range);
	case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE:
		return do_delete(w, op->request_delete_range, &(*out)->response_delete_range);
	default:
		return plain ? do_plain_put(w, op, out)
			     : do_put(w, op->request_put, &(*out)->response_put);
	}
}

/* ---- what the store says against a branch, in etcd's order: all puts, then all ranges ---- */

static const struct serve_error *put_possible(const struct store *s,
					      const Etcdserverpb__PutRequest *req)
{
	if ((req->ignore_value || req->ignore_lease) &&
	    !radix_get(&s->tree, (const char *)req->key.data))
		return &serve_key_not_found;
	if (req->lease && !lease_get(&s->leases, req->lease))
		return &serve_lease_not_found;
	return NULL;
}

static const struct serve_error *range_possible(const struct writer *w,
						const Etcdserverpb__RangeRequest *req)
{
	if (req->revision > w->reader.newest)
		return &serve_future;
	if (req->revision && req->revision < store_of(w)->compacted)
		return &serve_compacted;
	return NULL;
}

static const struct serve_error *possible(const struct writer *w, request_op *const *ops, size_t n)
{
	const struct serve_error *error = NULL;

	for (size_t i = 0; !error && i < n; i++) {
		if (ops[i]->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT)
			error = put_possible(store_of(w), ops[i]->request_put);
	}
	for (size_t i = 0; !error && i < n; i++) {
		if (ops[i]->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE)
			error = range_possible(w, ops[i]->request_range);
	}
	return error;
}

static const struct serve_error *do_ops(struct writer *w, request_op *const *ops, size_t n,
					Etcdserverpb__TxnResponse *out)
{
	const struct serve_error *error = possible(w, ops, n);

	if (error)
		return error;
	out->responses = serve_alloc(w->reader.server, n * sizeof(*out->responses));
	if (!out->responses)
		return &serve_no_memory;
	for (size_t i = 0; !error && i < n; i++)
		error = do_op(w, ops[i], &out->responses[i]);
	out->n_responses = n;
	return error;
}

static const struct serve_error *do_branch(struct writer *w, const Etcdserverpb__TxnRequest *req,
					   Etcdserverpb__TxnResponse *out)
{
	out->succeeded = serve_compares_hold(&w->reader, req);
	if (!w->reader.steps)
		return &serve_many_steps;
	return out->succeeded ? do_ops(w, req->success, req->n_success, out)
			      : do_ops(w, req->failure, req->n_failure, out);
}

/* A Txn that can only read sees what is durable, as Range does. */
static const struct serve_error *txn_begin(struct writer *w, struct serve_call *call,
					   const Etcdserverpb__TxnRequest *req, bool *writes)
{
	*writes = !only_reads(req->success, req->n_success) ||
		  !only_reads(req->failure, req->n_failure);
	if (*writes)
		return begin(w, call, true);
	*w = (struct writer){.inside = true};
	serve_reader_init(&w->reader, call->server, true);
	return NULL;
}

static Etcdserverpb__TxnResponse *txn_answer(struct serve_call *call)
{
	Etcdserverpb__TxnResponse *out = serve_alloc(call->server, sizeof(*out));

	if (!out)
		return NULL;
	etcdserverpb__txn_response__init(out);
	out->header = serve_header(call->server, 0);
	return out->header ? out : NULL;
}

const struct serve_error *serve_run_txn(struct serve_call *call, const void *request,
					ProtobufCMessage **answer)
{
	const Etcdserverpb__TxnRequest *req = request;
	const struct serve_error *error = serve_txn_check(req);
	Etcdserverpb__TxnResponse *out;
	struct writer w;
	bool writes;

	if (!error)
		error = txn_begin(&w, call, req, &writes);
	if (error)
		return error;
	out = txn_answer(call);
	if (!out)
		return &serve_no_memory;
	error = do_branch(&w, req, out);
	if (error) {
		store_abort(store_of(&w));
		return error;
	}
	if (writes)
		error = commit(call);
	out->header->revision = writes ? store_of(&w)->revision : w.reader.newest;
	*answer = &out->base;
	return error;
}

/* ---- compaction ---- */

const struct serve_error *serve_run_compact(struct serve_call *call, const void *request,
					    ProtobufCMessage **answer)
{
	const Etcdserverpb__CompactionRequest *req = request;
	Etcdserverpb__CompactionResponse *out = serve_alloc(call->server, sizeof(*out));
	struct local *l = call->server->l;

	if (!out)
		return &serve_no_memory;
	if (req->revision <= l->store.compacted)
		return &serve_compacted;
	if (req->revision > local_durable(l))
		return &serve_future;
	if (ncsdb_compact(call->server->db, req->revision))
		return &serve_closing;
	etcdserverpb__compaction_response__init(out);
	out->header = serve_header(call->server, local_durable(l));
	*answer = &out->base;
	return out->header ? NULL : &serve_no_memory;
}
