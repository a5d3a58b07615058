/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TIPS views (RFC 9569): the history of one content as a graph of updates. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alto/content.h"

struct alto_tips {
	struct alto_content *content;
	char *path;
};

struct edge {
	uint64_t from, to;
};

/* The newest version that has the client's tag. */
static uint64_t version_of(const struct alto_content *c, const char *tag)
{
	for (unsigned int i = c->n; i > 0; i--) {
		if (strcmp(c->v[i - 1].tag, tag) == 0)
			return c->first + i - 1;
	}
	return 0;
}

/* Where the client's version is known and going on from it is less than the whole: the next of it
 * (RFC 9569, 6.2). */
static struct edge recommended(const struct alto_content *c, const char *tag)
{
	uint64_t have = tag && tag[0] ? version_of(c, tag) : 0;

	if (have && alto_content_patches(c, have + 1) < alto_content_now(c)->full_len)
		return (struct edge){have, have + 1};
	return (struct edge){0, alto_content_last(c)};
}

static void put_summary(struct alto_out *o, const struct alto_content *c, const char *tag)
{
	struct edge edge = recommended(c, tag);

	alto_putf(o,
		  "{\"start-seq\":%" PRIu64 ",\"end-seq\":%" PRIu64
		  ",\"start-edge-rec\":{\"seq-i\":%" PRIu64 ",\"seq-j\":%" PRIu64 "}}",
		  c->first, alto_content_last(c), edge.from, edge.to);
}

/* ---- requests ---- */

static int parse(const struct alto_stream_conf *conf, const json_t *body, const char **tag,
		 struct alto_follow *what, struct alto_error *error)
{
	int r = alto_follow_resource(alto_contents_all(conf), body, "", &what->resource, error);

	if (r == 0)
		r = alto_get_string(body, "", "tag", false, tag, error);
	if (r == 0)
		r = alto_follow_input(what->resource, body, "", &what->input, error);
	return r;
}

/* With an answer; held. */
static int content_of(const struct alto_stream_conf *conf, const struct alto_follow *what,
		      struct alto_content **out, struct alto_error *error)
{
	struct alto_content *c;
	int r = alto_content_get(conf, what, &c, error);

	if (r)
		return r;
	r = alto_content_ask(c);
	if (r) {
		*error = c->error;
		alto_content_put(c);
		return r;
	}
	*out = c;
	return 0;
}

/* content is taken, also on failure. */
static struct alto_tips *view_of(struct alto_content *content, const char *path)
{
	struct alto_tips *tips = content->view;

	if (tips) {
		alto_content_put(content);
		return tips;
	}
	tips = calloc(1, sizeof(*tips));
	if (tips)
		*tips = (struct alto_tips){.content = content, .path = strdup(path)};
	if (!tips || !tips->path) {
		free(tips);
		alto_content_put(content);
		return NULL;
	}
	content->view = tips;
	return tips;
}

static int open_view(const struct alto_stream_conf *conf, const json_t *body, struct alto_out *out,
		     struct alto_tips **tips, struct alto_error *error)
{
	struct alto_content *content;
	struct alto_follow what = {0};
	const char *tag = NULL;
	struct alto_tips *view;
	int r = parse(conf, body, &tag, &what, error);

	if (r == 0)
		r = content_of(conf, &what, &content, error);
	free(what.input);
	if (r)
		return r;
	view = view_of(content, conf->path);
	if (!view)
		return -ENOMEM;
	alto_puts(out, "{\"tips-view-uri\":");
	alto_put_uri(out, conf->base, view->path);
	alto_puts(out, ",\"tips-view-summary\":{\"updates-graph-summary\":");
	put_summary(out, view->content, tag);
	alto_puts(out, "}}");
	*tips = view;
	return 0;
}

int alto_tips_open(const struct alto_stream_conf *conf, const char *params, size_t len,
		   struct alto_out *out, struct alto_tips **tips, struct alto_error *error)
{
	json_t *body;
	int r = alto_body(params, len, &body, error);

	if (r)
		return r;
	r = open_view(conf, body, out, tips, error);
	json_decref(body);
	return r;
}

void alto_tips_free(struct alto_tips *tips)
{
	if (!tips)
		return;
	tips->content->view = NULL;
	alto_content_put(tips->content);
	free(tips->path);
	free(tips);
}

int alto_tips_update(const struct alto_tips *tips)
{
	return tips->content->failed;
}

int alto_tips_next(const struct alto_tips *tips, const char *params, size_t len,
		   struct alto_out *out, struct alto_error *error)
{
	const char *tag = NULL;
	json_t *body;
	int r = alto_body(params, len, &body, error);

	if (r)
		return r;
	r = alto_get_string(body, "", "tag", false, &tag, error);
	if (r == 0)
		put_summary(out, tips->content, tag);
	json_decref(body);
	return r;
}

/* ---- edges ---- */

static int put_full(const struct alto_version *v, struct alto_out *out, const char **type)
{
	if (!v->full)
		return -ENOENT;
	alto_put(out, v->full, v->full_len);
	*type = v->type;
	return out->failed;
}

static int put_step(const struct alto_version *v, struct alto_out *out, const char **type)
{
	if (!v->patch)
		return put_full(v, out, type);
	alto_put(out, v->patch, v->patch_len);
	*type = alto_media_type(ALTO_MEDIA_MERGE_PATCH);
	return out->failed;
}

/* From the version before the first there is still the step to it: who waited for it may have
 * waited for what made it the first. */
int alto_tips_edge(const struct alto_tips *tips, uint64_t from, uint64_t to, struct alto_out *out,
		   const char **type)
{
	const struct alto_content *c = tips->content;
	uint64_t last = alto_content_last(c);

	if (from && from == last && to == from + 1)
		return -EAGAIN;
	if (to > last || from > last)
		return -ERANGE;
	if (to < c->first || (from && from + 1 < c->first))
		return -ESTALE;
	if (from == 0)
		return put_full(&c->v[to - c->first], out, type);
	return to == from + 1 ? put_step(&c->v[to - c->first], out, type) : -ENOENT;
}
