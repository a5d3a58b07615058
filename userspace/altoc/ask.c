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

/* ---- directory ---- */

static int read_directory(struct altoc_peer *peer, const struct fetch_answer *a, bool *changed,
			  struct err *err)
{
	char digest[ALTO_TAG_LEN];
	struct alto_ird *ird = NULL;
	int r;

	alto_digest(a->body, a->len, digest);
	if (!strcmp(digest, peer->digest))
		return 0;
	r = alto_ird_parse(a->body, a->len, peer->conf.directory, &ird, err);
	if (r)
		return r;
	r = altoc_plan(peer, ird, err);
	alto_ird_free(ird);
	if (r)
		return r;
	*changed = true;
	memcpy(peer->digest, digest, sizeof(digest));
	snprintf(peer->etag, sizeof(peer->etag), "%s", a->etag);
	return 0;
}

static void on_directory(void *arg, const struct fetch_answer *a)
{
	struct altoc_peer *peer = arg;
	struct err err = a->err;
	bool changed = false;
	int r = a->status;

	peer->job = NULL;
	if (!r)
		r = check_answer(a, ALTO_MEDIA_DIRECTORY, peer->etag[0] != '\0', &err);
	if (!r && a->code == 200)
		r = read_directory(peer, a, &changed, &err);
	if (!a->status && r)
		err_object(&err, "directory");
	if (r)
		altoc_fail(peer, NULL, altoc_is_refusal(a), &err);
	/* A subscription is of what was offered when it was made. */
	if (changed && peer->stream)
		altoc_round_start(peer);
	else
		altoc_round_answered(peer);
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

static int read_map(struct altoc_slot *slot, const struct fetch_answer *a, struct err *err)
{
	int r = altoc_doc_text(slot, a->body, a->len, err);

	if (!r)
		snprintf(slot->etag, sizeof(slot->etag), "%s", a->etag);
	return r;
}

static void on_map(void *arg, const struct fetch_answer *a)
{
	struct altoc_slot *slot = arg;
	struct altoc_peer *peer = slot->peer;
	struct err err = a->err;
	int r = a->status;

	slot->job = NULL;
	if (!r)
		r = check_answer(a, slot->media, slot->conditional, &err);
	if (!r && a->code == 200)
		r = read_map(slot, a, &err);
	if (!a->status && r)
		err_object(&err, "resource %s", slot->id);
	if (r) {
		/* Once it may be that the network map changed between two answers. */
		peer->stale |= r == -ESTALE;
		altoc_fail(peer, slot, altoc_is_refusal(a) && (r != -ESTALE || peer->stale_again),
			   &err);
	} else {
		slot->error[0] = '\0';
		altoc_commit(peer);
		altoc_confirm(slot);
	}
	altoc_round_answered(peer);
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
