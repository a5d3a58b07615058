/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "north/north.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "north/database.h"
#include "north/server.h"

#define FLUSH_ROUNDS 20 /* of at most FLUSH_MS each, at close */
#define FLUSH_MS 10

/* ---- libmicrohttpd on the loop ---- */

static int epoll_fd(const struct north *n)
{
	return MHD_get_daemon_info(n->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static void on_timer(uv_timer_t *timer)
{
	north_drive(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	north_drive(poll->data);
}

void north_drive(struct north *n)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	MHD_run(n->mhd);
	if (MHD_get_timeout(n->mhd, &timeout) == MHD_YES)
		uv_timer_start(&n->timer, on_timer, timeout, 0);
	else
		uv_timer_stop(&n->timer);
}

void north_wake(struct north *n)
{
	uv_timer_start(&n->timer, on_timer, 0, 0);
}

/* Escapes are decoded by the router, segment by segment. */
static size_t keep_escapes(void *cls, struct MHD_Connection *conn, char *text)
{
	return strlen(text);
}

/* Its messages are about single sockets and for its authors: not asked for. */
static int start_mhd(struct north *n, unsigned int idle_s, struct err *err)
{
	n->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		rest_on_request, n, MHD_OPTION_CONNECTION_LIMIT, 2 * NORTH_CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)NORTH_HEADER_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, idle_s ? idle_s : NORTH_IDLE_S,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		rest_on_completed, n, MHD_OPTION_NOTIFY_CONNECTION, accept_on_notify, n,
		MHD_OPTION_END);
	if (!n->mhd)
		return err_set(err, -EIO, "", NULL, "libmicrohttpd does not start");
	return 0;
}

/* ---- handles ---- */

static int add_poll(struct north *n, uv_poll_t *poll, int fd, bool *open)
{
	int r = uv_poll_init(n->conf.loop, poll, fd);

	if (r)
		return r;
	*open = true;
	n->handles++;
	return uv_poll_start(poll, UV_READABLE,
			     poll == &n->poll ? on_readable : accept_on_readable);
}

static int add_handles(struct north *n, struct err *err)
{
	int r = uv_timer_init(n->conf.loop, &n->timer);

	uv_timer_init(n->conf.loop, &n->turns);
	uv_timer_init(n->conf.loop, &n->observe.wake);
	n->turns.data = n->timer.data = n->poll.data = n;
	uv_timer_init(n->conf.loop, &n->observe.patience);
	n->observe.wake.data = n->observe.patience.data = n;
	n->handles += 4;
	r = r ? r : add_poll(n, &n->poll, epoll_fd(n), &n->polled);
	for (int i = 0; r == 0 && i < LISTEN_MAX; i++) {
		struct listener *listener = &n->listeners[i];

		listener->north = n;
		listener->poll.data = listener;
		if (listener->fd < 0)
			continue;
		r = add_poll(n, &listener->poll, listener->fd, &listener->polled);
	}
	return r ? err_set(err, r, "", NULL, "event loop: %s", uv_strerror(r)) : 0;
}

void north_release(struct north *n)
{
	if (--n->handles)
		return;
	observe_free(n);
	free(n);
}

static void on_closed(uv_handle_t *handle)
{
	north_release(handle->data);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;

	north_release(listener->north);
}

/* ---- life ---- */

static struct north *north_new(const struct north_conf *conf)
{
	struct north *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->conf = *conf;
	n->conf.unix_path = n->conf.tcp = n->conf.name = NULL;
	snprintf(n->name, sizeof(n->name), "%s", conf->name ? conf->name : "");
	n->opened_us = clock_us();
	n->turn_s = conf->turn_s ? conf->turn_s : NORTH_TURN_S;
	n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < LISTEN_MAX; i++)
		n->listeners[i].fd = -1;
	return n;
}

static int start_listening(struct north *n, const struct north_conf *conf, struct err *err)
{
	int r = 0;

	if (conf->tcp)
		r = listen_tcp(n, conf->tcp, err);
	if (r == 0 && conf->unix_path)
		r = listen_unix(n, conf->unix_path, err);
	return r;
}

int north_open(const struct north_conf *conf, struct north **out, struct err *err)
{
	struct north *n = north_new(conf);
	int r;

	if (!n)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	signal(SIGPIPE, SIG_IGN);
	r = start_listening(n, conf, err);
	r = r ? r : start_mhd(n, conf->idle_s, err);
	r = r ? r : add_handles(n, err);
	if (r == 0 && observe_open(n))
		r = err_set(err, -ENOMEM, "", NULL, "no memory");
	if (r) {
		err_object(err, "REST interface");
		north_close(n);
		return r;
	}
	if (n->tcp_port)
		log_info("rest interface listens", "tcp=%s port=%u", conf->tcp, n->tcp_port);
	if (n->unix_path[0])
		log_info("rest interface listens", "unix=%s", n->unix_path);
	*out = n;
	return 0;
}

/* MHD sends what it has while the clients take it. */
static void flush(struct north *n)
{
	struct pollfd pfd = {.fd = epoll_fd(n), .events = POLLIN};

	for (int i = 0; i < FLUSH_ROUNDS; i++) {
		MHD_run(n->mhd);
		if (!n->reqs)
			return;
		poll(&pfd, 1, FLUSH_MS);
	}
}

static void stop_requests(struct north *n)
{
	struct req *next;

	n->closing = true;
	observe_stop(n);
	database_forget(n);
	for (struct req *req = n->reqs; req; req = req->next)
		rest_abort(req);
	flush(n);
	MHD_stop_daemon(n->mhd);
	for (struct req *req = n->reqs; req; req = next) { /* held by a write in flight */
		next = req->next;
		req->north = NULL;
		req->prev = req->next = NULL;
	}
	n->reqs = NULL;
}

void north_close(struct north *n)
{
	for (int i = 0; i < LISTEN_MAX; i++) {
		if (n->listeners[i].polled)
			uv_close((uv_handle_t *)&n->listeners[i].poll, on_listener_closed);
	}
	listen_close(n);
	if (n->spare_fd >= 0)
		close(n->spare_fd);
	if (n->handles == 0) { /* north_open failed early */
		if (n->mhd)
			MHD_stop_daemon(n->mhd);
		free(n);
		return;
	}
	if (n->polled)
		uv_close((uv_handle_t *)&n->poll, on_closed);
	stop_requests(n);
	uv_close((uv_handle_t *)&n->timer, on_closed);
	uv_close((uv_handle_t *)&n->turns, on_closed);
	uv_close((uv_handle_t *)&n->observe.wake, on_closed);
	uv_close((uv_handle_t *)&n->observe.patience, on_closed);
}

uint16_t north_tcp_port(const struct north *n)
{
	return n->tcp_port;
}
