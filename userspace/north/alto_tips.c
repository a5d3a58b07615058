/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TIPS over HTTP (RFC 9569): views, their edges, requests that wait for the next one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "north/alto_updates.h"

struct tips_view {
	char id[ALTO_SECRET_LEN];
	struct alto_tips *tips;
	uint64_t used_us;
	unsigned int waits;
	struct share *share; /* whose it is; a reference */
	struct tips_view *prev, *next;
};

struct tips_wait {
	struct req *req; /* held */
	bool due;	 /* something has changed */
	struct tips_view *view;
	uint64_t from, to;
	uint64_t until_us;
	struct tips_wait *prev, *next;
};

static struct tips_view *find(struct req *req)
{
	struct tips_view *view;

	DL_FOREACH(req->north->alto.streams->views, view)
	{
		if (strcmp(view->id, req->param[0]) == 0) {
			view->used_us = clock_us();
			return view;
		}
	}
	return NULL;
}

/* ---- opening ---- */

/* -ENOSPC: in all, -EDQUOT: of the party. */
static int check_room(const struct alto_streams *s, const struct share *share)
{
	unsigned int max = ALTO_TIPS_VIEWS_MAX - (share->known ? 0 : NORTH_STREAMS_KNOWN);

	if (!share->local && share->views >= NORTH_STREAMS_PARTY)
		return -EDQUOT;
	return s->n_views < max ? 0 : -ENOSPC;
}

/* Takes tips. */
static int admit(struct alto_streams *s, struct alto_tips *tips, const char *id,
		 struct share *share)
{
	int r;
	struct tips_view *view;

	DL_FOREACH(s->views, view)
	{
		if (view->tips == tips) {
			view->used_us = clock_us();
			return 0;
		}
	}
	r = check_room(s, share);
	view = r ? NULL : calloc(1, sizeof(*view));
	if (!view) {
		alto_tips_free(tips);
		return r ? r : -ENOMEM;
	}
	*view = (struct tips_view){.tips = tips, .used_us = clock_us(), .share = share_ref(share)};
	share->views++;
	strcpy(view->id, id);
	DL_APPEND(s->views, view);
	s->n_views++;
	alto_streams_beat(s);
	return 0;
}

static int open_view(struct req *req, struct alto_out *out, struct alto_error *error)
{
	char base[ALTO_BASE_LEN], id[ALTO_SECRET_LEN], path[64];
	struct alto_streams *s = req->north->alto.streams;
	struct alto_stream_conf conf = {
		.contents = s->contents,
		.all = alto_resources_now(req->north),
		.client = alto_client(req),
		.base = alto_base(req, base),
		.path = path,
		.now_unix = (uint64_t)time(NULL),
	};
	struct alto_tips *tips;
	int r;

	if (!conf.all)
		return alto_overload(error, "there are no maps yet");
	if (alto_secret(id))
		return -ENOMEM;
	snprintf(path, sizeof(path), "/alto/tips/%s", id);
	r = alto_tips_open(&conf, req->data ? req->data : "", req->len, out, &tips, error);
	r = r ? r : admit(s, tips, id, req->share);
	return r ? r : out->failed;
}

void alto_tips_post(struct req *req)
{
	struct alto_out out = {.max = ALTO_CONTROL_BYTES};
	struct alto_error error = {0};
	char want[96];
	int r = open_view(req, &out, &error);

	if (r == 0) {
		alto_answered(req, &out, alto_media_type(ALTO_MEDIA_TIPS));
		return;
	}
	alto_out_fini(&out);
	if (r == -ENOSPC || r == -EDQUOT) {
		req->north->alto.streams->refused++;
		snprintf(want, sizeof(want), "at most %d TIPS views%s: try again later",
			 r == -EDQUOT ? NORTH_STREAMS_PARTY : ALTO_TIPS_VIEWS_MAX,
			 r == -EDQUOT ? " of one client" : "");
		alto_too_many(req, want);
	} else {
		alto_fail(req, r, &error);
	}
}

void alto_tips_next_post(struct req *req)
{
	struct alto_out out = {.max = ALTO_CONTROL_BYTES};
	struct tips_view *view = find(req);
	struct alto_error error = {0};
	int r;

	if (!view) {
		alto_no_such(req);
		return;
	}
	r = alto_tips_next(view->tips, req->data ? req->data : "", req->len, &out, &error);
	if (r == 0 && !out.failed) {
		alto_answered(req, &out, alto_media_type(ALTO_MEDIA_TIPS));
		return;
	}
	alto_out_fini(&out);
	alto_fail(req, r ? r : -ENOMEM, &error);
}

/* ---- edges ---- */

static void refuse(struct req *req, unsigned int status, const char *want)
{
	struct err err = {0};

	err_set(&err, -EINVAL, "", NULL, "%s", want);
	rest_problem(req, status, &err);
}

/* out is taken. RFC 9569, 7.2: 415 where the client does not take what the edge is told by. */
static void give(struct req *req, struct alto_out *out, const char *type)
{
	struct err err = {0};

	req->gives[0] = type;
	if (req->conn && rest_media(req, &err)) {
		alto_out_fini(out);
		rest_problem(req, 415, &err);
	} else {
		alto_answered(req, out, type);
	}
}

/* True: answered. */
static bool answer(struct req *req, const struct tips_view *view, uint64_t from, uint64_t to)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	const char *type;
	int r;

	if (!alto_has_room(req))
		return true;
	r = alto_tips_edge(view->tips, from, to, &out, &type);
	if (r == 0) {
		give(req, &out, type);
		return true;
	}
	alto_out_fini(&out);
	if (r == -EAGAIN)
		return false;
	if (r == -ESTALE)
		refuse(req, 410, "this update is not kept any more: ask for the next edge");
	else if (r == -ERANGE)
		refuse(req, 425, "only the edge behind end-seq can be waited for");
	else if (r == -ENOENT)
		alto_no_such(req);
	else
		rest_json(req, 500, NULL);
	return true;
}

static void wait(struct req *req, struct tips_view *view, uint64_t from, uint64_t to)
{
	struct alto_streams *s = req->north->alto.streams;
	struct tips_wait *w;

	if (!alto_streams_room(req, req->share->waits, 429))
		return;
	w = calloc(1, sizeof(*w));
	if (!w) {
		rest_json(req, 500, NULL);
		return;
	}
	*w = (struct tips_wait){.req = req,
				.view = view,
				.from = from,
				.to = to,
				.until_us = clock_us() + ALTO_TIPS_WAIT_S * 1000000ull};
	rest_hold(req);
	view->waits++;
	req->share->waits++;
	DL_APPEND(s->waits, w);
	s->n_waits++;
}

static void on_turn(struct req *req)
{
	struct tips_view *view = find(req);
	uint64_t from, to;

	if (!view || rest_number(req->param[1], 0, INT64_MAX, &from) ||
	    rest_number(req->param[2], 1, INT64_MAX, &to))
		alto_no_such(req);
	else if (!answer(req, view, from, to))
		wait(req, view, from, to);
}

void alto_tips_get(struct req *req)
{
	alto_queue(req, on_turn);
}

/* ---- changes and time ---- */

static void wait_end(struct alto_streams *s, struct tips_wait *w)
{
	w->view->used_us = clock_us();
	w->view->waits--;
	w->req->share->waits--;
	DL_DELETE(s->waits, w);
	s->n_waits--;
	rest_put(w->req);
	free(w);
}

static void view_close(struct alto_streams *s, struct tips_view *view)
{
	struct tips_wait *w, *tmp;

	DL_FOREACH_SAFE(s->waits, w, tmp)
	{
		if (w->view != view)
			continue;
		alto_no_such(w->req);
		wait_end(s, w);
	}
	DL_DELETE(s->views, view);
	s->n_views--;
	view->share->views--;
	share_put(view->share);
	alto_tips_free(view->tips);
	free(view);
}

void alto_tips_changed(struct alto_streams *s)
{
	struct tips_view *view, *next_view;
	struct tips_wait *w;
	int r;

	DL_FOREACH_SAFE(s->views, view, next_view)
	{
		r = alto_tips_update(view->tips);
		if (r == -EINVAL || r == -EBUSY)
			view_close(s, view);
	}
	DL_FOREACH(s->waits, w)
	{
		w->due = true;
	}
}

bool alto_tips_tell(struct alto_streams *s)
{
	struct tips_wait *w;

	DL_SEARCH_SCALAR(s->waits, w, due, true);
	if (!w)
		return false;
	w->due = false;
	if (answer(w->req, w->view, w->from, w->to))
		wait_end(s, w);
	return true;
}

void alto_tips_tick(struct alto_streams *s, uint64_t now_us)
{
	struct tips_view *view, *next_view;
	struct tips_wait *w, *next_wait;

	DL_FOREACH_SAFE(s->waits, w, next_wait)
	{
		if (now_us < w->until_us)
			continue;
		refuse(w->req, 425, "nothing has changed: ask for this edge again");
		wait_end(s, w);
	}
	DL_FOREACH_SAFE(s->views, view, next_view)
	{
		if (!view->waits && now_us - view->used_us >= ALTO_TIPS_IDLE_S * 1000000ull)
			view_close(s, view);
	}
}

void alto_tips_stop(struct alto_streams *s)
{
	while (s->waits)
		wait_end(s, s->waits);
	while (s->views)
		view_close(s, s->views);
}
