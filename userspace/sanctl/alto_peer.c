/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ALTO server: asked over HTTP, one request after the other. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/alto.h"
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

/* An answer that is none of 2xx. */
static int not_ok(const struct link *link, const char *url)
{
	struct err err = {};
	char text[512];

	alto_error_parse(link->body, link->len, link->code, &err);
	fprintf(stderr, "sanctl: %s: %s\n", url, err_text(&err, text, sizeof(text)));
	return link->code == 404 ? CTL_NOT_FOUND : CTL_REFUSED;
}

/* ---- one request ---- */

struct request {
	const char *url, *id;
	enum alto_media media;
	const char *content_type, *body; /* NULL: GET */
};

static int check_type(const struct peer *peer, const struct request *request)
{
	struct err err = {};

	if (alto_media_parse(peer->link.content_type) == request->media)
		return CTL_OK;
	err_set(&err, -EINVAL, "Content-Type", peer->link.content_type, "must be %s",
		alto_media_type(request->media));
	return peer_refuses(request->id, &err);
}

/* What is secret goes to the directory's own server only. */
static int ask(struct peer *peer, const struct request *request)
{
	struct fetch_conf conf = link_conf(&peer->link, request->url);
	char accept[256];
	int status;

	snprintf(accept, sizeof(accept), "%s, %s", alto_media_type(request->media),
		 alto_media_type(ALTO_MEDIA_ERROR));
	conf.method = request->body ? "POST" : "GET";
	conf.accept = accept;
	conf.content_type = request->content_type;
	conf.body = request->body;
	conf.body_len = request->body ? strlen(request->body) : 0;
	if (!alto_uri_same_origin(peer->url, request->url))
		conf.token = conf.cert = conf.key = NULL;
	conf.max = ALTO_BODY_MAX;
	conf.compressed = conf.safe = true;
	status = link_ask(&peer->link, &conf);
	if (status)
		return status;
	if (peer->link.code / 100 != 2)
		return not_ok(&peer->link, request->url);
	return check_type(peer, request);
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
	if (alto_ird_parse(peer->link.body, peer->link.len, peer->url, &peer->ird, &err))
		return peer_refuses(r.id, &err);
	return CTL_OK;
}

int peer_open(struct peer *peer, struct ctl *ctl, const struct verb *verb, struct args args)
{
	int status;

	*peer = (struct peer){};
	if (args.n != 1)
		return usage_error(verb, "takes the URL of an ALTO server's directory");
	peer->url = args.v[0];
	status = link_open(&peer->link, ctl, verb, NULL);
	return status ? status : read_directory(peer);
}

void peer_close(struct peer *peer)
{
	alto_netmap_free(peer->map);
	alto_ird_free(peer->ird);
	link_close(&peer->link);
}

/* ---- network map ---- */

static const struct alto_ird_entry *find_map(const struct peer *peer)
{
	const struct alto_ird_want any = {.media = ALTO_MEDIA_NETWORKMAP,
					  .accepts = ALTO_MEDIA_MAX};
	const char *id = peer->link.ctl->text[CTL_OPT_MAP];
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
	const char *id = peer->link.ctl->text[CTL_OPT_MAP];
	const struct alto_ird_entry *e = find_map(peer);
	struct err err = {};
	int status;

	if (!e)
		return peer_lacks(peer, "network map%s%s", id ? " " : "", id ? id : "");
	status = peer_ask(peer, e, NULL);
	if (status)
		return status;
	if (alto_netmap_parse(peer->link.body, peer->link.len, e->id, &peer->map, &err))
		return peer_refuses(e->id, &err);
	return CTL_OK;
}
