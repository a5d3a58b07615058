/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server of intent is asked, and what it refuses. */
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

const char *nemo_url(const struct link *link, char buf[NEMO_URL_MAX], const char *part, ...)
{
	const char *tenant = link->ctl->text[CTL_OPT_TENANT], *name, *value;
	char segment[1024];
	va_list ap;
	size_t n = (size_t)snprintf(buf, NEMO_URL_MAX, "%s/v1/nemo%s", link->base, part);
	char before = '?';

	if (tenant) {
		n += (size_t)snprintf(buf + n, NEMO_URL_MAX - n, "?tenant=%s",
				      http_segment(tenant, segment, sizeof(segment)));
		before = '&';
	}
	va_start(ap, part);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (!value || n >= NEMO_URL_MAX)
			continue;
		n += (size_t)snprintf(buf + n, NEMO_URL_MAX - n, "%c%s=%s", before, name,
				      http_segment(value, segment, sizeof(segment)));
		before = '&';
	}
	va_end(ap);
	return buf;
}

/* It was sent, perhaps as a whole: it may have been done. */
static bool is_open(int failed)
{
	return failed == -ETIMEDOUT || failed == -ECONNRESET || failed == -EPROTO ||
	       failed == -EFBIG || failed == -ENOMEM;
}

static int ask(struct link *link, const struct fetch_conf *conf, bool changes)
{
	int status = link_ask(link, conf);

	if (status == CTL_UNREACHABLE && changes && is_open(link->failed))
		fputs("sanctl: whether it came into force is open: see `sanctl nemo status` and "
		      "`history`\n",
		      stderr);
	return status;
}

void nemo_say_detail(const json_t *problem, const char *otherwise)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	OWN_PTR char *text = detail ? strdup(detail) : NULL;

	fprintf(stderr, "sanctl: %s\n", text ? table_clean(text, "") : otherwise);
}

/* An answer that is none of 2xx. */
static int refused(const struct link *link, const struct nemo_request *request)
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
			nemo_say_detail(problem, detail);
		else
			link_say(link, &err, 0);
	}
	if (json_integer_value(json_object_get(problem, "done")))
		fprintf(stderr, "sanctl: %lld of %lld statements are in force, as revision %lld\n",
			(long long)json_integer_value(json_object_get(problem, "done")),
			(long long)json_integer_value(json_object_get(problem, "units")),
			(long long)json_integer_value(json_object_get(problem, "revision")));
	json_decref(problem);
	return link->code == 404 ? CTL_NOT_FOUND : CTL_REFUSED;
}

static int read_answer(struct link *link, const struct nemo_request *request, json_t **out)
{
	struct err err = {};

	if (request->text || !link->len)
		return CTL_OK;
	if (json_parse(link->body, link->len, out, &err) == 0)
		return CTL_OK;
	err_set(&err, -EPROTO, "", NULL, "answers with something that is not JSON");
	err_object(&err, "server %s", link->server);
	return link_say(link, &err, CTL_UNREACHABLE);
}

int nemo_call(struct link *link, const struct nemo_request *request, json_t **out)
{
	struct fetch_conf conf = link_conf(link, request->url);
	OWN_PTR char *json = request->json ? json_text(request->json) : NULL;
	char match[64];
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
	conf.safe = !request->changes;
	conf.timeout_ms += request->commit ? NEMO_COMMIT_MS : 0;
	status = ask(link, &conf, request->changes);
	if (status)
		return status;
	if (link->code / 100 != 2)
		return refused(link, request);
	return read_answer(link, request, out);
}
