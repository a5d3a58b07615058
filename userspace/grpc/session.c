/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nghttp2 session of a connection: settings, limits, silence. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grpc/conn_int.h"

#define STREAM_WINDOW (1 << 20)
#define CONN_WINDOW (4 << 20)
#define MAX_ACKS 512	    /* answers to PING and SETTINGS that a peer leaves unread */
#define MAX_SETTINGS 16	    /* in one frame */
#define MAX_CONTINUATIONS 8 /* frames of one header list */
#define RESETS_BURST 1000   /* a peer's RST_STREAM at once, and a second */
#define RESETS_RATE 100
#define FRAMES_PAUSE 1024 /* that wait: nothing more is read while the socket takes none */
#define FRAMES_MAX 4096	  /* then the connection ends */
/* Servers count PINGs in less than their interval (etcd's: 5 s) as abuse. */
#define PING_MARGIN_MS 250

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct conn *c = user;

	if (c->dead)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS:
		if (c->up || (frame->hd.flags & NGHTTP2_FLAG_ACK))
			return 0;
		c->up = true;
		conn_arm(c, uv_now(c->tcp.loop) + GRPC_KEEPALIVE_MS);
		c->ops->up(c);
		break;
	case NGHTTP2_GOAWAY:
		if (c->ops->away)
			c->ops->away(c);
		break;
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		return c->ops->frame(c, frame);
	}
	return c->dead ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* grpc-go takes an endpoint as :authority as it stands, with "http://", which nghttp2's checks of
 * messages refuse; a server looks at the fields that it uses itself (request.c). */
static int set_options(nghttp2_option *opt, bool server)
{
	nghttp2_option_set_no_http_messaging(opt, server);
	nghttp2_option_set_no_closed_streams(opt, 1);
	nghttp2_option_set_max_outbound_ack(opt, MAX_ACKS);
	nghttp2_option_set_max_settings(opt, MAX_SETTINGS);
	nghttp2_option_set_max_continuations(opt, MAX_CONTINUATIONS);
	nghttp2_option_set_stream_reset_rate_limit(opt, RESETS_BURST, RESETS_RATE);
	return 0;
}

static int make(struct conn *c, nghttp2_session_callbacks *cbs, nghttp2_option *opt)
{
	set_options(opt, c->server);
	c->ops->callbacks(cbs);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, on_frame);
	if (c->server)
		return nghttp2_session_server_new2(&c->session, cbs, c, opt);
	return nghttp2_session_client_new2(&c->session, cbs, c, opt);
}

static int greet(struct conn *c)
{
	nghttp2_settings_entry iv[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CONN_HEADERS_MAX},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	};

	c->ops->settings(c, &iv[2]);
	if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, iv, 3) ||
	    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW))
		return -ENOMEM;
	return 0;
}

int session_open(struct conn *c)
{
	nghttp2_session_callbacks *cbs = NULL;
	nghttp2_option *opt = NULL;
	int ret = -ENOMEM;

	if (!nghttp2_session_callbacks_new(&cbs) && !nghttp2_option_new(&opt) && !make(c, cbs, opt))
		ret = greet(c);
	nghttp2_session_callbacks_del(cbs);
	nghttp2_option_del(opt);
	return ret;
}

int session_recv(struct conn *c, const uint8_t *data, size_t len)
{
	ssize_t n;

	c->busy = true;
	n = nghttp2_session_mem_recv(c->session, data, len);
	c->busy = false;
	/* A peer that is refused stream after stream need not read the refusals. */
	if (n >= 0 && nghttp2_session_get_outbound_queue_size(c->session) > FRAMES_MAX) {
		conn_doom(c, "more than %u frames wait for it", FRAMES_MAX);
		return -EPROTO;
	}
	if (n >= 0)
		return 0;
	if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
		conn_doom(c, "the peer does not speak HTTP/2");
	else
		conn_doom(c, "HTTP/2: %s", nghttp2_strerror((int)n));
	return -EPROTO;
}

ssize_t session_send(struct conn *c, uint8_t *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;

	c->busy = true;
	/* One piece is a frame of at most 16 KiB and its head. */
	while (!c->dead && size - len >= 2 * 16384) {
		const uint8_t *piece = NULL;

		n = nghttp2_session_mem_send(c->session, &piece);
		if (n <= 0)
			break;
		if ((size_t)n > size - len) {
			n = NGHTTP2_ERR_BUFFER_ERROR;
			break;
		}
		memcpy(buf + len, piece, (size_t)n);
		len += (size_t)n;
	}
	c->busy = false;
	if (n >= 0)
		return (ssize_t)len;
	conn_doom(c, "HTTP/2: %s", nghttp2_strerror((int)n));
	return -EPROTO;
}

bool session_over(const struct conn *c)
{
	return c->session && !nghttp2_session_want_read(c->session) &&
	       !nghttp2_session_want_write(c->session);
}

bool session_full(const struct conn *c)
{
	return c->session && nghttp2_session_get_outbound_queue_size(c->session) > FRAMES_PAUSE;
}

/* What it sends is not read: it may not be silent, but it has to take something. */
static uint64_t watch_stuck(struct conn *c, uint64_t now)
{
	size_t bytes = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);

	if (bytes != c->stuck_bytes) {
		c->stuck_bytes = bytes;
		c->stuck_ms = now;
	}
	if (now < c->stuck_ms + GRPC_KEEPALIVE_MS)
		return c->stuck_ms + GRPC_KEEPALIVE_MS;
	conn_doom(c, "takes nothing for %u ms", GRPC_KEEPALIVE_MS);
	return UINT64_MAX;
}

static uint64_t watch_silence(struct conn *c, uint64_t now)
{
	uint64_t due = c->rx_ms + GRPC_KEEPALIVE_MS;

	if (c->pinged) {
		if (now < c->ping_ms + GRPC_KEEPALIVE_MS)
			return c->ping_ms + GRPC_KEEPALIVE_MS;
		conn_doom(c, "no answer for %u ms", 2 * GRPC_KEEPALIVE_MS);
		return UINT64_MAX;
	}
	if (!c->ops->ping(c))
		return UINT64_MAX;
	if (c->ping_ms && due < c->ping_ms + GRPC_KEEPALIVE_MS + PING_MARGIN_MS)
		due = c->ping_ms + GRPC_KEEPALIVE_MS + PING_MARGIN_MS;
	if (now < due)
		return due;
	if (nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL))
		conn_doom(c, "no memory");
	conn_queued(c);
	c->pinged = true;
	c->ping_ms = now;
	return now + GRPC_KEEPALIVE_MS;
}

uint64_t session_watch(struct conn *c, uint64_t now)
{
	if (c->paused)
		return watch_stuck(c, now);
	if (c->up)
		return watch_silence(c, now);
	if (now < c->limit_ms)
		return c->limit_ms;
	conn_doom(c, "%s within %u ms",
		  !c->session && !c->tls ? "no connection"
		  : c->secured		 ? "no HTTP/2 settings"
					 : "no TLS handshake",
		  c->patience_ms);
	return UINT64_MAX;
}
