/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Media types of requests and answers, RFC 9110 sections 8.3, 12.5. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "north/rest.h"

#define JSON "application/json"
#define NDJSON "application/x-ndjson"
#define PROBLEM "application/problem+json"

static size_t skip_blank(const char **text, size_t len)
{
	while (len && (**text == ' ' || **text == '\t')) {
		(*text)++;
		len--;
	}
	return len;
}

/* Type and subtype of `text` (len bytes), without parameters; `type` may have some. */
static bool is_type(const char *text, size_t len, const char *type)
{
	size_t want = strcspn(type, ";");

	len = skip_blank(&text, len);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ';' || text[i] == ' ' || text[i] == '\t')
			len = i;
	}
	return len == want && strncasecmp(text, type, len) == 0;
}

/* "text/\*" */
static bool is_range_of(const char *text, size_t len, const char *type)
{
	char range[64];

	snprintf(range, sizeof(range), "%.*s/*", (int)strcspn(type, "/"), type);
	return is_type(text, len, range);
}

/* Parameter `name` of an element of a list; NULL: it has none. */
static const char *parameter(const char *text, size_t len, const char *name, size_t *n)
{
	size_t name_len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		const char *p = text + i + 1;
		size_t left = len - i - 1;

		if (text[i] != ';')
			continue;
		left = skip_blank(&p, left);
		if (left <= name_len || strncasecmp(p, name, name_len) != 0 || p[name_len] != '=')
			continue;
		p += name_len + 1;
		*n = strcspn(p, ";, \t");
		return p;
	}
	return NULL;
}

/* "q=0", "q=0.000": not wanted (RFC 9110, 12.4.2). */
static bool is_refused(const char *text, size_t len)
{
	size_t n = 0;
	const char *q = parameter(text, len, "q", &n);

	return q && n && q[0] == '0' && strspn(q, "0.") >= n;
}

/* RFC 9275, 7.2.1: the type of the root decides; without, or in quotes, is fine. */
static bool same_root(const char *text, size_t len, const char *type)
{
	size_t n = 0, want_n = 0;
	const char *want = parameter(type, strlen(type), "type", &want_n);
	const char *root = parameter(text, len, "type", &n);

	if (root && n > 2 && root[0] == '"' && root[n - 1] == '"') {
		root++;
		n -= 2;
	}
	return !want || !root || (n == want_n && strncasecmp(root, want, n) == 0);
}

/* A comma within quotes does not end an element. */
static size_t element_len(const char *text)
{
	bool quoted = false;
	size_t i;

	for (i = 0; text[i] && (quoted || text[i] != ','); i++)
		quoted ^= text[i] == '"';
	return i;
}

/* How exactly an element says `type`: 0 not at all, else the more the better (RFC 9110, 12.5.1). */
static int exactness(const char *text, size_t len, const char *type)
{
	size_t n;

	if (is_type(text, len, "*/*"))
		return 1;
	if (is_range_of(text, len, type))
		return 2;
	if (!is_type(text, len, type) || !same_root(text, len, type))
		return 0;
	return parameter(text, len, "type", &n) ? 4 : 3;
}

/* RFC 9110, 12.5.3 */
static int exactness_of_gzip(const char *text, size_t len, const char *type)
{
	if (is_type(text, len, "gzip") || is_type(text, len, "x-gzip"))
		return 2;
	return is_type(text, len, "*");
}

/* The most exact element decides; of equal ones, any that takes it. */
static bool accepts(const char *list, const char *type,
		    int (*exactness_of)(const char *text, size_t len, const char *type))
{
	bool good = false;
	int best = 0, exact;
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = element_len(list);
		exact = exactness_of(list, len, type);
		if (exact == 0 || exact < best)
			continue;
		good = !is_refused(list, len) || (good && exact == best);
		best = exact;
	}
	return good;
}

/* All lines of a header are one list (RFC 9110, 5.3). */
struct lines {
	const char *name;
	char *text; /* NULL: there is none */
	bool failed;
};

static enum MHD_Result add_line(void *cls, enum MHD_ValueKind kind, const char *key,
				const char *value)
{
	struct lines *lines = cls;
	size_t len = lines->text ? strlen(lines->text) : 0;
	char *text;

	if (strcasecmp(key, lines->name) != 0 || !value)
		return MHD_YES;
	text = realloc(lines->text, len + strlen(value) + 2);
	if (!text) {
		lines->failed = true;
		return MHD_NO;
	}
	sprintf(text + len, "%s%s", len ? "," : "", value);
	lines->text = text;
	return MHD_YES;
}

/* -ENOMEM. *out: NULL: there is none. */
static int list_of(const struct req *req, const char *name, char **out)
{
	struct lines lines = {.name = name};

	MHD_get_connection_values(req->conn, MHD_HEADER_KIND, add_line, &lines);
	if (lines.failed)
		free(lines.text);
	*out = lines.failed ? NULL : lines.text;
	return lines.failed ? -ENOMEM : 0;
}

static int check_accept(const struct req *req, const char *const *gives, struct err *err)
{
	OWN_PTR char *accept = NULL;

	if (!gives[0])
		return 0;
	if (list_of(req, "Accept", &accept))
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	if (!accept || !accept[0])
		return 0;
	for (int i = 0; i < REST_TYPES && gives[i]; i++) {
		if (accepts(accept, gives[i], exactness))
			return 0;
	}
	err_set(err, -EINVAL, "Accept", accept, "must allow %s", gives[0]);
	return err_object(err, "request header");
}

bool rest_takes(struct req *req, const char *type)
{
	const char *const gives[REST_TYPES] = {type};
	struct err err = {0};

	return check_accept(req, gives, &err) == 0;
}

static int check_content_type(struct req *req, const char *const *takes, struct err *err)
{
	const char *type = rest_asked(req->conn, "Content-Type");

	if (!takes[0])
		return 0;
	for (int i = 0; type && i < REST_TYPES && takes[i]; i++) {
		if (!is_type(type, strlen(type), takes[i]))
			continue;
		req->ndjson = strcmp(takes[i], NDJSON) == 0;
		return 0;
	}
	err_set(err, -EINVAL, "Content-Type", type, "must be %s%s%s", takes[0],
		takes[1] ? " or " : "", takes[1] ? takes[1] : "");
	return err_object(err, "request header");
}

unsigned int rest_media(struct req *req, struct err *err)
{
	static const char *const json[REST_TYPES] = {JSON, PROBLEM};
	static const char *const text[REST_TYPES] = {"text/plain"};
	static const char *const ndjson[REST_TYPES] = {NDJSON, PROBLEM};
	static const char *const events[REST_TYPES] = {"text/event-stream", JSON};
	static const char *const bodies[][REST_TYPES] = {
		[BODY_NONE] = {NULL},
		[BODY_JSON] = {JSON},
		[BODY_MERGE] = {JSON, "application/merge-patch+json"},
		[BODY_LARGE] = {JSON},
		[BODY_BATCH] = {JSON, NDJSON},
		[BODY_SNAPSHOT] = {NDJSON},
		[BODY_ALTO] = {NULL},
		[BODY_SCRIPT] = {"text/plain", "application/nemo"},
	};
	const struct rest_action *action = req->action;
	const char *const *gives = action->alto	    ? req->gives
				   : action->text   ? text
				   : action->ndjson ? ndjson
				   : action->events ? events
						    : json;

	if (check_accept(req, gives, err))
		return 406;
	if (check_content_type(req, req->takes[0] ? req->takes : bodies[action->body], err))
		return 415;
	return 0;
}

bool rest_takes_gzip(struct req *req)
{
	OWN_PTR char *list = NULL;

	return list_of(req, "Accept-Encoding", &list) == 0 && list &&
	       accepts(list, "gzip", exactness_of_gzip);
}
