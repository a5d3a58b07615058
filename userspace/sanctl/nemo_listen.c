/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl nemo listen`: notifications as they come (server-sent events). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/nemo.h"
#include "sanctl/table.h"
#include "util/json.h"

#define SILENCE_MS 45000 /* the server says something every 15 s */
#define RETRY_MS 1000
#define RETRY_MAX_MS 60000
#define LINE_MAX_LEN (1u << 20)

struct listen {
	struct link *link;
	struct fetch_job *job;
	uv_timer_t retry, end;
	uv_signal_t signals[2];
	char last[24]; /* ID of the last event; "" = none */
	char id[24], event[32];
	char *line; /* what came of one */
	size_t len, cap;
	unsigned long left; /* events; 0 = no end */
	bool said;	    /* that the server is away */
	bool stopped;
	int status;
};

/* ---- events ---- */

static void print_event(const struct listen *l, const json_t *event)
{
	char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX], c[TABLE_CELL_MAX], d[TABLE_CELL_MAX],
		e[TABLE_CELL_MAX];

	if (l->link->ctl->json) {
		follow_print_json(event);
		return;
	}
	printf("%s  %s  %s -> %s: %s", l->id,
	       table_text(json_object_get(event, "time"), a, sizeof(a)),
	       table_text(json_object_get(event, "notification"), b, sizeof(b)),
	       table_text(json_object_get(event, "listener"), c, sizeof(c)),
	       table_text(json_object_get(event, "reason"), d, sizeof(d)));
	if (!json_is_null(json_object_get(event, "values")) && json_object_get(event, "values"))
		printf("  %s", table_text(json_object_get(event, "values"), e, sizeof(e)));
	putchar('\n');
}

static void stop(struct listen *l, int status)
{
	l->stopped = true;
	l->status = status;
	uv_stop(&l->link->loop);
}

static void take_event(struct listen *l, const char *data)
{
	json_t *event = NULL;

	if (json_parse(data, strlen(data), &event, NULL))
		return;
	if (!strcmp(l->event, "missed")) {
		fprintf(stderr, "sanctl: %lld notifications are not kept any more\n",
			(long long)json_integer_value(json_object_get(event, "missed")));
	} else {
		print_event(l, event);
		snprintf(l->last, sizeof(l->last), "%s", l->id);
		if (l->left && --l->left == 0)
			stop(l, CTL_OK);
	}
	fflush(stdout);
	json_decref(event);
}

/* Also one without data: it says where the stream is. */
static void end_event(struct listen *l)
{
	l->event[0] = '\0';
	snprintf(l->last, sizeof(l->last), "%s", l->id);
}

/* Data is one line here. */
static void take_line(struct listen *l, const char *line)
{
	if (!strncmp(line, "id: ", 4))
		snprintf(l->id, sizeof(l->id), "%.*s", (int)strspn(line + 4, "0123456789"),
			 line + 4);
	else if (!strncmp(line, "event: ", 7))
		snprintf(l->event, sizeof(l->event), "%.30s", line + 7);
	else if (!strncmp(line, "data: ", 6))
		take_event(l, line + 6);
	else if (!*line)
		end_event(l);
}

static int add(struct listen *l, char c)
{
	if (l->len + 1 >= l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 512;
		char *line = cap <= LINE_MAX_LEN ? realloc(l->line, cap) : NULL;

		if (!line)
			return -EFBIG;
		l->line = line;
		l->cap = cap;
	}
	l->line[l->len++] = c;
	l->line[l->len] = '\0';
	return 0;
}

static int on_piece(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	struct listen *l = arg;
	int r = 0;

	l->said = false;
	for (size_t i = 0; !r && i < len; i++) {
		if (bytes[i] != '\n') {
			r = add(l, bytes[i]);
			continue;
		}
		take_line(l, l->len ? l->line : "");
		l->len = 0;
		if (l->stopped)
			return -ECANCELED;
	}
	return r;
}

/* ---- connections ---- */

static void ask(struct listen *l);

static void on_retry(uv_timer_t *timer)
{
	ask(timer->data);
}

/* Once, until something comes again. */
static void say_away(struct listen *l, const struct fetch_answer *answer, const json_t *problem)
{
	struct err err = answer->err;
	char text[512];

	if (l->said)
		return;
	l->said = true;
	if (problem)
		nemo_say_detail(problem, "the server refuses");
	err_object(&err, "server %s", l->link->server);
	fprintf(stderr, "sanctl: %s; it is tried again\n",
		problem		 ? "the server has no stream now"
		: answer->status ? err_text(&err, text, sizeof(text))
				 : "the server ended the stream");
}

static uint64_t pause_ms(const struct fetch_answer *answer)
{
	uint64_t ms = (uint64_t)answer->retry_after_s * 1000;

	return ms < RETRY_MS ? RETRY_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
}

/* The first connection must hold: a mistake of the call is not tried again. */
static void on_done(void *arg, const struct fetch_answer *answer)
{
	struct listen *l = arg;
	json_t *problem = NULL;

	l->job = NULL;
	l->len = 0;
	/* of an event that did not come as a whole */
	l->event[0] = '\0';
	snprintf(l->id, sizeof(l->id), "%s", l->last);
	if (l->stopped)
		return;
	if (!answer->status && answer->code == 200 && l->link->ctl->text[CTL_OPT_KEPT]) {
		stop(l, CTL_OK);
		return;
	}
	if (!answer->status && answer->code >= 400 &&
	    json_parse(answer->body, answer->len, &problem, NULL))
		problem = json_object();
	if (problem && answer->code < 500) {
		nemo_say_detail(problem, "the server refuses");
		stop(l, answer->code == 404 ? CTL_NOT_FOUND : CTL_REFUSED);
	} else {
		say_away(l, answer, problem);
		uv_timer_start(&l->retry, on_retry, pause_ms(answer), 0);
	}
	json_decref(problem);
}

static void ask(struct listen *l)
{
	static const struct fetch_ops ops = {.piece = on_piece, .done = on_done};
	const char *const *text = l->link->ctl->text;
	char url[NEMO_URL_MAX];
	struct fetch_conf conf;
	struct err err = {};
	char line[512];

	nemo_url(l->link, url, "/events", "after", text[CTL_OPT_SINCE], "kept",
		 text[CTL_OPT_KEPT] ? "true" : NULL, NULL);
	conf = link_conf(l->link, url);
	conf.accept = "text/event-stream";
	conf.timeout_ms = 0;
	conf.silence_ms = SILENCE_MS;
	conf.max = 0;
	conf.last_event_id = l->last[0] ? l->last : NULL;
	if (fetch_start(l->link->fetch, &conf, &ops, l, &l->job, &err) == 0)
		return;
	fprintf(stderr, "sanctl: %s\n", err_text(&err, line, sizeof(line)));
	stop(l, CTL_USAGE);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	stop(handle->data, CTL_OK);
}

static void on_end(uv_timer_t *timer)
{
	stop(timer->data, CTL_OK);
}

static void follow(struct listen *l)
{
	static const int numbers[] = {SIGINT, SIGTERM};
	uv_loop_t *loop = &l->link->loop;

	uv_timer_init(loop, &l->retry);
	uv_timer_init(loop, &l->end);
	l->retry.data = l->end.data = l;
	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &l->signals[i]);
		l->signals[i].data = l;
		uv_signal_start(&l->signals[i], on_signal, numbers[i]);
	}
	if (l->link->ctl->number[CTL_OPT_SECONDS])
		uv_timer_start(&l->end, on_end, l->link->ctl->number[CTL_OPT_SECONDS] * 1000, 0);
	ask(l);
	uv_run(loop, UV_RUN_DEFAULT);
	fetch_cancel(l->job);
	uv_close((uv_handle_t *)&l->retry, NULL);
	uv_close((uv_handle_t *)&l->end, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&l->signals[i], NULL);
}

int run_nemo_listen(struct ctl *ctl, const struct verb *verb, struct args args)
{
	const char *since = ctl->text[CTL_OPT_SINCE];
	struct listen l = {.left = ctl->number[CTL_OPT_COUNT]};
	struct link link;
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument");
	if (since && (!*since || strspn(since, "0123456789") != strlen(since)))
		return usage_error(verb, "--since \"%.40s\" must be the number of an event", since);
	status = link_open(&link, ctl, verb, ctl->server);
	l.link = &link;
	if (!status) {
		follow(&l);
		status = l.status;
	}
	link_close(&link);
	free(l.line);
	return status;
}
