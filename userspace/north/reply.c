/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers: objects, empty ones, and the one serialiser of problems. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "north/stream.h"
#include "north/tls.h"

#define JSON_TYPE "application/json"
#define PROBLEM_TYPE "application/problem+json"

char *rest_text(const json_t *value)
{
	/* 15 digits: every value of thousandths below 10^12 prints as it was written */
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

/* Part of every answer: false: there is one already. */
static bool begin(struct req *req, unsigned int status, const char *type)
{
	if (req->answered)
		return false;
	req->answered = true;
	req->status = status;
	req->type = type;
	return true;
}

static void wake(struct req *req)
{
	if (req->suspended && req->conn) {
		req->suspended = false;
		MHD_resume_connection(req->conn);
		north_wake(req->north);
	}
}

/* The only place that answers, with _blob. text is taken. */
static void answer(struct req *req, unsigned int status, char *text, const char *type)
{
	if (!begin(req, status, type)) {
		free(text);
		return;
	}
	req->answer = text;
	wake(req);
}

static void answer_json(struct req *req, unsigned int status, json_t *value, const char *type)
{
	char *text = value ? rest_text(value) : NULL;

	json_decref(value);
	if (!text)
		status = 500;
	answer(req, status, text, type);
}

void rest_json(struct req *req, unsigned int status, json_t *value)
{
	answer_json(req, status, value, JSON_TYPE);
}

void rest_object(struct req *req, unsigned int status, json_t *value, int64_t revision)
{
	snprintf(req->etag, sizeof(req->etag), "\"%" PRId64 "\"", revision);
	if (req->verb == REST_GET && rest_etag_matches(req, revision)) {
		json_decref(value);
		answer(req, 304, NULL, JSON_TYPE);
		return;
	}
	if (value)
		json_object_set_new(value, "revision", json_integer(revision));
	rest_json(req, status, value);
}

void rest_empty(struct req *req, unsigned int status)
{
	answer(req, status, NULL, JSON_TYPE);
}

void rest_plain(struct req *req, char *text, const char *type)
{
	answer(req, text ? 200 : 500, text, type);
}

/* ---- shared text ---- */

struct rest_blob *rest_blob_new(char *data, size_t len)
{
	struct rest_blob *blob = calloc(1, sizeof(*blob));

	if (!blob) {
		free(data);
		return NULL;
	}
	*blob = (struct rest_blob){.refs = 1, .len = len, .data = data};
	return blob;
}

void rest_blob_put(void *blob)
{
	struct rest_blob *b = blob;

	if (!b || --b->refs)
		return;
	if (b->counted)
		b->counted->bytes -= b->len;
	free(b->data);
	free(b);
}

void rest_blob_count(struct rest_blob *blob, struct shares *shares)
{
	if (blob->counted)
		return;
	blob->counted = shares;
	shares->bytes += blob->len;
}

void rest_blob(struct req *req, unsigned int status, struct rest_blob *blob, const char *type)
{
	if (!begin(req, blob ? status : 500, type)) {
		rest_blob_put(blob);
		return;
	}
	req->blob = blob;
	wake(req);
}

void rest_header(struct req *req, const char *name, const char *value, ...)
{
	va_list ap;

	for (int i = 0; i < REST_HEADERS; i++) {
		struct rest_header *header = &req->headers[i];

		if (header->name && strcmp(header->name, name) != 0)
			continue;
		header->name = name;
		va_start(ap, value);
		vsnprintf(header->value, sizeof(header->value), value, ap);
		va_end(ap);
		return;
	}
	assert(!"room for each header that an answer has");
}

void rest_retry_later(struct req *req)
{
	rest_header(req, "Retry-After", "%d", REST_RETRY_S);
}

void rest_streamed(struct req *req, struct rest_stream *stream, const char *type)
{
	if (req->answered) {
		rest_stream_drop(stream);
		return;
	}
	req->stream = stream;
	answer(req, 200, NULL, type);
}

unsigned int rest_status_of(int code)
{
	static const struct {
		int code;
		unsigned int status;
	} map[] = {
		{-EINVAL, 400},	    {-ENOENT, 404},    {-EEXIST, 409}, {-ESTALE, 412},
		{-EFBIG, 413},	    {-EROFS, 503},     {-EAGAIN, 503}, {-ECANCELED, 503},
		{-ENOTCONN, 503},   {-ETIMEDOUT, 504}, {-ENOSPC, 507}, {-EBUSY, 503},
		{-ECONNRESET, 503}, {-EPIPE, 503},     {-ERANGE, 410}, {-EHOSTUNREACH, 503},
		{-EACCES, 503},	    {-EIO, 503},       {-EPERM, 403},
	};

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (map[i].code == code)
			return map[i].status;
	}
	return 500;
}

json_t *rest_problem_json(unsigned int status, const struct err *err)
{
	char text[512];
	json_t *obj = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
				MHD_get_reason_phrase_for(status), "status", (int)status, "detail",
				err_text(err, text, sizeof(text)));

	if (obj && err->field[0])
		json_object_set_new(obj, "field", json_string(err->field));
	if (obj && err->value[0])
		json_object_set_new(obj, "value", json_string(err->value));
	return obj;
}

void rest_problem(struct req *req, unsigned int status, const struct err *err)
{
	rest_problem_more(req, status, err, NULL);
}

void rest_problem_more(struct req *req, unsigned int status, const struct err *err, json_t *more)
{
	struct err named = *err;
	json_t *problem;

	if (!named.object[0])
		snprintf(named.object, sizeof(named.object), "%s", req->object);
	req->etag[0] = 0;
	req->cache = NULL;
	if (status >= 500 && !req->answered)
		log_debug("rest request failed",
			  "method=%s path=%s peer=%s status=%u request=%" PRIu64, req->method,
			  req->path, req->peer, status, req->number);
	problem = rest_problem_json(status, &named);
	if (problem && more)
		json_object_update_missing(problem, more);
	json_decref(more);
	answer_json(req, status, problem, PROBLEM_TYPE);
}

void rest_fail(struct req *req, const struct err *err)
{
	rest_problem(req, rest_status_of(err->code), err);
}

/* A fresh connection has room for it; what does not fit is lost with it. */
static bool send_raw(const struct conn *conn, const char *text, size_t len)
{
	if (conn->tls)
		return tls_send(conn, text, len);
	return send(conn->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

void rest_raw_problem(const struct conn *conn, unsigned int status, const struct err *err)
{
	json_t *problem = rest_problem_json(status, err);
	OWN_PTR char *body = problem ? rest_text(problem) : NULL;
	char text[1024], retry[32] = "";
	int len;

	if (status == 503)
		snprintf(retry, sizeof(retry), "\r\nRetry-After: %d", REST_RETRY_S);
	json_decref(problem);
	if (!body)
		return;
	len = snprintf(text, sizeof(text),
		       "HTTP/1.1 %u %s\r\nContent-Type: " PROBLEM_TYPE
		       "\r\nContent-Length: %zu%s\r\nConnection: close\r\n\r\n%s",
		       status, MHD_get_reason_phrase_for(status), strlen(body), retry, body);
	if (len < (int)sizeof(text) && send_raw(conn, text, (size_t)len))
		shutdown(conn->fd, SHUT_WR);
}
