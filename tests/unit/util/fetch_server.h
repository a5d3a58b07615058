/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One HTTP server on loopback, a thread: a connection after the other, each request answered with
 * what the test wrote down, byte by byte as it is. With TLS where it has a certificate. */
#ifndef TESTS_FETCH_SERVER_H
#define TESTS_FETCH_SERVER_H

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct piece {
	const char *bytes;
	size_t len;	   /* 0 = of the text */
	int wait_ms;	   /* before it */
	unsigned int gate; /* sent when the server's is that far */
};

struct server {
	int fd;
	unsigned short port;
	pthread_t thread;
	const struct piece *pieces; /* the answer; NULL: none, the connection is kept open */
	unsigned int n_pieces;
	bool keep; /* the connection is left open afterwards, for the next request */
	/* So many requests are answered, of each connection and of all; what comes then is read,
	 * and the connection closed. 0 = no limit. */
	volatile unsigned int answers_each, answers;
	volatile bool abrupt;	  /* closed by a reset */
	unsigned int end_gate;	  /* closed when the gate is that far */
	unsigned int reset_after; /* so many answers of a connection, when they arrived; 0: none */
	volatile unsigned int ends; /* connections that are closed, in whatever way */
	const char *cert, *key;
	volatile unsigned int gate, sent; /* pieces */
	volatile bool stop;
	volatile unsigned int connections, requests, given_up; /* by the client */
	char seen[65536];				       /* the last request */
	gnutls_certificate_credentials_t cred;
	gnutls_session_t tls;
};

static inline ssize_t server_read(struct server *s, int fd, char *buf, size_t size)
{
	return s->tls ? gnutls_record_recv(s->tls, buf, size) : recv(fd, buf, size, 0);
}

static inline bool server_write(struct server *s, int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = s->tls ? gnutls_record_send(s->tls, bytes, len)
				   : send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0 || s->stop)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Readable, or the client is gone; false: the test is over. */
static inline bool server_wait(struct server *s, int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	while (!s->stop)
		if ((s->tls && gnutls_record_check_pending(s->tls)) || poll(&p, 1, 10) > 0)
			return true;
	return false;
}

static inline size_t server_body_len(const char *text)
{
	const char *line = strcasestr(text, "\r\ncontent-length:");

	return line ? strtoul(line + 17, NULL, 10) : 0;
}

static inline bool server_request(struct server *s, int fd)
{
	size_t len = 0;

	while (len < sizeof(s->seen) - 1 && server_wait(s, fd)) {
		ssize_t n = server_read(s, fd, s->seen + len, sizeof(s->seen) - 1 - len);
		const char *end;

		if (n <= 0)
			return false;
		len += (size_t)n;
		s->seen[len] = '\0';
		end = strstr(s->seen, "\r\n\r\n");
		if (end && len >= (size_t)(end + 4 - s->seen) + server_body_len(s->seen))
			return true;
	}
	return false;
}

static inline bool server_nap(struct server *s, int ms)
{
	for (; ms > 0 && !s->stop; ms -= 5)
		usleep(5000);
	return !s->stop;
}

static inline bool server_answer(struct server *s, int fd)
{
	for (unsigned int i = 0; i < s->n_pieces; i++) {
		const struct piece *p = &s->pieces[i];

		while (s->gate < p->gate && server_nap(s, 5))
			;
		if (!server_nap(s, p->wait_ms) ||
		    !server_write(s, fd, p->bytes, p->len ? p->len : strlen(p->bytes)))
			return false;
		s->sent++;
	}
	return true;
}

static inline void server_reset(int fd)
{
	const struct linger none = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

static inline bool server_ends(struct server *s, int fd, unsigned int nth)
{
	if ((!s->answers_each || nth <= s->answers_each) &&
	    (!s->answers || s->requests <= s->answers))
		return false;
	while (s->gate < s->end_gate && server_nap(s, 5))
		;
	if (s->abrupt)
		server_reset(fd);
	return true;
}

/* A reset takes back what is still under way. */
static inline bool server_resets(struct server *s, int fd, unsigned int nth)
{
	int left = 1;

	if (!s->reset_after || nth < s->reset_after)
		return false;
	while (!ioctl(fd, SIOCOUTQ, &left) && left && server_nap(s, 5))
		;
	server_reset(fd);
	return true;
}

static inline void server_talk(struct server *s, int fd)
{
	char junk[256];

	for (unsigned int nth = 1; server_request(s, fd); nth++) {
		s->requests++;
		if (server_ends(s, fd, nth))
			return;
		if (!s->pieces) {
			while (server_wait(s, fd) && server_read(s, fd, junk, sizeof(junk)) > 0)
				;
			s->given_up += !s->stop;
			return;
		}
		if (!server_answer(s, fd) || server_resets(s, fd, nth) || !s->keep)
			return;
	}
}

static inline bool server_tls(struct server *s, int fd)
{
	if (!s->cert)
		return true;
	gnutls_init(&s->tls, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
	gnutls_priority_set_direct(s->tls, "NORMAL", NULL);
	gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, s->cred);
	gnutls_transport_set_int(s->tls, fd);
	gnutls_handshake_set_timeout(s->tls, 60000);
	return gnutls_handshake(s->tls) == 0;
}

static inline void *server_run(void *arg)
{
	struct server *s = arg;

	while (server_wait(s, s->fd)) {
		int fd = accept(s->fd, NULL, NULL);

		if (fd < 0)
			continue;
		s->connections++;
		if (server_tls(s, fd))
			server_talk(s, fd);
		if (s->tls) {
			gnutls_bye(s->tls, GNUTLS_SHUT_WR);
			gnutls_deinit(s->tls);
		}
		s->tls = NULL;
		close(fd);
		s->ends++;
	}
	return NULL;
}

static inline int server_listen(unsigned short *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return -1;
	*port = ntohs(a.sin_port);
	return fd;
}

static inline int server_start(struct server *s)
{
	s->fd = server_listen(&s->port);
	if (s->fd < 0)
		return -1;
	if (s->cert &&
	    (gnutls_certificate_allocate_credentials(&s->cred) ||
	     gnutls_certificate_set_x509_key_file(s->cred, s->cert, s->key, GNUTLS_X509_FMT_PEM)))
		return -1;
	return pthread_create(&s->thread, NULL, server_run, s);
}

static inline void server_stop(struct server *s)
{
	s->stop = true;
	pthread_join(s->thread, NULL);
	close(s->fd);
	if (s->cred)
		gnutls_certificate_free_credentials(s->cred);
}

#endif
