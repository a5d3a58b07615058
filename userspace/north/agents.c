/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/agents */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

static bool names(struct req *req)
{
	if (!rest_name(req, 0, "agent"))
		return false;
	snprintf(req->object, sizeof(req->object), "agent %s", req->param[0]);
	return true;
}

static const char *why(int status)
{
	switch (status) {
	case -ENOENT:
		return "has no lease (any more): PUT it first";
	case -EEXIST:
		return "was registered by somebody else meanwhile";
	case -EAGAIN:
		return "its lease ends just now: try again";
	default:
		return strerror(-status);
	}
}

static void fail(struct req *req, int status)
{
	struct err err = {0};

	err_set(&err, status, "", NULL, "%s", why(status));
	rest_fail(req, &err);
}

static void finish(struct req *req, int status, int64_t lease, unsigned int http, json_t *answer)
{
	rest_audit(req, status ? rest_status_of(status) : http, lease);
	if (!req->north || req->answered) {
		json_decref(answer);
	} else if (status) {
		fail(req, status);
	} else if (answer) {
		rest_json(req, http, answer);
	} else {
		rest_empty(req, http);
	}
	rest_put(req);
}

static json_t *lease_json(const struct req *req, int64_t lease, unsigned int ttl_s)
{
	return json_pack("{s:s, s:I, s:i}", "agent", req->param[0], "lease", (json_int_t)lease,
			 "ttl_s", (int)ttl_s);
}

static void on_lease(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	struct req *req = arg;

	finish(req, status, lease, 200, status ? NULL : lease_json(req, lease, ttl_s));
}

static void on_revoked(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	finish(arg, status, lease, 204, NULL);
}

static struct csc_lease_done hold(struct req *req, void (*done)(void *, int, int64_t, unsigned int))
{
	rest_hold(req);
	return (struct csc_lease_done){.done = done, .arg = req};
}

void agent_put(struct req *req)
{
	struct err err = {0};

	if (names(req))
		rest_wrote(req,
			   csc_agent_put(req->north->conf.csc, req->param[0], req->body,
					 hold(req, on_lease), &err),
			   &err);
}

void agent_keepalive(struct req *req)
{
	struct err err = {0};

	if (!names(req))
		return;
	req->quiet = true;
	rest_wrote(
		req,
		csc_agent_keepalive(req->north->conf.csc, req->param[0], hold(req, on_lease), &err),
		&err);
}

void agent_delete(struct req *req)
{
	struct err err = {0};

	if (names(req))
		rest_wrote(req,
			   csc_agent_del(req->north->conf.csc, req->param[0], hold(req, on_revoked),
					 &err),
			   &err);
}
