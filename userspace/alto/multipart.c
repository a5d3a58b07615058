/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alto/multipart.h"

static bool stands_in(const struct alto_part *parts, unsigned int n, const char *text)
{
	for (unsigned int i = 0; i < n; i++)
		if (parts[i].body.len &&
		    memmem(parts[i].body.data, parts[i].body.len, text, strlen(text)))
			return true;
	return false;
}

/* RFC 5322, 3.2.3, without the special characters that no host name has. */
static bool is_dot_atom(const char *text)
{
	static const char atom[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	while (true) {
		size_t n = strspn(text, atom);

		if (!n)
			return false;
		if (!text[n])
			return true;
		if (text[n] != '.')
			return false;
		text += n + 1;
	}
}

/* Digest over the digests of the bodies. */
static void tag_of(const struct alto_part *parts, unsigned int n, char tag[ALTO_TAG_LEN])
{
	char all[ALTO_PARTS_MAX * ALTO_TAG_LEN] = "", one[ALTO_TAG_LEN];
	size_t len = 0;

	for (unsigned int i = 0; i < n; i++) {
		alto_digest(parts[i].body.data ? parts[i].body.data : "", parts[i].body.len, one);
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s", one);
	}
	alto_digest(all, len, tag);
}

void alto_boundary(const struct alto_part *parts, unsigned int n, const char *tag,
		   char boundary[ALTO_BOUNDARY_LEN])
{
	snprintf(boundary, ALTO_BOUNDARY_LEN, "alto-%.48s", tag);
	for (unsigned int i = 0; stands_in(parts, n, boundary); i++)
		snprintf(boundary, ALTO_BOUNDARY_LEN, "alto-%.48s-%u", tag, i);
}

static void put_part(struct alto_out *o, const struct alto_part *part, const char *host,
		     const char *boundary)
{
	alto_putf(o, "--%s\r\nContent-ID: <%s@%s>\r\nContent-Type: %s\r\n\r\n", boundary, part->id,
		  host, alto_media_type(part->media));
	alto_put(o, part->body.data ? part->body.data : "", part->body.len);
	alto_puts(o, "\r\n");
}

int alto_multipart_put(const struct alto_part *parts, unsigned int n, const char *host,
		       struct alto_reply *reply)
{
	struct alto_out *o = &reply->out;
	char boundary[ALTO_BOUNDARY_LEN];

	for (unsigned int i = 0; i < n; i++)
		if (parts[i].body.failed)
			return parts[i].body.failed;
	tag_of(parts, n, reply->tag);
	alto_boundary(parts, n, reply->tag, boundary);
	snprintf(reply->content_type, sizeof(reply->content_type),
		 "multipart/related;boundary=%s;type=%s", boundary,
		 alto_media_type(parts[0].media));
	if (!host || !is_dot_atom(host))
		host = "localhost";
	for (unsigned int i = 0; i < n; i++)
		put_part(o, &parts[i], host, boundary);
	alto_putf(o, "--%s--\r\n", boundary);
	return o->failed;
}
