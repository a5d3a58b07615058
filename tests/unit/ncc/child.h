/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child side against a parent scripted here on the other end of a real socketpair. */
#ifndef TESTS_UNIT_NCC_CHILD_H
#define TESTS_UNIT_NCC_CHILD_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ncc/ncc_int.h"

#include <cmocka.h>

#define MAX_MSGS 16384
#define WAIT_MS 60000 /* until a test gives up, never a measure */
#define TICK_MS 5

struct fixture {
	uv_loop_t loop;
	struct ncc *ncc;
	int fd; /* the parent's end */
	struct wire_buf msgs[MAX_MSGS];
	unsigned int n;
	unsigned int acks, hangups, answers;
	uint64_t acked_generation;
	int acked_result, stats_status;
	char acked_text[SAN_TEXT_LEN];
	json_t *stats;
};

static inline struct in6_addr in6(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static inline void on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	struct fixture *f = arg;

	f->acks++;
	f->acked_generation = generation;
	f->acked_result = result;
	snprintf(f->acked_text, sizeof(f->acked_text), "%s", text);
}

static inline void on_hangup(void *arg)
{
	((struct fixture *)arg)->hangups++;
}

/* --- a parent --- */

static inline void turn(struct fixture *f)
{
	size_t len;

	uv_run(&f->loop, UV_RUN_NOWAIT);
	while (f->n < MAX_MSGS && !wire_recv(f->fd, &f->msgs[f->n], &len)) {
		struct err err;

		assert_int_equal(wire_check(&f->msgs[f->n], len, &err), 0);
		assert_int_equal(f->msgs[f->n].hdr.session, f->msgs[0].hdr.session);
		f->n++;
	}
}

static inline void say(struct fixture *f, enum san_msg_type type, uint64_t generation,
		       const void *payload)
{
	struct wire_buf buf;

	wire_fill(&buf, type, f->msgs[0].hdr.session, generation, payload);
	assert_int_equal(wire_send(f->fd, &buf), 0);
}

static inline void ack(struct fixture *f, unsigned int type, uint64_t generation, int result,
		       const char *text)
{
	struct san_msg_ack msg = {.type = type, .result = result, .repaired = 2};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	say(f, SAN_MSG_ACK, generation, &msg);
	turn(f);
}

static inline void ack_plan(struct fixture *f, uint64_t generation)
{
	ack(f, SAN_MSG_PLAN_COMMIT, generation, 0, "");
}

/* Types of the messages since `from`, for comparing with one string. */
static inline const char *types(const struct fixture *f, unsigned int from)
{
	static char text[1024];
	size_t at = 0;

	text[0] = '\0';
	for (unsigned int i = from; i < f->n && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i > from ? " " : "",
				       wire_name(f->msgs[i].hdr.type));
	return text;
}

static inline const void *payload(const struct fixture *f, enum san_msg_type type, unsigned int nth)
{
	for (unsigned int i = 0; i < f->n; i++) {
		if (f->msgs[i].hdr.type == type && nth-- == 0)
			return f->msgs[i].payload;
	}
	fail_msg("no message %s", wire_name(type));
	return NULL;
}

static inline void forget(struct fixture *f)
{
	f->n = 1; /* keep the first one: it tells the session */
}

/* --- fixture --- */

static inline struct ncc_conf conf(void)
{
	static const struct ncc_iface ifaces[] = {
		{.name = "eth0",
		 .role = SAN_ROLE_INGRESS,
		 .policy = SAN_IF_DROP_UNKNOWN,
		 .group = 3},
		{.name = "eth1", .role = SAN_ROLE_CORE},
	};
	static struct san_msg_prefix prefixes[2];
	struct ncc_conf c = {
		.config = {.source = in6("2001:db8::1"),
			   .profile = SAN_PROFILE_EXP1,
			   .route_table = 5300,
			   .rule_priority = 50,
			   .max_services = 8,
			   .max_nexthops = 8,
			   .max_flows = 8,
			   .max_slots = 512,
			   .max_frags = 8},
		.ifaces = ifaces,
		.n_ifaces = 2,
		.prefixes = prefixes,
		.n_prefixes = 2,
	};

	prefixes[0] = (struct san_msg_prefix){in6("5f00::"), 16, SAN_PREFIX_BLOCK, {0}};
	prefixes[1] = (struct san_msg_prefix){in6("2001:db8::"), 32, SAN_PREFIX_INSIDE, {0}};
	return c;
}

static inline void open_ncc(struct fixture *f, const struct ncc_conf *c)
{
	int fds[2];

	uv_loop_init(&f->loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	f->fd = fds[1];
	assert_int_equal(ncc_open(&f->loop, fds[0], c, on_acked, f, &f->ncc), 0);
	ncc_on_hangup(f->ncc, on_hangup, f);
	turn(f);
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ncc_conf c = conf();

	open_ncc(f, &c);
	*state = f;
	return 0;
}

/* Configured, the first (empty) plan applied: generation 1. */
static inline int setup_ready(void **state)
{
	struct fixture *f;

	setup(state);
	f = *state;
	ack(f, SAN_MSG_CONFIG_END, 0, 0, "");
	assert_int_equal(ncc_flush(f->ncc), 1);
	turn(f);
	ack_plan(f, 1);
	forget(f);
	f->acks = 0;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	ncc_close(f->ncc);
	if (f->fd >= 0)
		close(f->fd);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	json_decref(f->stats);
	free(f);
	return 0;
}

static inline struct plan_nexthop hop(const char *seg1, const char *seg2)
{
	struct plan_nexthop nh = {
		.kind = SAN_NH_SRV6, .n_segs = seg2 ? 2 : 1, .families = SAN_NH_IP6};

	nh.segs[0] = in6(seg1);
	if (seg2)
		nh.segs[1] = in6(seg2);
	return nh;
}

static inline int put(struct fixture *f, uint64_t id, const char *address, const char *selected)
{
	struct plan_service svc = {.id = id, .mode = SAN_MODE_PREFERRED, .affinity = 2};
	struct plan_nexthop nh;

	if (address)
		svc.address = in6(address);
	if (selected) {
		nh = hop(selected, NULL);
		svc.selected = &nh;
	}
	return ncc_service_put(f->ncc, &svc, NULL);
}

static inline bool has_more(struct fixture *f)
{
	return f->n > 1;
}

/* Ticks, because what is waited for may happen without waking the loop. */
static inline void on_time(uv_timer_t *timer)
{
	++*(unsigned int *)timer->data;
}

static inline bool run_until(struct fixture *f, bool (*done)(struct fixture *f))
{
	unsigned int ticks = 0;
	bool ok;
	uv_timer_t timer;

	uv_timer_init(&f->loop, &timer);
	timer.data = &ticks;
	uv_timer_start(&timer, on_time, TICK_MS, TICK_MS);
	while (!(ok = done(f)) && ticks < WAIT_MS / TICK_MS) {
		uv_run(&f->loop, UV_RUN_ONCE);
		turn(f);
	}
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	return ok;
}

#define C(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define R(name) cmocka_unit_test_setup_teardown(name, setup_ready, teardown)

#endif
