/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/serve_int.h"
#include "util/clock.h"
#include "util/own.h"

#define US_PER_S 1000000ull

/* The database answers later: the call waits, or learns now what is wrong. */
static const struct serve_error *asked(struct serve_call *call, int rc)
{
	if (rc)
		return serve_error(rc);
	call->waiting++;
	return NULL;
}

/* ---- grant, revoke, keep-alive ---- */

static void on_granted(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	Etcdserverpb__LeaseGrantResponse out = ETCDSERVERPB__LEASE_GRANT_RESPONSE__INIT;
	struct serve_call *call = arg;

	out.id = lease;
	out.ttl = ttl_s;
	if (call->stream && !status)
		out.header = serve_header(call->server, local_durable(call->server->l));
	serve_answer(call, serve_error(status), &out.base);
}

const struct serve_error *serve_run_grant(struct serve_call *call, const void *request,
					  ProtobufCMessage **answer)
{
	const Etcdserverpb__LeaseGrantRequest *req = request;
	const struct local *l = call->server->l;
	unsigned int ttl_s = NCSDB_LEASE_TTL_MIN_S;
	const struct serve_error *error;

	if (req->id < 0)
		return &serve_bad_lease;
	if (req->ttl > NCSDB_LEASE_TTL_MAX_S)
		return &serve_ttl_large;
	if (l->read_only)
		return serve_error(l->why_read_only);
	if (l->store.leases.n >= NCSDB_CLIENTS_MAX(NCSDB_LEASES_MAX) &&
	    !(req->id && lease_get(&l->store.leases, req->id)))
		return &serve_many_leases;
	if (req->ttl > ttl_s)
		ttl_s = (unsigned int)req->ttl;
	error = serve_admit(call->server);
	if (error)
		return error;
	return asked(call, ncsdb_lease_grant(call->server->db, req->id, ttl_s, on_granted, call));
}

static void on_revoked(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	Etcdserverpb__LeaseRevokeResponse out = ETCDSERVERPB__LEASE_REVOKE_RESPONSE__INIT;
	struct serve_call *call = arg;

	if (call->stream && !status)
		out.header = serve_header(call->server, local_durable(call->server->l));
	serve_answer(call, serve_error(status), &out.base);
}

const struct serve_error *serve_run_revoke(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer)
{
	const Etcdserverpb__LeaseRevokeRequest *req = request;
	const struct local *l = call->server->l;
	const struct serve_error *error;

	if (req->id <= 0)
		return &serve_lease_not_found;
	if (l->read_only)
		return serve_error(l->why_read_only);
	error = serve_admit(call->server);
	if (error)
		return error;
	return asked(call, ncsdb_lease_revoke(call->server->db, req->id, on_revoked, call));
}

/* TTL 0: there is no such lease. */
static void on_kept(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	Etcdserverpb__LeaseKeepAliveResponse out = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;
	struct serve_call *call = arg;

	out.id = lease;
	out.ttl = status ? 0 : ttl_s;
	if (call->stream)
		out.header = serve_header(call->server, local_durable(call->server->l));
	serve_answer(call, status == -ENOENT ? NULL : serve_error(status), &out.base);
}

const struct serve_error *serve_run_keepalive(struct serve_call *call, const void *request,
					      ProtobufCMessage **answer)
{
	const Etcdserverpb__LeaseKeepAliveRequest *req = request;
	const struct serve_error *error = serve_admit(call->server);
	struct ncsdb *db = call->server->db;

	if (error)
		return error;
	/* Past the front: an ID that cannot be is unknown, and answered in its turn. */
	return asked(call, db->ops->lease_keepalive(db, req->id, on_kept, call));
}

/* ---- looking ---- */

static int by_key(const void *a, const void *b)
{
	const ProtobufCBinaryData *x = a, *y = b;

	return strcmp((const char *)x->data, (const char *)y->data);
}

static int answer_keys(struct serve_call *call, const struct lease *lease,
		       Etcdserverpb__LeaseTimeToLiveResponse *out)
{
	size_t n = 0, bytes = 0;

	for (const struct rec *rec = lease->keys; rec; rec = rec->lease_next) {
		bytes += rec->key_len + 8u;
		n++;
		if (bytes > SERVE_ANSWER_MAX - SERVE_ANSWER_REST)
			return -EMSGSIZE;
	}
	out->keys = serve_alloc(call->server, n * sizeof(*out->keys));
	if (!out->keys)
		return -ENOMEM;
	for (const struct rec *rec = lease->keys; rec; rec = rec->lease_next)
		out->keys[out->n_keys++] = (ProtobufCBinaryData){rec->key_len, (uint8_t *)rec->key};
	if (n)
		qsort(out->keys, n, sizeof(*out->keys), by_key);
	return 0;
}

/* TTL -1: there is no such lease. */
const struct serve_error *serve_run_ttl(struct serve_call *call, const void *request,
					ProtobufCMessage **answer)
{
	const Etcdserverpb__LeaseTimeToLiveRequest *req = request;
	Etcdserverpb__LeaseTimeToLiveResponse *out = serve_alloc(call->server, sizeof(*out));
	const struct serve_error *error = serve_admit(call->server);
	const struct lease *lease = lease_get(&call->server->l->store.leases, req->id);
	uint64_t now = clock_us();

	if (error)
		return error;
	if (!out)
		return &serve_no_memory;
	etcdserverpb__lease_time_to_live_response__init(out);
	out->header = serve_header(call->server, local_durable(call->server->l));
	out->id = req->id;
	out->ttl = -1;
	*answer = &out->base;
	call->writes = true; /* of leases only the present is known: wait until it is durable */
	if (!lease)
		return NULL;
	out->grantedttl = lease->ttl_s;
	out->ttl = lease->deadline_us > now ? (int64_t)((lease->deadline_us - now) / US_PER_S) : 0;
	return req->keys ? serve_read_error(answer_keys(call, lease, out)) : NULL;
}

static int by_deadline(const void *a, const void *b)
{
	const struct lease *const *x = a, *const *y = b;

	return ((*x)->deadline_us > (*y)->deadline_us) - ((*x)->deadline_us < (*y)->deadline_us);
}

static const struct serve_error *answer_leases(struct serve_call *call, struct lease **sorted,
					       size_t n, Etcdserverpb__LeaseLeasesResponse *out)
{
	Etcdserverpb__LeaseStatus *each = serve_alloc(call->server, n * sizeof(*each));

	out->leases = serve_alloc(call->server, n * sizeof(*out->leases));
	if (!each || !out->leases)
		return &serve_no_memory;
	for (size_t i = 0; i < n; i++) {
		etcdserverpb__lease_status__init(&each[i]);
		each[i].id = sorted[i]->id;
		out->leases[i] = &each[i];
	}
	out->n_leases = n;
	return NULL;
}

/* The one that ends first is the first. */
const struct serve_error *serve_run_leases(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer)
{
	const struct leases *ls = &call->server->l->store.leases;
	Etcdserverpb__LeaseLeasesResponse *out = serve_alloc(call->server, sizeof(*out));
	struct lease **sorted = serve_alloc(call->server, ls->n * sizeof(*sorted));
	const struct serve_error *error = serve_admit(call->server);

	if (error)
		return error;
	if (!out || !sorted)
		return &serve_no_memory;
	etcdserverpb__lease_leases_response__init(out);
	out->header = serve_header(call->server, local_durable(call->server->l));
	if (ls->n) {
		memcpy(sorted, ls->heap, ls->n * sizeof(*sorted));
		qsort(sorted, ls->n, sizeof(*sorted), by_deadline);
	}
	*answer = &out->base;
	call->writes = true;
	return answer_leases(call, sorted, ls->n, out);
}

/* ---- Maintenance ---- */

const struct serve_error *serve_run_status(struct serve_call *call, const void *request,
					   ProtobufCMessage **answer)
{
	static char *errors[1];
	Etcdserverpb__StatusResponse *out = serve_alloc(call->server, sizeof(*out));
	const struct local *l = call->server->l;
	struct ncsdb_status status;

	if (!out)
		return &serve_no_memory;
	ncsdb_status(call->server->db, &status);
	etcdserverpb__status_response__init(out);
	out->header = serve_header(call->server, local_durable(l));
	out->version = (char *)SERVE_VERSION;
	out->leader = call->server->member;
	out->dbsize = out->dbsizeinuse = (int64_t)status.bytes_on_disk;
	out->raftindex = out->raftappliedindex = (uint64_t)local_durable(l);
	out->raftterm = 1;
	if (l->read_only) {
		errors[0] = (char *)serve_error(l->why_read_only)->text;
		out->errors = errors;
		out->n_errors = 1;
	}
	*answer = &out->base;
	return NULL;
}
