/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of fetch share: fetch.c (the loop, sockets, jobs that begin and end),
 * fetch_request.c (what a caller wants -> curl's options), fetch_answer.c (what comes),
 * fetch_again.c (what is sent a second time).
 *
 * curl must not be called from within its own callbacks. So a job begins and ends outside of them:
 * new ones wait for `kick`, cancelled ones and a closed fetch for the end of curl's call (inside).
 */
#ifndef UTIL_FETCH_INT_H
#define UTIL_FETCH_INT_H

#include <curl/curl.h>

#include "util/fetch.h"

struct fetch {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer; /* curl's */
	uv_timer_t kick;  /* jobs wait to be begun */
	unsigned int handles;
	struct fetch_job *jobs;
	bool inside, closing;
};

struct fetch_job {
	struct fetch *fetch;
	struct fetch_job *next, **link;
	CURL *easy;
	struct curl_slist *headers;
	struct fetch_ops ops;
	void *arg;
	uv_timer_t silence, late;
	uint64_t silence_ms;
	size_t max;
	bool begun;  /* curl has it */
	bool gone;   /* cancelled, or its end is being told */
	bool silent; /* nothing came for too long */
	int stopped; /* -errno: why the reading was stopped here; 0 */
	long timeout_ms;
	bool repeatable; /* may be sent twice */
	bool sent;	 /* or just about to be */
	bool reused;	 /* it was sent on a kept connection */
	bool again;	 /* it is being sent for the second time */
	bool held;	 /* libcurl wanted to send it again, and may not */
	bool waits;	 /* a piece was not taken */
	bool goes_on;	 /* it is to be given again */
	/* the answer */
	char *body;
	size_t len, cap, taken, header_len;
	long code;
	char content_type[256], etag[256], retry_after[16];
	char why[CURL_ERROR_SIZE];
	char url[256]; /* for messages: cut */
};

/* fetch_request.c: -EINVAL, -ENOMEM, err filled. */
int fetch_request(struct fetch_job *job, const struct fetch_conf *conf, struct err *err);
/* fetch_answer.c: curl's callbacks, and how a transfer ended. */
size_t fetch_on_header(char *line, size_t size, size_t n, void *arg);
size_t fetch_on_body(char *bytes, size_t size, size_t n, void *arg);
void fetch_answer_of(struct fetch_job *job, CURLcode result, struct fetch_answer *out);
/* fetch_again.c: curl's callback before it sends; whether and how a job is made ready once more.
 * fetch_repeatable() is http.c's, too. */
bool fetch_repeatable(const struct fetch_conf *conf);
int fetch_on_send(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port);
bool fetch_may_repeat(const struct fetch_job *job, CURLcode result);
int fetch_renew(struct fetch_job *job);

#endif
