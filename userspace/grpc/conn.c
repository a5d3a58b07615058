/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a connection: reading, writing, TLS between; its end. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grpc/conn_int.h"

#define SCRATCH (128 * 1024)
#define WRITES_AT_ONCE 4 /* then others have their turn */
#define LATE_MS 1000	 /* the loop stood still: who was silent then may have answered */

/* Bytes between two calls of one turn; every thread that runs a loop has its own. */
static _Thread_local uint8_t scratch[SCRATCH];
static _Thread_local uint8_t plain[16384];
static _Thread_local char incoming[65536];
static _Thread_local bool scratch_used;

static void flush(struct conn *c);
static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* ---- the end ---- */

void conn_handle_done(struct conn *c)
{
	if (--c->handles)
		return;
	nghttp2_session_del(c->session);
	tls_io_free(c->tls);
	bytes_fini(&c->out);
	bytes_fini(&c->writing);
	c->ops->freed(c);
}

void conn_handle_closed(uv_handle_t *handle)
{
	conn_handle_done(handle->data);
}

static void shut(struct conn *c)
{
	c->dead = true;
	c->up = false;
	if (!uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, conn_handle_closed);
	uv_close((uv_handle_t *)&c->timer, conn_handle_closed);
	uv_close((uv_handle_t *)&c->prepare, conn_handle_closed);
	uv_close((uv_handle_t *)&c->check, conn_handle_closed);
}

void conn_close(struct conn *c)
{
	if (c->dead)
		return;
	if (c->up && !c->busy && !scratch_used && !c->why[0]) {
		nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
				      nghttp2_session_get_last_proc_stream_id(c->session),
				      NGHTTP2_NO_ERROR, NULL, 0);
		flush(c);
	}
	if (!c->dead)
		shut(c);
}

static void end(struct conn *c)
{
	if (c->dead)
		return;
	shut(c);
	c->ops->ended(c, c->why);
}

void conn_doom(struct conn *c, const char *fmt, ...)
{
	va_list ap;

	if (c->dead || c->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	conn_queued(c);
}

bool conn_usable(const struct conn *c)
{
	return c->up && !c->dead && !c->why[0];
}

/* ---- writing ---- */

static void on_written(uv_write_t *req, int status)
{
	struct conn *c = req->data;

	c->in_flight = false;
	bytes_fini(&c->writing);
	if (c->dead)
		return;
	if (status < 0)
		conn_doom(c, "write: %s", uv_strerror(status));
	flush(c);
}

/* The rest of a write that the kernel did not take at once. */
static void write_later(struct conn *c, const uint8_t *data, size_t len)
{
	uv_buf_t buf;
	int ret;

	if (bytes_add(&c->writing, data, len)) {
		conn_doom(c, "no memory");
		return;
	}
	buf = uv_buf_init((char *)c->writing.data, (unsigned int)len);
	c->req.data = c;
	ret = uv_write(&c->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
	if (ret)
		conn_doom(c, "write: %s", uv_strerror(ret));
	else
		c->in_flight = true;
}

static void write_now(struct conn *c, const uint8_t *data, size_t len, bool wait)
{
	uv_buf_t buf = uv_buf_init((char *)data, (unsigned int)len);
	int n = wait ? UV_EAGAIN : uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);

	if (n < 0 && n != UV_EAGAIN) {
		conn_doom(c, "write: %s", uv_strerror(n));
		return;
	}
	if (n < 0)
		n = 0;
	if ((size_t)n < len)
		write_later(c, data + n, len - (size_t)n);
}

/* Frames, encrypted if so agreed, to the socket. False: nothing more to write now. */
static bool write_step(struct conn *c, bool wait)
{
	ssize_t n = c->session ? session_send(c, scratch, sizeof(scratch)) : 0;

	if (n < 0 || c->dead || (!n && !c->out.len))
		return false;
	if (!c->tls) {
		write_now(c, scratch, (size_t)n, wait);
		return true;
	}
	if (tls_io_write(c->tls, scratch, (size_t)n)) {
		conn_doom(c, "TLS: cannot write");
		return false;
	}
	write_now(c, bytes_at(&c->out), c->out.len, wait);
	bytes_drop(&c->out, c->out.len);
	return true;
}

static void write_all(struct conn *c)
{
	scratch_used = true;
	for (int i = 0; !c->dead && !c->in_flight && !c->why[0]; i++)
		if (!write_step(c, i >= WRITES_AT_ONCE))
			break;
	scratch_used = false;
}

/* A reason to end was found while answers (an alert, GOAWAY) wait: they tell the peer why. */
static void last_words(struct conn *c)
{
	uv_buf_t buf = uv_buf_init((char *)bytes_at(&c->out), (unsigned int)c->out.len);

	if (c->out.len && !c->in_flight)
		uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
}

static void pause_reading(struct conn *c)
{
	c->paused = true;
	c->stuck_ms = uv_now(c->timer.loop);
	c->stuck_bytes = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
	uv_read_stop((uv_stream_t *)&c->tcp);
	conn_arm(c, c->stuck_ms + GRPC_KEEPALIVE_MS);
}

static void resume_reading(struct conn *c)
{
	int ret = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);

	c->paused = c->pinged = false;
	c->rx_ms = uv_now(c->timer.loop);
	if (ret)
		conn_doom(c, "read: %s", uv_strerror(ret));
}

/* Who does not take what answers him is not asked for more. */
static void check_reading(struct conn *c)
{
	bool full = c->in_flight && session_full(c);

	if (full && !c->paused)
		pause_reading(c);
	else if (!full && c->paused)
		resume_reading(c);
}

/* The user's callbacks: what closes the connection inside must not free streams in use. */
static void tell_flushed(struct conn *c)
{
	c->busy = true;
	c->ops->flushed(c);
	c->busy = false;
}

static void flush(struct conn *c)
{
	c->dirty = false;
	uv_prepare_stop(&c->prepare);
	uv_check_stop(&c->check);
	if (!c->in_flight)
		write_all(c);
	if (!c->dead && c->ops->flushed && !c->why[0])
		tell_flushed(c);
	if (c->dead)
		return;
	if (!c->why[0])
		check_reading(c);
	if (!c->why[0] && !c->in_flight && session_over(c))
		snprintf(c->why, sizeof(c->why), "HTTP/2: the connection has ended");
	if (!c->why[0])
		return;
	last_words(c);
	end(c);
}

static void on_prepare(uv_prepare_t *handle)
{
	flush(handle->data);
}

static void on_check(uv_check_t *handle)
{
	flush(handle->data);
}

void conn_queued(struct conn *c)
{
	if (c->dirty || c->dead)
		return;
	c->dirty = true;
	/* Whichever comes first: before the loop waits, or after the events it is handling. */
	uv_prepare_start(&c->prepare, on_prepare);
	uv_check_start(&c->check, on_check);
}

/* ---- reading ---- */

static int shake(struct conn *c)
{
	int ret = tls_io_handshake(c->tls, c->why, sizeof(c->why));

	if (ret <= 0)
		return ret;
	c->secured = true;
	return session_open(c) ? -ENOMEM : 1;
}

static void recv_tls(struct conn *c, const uint8_t *data, size_t len)
{
	ssize_t n = 1;

	tls_io_fill(c->tls, data, len);
	if (!c->secured)
		n = shake(c);
	while (n > 0 && !c->dead) {
		n = tls_io_read(c->tls, plain, sizeof(plain), c->why, sizeof(c->why));
		if (!n)
			conn_doom(c, "the peer has closed the connection");
		else if (n > 0 && session_recv(c, plain, (size_t)n))
			return;
	}
	if (n == -ENOMEM)
		conn_doom(c, "no memory");
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	*buf = uv_buf_init(incoming, sizeof(incoming));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;

	if (c->dead || c->why[0] || !n)
		return;
	if (n == UV_EOF) {
		conn_doom(c, "the peer has closed the connection");
		return;
	}
	if (n < 0) {
		conn_doom(c, "read: %s", uv_strerror((int)n));
		return;
	}
	c->rx_ms = uv_now(stream->loop);
	c->pinged = false;
	if (c->tls)
		recv_tls(c, (const uint8_t *)buf->base, (size_t)n);
	else
		session_recv(c, (const uint8_t *)buf->base, (size_t)n);
	conn_queued(c);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer)
{
	struct conn *c = timer->data;
	uint64_t now = uv_now(timer->loop), next, due;
	bool late = now > c->armed_ms + LATE_MS && c->up;

	c->armed_ms = 0;
	next = late ? now + LATE_MS : session_watch(c, now);
	due = c->ops->tick(c, now);
	if (!c->dead)
		conn_arm(c, due < next ? due : next);
}

void conn_arm(struct conn *c, uint64_t at)
{
	uint64_t now = uv_now(c->timer.loop);

	if (c->dead || at == UINT64_MAX || (c->armed_ms && c->armed_ms <= at))
		return;
	c->armed_ms = at ? at : 1;
	uv_timer_start(&c->timer, on_timer, at > now ? at - now : 0, 0);
}

void conn_awake(struct conn *c)
{
	if (!c->pinged)
		c->rx_ms = uv_now(c->timer.loop);
	conn_arm(c, c->rx_ms + GRPC_KEEPALIVE_MS);
}

void conn_patience(struct conn *c, unsigned int ms)
{
	c->patience_ms = ms;
	c->limit_ms = uv_now(c->timer.loop) + ms;
	conn_arm(c, c->limit_ms);
}

/* ---- the beginning ---- */

int conn_init(struct conn *c, uv_loop_t *loop, const struct conn_ops *ops)
{
	int ret = uv_tcp_init(loop, &c->tcp);

	if (ret)
		return ret;
	c->ops = ops;
	uv_timer_init(loop, &c->timer);
	uv_prepare_init(loop, &c->prepare);
	uv_check_init(loop, &c->check);
	c->tcp.data = c->timer.data = c->prepare.data = c->check.data = c;
	c->handles = 4;
	uv_update_time(loop);
	c->rx_ms = uv_now(loop);
	return 0;
}

void conn_start(struct conn *c, struct grpc_tls *tls, const char *host)
{
	int ret = 0;

	uv_tcp_nodelay(&c->tcp, 1);
	if (tls)
		ret = tls_io_new(tls, host, &c->out, &c->tls);
	else
		ret = session_open(c);
	c->secured = !tls;
	if (!ret)
		ret = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	if (ret)
		conn_doom(c, "cannot start: %s", uv_strerror(ret));
	else if (c->tls && !c->server)
		shake(c);
	conn_queued(c);
}

size_t conn_take(struct bytes *from, uint8_t *buf, size_t size)
{
	size_t n = size < from->len ? size : from->len;

	if (n)
		memcpy(buf, bytes_at(from), n);
	bytes_drop(from, n);
	return n;
}

nghttp2_nv conn_nv(const char *name, const char *value, size_t len)
{
	return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), len,
			    NGHTTP2_NV_FLAG_NONE};
}
