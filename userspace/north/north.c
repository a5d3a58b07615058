/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "north/north.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "north/alto.h"
#include "north/database.h"
#include "north/nemo.h"
#include "north/tls.h"

#define FLUSH_ROUNDS 20 /* of at most FLUSH_MS each, at close */
#define FLUSH_MS 10
#define FUTILE_ROUNDS 8 /* of TLS in which nothing moved; then a pause */
#define FUTILE_MS 20

static const struct north_access *access_conf(const struct north_conf *conf, int which)
{
	return which == ACCESS_ALTO ? &conf->alto : &conf->nemo;
}

/* ---- libmicrohttpd on the loop ---- */

static int epoll_fd(const struct engine *engine)
{
	return MHD_get_daemon_info(engine->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static void on_timer(uv_timer_t *timer)
{
	north_drive(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	north_drive(((struct engine *)poll->data)->north);
}

static void on_again(uv_idle_t *idle)
{
	north_drive(idle->data);
}

/* Milliseconds until it wants to run again, -1: not before something happens. */
static int64_t run(struct engine *engine)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (!engine->mhd)
		return -1;
	MHD_run(engine->mhd);
	if (MHD_get_timeout(engine->mhd, &timeout) != MHD_YES)
		return -1;
	return timeout > INT32_MAX ? INT32_MAX : (int64_t)timeout;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/*
 * libmicrohttpd 0.9.75 takes a connection whose TLS handshake waits for the client as ready for
 * ever. When nothing moves, it is not: what comes in wakes the loop anyway.
 */
static int64_t run_tls(struct north *n)
{
	int64_t timeout = -1;

	for (int i = 0; i < ACCESS_MAX; i++)
		timeout = sooner(timeout, run(&n->engines[ENGINE_TLS + i]));
	n->futile = n->moved == n->moved_seen ? n->futile + 1 : 0;
	n->moved_seen = n->moved;
	return timeout == 0 && n->futile > FUTILE_ROUNDS ? FUTILE_MS : timeout;
}

void north_drive(struct north *n)
{
	int64_t plain = run(&n->engines[ENGINE_PLAIN]), soonest = sooner(plain, run_tls(n));

	uv_idle_stop(&n->again);
	uv_timer_stop(&n->timer);
	if (soonest == 0) /* others come first: a timer would run before them */
		uv_idle_start(&n->again, on_again);
	else if (soonest > 0)
		uv_timer_start(&n->timer, on_timer, (uint64_t)soonest, 0);
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

/* Its messages are about single sockets and for its authors: not asked for. files: NULL = clear
 * text. */
static int start_mhd(struct north *n, int which, const struct tls_files *files, unsigned int idle_s,
		     struct err *err)
{
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, files ? files->cert : NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, files ? files->key : NULL},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITY},
		{files && files->ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
		 files ? files->ca : NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none = {MHD_OPTION_END, 0, NULL};

	n->engines[which].mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
			(files ? MHD_USE_TLS : 0),
		0, NULL, NULL, rest_on_request, n, MHD_OPTION_CONNECTION_LIMIT,
		2 * NORTH_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)NORTH_HEADER_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, idle_s ? idle_s : NORTH_IDLE_S,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		rest_on_completed, n, MHD_OPTION_NOTIFY_CONNECTION, accept_on_notify, n,
		MHD_OPTION_ARRAY, files ? tls : &none, MHD_OPTION_END);
	if (!n->engines[which].mhd)
		return err_set(err, -EIO, "", NULL, "libmicrohttpd does not start%s",
			       files ? " with TLS" : "");
	return 0;
}

static int start_tls(struct north *n, int which, const struct north_conf *conf, struct err *err)
{
	struct tls_files files = {0};
	int r = tls_load(access_conf(conf, which), &files, err);

	r = r ? r : start_mhd(n, ENGINE_TLS + which, &files, conf->idle_s, err);
	tls_files_fini(&files);
	return r;
}

static int start_engines(struct north *n, const struct north_conf *conf, struct err *err)
{
	int r = start_mhd(n, ENGINE_PLAIN, NULL, conf->idle_s, err);

	for (int i = 0; r == 0 && i < ACCESS_MAX; i++) {
		if (n->access[i].tls)
			r = start_tls(n, i, conf, err);
	}
	return r;
}

static void stop_engines(struct north *n)
{
	for (int i = 0; i < ENGINE_MAX; i++) {
		if (n->engines[i].mhd)
			MHD_stop_daemon(n->engines[i].mhd);
		n->engines[i].mhd = NULL;
	}
}

/* ---- handles ---- */

static int add_poll(struct north *n, uv_poll_t *poll, int fd, uv_poll_cb on_event, bool *open)
{
	int r = uv_poll_init(n->conf.loop, poll, fd);

	if (r)
		return r;
	*open = true;
	n->handles++;
	return uv_poll_start(poll, UV_READABLE, on_event);
}

static int add_polls(struct north *n)
{
	int r = 0;

	for (int i = 0; r == 0 && i < ENGINE_MAX; i++) {
		struct engine *engine = &n->engines[i];

		engine->north = n;
		engine->poll.data = engine;
		if (engine->mhd)
			r = add_poll(n, &engine->poll, epoll_fd(engine), on_readable,
				     &engine->polled);
	}
	for (int i = 0; r == 0 && i < LISTEN_MAX; i++) {
		struct listener *listener = &n->listeners[i];

		listener->north = n;
		listener->poll.data = listener;
		if (listener->fd >= 0)
			r = add_poll(n, &listener->poll, listener->fd, accept_on_readable,
				     &listener->polled);
	}
	return r;
}

static int add_handles(struct north *n, struct err *err)
{
	int r = uv_timer_init(n->conf.loop, &n->timer);

	uv_idle_init(n->conf.loop, &n->again);
	uv_timer_init(n->conf.loop, &n->turns);
	uv_timer_init(n->conf.loop, &n->observe.wake);
	n->turns.data = n->timer.data = n->again.data = n;
	uv_timer_init(n->conf.loop, &n->observe.patience);
	n->observe.wake.data = n->observe.patience.data = n;
	n->handles += 5;
	r = r ? r : add_polls(n);
	return r ? err_set(err, r, "", NULL, "event loop: %s", uv_strerror(r)) : 0;
}

static void north_free(struct north *n)
{
	observe_free(n);
	alto_free(n);
	nemo_free(n);
	for (int i = 0; i < ACCESS_MAX; i++)
		auth_fini(&n->access[i].auth);
	free(n);
}

void north_release(struct north *n)
{
	if (--n->handles)
		return;
	north_free(n);
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

static void on_engine_closed(uv_handle_t *handle)
{
	struct engine *engine = handle->data;

	north_release(engine->north);
}

/* ---- life ---- */

static struct north *north_new(const struct north_conf *conf)
{
	struct north *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->conf = *conf;
	n->conf.unix_path = n->conf.tcp = n->conf.name = NULL;
	n->conf.alto = n->conf.nemo = (struct north_access){0};
	snprintf(n->name, sizeof(n->name), "%s", conf->name ? conf->name : "");
	n->opened_us = clock_us();
	n->turn_s = conf->turn_s ? conf->turn_s : NORTH_TURN_S;
	n->access[ACCESS_ALTO].what = "for ALTO";
	n->access[ACCESS_ALTO].max_conns = NORTH_ALTO_CONNECTIONS;
	n->access[ACCESS_NEMO].what = "for intent";
	n->access[ACCESS_NEMO].max_conns = NORTH_NEMO_CONNECTIONS;
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
	for (int i = 0; r == 0 && i < ACCESS_MAX; i++)
		r = listen_access(n, i, access_conf(conf, i), err);
	return r;
}

static void say_listening(const struct north *n, const struct north_conf *conf)
{
	if (n->listeners[LISTEN_TCP].fd >= 0)
		log_info("rest interface listens", "tcp=%s port=%u", conf->tcp, north_tcp_port(n));
	if (n->unix_path[0])
		log_info("rest interface listens", "unix=%s", n->unix_path);
	for (unsigned int i = 0; i < conf->alto.n_listen; i++)
		log_info("alto service listens", "address=%s port=%u tls=%s", conf->alto.listen[i],
			 north_alto_port(n, i), n->access[ACCESS_ALTO].tls ? "yes" : "no");
	for (unsigned int i = 0; i < conf->nemo.n_listen; i++)
		log_info("intent service listens", "address=%s port=%u tls=%s",
			 conf->nemo.listen[i], north_nemo_port(n, i),
			 n->access[ACCESS_NEMO].tls ? "yes" : "no");
}

int north_open(const struct north_conf *conf, struct north **out, struct err *err)
{
	struct north *n = north_new(conf);
	int r = 0;

	if (!n)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; r == 0 && i < ACCESS_MAX; i++)
		r = auth_open(n, i, access_conf(conf, i), err);
	r = r ? r : start_listening(n, conf, err);
	r = r ? r : start_engines(n, conf, err);
	r = r ? r : add_handles(n, err);
	if (r == 0 && (observe_open(n) || alto_open(n) || nemo_open(n)))
		r = err_set(err, -ENOMEM, "", NULL, "no memory");
	if (r) {
		if (err && !err->object[0])
			err_object(err, "REST interface");
		north_close(n);
		return r;
	}
	say_listening(n, conf);
	*out = n;
	return 0;
}

/* MHD sends what it has while the clients take it. */
static void flush(struct north *n)
{
	struct pollfd pfds[ENGINE_MAX];

	for (int i = 0; i < ENGINE_MAX; i++)
		pfds[i] = (struct pollfd){
			.fd = n->engines[i].mhd ? epoll_fd(&n->engines[i]) : -1,
			.events = POLLIN,
		};
	for (int i = 0; i < FLUSH_ROUNDS; i++) {
		for (int k = 0; k < ENGINE_MAX; k++) {
			if (n->engines[k].mhd)
				MHD_run(n->engines[k].mhd);
		}
		if (!n->reqs)
			return;
		poll(pfds, ENGINE_MAX, FLUSH_MS);
	}
}

static void stop_requests(struct north *n)
{
	struct req *next;

	n->closing = true;
	observe_stop(n);
	alto_stop(n);
	nemo_stop(n);
	database_forget(n);
	for (struct req *req = n->reqs; req; req = req->next)
		rest_abort(req);
	flush(n);
	stop_engines(n);
	for (struct req *req = n->reqs; req; req = next) { /* held by a write in flight */
		next = req->next;
		rest_leave_share(req);
		req->north = NULL;
		req->prev = req->next = NULL;
	}
	n->reqs = NULL;
}

static void close_polls(struct north *n)
{
	for (int i = 0; i < LISTEN_MAX; i++) {
		if (n->listeners[i].polled)
			uv_close((uv_handle_t *)&n->listeners[i].poll, on_listener_closed);
	}
	for (int i = 0; i < ENGINE_MAX; i++) {
		if (n->engines[i].polled)
			uv_close((uv_handle_t *)&n->engines[i].poll, on_engine_closed);
	}
}

void north_close(struct north *n)
{
	close_polls(n);
	listen_close(n);
	if (n->spare_fd >= 0)
		close(n->spare_fd);
	if (n->handles == 0) { /* north_open failed early */
		stop_engines(n);
		north_free(n);
		return;
	}
	stop_requests(n);
	uv_close((uv_handle_t *)&n->timer, on_closed);
	uv_close((uv_handle_t *)&n->again, on_closed);
	uv_close((uv_handle_t *)&n->turns, on_closed);
	uv_close((uv_handle_t *)&n->observe.wake, on_closed);
	uv_close((uv_handle_t *)&n->observe.patience, on_closed);
}

uint16_t north_tcp_port(const struct north *n)
{
	return n->listeners[LISTEN_TCP].port;
}

uint16_t north_alto_port(const struct north *n, unsigned int i)
{
	return i < NORTH_LISTEN_MAX ? n->listeners[LISTEN_ALTO + i].port : 0;
}

uint16_t north_nemo_port(const struct north *n, unsigned int i)
{
	return i < NORTH_LISTEN_MAX ? n->listeners[LISTEN_NEMO + i].port : 0;
}
