/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection as both ends have it: socket, TLS, nghttp2 session and what moves bytes between
 * them. What is queued during a turn of the loop leaves in one write at its end. Ops run from the
 * loop, never inside a call of this header, except that conn_close() ends all of them but freed().
 */
#ifndef GRPC_CONN_H
#define GRPC_CONN_H

#include <nghttp2/nghttp2.h>

#include "grpc/bytes.h"
#include "grpc/grpc.h"
#include "grpc/tls.h"

#define CONN_HEADERS_MAX 16384 /* of one header list: names, values and 32 a field */

struct conn;
struct conn_ops {
	/* The side's own callbacks; their user data is the connection. */
	void (*callbacks)(nghttp2_session_callbacks *cbs);
	void (*settings)(const struct conn *c, nghttp2_settings_entry *max_streams);
	int (*frame)(struct conn *c, const nghttp2_frame *frame); /* HEADERS and DATA came */
	void (*up)(struct conn *c);				  /* the peer's SETTINGS came */
	void (*away)(struct conn *c);				  /* GOAWAY came; may be NULL */
	void (*ended)(struct conn *c, const char *why);		  /* once; the handles close */
	void (*flushed)(struct conn *c);			  /* may be NULL */
	bool (*ping)(const struct conn *c);			  /* is silence worth a PING? */
	uint64_t (*tick)(struct conn *c, uint64_t now); /* the next deadline, UINT64_MAX */
	void (*freed)(struct conn *c);			/* last */
};

struct conn {
	const struct conn_ops *ops;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_write_t req;
	unsigned int handles; /* to be closed before freed() */
	nghttp2_session *session;
	struct tls_io *tls;
	struct bytes out;     /* made by TLS, to be written */
	struct bytes writing; /* the kernel's until the write has ended */
	bool server, secured, up, dead, in_flight, dirty, busy, pinged;
	bool paused; /* nothing is read while too much waits to be written */
	uint64_t stuck_ms;
	size_t stuck_bytes; /* that waited then */
	unsigned int patience_ms;
	uint64_t limit_ms, rx_ms, ping_ms, armed_ms; /* loop time */
	char why[GRPC_TEXT_MAX];		     /* not "": it ends at the end of the turn */
};

int conn_init(struct conn *c, uv_loop_t *loop, const struct conn_ops *ops);
/* The peer has to be up within ms from now. */
void conn_patience(struct conn *c, unsigned int ms);
/* The socket is connected: reads, shakes hands. Fails at the end of the turn. */
void conn_start(struct conn *c, struct grpc_tls *tls, const char *host);
/* Something was queued: it leaves at the end of the turn. */
void conn_queued(struct conn *c);
/* ended() comes at the end of the turn; the first reason stands. */
void conn_doom(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool conn_usable(const struct conn *c);
/* tick() not later than at. */
void conn_arm(struct conn *c, uint64_t at);
/* Silence counts from now. */
void conn_awake(struct conn *c);
/* Writes what goes without waiting; then no op comes any more but freed(). */
void conn_close(struct conn *c);
void conn_handle_closed(uv_handle_t *handle);
void conn_handle_done(struct conn *c);

/* Data of a message queue for nghttp2. Returns the number of bytes taken. */
size_t conn_take(struct bytes *from, uint8_t *buf, size_t size);
nghttp2_nv conn_nv(const char *name, const char *value, size_t len);

#endif
