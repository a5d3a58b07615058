/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a back-end owes an answer to: kind, callback, and the answer as far as it is known. */
#ifndef NCSDB_REQUEST_H
#define NCSDB_REQUEST_H

#include "ncsdb/ncsdb.h"

enum request_kind { REQUEST_RANGE, REQUEST_TXN, REQUEST_LEASE, REQUEST_SYNC };

struct request {
	struct request *next;
	enum request_kind kind;
	void *arg;
	uint64_t since_us; /* of a write: when it came; else 0 */
	union {
		struct {
			ncsdb_range_cb cb;
			struct ncsdb_range req; /* texts behind the struct */
		} range;
		struct {
			ncsdb_txn_cb cb;
			struct ncsdb_txn_result res;
		} txn;
		struct {
			ncsdb_lease_cb cb;
			int status;
			int64_t id;
			unsigned int ttl_s;
		} lease;
		struct {
			void (*cb)(void *arg, int status);
			int status;
		} sync;
	};
	char text[];
};

struct request_queue {
	struct request *first, *last;
};

/* NULL without memory. */
struct request *request_range(const struct ncsdb_range *req, ncsdb_range_cb cb, void *arg);
struct request *request_txn(ncsdb_txn_cb cb, void *arg);
struct request *request_lease(ncsdb_lease_cb cb, void *arg);
struct request *request_sync(void (*cb)(void *arg, int status), void *arg);
void request_push(struct request_queue *q, struct request *r);
struct request *request_pop(struct request_queue *q);
/* Takes all of q; q is empty afterwards. */
struct request_queue request_take(struct request_queue *q);
/* Overrides the outcome of a write. */
void request_fail(struct request *r, int status);

#endif
