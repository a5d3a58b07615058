/* SPDX-License-Identifier: GPL-2.0-or-later */
/* URLs taken apart (RFC 3986), as libcurl does it when it fetches them. */
#ifndef UTIL_URL_H
#define UTIL_URL_H

#include <stdbool.h>

struct url {
	char *scheme, *host, *port, *path; /* in lower case: scheme, host; port: also a default */
	bool user;			   /* there is a user or a password */
	bool fragment;
};

/* -EINVAL, -ENOMEM. *out is left alone on failure; else url_fini() frees what is in it. */
int url_split(const char *text, struct url *out);
void url_fini(struct url *url); /* zeroed is empty */
/* Of a URL's host ("[::1]", "127.0.0.1", "localhost"): is it this host itself? */
bool url_is_loopback(const char *host);

#define OWN_URL __attribute__((cleanup(url_fini)))

#endif
