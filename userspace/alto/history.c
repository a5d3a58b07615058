/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Versions of one content: patches between them, and which of them are kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/content.h"
#include "util/json.h"

#define CHECK_EVERY (ALTO_TIPS_EDGES_MAX / 2)
#define BYTES_FREE 4096 /* that small contents may have beyond their multiple */

static json_t *parsed(const char *text, size_t len)
{
	json_t *value = NULL;

	if (len > ALTO_PATCH_TEXT_MAX || json_parse(text, len, &value, NULL))
		return NULL;
	return value;
}

static char *diff_text(const json_t *from, const json_t *to)
{
	bool possible = false;
	json_t *patch = from && to ? alto_merge_diff(from, to, &possible) : NULL;
	char *text = patch && possible ? json_text(patch) : NULL;

	json_decref(patch);
	return text;
}

/* NULL: the whole text tells it as well, or better. */
static char *patch_text(const struct alto_version *old, const struct alto_version *now)
{
	json_t *from, *to;
	char *text;

	if (strcmp(old->type, now->type) != 0 || strncmp(now->type, "multipart/", 10) == 0)
		return NULL;
	from = parsed(old->full, old->full_len);
	to = parsed(now->full, now->full_len);
	text = diff_text(from, to);
	json_decref(from);
	json_decref(to);
	if (text && strlen(text) >= now->full_len) {
		free(text);
		text = NULL;
	}
	return text;
}

static void drop_full(struct alto_version *v)
{
	free(v->full);
	free(v->type);
	v->full = v->type = NULL;
	v->full_len = 0;
}

static void version_fini(struct alto_version *v)
{
	drop_full(v);
	free(v->patch);
}

/* The first is v[n] then. */
static void cut(struct alto_content *c, unsigned int n)
{
	if (n == 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		version_fini(&c->v[i]);
	memmove(c->v, c->v + n, (c->n - n) * sizeof(*c->v));
	c->n -= n;
	c->first += n;
	c->check = 0;
}

void alto_content_forget(struct alto_content *c)
{
	cut(c, c->n);
}

static size_t history_bytes(const struct alto_content *c)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < c->n; i++)
		bytes += c->v[i].patch_len + (i + 1 < c->n ? c->v[i].full_len : 0);
	return bytes;
}

/* After one was added: the one before it needs its text only to be a first one some day. */
static void settle(struct alto_content *c)
{
	size_t limit = 3 * alto_content_now(c)->full_len + BYTES_FREE;
	unsigned int before;

	if (c->n - 1 > ALTO_TIPS_EDGES_MAX)
		cut(c, c->check);
	while (c->n > 1 && history_bytes(c) > limit)
		cut(c, c->check ? c->check : c->n - 1);
	if (c->n < 3)
		return;
	before = c->n - 2;
	if (before == c->check)
		return;
	if (!c->check && before >= CHECK_EVERY)
		c->check = before;
	else
		drop_full(&c->v[before]);
}

static int make_room(struct alto_content *c)
{
	unsigned int room = c->room ? 2 * c->room : 2;
	struct alto_version *v;

	if (c->n < c->room)
		return 0;
	v = realloc(c->v, room * sizeof(*v));
	if (!v)
		return -ENOMEM;
	c->v = v;
	c->room = room;
	return 0;
}

int alto_content_add(struct alto_content *c, char *full, size_t len, char *type, const char *tag)
{
	struct alto_version v = {.full = full, .type = type, .full_len = len};

	if (!type || make_room(c)) {
		version_fini(&v);
		return -ENOMEM;
	}
	strncpy(v.tag, tag, sizeof(v.tag) - 1);
	if (c->n)
		v.patch = patch_text(alto_content_now(c), &v);
	if (v.patch)
		v.patch_len = strlen(v.patch);
	else if (c->n)
		cut(c, c->n);
	c->v[c->n++] = v;
	settle(c);
	return 0;
}
