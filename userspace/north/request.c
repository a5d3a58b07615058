/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From libmicrohttpd's callbacks to a handler and back to an answer. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "alto/update.h"
#include "north/stream.h"

void rest_hold(struct req *req)
{
	req->refs++;
}

static void unlink_req(struct req *req)
{
	if (!req->north)
		return;
	if (req->north->exclusive == req)
		req->north->exclusive = NULL;
	if (req->prev)
		req->prev->next = req->next;
	else
		req->north->reqs = req->next;
	if (req->next)
		req->next->prev = req->prev;
	req->north = NULL;
}

/* ---- life ---- */

/* A large body parsed is many small pieces: the heap keeps their room until it is told. */
static bool was_large(const struct req *req)
{
	return req->action && req->action->body == BODY_LARGE && req->got > NORTH_BODY_MAX;
}

void rest_put(struct req *req)
{
	bool trim;

	if (--req->refs)
		return;
	trim = was_large(req);
	alto_adds_free(req->adds);
	rest_drop_body(req);
	rest_leave_share(req);
	unlink_req(req);
	json_decref(req->body);
	free(req->segments);
	free(req->answer);
	rest_blob_put(req->blob);
	free(req);
	if (trim)
		malloc_trim(0);
}

static struct conn *conn_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void set_method(struct req *req, const char *method)
{
	static const struct {
		const char *name;
		enum rest_method verb;
	} methods[] = {{"GET", REST_GET},     {"HEAD", REST_GET},      {"PUT", REST_PUT},
		       {"PATCH", REST_PATCH}, {"DELETE", REST_DELETE}, {"POST", REST_POST}};

	req->method = "?";
	req->verb = REST_METHOD_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (strcmp(method, methods[i].name) == 0) {
			req->method = methods[i].name;
			req->verb = methods[i].verb;
		}
	}
}

static struct req *req_new(struct north *north, struct MHD_Connection *mhd, const char *url,
			   const char *method)
{
	struct conn *conn = conn_of(mhd);
	struct req *req = calloc(1, sizeof(*req));

	if (!req || !conn) {
		free(req);
		return NULL;
	}
	req->refs = 1; /* MHD's, until rest_on_completed */
	req->north = north;
	req->conn = mhd;
	req->from = conn;
	req->number = ++north->n_reqs;
	snprintf(req->peer, sizeof(req->peer), "%s", conn->peer);
	snprintf(req->path, sizeof(req->path), "%s", url);
	set_method(req, method);
	req->next = north->reqs;
	if (req->next)
		req->next->prev = req;
	north->reqs = req;
	return req;
}

/* ---- admission ---- */

/* In clear text TCP is on loopback. Who may open a connection there is not known: any user, and any
 * page in a browser.
 * False: answered. */
static bool admit_tcp(struct req *req)
{
	struct err err = {0};

	if (!req->from->tcp || req->from->tls || rest_host_is_loopback(req->conn))
		return true;
	err_set(&err, -EPERM, "Host", rest_asked(req->conn, "Host"),
		"must be a loopback address or localhost on TCP, like 127.0.0.1:8080");
	err_object(&err, "request header");
	req->close = true;
	rest_problem(req, 421, &err);
	return false;
}

/* False: answered. */
static bool admit_action(struct req *req)
{
	const struct req *other = req->north->exclusive;
	struct err err = {0};

	if (req->action->local && req->from->tcp) {
		err_set(&err, -EPERM, "", req->path,
			"is there on the unix socket only: on TCP any local user could use it");
		rest_problem(req, 403, &err);
		return false;
	}
	if (req->action->exclusive && other) {
		err_set(&err, -EBUSY, "", req->path,
			"is under way for %s (request %" PRIu64 "): try again when it has ended",
			other->peer, other->number);
		rest_fail(req, &err);
		return false;
	}
	return !req->action->admit || req->action->admit(req);
}

/* Everything that can be refused before the body comes. */
static void begin(struct req *req, const char *url, const char *version)
{
	struct err err = {0};
	unsigned int status = rest_framing(req->conn, version, &err);

	if (status) {
		req->close = true;
		rest_problem(req, status, &err);
		return;
	}
	if (!admit_tcp(req))
		return;
	rest_route(req, url);
	if (!rest_join_share(req) || req->answered || !admit_action(req))
		return;
	rest_body_limit(req);
	status = rest_media(req, &err);
	if (status)
		rest_problem(req, status, &err);
	else if (rest_body_announced(req, &err))
		rest_fail(req, &err);
	else if (req->action->exclusive)
		req->north->exclusive = req;
	req->object[0] = 0;
}

/* ---- hand-over and answer ---- */

/* Then an answer does not wait for it. The connection ends with such an answer, so that without a
 * body it comes at its time. */
static bool has_body(const struct req *req)
{
	return req->close || rest_content_length(req->conn) ||
	       rest_asked(req->conn, "Transfer-Encoding");
}

static void refuse_closing(struct req *req, const char *outcome)
{
	struct err err = {0};

	err_set(&err, -EAGAIN, "", NULL, "is shutting down: %s", outcome);
	err_object(&err, "sand");
	req->close = true;
	rest_fail(req, &err);
}

static void dispatch(struct req *req)
{
	struct err err = {0};

	req->dispatched = true;
	if (req->answered)
		return;
	if (req->north->closing) { /* nothing may be held from here on */
		refuse_closing(req, "this request was not carried out");
		return;
	}
	if (rest_body_parse(req, &err)) {
		err_object(&err, "body");
		rest_fail(req, &err);
		return;
	}
	if (req->action->paged || req->action->query || rest_no_query(req))
		req->action->handle(req);
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value[0])
		MHD_add_response_header(response, name, value);
}

static struct MHD_Response *response_of(struct req *req, size_t len)
{
	struct rest_blob *blob = TAKE_PTR(req->blob);
	struct MHD_Response *response;

	if (req->stream)
		return rest_stream_response(req->stream);
	if (blob) {
		response = MHD_create_response_from_buffer_with_free_callback_cls(
			blob->len, blob->data, rest_blob_put, blob);
		if (!response)
			rest_blob_put(blob);
		return response;
	}
	return MHD_create_response_from_buffer(
		len, req->answer, req->answer ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
}

static void add_headers(struct MHD_Response *response, const struct req *req)
{
	add_header(response, "ETag", req->etag);
	add_header(response, "Allow", req->allow);
	add_header(response, "Cache-Control", req->cache ? req->cache : "no-store");
	add_header(response, "Connection", req->close ? "close" : "");
	for (int i = 0; i < REST_HEADERS && req->headers[i].name; i++)
		add_header(response, req->headers[i].name, req->headers[i].value);
}

static void count(const struct req *req)
{
	unsigned int class = req->status / 100;

	if (class >= 1 && class <= 5 &&
	    (req->counted || req->from->only == &req->north->access[ACCESS_ALTO]))
		req->north->alto.requests[req->counted][class - 1]++;
}

static enum MHD_Result queue(struct req *req)
{
	size_t len = req->answer ? strlen(req->answer) : req->blob ? req->blob->len : 0;
	bool is_blob = req->blob != NULL;
	struct MHD_Response *response = response_of(req, len);
	enum MHD_Result r;

	req->queued = true;
	if (req->action && req->action->body == BODY_ALTO)
		rest_drop_body(req);
	if (is_blob)
		rest_take_answer(req, len);
	if (!response)
		return MHD_NO;
	req->answer = NULL; /* the response frees it */
	accept_turn(req->from, TURN_TAKE);
	if (len || req->stream)
		add_header(response, "Content-Type", req->type);
	add_headers(response, req);
	count(req);
	r = MHD_queue_response(req->conn, req->status, response);
	MHD_destroy_response(response);
	return r;
}

enum MHD_Result rest_on_request(void *cls, struct MHD_Connection *conn, const char *url,
				const char *method, const char *version, const char *data,
				size_t *size, void **ctx)
{
	struct req *req = *ctx;

	((struct north *)cls)->moved++;
	if (!req) {
		req = req_new(cls, conn, url, method);
		*ctx = req;
		if (!req)
			return MHD_NO;
		begin(req, url, version);
		return req->answered && has_body(req) ? queue(req) : MHD_YES;
	}
	if (*size)
		return rest_body_collect(req, data, size);
	if (!req->dispatched)
		dispatch(req);
	if (req->answered)
		return queue(req);
	req->suspended = true;
	accept_turn(req->from, TURN_OURS);
	MHD_suspend_connection(conn);
	return MHD_YES;
}

void rest_on_completed(void *cls, struct MHD_Connection *conn, void **ctx,
		       enum MHD_RequestTerminationCode code)
{
	struct req *req = *ctx;

	*ctx = NULL;
	if (!req)
		return;
	if (req->stream && !req->queued) /* the client went while it was begun */
		rest_stream_drop(req->stream);
	accept_turn(req->from, TURN_ASK);
	req->conn = NULL;
	req->from = NULL;
	rest_put(req);
}

void rest_abort(struct req *req)
{
	if (req->stream)
		rest_stream_end(req->stream, false);
	else if (req->suspended)
		refuse_closing(req, "the outcome of this request is open");
}
