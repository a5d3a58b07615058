/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ALTO server: asked over HTTP, one request after the other. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/alto.h"
#include "sanctl/table.h"
#include "util/own.h"

/* ---- what is said when something is wrong ---- */

int peer_refuses(const char *id, const struct err *err)
{
	char text[512];

	fprintf(stderr, "sanctl: the answer of %s does not hold: %s\n", id,
		err_text(err, text, sizeof(text)));
	return CTL_REFUSED;
}

int peer_lacks(const struct peer *peer, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "sanctl: %s offers no ", peer->url);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("; see `sanctl alto ird`\n", stderr);
	return CTL_NOT_FOUND;
}

static int unreachable(const struct err *err, int status)
{
	char text[512];

	fprintf(stderr, "sanctl: %s\n", err_text(err, text, sizeof(text)));
	return status;
}

/* An answer that is none of 2xx. */
static int not_ok(const struct peer *peer, const char *url)
{
	struct err err = {};
	char text[512];

	alto_error_parse(peer->body, peer->len, peer->head.code, &err);
	fprintf(stderr, "sanctl: %s: %s\n", url, err_text(&err, text, sizeof(text)));
	return peer->head.code == 404 ? CTL_NOT_FOUND : CTL_REFUSED;
}

/* ---- one request ---- */

static void on_done(void *arg, const struct fetch_answer *answer)
{
	struct peer *peer = arg;

	peer->answered = true;
	peer->head = *answer;
	peer->head.body = peer->head.content_type = peer->head.etag = NULL;
	if (answer->status)
		return;
	peer->body = malloc(answer->len + 1);
	peer->content_type = strdup(answer->content_type);
	if (!peer->body || !peer->content_type) {
		peer->head.status = err_set(&peer->head.err, -ENOMEM, "", NULL, "no memory");
		return;
	}
	memcpy(peer->body, answer->body, answer->len);
	peer->body[answer->len] = '\0';
	peer->len = answer->len;
}

static void forget(struct peer *peer)
{
	free(peer->body);
	free(peer->content_type);
	peer->body = peer->content_type = NULL;
	peer->len = 0;
	peer->answered = false;
}

static int fetch(struct peer *peer, const struct fetch_conf *conf)
{
	static const struct fetch_ops ops = {.done = on_done};
	struct fetch_job *job = NULL;
	struct err err = {};

	forget(peer);
	if (fetch_start(peer->fetch, conf, &ops, peer, &job, &err))
		return unreachable(&err, CTL_USAGE);
	while (!peer->answered)
		uv_run(&peer->loop, UV_RUN_ONCE);
	if (peer->head.status)
		return unreachable(&peer->head.err, CTL_UNREACHABLE);
	return peer->head.code / 100 == 2 ? CTL_OK : not_ok(peer, conf->url);
}

struct request {
	const char *url, *id;
	enum alto_media media;
	const char *content_type, *body; /* NULL: GET */
};

static int check_type(const struct peer *peer, const struct request *request)
{
	struct err err = {};

	if (alto_media_parse(peer->content_type) == request->media)
		return CTL_OK;
	err_set(&err, -EINVAL, "Content-Type", peer->content_type, "must be %s",
		alto_media_type(request->media));
	return peer_refuses(request->id, &err);
}

/* What is secret goes to the directory's own server only. */
static int ask(struct peer *peer, const struct request *request)
{
	const char *const *text = peer->ctl->text;
	bool own = alto_uri_same_origin(peer->url, request->url);
	char accept[256];
	const struct fetch_conf conf = {
		.url = request->url,
		.method = request->body ? "POST" : "GET",
		.accept = accept,
		.content_type = request->content_type,
		.body = request->body,
		.body_len = request->body ? strlen(request->body) : 0,
		.token = own ? peer->token : NULL,
		.ca = text[CTL_OPT_CA],
		.cert = own ? text[CTL_OPT_CERT] : NULL,
		.key = own ? text[CTL_OPT_KEY] : NULL,
		.connect_ms = peer->ctl->timeout_ms,
		.timeout_ms = peer->ctl->timeout_ms,
		.max = ALTO_BODY_MAX,
		.compressed = true,
	};
	int status;

	snprintf(accept, sizeof(accept), "%s, %s", alto_media_type(request->media),
		 alto_media_type(ALTO_MEDIA_ERROR));
	status = fetch(peer, &conf);
	return status ? status : check_type(peer, request);
}

int peer_ask(struct peer *peer, const struct alto_ird_entry *e, const json_t *request)
{
	OWN_PTR char *body = request ? json_dumps(request, JSON_COMPACT) : NULL;
	const struct request r = {.url = e->uri,
				  .id = e->id,
				  .media = e->media,
				  .content_type = request ? e->accepts_text : NULL,
				  .body = body};

	return ask(peer, &r);
}

/* ---- open, close ---- */

static int read_directory(struct peer *peer)
{
	const struct request r = {
		.url = peer->url, .id = "the directory", .media = ALTO_MEDIA_DIRECTORY};
	struct err err = {};
	int status = ask(peer, &r);

	if (status)
		return status;
	if (alto_ird_parse(peer->body, peer->len, peer->url, &peer->ird, &err))
		return peer_refuses(r.id, &err);
	return CTL_OK;
}

int peer_open(struct peer *peer, struct ctl *ctl, const struct verb *verb, struct args args)
{
	const char *const *text = ctl->text;

	*peer = (struct peer){.ctl = ctl, .verb = verb};
	if (args.n != 1)
		return usage_error(verb, "takes the URL of an ALTO server's directory");
	peer->url = args.v[0];
	if (!text[CTL_OPT_CERT] != !text[CTL_OPT_KEY])
		return usage_error(verb, "--cert and --key go together");
	if (text[CTL_OPT_TOKEN_FILE] && ctl_token(text[CTL_OPT_TOKEN_FILE], &peer->token))
		return CTL_USAGE;
	if (uv_loop_init(&peer->loop))
		return usage_error(verb, "cannot begin: no event loop");
	if (fetch_open(&peer->loop, &peer->fetch)) {
		uv_loop_close(&peer->loop);
		return usage_error(verb, "cannot begin: no HTTP client");
	}
	return read_directory(peer);
}

void peer_close(struct peer *peer)
{
	if (peer->fetch) {
		fetch_close(peer->fetch);
		uv_run(&peer->loop, UV_RUN_DEFAULT);
		uv_loop_close(&peer->loop);
	}
	forget(peer);
	alto_netmap_free(peer->map);
	alto_ird_free(peer->ird);
	free(peer->token);
}

/* ---- network map ---- */

static const struct alto_ird_entry *find_map(const struct peer *peer)
{
	const struct alto_ird_want any = {.media = ALTO_MEDIA_NETWORKMAP,
					  .accepts = ALTO_MEDIA_MAX};
	const char *id = peer->ctl->text[CTL_OPT_MAP];
	const struct alto_ird_entry *e;

	if (!id)
		id = peer->ird->default_map;
	if (!id)
		return alto_ird_pick(peer->ird, &any, NULL);
	e = alto_ird_find(peer->ird, id);
	return e && e->media == ALTO_MEDIA_NETWORKMAP && !e->accepts_text ? e : NULL;
}

int peer_map(struct peer *peer)
{
	const char *id = peer->ctl->text[CTL_OPT_MAP];
	const struct alto_ird_entry *e = find_map(peer);
	struct err err = {};
	int status;

	if (!e)
		return peer_lacks(peer, "network map%s%s", id ? " " : "", id ? id : "");
	status = peer_ask(peer, e, NULL);
	if (status)
		return status;
	if (alto_netmap_parse(peer->body, peer->len, e->id, &peer->map, &err))
		return peer_refuses(e->id, &err);
	return CTL_OK;
}
