/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/fetch_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/own.h"

/* Anything but the length that came stops the transfer. */
#define STOP ((size_t)-1)

static size_t stop(struct fetch_job *job, int status)
{
	job->stopped = status;
	return STOP;
}

static void heard(struct fetch_job *job)
{
	if (job->silence_ms)
		uv_timer_again(&job->silence);
}

/* ---- headers ---- */

static void keep_header(const char *line, size_t len, const char *name, char *buf, size_t size)
{
	size_t skip = strlen(name);

	if (len <= skip || line[skip] != ':' || strncasecmp(line, name, skip) != 0)
		return;
	skip++;
	while (skip < len && (line[skip] == ' ' || line[skip] == '\t'))
		skip++;
	while (len > skip && strchr(" \t\r\n", line[len - 1]))
		len--;
	/* What does not fit is of no use in part. */
	if (len - skip < size)
		snprintf(buf, size, "%.*s", (int)(len - skip), line + skip);
}

/* What an entity tag may hold (RFC 9110, 8.8.3); another one could not be sent back. */
static void check_etag(char *etag)
{
	for (const unsigned char *p = (const unsigned char *)etag; *p; p++)
		if (*p < 0x21 || *p == 0x7f)
			etag[0] = '\0';
}

static long retry_after(const struct fetch_job *job)
{
	const char *text = job->retry_after;

	return strspn(text, "0123456789") == strlen(text) && strlen(text) < 8 ? atol(text) : 0;
}

size_t fetch_on_header(char *line, size_t size, size_t n, void *arg)
{
	struct fetch_job *job = arg;
	size_t len = size * n;

	heard(job);
	job->header_len += len;
	if (job->gone)
		return stop(job, -ECANCELED);
	if (job->header_len > FETCH_HEADER_MAX)
		return stop(job, -EFBIG);
	/* After "100 Continue" and the like another answer begins. */
	if (len >= 5 && !strncmp(line, "HTTP/", 5))
		job->content_type[0] = job->etag[0] = job->retry_after[0] = '\0';
	keep_header(line, len, "content-type", job->content_type, sizeof(job->content_type));
	keep_header(line, len, "etag", job->etag, sizeof(job->etag));
	keep_header(line, len, "retry-after", job->retry_after, sizeof(job->retry_after));
	check_etag(job->etag);
	return len;
}

/* ---- body ---- */

static int keep(struct fetch_job *job, const char *bytes, size_t len)
{
	size_t cap = job->cap ? job->cap : 4096;
	char *body;

	while (cap < job->len + len + 1)
		cap *= 2;
	if (cap != job->cap) {
		body = realloc(job->body, cap);
		if (!body)
			return -ENOMEM;
		job->body = body;
		job->cap = cap;
	}
	memcpy(job->body + job->len, bytes, len);
	job->len += len;
	job->body[job->len] = '\0';
	return 0;
}

static int hand_over(struct fetch_job *job, const char *bytes, size_t len)
{
	struct fetch_answer head = {.code = job->code,
				    .content_type = job->content_type,
				    .etag = job->etag,
				    .retry_after_s = retry_after(job),
				    .body = ""};

	return job->ops.piece(job->arg, &head, bytes, len);
}

static bool is_stream(const struct fetch_job *job)
{
	return job->ops.piece && job->code >= 200 && job->code <= 299;
}

size_t fetch_on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct fetch_job *job = arg;
	size_t len = size * n, max;
	int r;

	heard(job);
	if (job->gone)
		return stop(job, -ECANCELED);
	curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &job->code);
	max = job->max || is_stream(job) ? job->max : FETCH_PROBLEM_MAX;
	if (max && len > max - job->taken)
		return stop(job, -EFBIG);
	r = is_stream(job) ? hand_over(job, bytes, len) : keep(job, bytes, len);
	if (job->gone)
		return stop(job, -ECANCELED);
	/* curl forgets the socket of what is held twice. */
	if (r == FETCH_WAIT && job->goes_on)
		return stop(job, -EBUSY);
	if (r == FETCH_WAIT) {
		job->waits = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	job->taken += max ? len : 0;
	return r ? stop(job, r) : len;
}

/* ---- the end ---- */

static const struct {
	CURLcode code;
	int status;
	const char *want;
} failures[] = {
	{CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, "its name is not known"},
	{CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, "does not answer in time"},
	{CURLE_PEER_FAILED_VERIFICATION, -EACCES, "its certificate does not hold"},
	{CURLE_SSL_CONNECT_ERROR, -EACCES, "TLS fails"},
	{CURLE_SSL_CERTPROBLEM, -EINVAL, "our certificate cannot be used"},
	{CURLE_SSL_CACERT_BADFILE, -EINVAL, "the CA file cannot be used"},
	{CURLE_OUT_OF_MEMORY, -ENOMEM, "out of memory"},
	{CURLE_GOT_NOTHING, -ECONNRESET, "closes without an answer"},
	{CURLE_RECV_ERROR, -ECONNRESET, "the connection broke"},
	{CURLE_SEND_ERROR, -ECONNRESET, "the connection broke"},
	{CURLE_PARTIAL_FILE, -ECONNRESET, "the answer broke off"},
};

static int refused_connection(struct fetch_job *job, struct err *err)
{
	long number = 0;
	int status;

	curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &number);
	status = number ? -(int)number : -EHOSTUNREACH;
	return err_set(err, status, "", NULL, "cannot be reached: %s", strerror(-status));
}

static int stopped_here(const struct fetch_job *job, struct err *err)
{
	if (job->stopped == -EFBIG && job->header_len > FETCH_HEADER_MAX)
		return err_set(err, -EFBIG, "", NULL, "headers must be at most %u bytes",
			       FETCH_HEADER_MAX);
	if (job->stopped == -EFBIG)
		return err_set(err, -EFBIG, "", NULL, "the answer must be at most %zu bytes",
			       job->max ? job->max : FETCH_PROBLEM_MAX);
	return err_set(err, job->stopped, "", NULL, "the answer is not taken: %s",
		       strerror(-job->stopped));
}

static int failure(struct fetch_job *job, CURLcode result, struct err *err)
{
	const char *why = job->why[0] ? job->why : curl_easy_strerror(result);

	if (job->silent)
		return err_set(err, -ETIMEDOUT, "", NULL, "says nothing for %ju ms",
			       (uintmax_t)job->silence_ms);
	if (job->stopped)
		return stopped_here(job, err);
	if (job->held)
		return err_set(err, -ECONNRESET, "", NULL,
			       "closes without an answer: what was sent may have been taken");
	if (result == CURLE_COULDNT_CONNECT)
		return refused_connection(job, err);
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		if (failures[i].code == result)
			return err_set(err, failures[i].status, "", NULL, "%s: %s",
				       failures[i].want, why);
	return err_set(err, -EPROTO, "", NULL, "does not speak HTTP as expected: %s", why);
}

void fetch_answer_of(struct fetch_job *job, CURLcode result, struct fetch_answer *out)
{
	*out = (struct fetch_answer){.content_type = job->content_type,
				     .etag = job->etag,
				     .retry_after_s = retry_after(job),
				     .body = job->body ? job->body : "",
				     .len = job->len};
	if (result == CURLE_OK) {
		curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &out->code);
		return;
	}
	out->code = job->code;
	out->status = failure(job, result, &out->err);
	err_object(&out->err, "server %s", job->url);
}
