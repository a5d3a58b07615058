/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside alto: contents of resources over time, for streams and TIPS views. A content is what one
 * resource answers to one input; its versions are numbered from 1 on, each with the patch that
 * makes it of the one before. Where there is no patch (multipart, a null, too large, no smaller
 * than the whole) the history begins anew. The texts of the first, the last and of one in between
 * are kept, so that the first can move on and always has its text (RFC 9569, 3.2).
 */
#ifndef ALTO_CONTENT_H
#define ALTO_CONTENT_H

#include "alto/update.h"
#include "util/hash.h"

struct alto_version {
	char tag[ALTO_TAG_LEN];
	char *full, *type; /* text and its media type; NULL: not kept */
	size_t full_len;
	char *patch; /* NULL: full tells it */
	size_t patch_len;
};

struct alto_content {
	UT_hash_handle hh;
	struct alto_contents *of;
	unsigned int refs;
	char *key;
	char id[ALTO_ID_LEN];
	int rank;	   /* in the order of dependencies */
	const char *input; /* in the key; NULL: GET */
	struct alto_prefix client;
	/* What it was last asked of: state of its source, interval of calendars. */
	bool asked;
	char map_tag[ALTO_TAG_LEN], cost_tag[ALTO_TAG_LEN], prop_tag[ALTO_TAG_LEN];
	uint64_t turn;
	int failed; /* -errno of that */
	struct alto_error error;
	struct alto_version *v;
	unsigned int n, room, check; /* check: the one in between; 0 = none */
	uint64_t first;		     /* number of v[0] */
	struct alto_tips *view;
};

struct alto_follow {
	const struct alto_resource *resource;
	char *input; /* JSON text; NULL: it takes none */
};

/* Not asked yet, if it is new; held. -EBUSY with error; -ENOMEM. */
int alto_content_get(const struct alto_stream_conf *conf, const struct alto_follow *what,
		     struct alto_content **out, struct alto_error *error);
void alto_content_put(struct alto_content *c); /* NULL is allowed */
/* What contents are asked of now: which resources can be followed. */
const struct alto_resources *alto_contents_all(const struct alto_stream_conf *conf);
bool alto_content_asked(const struct alto_content *c);
/* Asks, where that has not been done: -EINVAL, -EBUSY with c->error; -ENOMEM. */
int alto_content_ask(struct alto_content *c);
/* As a JSON string. */
void alto_put_uri(struct alto_out *o, const char *base, const char *path);

#define ALTO_RANKS 3 /* network maps, property maps, the rest */

uint64_t alto_content_last(const struct alto_content *c);
const struct alto_version *alto_content_now(const struct alto_content *c);
/* Bytes of the patches from version `from` on to the last; SIZE_MAX: it is not reached so. */
size_t alto_content_patches(const struct alto_content *c, uint64_t from);

/* history.c: full and type are taken, also on failure. */
int alto_content_add(struct alto_content *c, char *full, size_t len, char *type, const char *tag);
void alto_content_forget(struct alto_content *c);

/* stream_params.c: member resource-id of params: one that may be followed. */
int alto_follow_resource(const struct alto_resources *all, const json_t *obj, const char *path,
			 const struct alto_resource **out, struct alto_error *error);
/* Member input as text, where the resource takes one; to free(). What it says to no input at all is
 * what it says to an empty one. */
int alto_follow_input(const struct alto_resource *resource, const json_t *obj, const char *path,
		      char **out, struct alto_error *error);

#endif
