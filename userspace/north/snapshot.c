/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/database/snapshot: all keys at one revision, a line each, read page by page as the client
 * takes them. First line {"sand_snapshot": 1, "revision": R}, last line {"end": N}: without it the
 * snapshot is not whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "north/database.h"
#include "north/stream.h"

struct snapshot {
	struct req *req; /* until the stream is there */
	struct rest_stream *stream;
	struct ncsdb *db;
	int64_t revision; /* 0 = not known yet */
	uint64_t keys;
	size_t limit; /* of the next page */
	char last[NCSDB_KEY_MAX];
	bool complete; /* the last page was put */
	bool reading;  /* a page is under way */
	bool gone;
};

static void snapshot_free(struct snapshot *s)
{
	if (s->gone && !s->reading)
		free(s);
}

static int print_key(FILE *out, const struct ncsdb_kv *kv)
{
	json_t *obj = kv_json(kv, false);
	int r = obj ? json_dumpf(obj, out, JSON_COMPACT) : -1;

	json_decref(obj);
	fputc('\n', out);
	return r;
}

/* NULL: no memory. */
static char *page_text(struct snapshot *s, const struct ncsdb_range_result *res, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	int r = 0;

	if (!out)
		return NULL;
	if (!s->revision)
		fprintf(out, "{\"sand_snapshot\":1,\"revision\":%" PRId64 "}\n", res->revision);
	for (size_t i = 0; !r && i < res->n; i++)
		r = print_key(out, &res->kvs[i]);
	s->keys += res->n;
	if (!res->more)
		fprintf(out, "{\"end\":%" PRIu64 "}\n", s->keys);
	r |= ferror(out);
	r |= fclose(out);
	if (!r)
		return text;
	free(text);
	return NULL;
}

/* Values may be as large as a message: pages grow while their text is short. */
static void set_limit(struct snapshot *s, size_t len)
{
	if (len > DATABASE_PAGE_BYTES && s->limit > 1)
		s->limit /= 2;
	else if (len < DATABASE_PAGE_BYTES / 2 && s->limit < DATABASE_PAGE)
		s->limit *= 2;
}

static void read_page(struct snapshot *s);

static void on_more(void *arg)
{
	struct snapshot *s = arg;

	if (s->complete)
		rest_stream_end(s->stream, true);
	else
		read_page(s);
}

static void on_gone(void *arg)
{
	struct snapshot *s = arg;

	s->gone = true;
	snapshot_free(s);
}

/* The first page is there: from here on the answer is 200. */
static int start(struct snapshot *s, char *text, size_t len)
{
	static const struct rest_stream_ops ops = {on_more, on_gone};
	struct req *req = s->req;

	s->stream = rest_stream_new(req, &ops, s);
	if (!s->stream) {
		free(text);
		return -ENOMEM;
	}
	rest_stream_put(s->stream, text, len);
	rest_streamed(req, s->stream, "application/x-ndjson");
	return 0;
}

static void refuse(struct snapshot *s, int status)
{
	if (s->stream) {
		rest_stream_end(s->stream, false);
		return;
	}
	database_failed(s->req, status);
	s->gone = true;
}

/* text is taken. */
static void put_page(struct snapshot *s, const struct ncsdb_range_result *res, char *text,
		     size_t len)
{
	s->revision = s->revision ?: res->revision;
	if (res->n)
		snprintf(s->last, sizeof(s->last), "%s", res->kvs[res->n - 1].key);
	s->complete = !res->more;
	set_limit(s, len);
	if (s->stream)
		rest_stream_put(s->stream, text, len);
	else if (start(s, text, len))
		refuse(s, -ENOMEM);
}

static void on_page(void *arg, const struct ncsdb_range_result *res)
{
	struct snapshot *s = arg;
	struct req *req = s->stream ? NULL : s->req; /* held for the first page */
	char *text = NULL;
	size_t len = 0;

	if (!s->gone && database_too_large(res->status) && s->limit > 1) {
		s->limit /= 2;
		read_page(s);
		return;
	}
	if (!s->gone && !res->status)
		text = page_text(s, res, &len);
	if (text)
		put_page(s, res, text, len);
	else if (!s->gone)
		refuse(s, res->status ?: -ENOMEM);
	s->reading = false; /* only now: gone() would have freed it */
	if (req)
		rest_put(req);
	snapshot_free(s);
}

static void read_page(struct snapshot *s)
{
	struct ncsdb_range range = {.limit = s->limit, .revision = s->revision};
	struct key_span span;
	int r = key_span(DATABASE_ROOT, s->last, &span, &range);

	s->reading = true;
	r = r ?: ncsdb_range(s->db, &range, on_page, s);
	if (r)
		on_page(s, &(struct ncsdb_range_result){.status = r});
}

void database_snapshot(struct req *req)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s) {
		rest_json(req, 500, NULL);
		return;
	}
	s->req = req;
	s->db = req->north->conf.db;
	s->limit = DATABASE_PAGE_FIRST;
	rest_hold(req);
	read_page(s);
}
