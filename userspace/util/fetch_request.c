/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/fetch_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/own.h"
#include "util/url.h"

#define FETCH_LINE_MAX 8192 /* of a request header that we write */

/* ---- what can be told before anything is sent ---- */

static int refuse(const struct fetch_job *job, const char *field, const char *value,
		  const char *want, struct err *err)
{
	err_set(err, -EINVAL, field, value, "%s", want);
	err_object(err, "request to %s", job->url);
	return -EINVAL;
}

static int check_url(struct fetch_job *job, const struct fetch_conf *conf, struct err *err)
{
	OWN_URL struct url url = {0};
	int r = conf->url ? url_split(conf->url, &url) : -EINVAL;

	if (r == -ENOMEM)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	if (r || (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0))
		return refuse(job, "/url", conf->url, "must be http://HOST... or https://HOST...",
			      err);
	if (url.user)
		return refuse(job, "/url", NULL, "must not hold a user or password", err);
	if (conf->token && !strcmp(url.scheme, "http") && !url_is_loopback(url.host))
		return refuse(job, "/url", conf->url,
			      "must be https:// where a token is sent beyond this host", err);
	return 0;
}

static int check_file(const struct fetch_job *job, const char *field, const char *path,
		      struct err *err)
{
	char want[160];

	if (!path || !access(path, R_OK))
		return 0;
	snprintf(want, sizeof(want), "must be a file that can be read: %s", strerror(errno));
	return refuse(job, field, path, want, err);
}

static int check_files(const struct fetch_job *job, const struct fetch_conf *conf, struct err *err)
{
	int r = check_file(job, "/ca", conf->ca, err);

	r = r ?: check_file(job, "/cert", conf->cert, err);
	r = r ?: check_file(job, "/key", conf->key, err);
	if (!r && !conf->cert != !conf->key)
		r = refuse(job, conf->cert ? "/key" : "/cert", NULL, "must be given with the other",
			   err);
	return r;
}

/* ---- headers ---- */

static int add_header(struct fetch_job *job, const char *name, const char *value, struct err *err)
{
	OWN_PTR char *line = NULL;
	struct curl_slist *list;

	if (!value)
		return 0;
	for (const unsigned char *p = (const unsigned char *)value; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return refuse(job, name, NULL, "must not hold control characters", err);
	if (strlen(value) > FETCH_LINE_MAX)
		return refuse(job, name, NULL, "must be at most 8192 bytes long", err);
	/* "Name:" alone would take the header away. */
	if (asprintf(&line, "%s: %s", name, value) < 0)
		line = NULL;
	list = line ? curl_slist_append(job->headers, line) : NULL;
	if (!list)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	job->headers = list;
	return 0;
}

static int add_plain(struct fetch_job *job, const char *line, struct err *err)
{
	struct curl_slist *list = curl_slist_append(job->headers, line);

	if (!list)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	job->headers = list;
	return 0;
}

static int make_headers(struct fetch_job *job, const struct fetch_conf *conf, struct err *err)
{
	OWN_PTR char *bearer = NULL;
	int r = add_plain(job, "Expect:", err);

	if (!r && conf->token && asprintf(&bearer, "Bearer %s", conf->token) < 0) {
		bearer = NULL;
		r = err_set(err, -ENOMEM, "", NULL, "out of memory");
	}
	r = r ?: add_header(job, "Accept", conf->accept, err);
	r = r ?: add_header(job, "If-None-Match", conf->if_none_match, err);
	r = r ?: add_header(job, "If-Match", conf->if_match, err);
	r = r ?: add_header(job, "Last-Event-ID", conf->last_event_id, err);
	r = r ?: add_header(job, "Authorization", bearer, err);
	if (!r && conf->content_type)
		r = add_header(job, "Content-Type", conf->content_type, err);
	else if (!r && conf->body)
		r = add_plain(job, "Content-Type:", err);
	return r;
}

/* ---- options ---- */

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (curl_easy_setopt(job->easy, option, value))                                    \
			return -EIO;                                                               \
	} while (0)

/* No proxy, whatever the environment says: the configuration says who is asked. HTTP/1.1, so that
 * what a stream sends does not hold up an answer. A cancelled job does not wait for its resolver's
 * thread, which ends by itself. */
static int set_common(struct fetch_job *job)
{
	SET(CURLOPT_PRIVATE, job);
	SET(CURLOPT_ERRORBUFFER, job->why);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_USERAGENT, "sand/" SAN_VERSION_TEXT);
	SET(CURLOPT_HEADERFUNCTION, fetch_on_header);
	SET(CURLOPT_HEADERDATA, job);
	SET(CURLOPT_WRITEFUNCTION, fetch_on_body);
	SET(CURLOPT_WRITEDATA, job);
	SET(CURLOPT_PREREQFUNCTION, fetch_on_send);
	SET(CURLOPT_PREREQDATA, job);
	SET(CURLOPT_HTTPHEADER, job->headers);
	return 0;
}

/* A CA of one's own stands for the system's, it is not added to them. */
static int set_tls(struct fetch_job *job, const struct fetch_conf *conf)
{
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (conf->ca) {
		SET(CURLOPT_CAINFO, conf->ca);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (conf->cert) {
		SET(CURLOPT_SSLCERT, conf->cert);
		SET(CURLOPT_SSLKEY, conf->key);
	}
	return 0;
}

static int set_request(struct fetch_job *job, const struct fetch_conf *conf)
{
	bool posts = conf->body || (conf->method && !strcmp(conf->method, "POST"));

	SET(CURLOPT_URL, conf->url);
	if (conf->unix_path)
		SET(CURLOPT_UNIX_SOCKET_PATH, conf->unix_path);
	SET(CURLOPT_CONNECTTIMEOUT_MS, conf->connect_ms);
	if (conf->compressed)
		SET(CURLOPT_ACCEPT_ENCODING, "gzip");
	if (posts) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(conf->body ? conf->body_len : 0));
		SET(CURLOPT_COPYPOSTFIELDS, conf->body ? conf->body : "");
	}
	if (conf->method)
		SET(CURLOPT_CUSTOMREQUEST, conf->method);
	return 0;
}

int fetch_request(struct fetch_job *job, const struct fetch_conf *conf, struct err *err)
{
	int r;

	snprintf(job->url, sizeof(job->url), "%s", conf->url ? conf->url : "");
	job->silence_ms = (uint64_t)conf->silence_ms;
	job->timeout_ms = conf->timeout_ms;
	job->max = conf->max;
	job->repeatable = fetch_repeatable(conf);
	r = check_url(job, conf, err);
	r = r ?: check_files(job, conf, err);
	r = r ?: make_headers(job, conf, err);
	if (r)
		return r;
	job->easy = curl_easy_init();
	r = job->easy ? 0 : -ENOMEM;
	r = r ?: set_common(job);
	r = r ?: set_tls(job, conf);
	r = r ?: set_request(job, conf);
	return r ? err_set(err, r, "", NULL, "libcurl refuses the request") : 0;
}
