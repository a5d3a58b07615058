/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server-sent events (HTML living standard, 9.2.6) as update streams use them (RFC 8895, 5). */
#include "alto/client_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

#define KEEP_BYTES (1u << 20) /* of memory that stays behind a large event */

struct alto_events {
	struct alto_out line, data;
	char type[sizeof(((struct alto_event *)0)->type)];
	bool has_data, behind_cr, begun;
	bool whole; /* what stands in type and data has been told */
	int failed;
	char none[1];
};

struct alto_events *alto_events_new(void)
{
	struct alto_events *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->line.max = ALTO_EVENT_LINE_MAX;
	e->data.max = ALTO_BODY_MAX;
	return e;
}

void alto_events_free(struct alto_events *e)
{
	if (!e)
		return;
	alto_out_fini(&e->line);
	alto_out_fini(&e->data);
	free(e);
}

static void empty(struct alto_out *o)
{
	size_t max = o->max;

	if (o->cap > KEEP_BYTES) {
		alto_out_fini(o);
		*o = (struct alto_out){.max = max};
	}
	o->len = 0;
}

/* An empty line: the event is whole. One without data is none. */
static void dispatch(struct alto_events *e)
{
	e->whole = e->has_data;
	e->has_data = false;
	if (!e->whole)
		e->type[0] = '\0';
}

static void forget(struct alto_events *e)
{
	if (!e->whole)
		return;
	e->whole = false;
	e->type[0] = '\0';
	empty(&e->data);
}

static int field(struct alto_events *e, const char *name, size_t n, const char *value, size_t len)
{
	if (n == 5 && memcmp(name, "event", 5) == 0) {
		if (len >= sizeof(e->type))
			return -EFBIG;
		memcpy(e->type, value, len);
		e->type[len] = '\0';
	} else if (n == 4 && memcmp(name, "data", 4) == 0) {
		if (e->has_data)
			alto_put(&e->data, "\n", 1);
		alto_put(&e->data, value, len);
		e->has_data = true;
	}
	return e->data.failed;
}

static int line(struct alto_events *e, const char *text, size_t len)
{
	const char *colon, *value;

	if (!e->begun && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	e->begun = true;
	if (len == 0) {
		dispatch(e);
		return 0;
	}
	colon = memchr(text, ':', len);
	if (colon == text)
		return 0;
	if (!colon)
		return field(e, text, len, "", 0);
	value = colon + 1;
	if (value < text + len && *value == ' ')
		value++;
	return field(e, text, (size_t)(colon - text), value, (size_t)(text + len - value));
}

static size_t until_end(const char *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && bytes[n] != '\r' && bytes[n] != '\n')
		n++;
	return n;
}

/* What belongs to the line that is being read; *taken of bytes. */
static int step(struct alto_events *e, const char *bytes, size_t len, size_t *taken)
{
	size_t n;
	int rc;

	*taken = 1;
	if (e->behind_cr && bytes[0] == '\n') {
		e->behind_cr = false;
		return 0;
	}
	e->behind_cr = false;
	n = until_end(bytes, len);
	alto_put(&e->line, bytes, n);
	*taken = n;
	if (e->line.failed || n == len)
		return e->line.failed;
	*taken = n + 1;
	e->behind_cr = bytes[n] == '\r';
	rc = line(e, e->line.len ? e->line.data : e->none, e->line.len);
	empty(&e->line);
	return rc;
}

int alto_events_next(struct alto_events *e, const char **bytes, size_t *len, struct alto_event *out)
{
	size_t taken;

	forget(e);
	while (*len && !e->failed && !e->whole) {
		e->failed = step(e, *bytes, *len, &taken);
		*bytes += taken;
		*len -= taken;
	}
	if (e->failed || !e->whole)
		return e->failed;
	memcpy(out->type, e->type, sizeof(out->type));
	out->data = e->data.len ? e->data.data : e->none;
	out->len = e->data.len;
	return 1;
}

char *alto_events_take(struct alto_events *e)
{
	char *data = e->data.data;

	e->data = (struct alto_out){.max = e->data.max};
	return data;
}

int alto_events_feed(struct alto_events *e, const char *bytes, size_t len,
		     int (*each)(void *arg, const struct alto_event *event), void *arg)
{
	struct alto_event event;
	int r;

	while ((r = alto_events_next(e, &bytes, &len, &event)) == 1) {
		e->failed = each(arg, &event);
		if (e->failed)
			forget(e);
	}
	return r;
}

/* ---- names and control events (RFC 8895, 5.2, 5.3) ---- */

int alto_event_name(const char *type, struct alto_event_name *out)
{
	struct alto_event_name name = {.media = alto_media_parse(type)};
	const char *id = strrchr(type, ','), *dot;
	size_t n;

	if (!id && name.media == ALTO_MEDIA_UPDATESTREAMCONTROL) {
		*out = name;
		return 0;
	}
	if (!id || strlen(type) >= sizeof(((struct alto_event *)0)->type))
		return -EINVAL;
	OWN_PTR char *media = strndup(type, (size_t)(id - type));
	name.media = media ? alto_media_parse(media) : ALTO_MEDIA_MAX;
	if (name.media == ALTO_MEDIA_MAX || name.media == ALTO_MEDIA_UPDATESTREAMCONTROL)
		return -EINVAL;
	id++;
	dot = strchr(id, '.');
	n = dot ? (size_t)(dot - id) : strlen(id);
	if (n >= ALTO_NAME_LEN || (dot && strlen(dot + 1) >= ALTO_NAME_LEN))
		return -EINVAL;
	memcpy(name.substream, id, n);
	strcpy(name.part, dot ? dot + 1 : "");
	if (!alto_name_valid(name.substream) || (dot && !alto_name_valid(name.part)))
		return -EINVAL;
	*out = name;
	return 0;
}

int alto_control_parse(const char *text, size_t len, json_t **out, struct err *err)
{
	static const char *const lists[] = {"started", "stopped"};
	const char *word = NULL;
	json_t *root, *list;
	int rc = alto_client_root(text, len, &root, err);

	if (rc)
		return rc;
	rc = json_get_str(root, "control-uri", JSON_OPTIONAL, &word, err);
	for (unsigned int i = 0; i < ARRAY_SIZE(lists) && !rc; i++)
		rc = client_strings(root, lists[i], &list, err);
	if (!rc)
		rc = json_get_str(root, "description", JSON_OPTIONAL, &word, err);
	if (rc) {
		json_decref(root);
		return rc;
	}
	*out = root;
	return 0;
}
