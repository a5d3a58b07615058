/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server of intent: asked over its socket, loopback or TLS, one request after the other. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/nemo.h"
#include "sanctl/table.h"
#include "util/http.h"
#include "util/json.h"
#include "util/own.h"

/* ---- where ---- */

static int find_base(struct link *link)
{
	const char *server = link->ctl->server;
	size_t len = strlen(server);

	if (!strncmp(server, "unix:", 5))
		link->unix_path = server + 5;
	else if (server[0] == '/')
		link->unix_path = server;
	if (link->unix_path) {
		snprintf(link->base, sizeof(link->base), "http://localhost");
		return CTL_OK;
	}
	if (strncmp(server, "http://", 7) != 0 && strncmp(server, "https://", 8) != 0)
		return usage_error(link->verb,
				   "--server \"%.80s\" must be unix:/PATH, http://ADDRESS:PORT or "
				   "https://ADDRESS:PORT",
				   server);
	if (len && server[len - 1] == '/')
		len--;
	if (len >= sizeof(link->base))
		return usage_error(link->verb, "--server must be at most %zu bytes",
				   sizeof(link->base) - 1);
	snprintf(link->base, sizeof(link->base), "%.*s", (int)len, server);
	return CTL_OK;
}

const char *link_path(const struct link *link, char buf[LINK_PATH_MAX], const char *part, ...)
{
	const char *tenant = link->ctl->text[CTL_OPT_TENANT], *name, *value;
	char segment[1024];
	va_list ap;
	size_t n = (size_t)snprintf(buf, LINK_PATH_MAX, "/v1/nemo%s", part);
	char before = '?';

	if (tenant) {
		n += (size_t)snprintf(buf + n, LINK_PATH_MAX - n, "?tenant=%s",
				      http_segment(tenant, segment, sizeof(segment)));
		before = '&';
	}
	va_start(ap, part);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (!value || n >= LINK_PATH_MAX)
			continue;
		n += (size_t)snprintf(buf + n, LINK_PATH_MAX - n, "%c%s=%s", before, name,
				      http_segment(value, segment, sizeof(segment)));
		before = '&';
	}
	va_end(ap);
	return buf;
}

struct fetch_conf link_conf(const struct link *link, const char *path, char *url, size_t size)
{
	const char *const *text = link->ctl->text;

	snprintf(url, size, "%s%s", link->base, path);
	return (struct fetch_conf){
		.url = url,
		.unix_path = link->unix_path,
		.token = link->token,
		.ca = text[CTL_OPT_CA],
		.cert = text[CTL_OPT_CERT],
		.key = text[CTL_OPT_KEY],
		.connect_ms = link->ctl->timeout_ms,
		.timeout_ms = link->ctl->timeout_ms,
		.max = HTTP_ANSWER_MAX,
	};
}

int link_open(struct link *link, struct ctl *ctl, const struct verb *verb)
{
	const char *const *text = ctl->text;

	*link = (struct link){.ctl = ctl, .verb = verb};
	if (!text[CTL_OPT_CERT] != !text[CTL_OPT_KEY])
		return usage_error(verb, "--cert and --key go together");
	if (find_base(link))
		return CTL_USAGE;
	if (text[CTL_OPT_TOKEN_FILE] && ctl_token(text[CTL_OPT_TOKEN_FILE], &link->token))
		return CTL_USAGE;
	if (uv_loop_init(&link->loop))
		return usage_error(verb, "cannot begin: no event loop");
	if (fetch_open(&link->loop, &link->fetch)) {
		uv_loop_close(&link->loop);
		return usage_error(verb, "cannot begin: no HTTP client");
	}
	return CTL_OK;
}

static void forget(struct link *link)
{
	free(link->body);
	link->body = NULL;
	link->len = 0;
	link->answered = false;
	link->failed = 0;
}

void link_close(struct link *link)
{
	if (link->fetch) {
		fetch_close(link->fetch);
		uv_run(&link->loop, UV_RUN_DEFAULT);
		uv_loop_close(&link->loop);
	}
	forget(link);
	free(link->token);
}

/* ---- one request ---- */

static void on_done(void *arg, const struct fetch_answer *answer)
{
	struct link *link = arg;

	link->answered = true;
	link->failed = answer->status;
	link->code = answer->code;
	link->err = answer->err;
	if (answer->status)
		return;
	link->body = malloc(answer->len + 1);
	if (!link->body) {
		link->failed = err_set(&link->err, -ENOMEM, "", NULL, "no memory");
		return;
	}
	memcpy(link->body, answer->body, answer->len);
	link->body[answer->len] = '\0';
	link->len = answer->len;
}

static int say(const struct link *link, const struct err *err, int status)
{
	char text[512];

	if (!link->ctl->quiet)
		fprintf(stderr, "sanctl: %s\n", err_text(err, text, sizeof(text)));
	return status;
}

/* It was sent, perhaps as a whole: it may have been done. */
static bool is_open(int failed)
{
	return failed == -ETIMEDOUT || failed == -ECONNRESET || failed == -EPROTO ||
	       failed == -EFBIG;
}

static int ask(struct link *link, const struct fetch_conf *conf, bool changes)
{
	static const struct fetch_ops ops = {.done = on_done};
	struct fetch_job *job = NULL;
	struct err err = {};

	forget(link);
	if (fetch_start(link->fetch, conf, &ops, link, &job, &err))
		return say(link, &err, CTL_USAGE);
	while (!link->answered)
		uv_run(&link->loop, UV_RUN_ONCE);
	if (link->failed)
		err_object(&link->err, "server %s", link->ctl->server);
	if (!link->failed)
		return CTL_OK;
	say(link, &link->err, 0);
	if (changes && is_open(link->failed))
		fputs("sanctl: whether it came into force is open: see `sanctl nemo status` and "
		      "`history`\n",
		      stderr);
	return CTL_UNREACHABLE;
}

void link_say_detail(const json_t *problem, const char *otherwise)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	OWN_PTR char *text = detail ? strdup(detail) : NULL;

	fprintf(stderr, "sanctl: %s\n", text ? table_clean(text, "") : otherwise);
}

/* An answer that is none of 2xx. */
static int refused(const struct link *link, const struct link_request *request)
{
	json_t *problem = NULL;
	const char *detail;
	struct err err = {};

	if (json_parse(link->body, link->len, &problem, NULL) == 0 && !link->ctl->quiet)
		nemo_say_json(problem, request->file, request->script, request->len);
	detail = json_string_value(json_object_get(problem, "detail"));
	if (!json_array_size(json_object_get(problem, "errors")) || !request->script) {
		err_set(&err, -EIO, "", NULL, "the server answers %ld", link->code);
		if (!link->ctl->quiet && detail)
			link_say_detail(problem, detail);
		else
			say(link, &err, 0);
	}
	if (json_integer_value(json_object_get(problem, "done")))
		fprintf(stderr, "sanctl: %lld of %lld statements are in force, as revision %lld\n",
			(long long)json_integer_value(json_object_get(problem, "done")),
			(long long)json_integer_value(json_object_get(problem, "units")),
			(long long)json_integer_value(json_object_get(problem, "revision")));
	json_decref(problem);
	return link->code == 404 ? CTL_NOT_FOUND : CTL_REFUSED;
}

static int read_answer(struct link *link, const struct link_request *request, json_t **out)
{
	struct err err = {};

	if (request->text || !link->len)
		return CTL_OK;
	if (json_parse(link->body, link->len, out, &err) == 0)
		return CTL_OK;
	err_set(&err, -EPROTO, "", NULL, "answers with something that is not JSON");
	err_object(&err, "server %s", link->ctl->server);
	return say(link, &err, CTL_UNREACHABLE);
}

int link_call(struct link *link, const struct link_request *request, json_t **out)
{
	char url[LINK_PATH_MAX + sizeof(link->base)], match[64];
	struct fetch_conf conf = link_conf(link, request->path, url, sizeof(url));
	OWN_PTR char *json = request->json ? json_text(request->json) : NULL;
	int status;

	*out = NULL;
	snprintf(match, sizeof(match), "\"%s\"", request->if_revision ? request->if_revision : "");
	conf.method = request->method;
	conf.accept = request->text ? "text/plain, application/problem+json"
				    : "application/json, application/problem+json";
	conf.body = request->script ? request->script : json;
	conf.body_len = request->script ? request->len : json ? strlen(json) : 0;
	conf.content_type = request->script ? "text/plain" : json ? "application/json" : NULL;
	conf.if_match = request->if_revision ? match : NULL;
	conf.timeout_ms += request->commit ? LINK_COMMIT_MS : 0;
	status = ask(link, &conf, request->changes);
	if (status)
		return status;
	if (link->code / 100 != 2)
		return refused(link, request);
	return read_answer(link, request, out);
}
