/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a request whatever the store holds; in etcd's order. */
#include <string.h>

#include "ncsdb/serve_int.h"
#include "util/utf8.h"

#define HASH_SLOTS 512 /* power of two, well above NCSDB_TXN_MAX */

_Static_assert(HASH_SLOTS >= 4 * NCSDB_TXN_MAX && NCSDB_TXN_MAX < 255, "key set layout");

typedef Etcdserverpb__RequestOp request_op;

static bool key_ok(const ProtobufCBinaryData *key)
{
	const char *text = (const char *)key->data;

	return key->len < NCSDB_KEY_MAX && strlen(text) == key->len && utf8_text(text);
}

const struct serve_error *serve_put_check(const Etcdserverpb__PutRequest *req)
{
	if (!req->key.len)
		return &serve_no_key;
	if (req->ignore_value && req->value.len)
		return &serve_value_given;
	if (req->ignore_lease && req->lease)
		return &serve_lease_given;
	if (req->value.len > NCSDB_VALUE_MAX)
		return &serve_request_large;
	return key_ok(&req->key) ? NULL : &serve_bad_key;
}

const struct serve_error *serve_delete_check(const Etcdserverpb__DeleteRangeRequest *req)
{
	return req->key.len ? NULL : &serve_no_key;
}

static const struct serve_error *op_check(const request_op *op)
{
	switch (op->request_case) {
	case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_RANGE:
		return serve_range_check(op->request_range);
	case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT:
		return serve_put_check(op->request_put);
	case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE:
		return serve_delete_check(op->request_delete_range);
	case ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_TXN:
		return &serve_nested;
	default:
		return &serve_key_not_found;
	}
}

/* ---- no key twice ---- */

static unsigned int key_hash(const ProtobufCBinaryData *key)
{
	unsigned int hash = 0x811c9dc5; /* FNV-1a */

	for (size_t i = 0; i < key->len; i++)
		hash = (hash ^ key->data[i]) * 0x01000193;
	return hash ^ hash >> 16;
}

static bool same(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool puts_differ(request_op *const *ops, size_t n)
{
	unsigned char set[HASH_SLOTS] = {0}; /* index + 1 */

	for (size_t i = 0; i < n; i++) {
		const ProtobufCBinaryData *key;
		unsigned int at;

		if (ops[i]->request_case != ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT)
			continue;
		key = &ops[i]->request_put->key;
		for (at = key_hash(key) % HASH_SLOTS; set[at]; at = (at + 1) % HASH_SLOTS) {
			if (same(&ops[set[at] - 1]->request_put->key, key))
				return false;
		}
		set[at] = (unsigned char)(i + 1);
	}
	return true;
}

static int compare_bytes(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	size_t common = a->len < b->len ? a->len : b->len;
	int diff = memcmp(a->data, b->data, common);

	return diff ? diff : (a->len > b->len) - (a->len < b->len);
}

static bool deletes(const Etcdserverpb__DeleteRangeRequest *del, const ProtobufCBinaryData *key)
{
	if (!del->range_end.len)
		return same(&del->key, key);
	if (compare_bytes(key, &del->key) < 0)
		return false;
	return (del->range_end.len == 1 && del->range_end.data[0] == 0) ||
	       compare_bytes(key, &del->range_end) < 0;
}

static bool deletes_a_put(const Etcdserverpb__DeleteRangeRequest *del, request_op *const *ops,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ops[i]->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT &&
		    deletes(del, &ops[i]->request_put->key))
			return true;
	}
	return false;
}

static const struct serve_error *ops_check(request_op *const *ops, size_t n)
{
	const struct serve_error *error;

	for (size_t i = 0; i < n; i++) {
		error = op_check(ops[i]);
		if (error)
			return error;
	}
	return NULL;
}

static const struct serve_error *overlap_check(request_op *const *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ops[i]->request_case ==
			    ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE &&
		    deletes_a_put(ops[i]->request_delete_range, ops, n))
			return &serve_duplicate_key;
	}
	return puts_differ(ops, n) ? NULL : &serve_duplicate_key;
}

const struct serve_error *serve_txn_check(const Etcdserverpb__TxnRequest *req)
{
	const struct serve_error *error;

	if (req->n_compare > NCSDB_TXN_MAX || req->n_success > NCSDB_TXN_MAX ||
	    req->n_failure > NCSDB_TXN_MAX)
		return &serve_too_many_ops;
	for (size_t i = 0; i < req->n_compare; i++) {
		if (!req->compare[i]->key.len)
			return &serve_no_key;
	}
	error = ops_check(req->success, req->n_success);
	if (!error)
		error = ops_check(req->failure, req->n_failure);
	if (!error)
		error = overlap_check(req->success, req->n_success);
	return error ? error : overlap_check(req->failure, req->n_failure);
}
