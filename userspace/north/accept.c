/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections: who they are, how many there may be. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "north/tls.h"

#define ACCEPTS_AT_ONCE 16
#define SAY_EVERY_US 10000000 /* refused handshakes in the log */
#define TURNS_MS 500	      /* between looks at who is too slow */

/* ---- turns ---- */

void accept_turn(struct conn *conn, enum conn_turn turn)
{
	conn->turn = turn;
	conn->until_us = turn == TURN_OURS ? 0 : clock_us() + conn->north->turn_s * 1000000ull;
}

/* MHD sees the end of the connection and cleans up. */
static void end_turn(struct conn *conn)
{
	struct err err = {0};

	log_debug("rest client too slow", "peer=%s turn=%s", conn->peer,
		  conn->turn == TURN_ASK ? "request" : "answer");
	if (conn->turn == TURN_ASK) {
		err_set(&err, -ETIMEDOUT, "", NULL, "must be sent within %u s",
			conn->north->turn_s);
		err_object(&err, "request");
		rest_raw_problem(conn, 408, &err);
	}
	shutdown(conn->fd, SHUT_RDWR);
	conn->until_us = 0;
}

static void on_turns(uv_timer_t *timer)
{
	struct north *n = timer->data;
	uint64_t now_us = clock_us();

	for (struct conn *conn = n->conns; conn; conn = conn->next) {
		if (conn->until_us && now_us >= conn->until_us)
			end_turn(conn);
	}
}

/* ---- connections ---- */

static void conn_free(struct conn *conn)
{
	struct north *n = conn->north;

	if (conn->prev)
		conn->prev->next = conn->next;
	else
		n->conns = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	if (--n->n_conns == 0)
		uv_timer_stop(&n->turns);
	if (conn->only)
		conn->only->n_conns--;
	conn->share->conns -= conn->tcp;
	share_put(conn->share);
	free(conn);
}

/* NULL: a listener for all. */
static struct access *access_of(struct north *n, const struct listener *listener)
{
	ptrdiff_t i = listener - &n->listeners[LISTEN_ALTO];

	return i < 0 ? NULL : &n->access[i / NORTH_LISTEN_MAX];
}

/* Of the listener it came by. */
static void set_kind(struct conn *conn, struct north *n, const struct listener *listener)
{
	conn->tcp = listener != &n->listeners[LISTEN_UNIX];
	conn->only = access_of(n, listener);
	conn->tls = conn->only && conn->only->tls;
}

static struct conn *conn_new(struct north *n, int fd, const struct listener *listener,
			     const char *peer, struct share *share)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->north = n;
	conn->fd = fd;
	set_kind(conn, n, listener);
	conn->share = share_ref(share);
	share->conns += conn->tcp;
	if (conn->only)
		conn->only->n_conns++;
	accept_turn(conn, TURN_ASK);
	snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
	conn->next = n->conns;
	if (conn->next)
		conn->next->prev = conn;
	n->conns = conn;
	if (n->n_conns++ == 0)
		uv_timer_start(&n->turns, on_turns, TURNS_MS, TURNS_MS);
	return conn;
}

void accept_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
		      enum MHD_ConnectionNotificationCode code)
{
	struct north *n = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = n->accepting;
		if (n->accepting) {
			n->accepting->mhd = mhd;
			tls_begin(n->accepting);
		}
		n->accepting = NULL;
	} else if (*context) {
		conn_free(*context);
		*context = NULL;
	}
}

static void unix_peer(int fd, char *buf, size_t size)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		snprintf(buf, size, "unix");
	else
		snprintf(buf, size, "uid:%u,pid:%d", cred.uid, cred.pid);
}

static void tcp_peer(const struct sockaddr_storage *addr, char *buf, size_t size)
{
	const void *ip = addr->ss_family == AF_INET6
				 ? (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr
				 : (const void *)&((const struct sockaddr_in *)addr)->sin_addr;

	if (!inet_ntop(addr->ss_family, ip, buf, size))
		snprintf(buf, size, "tcp");
}

/* Takes fd. Before a TLS handshake there is nothing that could be said. */
static void refuse(struct north *n, int fd, const struct listener *listener, const char *peer,
		   const char *whose, unsigned int max)
{
	struct conn conn = {.fd = fd};
	struct err err = {0};

	err_set(&err, -EAGAIN, "", NULL, "at most %u connections %s: try again later", max, whose);
	set_kind(&conn, n, listener);
	rest_raw_problem(&conn, 503, &err);
	close(fd);
	log_debug("rest connection refused", "peer=%s max=%u", peer, max);
}

static const struct engine *engine_of(const struct north *n, const struct conn *conn)
{
	return &n->engines[conn->tls ? ENGINE_TLS + (conn->only - n->access) : ENGINE_PLAIN];
}

/* Takes fd. The address is made up: a unix client's own one would not fit where MHD looks for it.
 */
static void admit(struct north *n, int fd, const struct listener *listener, const char *peer,
		  struct share *share)
{
	struct conn *conn = conn_new(n, fd, listener, peer, share);
	const struct sockaddr addr = {.sa_family = conn && conn->tcp ? AF_INET : AF_UNIX};

	n->accepting = conn;
	if (!n->accepting) {
		close(fd);
		return;
	}
	if (MHD_add_connection(engine_of(n, conn)->mhd, fd, &addr, sizeof(addr)) != MHD_YES &&
	    n->accepting)
		conn_free(n->accepting); /* else MHD has told its end already */
	n->accepting = NULL;
}

/* Without descriptors the backlog would keep the loop spinning: give up one to refuse with. */
static void refuse_without_fd(struct north *n, int listen_fd)
{
	int fd;

	if (!n->fds_said) /* once, until there are some again */
		log_warn("rest connection refused", "error=\"no file descriptors left\"");
	n->fds_said = true;
	if (n->spare_fd < 0)
		return;
	close(n->spare_fd);
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The port does not count, and of an IPv6 address half: it is what costs before anything is known.
 */
static bool may_shake_hands(struct north *n, const struct share *share)
{
	struct rate *rate = &n->handshakes;
	uint64_t now_us = clock_us();

	if (rate_take(rate, share->name, now_us))
		return true;
	rate->unsaid++;
	if (rate->said_us && now_us - rate->said_us < SAY_EVERY_US)
		return false;
	log_warn("tls connections come too fast",
		 "peer=%s max_per_s=%d max_per_s_of_peer=%d refused=%llu", share->name, RATE_ALL,
		 RATE_PARTY, (unsigned long long)rate->unsaid);
	rate->said_us = now_us;
	rate->unsaid = 0;
	return false;
}

/* Takes fd. */
static void judge(struct north *n, int fd, const struct listener *listener, const char *peer,
		  struct share *share)
{
	bool tcp = listener != &n->listeners[LISTEN_UNIX];
	const struct access *only = access_of(n, listener);

	if (only && only->tls && !may_shake_hands(n, share))
		close(fd);
	else if (n->n_conns >= NORTH_CONNECTIONS)
		refuse(n, fd, listener, peer, "in all", NORTH_CONNECTIONS);
	else if (only && only->n_conns >= only->max_conns)
		refuse(n, fd, listener, peer, only->what, only->max_conns);
	else if (tcp && share->conns >= NORTH_PER_PEER)
		refuse(n, fd, listener, peer, "from one address", NORTH_PER_PEER);
	else
		admit(n, fd, listener, peer, share);
}

/* False: nothing waits any more. */
static bool accept_one(struct north *n, const struct listener *listener)
{
	bool tcp = listener != &n->listeners[LISTEN_UNIX];
	struct sockaddr_storage addr = {0};
	socklen_t len = sizeof(addr);
	char peer[REST_PEER_LEN];
	struct share *share;
	int fd =
		accept4(listener->fd, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			refuse_without_fd(n, listener->fd);
		return false;
	}
	n->fds_said = false;
	if (tcp)
		tcp_peer(&addr, peer, sizeof(peer));
	else
		unix_peer(fd, peer, sizeof(peer));
	share = tcp ? share_address(&n->shares, &addr) : share_unix(&n->shares);
	if (share)
		judge(n, fd, listener, peer, share);
	else
		close(fd);
	share_put(share);
	return true;
}

void accept_on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	struct north *n = listener->north;

	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		if (!accept_one(n, listener))
			break;
	}
	north_drive(n);
}
