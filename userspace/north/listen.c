/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the interface listens: a unix socket, TCP on loopback, TCP for ALTO or intent alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "north/server.h"

#define BACKLOG 128

/* ---- unix ---- */

static int sys_err(struct err *err, const char *path, const char *what)
{
	int code = -errno;

	return err_set(err, code, "", path, "%s: %s", what, strerror(-code));
}

/* A file of a sand that is gone refuses connections; whoever answers keeps it. */
static int remove_stale(const struct sockaddr_un *addr, struct err *err)
{
	OWN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0 : sys_err(err, addr->sun_path, "cannot be looked at");
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST, "", addr->sun_path,
			       "exists and is no socket: remove it or choose another path");
	if (fd < 0)
		return sys_err(err, addr->sun_path, "socket");
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		return err_set(err, -EADDRINUSE, "", addr->sun_path,
			       "is in use: another process listens there");
	if (errno != ECONNREFUSED)
		return sys_err(err, addr->sun_path, "cannot be tried");
	if (unlink(addr->sun_path) && errno != ENOENT)
		return sys_err(err, addr->sun_path, "is stale and cannot be removed");
	return 0;
}

/* Nobody can connect before listen(), so the mode is right in time. */
static int bind_unix(int fd, const struct sockaddr_un *addr, struct stat *st, struct err *err)
{
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return sys_err(err, addr->sun_path, "cannot be bound");
	if (chmod(addr->sun_path, 0660) || lstat(addr->sun_path, st) || listen(fd, BACKLOG)) {
		sys_err(err, addr->sun_path, "cannot be listened on");
		unlink(addr->sun_path);
		return err->code;
	}
	return 0;
}

int listen_unix(struct north *north, const char *path, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	OWN_FD int fd = -1;
	struct stat st;
	int r;

	if (path[0] != '/' || strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, -EINVAL, "", path,
			       "must be an absolute path of at most %zu bytes",
			       sizeof(addr.sun_path) - 1);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	r = remove_stale(&addr, err);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sys_err(err, path, "socket");
	r = bind_unix(fd, &addr, &st, err);
	if (r)
		return r;
	snprintf(north->unix_path, sizeof(north->unix_path), "%s", path);
	north->unix_dev = st.st_dev;
	north->unix_ino = st.st_ino;
	north->listeners[LISTEN_UNIX].fd = TAKE_FD(fd);
	return 0;
}

/* ---- TCP ---- */

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static int parse_port(const char *text, uint16_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long value = strtoul(text, NULL, 10);

	if (digits == 0 || digits > 5 || text[digits] || value > 65535)
		return -EINVAL;
	*port = htons(value);
	return 0;
}

/* "127.0.0.1:8080" or "[::1]:8080" */
static int parse_tcp(const char *text, union address *addr, struct err *err)
{
	char host[INET6_ADDRSTRLEN + 2] = "";
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint16_t port;

	memset(addr, 0, sizeof(*addr));
	if (len == 0 || len >= sizeof(host) || parse_port(colon + 1, &port))
		goto bad;
	memcpy(host, text, len);
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		addr->in6.sin6_family = AF_INET6;
		addr->in6.sin6_port = port;
		if (inet_pton(AF_INET6, host + 1, &addr->in6.sin6_addr) == 1)
			return 0;
	} else {
		addr->in.sin_family = AF_INET;
		addr->in.sin_port = port;
		if (inet_pton(AF_INET, host, &addr->in.sin_addr) == 1)
			return 0;
	}
bad:
	return err_set(err, -EINVAL, "", text, "must be like 127.0.0.1:8080 or [::1]:8080");
}

static bool is_loopback(const union address *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
	return ntohl(addr->in.sin_addr.s_addr) >> 24 == 127;
}

static int bind_tcp(int fd, const union address *addr, uint16_t *port)
{
	union address bound;
	socklen_t len = sizeof(bound);
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, &addr->sa,
		 addr->sa.sa_family == AF_INET6 ? sizeof(addr->in6) : sizeof(addr->in)) ||
	    listen(fd, BACKLOG) || getsockname(fd, &bound.sa, &len))
		return -errno;
	*port = ntohs(addr->sa.sa_family == AF_INET6 ? bound.in6.sin6_port : bound.in.sin_port);
	return 0;
}

static int open_tcp(struct listener *listener, const char *text, const union address *addr,
		    struct err *err)
{
	OWN_FD int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return sys_err(err, text, "socket");
	r = bind_tcp(fd, addr, &listener->port);
	if (r)
		return err_set(err, r, "", text, "cannot be listened on: %s", strerror(-r));
	listener->fd = TAKE_FD(fd);
	return 0;
}

int listen_tcp(struct north *north, const char *text, struct err *err)
{
	union address addr;
	int r = parse_tcp(text, &addr, err);

	if (r)
		return r;
	if (!is_loopback(&addr))
		return err_set(
			err, -EINVAL, "", text,
			"must be a loopback address; from elsewhere use an SSH tunnel to the unix socket");
	return open_tcp(&north->listeners[LISTEN_TCP], text, &addr, err);
}

/* ---- one scope alone ---- */

static int listen_one(struct listener *listener, bool tls, const char *text, struct err *err)
{
	union address addr;
	int r = parse_tcp(text, &addr, err);

	if (r)
		return r;
	if (!tls && !is_loopback(&addr))
		return err_set(err, -EINVAL, "", text,
			       "listening beyond loopback needs TLS: a certificate and its key");
	return open_tcp(listener, text, &addr, err);
}

int listen_access(struct north *north, int which, const struct north_access *conf, struct err *err)
{
	struct listener *first = &north->listeners[LISTEN_ALTO + which * NORTH_LISTEN_MAX];
	struct access *access = &north->access[which];
	int r = 0;

	if (conf->n_listen > NORTH_LISTEN_MAX)
		return err_set(err, -ENOSPC, "", NULL, "at most %d addresses %s, are %u",
			       NORTH_LISTEN_MAX, access->what, conf->n_listen);
	if (!conf->cert && (conf->key || conf->ca))
		return err_set(err, -EINVAL, "", conf->key ? conf->key : conf->ca,
			       "is of no use without a certificate");
	access->tls = conf->n_listen && conf->cert;
	for (unsigned int i = 0; r == 0 && i < conf->n_listen; i++)
		r = listen_one(&first[i], access->tls, conf->listen[i], err);
	return r;
}

void listen_close(struct north *north)
{
	struct stat st;

	for (int i = 0; i < LISTEN_MAX; i++) {
		if (north->listeners[i].fd >= 0)
			close(north->listeners[i].fd);
		north->listeners[i].fd = -1;
	}
	/* not if somebody else has put a new one there */
	if (north->unix_path[0] && lstat(north->unix_path, &st) == 0 &&
	    st.st_dev == north->unix_dev && st.st_ino == north->unix_ino)
		unlink(north->unix_path);
	north->unix_path[0] = 0;
}
