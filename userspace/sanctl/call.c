/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alto/alto.h"
#include "sanctl/ctl.h"
#include "util/name.h"

#define TOKEN_MAX 4096

static int say(const struct ctl *ctl, const char *text, int status)
{
	if (!ctl->quiet)
		fprintf(stderr, "sanctl: %s\n", text);
	return status;
}

/* The problem's own detail is complete; http_problem would cut it. */
static int refused(const struct ctl *ctl, long status, const json_t *problem)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	struct err err = {};

	http_problem(status, problem, &err);
	return say(ctl, detail ? detail : err.want, status == 404 ? CTL_NOT_FOUND : CTL_REFUSED);
}

static int open_server(struct ctl *ctl)
{
	struct err err = {};
	char text[512];

	if (ctl->http)
		return CTL_OK;
	if (http_open(ctl->server, ctl->timeout_ms, &ctl->http, &err))
		return say(ctl, err_text(&err, text, sizeof(text)), CTL_USAGE);
	if (ctl->stop)
		http_stop_on(ctl->http, ctl->stop);
	return CTL_OK;
}

/* No answer: what was stopped on purpose needs no word. */
static int failed(const struct ctl *ctl, const struct err *err, int status)
{
	char text[512];

	if (ctl->stop && *ctl->stop)
		return CTL_UNREACHABLE;
	return say(ctl, err_text(err, text, sizeof(text)), status);
}

/* *out stays where it is of use. */
static int answered(const struct ctl *ctl, long status, json_t **out)
{
	int r;

	if (status >= 200 && status < 300)
		return CTL_OK;
	r = refused(ctl, status, *out);
	json_decref(*out);
	*out = NULL;
	return r;
}

int ctl_call(struct ctl *ctl, struct call *call, json_t **out)
{
	struct err err = {};
	int status = open_server(ctl);

	*out = NULL;
	if (status)
		return status;
	if (http_call(ctl->http, call->method, call->path, call->body, &call->status, out, &err))
		return failed(ctl, &err, CTL_UNREACHABLE);
	return answered(ctl, call->status, out);
}

int ctl_bulk(struct ctl *ctl, const char *method, const char *path, const struct http_bulk *bulk,
	     json_t **out)
{
	struct err err = {};
	long code = 0;
	int status = open_server(ctl);

	*out = NULL;
	if (status)
		return status;
	if (http_bulk(ctl->http, method, path, bulk, &code, out, &err))
		return failed(ctl, &err, err.code == -EIO ? CTL_REFUSED : CTL_UNREACHABLE);
	return answered(ctl, code, out);
}

int ctl_collect(struct ctl *ctl, const char *path, json_t **out)
{
	json_t *items = json_array(), *page = NULL;
	char url[CTL_PATH_MAX], segment[512];
	const char *next;
	int status;

	snprintf(url, sizeof(url), "%s", path);
	for (;;) {
		struct call call = {.method = "GET", .path = url};

		status = ctl_call(ctl, &call, &page);
		if (status)
			break;
		json_array_extend(items, json_object_get(page, "items"));
		next = json_string_value(json_object_get(page, "next"));
		if (!next)
			break;
		snprintf(url, sizeof(url), "%s?after=%s", path,
			 http_segment(next, segment, sizeof(segment)));
		json_decref(page);
	}
	json_decref(page);
	*out = status ? NULL : json_pack("{s:O}", "items", items);
	json_decref(items);
	return status;
}

int ctl_token(const char *name, char **out)
{
	FILE *file = fopen(name, "re");
	char line[TOKEN_MAX + 2] = "";

	if (!file || !fgets(line, sizeof(line), file)) {
		fprintf(stderr, "sanctl: %s: cannot be read, or is empty\n", name);
		if (file)
			fclose(file);
		return CTL_USAGE;
	}
	fclose(file);
	line[strcspn(line, "\r\n")] = '\0';
	if (!*line || strlen(line) > TOKEN_MAX) {
		fprintf(stderr, "sanctl: %s: its first line must be a token of 1..%d bytes\n", name,
			TOKEN_MAX);
		return CTL_USAGE;
	}
	*out = strdup(line);
	return *out ? CTL_OK : CTL_USAGE;
}

int ctl_path_args(const char *path)
{
	int n = 0;

	for (; *path; path++)
		n += *path == '%';
	return n;
}

struct builder {
	const struct verb *verb;
	char *buf;
	size_t len;
};

static void put(struct builder *to, const char *text, size_t len)
{
	if (to->len + len >= CTL_PATH_MAX)
		return; /* cannot happen: arguments are names of at most 63 bytes */
	memcpy(to->buf + to->len, text, len);
	to->len += len;
	to->buf[to->len] = '\0';
}

static int put_id(struct builder *to, const char *arg)
{
	char text[SVC_ID_TEXT];
	uint64_t id;

	if (svc_id_parse(arg, &id))
		return usage_error(to->verb, "service ID \"%.40s\" must be 0x101 or 257, not 0",
				   arg);
	svc_id_text(id, text);
	put(to, text, strlen(text));
	return CTL_OK;
}

static int put_name(struct builder *to, const char *arg)
{
	if (!name_valid(arg))
		return usage_error(to->verb, "name \"%.40s\" must match [A-Za-z0-9._-]{1,63}", arg);
	put(to, arg, strlen(arg));
	return CTL_OK;
}

/* ':' and '@' may stand in a path as they are (RFC 3986, 3.3). */
static int put_domain(struct builder *to, const char *arg)
{
	if (!alto_name_valid(arg))
		return usage_error(to->verb, "domain \"%.40s\" must match [A-Za-z0-9:@_-]{1,64}",
				   arg);
	put(to, arg, strlen(arg));
	return CTL_OK;
}

static int put_path(struct builder *to, const char *arg)
{
	const char *rest = arg;
	char part[NAME_LEN];

	for (int i = 0; i < 3; i++) {
		size_t len = strcspn(rest, "/");
		bool last = i == 2;

		snprintf(part, sizeof(part), "%.*s", (int)(len < NAME_LEN ? len : 0), rest);
		if (!name_valid(part) || (rest[len] == '\0') != last)
			return usage_error(
				to->verb,
				"path \"%.80s\" must be INGRESS/GATEWAY/PATH, three names", arg);
		put(to, part, len);
		put(to, "/", !last);
		rest += len + 1;
	}
	return CTL_OK;
}

int ctl_path(const struct verb *verb, struct args args, char buf[CTL_PATH_MAX])
{
	struct builder to = {.verb = verb, .buf = buf};
	int used = 0, status = CTL_OK;

	buf[0] = '\0';
	if (args.n < ctl_path_args(verb->path))
		return usage_error(verb, "arguments are missing: %s", verb->args);
	for (const char *p = verb->path; *p && !status; p++) {
		if (*p != '%') {
			put(&to, p, 1);
			continue;
		}
		p++;
		if (*p == 'i')
			status = put_id(&to, args.v[used++]);
		else if (*p == 'n')
			status = put_name(&to, args.v[used++]);
		else if (*p == 'd')
			status = put_domain(&to, args.v[used++]);
		else
			status = put_path(&to, args.v[used++]);
	}
	return status;
}

void ctl_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	putchar('\n');
}
