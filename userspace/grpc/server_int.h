/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the server: its connections (server.c) and their streams (stream.c). */
#ifndef GRPC_SERVER_INT_H
#define GRPC_SERVER_INT_H

#include <sys/queue.h>

#include "grpc/conn.h"
#include "grpc/frame.h"

#define PEER_TEXT 64

struct peer; /* a connection of the server */

struct grpc_stream {
	TAILQ_ENTRY(grpc_stream) link;
	struct peer *peer;
	int32_t id;
	const struct grpc_stream_ops *ops;
	void *user;
	struct bytes out;
	struct frame_in in;
	struct bytes headers; /* "name\0value\0" ... */
	size_t header_cost, counted;
	char path[GRPC_PATH_MAX];
	bool post, typed, long_path, many_headers, late, malformed;
	bool begun;   /* on_call was asked */
	bool headed;  /* the answer's headers are on their way */
	bool ended;   /* nothing more to send but out and the trailers */
	bool trailed; /* the trailers are on their way */
	bool half_closed, blocked, done;
	enum grpc_status status;
	char text[GRPC_TEXT_MAX];
	uint64_t timeout_ms, deadline_ms;
};

struct peer {
	struct conn conn;
	struct grpc_server *server; /* NULL: closed, only the memory is left */
	TAILQ_ENTRY(peer) link;
	TAILQ_HEAD(, grpc_stream) streams;
	unsigned int n_streams, n_blocked;
	size_t queued;
	char name[PEER_TEXT];
};

struct grpc_server {
	uv_tcp_t tcp;
	struct grpc_server_conf conf;
	TAILQ_HEAD(, peer) peers;
	uint16_t port;
	uv_tcp_t spare; /* for connections that are turned away, one after the other */
	bool turning, again;
	unsigned int handles; /* open */
	bool closed;
	struct grpc_server_stats stats;
};

void stream_callbacks(nghttp2_session_callbacks *cbs);
int stream_frame(struct conn *c, const nghttp2_frame *frame);
void stream_flushed(struct conn *c);
/* Closes all streams of a connection, with their callbacks; memory: stream_free_all(). */
void stream_close_all(struct peer *peer);
void stream_free_all(struct peer *peer);
uint64_t stream_tick(struct conn *c, uint64_t now);
/* Bytes that wait have changed; too many in all: the greediest connection ends. */
void server_count(struct peer *peer, size_t before, size_t after);

#endif
