/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libmicrohttpd 0.9.75 accepts although a proxy in front could see another request in it
 * (RFC 9112 sections 2.2, 6.1, 6.3).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "north/rest.h"

struct headers {
	unsigned int lengths, encodings, hosts;
	const char *encoding;
	const char *end; /* of the line before, in libmicrohttpd's buffer */
	bool bare_lf, bad_name, control;
};

/* RFC 9110 section 5.6.2. "Content-Length " is another name for libmicrohttpd, not for everybody.
 */
static bool is_token(const char *text)
{
	static const char good[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return text[0] && text[strspn(text, good)] == 0;
}

/* RFC 9110 section 5.5: among them a CR alone, which some take for the end of the line. */
static bool has_control(const char *text)
{
	for (; *text; text++) {
		if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
			return true;
	}
	return false;
}

/*
 * libmicrohttpd hands out pointers into its read buffer, where the end of each line has become
 * zeros: two for CRLF, one for a bare LF. So the next line starts one byte behind a bare LF.
 */
static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key,
				 const char *value)
{
	struct headers *h = cls;

	h->bad_name = h->bad_name || !is_token(key);
	h->control = h->control || (value && has_control(value));
	h->hosts += strcasecmp(key, "Host") == 0;
	h->lengths += strcasecmp(key, "Content-Length") == 0;
	if (strcasecmp(key, "Transfer-Encoding") == 0) {
		h->encodings++;
		h->encoding = value ? value : "";
	}
	if (key == h->end + 1)
		h->bare_lf = true;
	if (value)
		h->end = value + strlen(value);
	return MHD_YES;
}

/* Behind the last header stand its line end and the empty line: four zeros if both are CRLF. */
static bool bare_lf_at_end(const struct headers *h)
{
	return h->end[2] || h->end[3];
}

unsigned int rest_framing(struct MHD_Connection *conn, const char *version, struct err *err)
{
	struct headers h = {.end = version + strlen(version)};

	if (MHD_get_connection_values(conn, MHD_HEADER_KIND, on_header, &h) < 0)
		return 400;
	if (h.bare_lf || bare_lf_at_end(&h))
		err_set(err, -EINVAL, "", NULL, "lines must end in CR LF, one ends in LF alone");
	else if (h.bad_name)
		err_set(err, -EINVAL, "", NULL, "a header's name must be letters, digits and -_.");
	else if (h.control)
		err_set(err, -EINVAL, "", NULL, "a header's value must hold no control characters");
	else if (h.hosts > 1)
		err_set(err, -EINVAL, "Host", NULL, "must be there once, is there %u times",
			h.hosts);
	else if (h.encodings && strcmp(version, "HTTP/1.1") != 0)
		err_set(err, -EINVAL, "Transfer-Encoding", NULL, "must not be there in %s",
			version);
	else if (h.lengths > 1)
		err_set(err, -EINVAL, "Content-Length", NULL,
			"must be there once, is there %u times", h.lengths);
	else if (h.lengths && h.encodings)
		err_set(err, -EINVAL, "Content-Length", NULL,
			"must not be there together with Transfer-Encoding");
	else if (h.encodings > 1 || (h.encodings && strcasecmp(h.encoding, "chunked") != 0))
		err_set(err, -ENOTSUP, "Transfer-Encoding", h.encoding, "must be chunked");
	else
		return 0;
	err_object(err, "request header");
	return err->code == -ENOTSUP ? 501 : 400;
}

/* "127.0.0.1", "[::1]" and their like, "localhost"; len bytes. */
static bool is_loopback(const char *text, size_t len)
{
	char host[INET6_ADDRSTRLEN + 2];
	struct in6_addr in6;
	struct in_addr in;

	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
	}
	if (inet_pton(AF_INET, host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
	return strcasecmp(host, "localhost") == 0;
}

const char *rest_asked(struct MHD_Connection *conn, const char *name)
{
	return MHD_lookup_connection_value(conn, MHD_HEADER_KIND, name);
}

bool rest_host_is_loopback(struct MHD_Connection *conn)
{
	const char *text = rest_asked(conn, "Host");
	size_t len;

	if (!text)
		return false;
	len = text[0] == '[' ? strcspn(text, "]") + (strchr(text, ']') != NULL)
			     : strcspn(text, ":");
	if (text[len] && (text[len] != ':' || text[len + 1 + strspn(text + len + 1, "0123456789")]))
		return false;
	return is_loopback(text, len);
}

uint64_t rest_content_length(struct MHD_Connection *conn)
{
	const char *text = rest_asked(conn, "Content-Length");

	return text ? strtoull(text, NULL, 10) : 0;
}
