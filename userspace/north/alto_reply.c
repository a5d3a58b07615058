/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the ALTO service: text, kept and compressed; errors. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "north/alto.h"

#define KEPT_MAX 256
#define GZIP_WINDOW (15 + 16) /* zlib's largest, in gzip's frame */

/* One answer to a GET. */
struct kept {
	const struct alto_resource *resource;
	struct rest_blob *plain, *gzip; /* gzip: when somebody asked for it */
	char tag[ALTO_TAG_LEN];
	const char *type;
	uint64_t used;
};

struct alto_cache {
	struct kept v[KEPT_MAX];
	unsigned int n;
	size_t bytes;
	uint64_t uses, hits;
};

size_t alto_cache_max = ALTO_CACHE_BYTES;

/* ---- errors ---- */

void alto_no_such(struct req *req)
{
	struct err err = {0};

	err_set(&err, -ENOENT, "", req->path, "no such resource: GET /alto/directory lists them");
	rest_fail(req, &err);
}

void alto_busy(struct req *req, const char *want)
{
	struct err err = {0};

	err_set(&err, -EAGAIN, "", NULL, "%s", want);
	err_object(&err, "ALTO service");
	rest_retry_later(req);
	rest_problem(req, 503, &err);
}

static void too_much(struct req *req)
{
	char want[160];

	snprintf(want, sizeof(want),
		 "at most %u MiB of answers in all, %u MiB of one client, wait to be taken: try "
		 "again later",
		 SHARE_BYTES_MAX >> 20, SHARE_BYTES_PARTY >> 20);
	alto_busy(req, want);
}

/* RFC 7285, 8.5.2 */
static void refuse(struct req *req, const struct alto_error *error)
{
	json_t *obj = alto_error_json(error);
	char *text = obj ? rest_text(obj) : NULL;
	struct rest_blob *blob = text ? rest_blob_new(text, strlen(text)) : NULL;

	json_decref(obj);
	rest_blob(req, 400, blob, alto_media_type(ALTO_MEDIA_ERROR));
}

void alto_fail(struct req *req, int r, const struct alto_error *error)
{
	struct err err = {0};

	if (error->status == 400) {
		refuse(req, error);
	} else if (error->status == 503) {
		alto_busy(req, error->why);
	} else if (error->status) {
		err_set(&err, -ENOENT, "", NULL, "%s", error->why);
		rest_problem(req, error->status, &err);
	} else {
		err_set(&err, r ? r : -EIO, "", NULL, "%s", strerror(r ? -r : EIO));
		rest_problem(req, 500, &err);
	}
}

bool alto_has_room(struct req *req)
{
	if (share_has_room(req->share, 1))
		return true;
	too_much(req);
	return false;
}

/* Small ones always do: there are only so many connections. False: answered. */
static bool fits(struct req *req, const struct rest_blob *blob)
{
	if (blob->len <= ALTO_SMALL || share_has_room(req->share, blob->len))
		return true;
	too_much(req);
	return false;
}

/* ---- compression ---- */

/* NULL: no memory. */
static struct rest_blob *compress_text(const char *text, size_t len)
{
	z_stream z = {.next_in = (unsigned char *)text, .avail_in = (unsigned int)len};
	size_t room;
	char *data;
	int r;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	room = deflateBound(&z, len);
	data = malloc(room);
	z.next_out = (unsigned char *)data;
	z.avail_out = (unsigned int)room;
	r = data ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	deflateEnd(&z);
	if (r != Z_STREAM_END) {
		free(data);
		return NULL;
	}
	room -= z.avail_out;
	return rest_blob_new(realloc(data, room) ?: data, room);
}

static void say_encoding(struct req *req, bool gzip)
{
	if (gzip)
		rest_header(req, "Content-Encoding", "gzip");
	rest_header(req, "Vary", "Accept-Encoding");
}

/* Text of answers to a POST: nobody else gets it. */
void alto_answered(struct req *req, struct alto_out *out, const char *type)
{
	struct rest_blob *blob = NULL;
	bool gzip;

	if (out->failed || !out->data) {
		alto_out_fini(out);
		rest_json(req, 500, NULL);
		return;
	}
	if (out->len > ALTO_GZIP_MIN && rest_takes_gzip(req))
		blob = compress_text(out->data, out->len);
	rest_drop_body(req);
	gzip = blob != NULL;
	if (!gzip)
		blob = rest_blob_new(TAKE_PTR(out->data), out->len);
	alto_out_fini(out);
	snprintf(req->own_type, sizeof(req->own_type), "%s", type);
	if (blob && fits(req, blob)) {
		rest_blob_count(blob, req->share->all);
		say_encoding(req, gzip);
	} /* else answered, or no memory */
	rest_blob(req, 200, blob, req->own_type);
}

/* ---- what is kept ---- */

/* What some client still takes counts from here on. */
static void let_go_of(struct north *n, struct rest_blob *blob)
{
	if (blob && blob->refs > 1)
		rest_blob_count(blob, &n->shares);
	rest_blob_put(blob);
}

static void let_go(struct north *n, struct kept *kept)
{
	let_go_of(n, kept->plain);
	let_go_of(n, kept->gzip);
	*kept = (struct kept){0};
}

static size_t size_of(const struct kept *kept)
{
	return kept->plain->len + (kept->gzip ? kept->gzip->len : 0);
}

void alto_cache_clear(struct north *n)
{
	struct alto_cache *cache = n->alto.cache;

	for (unsigned int i = 0; cache && i < cache->n; i++)
		let_go(n, &cache->v[i]);
	if (cache)
		cache->n = cache->bytes = 0;
}

void alto_cache_stats(const struct north *n, struct alto_cache_stats *out)
{
	const struct alto_cache *cache = n->alto.cache;

	*out = (struct alto_cache_stats){0};
	if (cache)
		*out = (struct alto_cache_stats){cache->bytes, cache->hits};
}

static struct kept *find(struct alto_cache *cache, const struct alto_resource *resource)
{
	for (unsigned int i = 0; cache && i < cache->n; i++) {
		if (cache->v[i].resource == resource) {
			cache->v[i].used = ++cache->uses;
			return &cache->v[i];
		}
	}
	return NULL;
}

static void drop_oldest(struct north *n)
{
	struct alto_cache *cache = n->alto.cache;
	unsigned int oldest = 0;

	for (unsigned int i = 1; i < cache->n; i++) {
		if (cache->v[i].used < cache->v[oldest].used)
			oldest = i;
	}
	cache->bytes -= size_of(&cache->v[oldest]);
	let_go(n, &cache->v[oldest]);
	cache->v[oldest] = cache->v[--cache->n];
}

static void make_room(struct north *n, size_t size)
{
	struct alto_cache *cache = n->alto.cache;

	while (cache->n && (cache->n == KEPT_MAX || cache->bytes + size > alto_cache_max))
		drop_oldest(n);
}

/* Takes what fresh holds. */
static void keep(struct north *n, struct kept *fresh)
{
	struct alto_cache *cache = n->alto.cache ?: calloc(1, sizeof(*cache));

	n->alto.cache = cache;
	if (!cache || size_of(fresh) > alto_cache_max) {
		let_go(n, fresh);
		return;
	}
	make_room(n, size_of(fresh));
	fresh->used = ++cache->uses;
	cache->bytes += size_of(fresh);
	cache->v[cache->n++] = *fresh;
}

static bool wants_gzip(struct req *req, const struct kept *kept)
{
	return kept->plain->len > ALTO_GZIP_MIN && rest_takes_gzip(req);
}

/* The compressed form counts, too: once there is one, both are kept or neither. */
static struct rest_blob *gzip_of(struct req *req, struct kept *kept)
{
	if (!wants_gzip(req, kept))
		return NULL;
	if (!kept->gzip)
		kept->gzip = compress_text(kept->plain->data, kept->plain->len);
	return kept->gzip;
}

/* ---- GET ---- */

static bool is_tag(struct req *req, const char *tag, const char *suffix)
{
	snprintf(req->etag, sizeof(req->etag), "\"%s%s\"", tag, suffix);
	return tag[0] && rest_etag_is(req, req->etag);
}

static bool not_modified(struct req *req, const struct kept *kept)
{
	return is_tag(req, kept->tag, "") || is_tag(req, kept->tag, "-gz");
}

/* Either form will do for a client that has it (RFC 9110, 13.1.2). */
static void answer_kept(struct req *req, struct kept *kept)
{
	struct rest_blob *gzip;

	req->cache = "no-cache";
	rest_header(req, "Vary", "Accept-Encoding");
	if (not_modified(req, kept)) {
		rest_empty(req, 304);
		return;
	}
	gzip = gzip_of(req, kept);
	req->etag[0] = 0;
	if (!fits(req, gzip ? gzip : kept->plain))
		return;
	say_encoding(req, gzip != NULL);
	if (kept->tag[0])
		snprintf(req->etag, sizeof(req->etag), "\"%s%s\"", kept->tag, gzip ? "-gz" : "");
	if (!gzip)
		gzip = kept->plain;
	gzip->refs++;
	rest_blob(req, 200, gzip, kept->type);
}

static int ask(struct req *req, const struct alto_resource *resource, struct alto_reply *reply,
	       struct alto_error *error)
{
	const struct alto_request request = {
		.all = alto_resources_now(req->north),
		.resource = resource,
		.body = req->verb == REST_GET ? NULL : req->data ?: "",
		.len = req->len,
		.client = alto_client(req),
		.now_unix = (uint64_t)time(NULL),
		.host = req->north->name[0] ? req->north->name : NULL,
	};

	return alto_answer(&request, reply, error);
}

/* False: answered. */
static bool make(struct req *req, const struct alto_resource *resource, struct kept *out)
{
	struct alto_error error = {0};
	struct alto_reply reply = {.out.max = ALTO_ANSWER_MAX};
	int r = ask(req, resource, &reply, &error) ?: reply.out.failed;

	if (!r) {
		*out = (struct kept){.resource = resource, .type = alto_media_type(reply.media)};
		snprintf(out->tag, sizeof(out->tag), "%s", reply.tag);
		out->plain = rest_blob_new(TAKE_PTR(reply.out.data), reply.out.len);
		r = out->plain ? 0 : -ENOMEM;
	}
	alto_out_fini(&reply.out);
	if (r)
		alto_fail(req, r, &error);
	return !r;
}

static void answer_known(struct req *req, struct kept *known)
{
	struct alto_cache *cache = req->north->alto.cache;
	size_t before = size_of(known);

	cache->hits++;
	answer_kept(req, known);
	cache->bytes += size_of(known) - before;
	make_room(req->north, 0);
}

/* To compress takes as long as to make it. */
bool alto_answer_kept(struct req *req, const struct alto_resource *resource)
{
	struct kept *known = find(req->north->alto.cache, resource);

	if (!known || (wants_gzip(req, known) && !known->gzip && !not_modified(req, known)))
		return false;
	answer_known(req, known);
	return true;
}

static void answer_get(struct req *req, const struct alto_resource *resource)
{
	struct kept *known = find(req->north->alto.cache, resource), fresh = {0};

	if (known) {
		answer_known(req, known);
	} else if (alto_has_room(req) && make(req, resource, &fresh)) {
		answer_kept(req, &fresh);
		keep(req->north, &fresh);
	}
}

static void answer_post(struct req *req, const struct alto_resource *resource)
{
	struct alto_reply reply = {.out.max = ALTO_ANSWER_MAX};
	struct alto_error error = {0};
	int r;

	if (!alto_has_room(req))
		return;
	r = ask(req, resource, &reply, &error);
	if (r) {
		alto_out_fini(&reply.out);
		alto_fail(req, r, &error);
		return;
	}
	alto_answered(req, &reply.out,
		      reply.content_type[0] ? reply.content_type : alto_media_type(reply.media));
}

/* ---- all ---- */

void alto_resource_answer(struct req *req, const struct alto_resource *resource)
{
	if (req->verb == REST_GET)
		answer_get(req, resource);
	else
		answer_post(req, resource);
}
