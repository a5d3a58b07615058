/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "altoc/altoc_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fetch_conf altoc_request(const struct altoc_peer *peer, const char *url)
{
	const struct altoc_source *c = &peer->conf;
	bool own = alto_uri_same_origin(c->directory, url);

	return (struct fetch_conf){
		.url = url,
		.token = own ? c->token : NULL,
		.ca = c->ca,
		.cert = own ? c->cert : NULL,
		.key = own ? c->key : NULL,
		.connect_ms = ALTOC_CONNECT_MS,
		.timeout_ms = ALTOC_ANSWER_MS,
		.max = ALTO_BODY_MAX,
		.compressed = true,
	};
}

/* Anything but the media type that the directory announced, or nothing new. */
static int check_answer(const struct fetch_answer *a, enum alto_media media, bool conditional,
			struct err *err)
{
	if (a->code == 304 && conditional)
		return 0;
	if (a->code != 200) {
		alto_error_parse(a->body, a->len, a->code, err);
		return err->code;
	}
	if (alto_media_parse(a->content_type) != media)
		return err_set(err, -EINVAL, "Content-Type", a->content_type, "must be %s",
			       alto_media_type(media));
	return 0;
}

bool altoc_is_refusal(const struct fetch_answer *a)
{
	return !a->status && a->code < 500 && a->code != 429;
}

/* The answer's body, to be read: at once, or in the pool. -ENOMEM. */
static int read_body(struct altoc_work *work, struct fetch_job *job, const struct fetch_answer *a,
		     struct err *err)
{
	if (!work)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	work->text = fetch_take_body(job);
	work->len = a->len;
	snprintf(work->etag, sizeof(work->etag), "%s", a->etag);
	return 0;
}

static void begin(struct altoc_work *work, void (*run)(struct altoc_work *work),
		  void (*done)(struct altoc_work *work))
{
	if (altoc_work_is_large(work->peer, work->len)) {
		altoc_work_queue(work, run, done);
		return;
	}
	altoc_work_run(work, run);
	done(work);
}

/* ---- directory ---- */

/* In the pool. */
static void run_directory(struct altoc_work *work)
{
	const struct altoc_peer *peer = work->peer;
	const char *text = work->text ? work->text : "";

	alto_digest(text, work->len, work->digest);
	work->same = !strcmp(work->digest, work->seen);
	if (work->same)
		return;
	work->r = alto_ird_parse(text, work->len, peer->conf.directory, &work->ird, &work->err);
	if (!work->r)
		work->r = altoc_plan_make(peer, work->ird, &work->plan, &work->err);
}

static int take_directory(struct altoc_work *work, struct err *err)
{
	struct altoc_peer *peer = work->peer;
	int r = work->r;

	if (r)
		*err = work->err;
	else if (!work->same)
		r = altoc_plan_take(peer, work->plan, err);
	if (r || work->same)
		return r;
	memcpy(peer->digest, work->digest, sizeof(peer->digest));
	memcpy(peer->etag, work->etag, sizeof(peer->etag));
	return 0;
}

/* A subscription is of what was offered when it was made. */
static void end_directory(struct altoc_peer *peer, bool changed)
{
	if (changed && altoc_streams(peer))
		altoc_round_start(peer);
	else
		altoc_round_answered(peer);
}

static void on_directory_read(struct altoc_work *work)
{
	struct altoc_peer *peer = work->peer;
	struct err err = {0};
	int r = take_directory(work, &err);
	bool changed = !r && !work->same;

	altoc_work_end(work);
	if (r) {
		err_object(&err, "directory");
		altoc_fail(peer, NULL, true, &err);
	}
	end_directory(peer, changed);
}

static void on_directory(void *arg, const struct fetch_answer *a)
{
	struct altoc_peer *peer = arg;
	struct fetch_job *job = peer->job;
	struct err err = a->err;
	struct altoc_work *work = NULL;
	int r = a->status;

	peer->job = NULL;
	if (!r)
		r = check_answer(a, ALTO_MEDIA_DIRECTORY, peer->etag[0] != '\0', &err);
	if (!r && a->code == 200) {
		work = altoc_work_new(peer, NULL);
		r = read_body(work, job, a, &err);
	}
	if (!r && work) {
		memcpy(work->seen, peer->digest, sizeof(work->seen));
		begin(work, run_directory, on_directory_read);
		return;
	}
	if (!a->status && r)
		err_object(&err, "directory");
	if (r)
		altoc_fail(peer, NULL, altoc_is_refusal(a), &err);
	end_directory(peer, false);
}

void altoc_ask_directory(struct altoc_peer *peer)
{
	static const struct fetch_ops ops = {.done = on_directory};
	struct fetch_conf conf = altoc_request(peer, peer->conf.directory);
	struct err err = {0};

	conf.accept = "application/alto-directory+json,application/alto-error+json";
	conf.if_none_match = peer->etag[0] ? peer->etag : NULL;
	conf.max = ALTOC_DIRECTORY_MAX;
	peer->waiting++;
	if (!fetch_start(peer->altoc->fetch, &conf, &ops, peer, &peer->job, &err))
		return;
	peer->etag[0] = '\0';
	altoc_fail(peer, NULL, false, &err);
	altoc_round_answered(peer);
}

/* ---- maps ---- */

/* refused: what failed is the answer, not the way to it. */
static void end_map(struct altoc_slot *slot, int r, bool refused, const struct err *err)
{
	struct altoc_peer *peer = slot->peer;

	if (r) {
		/* Once it may be that the network map changed between two answers. */
		peer->stale |= r == -ESTALE;
		altoc_fail(peer, slot, refused && (r != -ESTALE || peer->stale_again), err);
	} else {
		slot->error[0] = '\0';
		altoc_commit(peer);
		altoc_confirm_at(slot, slot->came_ms);
	}
	altoc_round_answered(peer);
}

static void on_map_read(struct altoc_work *work)
{
	struct altoc_slot *slot = work->slot;
	struct err err = {0};
	int r;

	if (work->pooled && altoc_read_again(work))
		return;
	slot->reading = false;
	r = altoc_read_end(work, &err);
	if (r)
		err_object(&err, "resource %s", slot->id);
	else
		memcpy(slot->etag, work->etag, sizeof(slot->etag));
	altoc_work_end(work);
	end_map(slot, r, true, &err);
}

/* 0: on_map_read() tells what comes of it. */
static int read_map(struct altoc_slot *slot, struct fetch_job *job, const struct fetch_answer *a,
		    struct err *err)
{
	struct altoc_work *work = altoc_work_new(slot->peer, slot);
	int r = read_body(work, job, a, err);

	if (r)
		return r;
	r = altoc_read_wait(work, err);
	if (r) {
		altoc_work_end(work);
		return r;
	}
	altoc_read_aim(work);
	slot->reading = true;
	begin(work, altoc_read_text, on_map_read);
	return 0;
}

static void on_map(void *arg, const struct fetch_answer *a)
{
	struct altoc_slot *slot = arg;
	struct fetch_job *job = slot->job;
	struct err err = a->err;
	int r = a->status;

	slot->job = NULL;
	slot->came_ms = altoc_now(slot->peer);
	if (!r)
		r = check_answer(a, slot->media, slot->conditional, &err);
	if (!r && a->code == 200) {
		r = read_map(slot, job, a, &err);
		if (!r)
			return;
	}
	if (!a->status && r)
		err_object(&err, "resource %s", slot->id);
	end_map(slot, r, altoc_is_refusal(a), &err);
}

static bool start(struct altoc_slot *slot, struct err *err)
{
	static const struct fetch_ops ops = {.done = on_map};
	struct altoc_peer *peer = slot->peer;
	struct fetch_conf conf = altoc_request(peer, slot->uri);
	char accept[160];

	snprintf(accept, sizeof(accept), "%s,%s", alto_media_type(slot->media),
		 alto_media_type(ALTO_MEDIA_ERROR));
	conf.accept = accept;
	slot->conditional = !slot->filtered && slot->etag[0] && altoc_doc_fits(slot);
	conf.if_none_match = slot->conditional ? slot->etag : NULL;
	if (slot->filtered) {
		conf.method = "POST";
		conf.safe = true;
		conf.content_type =
			alto_media_type(slot->kind == ALTOC_COSTS ? ALTO_MEDIA_COSTMAPFILTER
								  : ALTO_MEDIA_PROPMAPPARAMS);
		conf.body = slot->body;
		conf.body_len = strlen(slot->body);
	}
	return fetch_start(peer->altoc->fetch, &conf, &ops, slot, &slot->job, err) == 0;
}

void altoc_ask(struct altoc_slot *slot)
{
	struct altoc_peer *peer = slot->peer;
	struct err err = {0};

	if (slot->filtered && !altoc_plan_ask(slot)) {
		altoc_commit(peer);
		return;
	}
	peer->waiting++;
	if (start(slot, &err))
		return;
	slot->etag[0] = '\0';
	altoc_fail(peer, slot, false, &err);
	altoc_round_answered(peer);
}
