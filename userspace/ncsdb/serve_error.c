/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where etcd has an error, its code and text: clients compare the text. */
#include <errno.h>

#include "ncsdb/serve_int.h"

#define ERROR(name, status, text) const struct serve_error name = {GRPC_##status, text}
#define STR_(x) #x
#define STR(x) STR_(x)
#define SERVE_LEASES_MAX 49152 /* a text has no arithmetic */

_Static_assert(SERVE_LEASES_MAX == NCSDB_CLIENTS_MAX(NCSDB_LEASES_MAX) &&
		       NCSDB_REQUEST_STEPS_MAX == 8388608,
	       "as the texts say");

ERROR(serve_no_key, INVALID_ARGUMENT, "etcdserver: key is not provided");
ERROR(serve_key_not_found, INVALID_ARGUMENT, "etcdserver: key not found");
ERROR(serve_value_given, INVALID_ARGUMENT, "etcdserver: value is provided");
ERROR(serve_lease_given, INVALID_ARGUMENT, "etcdserver: lease is provided");
ERROR(serve_too_many_ops, INVALID_ARGUMENT, "etcdserver: too many operations in txn request");
ERROR(serve_duplicate_key, INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request");
ERROR(serve_compacted, OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
ERROR(serve_future, OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision");
ERROR(serve_no_space, RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded");
ERROR(serve_lease_not_found, NOT_FOUND, "etcdserver: requested lease not found");
ERROR(serve_lease_exists, FAILED_PRECONDITION, "etcdserver: lease already exists");
ERROR(serve_ttl_large, OUT_OF_RANGE, "etcdserver: too large lease TTL");
ERROR(serve_request_large, INVALID_ARGUMENT, "etcdserver: request is too large");
ERROR(serve_too_many, RESOURCE_EXHAUSTED, "etcdserver: too many requests");
ERROR(serve_closing, UNAVAILABLE, "etcdserver: server stopped");

ERROR(serve_bad_key, INVALID_ARGUMENT,
      "ncsdb: key must be UTF-8 text without control characters of at most 511 bytes");
ERROR(serve_nested, UNIMPLEMENTED, "ncsdb: Txn within Txn is not supported");
ERROR(serve_bad_lease, INVALID_ARGUMENT, "ncsdb: lease ID must be 0 (chosen) or positive");
ERROR(serve_many_leases, RESOURCE_EXHAUSTED,
      "ncsdb: there are " STR(SERVE_LEASES_MAX) " leases, clients get no more");
ERROR(serve_many_steps, RESOURCE_EXHAUSTED,
      "ncsdb: the request looks at more than 8388608 versions of keys, ask for less");
ERROR(serve_unknown, UNAVAILABLE,
      "ncsdb: done or not, it cannot be answered: out of memory or too much waits");
ERROR(serve_answer_large, RESOURCE_EXHAUSTED,
      "ncsdb: the answer would be larger than 8 MiB, ask with a limit");
ERROR(serve_malformed, INTERNAL, "ncsdb: the message is no request of this method");
ERROR(serve_second_message, INTERNAL, "ncsdb: a second message in a call that takes one");
ERROR(serve_no_memory, RESOURCE_EXHAUSTED, "ncsdb: out of memory");
ERROR(serve_disk, INTERNAL,
      "ncsdb: the database cannot be written, it is read-only until it is started again");

const struct serve_error *serve_error(int rc)
{
	switch (rc) {
	case 0:
		return NULL;
	case -ENOENT:
		return &serve_lease_not_found;
	case -EEXIST:
		return &serve_lease_exists;
	case -ENOSPC:
		return &serve_no_space;
	case -EAGAIN:
		return &serve_too_many;
	case -ENOMEM:
		return &serve_no_memory;
	case -ECANCELED:
		return &serve_closing;
	default:
		return &serve_disk;
	}
}
