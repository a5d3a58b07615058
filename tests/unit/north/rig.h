/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients of the interface that rig_daemon.h opens: raw sockets on the same thread. The loop runs
 * while they wait, so a test is one sequence of events.
 */
#ifndef TESTS_NORTH_RIG_H
#define TESTS_NORTH_RIG_H

#include <sys/un.h>

#include "north/server.h"
#include "unit/north/rig_daemon.h"

struct answer {
	int status; /* 0: closed without one */
	char head[2048];
	char *body;
	json_t *json; /* NULL: no body or no JSON */
	bool closed;  /* behind the answer */
};

/* ---- clients ---- */

static inline int rig_connect(struct rig *rig)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", rig->sock);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* All of it, or until the other end closes. */
static inline void rig_send(struct rig *rig, int fd, const char *data, size_t len)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;

	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			len -= n;
		}
		rig_turn(rig);
		assert_true(clock_us() < until);
	}
}

static inline void rig_say(struct rig *rig, int fd, const char *text)
{
	rig_send(rig, fd, text, strlen(text));
}

static inline bool rig_no_body(int status)
{
	return status == 204 || status == 304;
}

/* Whether text holds a whole answer. */
static inline bool rig_whole(const char *text, size_t len, bool head_only)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strcasestr(text, "Content-Length:");

	if (!end)
		return false;
	if (head_only || rig_no_body(atoi(text + 9)) || !length || length > end)
		return true;
	return len >= (size_t)(end + 4 - text) + strtoul(length + 15, NULL, 10);
}

/* For more text behind len bytes, and its end. */
static inline void rig_make_room(char **text, size_t *cap, size_t len)
{
	if (*cap - len >= 4096)
		return;
	*cap = *cap ? 2 * *cap : 16384;
	*text = realloc(*text, *cap);
	(*text)[len] = 0;
}

static inline void rig_split(char *text, struct answer *a)
{
	char *end = strstr(text, "\r\n\r\n");

	if (!end)
		return;
	*end = 0;
	snprintf(a->head, sizeof(a->head), "%s\r\n", text);
	a->status = atoi(text + 9);
	a->body = strdup(end + 4);
	if (a->body[0])
		a->json = json_loads(a->body, JSON_DECODE_ANY, NULL);
}

/* One answer, or the end of the connection. */
static inline void rig_recv_how(struct rig *rig, int fd, struct answer *a, bool head_only)
{
	size_t cap = 0, len = 0;
	OWN_PTR char *text = NULL;
	uint64_t until = clock_us() + RIG_PATIENCE_US;

	memset(a, 0, sizeof(*a));
	rig_make_room(&text, &cap, 0);
	while (!rig_whole(text, len, head_only)) {
		ssize_t n;

		rig_make_room(&text, &cap, len);
		n = recv(fd, text + len, cap - 1 - len, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			a->closed = true;
			break;
		}
		len += n > 0 ? n : 0;
		text[len] = 0;
		if (n < 0)
			rig_turn(rig);
		assert_true(clock_us() < until);
	}
	rig_split(text, a);
}

static inline void rig_recv(struct rig *rig, int fd, struct answer *a)
{
	rig_recv_how(rig, fd, a, false);
}

static inline void answer_free(struct answer *a)
{
	free(a->body);
	json_decref(a->json);
	memset(a, 0, sizeof(*a));
}

/* The connection ends: true. Anything else that comes is thrown away. */
static inline bool rig_closes(struct rig *rig, int fd)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;
	char buf[256];

	while (clock_us() < until) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		rig_turn(rig);
	}
	return false;
}

/* n requests, that came as a whole, wait for something. */
static inline bool rig_holds(const struct rig *rig, unsigned int n)
{
	unsigned int held = 0;

	for (const struct req *req = rig->north->reqs; req; req = req->next)
		held += req->suspended;
	return held == n;
}

/* Raw text on a connection of its own. */
static inline void rig_raw(struct rig *rig, const char *text, size_t len, struct answer *a)
{
	int fd = rig_connect(rig);

	rig_send(rig, fd, text, len);
	rig_recv(rig, fd, a);
	close(fd);
	rig_turn(rig);
}

/* headers: "" or lines with CRLF; a body brings its length, and is JSON unless headers say. */
static inline void rig_call_with(struct rig *rig, const char *request, const char *headers,
				 const char *body, struct answer *a)
{
	size_t len = body ? strlen(body) : 0;
	char *text = NULL;
	int n;

	n = asprintf(&text, "%s HTTP/1.1\r\nHost: sand\r\n%s%s", request, headers,
		     body && !strcasestr(headers, "Content-Type:")
			     ? "Content-Type: application/json\r\n"
			     : "");
	assert_true(n > 0);
	text = realloc(text, n + len + 64);
	if (body)
		n += sprintf(text + n, "Content-Length: %zu\r\n", len);
	n += sprintf(text + n, "\r\n");
	memcpy(text + n, body ? body : "", len);
	rig_raw(rig, text, n + len, a);
	free(text);
}

static inline int rig_call(struct rig *rig, const char *request, const char *body, struct answer *a)
{
	rig_call_with(rig, request, "", body, a);
	return a->status;
}

/* Only the status matters. */
static inline int rig_status(struct rig *rig, const char *request, const char *body)
{
	struct answer a;
	int status = rig_call(rig, request, body, &a);

	answer_free(&a);
	return status;
}

static inline int rig_status_with(struct rig *rig, const char *request, const char *headers,
				  const char *body)
{
	struct answer a;
	int status;

	rig_call_with(rig, request, headers, body, &a);
	status = a.status;
	answer_free(&a);
	return status;
}

static inline void rig_wait_applied(struct rig *rig)
{
	struct ncc_status status;

	orc_start(rig->orc);
	rig_until(rig, (rig_turn(rig), ncc_status(rig->ncc, &status), status.applied) &&
			       status.applied == status.desired);
}

/* Member by names separated by '/', "" text if absent or no text. */
static inline const char *text_at(const json_t *value, const char *path)
{
	char part[64];

	while (value && *path) {
		size_t len = strcspn(path, "/");

		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		value = json_is_array(value) ? json_array_get(value, atoi(part))
					     : json_object_get(value, part);
		path += len + (path[len] == '/');
	}
	return json_is_string(value) ? json_string_value(value) : "";
}

static inline size_t items_of(const struct answer *a)
{
	return json_array_size(json_object_get(a->json, "items"));
}

static inline json_int_t int_at(const json_t *obj, const char *name)
{
	return json_integer_value(json_object_get(obj, name));
}

/* The answer is a problem with this status, and its detail and field say these. */
static inline void assert_problem(const struct answer *a, int status, const char *field,
				  const char *detail)
{
	if (a->status != status)
		print_error("%s%s\n", a->head, a->body ? a->body : "(no body)");
	assert_int_equal(a->status, status);
	assert_non_null(strstr(a->head, "application/problem+json"));
	assert_int_equal(int_at(a->json, "status"), status);
	assert_string_equal(text_at(a->json, "type"), "about:blank");
	assert_true(text_at(a->json, "title")[0] != 0);
	assert_string_equal(text_at(a->json, "field"), field);
	if (!strstr(text_at(a->json, "detail"), detail))
		print_error("detail: %s\n", text_at(a->json, "detail"));
	assert_non_null(strstr(text_at(a->json, "detail"), detail));
}

/* The request is answered with this problem. */
static inline void rig_refused(struct rig *rig, const char *request, const char *body, int status,
			       const char *field, const char *detail)
{
	struct answer a;

	rig_call(rig, request, body, &a);
	assert_problem(&a, status, field, detail);
	answer_free(&a);
}

/* A row of a table: with this text in it, a request has this status. */
struct rig_case {
	const char *text;
	int status;
};

static inline void rig_check_case(const struct rig_case *c, int status)
{
	if (status != c->status)
		fail_msg("%s: %d, not %d", c->text, status, c->status);
}

/* ---- objects that most tests need ---- */

#define RIG_SERVICE "{\"name\": \"web\", \"address\": \"2001:db8:5::101\"}"
#define RIG_GATEWAY                                                                                \
	"{\"locator\": \"5f00:0:2::/48\", \"sid\": \"5f00:0:2::1\", \"address\": \"2001:db8:f::2\"}"
#define RIG_INSTANCE                                                                               \
	"{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::2\", \"attributes\": {\"cpu_load\": "  \
	"3.5}}"

static inline void rig_fill(struct rig *rig)
{
	assert_int_equal(rig_status(rig, "PUT /v1/services/0x101", RIG_SERVICE), 201);
	assert_int_equal(rig_status(rig, "PUT /v1/gateways/gw2", RIG_GATEWAY), 201);
	assert_int_equal(rig_status(rig, "PUT /v1/paths/pe1/gw2/be", "{\"kind\": \"be\"}"), 201);
	assert_int_equal(rig_status(rig, "PATCH /v1/network/pe1/gw2/be", "{\"delay_us\": 1200}"),
			 204);
	assert_int_equal(rig_status(rig, "PUT /v1/services/0x101/instances/a", RIG_INSTANCE), 201);
}

/* The interface alone, where a client has so long for its turn. */
static inline void rig_open_with(struct rig *rig, unsigned int turn_s)
{
	struct north_conf conf = rig_conf(rig);
	struct err err = {0};

	conf.turn_s = turn_s;
	assert_int_equal(north_open(&conf, &rig->north, &err), 0);
}

/* cmocka fixtures */
static inline int rig_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open(rig);
	*state = rig;
	return 0;
}

/* Without the interface: rig_open_with(). */
static inline int rig_below_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open_below(rig);
	*state = rig;
	return 0;
}

static inline int rig_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

#endif
