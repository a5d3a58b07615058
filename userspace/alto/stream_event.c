/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server-sent events of an update stream (RFC 8895, 5). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/stream_int.h"

static void begin(struct alto_out *o, const char *type, const char *id)
{
	alto_puts(o, "event: ");
	for (; *type; type++) {
		if (*type != ' ')
			alto_put(o, type, 1);
	}
	if (id) {
		alto_puts(o, ",");
		alto_puts(o, id);
	}
	alto_puts(o, "\n");
}

/* A line each, for a line break ends a field; the reader puts "\n" between them again. */
static void data(struct alto_out *o, const char *text, size_t len)
{
	const char *end = text + len;

	for (;;) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl ? nl : end;

		alto_puts(o, "data: ");
		alto_put(o, text, (size_t)(stop - text - (stop > text && stop[-1] == '\r')));
		alto_puts(o, "\n");
		if (!nl || nl + 1 == end)
			break;
		text = nl + 1;
	}
	alto_puts(o, "\n");
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

void alto_event_control_uri(struct alto_out *o, const char *base, const char *path)
{
	begin(o, alto_media_type(ALTO_MEDIA_UPDATESTREAMCONTROL), NULL);
	alto_puts(o, "data: {\"control-uri\":");
	alto_put_uri(o, base, path);
	alto_puts(o, "}\n\n");
}

void alto_event_control(struct alto_out *o, const char *member, json_t *ids, const char *why)
{
	begin(o, alto_media_type(ALTO_MEDIA_UPDATESTREAMCONTROL), NULL);
	alto_putf(o, "data: {\"%s\":", member);
	alto_put_json(o, ids);
	if (why) {
		alto_puts(o, ",\"description\":");
		alto_put_string(o, why);
	}
	alto_puts(o, "}\n\n");
}

void alto_event_full(struct alto_out *o, const char *id, const struct alto_version *v)
{
	begin(o, v->type, id);
	data(o, v->full, v->full_len);
}

void alto_event_patch(struct alto_out *o, const char *id, const struct alto_version *v)
{
	begin(o, alto_media_type(ALTO_MEDIA_MERGE_PATCH), id);
	data(o, v->patch, v->patch_len);
}

void alto_stream_keepalive(struct alto_out *out)
{
	alto_puts(out, ":\n\n");
}
