/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 64 /* the status line is enough */

struct probe {
	const struct probe_conf *conf;
	probe_cb changed;
	void *arg;
	struct probe_state state;
	uv_timer_t timer; /* next attempt, or end of patience in the present one */
	struct attempt *attempt;
};

/* One connection. Outlives a closed probe until libuv has closed its handle. */
struct attempt {
	struct probe *probe; /* NULL: result is not wanted any more */
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	char request[AGENT_PATH_MAX + 160];
	char answer[ANSWER_MAX];
	size_t len;
};

static void start_attempt(uv_timer_t *timer);

static void on_attempt_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* Ends the attempt without a judgement. */
static struct probe *detach(struct attempt *attempt)
{
	struct probe *probe = attempt->probe;

	if (!probe)
		return NULL;
	attempt->probe = NULL;
	probe->attempt = NULL;
	uv_close((uv_handle_t *)&attempt->tcp, on_attempt_closed);
	uv_timer_start(&probe->timer, start_attempt, probe->conf->interval_ms, 0);
	return probe;
}

static void finish(struct attempt *attempt, bool ok, const char *why)
{
	struct probe *probe = detach(attempt);

	if (probe && probe_judge(&probe->state, ok, probe->conf->failures))
		probe->changed(probe->arg, probe->state.up, why);
}

/* What this process lacks says nothing about the instance. */
static bool is_ours(int rc)
{
	return rc == UV_EMFILE || rc == UV_ENFILE || rc == UV_ENOMEM || rc == UV_ENOBUFS;
}

static void fail(struct attempt *attempt, int rc)
{
	if (is_ours(rc))
		detach(attempt);
	else
		finish(attempt, false, uv_strerror(rc));
}

static void give_up(uv_timer_t *timer)
{
	struct probe *probe = timer->data;

	finish(probe->attempt, false, "no answer in time");
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct attempt *attempt = handle->data;

	*buf = uv_buf_init(attempt->answer + attempt->len,
			   (unsigned int)(sizeof(attempt->answer) - attempt->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct attempt *attempt = stream->data;
	char why[48];
	int status;

	if (n > 0)
		attempt->len += (size_t)n;
	if (n >= 0 && attempt->len < 12)
		return;
	status = probe_http_status(attempt->answer, attempt->len);
	if (status < 0) {
		finish(attempt, false, n < 0 ? "closes without an answer" : "speaks no HTTP");
		return;
	}
	snprintf(why, sizeof(why), "answers HTTP status %d", status);
	finish(attempt, status >= 200 && status < 400, why);
}

static void on_written(uv_write_t *req, int status)
{
	if (status && status != UV_ECANCELED)
		fail(req->data, status);
}

static void ask(struct attempt *attempt)
{
	const struct probe_conf *conf = attempt->probe->conf;
	uv_stream_t *stream = (uv_stream_t *)&attempt->tcp;
	uv_buf_t buf;
	int rc;

	snprintf(attempt->request, sizeof(attempt->request),
		 "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: san-agent\r\n\r\n", conf->path,
		 conf->host);
	buf = uv_buf_init(attempt->request, (unsigned int)strlen(attempt->request));
	attempt->write.data = attempt;
	rc = uv_write(&attempt->write, stream, &buf, 1, on_written);
	if (!rc)
		rc = uv_read_start(stream, on_alloc, on_read);
	if (rc)
		fail(attempt, rc);
}

static void on_connect(uv_connect_t *req, int status)
{
	struct attempt *attempt = req->data;

	if (!attempt->probe)
		return;
	if (status)
		fail(attempt, status);
	else if (attempt->probe->conf->kind == PROBE_TCP)
		finish(attempt, true, "accepts connections");
	else
		ask(attempt);
}

static void start_attempt(uv_timer_t *timer)
{
	struct probe *probe = timer->data;
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	int rc;

	if (!attempt) {
		uv_timer_start(timer, start_attempt, probe->conf->interval_ms, 0);
		return;
	}
	attempt->probe = probe;
	probe->attempt = attempt;
	uv_tcp_init(timer->loop, &attempt->tcp);
	attempt->tcp.data = attempt;
	attempt->connect.data = attempt;
	uv_timer_start(timer, give_up, probe->conf->timeout_ms, 0);
	rc = uv_tcp_connect(&attempt->connect, &attempt->tcp,
			    (const struct sockaddr *)&probe->conf->addr, on_connect);
	if (rc)
		fail(attempt, rc);
}

int probe_open(uv_loop_t *loop, const struct probe_conf *conf, probe_cb changed, void *arg,
	       struct probe **out)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return -ENOMEM;
	probe->conf = conf;
	probe->changed = changed;
	probe->arg = arg;
	uv_timer_init(loop, &probe->timer);
	probe->timer.data = probe;
	uv_timer_start(&probe->timer, start_attempt, 0, 0);
	*out = probe;
	return 0;
}

static void on_probe_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void probe_close(struct probe *probe)
{
	if (!probe)
		return;
	if (probe->attempt) {
		probe->attempt->probe = NULL;
		uv_close((uv_handle_t *)&probe->attempt->tcp, on_attempt_closed);
	}
	uv_close((uv_handle_t *)&probe->timer, on_probe_closed);
}
