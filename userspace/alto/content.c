/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contents that are followed: found by what was asked, asked again where their source changed. */
#include "alto/content.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

struct alto_contents {
	struct alto_content *table;
	const char *host;
	size_t bytes; /* of the last texts, and of keys */
	/* What all of them are asked of, until a round is over: who follows several is told of one
	 * moment. NULL: nothing is followed. */
	struct alto_resources *all;
	uint64_t now_unix;
	bool asking; /* a round is under way */
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
	if (contents)
		alto_resources_free(contents->all);
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

/* New ones leave room for those that are followed already to grow. */
static size_t limit_of(const struct alto_content *c)
{
	return c->n ? ALTO_FOLLOWED_BYTES_MAX : ALTO_FOLLOWED_NEW_BYTES_MAX;
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
	if (bytes > limit_of(c))
		return alto_overload(&c->error, "%s: more than %zu bytes are followed, try later",
				     c->id, limit_of(c));
	reply->out.data = NULL;
	r = alto_content_add(c, text, reply->out.len, strdup(type), reply->tag);
	if (r == 0)
		c->of->bytes = bytes;
	return r;
}

/* What it says depends on its own source only. */
static bool is_asked(const struct alto_content *c, const struct alto_resources *all,
		     uint64_t now_unix)
{
	const struct alto_resource *resource = alto_resource_named(all, c->id);

	if (!resource || !c->asked)
		return !resource && c->failed;
	return strcmp(c->map_tag, resource->source->map_tag) == 0 &&
	       strcmp(c->cost_tag, resource->source->cost_tag) == 0 &&
	       strcmp(c->prop_tag, resource->source->prop_tag) == 0 &&
	       c->turn == turn_of(resource, now_unix);
}

static void note(struct alto_content *c, const struct alto_resource *resource)
{
	if (!resource)
		return;
	c->asked = true;
	strcpy(c->map_tag, resource->source->map_tag);
	strcpy(c->cost_tag, resource->source->cost_tag);
	strcpy(c->prop_tag, resource->source->prop_tag);
	c->turn = turn_of(resource, c->of->now_unix);
}

bool alto_content_asked(const struct alto_content *c)
{
	return is_asked(c, c->of->all, c->of->now_unix);
}

int alto_content_ask(struct alto_content *c)
{
	struct alto_reply reply = {0};
	struct alto_request req = {
		.all = c->of->all,
		.resource = alto_resource_named(c->of->all, c->id),
		.body = c->input,
		.len = c->input ? strlen(c->input) : 0,
		.client = c->client,
		.host = c->of->host,
		.now_unix = c->of->now_unix,
	};
	int r;

	if (alto_content_asked(c))
		return c->failed;
	c->error = (struct alto_error){0};
	r = ask(c, &req, &reply);
	if (r == 0)
		r = keep(c, &reply);
	alto_out_fini(&reply.out);
	if (r == -ENOMEM)
		return r;
	c->failed = r;
	note(c, req.resource);
	return r;
}

/* ---- rounds ---- */

static struct alto_content *next_of(const struct alto_contents *contents,
				    const struct alto_resources *all, uint64_t now_unix)
{
	struct alto_content *c = contents->table;

	while (c && is_asked(c, all, now_unix))
		c = c->hh.next;
	return c;
}

static int take_resources(struct alto_contents *contents, const struct alto_resources *all,
			  uint64_t now_unix)
{
	struct alto_resources *mine = NULL;

	if (alto_resources_new(all->snap, &mine))
		return -ENOMEM;
	alto_resources_free(contents->all);
	contents->all = mine;
	contents->now_unix = now_unix;
	return 0;
}

/* Without memory what is followed later is asked of what the others were. */
bool alto_contents_stale(struct alto_contents *contents, const struct alto_resources *all,
			 uint64_t now_unix)
{
	if (contents->asking || next_of(contents, all, now_unix))
		return true;
	if (contents->all && contents->all->snap != all->snap)
		take_resources(contents, all, now_unix);
	return false;
}

bool alto_contents_step(struct alto_contents *contents, const struct alto_resources *all,
			uint64_t now_unix)
{
	struct alto_content *c;

	if (!contents->asking) {
		if (!next_of(contents, all, now_unix) || take_resources(contents, all, now_unix))
			return false;
		contents->asking = true;
	}
	c = next_of(contents, contents->all, contents->now_unix);
	if (c && alto_content_ask(c) != -ENOMEM)
		return true;
	contents->asking = false;
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

/* Resource, client, input: the last is what is asked, too. */
static char *key_of(const struct alto_content *c, const char *input, size_t *at)
{
	char client[ALTO_ENDPOINT_LEN] = "", *key;
	int len;

	if (c->client.family)
		alto_endpoint_text(&c->client, client);
	len = asprintf(&key, "%s\n%s\n%s", c->id, client, input ? input : "");
	if (len < 0)
		return NULL;
	*at = (size_t)len - (input ? strlen(input) : 0);
	return key;
}

static void content_free(struct alto_content *c)
{
	if (!c)
		return;
	alto_content_forget(c);
	free(c->v);
	free(c->key);
	free(c);
}

static struct alto_content *content_new(const struct alto_stream_conf *conf,
					const struct alto_follow *what)
{
	struct alto_content *c = calloc(1, sizeof(*c));
	size_t at;

	if (!c)
		return NULL;
	*c = (struct alto_content){.of = conf->contents,
				   .refs = 1,
				   .rank = rank_of(what->resource->service),
				   .first = 1};
	snprintf(c->id, sizeof(c->id), "%s", what->resource->id);
	if (knows_client(what->resource->service))
		c->client = conf->client;
	c->key = key_of(c, what->input, &at);
	if (!c->key) {
		free(c);
		return NULL;
	}
	if (what->input)
		c->input = c->key + at;
	return c;
}

/* Takes c. */
static int content_join(struct alto_content *c, struct alto_error *error)
{
	struct alto_contents *contents = c->of;
	size_t len = strlen(c->key);
	int r = 0;

	if (alto_contents_count(contents) == ALTO_CONTENTS_MAX)
		r = alto_overload(error, "at most %u different contents are followed",
				  ALTO_CONTENTS_MAX);
	else if (contents->bytes + len > ALTO_FOLLOWED_NEW_BYTES_MAX)
		r = alto_overload(error, "more than %u bytes are followed, try later",
				  ALTO_FOLLOWED_NEW_BYTES_MAX);
	if (r) {
		content_free(c);
		return r;
	}
	contents->bytes += len;
	HASH_ADD_KEYPTR(hh, contents->table, c->key, len, c);
	return 0;
}

const struct alto_resources *alto_contents_all(const struct alto_stream_conf *conf)
{
	return conf->contents->all ? conf->contents->all : conf->all;
}

int alto_content_get(const struct alto_stream_conf *conf, const struct alto_follow *what,
		     struct alto_content **out, struct alto_error *error)
{
	struct alto_contents *contents = conf->contents;
	struct alto_content *c, *old;
	int r;

	if (!contents->all && take_resources(contents, conf->all, conf->now_unix))
		return -ENOMEM;
	c = content_new(conf, what);
	if (!c)
		return -ENOMEM;
	HASH_FIND_STR(contents->table, c->key, old);
	if (old) {
		old->refs++;
		content_free(c);
		*out = old;
		return 0;
	}
	r = content_join(c, error);
	if (r == 0)
		*out = c;
	return r;
}

void alto_content_put(struct alto_content *c)
{
	struct alto_contents *contents;

	if (!c || --c->refs)
		return;
	contents = c->of;
	contents->bytes -= last_len(c) + strlen(c->key);
	HASH_DEL(contents->table, c);
	content_free(c);
	if (contents->table)
		return;
	alto_resources_free(contents->all);
	contents->all = NULL;
	contents->asking = false;
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
