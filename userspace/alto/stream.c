/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Update streams (RFC 8895): which substreams there are, and how far each one was told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/stream_int.h"

struct substream {
	UT_hash_handle hh;
	char id[ALTO_NAME_LEN];
	struct alto_content *content; /* NULL: removed or stopped; the ID stays used */
	bool incremental;
	uint64_t told; /* version; 0: none */
};

struct alto_stream {
	struct substream *table; /* in the order they were added */
	unsigned int active;
	uint64_t events; /* written */
};

/* ---- substreams ---- */

static struct substream *find(const struct alto_stream *stream, const char *id)
{
	struct substream *sub;

	HASH_FIND_STR(stream->table, id, sub);
	return sub;
}

static void stop(struct alto_stream *stream, struct substream *sub)
{
	alto_content_put(sub->content);
	sub->content = NULL;
	stream->active--;
}

static size_t bytes_of(const struct alto_stream *stream)
{
	size_t bytes = 0;

	for (const struct substream *sub = stream->table; sub; sub = sub->hh.next) {
		if (sub->content)
			bytes += alto_content_now(sub->content)->full_len;
	}
	return bytes;
}

static int add(struct alto_stream *stream, struct alto_stream_add *what)
{
	struct substream *sub = calloc(1, sizeof(*sub));

	if (!sub)
		return -ENOMEM;
	strcpy(sub->id, what->id);
	sub->incremental = what->incremental;
	sub->content = what->content;
	what->content = NULL;
	if (what->tag && what->tag[0] &&
	    strcmp(what->tag, alto_content_now(sub->content)->tag) == 0)
		sub->told = alto_content_last(sub->content);
	HASH_ADD_STR(stream->table, id, sub);
	stream->active++;
	return 0;
}

/* ---- telling ---- */

static void tell(struct alto_stream *stream, struct substream *sub, struct alto_out *out)
{
	struct alto_content *c = sub->content;
	uint64_t last = alto_content_last(c);

	if (sub->told == last)
		return;
	if (sub->told && sub->incremental &&
	    alto_content_patches(c, sub->told + 1) < alto_content_now(c)->full_len) {
		for (uint64_t i = sub->told + 1; i <= last; i++)
			alto_event_patch(out, sub->id, &c->v[i - c->first]);
		stream->events += last - sub->told;
	} else {
		alto_event_full(out, sub->id, alto_content_now(c));
		stream->events++;
	}
	sub->told = last;
}

static void tell_all(struct alto_stream *stream, struct alto_out *out)
{
	for (int rank = 0; rank < ALTO_RANKS; rank++) {
		for (struct substream *sub = stream->table; sub; sub = sub->hh.next) {
			if (sub->content && sub->content->rank == rank)
				tell(stream, sub, out);
		}
	}
}

/* ids: what they are told by (taken). */
static int tell_ids(struct alto_stream *stream, struct alto_out *out, const char *member,
		    json_t *ids, const char *reason)
{
	if (!ids)
		return -ENOMEM;
	if (json_array_size(ids)) {
		alto_event_control(out, member, ids, reason);
		stream->events++;
	}
	json_decref(ids);
	return 0;
}

static void stop_told(struct alto_stream *stream, struct substream *sub, const char *reason,
		      struct alto_out *out)
{
	if (tell_ids(stream, out, "stopped", json_pack("[s]", sub->id), reason))
		out->failed = -ENOMEM;
	stop(stream, sub);
}

/* ---- requests ---- */

static int check_ids(const struct alto_stream *stream, const struct alto_adds *adds,
		     struct alto_error *error)
{
	for (unsigned int i = 0; i < adds->n; i++) {
		if (find(stream, adds->v[i].id))
			return alto_wrong_value(error, "add", adds->v[i].id,
						"this stream has used the substream ID before");
	}
	if (stream->active + adds->n > ALTO_SUBSTREAMS_MAX)
		return alto_overload(error, "a stream has at most %u substreams",
				     ALTO_SUBSTREAMS_MAX);
	if (HASH_COUNT(stream->table) + adds->n > ALTO_SUBSTREAM_IDS_MAX)
		return alto_overload(error, "a stream has at most %u substreams in its life",
				     ALTO_SUBSTREAM_IDS_MAX);
	return 0;
}

static int check_bytes(const struct alto_stream *stream, const struct alto_adds *adds,
		       struct alto_error *error)
{
	size_t bytes = bytes_of(stream);

	for (unsigned int i = 0; i < adds->n; i++)
		bytes += alto_content_now(adds->v[i].content)->full_len;
	if (bytes <= ALTO_STREAM_BYTES_MAX)
		return 0;
	return alto_overload(error, "%zu bytes to follow, a stream has at most %u", bytes,
			     ALTO_STREAM_BYTES_MAX);
}

static bool is_added(const struct alto_adds *adds, const char *id)
{
	for (unsigned int i = 0; i < adds->n; i++) {
		if (strcmp(adds->v[i].id, id) == 0)
			return true;
	}
	return false;
}

/* Adds come before removes (RFC 8895, 7.5). */
static int check_remove(const struct alto_stream *stream, const struct alto_adds *adds,
			struct alto_error *error)
{
	json_t *id;
	size_t i;

	json_array_foreach(adds->remove, i, id) {
		const char *text = json_string_value(id);

		if (!find(stream, text) && !is_added(adds, text))
			return alto_wrong_value(error, "remove", text,
						"this stream has no such substream");
	}
	return 0;
}

static int do_add(struct alto_stream *stream, struct alto_adds *adds)
{
	int r = 0;

	for (unsigned int i = 0; i < adds->n && r == 0; i++)
		r = add(stream, &adds->v[i]);
	return r;
}

static int do_remove(struct alto_stream *stream, const struct alto_adds *adds, struct alto_out *out)
{
	json_t *stopped = json_array(), *id;
	struct substream *sub;
	size_t i;

	json_array_foreach(adds->remove, i, id) {
		sub = find(stream, json_string_value(id));
		if (!sub || !sub->content)
			continue;
		stop(stream, sub);
		json_array_append(stopped, id);
	}
	return tell_ids(stream, out, "stopped", stopped, NULL);
}

static int tell_started(struct alto_stream *stream, const struct alto_adds *adds,
			struct alto_out *out)
{
	json_t *ids = json_array();

	for (unsigned int i = 0; i < adds->n; i++)
		json_array_append_new(ids, json_string(adds->v[i].id));
	return tell_ids(stream, out, "started", ids, NULL);
}

/* Other requests may have changed the stream since this one was made. */
static int check(const struct alto_stream *stream, const struct alto_adds *adds,
		 struct alto_error *error)
{
	int r = check_ids(stream, adds, error);

	return r ? r : check_remove(stream, adds, error);
}

int alto_adds_new(const struct alto_stream_conf *conf, const struct alto_stream *stream,
		  const char *params, size_t len, struct alto_adds **out, struct alto_error *error)
{
	static const struct alto_stream none;
	struct alto_adds *adds = calloc(1, sizeof(*adds));
	int r;

	if (!adds)
		return -ENOMEM;
	r = alto_adds_parse(conf, params, len, stream, adds, error);
	if (r == 0)
		r = check(stream ? stream : &none, adds, error);
	if (r == 0)
		r = alto_adds_get(conf, adds, error);
	if (r) {
		alto_adds_free(adds);
		return r;
	}
	*out = adds;
	return 0;
}

int alto_stream_new(const struct alto_stream_conf *conf, struct alto_adds *adds,
		    struct alto_out *out, struct alto_stream **stream, struct alto_error *error)
{
	struct alto_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = check_bytes(s, adds, error);
	if (r == 0)
		r = do_add(s, adds);
	if (r == 0) {
		alto_event_control_uri(out, conf->base, conf->path);
		s->events++;
		tell_all(s, out);
		r = out->failed;
	}
	if (r) {
		alto_stream_free(s);
		return r;
	}
	*stream = s;
	return 0;
}

void alto_stream_free(struct alto_stream *stream)
{
	struct substream *sub, *tmp;

	if (!stream)
		return;
	HASH_ITER(hh, stream->table, sub, tmp) {
		HASH_DEL(stream->table, sub);
		alto_content_put(sub->content);
		free(sub);
	}
	free(stream);
}

/* An empty list means all that are there. */
static int name_all(const struct alto_stream *stream, json_t *remove)
{
	if (!remove || json_array_size(remove))
		return 0;
	for (const struct substream *sub = stream->table; sub; sub = sub->hh.next) {
		if (sub->content && json_array_append_new(remove, json_string(sub->id)))
			return -ENOMEM;
	}
	return 0;
}

int alto_stream_control(struct alto_stream *stream, struct alto_adds *adds, struct alto_out *out,
			unsigned int *status, struct alto_error *error)
{
	int r = check(stream, adds, error);

	if (r == 0)
		r = check_bytes(stream, adds, error);
	if (r == 0)
		r = name_all(stream, adds->remove);
	if (r == 0)
		r = do_add(stream, adds);
	if (r == 0)
		r = tell_started(stream, adds, out);
	if (r == 0)
		r = do_remove(stream, adds, out);
	*status = adds->n ? 202 : 204;
	return r ? r : out->failed;
}

uint64_t alto_stream_events(const struct alto_stream *stream)
{
	return stream->events;
}

bool alto_stream_empty(const struct alto_stream *stream)
{
	return stream->active == 0;
}

/* ---- changes ---- */

static const char *why(const struct alto_error *error)
{
	return error->why[0] ? error->why : "it cannot be answered any more";
}

static void stop_failed(struct alto_stream *stream, struct alto_out *out)
{
	for (struct substream *sub = stream->table; sub; sub = sub->hh.next) {
		if (sub->content && sub->content->failed)
			stop_told(stream, sub, why(&sub->content->error), out);
	}
}

/* The last ones that were added go first where there is too much. */
static void shrink(struct alto_stream *stream, struct alto_out *out)
{
	struct substream *sub, *last;

	while (bytes_of(stream) > ALTO_STREAM_BYTES_MAX) {
		last = NULL;
		for (sub = stream->table; sub; sub = sub->hh.next) {
			if (sub->content)
				last = sub;
		}
		stop_told(stream, last, "the stream's resources have become too large", out);
	}
}

int alto_stream_update(struct alto_stream *stream, struct alto_out *out)
{
	stop_failed(stream, out);
	shrink(stream, out);
	tell_all(stream, out);
	return out->failed;
}
