/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "util/fetch_int.h"
#include "util/http.h"
#include "util/json.h"
#include "util/own.h"

#define URL_MAX 2048
#define ENDPOINT_MAX 128 /* "unix:" and the longest sun_path fit */

struct http {
	CURL *curl;
	struct curl_slist *headers;
	char endpoint[ENDPOINT_MAX];
	char base[ENDPOINT_MAX]; /* "http://localhost", "http://[::1]:8080" */
	long timeout_ms;
	bool repeats_all;
	/* the call */
	bool repeatable; /* may be sent twice */
	bool sent;	 /* or just about to be */
	bool held;	 /* libcurl wanted to send it again, and may not */
};

struct answer {
	char *text;
	size_t len, cap;
	bool too_large;
	CURL *curl;  /* with take */
	FILE *take;  /* the body of a 2xx answer goes there; NULL: nowhere */
	bool failed; /* a file did */
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	struct answer *answer = arg;
	size_t more = size * n;
	size_t cap = answer->cap ? answer->cap : 4096;
	char *text;

	if (answer->len + more > HTTP_ANSWER_MAX) {
		answer->too_large = true;
		return 0; /* curl gives up with CURLE_WRITE_ERROR */
	}
	while (cap < answer->len + more)
		cap *= 2;
	if (cap != answer->cap) {
		text = realloc(answer->text, cap);
		if (!text)
			return 0;
		answer->text = text;
		answer->cap = cap;
	}
	memcpy(answer->text + answer->len, data, more);
	answer->len += more;
	return more;
}

/* The body of a problem is kept, that of a good answer goes to the file. */
static size_t on_bulk(char *data, size_t size, size_t n, void *arg)
{
	struct answer *answer = arg;
	long status = 0;

	curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!answer->take || status < 200 || status > 299)
		return on_data(data, size, n, arg);
	if (fwrite(data, size, n, answer->take) == n)
		return size * n;
	answer->failed = true;
	return 0;
}

static size_t on_send(char *buf, size_t size, size_t n, void *arg)
{
	size_t got = fread(buf, 1, size * n, arg);

	return got || !ferror((FILE *)arg) ? got : CURL_READFUNC_ABORT;
}

/* What a kept connection took without an answer libcurl sends again by itself, whatever it is. */
static int on_request(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct http *http = arg;

	http->held = http->sent && !http->repeatable;
	http->sent = true;
	return http->held ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int refuse_endpoint(const char *endpoint, const char *want, struct err *err)
{
	err_set(err, -EINVAL, "", endpoint, "%s", want);
	return err_object(err, "server");
}

static int open_unix(struct http *http, const char *path, struct err *err)
{
	if (path[0] != '/')
		return refuse_endpoint(http->endpoint, "must name the socket by an absolute path",
				       err);
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return refuse_endpoint(http->endpoint,
				       "must name a socket path of at most 107 bytes", err);
	snprintf(http->base, sizeof(http->base), "http://localhost");
	if (curl_easy_setopt(http->curl, CURLOPT_UNIX_SOCKET_PATH, path))
		return err_set(err, -ENOMEM, "", "", "out of memory");
	return 0;
}

static int open_tcp(struct http *http, struct err *err)
{
	const char *host = http->endpoint + strlen("http://");
	size_t len = strlen(host);

	if (len && host[len - 1] == '/')
		len--;
	if (!len || memchr(host, '/', len) || strpbrk(host, "?#@ "))
		return refuse_endpoint(http->endpoint, "must be http://ADDRESS:PORT without a path",
				       err);
	snprintf(http->base, sizeof(http->base), "http://%.*s", (int)len, host);
	return 0;
}

static int open_endpoint(struct http *http, struct err *err)
{
	const char *text = http->endpoint;

	if (!strncmp(text, "unix:", 5))
		return open_unix(http, text + 5, err);
	if (text[0] == '/')
		return open_unix(http, text, err);
	if (!strncmp(text, "http://", 7))
		return open_tcp(http, err);
	return refuse_endpoint(text, "must be unix:/PATH, /PATH or http://ADDRESS:PORT", err);
}

static int set_options(struct http *http, long timeout_ms)
{
	CURL *curl = http->curl;

	http->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!http->headers || !curl_slist_append(http->headers, "Expect:"))
		return -ENOMEM;
	/* Signals would hit the threads of san-agent; proxies are never between us and a local
	 * socket, whatever the environment says. */
	if (curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(curl, CURLOPT_PROXY, "") ||
	    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") ||
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") ||
	    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) ||
	    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) ||
	    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms) ||
	    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) ||
	    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_request) ||
	    curl_easy_setopt(curl, CURLOPT_PREREQDATA, http) ||
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data))
		return -EIO;
	return 0;
}

int http_open(const char *endpoint, long timeout_ms, struct http **out, struct err *err)
{
	struct http *http;
	int rc;

	pthread_once(&global_once, global_init);
	if (global_result)
		return err_set(err, -EIO, "", "", "libcurl does not start: %s",
			       curl_easy_strerror(global_result));
	if (strlen(endpoint) >= ENDPOINT_MAX)
		return refuse_endpoint(endpoint, "must be at most 127 bytes long", err);
	http = calloc(1, sizeof(*http));
	if (!http)
		return err_set(err, -ENOMEM, "", "", "out of memory");
	snprintf(http->endpoint, sizeof(http->endpoint), "%s", endpoint);
	http->timeout_ms = timeout_ms;
	http->curl = curl_easy_init();
	rc = http->curl ? set_options(http, timeout_ms) : -ENOMEM;
	if (rc)
		err_set(err, rc, "", "", "libcurl does not start");
	else
		rc = open_endpoint(http, err);
	if (rc) {
		http_close(http);
		return rc;
	}
	*out = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	curl_slist_free_all(http->headers);
	curl_easy_cleanup(http->curl);
	free(http);
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const volatile sig_atomic_t *stop = arg;

	return *stop != 0;
}

void http_repeat_all(struct http *http)
{
	http->repeats_all = true;
}

void http_stop_on(struct http *http, const volatile sig_atomic_t *stop)
{
	curl_easy_setopt(http->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(http->curl, CURLOPT_XFERINFODATA, (void *)(uintptr_t)stop);
	curl_easy_setopt(http->curl, CURLOPT_NOPROGRESS, 0L);
}

static int cannot_connect(struct http *http, struct err *err)
{
	long number = 0;

	curl_easy_getinfo(http->curl, CURLINFO_OS_ERRNO, &number);
	if (number == EACCES || number == EPERM)
		return err_set(err, -EACCES, "", "",
			       "must not be opened by this user (permission denied)");
	return err_set(err, -ECONNREFUSED, "", "", "cannot be reached; is sand running?");
}

/* One place says what each failure of the transport means to the user. */
static int transport_error(struct http *http, CURLcode code, const struct answer *answer,
			   struct err *err)
{
	int rc = -EPROTO;

	if (answer->failed)
		rc = err_set(err, -EIO, "", "", "answers, but that could not be written: %s",
			     strerror(errno));
	else if (answer->too_large)
		err_set(err, rc, "", "", "answers with more than %u MiB", HTTP_ANSWER_MAX >> 20);
	else if (http->held)
		err_set(err, rc, "", "",
			"closes without an answer: what was sent may have been taken");
	else if (code == CURLE_OUT_OF_MEMORY || code == CURLE_WRITE_ERROR)
		rc = err_set(err, -ENOMEM, "", "", "out of memory");
	else if (code == CURLE_ABORTED_BY_CALLBACK)
		rc = err_set(err, -EINTR, "", "", "was interrupted");
	else if (code == CURLE_OPERATION_TIMEDOUT)
		rc = err_set(err, -ETIMEDOUT, "", "", "does not answer in time");
	else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		rc = cannot_connect(http, err);
	else
		err_set(err, rc, "", "", "does not speak HTTP as expected: %s",
			curl_easy_strerror(code));
	err_object(err, "server %s", http->endpoint);
	return rc;
}

static int parse_answer(struct http *http, const struct answer *answer, json_t **out,
			struct err *err)
{
	json_t *json = NULL;
	int rc;

	if (answer->len == 0)
		return 0;
	rc = json_parse(answer->text, answer->len, &json, err);
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		err_set(err, -EPROTO, "", "", "answers with something that is not JSON");
		return err_object(err, "server %s", http->endpoint);
	}
	if (out)
		*out = json;
	else
		json_decref(json);
	return 0;
}

static int set_request(struct http *http, const char *method, const char *url, const char *text)
{
	CURL *curl = http->curl;
	bool body = text != NULL;

	http->repeatable =
		http->repeats_all || fetch_repeatable(&(struct fetch_conf){.method = method});
	http->sent = http->held = false;
	/* POSTFIELDS makes the request a POST, HTTPGET a GET again; CUSTOMREQUEST names the method.
	 */
	if (curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text) ||
	    (!body && curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L)))
		return -EIO;
	if (curl_easy_setopt(curl, CURLOPT_HTTPHEADER, body ? http->headers : NULL) ||
	    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) ||
	    curl_easy_setopt(curl, CURLOPT_URL, url))
		return -EIO;
	return 0;
}

static int perform(struct http *http, FILE *take, long *status, json_t **out, struct err *err)
{
	struct answer answer = {.curl = http->curl, .take = take};
	CURLcode code;
	int rc = 0;

	code = curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &answer);
	if (!code)
		code = curl_easy_perform(http->curl);
	if (!code)
		code = curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, status);
	rc = code ? transport_error(http, code, &answer, err)
		  : parse_answer(http, &answer, out, err);
	free(answer.text);
	return rc;
}

int http_call(struct http *http, const char *method, const char *path, const json_t *body,
	      long *status, json_t **out, struct err *err)
{
	OWN_PTR char *text = NULL;
	char url[URL_MAX];
	int n;

	*status = 0;
	if (out)
		*out = NULL;
	n = snprintf(url, sizeof(url), "%s%s", http->base, path);
	if (n < 0 || (size_t)n >= sizeof(url))
		return err_set(err, -ENAMETOOLONG, "", path, "must be at most %d bytes", URL_MAX);
	if (body) {
		/* 15 digits bring every decimal of 15 digits back as it was written. */
		text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		if (!text)
			return err_set(err, -ENOMEM, "", "", "out of memory");
	}
	if (set_request(http, method, url, text))
		return err_set(err, -EIO, "", "", "libcurl refuses the request");
	return perform(http, NULL, status, out, err);
}

/* ---- bulk ---- */

static int size_of(FILE *file, curl_off_t *size)
{
	off_t at = ftello(file), end;

	if (at < 0 || fseeko(file, 0, SEEK_END))
		return -EIO;
	end = ftello(file);
	*size = (curl_off_t)(end - at);
	return end < at || fseeko(file, at, SEEK_SET) ? -EIO : 0;
}

static int set_send(struct http *http, FILE *file, const char *type, struct curl_slist **headers)
{
	curl_off_t size = 0;
	char line[64];

	snprintf(line, sizeof(line), "Content-Type: %s", type);
	*headers = curl_slist_append(NULL, line);
	if (!*headers || !curl_slist_append(*headers, "Expect:") || size_of(file, &size) ||
	    curl_easy_setopt(http->curl, CURLOPT_POST, 1L) ||
	    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, NULL) ||
	    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, size) ||
	    curl_easy_setopt(http->curl, CURLOPT_READFUNCTION, on_send) ||
	    curl_easy_setopt(http->curl, CURLOPT_READDATA, file) ||
	    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, *headers))
		return -EIO;
	return 0;
}

/* The ordinary calls' patience and readers, or those of a bulk. */
static int set_patience(struct http *http, const struct http_bulk *bulk)
{
	CURL *curl = http->curl;

	if (curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, bulk ? 0L : http->timeout_ms) ||
	    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, bulk ? 1L : 0L) ||
	    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, bulk ? bulk->silence_s : 0L) ||
	    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1) ||
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, bulk ? on_bulk : on_data))
		return -EIO;
	return 0;
}

int http_bulk(struct http *http, const char *method, const char *path, const struct http_bulk *bulk,
	      long *status, json_t **out, struct err *err)
{
	struct curl_slist *headers = NULL;
	char url[URL_MAX];
	int n, rc;

	*status = 0;
	*out = NULL;
	n = snprintf(url, sizeof(url), "%s%s", http->base, path);
	if (n < 0 || (size_t)n >= sizeof(url))
		return err_set(err, -ENAMETOOLONG, "", path, "must be at most %d bytes", URL_MAX);
	rc = set_request(http, method, url, NULL) ?: set_patience(http, bulk);
	if (!rc && bulk->send)
		rc = set_send(http, bulk->send, bulk->type, &headers);
	if (!rc && curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, method))
		rc = -EIO;
	if (rc)
		err_set(err, rc, "", "", "libcurl refuses the request, or the file has no size");
	else
		rc = perform(http, bulk->take, status, out, err);
	set_patience(http, NULL);
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return rc;
}

static int status_code(long status)
{
	static const struct {
		long status;
		int code;
	} table[] = {
		{400, -EINVAL}, {401, -EACCES}, {403, -EACCES}, {404, -ENOENT},	 {405, -ENOTSUP},
		{409, -EEXIST}, {412, -ESTALE}, {413, -EFBIG},	{415, -ENOTSUP}, {422, -EINVAL},
		{429, -EBUSY},	{503, -EAGAIN}, {507, -ENOSPC},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].status == status)
			return table[i].code;
	}
	return status >= 200 && status < 300 ? 0 : -EPROTO;
}

int http_problem(long status, const json_t *problem, struct err *err)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *title = json_string_value(json_object_get(problem, "title"));
	const char *field = json_string_value(json_object_get(problem, "field"));
	const json_t *value = json_object_get(problem, "value");
	OWN_PTR char *text = NULL;
	int code = status_code(status);

	if (!code)
		return 0;
	if (value && !json_is_null(value) && !json_is_string(value))
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	if (!detail && !title)
		return err_set(err, code, field, text, "the server answers with status %ld",
			       status);
	return err_set(err, code, field, text ? text : json_string_value(value), "%s",
		       detail ? detail : title);
}

const char *http_segment(const char *text, char *buf, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= 'a' && *p <= 'z') || strchr("-._~", *p);

		if (n + (plain ? 1 : 3) >= size)
			break;
		if (plain) {
			buf[n++] = (char)*p;
			continue;
		}
		buf[n++] = '%';
		buf[n++] = hex[*p >> 4];
		buf[n++] = hex[*p & 15];
	}
	buf[n] = '\0';
	return buf;
}
