/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /alto: from a path to a resource of the newest snapshot. */
#include "north/alto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- snapshots ---- */

static void on_snapshot(void *arg)
{
	struct north *n = arg;
	struct alto_snapshot *snap = broker_snapshot(n->conf.broker);
	struct alto_resources *all = NULL, *old = n->alto.all;
	int r = snap ? alto_resources_new(snap, &all) : -EAGAIN;

	if (r) {
		if (r != -EAGAIN)
			log_err("alto resources not renewed", "error=\"%s\"", strerror(-r));
		return;
	}
	n->alto.all = all;
	alto_cache_clear(n);
	alto_streams_changed(n);
	alto_resources_free(old);
}

const struct alto_resources *alto_resources_now(struct north *n)
{
	return n->alto.all;
}

int alto_open(struct north *n)
{
	if (!n->conf.broker)
		return 0;
	if (alto_streams_open(n))
		return -ENOMEM;
	alto_queue_open(n);
	broker_on_change(n->conf.broker, on_snapshot, n);
	on_snapshot(n);
	return 0;
}

void alto_stop(struct north *n)
{
	if (!n->alto.streams)
		return;
	broker_on_change(n->conf.broker, NULL, NULL);
	alto_queue_stop(n);
	alto_streams_stop(n);
}

void alto_free(struct north *n)
{
	alto_cache_clear(n);
	free(n->alto.cache);
	alto_resources_free(n->alto.all);
	alto_streams_free(n);
}

/* ---- who and where ---- */

struct alto_prefix alto_client(const struct req *req)
{
	struct alto_prefix client = {0};
	struct in6_addr in6;

	if (!req->from || !req->from->tcp)
		return client;
	if (inet_pton(AF_INET, req->from->peer, client.addr) == 1) {
		client.family = 4;
		client.len = 32;
	} else if (inet_pton(AF_INET6, req->from->peer, &in6) == 1) {
		client = alto_endpoint_of(&in6);
	}
	return client;
}

/* What a URI may have between "//" and "/" (RFC 3986, 3.2), without user and escapes. */
static bool is_authority(const char *text)
{
	static const char good[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_~:[]";

	return text && text[0] && strlen(text) < ALTO_BASE_LEN - 16 &&
	       text[strspn(text, good)] == 0;
}

const char *alto_base(const struct req *req, char buf[ALTO_BASE_LEN])
{
	const char *host = rest_asked(req->conn, "Host");

	snprintf(buf, ALTO_BASE_LEN, "http%s://%s", req->from->tls ? "s" : "",
		 is_authority(host) ? host : "localhost");
	return buf;
}

/* ---- requests ---- */

/* False: answered. */
static bool has_service(struct req *req)
{
	struct err err = {0};

	if (!req->north->conf.broker) {
		err_set(&err, -ENOENT, "", req->path, "is not configured: there is no broker");
		rest_fail(req, &err);
		return false;
	}
	if (req->north->alto.all)
		return true;
	alto_busy(req, "there is no map yet: what is stored is not read yet");
	return false;
}

static const struct alto_resource *find(const struct req *req, bool get)
{
	char path[128];

	if ((size_t)snprintf(path, sizeof(path), "/alto/%s", req->param[0]) >= sizeof(path))
		return NULL;
	return alto_resource_at(req->north->alto.all, path, get);
}

static void other_method(struct req *req, bool get)
{
	struct err err = {0};

	snprintf(req->allow, sizeof(req->allow), "%s", get ? "POST" : "GET, HEAD");
	err_set(&err, -EINVAL, "", NULL, "%s is not possible here, %s are", req->method,
		req->allow);
	rest_problem(req, 405, &err);
}

/* What the resource takes and gives. The resource itself may be another one when the body is there:
 * it is looked up again. */
bool alto_admit(struct req *req)
{
	bool get = req->verb == REST_GET;
	const struct alto_resource *resource;

	if (!has_service(req))
		return false;
	resource = find(req, get);
	if (resource) {
		req->counted = resource->service + 1;
		req->gives[0] = alto_media_type(resource->media);
		if (!get)
			req->takes[0] = alto_media_type(resource->accepts);
	} else if (find(req, !get)) {
		other_method(req, get);
	} else {
		alto_no_such(req);
	}
	return resource != NULL;
}

bool alto_control_admit(struct req *req)
{
	req->counted = ALTO_UPDATE_STREAM + 1;
	req->takes[0] = alto_media_type(ALTO_MEDIA_UPDATESTREAMPARAMS);
	return has_service(req);
}

bool alto_tips_admit(struct req *req)
{
	req->counted = ALTO_TIPS_SERVICE + 1;
	if (req->action->body != BODY_NONE)
		req->takes[0] = alto_media_type(ALTO_MEDIA_TIPSPARAMS);
	return has_service(req);
}

/* The snapshot may be another one than when it came. */
static void on_turn(struct req *req)
{
	const struct alto_resource *resource = find(req, req->verb == REST_GET);

	if (!resource)
		alto_no_such(req);
	else if (resource->service == ALTO_UPDATE_STREAM)
		alto_updates_post(req);
	else if (resource->service == ALTO_TIPS_SERVICE)
		alto_tips_post(req);
	else
		alto_resource_answer(req, resource);
}

void alto_get(struct req *req)
{
	const struct alto_resource *resource = find(req, true);

	if (!resource)
		alto_no_such(req);
	else if (!alto_answer_kept(req, resource))
		alto_queue(req, on_turn);
}

void alto_post(struct req *req)
{
	alto_queue(req, on_turn);
}
