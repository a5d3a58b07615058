/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parties that ask for ALTO, and what they ask for to get at the limits. */
#ifndef TESTS_NORTH_LIMITS_RIG_H
#define TESTS_NORTH_LIMITS_RIG_H

#include "north/alto_updates.h"
#include "unit/north/alto_rig.h"

#define FILTER "Content-Type: application/alto-costmapfilter+json\r\n"
#define STREAM "Content-Type: application/alto-updatestreamparams+json\r\n"
#define NUMERICAL "\"cost-type\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"}"
#define COSTS "{" NUMERICAL ",\"pids\":{\"srcs\":[],\"dsts\":[]}}"
#define MAP "{\"add\":{\"m\":{\"resource-id\":\"domains\"}}}"

static inline struct shares *shares_of(struct rig *rig)
{
	return &rig->north->shares;
}

static inline void say(struct peer *peer, const char *text)
{
	peer_send(peer, text, strlen(text));
}

static inline struct share *address(struct shares *all, const char *text)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in6 *in6 = (void *)&addr;
	struct sockaddr_in *in = (void *)&addr;

	addr.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(addr.ss_family, text,
				   addr.ss_family == AF_INET6 ? (void *)&in6->sin6_addr
							      : (void *)&in->sin_addr),
			 1);
	return share_address(all, &addr);
}

static inline void check_busy(struct rig *rig, const struct place *at, const char *request,
			      const char *type, const char *body, const char *want)
{
	char value[256];
	struct got g;

	ask_at(rig, at, request, type, body, &g);
	assert_problem(&g.a, 503, "", want);
	assert_string_equal(header_of(&g, "Retry-After", value), "5");
	got_free(&g);
}

static inline void post(struct peer *peer, const char *path, const char *type, const char *body)
{
	char *text;
	int n = asprintf(&text,
			 "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
			 path, type, strlen(body), body);

	assert_true(n > 0);
	peer_send(peer, text, n);
	free(text);
}

/* The server's end of a connection over TCP, NULL: it was not accepted yet. */
static inline const struct conn *other_end(const struct rig *rig, const struct peer *peer)
{
	struct sockaddr_in own = {0}, from = {0};
	const struct conn *conn;
	socklen_t len;

	len = sizeof(own);
	assert_int_equal(getsockname(peer->fd, (struct sockaddr *)&own, &len), 0);
	for (conn = rig->north->conns; conn; conn = conn->next) {
		len = sizeof(from);
		if (conn->tcp && getpeername(conn->fd, (struct sockaddr *)&from, &len) == 0 &&
		    from.sin_port == own.sin_port)
			return conn;
	}
	return NULL;
}

/* With small buffers of the kernel what is sent stays with the server. */
static inline void open_slow(struct rig *rig, const struct place *at, struct peer *peer, int size)
{
	assert_int_equal(peer_open(rig, at, peer), 0);
	rig_until(rig, other_end(rig, peer));
	setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(other_end(rig, peer)->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

#endif
