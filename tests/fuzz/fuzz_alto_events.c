/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Server-sent events: the same events come of the whole text and of pieces whose length is the
 * first byte's; and of the same text with its line ends doubled to CRLF if it has no CR. Types are
 * read as names of substreams.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

struct seen {
	char *data;
	size_t len;
	int stop_in; /* events; 0: never */
};

static void add(struct seen *s, const char *bytes, size_t len)
{
	s->data = realloc(s->data, s->len + len + 1);
	must(s->data);
	memcpy(s->data + s->len, bytes, len);
	s->len += len;
	s->data[s->len++] = '\0';
}

static int each(void *arg, const struct alto_event *event)
{
	struct alto_event_name name;
	struct seen *s = arg;

	must(event->data[event->len] == '\0' && strlen(event->type) < sizeof(event->type));
	if (alto_event_name(event->type, &name) == 0)
		must(name.media < ALTO_MEDIA_MAX);
	add(s, event->type, strlen(event->type));
	add(s, event->data, event->len);
	return s->stop_in && --s->stop_in == 0 ? -ECANCELED : 0;
}

static int feed(const char *text, size_t len, size_t piece, struct seen *s)
{
	struct alto_events *e = alto_events_new();
	int rc = 0;

	must(e);
	for (size_t at = 0; at < len && !rc; at += piece)
		rc = alto_events_feed(e, text + at, len - at < piece ? len - at : piece, each, s);
	alto_events_free(e);
	return rc;
}

/* Frees b's. */
static void same(const struct seen *a, struct seen *b)
{
	must(a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0));
	free(b->data);
}

static void with_crlf(const char *text, size_t len, const struct seen *whole, int stop_in)
{
	struct seen s = {.stop_in = stop_in};
	char *crlf = malloc(2 * len + 1);
	size_t n = 0;

	must(crlf);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			crlf[n++] = '\r';
		crlf[n++] = text[i];
	}
	feed(crlf, n, n + 1, &s);
	same(whole, &s);
	free(crlf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size-- < 1)
		return 0;
	const int stop_in = data[0] / 64;
	struct seen whole = {.stop_in = stop_in}, pieces = whole;
	int rc = feed(text, size, size + 1, &whole);

	must(rc == 0 || rc == -ECANCELED || rc == -EFBIG);
	must(feed(text, size, 1 + data[0] % 64, &pieces) == rc);
	same(&whole, &pieces);
	if (!memchr(text, '\r', size))
		with_crlf(text, size, &whole, stop_in);
	free(whole.data);
	return 0;
}
