/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP client on a libuv loop, on libcurl's multi interface: requests whose answers come as a whole
 * or, for streams, as they come. Single-threaded. No callback runs within the call that asks for
 * it. Redirects are not followed; only http and https; TLS verifies. Where a kept connection breaks
 * before a line of an answer came, what is idempotent is sent once more on a new one; where a whole
 * answer came before it broke, that is the answer.
 */
#ifndef UTIL_FETCH_H
#define UTIL_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "util/err.h"

#define FETCH_HEADER_MAX (64u << 10)
#define FETCH_PROBLEM_MAX ((size_t)64 << 10) /* of a body that is kept, where max is 0 */

struct fetch;	  /* all requests of one loop */
struct fetch_job; /* one */

int fetch_open(uv_loop_t *loop, struct fetch **out);
/* Requests end without callback. Frees when the loop has closed the handles. NULL is allowed. */
void fetch_close(struct fetch *fetch);

struct fetch_conf {
	const char *url, *method; /* NULL: GET */
	const char *accept, *content_type;
	const void *body; /* copied; NULL = none */
	size_t body_len;
	const char *if_none_match; /* NULL = none; the next two likewise */
	const char *if_match, *last_event_id;
	const char *unix_path;	     /* of a socket, instead of the URL's host; NULL = none */
	const char *token;	     /* "Authorization: Bearer"; never to http:// beyond loopback */
	const char *ca, *cert, *key; /* PEM files; NULL: the system's, none */
	long connect_ms, timeout_ms; /* of connecting; of the whole (0: none, for streams) */
	long silence_ms;	     /* nothing came for so long: -ETIMEDOUT; 0 = no limit */
	size_t max;	 /* bytes of body that are taken; more: -EFBIG; 0: no limit for pieces */
	bool compressed; /* offer gzip; max counts what it becomes */
	bool safe;	 /* a POST that changes nothing: may be sent again, like a GET */
};
struct fetch_answer {
	int status;			 /* 0 when an answer came, whatever its code; else -errno */
	long code;			 /* HTTP's */
	const char *content_type, *etag; /* "" = none */
	long retry_after_s;		 /* 0 = not told, or as a date */
	const char *body;		 /* NUL-terminated; "" where pieces were taken */
	size_t len;
	struct err err; /* why not: with status */
};
#define FETCH_WAIT 1
struct fetch_ops {
	/* Pieces of a 2xx body, when set; -errno ends the request with that status. FETCH_WAIT:
	 * nothing of it is taken; it comes again after fetch_go_on(), and must be taken then:
	 * -EBUSY. What is behind it may wait again. */
	int (*piece)(void *arg, const struct fetch_answer *head, const char *bytes, size_t len);
	/* The end; exactly once, the job is gone after it. */
	void (*done)(void *arg, const struct fetch_answer *answer);
};
/* -EINVAL (err filled) a URL or file that cannot be used. */
int fetch_start(struct fetch *fetch, const struct fetch_conf *conf, const struct fetch_ops *ops,
		void *arg, struct fetch_job **out, struct err *err);
/* After FETCH_WAIT; else nothing. NULL is allowed. */
void fetch_go_on(struct fetch_job *job);
/* From within done(): the answer's body, which stays where it is, to free(). NULL: there is none.
 */
char *fetch_take_body(struct fetch_job *job);
/* No callback afterwards. NULL is allowed. */
void fetch_cancel(struct fetch_job *job);

#endif
