/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ALTO server that says what the test wrote down, on the test's own loop: resources by path, one
 * update stream that events are pushed into. */
#ifndef TESTS_ALTOC_SERVER_H
#define TESTS_ALTOC_SERVER_H

#include "unit/srm/rig.h"

#define SERVER_RESOURCES 12

struct resource {
	const char *path, *type;
	char body[4096];
	const char *large; /* instead of body; the test's own */
	char etag[32];
	int status;		  /* 0 = 200 */
	unsigned int asked, n304; /* requests; of them answered 304 */
	char seen[2048];	  /* the last request's body */
	bool authorized;	  /* it had a token */
};

struct client {
	uv_tcp_t tcp;
	struct client *next;
	char in[8192];
	size_t len;
	bool stream, closing;
};

struct server {
	uv_tcp_t tcp;
	int port;
	bool up;
	struct resource v[SERVER_RESOURCES];
	unsigned int n;
	struct client *clients;
	unsigned int subscriptions;
	char subscribed[2048]; /* the last one's body */
	int stream_status;     /* 0 = 200 */
	const char *stream_type;
};

static struct server srv;

static UNUSED struct resource *at(const char *path)
{
	for (unsigned int i = 0; i < srv.n; i++)
		if (!strcmp(srv.v[i].path, path))
			return &srv.v[i];
	fail_msg("no resource %s", path);
	return NULL;
}

/* A new body has a new ETag. */
static UNUSED void say(const char *path, const char *type, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static UNUSED void say(const char *path, const char *type, const char *format, ...)
{
	static unsigned int tags;
	struct resource *r = NULL;
	va_list ap;

	for (unsigned int i = 0; i < srv.n; i++)
		if (!strcmp(srv.v[i].path, path))
			r = &srv.v[i];
	if (!r) {
		assert_true(srv.n < SERVER_RESOURCES);
		r = &srv.v[srv.n++];
		r->path = path;
	}
	r->type = type;
	r->status = 0;
	r->large = NULL;
	va_start(ap, format);
	vsnprintf(r->body, sizeof(r->body), format, ap);
	va_end(ap);
	snprintf(r->etag, sizeof(r->etag), "\"e%u\"", ++tags);
}

/* ---- connections ---- */

static void server_client_closed(uv_handle_t *handle)
{
	struct client *c = handle->data, **link = &srv.clients;

	while (*link && *link != c)
		link = &(*link)->next;
	if (*link)
		*link = c->next;
	free(c);
}

static void server_drop(struct client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->tcp, server_client_closed);
}

static void server_sent(uv_write_t *w, int status)
{
	free(w);
}

static void server_send(struct client *c, const char *bytes, size_t len)
{
	uv_write_t *w = malloc(sizeof(*w) + len);
	uv_buf_t buf = uv_buf_init((char *)(w + 1), (unsigned int)len);

	memcpy(w + 1, bytes, len);
	if (uv_write(w, (uv_stream_t *)&c->tcp, &buf, 1, server_sent))
		free(w);
}

static void server_answer(struct client *c, struct resource *r, const char *body)
{
	char text[8192], tag[40], want[80];
	const char *whole = r->large ?: r->body;
	bool modified;
	int n;

	snprintf(r->seen, sizeof(r->seen), "%s", body);
	r->asked++;
	r->authorized = strstr(c->in, "Authorization: Bearer t0ken\r\n") != NULL;
	snprintf(tag, sizeof(tag), "%s", r->etag);
	snprintf(want, sizeof(want), "If-None-Match: %s\r\n", tag);
	modified = !tag[0] || !strstr(c->in, want);
	if (!modified) {
		r->n304++;
		n = snprintf(text, sizeof(text), "HTTP/1.1 304 Not Modified\r\nETag: %s\r\n\r\n",
			     tag);
	} else {
		n = snprintf(text, sizeof(text),
			     "HTTP/1.1 %d X\r\nContent-Type: %s\r\nETag: %s\r\n"
			     "Content-Length: %zu\r\n\r\n%s",
			     r->status ? r->status : 200, r->type, tag, strlen(whole),
			     r->large ? "" : r->body);
	}
	server_send(c, text, (size_t)n);
	if (modified && r->large)
		server_send(c, r->large, strlen(r->large));
}

static void server_subscribe(struct client *c, const char *body)
{
	char text[256];

	srv.subscriptions++;
	snprintf(srv.subscribed, sizeof(srv.subscribed), "%s", body);
	if (srv.stream_status) {
		snprintf(text, sizeof(text),
			 "HTTP/1.1 %d X\r\nContent-Type: application/alto-error+json\r\n"
			 "Content-Length: 48\r\n\r\n"
			 "{\"meta\": {\"code\": \"E_SYNTAX\", \"why\": \"not now\"}}  ",
			 srv.stream_status);
		server_send(c, text, strlen(text));
		return;
	}
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n",
		 srv.stream_type ? srv.stream_type : "text/event-stream");
	server_send(c, text, strlen(text));
	c->stream = true;
}

static void server_request(struct client *c, const char *body)
{
	char path[128] = "";

	sscanf(c->in, "%*s %127s", path);
	if (!strcmp(path, "/updates")) {
		server_subscribe(c, body);
		return;
	}
	for (unsigned int i = 0; i < srv.n; i++) {
		if (!strcmp(srv.v[i].path, path)) {
			server_answer(c, &srv.v[i], body);
			return;
		}
	}
	server_send(c, "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", 37);
}

static void server_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct client *c = handle->data;

	*buf = uv_buf_init(c->in + c->len, (unsigned int)(sizeof(c->in) - 1 - c->len));
}

static void server_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	const char *end, *line;
	size_t want;

	if (n < 0) {
		server_drop(c);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return;
	line = strcasestr(c->in, "\r\ncontent-length:");
	want = (size_t)(end + 4 - c->in) + (line ? strtoul(line + 17, NULL, 10) : 0);
	if (c->len < want)
		return;
	server_request(c, end + 4);
	c->len = 0;
}

static void server_accept(uv_stream_t *stream, int status)
{
	struct client *c = calloc(1, sizeof(*c));

	uv_tcp_init(&loop, &c->tcp);
	c->tcp.data = c;
	c->next = srv.clients;
	srv.clients = c;
	assert_int_equal(uv_accept(stream, (uv_stream_t *)&c->tcp), 0);
	uv_read_start((uv_stream_t *)&c->tcp, server_alloc, server_read);
}

/* On the port it had before, if it had one. */
static UNUSED void server_up(void)
{
	struct sockaddr_storage a;
	struct sockaddr_in in;
	int len = sizeof(a);

	uv_ip4_addr("127.0.0.1", srv.port, &in);
	uv_tcp_init(&loop, &srv.tcp);
	assert_int_equal(uv_tcp_bind(&srv.tcp, (struct sockaddr *)&in, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&srv.tcp, 16, server_accept), 0);
	uv_tcp_getsockname(&srv.tcp, (struct sockaddr *)&a, &len);
	srv.port = ntohs(((struct sockaddr_in *)&a)->sin_port);
	srv.up = true;
}

static UNUSED void server_down(void)
{
	if (!srv.up)
		return;
	srv.up = false;
	uv_close((uv_handle_t *)&srv.tcp, NULL);
	for (struct client *c = srv.clients; c; c = c->next)
		server_drop(c);
	turn();
}

/* ---- the stream ---- */

static UNUSED bool server_streams(void)
{
	for (struct client *c = srv.clients; c; c = c->next)
		if (c->stream && !c->closing)
			return true;
	return false;
}

static UNUSED void push(const char *type, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static UNUSED void push(const char *type, const char *format, ...)
{
	char data[4096], text[8192];
	va_list ap;
	int n;

	va_start(ap, format);
	vsnprintf(data, sizeof(data), format, ap);
	va_end(ap);
	n = snprintf(text, sizeof(text), "event: %s\ndata: %s\n\n", type, data);
	for (struct client *c = srv.clients; c; c = c->next)
		if (c->stream && !c->closing)
			server_send(c, text, (size_t)n);
}

static UNUSED void end_streams(void)
{
	for (struct client *c = srv.clients; c; c = c->next)
		if (c->stream)
			server_drop(c);
	turn();
}

#endif
