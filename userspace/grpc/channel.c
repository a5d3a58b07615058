/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's connection: look-up, addresses in turn, up, down. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/channel_int.h"

#define CONNECT_MS 1000
#define DRAIN_MS 1000 /* for open calls after the server said that it goes */

struct attempt {
	uv_connect_t req;
	struct grpc_channel *ch;
};

static void try_next(struct grpc_channel *ch);

static void settings(const struct conn *c, nghttp2_settings_entry *entry)
{
	*entry = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
}

static void on_up(struct conn *c)
{
	struct grpc_channel *ch = (struct grpc_channel *)c;

	if (ch->conf.on_up)
		ch->conf.on_up(ch->conf.arg);
}

static void on_away(struct conn *c)
{
	struct grpc_channel *ch = (struct grpc_channel *)c;

	if (ch->away)
		return;
	ch->away = true;
	ch->drain_ms = uv_now(ch->conf.loop) + DRAIN_MS;
	conn_arm(c, ch->n_open ? ch->drain_ms : uv_now(ch->conf.loop));
}

static void on_ended(struct conn *c, const char *why)
{
	struct grpc_channel *ch = (struct grpc_channel *)c;

	call_end_all(ch, GRPC_UNAVAILABLE, why);
	if (!ch->closed && ch->conf.on_down)
		ch->conf.on_down(ch->conf.arg, why);
}

static bool wants_ping(const struct conn *c)
{
	return ((const struct grpc_channel *)c)->n_open > 0;
}

static uint64_t tick(struct conn *c, uint64_t now)
{
	struct grpc_channel *ch = (struct grpc_channel *)c;
	uint64_t next = call_tick(ch, now);

	if (!ch->away || c->dead)
		return next;
	if (!ch->n_open || now >= ch->drain_ms)
		conn_doom(c, "the server goes away");
	return next < ch->drain_ms ? next : ch->drain_ms;
}

static void release(struct grpc_channel *ch)
{
	call_free_all(ch);
	uv_freeaddrinfo(ch->addresses);
	grpc_tls_free(ch->conf.tls);
	free(ch);
}

/* Freed when both the handles and the user have done with it. */
static void on_freed(struct conn *c)
{
	struct grpc_channel *ch = (struct grpc_channel *)c;

	if (ch->closed)
		release(ch);
}

static const struct conn_ops ops = {
	.callbacks = call_callbacks,
	.settings = settings,
	.frame = call_frame,
	.up = on_up,
	.away = on_away,
	.ended = on_ended,
	.ping = wants_ping,
	.tick = tick,
	.freed = on_freed,
};

/* ---- connecting ---- */

static void on_retry(uv_handle_t *handle)
{
	struct grpc_channel *ch = handle->data;

	if (ch->conn.dead) {
		conn_handle_closed(handle);
		return;
	}
	uv_tcp_init(ch->conf.loop, &ch->conn.tcp);
	try_next(ch);
}

/* A socket that failed to connect cannot be used again. */
static void address_failed(struct grpc_channel *ch, int status)
{
	snprintf(ch->last, sizeof(ch->last), "%s", uv_strerror(status));
	if (!ch->next)
		conn_doom(&ch->conn, "connect: %s", ch->last);
	else
		uv_close((uv_handle_t *)&ch->conn.tcp, on_retry);
}

static void on_connect(uv_connect_t *req, int status)
{
	struct attempt *attempt = (struct attempt *)req;
	struct grpc_channel *ch = attempt->ch;

	free(attempt);
	if (ch->conn.dead)
		return;
	if (status < 0)
		address_failed(ch, status);
	else
		conn_start(&ch->conn, ch->conf.tls, ch->host);
}

static void connect_to(struct grpc_channel *ch, const struct sockaddr *addr)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	int ret;

	if (!attempt) {
		conn_doom(&ch->conn, "no memory");
		return;
	}
	attempt->ch = ch;
	ret = uv_tcp_connect(&attempt->req, &ch->conn.tcp, addr, on_connect);
	if (!ret)
		return;
	free(attempt);
	address_failed(ch, ret);
}

static void set_port(struct sockaddr *addr, uint16_t port)
{
	if (addr->sa_family == AF_INET6)
		((struct sockaddr_in6 *)addr)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)addr)->sin_port = htons(port);
}

static void try_next(struct grpc_channel *ch)
{
	struct addrinfo *address = ch->next;

	ch->next = address->ai_next;
	set_port(address->ai_addr, ch->conf.port);
	connect_to(ch, address->ai_addr);
}

static void on_look_up(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct grpc_channel *ch = req->data;

	ch->addresses = ch->next = list;
	if (ch->conn.dead) {
		conn_handle_done(&ch->conn);
		return;
	}
	ch->conn.handles--;
	if (status < 0 || !list)
		conn_doom(&ch->conn, "look-up of %s: %s", ch->host,
			  status < 0 ? uv_strerror(status) : "no address");
	else
		try_next(ch);
}

static int begin(struct grpc_channel *ch)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct sockaddr_storage addr;
	int ret;

	if (!uv_ip4_addr(ch->host, ch->conf.port, (struct sockaddr_in *)&addr) ||
	    !uv_ip6_addr(ch->host, ch->conf.port, (struct sockaddr_in6 *)&addr)) {
		connect_to(ch, (struct sockaddr *)&addr);
		return 0;
	}
	ch->look_up.data = ch;
	ret = uv_getaddrinfo(ch->conf.loop, &ch->look_up, on_look_up, ch->host, NULL, &hints);
	if (!ret)
		ch->conn.handles++;
	return ret;
}

static struct grpc_channel *make(const struct grpc_channel_conf *conf)
{
	struct grpc_channel *ch = calloc(1, sizeof(*ch));
	bool v6 = strchr(conf->host, ':');

	if (!ch)
		return NULL;
	ch->conf = *conf;
	if (!ch->conf.connect_ms)
		ch->conf.connect_ms = CONNECT_MS;
	if (!ch->conf.message_max)
		ch->conf.message_max = GRPC_MESSAGE_MAX;
	TAILQ_INIT(&ch->calls);
	snprintf(ch->host, sizeof(ch->host), "%s", conf->host);
	ch->conf.host = ch->host;
	snprintf(ch->authority, sizeof(ch->authority), v6 ? "[%s]:%u" : "%s:%u", ch->host,
		 conf->port);
	return ch;
}

int grpc_channel_open(const struct grpc_channel_conf *conf, struct grpc_channel **out)
{
	struct grpc_channel *ch;
	int ret;

	if (!conf->host || !conf->host[0] || strlen(conf->host) >= GRPC_HOST_MAX || !conf->port)
		return -EINVAL;
	ch = make(conf);
	if (!ch)
		return -ENOMEM;
	ret = conn_init(&ch->conn, conf->loop, &ops);
	if (ret) {
		free(ch);
		return ret;
	}
	tls_ref(ch->conf.tls);
	conn_patience(&ch->conn, ch->conf.connect_ms);
	ret = begin(ch);
	if (ret)
		conn_doom(&ch->conn, "look-up of %s: %s", ch->host, uv_strerror(ret));
	*out = ch;
	return 0;
}

bool grpc_channel_up(const struct grpc_channel *ch)
{
	return conn_usable(&ch->conn) && !ch->away;
}

void grpc_channel_close(struct grpc_channel *ch)
{
	if (!ch || ch->closed)
		return;
	ch->closed = true;
	if (ch->conn.dead) {
		call_end_all(ch, GRPC_UNAVAILABLE, "the connection has ended");
		if (!ch->conn.handles)
			release(ch);
		return;
	}
	call_end_all(ch, GRPC_CANCELLED, "the channel is closed");
	uv_cancel((uv_req_t *)&ch->look_up);
	conn_close(&ch->conn);
}
