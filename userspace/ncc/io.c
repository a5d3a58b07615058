/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child's end of the socket: out queue, dispatch of what the parent says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ncc/ncc_int.h"
#include "util/log.h"

#define KEEP_ROOM (1u << 20) /* a larger empty queue gives its memory back */

static void on_poll(uv_poll_t *poll, int status, int events);

static void set_writing(struct ncc *ncc, bool writing)
{
	if (ncc->writing == writing || ncc->closing)
		return;
	ncc->writing = writing;
	uv_poll_start(&ncc->poll, UV_READABLE | (writing ? UV_WRITABLE : 0), on_poll);
}

int io_start(struct ncc *ncc)
{
	return uv_poll_start(&ncc->poll, UV_READABLE, on_poll);
}

static void gone(struct ncc *ncc)
{
	if (ncc->phase == PHASE_GONE)
		return;
	ncc->phase = PHASE_GONE;
	ncc->status.connected = false;
	uv_poll_stop(&ncc->poll);
	uv_timer_stop(&ncc->retry);
	ncc->out.pos = ncc->out.len = 0;
	stats_fail(ncc, -ENOTCONN);
	if (ncc->hangup && !ncc->closing)
		ncc->hangup(ncc->hangup_arg);
}

int io_reserve(struct ncc *ncc, size_t bytes)
{
	struct out_queue *q = &ncc->out;
	size_t room = q->room ? q->room : 4096;
	unsigned char *buf;

	if (q->pos) {
		memmove(q->buf, q->buf + q->pos, q->len - q->pos);
		q->len -= q->pos;
		q->pos = 0;
	}
	while (room - q->len < bytes)
		room *= 2;
	if (room == q->room)
		return 0;
	buf = realloc(q->buf, room);
	if (!buf)
		return -ENOMEM;
	q->buf = buf;
	q->room = room;
	return 0;
}

int io_push(struct ncc *ncc, enum san_msg_type type, uint64_t generation, const void *payload)
{
	struct out_queue *q = &ncc->out;
	size_t size = wire_size(type);
	struct wire_buf msg;

	if (ncc->phase == PHASE_GONE)
		return -ENOTCONN;
	if (q->room - q->len < size && io_reserve(ncc, size))
		return -ENOMEM;
	wire_fill(&msg, type, ncc->session, generation, payload);
	memcpy(q->buf + q->len, &msg, size);
	q->len += size;
	return 0;
}

static void drained(struct ncc *ncc)
{
	struct out_queue *q = &ncc->out;

	q->pos = q->len = 0;
	if (q->room > KEEP_ROOM) {
		free(q->buf);
		q->buf = NULL;
		q->room = 0;
	}
	set_writing(ncc, false);
}

void io_pump(struct ncc *ncc)
{
	struct out_queue *q = &ncc->out;

	while (q->pos < q->len) {
		size_t sent;
		int r = wire_send_many(ncc->fd, q->buf + q->pos, q->len - q->pos, &sent);

		if (r == -EAGAIN) {
			set_writing(ncc, true);
			return;
		}
		if (r) {
			gone(ncc);
			return;
		}
		q->pos += sent;
	}
	drained(ncc);
}

/* --- receive --- */

static void on_ack(struct ncc *ncc, const struct san_msg *hdr, struct san_msg_ack *ack)
{
	ack->text[sizeof(ack->text) - 1] = '\0';
	if (ack->type == SAN_MSG_CONFIG_END || ack->type == SAN_MSG_PLAN_COMMIT)
		plans_on_ack(ncc, hdr, ack);
	else if (ack->type == SAN_MSG_STATS_REQ)
		stats_fail(ncc, ack->result ? ack->result : -EPROTO);
	else
		log_warn("message refused by parent", "type=%s text=\"%s\"", wire_name(ack->type),
			 ack->text);
}

static void on_nh_state(struct ncc *ncc, const struct san_msg_nh_state *state)
{
	struct nh *nh = state_nexthop(ncc, state->id);

	if (!nh)
		return; /* removed meanwhile */
	nh->state = *state;
	nh->state.ifname[sizeof(nh->state.ifname) - 1] = '\0';
	nh->state.text[sizeof(nh->state.text) - 1] = '\0';
	nh->has_state = true;
	if (ncc->on_nexthop)
		ncc->on_nexthop(ncc->nexthop_arg);
}

static void on_iface_state(struct ncc *ncc, const struct san_msg_iface_state *state)
{
	char name[SAN_IFNAMSIZ];
	struct iface *iface;

	memcpy(name, state->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	HASH_FIND_STR(ncc->ifaces, name, iface);
	if (iface)
		iface->state = *state;
}

static void on_repaired(struct ncc *ncc, const struct san_msg_repaired *msg)
{
	ncc->status.repaired += msg->count;
	memcpy(ncc->status.repaired_by, msg->total, sizeof(ncc->status.repaired_by));
	ncc->status.overruns = msg->overruns;
}

static void dispatch(struct ncc *ncc, struct wire_buf *msg)
{
	void *payload = msg->payload;

	switch (msg->hdr.type) {
	case SAN_MSG_ACK:
		on_ack(ncc, &msg->hdr, payload);
		break;
	case SAN_MSG_NH_STATE:
		on_nh_state(ncc, payload);
		break;
	case SAN_MSG_IFACE_STATE:
		on_iface_state(ncc, payload);
		break;
	case SAN_MSG_STAT:
		stats_on_row(ncc, payload);
		break;
	case SAN_MSG_STATS_END:
		stats_on_end(ncc, ((struct san_msg_stats_req *)payload)->request);
		break;
	case SAN_MSG_EVENT:
		watch_on_event(ncc, payload);
		break;
	case SAN_MSG_REPAIRED:
		on_repaired(ncc, payload);
		break;
	default:
		log_warn("message of the wrong direction", "type=%s", wire_name(msg->hdr.type));
	}
}

static void take_one(struct ncc *ncc, struct wire_buf *msg, size_t len)
{
	struct err err = {0};
	char text[512];

	if (wire_check(msg, len, &err))
		log_warn("bad message from parent", "text=\"%s\"",
			 err_text(&err, text, sizeof(text)));
	else if (msg->hdr.session == ncc->session) /* others: for a predecessor */
		dispatch(ncc, msg);
}

static void take_all(struct ncc *ncc)
{
	struct wire_in in;

	for (int i = 0; i < NCC_READ_BATCH / WIRE_BATCH && ncc->phase != PHASE_GONE; i++) {
		int r = wire_recv_many(ncc->fd, &in);

		if (r == -EAGAIN)
			return;
		if (r) {
			gone(ncc);
			return;
		}
		for (unsigned int k = 0; k < in.n && !ncc->closing; k++)
			take_one(ncc, &in.msgs[k], in.len[k]);
		if (in.n < WIRE_BATCH || ncc->closing)
			return;
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct ncc *ncc = poll->data;

	if (status < 0) {
		gone(ncc);
		return;
	}
	if (events & UV_READABLE)
		take_all(ncc);
	if (!ncc->closing && ncc->phase != PHASE_GONE && (events & UV_WRITABLE))
		io_pump(ncc);
}
