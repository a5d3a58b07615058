/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/serve_int.h"
#include "util/clock.h"

#define METHOD(path, Request, run, streams)                                                        \
	{                                                                                          \
		"/etcdserverpb." path, &etcdserverpb__##Request##__descriptor, run, streams        \
	}

static const struct serve_method methods[] = {
	METHOD("KV/Txn", txn_request, serve_run_txn, false),
	METHOD("KV/Put", put_request, serve_run_put, false),
	METHOD("KV/Range", range_request, serve_run_range, false),
	METHOD("KV/DeleteRange", delete_range_request, serve_run_delete, false),
	METHOD("KV/Compact", compaction_request, serve_run_compact, false),
	METHOD("Lease/LeaseKeepAlive", lease_keep_alive_request, serve_run_keepalive, true),
	METHOD("Lease/LeaseGrant", lease_grant_request, serve_run_grant, false),
	METHOD("Lease/LeaseRevoke", lease_revoke_request, serve_run_revoke, false),
	METHOD("Lease/LeaseTimeToLive", lease_time_to_live_request, serve_run_ttl, false),
	METHOD("Lease/LeaseLeases", lease_leases_request, serve_run_leases, false),
	METHOD("Maintenance/Status", status_request, serve_run_status, false),
};

/* ---- messages ---- */

void *serve_alloc(struct ncsdb_server *server, size_t size)
{
	return etcd_arena_alloc(&server->arena, size);
}

Etcdserverpb__ResponseHeader *serve_header(struct ncsdb_server *server, int64_t revision)
{
	Etcdserverpb__ResponseHeader *header = serve_alloc(server, sizeof(*header));

	if (!header)
		return NULL;
	etcdserverpb__response_header__init(header);
	header->cluster_id = server->cluster;
	header->member_id = server->member;
	header->revision = revision;
	header->raft_term = 1;
	return header;
}

static int pack(const ProtobufCMessage *message, void **out, size_t *len)
{
	*len = protobuf_c_message_get_packed_size(message);
	if (*len > SERVE_ANSWER_MAX)
		return -EMSGSIZE;
	*out = malloc(*len + 1);
	if (!*out)
		return -ENOMEM;
	protobuf_c_message_pack(message, *out);
	return 0;
}

int serve_send(struct grpc_stream *stream, const ProtobufCMessage *message)
{
	void *data;
	size_t len;
	int rc = pack(message, &data, &len);

	if (rc)
		return rc;
	rc = grpc_stream_send(stream, data, len);
	free(data);
	return rc;
}

/* ---- calls ---- */

static void call_free(struct serve_call *call)
{
	if (call->stream || call->waiting)
		return;
	free(call->packed);
	free(call);
}

static void call_end(struct serve_call *call, const struct serve_error *error)
{
	if (call->ended)
		return;
	call->ended = true;
	call->server->refused += error != NULL;
	grpc_stream_end(call->stream, error ? error->status : GRPC_OK, error ? error->text : "");
}

const struct serve_error *serve_admit(const struct ncsdb_server *server)
{
	bool room = server->waiting_bytes <= SERVE_WAITING_MAX &&
		    server->l->n_requests < NCSDB_CLIENTS_MAX(NCSDB_PENDING_MAX);

	return room ? NULL : &serve_too_many;
}

/* Of a call that takes one message all is said; a stream goes on until the client is done. done:
 * something was changed, so that an answer that fails says nothing about it. */
static void call_answered(struct serve_call *call, int rc, bool done)
{
	if (rc && done)
		call_end(call, &serve_unknown);
	else if (rc)
		call_end(call, serve_read_error(rc));
	else if (!call->method->streams || (call->half_closed && !call->waiting))
		call_end(call, NULL);
}

void serve_answer(struct serve_call *call, const struct serve_error *error,
		  const ProtobufCMessage *answer)
{
	call->waiting--;
	if (!call->stream) {
		call_free(call);
		return;
	}
	if (!call->ended && error)
		call_end(call, error);
	else if (!call->ended)
		call_answered(call, serve_send(call->stream, answer), true);
	etcd_arena_reset(&call->server->arena);
}

static void on_durable(void *arg, int status)
{
	struct serve_call *call = arg;

	call->waiting--;
	if (!call->stream) {
		call_free(call);
		return;
	}
	call->server->waiting_bytes -= call->packed_len;
	if (status)
		call_end(call, serve_error(status));
	else
		call_answered(call, grpc_stream_send(call->stream, call->packed, call->packed_len),
			      true);
}

static void answer_when_durable(struct serve_call *call, const ProtobufCMessage *answer)
{
	int rc = pack(answer, &call->packed, &call->packed_len);

	if (!rc)
		rc = local_sync(call->server->l, call->since_us, on_durable, call);
	if (rc) {
		call_answered(call, rc, true);
		return;
	}
	call->waiting++;
	call->server->waiting_bytes += call->packed_len;
}

static void run(struct serve_call *call, const void *data, size_t len)
{
	struct etcd_arena *arena = &call->server->arena;
	const void *request = etcd_unpack(arena, call->method->request, data, len);
	ProtobufCMessage *answer = NULL;
	const struct serve_error *error;

	call->since_us = clock_us();
	call->request_len = len;
	error = request ? call->method->run(call, request, &answer) : &serve_malformed;
	if (error)
		call_end(call, error);
	else if (answer && call->writes)
		answer_when_durable(call, answer);
	else if (answer)
		call_answered(call, serve_send(call->stream, answer), false);
}

static void on_message(void *user, const void *data, size_t len)
{
	struct serve_call *call = user;

	if (call->ended)
		return;
	if (call->seen && !call->method->streams) {
		call_end(call, &serve_second_message);
		return;
	}
	call->seen = true;
	etcd_arena_reset(&call->server->arena);
	run(call, data, len);
	etcd_arena_reset(&call->server->arena);
}

static void on_half_closed(void *user)
{
	struct serve_call *call = user;

	call->half_closed = true;
	if (!call->seen && !call->method->streams)
		call_end(call, &serve_malformed);
	else if (call->method->streams && !call->waiting)
		call_end(call, NULL);
}

static void on_closed(void *user)
{
	struct serve_call *call = user;

	if (call->packed && call->waiting)
		call->server->waiting_bytes -= call->packed_len;
	call->stream = NULL;
	call_free(call);
}

static const struct grpc_stream_ops call_ops = {
	.message = on_message,
	.half_closed = on_half_closed,
	.closed = on_closed,
};

static const struct serve_method *find_method(const char *path)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].path, path) == 0)
			return &methods[i];
	}
	return NULL;
}

static enum grpc_status call_open(struct ncsdb_server *server, struct grpc_stream *stream,
				  const struct serve_method *method, const char **text)
{
	struct serve_call *call = calloc(1, sizeof(*call));

	if (!call) {
		*text = serve_no_memory.text;
		return serve_no_memory.status;
	}
	*call = (struct serve_call){.server = server, .stream = stream, .method = method};
	grpc_stream_set(stream, &call_ops, call);
	return GRPC_OK;
}

static enum grpc_status on_call(void *arg, struct grpc_stream *stream, const char *path,
				const char **text)
{
	const struct serve_method *method = find_method(path);
	struct ncsdb_server *server = arg;

	server->requests++;
	if (method)
		return call_open(server, stream, method, text);
	if (strcmp(path, "/etcdserverpb.Watch/Watch") == 0)
		return serve_watch_open(server, stream, text);
	server->refused++;
	snprintf(server->unknown, sizeof(server->unknown), "ncsdb: %s is not served", path);
	*text = server->unknown;
	return GRPC_UNIMPLEMENTED;
}

/* ---- addresses ---- */

struct address {
	char host[INET6_ADDRSTRLEN];
	uint16_t port;
};

static bool port_parse(const char *text, uint16_t *port)
{
	unsigned long value = 0;
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 5 || text[n])
		return false;
	value = strtoul(text, NULL, 10);
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

static bool address_parse(const char *text, struct address *out)
{
	const char *colon = strrchr(text, ':'), *host = text;
	unsigned char raw[sizeof(struct in6_addr)];
	size_t len = colon ? (size_t)(colon - text) : 0;
	int family = AF_INET;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		family = AF_INET6;
		host++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(out->host) || !port_parse(colon + 1, &out->port))
		return false;
	memcpy(out->host, host, len);
	out->host[len] = '\0';
	return inet_pton(family, out->host, raw) == 1;
}

static bool is_loopback(const struct address *a)
{
	return strncmp(a->host, "127.", 4) == 0 || strcmp(a->host, "::1") == 0;
}

static int refuse(struct err *err, int code, unsigned int i, const char *listen, const char *want)
{
	char field[32];

	snprintf(field, sizeof(field), "/listen/%u", i);
	return err_set(err, code, field, listen, "%s", want);
}

static int listen_one(struct ncsdb_server *server, const struct ncsdb_server_conf *conf,
		      unsigned int i, struct err *err)
{
	unsigned int connections =
		conf->max_connections ? conf->max_connections : GRPC_SERVER_CONNECTIONS;
	size_t memory = conf->max_memory ? conf->max_memory : GRPC_SERVER_MEMORY;
	struct grpc_server_conf grpc = {
		.loop = server->l->loop,
		.tls = server->tls,
		.message_max = NCSDB_REQUEST_MAX,
		.max_connections = (connections + conf->n_listen - 1) / conf->n_listen,
		.max_memory = memory / conf->n_listen,
		.on_call = on_call,
		.arg = server,
	};
	struct address a;
	int rc;

	if (!address_parse(conf->listen[i], &a))
		return refuse(err, -EINVAL, i, conf->listen[i],
			      "must be a literal address and a port: \"127.0.0.1:2379\", "
			      "\"[::]:2379\"");
	if (!server->tls && !conf->insecure && !is_loopback(&a))
		return refuse(err, -EINVAL, i, conf->listen[i],
			      "must be a loopback address without cert and key (or insecure)");
	grpc.address = a.host;
	grpc.port = a.port;
	rc = grpc_server_open(&grpc, &server->grpc[i], err);
	if (rc)
		return err_prefix(err, "/listen/%u", i);
	server->n_grpc++;
	return 0;
}

/* ---- life ---- */

static void on_durable_more(void *arg)
{
	struct ncsdb_server *server = arg;

	for (struct serve_feed *f = server->feeds, *next; f; f = next) {
		next = f->next;
		serve_feed_deliver(f);
	}
}

static int64_t on_needs(void *arg)
{
	return serve_feeds_need(arg);
}

static const struct local_served served = {.durable = on_durable_more, .needs = on_needs};

static void on_progress(uv_timer_t *timer)
{
	struct ncsdb_server *server = timer->data;

	for (struct serve_feed *f = server->feeds, *next; f; f = next) {
		next = f->next;
		serve_feed_progress(f);
	}
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct ncsdb_server *server = handle->data;

	etcd_arena_fini(&server->arena);
	free(server);
}

void ncsdb_server_close(struct ncsdb_server *server)
{
	if (!server)
		return;
	server->closing = true;
	for (unsigned int i = 0; i < server->n_grpc; i++)
		grpc_server_close(server->grpc[i]);
	grpc_tls_free(server->tls);
	local_serve(server->l, NULL, NULL);
	uv_close((uv_handle_t *)&server->progress, on_timer_closed);
}

static int tls_open(struct ncsdb_server *server, const struct ncsdb_server_conf *conf,
		    struct err *err)
{
	struct grpc_tls_conf tls = {.ca = conf->ca, .cert = conf->cert, .key = conf->key};

	if (!conf->cert && !conf->key && !conf->ca)
		return 0;
	return grpc_tls_new(&tls, true, &server->tls, err);
}

/* From the epoch, so that a client knows another database when it meets one. */
static void name_members(struct ncsdb_server *server)
{
	uint64_t epoch = server->l->epoch;

	server->cluster = epoch ? epoch : 1;
	server->member = epoch ^ 0x9e3779b97f4a7c15;
	if (!server->member)
		server->member = 1;
}

int ncsdb_server_open(uv_loop_t *loop, struct ncsdb *db, const struct ncsdb_server_conf *conf,
		      struct ncsdb_server **out, struct err *err)
{
	struct local *l = local_of(db);
	struct ncsdb_server *server;
	int rc;

	if (!l || l->served)
		return err_set(err, -EINVAL, "", NULL,
			       "must be a database in this process that is not served yet");
	if (conf->n_listen < 1 || conf->n_listen > NCSDB_LISTEN_MAX)
		return err_set(err, -EINVAL, "/listen", NULL, "must be 1..%d addresses",
			       NCSDB_LISTEN_MAX);
	server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	server->l = l;
	server->db = db;
	name_members(server);
	uv_timer_init(loop, &server->progress);
	server->progress.data = server;
	uv_unref((uv_handle_t *)&server->progress);
	uv_timer_start(&server->progress, on_progress, SERVE_PROGRESS_MS, SERVE_PROGRESS_MS);
	local_serve(l, &served, server);
	rc = tls_open(server, conf, err);
	for (unsigned int i = 0; !rc && i < conf->n_listen; i++)
		rc = listen_one(server, conf, i, err);
	if (rc)
		ncsdb_server_close(server);
	else
		*out = server;
	return rc;
}

uint16_t ncsdb_server_port(const struct ncsdb_server *server)
{
	return grpc_server_port(server->grpc[0]);
}

void ncsdb_server_stats(const struct ncsdb_server *server, struct ncsdb_server_stats *out)
{
	*out = (struct ncsdb_server_stats){
		.watches = server->n_watches,
		.requests = server->requests,
		.refused = server->refused,
		.slow = server->slow,
	};
	for (unsigned int i = 0; i < server->n_grpc; i++) {
		struct grpc_server_stats one;

		grpc_server_stats(server->grpc[i], &one);
		out->connections += one.connections;
		out->streams += one.streams;
		out->queued += one.queued;
	}
}
