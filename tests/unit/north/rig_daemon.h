/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface with everything behind it, real: database in memory, view, srm, nsc, csc, ncc, orc.
 * The other end of ncc's socketpair acknowledges plans and tells counters.
 */
#ifndef TESTS_NORTH_RIG_DAEMON_H
#define TESTS_NORTH_RIG_DAEMON_H

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
#include <unistd.h>

#include <cmocka.h>

#include "ncc/wire.h"
#include "north/north.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"

#define RIG_PATIENCE_US (60 * 1000000ull) /* a lost event, not a slow machine */

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
		.idle_s = 600, /* clients of a slow machine are not slow ones */
		.turn_s = 600,
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

#endif
