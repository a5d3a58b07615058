/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/etcd.h"
#include "util/clock.h"

static void connect_now(struct etcd_link *link);

/* ---- one call ---- */

static void on_message(void *arg, const void *data, size_t len)
{
	struct etcd_unary *u = arg;

	u->link->heard_us = clock_us();
	u->answer = etcd_unpack(&u->arena, u->type, data, len);
}

static void on_end(void *arg, enum grpc_status status, const char *text, bool sent)
{
	struct etcd_unary *u = arg;

	u->call = NULL;
	if (status == GRPC_OK && !u->answer) {
		status = GRPC_INTERNAL;
		text = "the answer is malformed or missing";
	}
	u->done(u, status, text, sent);
}

int etcd_unary_start(struct etcd_unary *u, const char *path, const void *data, size_t len,
		     unsigned int deadline_ms)
{
	struct grpc_header headers[2];
	struct grpc_call_conf conf = {
		.path = path,
		.headers = headers,
		.n_headers = etcd_link_headers(u->link, headers),
		.deadline_ms = deadline_ms,
		.on_message = on_message,
		.on_end = on_end,
		.arg = u,
	};
	int rc;

	u->answer = NULL;
	rc = grpc_call_start(u->link->channel, &conf, &u->call);
	if (rc)
		return rc;
	rc = grpc_call_send(u->call, data, len, true);
	if (rc)
		etcd_unary_cancel(u);
	return rc;
}

void etcd_unary_cancel(struct etcd_unary *u)
{
	if (u->call)
		grpc_call_cancel(u->call);
	u->call = NULL;
}

/* ---- the link ---- */

size_t etcd_link_headers(const struct etcd_link *link, struct grpc_header out[2])
{
	out[0] = (struct grpc_header){"hasleader", "true"};
	out[1] = (struct grpc_header){"token", link->token};
	return link->token ? 2 : 1;
}

static void set_why(struct etcd_link *link, const char *why)
{
	/* Cut to its end: there the reason stands. */
	snprintf(link->why, sizeof(link->why), "%.60s: %.60s",
		 link->e->endpoints[link->endpoint].url, why && *why ? why : "connection lost");
}

static void close_channel(struct etcd_link *link)
{
	struct grpc_channel *channel = link->channel;

	etcd_unary_cancel(&link->login);
	link->channel = NULL;
	if (channel)
		grpc_channel_close(channel);
}

static void on_timer(uv_timer_t *timer)
{
	connect_now(timer->data);
}

void etcd_link_fail(struct etcd_link *link, const char *why)
{
	struct etcd *e = link->e;
	bool up = link->state == ETCD_UP;

	if (link->state == ETCD_WAITING)
		return;
	set_why(link, why);
	link->state = ETCD_WAITING;
	link->endpoint = (link->endpoint + 1) % e->n_endpoints;
	uv_timer_start(&link->timer, on_timer, link->backoff_ms, 0);
	link->backoff_ms *= 2;
	if (link->backoff_ms > ETCD_BACKOFF_MAX_MS)
		link->backoff_ms = ETCD_BACKOFF_MAX_MS;
	if (up)
		link->down(e);
	close_channel(link);
}

void etcd_link_good(struct etcd_link *link)
{
	link->backoff_ms = ETCD_BACKOFF_MIN_MS;
}

static void link_up(struct etcd_link *link)
{
	link->state = ETCD_UP;
	link->up(link->e);
}

/* ---- login ---- */

static bool login_failed(struct etcd_link *link, enum grpc_status status, const char *text)
{
	if (status == GRPC_OK)
		return false;
	/* As etcd's own client: a cluster that asks for no user gets none. */
	return !(status == GRPC_FAILED_PRECONDITION && text &&
		 strstr(text, "authentication is not enabled"));
}

static void on_login(struct etcd_unary *u, enum grpc_status status, const char *text, bool sent)
{
	struct etcd_link *link = u->link;
	Etcdserverpb__AuthenticateResponse *answer = u->answer;
	int error = etcd_error(status, text);

	if (login_failed(link, status, text)) {
		if (error == -EACCES || status == GRPC_UNIMPLEMENTED) {
			link->backoff_ms = ETCD_BACKOFF_MAX_MS;
			link->denied(link->e);
		}
		etcd_link_fail(link,
			       status == GRPC_UNIMPLEMENTED ? "the server knows no users" : text);
		return;
	}
	free(link->token);
	link->token = NULL;
	if (status == GRPC_OK)
		link->token = strdup(answer->token);
	etcd_arena_reset(&u->arena);
	link_up(link);
}

void etcd_link_login(struct etcd_link *link)
{
	struct etcd *e = link->e;
	Etcdserverpb__AuthenticateRequest msg = ETCDSERVERPB__AUTHENTICATE_REQUEST__INIT;
	size_t len;
	void *data;
	int rc;

	if (link->state == ETCD_LOGIN || !link->channel)
		return;
	free(link->token);
	link->token = NULL;
	link->state = ETCD_LOGIN;
	msg.name = e->user;
	msg.password = e->password;
	len = protobuf_c_message_get_packed_size(&msg.base);
	data = etcd_arena_alloc(&link->login.arena, len);
	if (!data) {
		etcd_link_fail(link, "out of memory");
		return;
	}
	protobuf_c_message_pack(&msg.base, data);
	rc = etcd_unary_start(&link->login, "/etcdserverpb.Auth/Authenticate", data, len,
			      e->deadline_ms);
	if (rc)
		etcd_link_fail(link, strerror(-rc));
}

/* ---- connection ---- */

static void on_up(void *arg)
{
	struct etcd_link *link = arg;

	link->heard_us = clock_us();
	if (link->e->user)
		etcd_link_login(link);
	else
		link_up(link);
}

static void on_down(void *arg, const char *why)
{
	etcd_link_fail(arg, why);
}

static void connect_now(struct etcd_link *link)
{
	struct etcd *e = link->e;
	const struct etcd_endpoint *ep = &e->endpoints[link->endpoint];
	struct grpc_channel_conf conf = {
		.loop = e->base.loop,
		.host = ep->host,
		.port = ep->port,
		.tls = ep->tls ? e->tls : NULL,
		.connect_ms = e->deadline_ms,
		.message_max = ETCD_ANSWER_MAX,
		.on_up = on_up,
		.on_down = on_down,
		.arg = link,
	};
	int rc;

	link->state = ETCD_CONNECTING;
	rc = grpc_channel_open(&conf, &link->channel);
	if (rc)
		etcd_link_fail(link, strerror(-rc));
}

void etcd_link_init(struct etcd_link *link, struct etcd *e)
{
	link->e = e;
	link->backoff_ms = ETCD_BACKOFF_MIN_MS;
	link->login.link = link;
	link->login.type = &etcdserverpb__authenticate_response__descriptor;
	link->login.done = on_login;
	uv_timer_init(e->base.loop, &link->timer);
	uv_unref((uv_handle_t *)&link->timer);
	link->timer.data = link;
}

/* Not from within open: nothing of it may be told before that returned. */
void etcd_link_start(struct etcd_link *link)
{
	link->state = ETCD_WAITING;
	uv_timer_start(&link->timer, on_timer, 0, 0);
}

void etcd_link_stop(struct etcd_link *link)
{
	uv_timer_stop(&link->timer);
	if (link->state == ETCD_UP)
		link->down(link->e);
	link->state = ETCD_WAITING;
	close_channel(link);
	free(link->token);
	link->token = NULL;
	etcd_arena_fini(&link->login.arena);
}
