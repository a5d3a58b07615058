/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a listener's events go: a registered name's URL, or a URL of the script that lies under an
 * allowed one: scheme, host and port are the same, and its path is that path or below it. https, or
 * http to this host itself; no user, no fragment.
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/url.h"

/* Why it is no URL that events may go to; NULL: it is one. */
static const char *url_read(const char *text, struct url *url)
{
	if (url_split(text, url))
		return "must be https://HOST[:PORT]/PATH";
	if (url->user)
		return "must not hold a user or password";
	if (url->fragment)
		return "must not hold a fragment";
	if (strcmp(url->scheme, "https") != 0 &&
	    (strcmp(url->scheme, "http") != 0 || !url_is_loopback(url->host)))
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
	       strcmp(p.host, url->host) == 0 && strcmp(p.port, url->port) == 0 &&
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

const char *enact_url_show(const struct enact_url *conf, const char *text, char *buf, size_t size)
{
	OWN_URL struct url url = {0};

	if (conf && conf->name)
		snprintf(buf, size, "%s", conf->name);
	else if (url_split(text, &url))
		snprintf(buf, size, "?");
	else
		snprintf(buf, size, "%s://%s:%s", url.scheme, url.host, url.port);
	return buf;
}

int enact_url_check(const char *text, struct err *err)
{
	OWN_URL struct url url = {0};
	const char *wrong = text ? url_read(text, &url) : "must be https://HOST[:PORT]/PATH";

	if (!wrong && !path_plain(url.path))
		wrong = "must not hold escaped dots or slashes";
	return wrong ? err_set(err, -EINVAL, "/url", text, "%s", wrong) : 0;
}
