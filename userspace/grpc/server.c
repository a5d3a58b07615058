/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listening socket and its connections. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/server_int.h"

#define BACKLOG 1024

/* ---- a connection ---- */

static void settings(const struct conn *c, nghttp2_settings_entry *entry)
{
	const struct peer *peer = (const struct peer *)c;

	*entry = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
					  peer->server->conf.max_streams};
}

static void on_up(struct conn *c)
{
}

static bool wants_ping(const struct conn *c)
{
	return true;
}

static void detach(struct peer *peer)
{
	struct grpc_server *server = peer->server;

	server_count(peer, peer->queued, 0);
	TAILQ_REMOVE(&server->peers, peer, link);
	server->stats.connections--;
	peer->server = NULL;
}

static void on_ended(struct conn *c, const char *why)
{
	struct peer *peer = (struct peer *)c;

	stream_close_all(peer);
	if (peer->server)
		detach(peer);
}

static void on_freed(struct conn *c)
{
	struct peer *peer = (struct peer *)c;

	stream_free_all(peer);
	free(peer);
}

static const struct conn_ops ops = {
	.callbacks = stream_callbacks,
	.settings = settings,
	.frame = stream_frame,
	.up = on_up,
	.ended = on_ended,
	.flushed = stream_flushed,
	.ping = wants_ping,
	.tick = stream_tick,
	.freed = on_freed,
};

static void name_peer(struct peer *peer)
{
	struct sockaddr_storage addr;
	int len = sizeof(addr);
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "0";

	if (!uv_tcp_getpeername(&peer->conn.tcp, (struct sockaddr *)&addr, &len))
		getnameinfo((struct sockaddr *)&addr, (socklen_t)len, host, sizeof(host), port,
			    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(peer->name, sizeof(peer->name), strchr(host, ':') ? "[%.48s]:%.8s" : "%.48s:%.8s",
		 host, port);
}

static void take(struct grpc_server *server, struct peer *peer)
{
	peer->server = server;
	peer->conn.server = true;
	TAILQ_INSERT_TAIL(&server->peers, peer, link);
	server->stats.connections++;
	server->stats.accepted++;
	name_peer(peer);
	conn_patience(&peer->conn, GRPC_HANDSHAKE_MS);
	conn_start(&peer->conn, server->conf.tls, NULL);
}

static void handle_closed(struct grpc_server *server)
{
	if (--server->handles)
		return;
	grpc_tls_free(server->conf.tls);
	free(server);
}

static void turn_away(struct grpc_server *server);

static void on_turned_away(uv_handle_t *handle)
{
	struct grpc_server *server = handle->data;

	server->turning = false;
	if (server->again && !server->closed)
		turn_away(server);
	handle_closed(server);
}

/* The client learns at once that it is not welcome. A connection that nobody accepts would keep
 * the listener from going on. */
static void turn_away(struct grpc_server *server)
{
	server->again = server->turning;
	if (server->turning || uv_tcp_init(server->tcp.loop, &server->spare))
		return;
	server->turning = true;
	server->handles++;
	server->spare.data = server;
	server->stats.refused++;
	uv_accept((uv_stream_t *)&server->tcp, (uv_stream_t *)&server->spare);
	uv_close((uv_handle_t *)&server->spare, on_turned_away);
}

static struct peer *peer_new(const struct grpc_server *server)
{
	struct peer *peer = NULL;

	if (server->stats.connections < server->conf.max_connections)
		peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	TAILQ_INIT(&peer->streams);
	if (!conn_init(&peer->conn, server->tcp.loop, &ops))
		return peer;
	free(peer);
	return NULL;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct grpc_server *server = listener->data;
	struct peer *peer = status ? NULL : peer_new(server);

	if (peer && !uv_accept(listener, (uv_stream_t *)&peer->conn.tcp)) {
		take(server, peer);
		return;
	}
	if (peer)
		conn_close(&peer->conn);
	else if (!status)
		turn_away(server);
}

static void end_greediest(struct grpc_server *server)
{
	struct peer *peer, *worst = NULL;

	TAILQ_FOREACH(peer, &server->peers, link)
	if (!worst || peer->queued > worst->queued)
		worst = peer;
	if (worst)
		conn_doom(&worst->conn, "%zu bytes wait for it, most of more than %zu in all",
			  worst->queued, server->conf.max_memory);
}

void server_count(struct peer *peer, size_t before, size_t after)
{
	struct grpc_server *server = peer->server;

	peer->queued += after - before;
	if (!server)
		return;
	server->stats.queued += after - before;
	if (after > before && server->stats.queued > server->conf.max_memory)
		end_greediest(server);
}

/* ---- the server ---- */

static int listen_at(struct grpc_server *server, struct err *err)
{
	const struct grpc_server_conf *conf = &server->conf;
	struct sockaddr_storage addr;
	int len = sizeof(addr), ret;

	if (uv_ip4_addr(conf->address, conf->port, (struct sockaddr_in *)&addr) &&
	    uv_ip6_addr(conf->address, conf->port, (struct sockaddr_in6 *)&addr))
		return err_set(err, -EINVAL, "/address", conf->address,
			       "must be an IPv4 or IPv6 address");
	ret = uv_tcp_bind(&server->tcp, (struct sockaddr *)&addr, 0);
	if (!ret)
		ret = uv_listen((uv_stream_t *)&server->tcp, BACKLOG, on_connection);
	if (ret)
		return err_set(err, ret, "/address", conf->address, "cannot listen at port %u: %s",
			       conf->port, uv_strerror(ret));
	uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&addr, &len);
	server->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
							: ((struct sockaddr_in *)&addr)->sin_port);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void set_defaults(struct grpc_server_conf *conf)
{
	if (!conf->message_max)
		conf->message_max = GRPC_MESSAGE_MAX;
	if (!conf->max_connections)
		conf->max_connections = GRPC_SERVER_CONNECTIONS;
	if (!conf->max_streams)
		conf->max_streams = GRPC_SERVER_STREAMS;
	if (!conf->max_memory)
		conf->max_memory = GRPC_SERVER_MEMORY;
}

int grpc_server_open(const struct grpc_server_conf *conf, struct grpc_server **out, struct err *err)
{
	struct grpc_server *server = calloc(1, sizeof(*server));
	int ret;

	if (!server)
		return err_set(err, -ENOMEM, "", "", "no memory");
	server->conf = *conf;
	set_defaults(&server->conf);
	TAILQ_INIT(&server->peers);
	ret = uv_tcp_init(conf->loop, &server->tcp);
	if (ret) {
		free(server);
		return err_set(err, ret, "", "", "no socket: %s", uv_strerror(ret));
	}
	server->tcp.data = server;
	server->handles = 1;
	tls_ref(server->conf.tls);
	ret = listen_at(server, err);
	server->conf.address = NULL;
	if (ret) {
		uv_close((uv_handle_t *)&server->tcp, on_closed);
		return ret;
	}
	*out = server;
	return 0;
}

uint16_t grpc_server_port(const struct grpc_server *server)
{
	return server->port;
}

void grpc_server_close(struct grpc_server *server)
{
	struct peer *peer;

	if (!server || server->closed)
		return;
	server->closed = true;
	/* What a callback ends is no longer in the list: always the first. */
	while ((peer = TAILQ_FIRST(&server->peers))) {
		conn_close(&peer->conn);
		stream_close_all(peer);
		if (peer->server)
			detach(peer);
	}
	uv_close((uv_handle_t *)&server->tcp, on_closed);
}

void grpc_server_stats(const struct grpc_server *server, struct grpc_server_stats *out)
{
	*out = server->stats;
}
