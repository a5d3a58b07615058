/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The body of a request as it comes, and what the request has of its party's share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

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

bool rest_join_share(struct req *req)
{
	req->share = party_of(req);
	if (!req->share)
		rest_json(req, 500, NULL);
	return req->share != NULL;
}

void rest_take_answer(struct req *req, size_t bytes)
{
	req->taken += bytes;
	if (req->share)
		req->share->bytes += bytes;
}

static void take_body(struct req *req, size_t bytes)
{
	rest_take_answer(req, bytes);
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

/* ---- body ---- */

static int too_large(const struct req *req, struct err *err)
{
	if (req->max == 0)
		return err_set(err, -EINVAL, "", NULL, "must be empty: %s takes no body here",
			       req->method);
	return err_set(err, -EFBIG, "", NULL, "must be at most %zu bytes", req->max);
}

void rest_body_limit(struct req *req)
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
	rest_retry_later(req);
	return no_room(err);
}

int rest_body_announced(struct req *req, struct err *err)
{
	if (rest_content_length(req->conn) > req->max)
		return too_large(req, err);
	return check_room(req, err);
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

enum MHD_Result rest_body_collect(struct req *req, const char *data, size_t *size)
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

int rest_body_parse(struct req *req, struct err *err)
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
