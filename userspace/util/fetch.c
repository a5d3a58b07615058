/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/fetch_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FETCH_IDLE_CONNECTIONS 16L /* kept open for what is asked next */

struct fetch_socket {
	struct fetch *fetch;
	uv_poll_t poll;
	curl_socket_t fd;
	int events; /* curl waits for */
};

/* ---- ends ---- */

static void release(struct fetch *fetch)
{
	if (--fetch->handles)
		return;
	free(fetch);
	curl_global_cleanup();
}

static void on_silence_closed(uv_handle_t *handle)
{
	struct fetch_job *job = handle->data;
	struct fetch *fetch = job->fetch;

	free(job->body);
	free(job);
	release(fetch);
}

static void on_late_closed(uv_handle_t *handle)
{
	struct fetch_job *job = handle->data;

	uv_close((uv_handle_t *)&job->silence, on_silence_closed);
}

static void unlink_job(struct fetch_job *job)
{
	*job->link = job->next;
	if (job->next)
		job->next->link = job->link;
}

/* Not from within curl. */
static void end_job(struct fetch_job *job)
{
	unlink_job(job);
	if (job->begun)
		curl_multi_remove_handle(job->fetch->multi, job->easy);
	curl_easy_cleanup(job->easy);
	curl_slist_free_all(job->headers);
	uv_timer_stop(&job->silence);
	uv_close((uv_handle_t *)&job->late, on_late_closed);
}

static void on_fetch_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void end_all(struct fetch *fetch)
{
	while (fetch->jobs)
		end_job(fetch->jobs);
	curl_multi_cleanup(fetch->multi);
	uv_close((uv_handle_t *)&fetch->timer, on_fetch_closed);
	uv_close((uv_handle_t *)&fetch->kick, on_fetch_closed);
}

static void reap(struct fetch *fetch)
{
	struct fetch_job *next;

	for (struct fetch_job *job = fetch->jobs; job; job = next) {
		next = job->next;
		if (job->gone)
			end_job(job);
	}
}

static void tell_end(struct fetch_job *job, CURLcode result)
{
	struct fetch_answer answer;

	fetch_answer_of(job, result, &answer);
	job->gone = true;
	job->ops.done(job->arg, &answer);
	if (!job->fetch->closing)
		end_job(job);
}

/* In the job's own place: nobody learns of it. Where it cannot be, *result says why. */
static bool begin_again(struct fetch_job *job, CURLcode *result)
{
	if (!fetch_may_repeat(job, *result))
		return false;
	curl_multi_remove_handle(job->fetch->multi, job->easy);
	job->begun = false;
	if (fetch_renew(job) || curl_multi_add_handle(job->fetch->multi, job->easy)) {
		*result = CURLE_OUT_OF_MEMORY;
		return false;
	}
	return job->begun = true;
}

static void tell_ends(struct fetch *fetch)
{
	CURLMsg *msg;
	int left;

	while (!fetch->closing && (msg = curl_multi_info_read(fetch->multi, &left))) {
		CURLcode result = msg->data.result;
		struct fetch_job *job = NULL;

		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &job);
		if (!job->gone && !begin_again(job, &result))
			tell_end(job, result);
	}
}

/* ---- curl and the loop ---- */

static void drive(struct fetch *fetch, curl_socket_t fd, int events)
{
	int running;

	if (fetch->closing)
		return;
	fetch->inside = true;
	curl_multi_socket_action(fetch->multi, fd, events, &running);
	fetch->inside = false;
	if (fetch->closing) {
		end_all(fetch);
		return;
	}
	reap(fetch);
	tell_ends(fetch);
}

/* Of an error libuv tells without what else there is, and looks no further; but an answer that came
 * before it is still to be read, perhaps in several turns. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct fetch_socket *s = poll->data;
	int flags = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_ERR : 0;

	if (status < 0)
		uv_poll_start(poll, s->events, on_poll);
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	drive(s->fetch, s->fd, flags);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct fetch_socket *s = handle->data;

	release(s->fetch);
	free(s);
}

static struct fetch_socket *socket_new(struct fetch *fetch, curl_socket_t fd)
{
	struct fetch_socket *s = calloc(1, sizeof(*s));

	if (!s || uv_poll_init_socket(fetch->loop, &s->poll, fd)) {
		free(s);
		return NULL;
	}
	s->fetch = fetch;
	s->fd = fd;
	s->poll.data = s;
	fetch->handles++;
	curl_multi_assign(fetch->multi, fd, s);
	return s;
}

/* Without memory nothing is polled, and the job's time runs out: an error here would end all. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct fetch *fetch = arg;
	struct fetch_socket *s = assigned;
	int events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (!s)
			return 0;
		curl_multi_assign(fetch->multi, fd, NULL);
		uv_poll_stop(&s->poll);
		uv_close((uv_handle_t *)&s->poll, on_socket_closed);
		return 0;
	}
	if (!s)
		s = socket_new(fetch, fd);
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	if (s) {
		s->events = events;
		uv_poll_start(&s->poll, events, on_poll);
	}
	return 0;
}

static void on_timeout(uv_timer_t *timer)
{
	drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* Never early: curl would not ask for the same moment twice. Nor in the same turn of the loop,
 * which runs timers of 0 ms again and again: a large answer would come in one. */
static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct fetch *fetch = arg;

	if (fetch->closing || ms < 0) {
		uv_timer_stop(&fetch->timer);
		return 0;
	}
	uv_update_time(fetch->loop);
	uv_timer_start(&fetch->timer, on_timeout, (uint64_t)ms + 1, 0);
	return 0;
}

static void on_silence(uv_timer_t *timer)
{
	struct fetch_job *job = timer->data;

	if (job->waits)
		return;
	job->silent = true;
	tell_end(job, CURLE_OPERATION_TIMEDOUT);
}

/* Not curl's limit: that one begins anew where curl sends again by itself. */
static void on_late(uv_timer_t *timer)
{
	struct fetch_job *job = timer->data;

	snprintf(job->why, sizeof(job->why), "not within %ld ms", job->timeout_ms);
	tell_end(job, CURLE_OPERATION_TIMEDOUT);
}

static void begin(struct fetch_job *job)
{
	job->begun = true;
	if (job->timeout_ms)
		uv_timer_start(&job->late, on_late, (uint64_t)job->timeout_ms, 0);
	if (job->silence_ms)
		uv_timer_start(&job->silence, on_silence, job->silence_ms, job->silence_ms);
	if (curl_multi_add_handle(job->fetch->multi, job->easy)) {
		job->begun = false;
		tell_end(job, CURLE_OUT_OF_MEMORY);
	}
}

/* What curl has kept comes from within this call. */
static void go_on(struct fetch_job *job)
{
	struct fetch *fetch = job->fetch;
	CURLcode result;

	job->waits = false;
	if (job->silence_ms)
		uv_timer_again(&job->silence);
	fetch->inside = true;
	result = curl_easy_pause(job->easy, CURLPAUSE_CONT);
	fetch->inside = job->goes_on = false;
	if (fetch->closing) {
		end_all(fetch);
		return;
	}
	if (result && !job->gone)
		tell_end(job, result);
	if (fetch->closing)
		return;
	reap(fetch);
	tell_ends(fetch);
}

static void on_kick(uv_timer_t *timer)
{
	struct fetch *fetch = timer->data;
	struct fetch_job *job = fetch->jobs;

	/* From the first again after each: what is told may end others. */
	while (job && !fetch->closing) {
		if (job->gone || (job->begun && !job->goes_on)) {
			job = job->next;
			continue;
		}
		if (job->goes_on)
			go_on(job);
		else
			begin(job);
		job = fetch->jobs;
	}
}

/* ---- interface ---- */

static int multi_open(struct fetch *fetch)
{
	fetch->multi = curl_multi_init();
	if (!fetch->multi)
		return -ENOMEM;
	if (curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
	    curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch) ||
	    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timer) ||
	    curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch) ||
	    curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, FETCH_IDLE_CONNECTIONS)) {
		curl_multi_cleanup(fetch->multi);
		return -EIO;
	}
	return 0;
}

int fetch_open(uv_loop_t *loop, struct fetch **out)
{
	struct fetch *fetch;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -EIO;
	fetch = calloc(1, sizeof(*fetch));
	r = fetch ? multi_open(fetch) : -ENOMEM;
	if (r) {
		free(fetch);
		curl_global_cleanup();
		return r;
	}
	fetch->loop = loop;
	uv_timer_init(loop, &fetch->timer);
	uv_timer_init(loop, &fetch->kick);
	fetch->timer.data = fetch->kick.data = fetch;
	fetch->handles = 2;
	*out = fetch;
	return 0;
}

void fetch_close(struct fetch *fetch)
{
	if (!fetch || fetch->closing)
		return;
	fetch->closing = true;
	for (struct fetch_job *job = fetch->jobs; job; job = job->next)
		job->gone = true;
	if (!fetch->inside)
		end_all(fetch);
}

static void link_job(struct fetch *fetch, struct fetch_job *job)
{
	job->fetch = fetch;
	job->next = fetch->jobs;
	job->link = &fetch->jobs;
	if (job->next)
		job->next->link = &job->next;
	fetch->jobs = job;
	uv_timer_init(fetch->loop, &job->silence);
	uv_timer_init(fetch->loop, &job->late);
	job->silence.data = job->late.data = job;
	fetch->handles++;
	uv_timer_start(&fetch->kick, on_kick, 0, 0);
}

int fetch_start(struct fetch *fetch, const struct fetch_conf *conf, const struct fetch_ops *ops,
		void *arg, struct fetch_job **out, struct err *err)
{
	struct fetch_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	job->ops = *ops;
	job->arg = arg;
	r = fetch_request(job, conf, err);
	if (r) {
		curl_easy_cleanup(job->easy);
		curl_slist_free_all(job->headers);
		free(job);
		return r;
	}
	link_job(fetch, job);
	*out = job;
	return 0;
}

void fetch_go_on(struct fetch_job *job)
{
	if (!job || job->gone || !job->waits)
		return;
	job->goes_on = true;
	uv_timer_start(&job->fetch->kick, on_kick, 0, 0);
}

char *fetch_take_body(struct fetch_job *job)
{
	char *body = job->body;

	job->body = NULL;
	return body;
}

void fetch_cancel(struct fetch_job *job)
{
	if (!job || job->gone)
		return;
	job->gone = true;
	if (!job->fetch->inside)
		end_job(job);
}
