/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gRPC over HTTP/2 (RFC 9113) on a libuv loop: nghttp2 frames, GnuTLS encrypts; both ends. It moves
 * messages (byte strings) and knows nothing of what is in them. Single-threaded; no callback runs
 * before the call that asks for it has returned; data passed in is copied, data passed out lives
 * until the callback returns. Nothing here logs.
 *
 * Protocol: length-prefixed messages without compression (a compressed one is refused,
 * UNIMPLEMENTED), content-type application/grpc[+proto], te: trailers, grpc-timeout, grpc-status,
 * grpc-message (percent-encoded), as in gRPC's "PROTOCOL-HTTP2". TLS 1.2 or later with ALPN "h2".
 */
#ifndef GRPC_H
#define GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "util/err.h"

/* Status codes of gRPC. */
enum grpc_status {
	GRPC_OK,
	GRPC_CANCELLED,
	GRPC_UNKNOWN,
	GRPC_INVALID_ARGUMENT,
	GRPC_DEADLINE_EXCEEDED,
	GRPC_NOT_FOUND,
	GRPC_ALREADY_EXISTS,
	GRPC_PERMISSION_DENIED,
	GRPC_RESOURCE_EXHAUSTED,
	GRPC_FAILED_PRECONDITION,
	GRPC_ABORTED,
	GRPC_OUT_OF_RANGE,
	GRPC_UNIMPLEMENTED,
	GRPC_INTERNAL,
	GRPC_UNAVAILABLE,
	GRPC_DATA_LOSS,
	GRPC_UNAUTHENTICATED,
	GRPC_STATUS_MAX,
};
const char *grpc_status_text(enum grpc_status status); /* "NOT_FOUND" */

#define GRPC_HOST_MAX 256
#define GRPC_PATH_MAX 128	       /* "/package.Service/Method" */
#define GRPC_TEXT_MAX 256	       /* of a status, cut */
#define GRPC_MESSAGE_MAX (4u << 20)    /* default of both directions; larger: RESOURCE_EXHAUSTED */
#define GRPC_SEND_QUEUE_MAX (8u << 20) /* of one stream; then -EAGAIN */
#define GRPC_SERVER_CONNECTIONS 1024
#define GRPC_SERVER_STREAMS 256 /* of one connection, SETTINGS_MAX_CONCURRENT_STREAMS */
#define GRPC_SERVER_MEMORY                                                                         \
	(512u << 20) /* queued in all; then the greediest connection is closed                     \
		      */
#define GRPC_HANDSHAKE_MS 5000
#define GRPC_KEEPALIVE_MS                                                                          \
	5000 /* a connection silent that long is pinged, and lost after as long; so is one that    \
	      * takes nothing for so long while more than 1,024 frames wait for it (more than      \
	      * 4,096: at once) */

/* Credentials, read from PEM files; shared by channels and servers. */
struct grpc_tls;
struct grpc_tls_conf {
	const char *ca;		/* who may have signed the peer; NULL: the system's (client), or
				 * clients need no certificate (server) */
	const char *cert, *key; /* own; both or neither; a server needs them */
};
/* err: field "/tls/ca", "/tls/cert" or "/tls/key", naming the file and what is wrong. */
int grpc_tls_new(const struct grpc_tls_conf *conf, bool server, struct grpc_tls **out,
		 struct err *err);
void grpc_tls_free(
	struct grpc_tls *tls); /* counted: channels and servers hold their own reference */

/* ---- client ---- */

struct grpc_channel;
struct grpc_call;

struct grpc_channel_conf {
	uv_loop_t *loop;
	const char *host; /* name or literal address; verified against the certificate */
	uint16_t port;
	struct grpc_tls *tls;	 /* NULL: clear text, prior knowledge */
	unsigned int connect_ms; /* patience with look-up, connection and handshake; 0 = 1000 */
	size_t message_max;	 /* 0 = GRPC_MESSAGE_MAX; of what comes in */
	/* Told once up, and once when the connection ends or could not be made (then never up):
	 * why, for the log. The channel does not connect again: close it and open another. */
	void (*on_up)(void *arg);
	void (*on_down)(void *arg, const char *why);
	void *arg;
};
int grpc_channel_open(const struct grpc_channel_conf *conf, struct grpc_channel **out);
bool grpc_channel_up(const struct grpc_channel *ch);
/* Calls end first, with CANCELLED (not if on_down was told: then they ended UNAVAILABLE). No
 * callback after this but theirs, which run inside. Frees when the loop has closed the handles. */
void grpc_channel_close(struct grpc_channel *ch);

struct grpc_header {
	const char *name, *value; /* lower-case name */
};
struct grpc_call_conf {
	const char *path; /* "/etcdserverpb.KV/Range" */
	const struct grpc_header *headers;
	size_t n_headers;
	unsigned int
		deadline_ms; /* 0 = none; afterwards DEADLINE_EXCEEDED, sent as grpc-timeout, too */
	void (*on_message)(void *arg, const void *data, size_t len);
	/* Exactly once, the last callback; the call is freed afterwards. sent: some of it may have
	 * reached the server (false: it certainly has not, trying elsewhere is safe). */
	void (*on_end)(void *arg, enum grpc_status status, const char *text, bool sent);
	void *arg;
};
/* -ENOTCONN: not up; -EAGAIN: the server allows no further stream now; -ENOMEM. */
int grpc_call_start(struct grpc_channel *ch, const struct grpc_call_conf *conf,
		    struct grpc_call **out);
/* A message; end: the last one. -EAGAIN: GRPC_SEND_QUEUE_MAX waits. */
int grpc_call_send(struct grpc_call *call, const void *data, size_t len, bool end);
void grpc_call_cancel(struct grpc_call *call); /* RST_STREAM; no callback comes any more */

/* ---- server ---- */

struct grpc_server;
struct grpc_stream; /* a call, as the server sees it */

struct grpc_server_conf {
	uv_loop_t *loop;
	const char *address;			   /* literal: "127.0.0.1", "::1", "::" */
	uint16_t port;				   /* 0: chosen; grpc_server_port() tells */
	struct grpc_tls *tls;			   /* NULL: clear text */
	size_t message_max;			   /* 0 = GRPC_MESSAGE_MAX; of what comes in */
	unsigned int max_connections, max_streams; /* 0 = GRPC_SERVER_* */
	size_t max_memory;			   /* 0 = GRPC_SERVER_MEMORY */
	/* A call begins: return GRPC_OK after grpc_stream_set(), or what it ends with (text: may be
	 * set to a constant). */
	enum grpc_status (*on_call)(void *arg, struct grpc_stream *stream, const char *path,
				    const char **text);
	void *arg;
};
struct grpc_stream_ops {
	void (*message)(void *user, const void *data, size_t len);
	void (*half_closed)(void *user); /* the client sends nothing more */
	/* The stream is gone (ended by us and delivered, reset, or the connection lost): the last
	 * callback; the stream must not be used any more. */
	void (*closed)(void *user);
	void (*writable)(
		void *user); /* less than half of GRPC_SEND_QUEUE_MAX waits again; NULL allowed */
};
/* err names the address or what is wrong with it: in use, not ours. */
int grpc_server_open(const struct grpc_server_conf *conf, struct grpc_server **out,
		     struct err *err);
uint16_t grpc_server_port(const struct grpc_server *server);
void grpc_server_close(struct grpc_server *server); /* streams are closed first, inside */

struct grpc_server_stats {
	unsigned int connections, streams;
	size_t queued;		    /* bytes */
	uint64_t accepted, refused; /* connections, since open */
};
void grpc_server_stats(const struct grpc_server *server, struct grpc_server_stats *out);

void grpc_stream_set(struct grpc_stream *stream, const struct grpc_stream_ops *ops, void *user);
/* Within on_call: NULL if it did not come; afterwards no header is kept. */
const char *grpc_stream_header(const struct grpc_stream *stream, const char *name);
const char *grpc_stream_peer(const struct grpc_stream *stream); /* "[::1]:4711", for the log */
/* -EAGAIN: GRPC_SEND_QUEUE_MAX waits (nothing is taken); writable() tells when to go on. */
int grpc_stream_send(struct grpc_stream *stream, const void *data, size_t len);
size_t grpc_stream_queued(const struct grpc_stream *stream);
/* Trailers, after what is queued; nothing can be sent afterwards. */
void grpc_stream_end(struct grpc_stream *stream, enum grpc_status status, const char *text);

#endif
