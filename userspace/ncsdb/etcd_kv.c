/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/etcd.h"
#include "util/clock.h"

#define RESTARTS_MAX 3
/* An answer with so much in it is told, with more = true. */
#define ANSWER_BYTES (8u << 20)

/* ---- ranges ---- */

static int range_keys(struct etcd_request *r, Etcdserverpb__RangeRequest *msg)
{
	const struct etcd_names *names = &r->e->names;
	const struct ncsdb_range *req = &r->range.req;
	struct etcd_arena *arena = &r->e->scratch;

	if (req->prefix) {
		int rc = etcd_prefix_out(names, arena, req->key, &msg->key, &msg->range_end);

		if (rc)
			return rc;
	} else {
		msg->key = etcd_key_out(names, arena, req->key);
		if (req->end)
			msg->range_end = etcd_end_out(names, arena, req->key, req->end);
		if (!msg->key.data || (req->end && !msg->range_end.data))
			return -ENOMEM;
	}
	if (r->range.next)
		msg->key = (etcd_bytes){r->range.next_len, r->range.next};
	return 0;
}

/* The next page, or the first. */
static int range_pack(struct etcd_request *r)
{
	Etcdserverpb__RangeRequest msg = ETCDSERVERPB__RANGE_REQUEST__INIT;
	const struct ncsdb_range *req = &r->range.req;
	size_t limit = r->range.page;
	int rc = range_keys(r, &msg);

	if (req->limit && req->limit - r->range.n < limit)
		limit = req->limit - r->range.n;
	msg.limit = (int64_t)limit;
	msg.revision = r->range.revision;
	msg.keys_only = req->keys_only;
	if (!rc)
		rc = etcd_request_pack(r, &msg.base);
	etcd_arena_reset(&r->e->scratch);
	return rc;
}

/* The key behind the last of this page; before keys are changed in place. */
static int range_next(struct etcd_request *r, const Etcdserverpb__RangeResponse *page)
{
	const etcd_bytes *last = &page->kvs[page->n_kvs - 1]->key;
	unsigned char *next = realloc(r->range.next, last->len + 1);

	if (!next)
		return -ENOMEM;
	if (last->len)
		memcpy(next, last->data, last->len);
	next[last->len] = '\0';
	r->range.next = next;
	r->range.next_len = last->len + 1;
	return 0;
}

static int range_keep(struct etcd_request *r, const Etcdserverpb__RangeResponse *page)
{
	struct etcd *e = r->e;
	uint64_t now = clock_us();
	struct ncsdb_kv *kvs =
		reallocarray(r->range.kvs, r->range.n + page->n_kvs + 1, sizeof(*kvs));

	if (!kvs)
		return -ENOMEM;
	r->range.kvs = kvs;
	for (size_t i = 0; i < page->n_kvs; i++) {
		struct ncsdb_kv *kv = &kvs[r->range.n];

		*kv = (struct ncsdb_kv){.received_us = now};
		if (!etcd_kv_in(&e->names, &r->unary.arena, page->kvs[i], kv)) {
			e->foreign++;
			continue;
		}
		if (r->range.req.keys_only)
			kv->value = NULL;
		r->range.n++;
	}
	return 0;
}

static void range_tell(struct etcd_request *r, int status, bool more)
{
	struct ncsdb_range_result res = {
		.status = status,
		.revision = r->range.revision,
		.kvs = status ? NULL : r->range.kvs,
		.n = status ? 0 : r->range.n,
		.more = more,
	};

	r->range.cb(r->arg, &res);
	etcd_request_free(r);
}

static void range_again(struct etcd_request *r)
{
	int rc = r->e->closing ? -ECANCELED : range_pack(r);

	if (rc)
		range_tell(r, rc, false);
	else
		etcd_request_again(r);
}

/* Whether something can be done about it: the answer was too large; pages of what was the present
 * when the first was read fell to a compaction. */
static bool range_mend(struct etcd_request *r, int status)
{
	if (status == -ENOSPC && r->range.page > 1) {
		r->range.page /= 2;
		return true;
	}
	if (status != -ERANGE || r->range.req.revision || r->range.restarts == RESTARTS_MAX)
		return false;
	r->range.restarts++;
	r->range.n = 0;
	r->range.revision = 0;
	free(r->range.next);
	r->range.next = NULL;
	etcd_arena_reset(&r->unary.arena);
	return true;
}

/* Enough for one answer to who asks for pages. Two keys at least: the first may be the last of the
 * page before. */
static bool range_full(const struct etcd_request *r)
{
	size_t limit = r->range.req.limit, n = r->range.n;

	return limit && (n >= limit || (n >= 2 && r->unary.arena.bytes >= ANSWER_BYTES));
}

static void range_answer(struct etcd_request *r, int status)
{
	const Etcdserverpb__RangeResponse *page = r->unary.answer;
	bool more;

	if (status && range_mend(r, status)) {
		range_again(r);
		return;
	}
	if (status) {
		range_tell(r, status, false);
		return;
	}
	if (!r->range.revision && page->header)
		r->range.revision = page->header->revision;
	more = page->more && page->n_kvs;
	if (more)
		status = range_next(r, page);
	if (!status)
		status = range_keep(r, page);
	if (!status && more && !range_full(r))
		range_again(r);
	else
		range_tell(r, status, more);
}

int etcd_range(struct ncsdb *db, const struct ncsdb_range *req, ncsdb_range_cb cb, void *arg)
{
	struct etcd *e = (struct etcd *)db;
	size_t key = strlen(req->key) + 1, end = req->end ? strlen(req->end) + 1 : 0;
	struct etcd_request *r;
	int rc = etcd_admit(e, key + end);

	if (rc)
		return rc;
	r = etcd_request_new(e, ETCD_RANGE, key + end);
	if (!r)
		return -ENOMEM;
	r->arg = arg;
	r->range.cb = cb;
	r->range.req = *req;
	r->range.req.key = memcpy(r->text, req->key, key);
	if (end)
		r->range.req.end = memcpy(r->text + key, req->end, end);
	r->range.page = ETCD_PAGE;
	r->range.revision = req->revision;
	rc = range_pack(r);
	if (rc)
		etcd_request_free(r);
	else
		etcd_request_add(r);
	return rc;
}

/* ---- writes ---- */

static void txn_answer(struct etcd_request *r, int status)
{
	struct ncsdb_txn_result res = {.status = status};
	struct etcd *e = r->e;

	if (!status)
		etcd_txn_in(r->unary.answer, &res);
	if (status == 0 || status == -ENOSPC)
		e->read_only = status;
	if (!res.revision)
		res.revision = e->revision;
	if (r->txn.cb)
		r->txn.cb(r->arg, &res);
	etcd_request_free(r);
}

static size_t txn_bytes(const struct ncsdb_txn *txn)
{
	size_t bytes = 0;

	for (size_t i = 0; i < txn->n_then; i++)
		bytes += txn->then[i].value_len;
	for (size_t i = 0; i < txn->n_orelse; i++)
		bytes += txn->orelse[i].value_len;
	return bytes;
}

/* Takes r. */
static int pack_and_add(struct etcd_request *r, const ProtobufCMessage *msg)
{
	int rc = msg ? etcd_request_pack(r, msg) : -ENOMEM;

	etcd_arena_reset(&r->e->scratch);
	if (rc)
		etcd_request_free(r);
	else
		etcd_request_add(r);
	return rc;
}

int etcd_txn(struct ncsdb *db, const struct ncsdb_txn *txn, ncsdb_txn_cb cb, void *arg)
{
	struct etcd *e = (struct etcd *)db;
	Etcdserverpb__TxnRequest *msg;
	struct etcd_request *r;
	int rc = etcd_admit(e, txn_bytes(txn));

	if (rc)
		return rc;
	r = etcd_request_new(e, ETCD_TXN, 0);
	if (!r)
		return -ENOMEM;
	r->arg = arg;
	r->txn.cb = cb;
	msg = etcd_txn_out(&e->names, &e->scratch, txn);
	return pack_and_add(r, msg ? &msg->base : NULL);
}

int etcd_compact(struct ncsdb *db, int64_t revision)
{
	struct etcd *e = (struct etcd *)db;
	Etcdserverpb__CompactionRequest msg = ETCDSERVERPB__COMPACTION_REQUEST__INIT;
	struct etcd_request *r;
	int rc = etcd_admit(e, 0);

	if (rc)
		return rc;
	r = etcd_request_new(e, ETCD_COMPACT, 0);
	if (!r)
		return -ENOMEM;
	msg.revision = revision;
	return pack_and_add(r, &msg.base);
}

/* ---- leases ---- */

static unsigned int ttl_of(int64_t ttl)
{
	return ttl > 0 && ttl < UINT32_MAX ? (unsigned int)ttl : 0;
}

static void lease_answer(struct etcd_request *r, int status)
{
	const Etcdserverpb__LeaseGrantResponse *grant = r->unary.answer;
	int64_t id = r->lease.id;
	unsigned int ttl_s = 0;

	if (!status && r->kind == ETCD_GRANT) {
		status = *grant->error || grant->id <= 0 ? -EIO : 0;
		id = grant->id;
		ttl_s = ttl_of(grant->ttl);
	}
	r->lease.cb(r->arg, status, id, ttl_s);
	etcd_request_free(r);
}

static int lease_new(struct etcd *e, enum etcd_kind kind, struct etcd_request **out)
{
	int rc = etcd_admit(e, 0);

	if (rc)
		return rc;
	*out = etcd_request_new(e, kind, 0);
	return *out ? 0 : -ENOMEM;
}

int etcd_lease_grant(struct ncsdb *db, int64_t id, unsigned int ttl_s, ncsdb_lease_cb cb, void *arg)
{
	struct etcd *e = (struct etcd *)db;
	Etcdserverpb__LeaseGrantRequest msg = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;
	struct etcd_request *r;
	int rc = lease_new(e, ETCD_GRANT, &r);

	if (rc)
		return rc;
	r->arg = arg;
	r->lease.cb = cb;
	r->lease.id = msg.id = id;
	msg.ttl = ttl_s;
	return pack_and_add(r, &msg.base);
}

int etcd_lease_revoke(struct ncsdb *db, int64_t id, ncsdb_lease_cb cb, void *arg)
{
	struct etcd *e = (struct etcd *)db;
	Etcdserverpb__LeaseRevokeRequest msg = ETCDSERVERPB__LEASE_REVOKE_REQUEST__INIT;
	struct etcd_request *r;
	int rc = lease_new(e, ETCD_REVOKE, &r);

	if (rc)
		return rc;
	r->arg = arg;
	r->lease.cb = cb;
	r->lease.id = msg.id = id;
	return pack_and_add(r, &msg.base);
}

/* ---- answers ---- */

void etcd_request_answer(struct etcd_request *r, int status)
{
	switch (r->kind) {
	case ETCD_RANGE:
		range_answer(r, status);
		break;
	case ETCD_TXN:
		txn_answer(r, status);
		break;
	case ETCD_GRANT:
	case ETCD_REVOKE:
		lease_answer(r, status);
		break;
	case ETCD_COMPACT:
		etcd_request_free(r);
		break;
	}
}
