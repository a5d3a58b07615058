/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents that are followed: found by what was asked, asked again once a snapshot. */
#include "alto/content.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

struct alto_contents {
	struct alto_content *table;
	const char *host;
	size_t bytes; /* of the last texts */
};

struct alto_contents *alto_contents_new(const char *host)
{
	struct alto_contents *contents = calloc(1, sizeof(*contents));

	if (contents)
		contents->host = host;
	return contents;
}

void alto_contents_free(struct alto_contents *contents)
{
	free(contents);
}

bool alto_followed(const struct alto_resource *resource)
{
	return resource->service != ALTO_DIRECTORY && resource->service != ALTO_UPDATE_STREAM &&
	       resource->service != ALTO_TIPS_SERVICE;
}

static bool is_multipart(enum alto_media media)
{
	return media == ALTO_MEDIA_PV_COSTMAP || media == ALTO_MEDIA_PV_ENDPOINTCOST;
}

bool alto_incremental(const struct alto_resource *resource)
{
	return alto_followed(resource) && !is_multipart(resource->media);
}

/* ---- asking ---- */

static int rank_of(enum alto_service service)
{
	switch (service) {
	case ALTO_NETWORK_MAP:
	case ALTO_NETWORK_MAP_FILTER:
		return 0;
	case ALTO_PROPERTY_MAP:
	case ALTO_PROPERTY_MAP_FILTER:
		return 1;
	default:
		return ALTO_RANKS - 1;
	}
}

/* Calendars are told from the interval on that is now. */
static uint64_t turn_of(const struct alto_resource *resource, uint64_t now_unix)
{
	const struct alto_source *s = resource ? resource->source : NULL;

	return s && s->calendar.interval_s ? now_unix / s->calendar.interval_s : 0;
}

static int ask(struct alto_content *c, const struct alto_request *req, struct alto_reply *reply)
{
	int r;

	if (!req->resource)
		return alto_wrong_value(&c->error, "resource-id", c->id, "is not offered any more");
	r = alto_answer(req, reply, &c->error);
	if (r == 0 && reply->out.len > ALTO_STREAM_BYTES_MAX)
		r = alto_overload(&c->error, "%s: more than %u bytes, ask for less", c->id,
				  ALTO_STREAM_BYTES_MAX);
	return r;
}

static size_t last_len(const struct alto_content *c)
{
	return c->n ? c->v[c->n - 1].full_len : 0;
}

static bool is_same(const struct alto_content *c, const struct alto_out *out, const char *type)
{
	const struct alto_version *now = c->n ? alto_content_now(c) : NULL;

	return now && now->full_len == out->len && memcmp(now->full, out->data, out->len) == 0 &&
	       strcmp(now->type, type) == 0;
}

static int keep(struct alto_content *c, struct alto_reply *reply)
{
	const char *type =
		reply->content_type[0] ? reply->content_type : alto_media_type(reply->media);
	size_t bytes = c->of->bytes - last_len(c) + reply->out.len;
	char *text = reply->out.data;
	int r;

	if (!text || is_same(c, &reply->out, type))
		return text ? 0 : -ENOMEM;
	if (bytes > ALTO_FOLLOWED_BYTES_MAX)
		return alto_overload(&c->error, "more than %u bytes are followed, ask for less",
				     ALTO_FOLLOWED_BYTES_MAX);
	reply->out.data = NULL;
	r = alto_content_add(c, text, reply->out.len, strdup(type), reply->tag);
	if (r == 0)
		c->of->bytes = bytes;
	return r;
}

static bool is_asked(const struct alto_content *c, const struct alto_resources *all,
		     uint64_t now_unix)
{
	return c->snapshot == all->snap->number &&
	       c->turn == turn_of(alto_resource_named(all, c->id), now_unix);
}

int alto_content_refresh(struct alto_content *c, const struct alto_resources *all,
			 uint64_t now_unix)
{
	struct alto_reply reply = {0};
	struct alto_request req = {
		.all = all,
		.resource = alto_resource_named(all, c->id),
		.body = c->input,
		.len = c->input ? strlen(c->input) : 0,
		.client = c->client,
		.host = c->of->host,
		.now_unix = now_unix,
	};
	int r;

	if (is_asked(c, all, now_unix))
		return c->failed;
	c->error = (struct alto_error){0};
	r = ask(c, &req, &reply);
	if (r == 0)
		r = keep(c, &reply);
	alto_out_fini(&reply.out);
	if (r == -ENOMEM)
		return r;
	c->failed = r;
	c->snapshot = all->snap->number;
	c->turn = turn_of(req.resource, now_unix);
	return r;
}

bool alto_contents_step(struct alto_contents *contents, const struct alto_resources *all,
			uint64_t now_unix)
{
	for (struct alto_content *c = contents->table; c; c = c->hh.next) {
		if (!is_asked(c, all, now_unix))
			return alto_content_refresh(c, all, now_unix) != -ENOMEM;
	}
	return false;
}

unsigned int alto_contents_count(const struct alto_contents *contents)
{
	return HASH_COUNT(contents->table);
}

/* ---- who follows what ---- */

static bool knows_client(enum alto_service service)
{
	return service == ALTO_ENDPOINT_COST || service == ALTO_ENDPOINT_COST_PV;
}

/* What a resource says to no input at all is what it says to an empty one. */
static char *input_text(const struct alto_follow *what)
{
	if (what->resource->accepts == ALTO_MEDIA_MAX)
		return NULL;
	return what->input ? json_text(what->input) : strdup("{}");
}

static char *key_of(const struct alto_content *c)
{
	char client[ALTO_ENDPOINT_LEN] = "", *key;

	if (c->client.family)
		alto_endpoint_text(&c->client, client);
	return asprintf(&key, "%s\n%s\n%s", c->id, client, c->input ? c->input : "") < 0 ? NULL
											 : key;
}

static void content_free(struct alto_content *c)
{
	if (!c)
		return;
	alto_content_forget(c);
	free(c->v);
	free(c->key);
	free(c->input);
	free(c);
}

static struct alto_content *content_new(const struct alto_stream_conf *conf,
					const struct alto_follow *what)
{
	struct alto_content *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct alto_content){.of = conf->contents,
				   .refs = 1,
				   .rank = rank_of(what->resource->service),
				   .input = input_text(what),
				   .first = 1};
	snprintf(c->id, sizeof(c->id), "%s", what->resource->id);
	if (knows_client(what->resource->service))
		c->client = conf->client;
	c->key = key_of(c);
	if (!c->key || (!c->input && what->resource->accepts != ALTO_MEDIA_MAX)) {
		content_free(c);
		return NULL;
	}
	return c;
}

int alto_content_get(const struct alto_stream_conf *conf, const struct alto_follow *what,
		     struct alto_content **out, struct alto_error *error)
{
	struct alto_content *c = content_new(conf, what), *old;
	int r;

	if (!c)
		return -ENOMEM;
	HASH_FIND_STR(conf->contents->table, c->key, old);
	if (old) {
		old->refs++;
		content_free(c);
		c = old;
	} else if (alto_contents_count(conf->contents) == ALTO_CONTENTS_MAX) {
		content_free(c);
		return alto_overload(error, "at most %u different contents are followed",
				     ALTO_CONTENTS_MAX);
	} else {
		HASH_ADD_KEYPTR(hh, conf->contents->table, c->key, strlen(c->key), c);
	}
	r = alto_content_refresh(c, conf->all, conf->now_unix);
	if (r) {
		*error = c->error;
		alto_content_put(c);
		return r;
	}
	*out = c;
	return 0;
}

void alto_content_put(struct alto_content *c)
{
	if (!c || --c->refs)
		return;
	c->of->bytes -= last_len(c);
	HASH_DEL(c->of->table, c);
	content_free(c);
}

void alto_put_uri(struct alto_out *o, const char *base, const char *path)
{
	char *uri;

	if (asprintf(&uri, "%s%s", base, path) < 0) {
		o->failed = -ENOMEM;
		return;
	}
	alto_put_string(o, uri);
	free(uri);
}

uint64_t alto_content_last(const struct alto_content *c)
{
	return c->first + c->n - 1;
}

const struct alto_version *alto_content_now(const struct alto_content *c)
{
	return &c->v[c->n - 1];
}

size_t alto_content_patches(const struct alto_content *c, uint64_t from)
{
	size_t bytes = 0;

	if (from < c->first || from > alto_content_last(c) + 1)
		return SIZE_MAX;
	for (uint64_t i = from - c->first; i < c->n; i++) {
		if (!c->v[i].patch)
			return SIZE_MAX;
		bytes += c->v[i].patch_len;
	}
	return bytes;
}
