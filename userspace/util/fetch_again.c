/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server may close a kept connection just when it is used again. What may be sent twice is then
 * sent once more, on a new connection (RFC 9110, 9.2.2; RFC 9112, 9.3.1). libcurl does so by itself
 * for some errors only, but for every method, and up to five times: it is held back where we do
 * not.
 */
#include "util/fetch_int.h"

#include <errno.h>
#include <string.h>

#include "util/own.h"

/* A condition holds no longer after a change that was made, so the second answer would be wrong. */
bool fetch_repeatable(const struct fetch_conf *conf)
{
	static const char *const idempotent[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
	const char *method = conf->method ? conf->method : conf->body ? "POST" : "GET";

	for (size_t i = 0; i < ARRAY_SIZE(idempotent); i++)
		if (!strcmp(method, idempotent[i]))
			return !conf->if_match;
	return conf->safe;
}

int fetch_on_send(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct fetch_job *job = arg;
	long connects = 0;

	curl_easy_getinfo(job->easy, CURLINFO_NUM_CONNECTS, &connects);
	if (!job->sent) {
		job->sent = true;
		job->reused = !connects;
		return CURL_PREREQFUNC_OK;
	}
	/* By libcurl's own choice, and perhaps on the next kept connection. */
	if (job->repeatable && !job->again && connects) {
		job->again = true;
		return CURL_PREREQFUNC_OK;
	}
	job->held = true;
	return CURL_PREREQFUNC_ABORT;
}

static bool broke(const struct fetch_job *job, CURLcode result)
{
	return result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR ||
	       result == CURLE_GOT_NOTHING || job->held;
}

bool fetch_may_repeat(const struct fetch_job *job, CURLcode result)
{
	return job->repeatable && job->reused && !job->again && !job->header_len && !job->stopped &&
	       broke(job, result);
}

/* Its time is that of both together. */
int fetch_renew(struct fetch_job *job)
{
	job->again = true;
	job->held = job->sent = false;
	job->why[0] = '\0';
	return curl_easy_setopt(job->easy, CURLOPT_FRESH_CONNECT, 1L) ? -EIO : 0;
}
