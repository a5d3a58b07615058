/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * multipart/related (RFC 2046, 5.1; RFC 2387) of exactly two parts, each with Content-ID and
 * Content-Type, as RFC 9275, 7.2.6 answers. Lines end in CRLF or LF.
 */
#include "alto/client_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70

struct text {
	const char *at;
	size_t len;
};

static struct text trim(struct text t)
{
	while (t.len && strchr(" \t\r", t.at[0])) {
		t.at++;
		t.len--;
	}
	while (t.len && strchr(" \t\r", t.at[t.len - 1]))
		t.len--;
	return t;
}

/* Cuts the first line off *rest, without its end. *whole: the end was there. */
static struct text cut_line(struct text *rest, bool *whole)
{
	const char *end = memchr(rest->at, '\n', rest->len);
	struct text l = {.at = rest->at, .len = end ? (size_t)(end - rest->at) : rest->len};
	size_t n = l.len + (end != NULL);

	*whole = end != NULL;
	rest->at += n;
	rest->len -= n;
	if (l.len && l.at[l.len - 1] == '\r')
		l.len--;
	return l;
}

/* ---- the answer's Content-Type ---- */

/* The next ";" that is not within quotes, or NULL. */
static const char *next_semicolon(const char *at)
{
	at += strcspn(at, ";\"");
	while (*at == '"') {
		at += 1 + strcspn(at + 1, "\"");
		at += *at == '"';
		at += strcspn(at, ";\"");
	}
	return *at ? at : NULL;
}

/* Quoted or not. false: empty, or too long for buf. */
static bool parameter_value(const char *at, char *buf, size_t size)
{
	bool quoted = *at == '"';
	size_t len;

	at += quoted;
	len = strcspn(at, quoted ? "\"\\" : "; \t");
	if (len == 0 || len >= size || (quoted && at[len] != '"'))
		return false;
	memcpy(buf, at, len);
	buf[len] = '\0';
	return true;
}

/* Value of ";name=" in a header's value. false: none that can be used. */
static bool parameter(const char *header, const char *name, char *buf, size_t size)
{
	size_t n = strlen(name);

	for (const char *at = next_semicolon(header); at; at = next_semicolon(at)) {
		at += 1 + strspn(at + 1, " \t");
		if (strncasecmp(at, name, n) == 0 && at[n] == '=')
			return parameter_value(at + n + 1, buf, size);
	}
	return false;
}

/* ---- parts ---- */

enum delimiter { NOT_ONE, OPEN, CLOSE, BROKEN };

static enum delimiter delimiter(struct text l, const char *boundary, bool whole)
{
	size_t n = strlen(boundary);
	struct text rest;

	if (l.len < n + 2 || memcmp(l.at, "--", 2) != 0 || memcmp(l.at + 2, boundary, n) != 0)
		return NOT_ONE;
	rest = trim((struct text){.at = l.at + 2 + n, .len = l.len - 2 - n});
	if (rest.len == 2 && memcmp(rest.at, "--", 2) == 0)
		return CLOSE;
	return rest.len == 0 && whole ? OPEN : BROKEN;
}

static int content_id(struct client_part *part, struct text value, struct err *err)
{
	static const char want[] = "must be <PART@DOMAIN>, PART 1..64 of A-Z a-z 0-9 : @ _ -";
	const char *at;
	size_t n;

	if (value.len >= sizeof(part->content_id))
		return err_set(err, -EINVAL, "/Content-ID", NULL, "%s", want);
	memcpy(part->content_id, value.at, value.len);
	part->content_id[value.len] = '\0';
	at = strrchr(part->content_id, '@');
	n = at ? (size_t)(at - part->content_id) : 0;
	if (n < 2 || n > ALTO_NAME_LEN || value.at[0] != '<' || value.at[value.len - 1] != '>' ||
	    at[1] == '>')
		return err_set(err, -EINVAL, "/Content-ID", part->content_id, "%s", want);
	memcpy(part->id, part->content_id + 1, n - 1);
	part->id[n - 1] = '\0';
	if (!alto_name_valid(part->id))
		return err_set(err, -EINVAL, "/Content-ID", part->content_id, "%s", want);
	return 0;
}

static int content_type(struct client_part *part, struct text value, struct err *err)
{
	char text[CLIENT_TEXT] = "";

	memcpy(text, value.at, value.len < sizeof(text) ? value.len : sizeof(text) - 1);
	part->media = alto_media_parse(text);
	if (part->media == ALTO_MEDIA_MAX)
		return err_set(err, -EINVAL, "/Content-Type", text, "must be a media type of ALTO");
	return 0;
}

static bool is_name(struct text t, const char *name)
{
	return t.len == strlen(name) && strncasecmp(t.at, name, t.len) == 0;
}

static int encoding(struct text value, struct err *err)
{
	char text[CLIENT_TEXT] = "";

	if (is_name(value, "7bit") || is_name(value, "8bit") || is_name(value, "binary"))
		return 0;
	memcpy(text, value.at, value.len < sizeof(text) ? value.len : sizeof(text) - 1);
	return err_set(err, -EINVAL, "/Content-Transfer-Encoding", text,
		       "must be 7bit, 8bit or binary");
}

static int twice(const char *header, struct err *err)
{
	return err_set(err, -EINVAL, header, NULL, "stands there twice");
}

/* One header line of a part; others than those known are not looked at. */
static int header(struct client_part *part, struct text l, struct err *err)
{
	const char *colon = memchr(l.at, ':', l.len);
	struct text name, value;

	if (!colon || colon == l.at || strchr(" \t", l.at[0]))
		return err_set(err, -EINVAL, "", NULL,
			       "has a line among its headers that is no header");
	name = (struct text){.at = l.at, .len = (size_t)(colon - l.at)};
	value = trim((struct text){.at = colon + 1, .len = (size_t)(l.at + l.len - colon - 1)});
	if (is_name(name, "Content-ID"))
		return part->id[0] ? twice("/Content-ID", err) : content_id(part, value, err);
	if (is_name(name, "Content-Type"))
		return part->media != ALTO_MEDIA_MAX ? twice("/Content-Type", err)
						     : content_type(part, value, err);
	return is_name(name, "Content-Transfer-Encoding") ? encoding(value, err) : 0;
}

/* A part between two delimiters: headers, an empty line, the body. */
static int read_part(struct client_part *part, struct text all, struct err *err)
{
	bool whole = true;
	struct text l;
	int rc;

	*part = (struct client_part){.media = ALTO_MEDIA_MAX};
	for (;;) {
		l = cut_line(&all, &whole);
		if (!whole)
			return err_set(err, -EINVAL, "", NULL,
				       "has no empty line behind its headers");
		if (l.len == 0)
			break;
		rc = header(part, l, err);
		if (rc)
			return rc;
	}
	if (!part->id[0])
		return err_set(err, -EINVAL, "/Content-ID", NULL, "is missing");
	if (part->media == ALTO_MEDIA_MAX)
		return err_set(err, -EINVAL, "/Content-Type", NULL, "is missing");
	part->body = all.at;
	part->len = all.len;
	return 0;
}

struct cutter {
	struct text rest;
	const char *boundary;
};

/* Up to the next delimiter, whose kind is returned; NOT_ONE: the text ends before. The line end in
 * front of a delimiter belongs to it. */
static enum delimiter cut_part(struct cutter *c, struct text *part)
{
	const char *begin = c->rest.at;
	enum delimiter kind = NOT_ONE;
	struct text l = {.at = begin};
	bool whole;

	while (kind == NOT_ONE && c->rest.len) {
		l = cut_line(&c->rest, &whole);
		kind = delimiter(l, c->boundary, whole);
	}
	*part = (struct text){.at = begin, .len = (size_t)(l.at - begin)};
	if (part->len && part->at[part->len - 1] == '\n')
		part->len--;
	if (part->len && part->at[part->len - 1] == '\r')
		part->len--;
	return kind;
}

static int broken(enum delimiter kind, unsigned int n, struct err *err)
{
	if (kind == BROKEN)
		return err_set(err, -EINVAL, "/parts", NULL,
			       "a line with the boundary must hold nothing else");
	if (n == 0)
		return err_set(err, -EINVAL, "/parts", NULL, "holds no line with the boundary");
	return err_set(err, -EINVAL, "/parts", NULL,
		       "the text ends in part %u, before the closing boundary", n);
}

static int read_parts(struct cutter *c, struct client_multipart *out, struct err *err)
{
	struct text part;
	unsigned int n = 0;
	enum delimiter kind = cut_part(c, &part); /* what stands before the first is no part */
	int rc;

	while (kind == OPEN) {
		kind = cut_part(c, &part);
		if (kind != OPEN && kind != CLOSE)
			return broken(kind, n + 1, err);
		if (n == CLIENT_PARTS_MAX)
			return err_set(err, -EINVAL, "/parts", NULL,
				       "has more than %d parts, must have %d", CLIENT_PARTS_MAX,
				       CLIENT_PARTS_MAX);
		rc = read_part(&out->parts[n], part, err);
		if (rc) {
			err_prefix(err, "/parts/%u", n);
			return rc;
		}
		n++;
	}
	if (kind != CLOSE)
		return broken(kind, n, err);
	if (n != CLIENT_PARTS_MAX)
		return err_set(err, -EINVAL, "/parts", NULL, "has %u, must have %d parts", n,
			       CLIENT_PARTS_MAX);
	return 0;
}

/* Which part is the root: `start`'s, or the first. */
static int find_root(struct client_multipart *m, const char *type, struct err *err)
{
	char start[sizeof(m->parts[0].content_id)];

	if (strcmp(m->parts[0].id, m->parts[1].id) == 0)
		return err_set(err, -EINVAL, "/parts/1/Content-ID", m->parts[1].content_id,
			       "must not be that of the other part");
	if (!parameter(type, "start", start, sizeof(start)))
		return 0;
	for (m->root = 0; m->root < CLIENT_PARTS_MAX; m->root++) {
		if (strcmp(m->parts[m->root].content_id, start) == 0)
			return 0;
	}
	return err_set(err, -EINVAL, "/Content-Type/start", start,
		       "must be the Content-ID of a part");
}

int client_multipart(const char *text, size_t len, const char *type, struct client_multipart *out,
		     struct err *err)
{
	char boundary[BOUNDARY_MAX + 1];
	struct cutter c = {.rest = {.at = text, .len = len}, .boundary = boundary};
	int rc;

	memset(out, 0, sizeof(*out));
	if (len > ALTO_BODY_MAX)
		return err_set(err, -EFBIG, "", NULL, "must have at most %u bytes", ALTO_BODY_MAX);
	out->type = alto_media_parse(type);
	if (out->type != ALTO_MEDIA_PV_COSTMAP && out->type != ALTO_MEDIA_PV_ENDPOINTCOST)
		return err_set(err, -EINVAL, "/Content-Type", type,
			       "must be multipart/related with type=%s or type=%s",
			       alto_media_type(ALTO_MEDIA_COSTMAP),
			       alto_media_type(ALTO_MEDIA_ENDPOINTCOST));
	if (!parameter(type, "boundary", boundary, sizeof(boundary)))
		return err_set(err, -EINVAL, "/Content-Type", type,
			       "must have a boundary of 1..%d characters", BOUNDARY_MAX);
	rc = read_parts(&c, out, err);
	return rc ? rc : find_root(out, type, err);
}
