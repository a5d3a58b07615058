/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocking HTTP client for sanctl and san-agent, on libcurl: JSON in, JSON out, over a unix socket
 * or loopback TCP. An endpoint is "unix:/run/sand/api.sock", a plain path, or "http://[::1]:8080".
 * With util/fetch.h the only user of libcurl. A handle belongs to one thread at a time; it keeps
 * its connection open. Where that breaks without an answer just when it is used again, what is
 * idempotent may be sent again; a POST or PATCH is not: -EPROTO, and it may have been taken.
 */
#ifndef UTIL_HTTP_H
#define UTIL_HTTP_H

#include <jansson.h>
#include <signal.h>
#include <stdio.h>

#include "util/err.h"

struct http;

#define HTTP_TIMEOUT_MS 5000
#define HTTP_ANSWER_MAX (32u << 20) /* longer answers are refused: -EPROTO */

int http_open(const char *endpoint, long timeout_ms, struct http **out, struct err *err);
void http_close(struct http *http);
/* A call ends with -EINTR soon after *stop becomes non-zero (by a signal's handler). Outlives http.
 */
void http_stop_on(struct http *http, const volatile sig_atomic_t *stop);
/* All of its requests may be taken twice: they are sent again like what is idempotent. */
void http_repeat_all(struct http *http);

/* body may be NULL. *status: HTTP status. *out (may be NULL): parsed JSON answer or NULL when
 * empty; new reference. 0 when an answer came, whatever its status; -ECONNREFUSED, -ETIMEDOUT,
 * -EPROTO. */
int http_call(struct http *http, const char *method, const char *path, const json_t *body,
	      long *status, json_t **out, struct err *err);
/* Bodies too large for memory. send (NULL: none) is a file of type, sent from where it stands; take
 * (NULL: none) gets the body of a 2xx answer as it comes, the others' is JSON in *out as above. A
 * call may last as long as something moves: it ends when nothing has for silence_s. -EIO: a file
 * could not be read or written; a 2xx answer that broke off is -EPROTO. */
struct http_bulk {
	FILE *send, *take;
	const char *type;
	long silence_s;
};
int http_bulk(struct http *http, const char *method, const char *path, const struct http_bulk *bulk,
	      long *status, json_t **out, struct err *err);
/* Turns an application/problem+json answer (RFC 9457) into err: want is its detail, field and value
 * as they came; returns err->code: 0 for 2xx, else by status (404 -ENOENT, 412 -ESTALE...). */
int http_problem(long status, const json_t *problem, struct err *err);
/* Percent-encodes one path segment; what does not fit is cut. Returns buf. */
const char *http_segment(const char *text, char *buf, size_t size);

#endif
