/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface with everything behind it, real: database in memory, view, srm, nsc, csc, ncc, orc.
 * The other end of ncc's socketpair acknowledges plans and tells counters. Clients are raw sockets
 * on the same thread: the loop runs while they wait, so a test is one sequence of events.
 */
#ifndef TESTS_NORTH_RIG_H
#define TESTS_NORTH_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "ncc/wire.h"
#include "north/north.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"

#define RIG_PATIENCE_US (20 * 1000000ull) /* a lost event, not a slow machine */

struct rig {
	uv_loop_t loop;
	char dir[64], sock[96];
	struct ncsdb *db;
	struct view view;
	struct srm *srm;
	struct nsc *nsc;
	struct csc *csc;
	struct ncc *ncc;
	struct orc *orc;
	struct broker *broker; /* NULL: none; alto_rig.h */
	struct enact *enact;   /* likewise; nemo_rig.h */
	struct intent *intent;
	const char *refuses; /* why this host refuses commits; NULL: it takes them */
	struct north *north;
	int synced; /* modules */

	int parent_fd;
	uv_poll_t parent;
	bool mute;	  /* the parent reads and says nothing */
	uint32_t session; /* of the child's HELLO */
	uint32_t nexthop; /* id of the last one told */
	unsigned int n_traces;
	struct san_msg_trace trace; /* the last one */
	uint64_t slots_used;	    /* what the counters say of san_slots, of RIG_SLOTS */
	uint64_t lost;		    /* events */
};

#define RIG_ACC0 5 /* ifindex */
#define RIG_CORE0 6
#define RIG_SLOTS 1000

struct answer {
	int status; /* 0: closed without one */
	char head[2048];
	char *body;
	json_t *json; /* NULL: no body or no JSON */
	bool closed;  /* behind the answer */
};

/* ---- the parent's end ---- */

static inline void rig_tell(struct rig *rig, enum san_msg_type type, uint64_t generation,
			    const void *payload)
{
	struct wire_buf buf;

	wire_fill(&buf, type, rig->session, generation, payload);
	assert_int_equal(wire_send(rig->parent_fd, &buf), 0);
}

static inline void rig_tell_stats(struct rig *rig, const struct wire_buf *asked)
{
	const struct san_msg_stats_req *req = (const void *)asked->payload;
	const struct san_msg_stat rows[] = {
		{.kind = SAN_STAT_SERVICE, .key = 0x101, .packets = 3, .bytes = 300},
		{.kind = SAN_STAT_EGRESS, .key = 0x101, .packets = 4, .bytes = 400},
		{.kind = SAN_STAT_NEXTHOP, .key = rig->nexthop, .packets = 5, .bytes = 500},
		{.kind = SAN_STAT_REASON,
		 .key = SAN_R_NO_SAN,
		 .ifindex = RIG_ACC0,
		 .packets = 3,
		 .bytes = 300},
		{.kind = SAN_STAT_REASON, .key = SAN_R_NO_ROLE, .packets = 7, .bytes = 700},
		{.kind = SAN_STAT_MAP,
		 .key = SAN_MAP_SLOTS,
		 .packets = rig->slots_used,
		 .bytes = RIG_SLOTS},
		{.kind = SAN_STAT_EVENTS, .packets = 8, .bytes = rig->lost},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct san_msg_stat row = rows[i];

		row.request = req->request;
		if (row.key || row.kind == SAN_STAT_EVENTS)
			rig_tell(rig, SAN_MSG_STAT, 0, &row);
	}
	rig_tell(rig, SAN_MSG_STATS_END, 0, req);
}

static inline void rig_tell_ifaces(struct rig *rig)
{
	struct san_msg_iface_state state = {.name = "acc0",
					    .ifindex = RIG_ACC0,
					    .role = SAN_ROLE_INGRESS,
					    .up = 1,
					    .attached = 1};

	rig_tell(rig, SAN_MSG_IFACE_STATE, 0, &state);
	strcpy(state.name, "core0");
	state.ifindex = RIG_CORE0;
	state.role = SAN_ROLE_CORE;
	rig_tell(rig, SAN_MSG_IFACE_STATE, 0, &state);
}

/* Of the next hop told last, unless the event has none. */
static inline void rig_tell_event(struct rig *rig, const struct san_event *event)
{
	struct san_msg_event msg = {.event = *event, .lost = rig->lost};

	msg.id = event->nexthop ? rig->nexthop : 0;
	rig_tell(rig, SAN_MSG_EVENT, 0, &msg);
}

static inline void rig_on_parent(uv_poll_t *poll, int status, int events)
{
	struct rig *rig = poll->data;
	struct san_msg_ack ack = {0};
	struct wire_buf buf;
	size_t len;

	while (wire_recv(rig->parent_fd, &buf, &len) == 0) {
		if (buf.hdr.type == SAN_MSG_HELLO)
			rig->session = buf.hdr.session;
		if (buf.hdr.type == SAN_MSG_NEXTHOP)
			rig->nexthop =
				((const struct san_msg_nexthop *)(const void *)buf.payload)->id;
		if (buf.hdr.type == SAN_MSG_TRACE) {
			memcpy(&rig->trace, buf.payload, sizeof(rig->trace));
			rig->n_traces++;
		}
		ack.type = buf.hdr.type;
		if (rig->mute)
			continue;
		if (ack.type == SAN_MSG_CONFIG_END || ack.type == SAN_MSG_PLAN_COMMIT)
			rig_tell(rig, SAN_MSG_ACK, buf.hdr.generation, &ack);
		if (ack.type == SAN_MSG_CONFIG_END)
			rig_tell_ifaces(rig);
		if (ack.type == SAN_MSG_STATS_REQ)
			rig_tell_stats(rig, &buf);
	}
}

/* ---- the daemon ---- */

static inline void rig_on_synced(void *arg)
{
	((struct rig *)arg)->synced++;
}

static inline void rig_on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	struct rig *rig = arg;

	if (rig->enact)
		enact_acked(rig->enact, generation, result, text);
}

/* One turn of the loop, at most a millisecond of waiting. */
static inline void rig_turn(struct rig *rig)
{
	struct pollfd pfd = {.fd = uv_backend_fd(&rig->loop), .events = POLLIN};

	if (uv_run(&rig->loop, UV_RUN_NOWAIT) && uv_backend_timeout(&rig->loop) != 0)
		poll(&pfd, 1, 1);
}

#define rig_until(rig, condition)                                                                  \
	do {                                                                                       \
		uint64_t until_ = clock_us() + RIG_PATIENCE_US;                                    \
		while (!(condition)) {                                                             \
			rig_turn(rig);                                                             \
			assert_true(clock_us() < until_);                                          \
		}                                                                                  \
	} while (0)

static inline struct north_conf rig_conf(struct rig *rig)
{
	return (struct north_conf){
		.loop = &rig->loop,
		.unix_path = rig->sock,
		.name = "pe1",
		.db = rig->db,
		.view = &rig->view,
		.srm = rig->srm,
		.nsc = rig->nsc,
		.csc = rig->csc,
		.orc = rig->orc,
		.ncc = rig->ncc,
		.broker = rig->broker,
		.intent = rig->intent,
		.enact = rig->enact,
	};
}

static inline void rig_open_control(struct rig *rig)
{
	static const struct ncc_iface ifaces[] = {
		{.name = "acc0", .role = SAN_ROLE_INGRESS},
		{.name = "core0", .role = SAN_ROLE_CORE},
	};
	struct ncc_conf ncc = {
		.config =
			{
				.max_services = 1024,
				.max_nexthops = 1024,
				.max_flows = 1024,
				.max_slots = 1024,
				.max_frags = 16,
				.route_table = 100,
				.rule_priority = 100,
			},
		.ifaces = ifaces,
		.n_ifaces = 2,
	};
	struct orc_conf orc = {.loop = &rig->loop, .view = &rig->view, .ingress = "pe1"};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	rig->parent_fd = fds[1];
	rig->parent.data = rig;
	assert_int_equal(uv_poll_init(&rig->loop, &rig->parent, fds[1]), 0);
	assert_int_equal(uv_poll_start(&rig->parent, UV_READABLE, rig_on_parent), 0);
	assert_int_equal(ncc_open(&rig->loop, fds[0], &ncc, rig_on_acked, rig, &rig->ncc), 0);
	orc.ncc = rig->ncc;
	assert_int_equal(orc_open(&orc, &rig->orc), 0);
}

/* Everything but north. */
static inline void rig_open_below(struct rig *rig)
{
	struct csc_conf csc = {.gateway = "gw2", .locator_len = 48};
	struct err err = {0};

	memset(rig, 0, sizeof(*rig));
	log_init("test", LOG_ERROR);
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/north-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->sock, sizeof(rig->sock), "%s/api.sock", rig->dir);
	assert_int_equal(inet_pton(AF_INET6, "5f00:0:2::", &csc.locator), 1);
	uv_loop_init(&rig->loop);
	view_init(&rig->view);
	assert_int_equal(ncsdb_open(&rig->loop, &(struct ncsdb_conf){0}, &rig->db, &err), 0);
	rig_open_control(rig);
	assert_int_equal(srm_open(rig->db, &rig->view, rig_on_synced, rig, &rig->srm), 0);
	assert_int_equal(nsc_open(rig->db, &rig->view, rig_on_synced, rig, &rig->nsc), 0);
	assert_int_equal(csc_open(rig->db, &rig->view, &csc, rig_on_synced, rig, &rig->csc), 0);
	rig_until(rig, rig->synced == 3);
}

static inline void rig_open(struct rig *rig)
{
	struct north_conf conf;
	struct err err = {0};

	rig_open_below(rig);
	conf = rig_conf(rig);
	assert_int_equal(north_open(&conf, &rig->north, &err), 0);
}

static inline void rig_close(struct rig *rig)
{
	uint64_t until = clock_us() + RIG_PATIENCE_US;

	if (rig->north)
		north_close(rig->north);
	if (rig->broker)
		broker_close(rig->broker);
	if (rig->enact)
		enact_close(rig->enact);
	if (rig->intent)
		intent_close(rig->intent);
	orc_close(rig->orc);
	ncc_close(rig->ncc);
	csc_close(rig->csc);
	nsc_close(rig->nsc);
	srm_close(rig->srm);
	ncsdb_close(rig->db);
	uv_close((uv_handle_t *)&rig->parent, NULL);
	while (uv_run(&rig->loop, UV_RUN_NOWAIT)) {
		assert_true(clock_us() < until);
		poll(NULL, 0, 1);
	}
	close(rig->parent_fd);
	view_fini(&rig->view);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	assert_int_equal(access(rig->sock, F_OK), -1); /* the socket file is gone */
	assert_int_equal(rmdir(rig->dir), 0);
}

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
	size_t cap = 16u << 20, len = 0;
	OWN_PTR char *text = calloc(1, cap);
	uint64_t until = clock_us() + RIG_PATIENCE_US;

	memset(a, 0, sizeof(*a));
	while (!rig_whole(text, len, head_only)) {
		ssize_t n = recv(fd, text + len, cap - 1 - len, MSG_DONTWAIT);

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
	do {
		rig_turn(rig);
		ncc_status(rig->ncc, &status);
	} while (!status.applied || status.applied != status.desired);
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

/* cmocka fixtures */
static inline int rig_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open(rig);
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
