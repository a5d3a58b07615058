/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool has(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool there = !curl_url_get(url, part, &text, 0) && text;

	curl_free(text);
	return there;
}

static int split(CURLU *url, const char *text, struct url *out)
{
	if (curl_url_set(url, CURLUPART_URL, text, 0) ||
	    curl_url_get(url, CURLUPART_SCHEME, &out->scheme, 0) ||
	    curl_url_get(url, CURLUPART_HOST, &out->host, 0) ||
	    curl_url_get(url, CURLUPART_PORT, &out->port, CURLU_DEFAULT_PORT) ||
	    curl_url_get(url, CURLUPART_PATH, &out->path, 0))
		return -EINVAL;
	for (char *c = out->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	out->user = has(url, CURLUPART_USER) || has(url, CURLUPART_PASSWORD);
	out->fragment = has(url, CURLUPART_FRAGMENT);
	return 0;
}

int url_split(const char *text, struct url *out)
{
	struct url parts = {0};
	CURLU *url = curl_url();
	int r = url ? split(url, text, &parts) : -ENOMEM;

	curl_url_cleanup(url);
	if (r)
		url_fini(&parts);
	else
		*out = parts;
	return r;
}

void url_fini(struct url *url)
{
	curl_free(url->scheme);
	curl_free(url->host);
	curl_free(url->port);
	curl_free(url->path);
	*url = (struct url){0};
}

bool url_is_loopback(const char *host)
{
	char text[64];
	struct in_addr a4;
	struct in6_addr a6;
	size_t len = strlen(host);

	if (!strcasecmp(host, "localhost"))
		return true;
	if (inet_pton(AF_INET, host, &a4) == 1)
		return ntohl(a4.s_addr) >> 24 == 127;
	if (len < 3 || len >= sizeof(text) || host[0] != '[')
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)len - 2, host + 1);
	return inet_pton(AF_INET6, text, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6);
}
