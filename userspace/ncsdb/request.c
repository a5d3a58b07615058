/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/request.h"

#include <stdlib.h>
#include <string.h>

static struct request *request_new(enum request_kind kind, void *arg, size_t text)
{
	struct request *r = malloc(sizeof(*r) + text);

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->arg = arg;
	return r;
}

struct request *request_range(const struct ncsdb_range *req, ncsdb_range_cb cb, void *arg)
{
	size_t key = strlen(req->key) + 1, end = req->end ? strlen(req->end) + 1 : 0;
	struct request *r = request_new(REQUEST_RANGE, arg, key + end);

	if (!r)
		return NULL;
	r->range.cb = cb;
	r->range.req = *req;
	r->range.req.key = memcpy(r->text, req->key, key);
	if (end)
		r->range.req.end = memcpy(r->text + key, req->end, end);
	return r;
}

struct request *request_txn(ncsdb_txn_cb cb, void *arg)
{
	struct request *r = request_new(REQUEST_TXN, arg, 0);

	if (r)
		r->txn.cb = cb;
	return r;
}

struct request *request_lease(ncsdb_lease_cb cb, void *arg)
{
	struct request *r = request_new(REQUEST_LEASE, arg, 0);

	if (r)
		r->lease.cb = cb;
	return r;
}

struct request *request_sync(void (*cb)(void *arg, int status), void *arg)
{
	struct request *r = request_new(REQUEST_SYNC, arg, 0);

	if (r)
		r->sync.cb = cb;
	return r;
}

void request_push(struct request_queue *q, struct request *r)
{
	r->next = NULL;
	if (q->last)
		q->last->next = r;
	else
		q->first = r;
	q->last = r;
}

struct request *request_pop(struct request_queue *q)
{
	struct request *r = q->first;

	if (!r)
		return NULL;
	q->first = r->next;
	if (!q->first)
		q->last = NULL;
	return r;
}

struct request_queue request_take(struct request_queue *q)
{
	struct request_queue all = *q;

	*q = (struct request_queue){0};
	return all;
}

void request_fail(struct request *r, int status)
{
	if (r->kind == REQUEST_TXN)
		r->txn.res.status = status;
	else if (r->kind == REQUEST_LEASE)
		r->lease.status = status;
	else if (r->kind == REQUEST_SYNC)
		r->sync.status = status;
}
