/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a listener's events go: a registered name's URL, or a URL of the script that lies under an
 * allowed one: scheme, host and port are the same, and its path is that path or below it. https, or
 * http to this host itself; no user, no fragment.
 */
#include "enact/enact_int.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct url {
	CURLU *all;
	char *scheme, *host, *port, *path;
};

static void url_fini(struct url *url)
{
	curl_free(url->scheme);
	curl_free(url->host);
	curl_free(url->port);
	curl_free(url->path);
	curl_url_cleanup(url->all);
}

#define OWN_URL __attribute__((cleanup(url_fini)))

static bool has(const struct url *url, CURLUPart part)
{
	char *text = NULL;
	bool there = !curl_url_get(url->all, part, &text, 0) && text;

	curl_free(text);
	return there;
}

/* Why it is no URL that events may go to; NULL: it is one. */
static const char *url_read(const char *text, struct url *url)
{
	url->all = curl_url();
	if (!url->all || curl_url_set(url->all, CURLUPART_URL, text, 0) ||
	    curl_url_get(url->all, CURLUPART_SCHEME, &url->scheme, 0) ||
	    curl_url_get(url->all, CURLUPART_HOST, &url->host, 0) ||
	    curl_url_get(url->all, CURLUPART_PORT, &url->port, CURLU_DEFAULT_PORT) ||
	    curl_url_get(url->all, CURLUPART_PATH, &url->path, 0))
		return "must be https://HOST[:PORT]/PATH";
	if (has(url, CURLUPART_USER) || has(url, CURLUPART_PASSWORD))
		return "must not hold a user or password";
	if (has(url, CURLUPART_FRAGMENT))
		return "must not hold a fragment";
	if (strcmp(url->scheme, "https") != 0 &&
	    (strcmp(url->scheme, "http") != 0 || !fetch_is_loopback(url->host)))
		return "must be https://, or http:// to this host itself";
	return NULL;
}

static bool path_under(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(path, prefix, len) != 0)
		return false;
	return path[len] == '\0' || path[len] == '/' || (len && prefix[len - 1] == '/');
}

/* "%2e" and "%2f" mean to servers what "." and "/" do. */
static bool path_plain(const char *path)
{
	for (const char *c = path; (c = strchr(c, '%')); c++)
		if (!strncasecmp(c, "%2e", 3) || !strncasecmp(c, "%2f", 3) ||
		    !strncasecmp(c, "%5c", 3))
			return false;
	return !strchr(path, '\\') && !strstr(path, "/../") && !strstr(path, "/./");
}

static bool allows(const char *prefix, const struct url *url)
{
	OWN_URL struct url p = {0};

	return !url_read(prefix, &p) && strcmp(p.scheme, url->scheme) == 0 &&
	       strcasecmp(p.host, url->host) == 0 && strcmp(p.port, url->port) == 0 &&
	       path_plain(url->path) && path_under(url->path, p.path);
}

static const struct enact_url *find_prefix(const struct enact_conf *conf, const char *listener,
					   char *why, size_t size)
{
	OWN_URL struct url url = {0};
	const char *wrong = url_read(listener, &url);

	for (unsigned int i = 0; i < conf->n_urls && !wrong; i++)
		if (!conf->urls[i].name && allows(conf->urls[i].url, &url))
			return &conf->urls[i];
	snprintf(why, size, "%s", wrong ? wrong : "is under no allowed URL of this host");
	return NULL;
}

const struct enact_url *enact_url_find(const struct enact_conf *conf, const char *listener,
				       char *why, size_t size)
{
	why[0] = '\0';
	for (unsigned int i = 0; i < conf->n_urls; i++)
		if (conf->urls[i].name && strcmp(conf->urls[i].name, listener) == 0)
			return &conf->urls[i];
	if (!strstr(listener, "://"))
		return NULL;
	return find_prefix(conf, listener, why, size);
}

int enact_url_check(const char *text, struct err *err)
{
	OWN_URL struct url url = {0};
	const char *wrong = text ? url_read(text, &url) : "must be https://HOST[:PORT]/PATH";

	if (!wrong && !path_plain(url.path))
		wrong = "must not hold escaped dots or slashes";
	return wrong ? err_set(err, -EINVAL, "/url", text, "%s", wrong) : 0;
}
