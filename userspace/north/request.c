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

/* ---- what it has of its party's share ---- */

/* The principal, if there is one: it may ask from many places. */
static struct share *party_of(struct req *req)
{
	struct shares *all = &req->north->shares;

	if (!req->who[0] || !req->from->tcp)
		return share_ref(req->from->share);
	return req->role == NORTH_TENANT ? share_tenant(all, req->who)
					 : share_principal(all, req->who);
}

static void take_answer(struct req *req, size_t bytes)
{
	req->taken += bytes;
	if (req->share)
		req->share->bytes += bytes;
}

static void take_body(struct req *req, size_t bytes)
{
	take_answer(req, bytes);
	req->body_taken += bytes;
	if (req->share)
		req->share->all->bytes += bytes;
}

void rest_drop_body(struct req *req)
{
	if (req->share) {
		req->share->all->bytes -= req->body_taken;
		req->share->bytes -= req->body_taken;
	}
	req->taken -= req->body_taken;
	req->body_taken = 0;
	free(req->data);
	req->data = NULL;
	req->cap = req->len = 0;
}

void rest_leave_share(struct req *req)
{
	if (!req->share)
		return;
	req->share->all->bytes -= req->body_taken;
	req->share->bytes -= req->taken;
	req->taken = req->body_taken = 0;
	share_put(req->share);
	req->share = NULL;
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

/* ---- body ---- */

static int too_large(const struct req *req, struct err *err)
{
	if (req->max == 0)
		return err_set(err, -EINVAL, "", NULL, "must be empty: %s takes no body here",
			       req->method);
	return err_set(err, -EFBIG, "", NULL, "must be at most %zu bytes", req->max);
}

static void set_limit(struct req *req)
{
	static const size_t limits[] = {
		[BODY_NONE] = 0,
		[BODY_JSON] = NORTH_BODY_MAX,
		[BODY_MERGE] = NORTH_BODY_MAX,
		[BODY_LARGE] = NORTH_BATCH_MAX,
		[BODY_BATCH] = NORTH_BATCH_MAX,
		[BODY_SNAPSHOT] = NORTH_SNAPSHOT_MAX,
		[BODY_ALTO] = NORTH_BATCH_MAX,
		[BODY_SCRIPT] = NEMO_SCRIPT_MAX,
	};

	req->max = limits[req->action->body];
	snprintf(req->object, sizeof(req->object), "body");
}

/* Of a restore there is only one, on the unix socket. */
static bool is_counted(const struct req *req)
{
	return req->action->body != BODY_SNAPSHOT;
}

static int no_room(struct err *err)
{
	return err_set(err, -EAGAIN, "", NULL,
		       "finds no room among %u MiB of bodies and answers in all, %u MiB of one "
		       "client: try again later",
		       SHARE_BYTES_MAX >> 20, SHARE_BYTES_PARTY >> 20);
}

/* What it says that will come. */
static int check_room(struct req *req, struct err *err)
{
	size_t size = rest_content_length(req->conn);

	if (!size || !is_counted(req) || share_has_room(req->share, size))
		return 0;
	rest_header(req, "Retry-After", "%d", REST_RETRY_S);
	return no_room(err);
}

/* -ENOMEM, -EAGAIN */
static int reserve(struct req *req, size_t size)
{
	size_t cap = req->cap ? req->cap : 4096;
	char *data;

	if (size <= req->cap)
		return 0;
	while (cap < size)
		cap *= 2;
	if (is_counted(req) && !share_has_room(req->share, cap - req->cap))
		return -EAGAIN;
	data = realloc(req->data, cap);
	if (!data)
		return -ENOMEM;
	if (is_counted(req))
		take_body(req, cap - req->cap);
	req->data = data;
	req->cap = cap;
	return 0;
}

/* MHD takes no answer in the middle of a body: a refusal goes to the socket, MHD closes it. */
static enum MHD_Result refuse_midway(struct req *req, const struct err *err)
{
	rest_raw_problem(req->from, rest_status_of(err->code), err);
	return MHD_NO;
}

static enum MHD_Result collect(struct req *req, const char *data, size_t *size)
{
	struct err err = {0};
	int r;

	if (req->answered) { /* refused already: the rest is thrown away */
		*size = 0;
		return MHD_YES;
	}
	if (*size > req->max - req->len)
		too_large(req, &err);
	else if ((r = reserve(req, req->len + *size)))
		r == -EAGAIN ? no_room(&err) : err_set(&err, r, "", NULL, "no memory");
	if (err.code) {
		err_object(&err, "body");
		return refuse_midway(req, &err);
	}
	memcpy(req->data + req->len, data, *size);
	req->len += *size;
	req->got = req->len;
	*size = 0;
	return MHD_YES;
}

static int parse_body(struct req *req, struct err *err)
{
	int r;

	if (req->action->body == BODY_NONE || req->action->body >= BODY_BATCH)
		return 0;
	if (req->len == 0)
		return err_set(err, -EINVAL, "", NULL, "must be a JSON object, is empty");
	r = json_parse(req->data, req->len, &req->body, err);
	free(req->data); /* the values do not point into it */
	req->data = NULL;
	req->cap = req->len = 0;
	return r ? r : json_is_obj(req->body, err);
}

/* ---- life ---- */

/* In clear text TCP is on loopback. Who may open a connection there is not known: any user, and any
 * page in a browser.
 * False: answered. */
static bool admit_tcp(struct req *req)
{
	struct err err = {0};

	if (!req->from->tcp || req->from->tls || rest_host_is_loopback(req->conn))
		return true;
	err_set(&err, -EPERM, "Host",
		MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, "Host"),
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
	req->share = party_of(req);
	if (!req->share)
		rest_json(req, 500, NULL);
	if (req->answered || !admit_action(req))
		return;
	set_limit(req);
	status = rest_media(req, &err);
	if (status)
		rest_problem(req, status, &err);
	else if (rest_content_length(req->conn) > req->max && too_large(req, &err))
		rest_fail(req, &err);
	else if (check_room(req, &err))
		rest_fail(req, &err);
	else if (req->action->exclusive)
		req->north->exclusive = req;
	req->object[0] = 0;
}

/* Then an answer does not wait for it. The connection ends with such an answer, so that without a
 * body it comes at its time. */
static bool has_body(const struct req *req)
{
	return req->close || rest_content_length(req->conn) ||
	       MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, "Transfer-Encoding");
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
	if (parse_body(req, &err)) {
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
		take_answer(req, len);
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
		return collect(req, data, size);
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
