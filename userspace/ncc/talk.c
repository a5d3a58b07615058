/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parent's end of the socket. Nothing is queued without a bound: answers in a ring, states as
 * marks on their objects (the newest counts), counters read as fast as the socket takes them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

static void on_poll(uv_poll_t *poll, int status, int events);

static void set_events(struct apply *a, bool writing, bool held)
{
	int events = (held ? 0 : UV_READABLE) | (writing ? UV_WRITABLE : 0);

	if ((a->writing == writing && a->held == held) || a->closing || a->gone)
		return;
	a->writing = writing;
	a->held = held;
	if (events)
		uv_poll_start(&a->poll, events, on_poll);
	else
		uv_poll_stop(&a->poll);
}

int talk_start(struct apply *a)
{
	return uv_poll_start(&a->poll, UV_READABLE, on_poll);
}

static void child_gone(struct apply *a)
{
	log_warn("child's end of the socket is closed", "");
	a->gone = true;
	uv_poll_stop(&a->poll);
}

/* --- out --- */

void talk_ack(struct apply *a, unsigned int type, uint64_t generation, const struct err *err)
{
	struct san_msg_ack ack = {.type = type, .result = err->code};
	unsigned int slot = (a->first_ack + a->n_acks) % APPLY_ACKS;
	char text[512];

	if (err->code)
		snprintf(ack.text, sizeof(ack.text), "%s", err_text(err, text, sizeof(text)));
	else if (type == SAN_MSG_PLAN_COMMIT)
		memcpy(ack.text, a->note, sizeof(ack.text));
	ack.applied = a->applied;
	ack.repaired = a->repaired;
	if (a->n_acks == APPLY_ACKS) {
		if (session_may_log(a))
			log_warn("answer dropped", "type=%s reason=\"child does not read\"",
				 wire_name(type));
		return;
	}
	a->applied = a->repaired = 0;
	wire_fill(&a->acks[slot], SAN_MSG_ACK, a->session, generation, &ack);
	a->n_acks++;
	apply_go_on(a);
}

void talk_report_hop(struct apply *a, struct hop *hop)
{
	if (hop->report)
		return;
	hop->report = true;
	DL_APPEND(a->reports, hop);
	apply_go_on(a);
}

void talk_reset(struct apply *a)
{
	struct hop *hop, *next;

	a->n_acks = a->n_events = 0;
	a->repairs_told = a->overruns_told = 0; /* the new child knows nothing */
	counters_drop(a);
	DL_FOREACH_SAFE(a->reports, hop, next)
	{
		DL_DELETE(a->reports, hop);
		hop->report = false;
	}
}

int talk_send(struct apply *a, enum san_msg_type type, const void *payload)
{
	struct wire_buf msg;

	wire_fill(&msg, type, a->session, 0, payload);
	return wire_send(a->fd, &msg);
}

static int pump_acks(struct apply *a)
{
	while (a->n_acks) {
		int r = wire_send(a->fd, &a->acks[a->first_ack]);

		if (r)
			return r;
		a->first_ack = (a->first_ack + 1) % APPLY_ACKS;
		a->n_acks--;
	}
	return 0;
}

/* Found outside of plans: that has no answer to travel with. The totals go with every change. */
static int pump_repaired(struct apply *a)
{
	struct san_msg_repaired msg = {.count = a->repaired, .overruns = nl_overruns(a->nl)};
	int r;

	memcpy(msg.total, a->repairs, sizeof(msg.total));
	if (!a->repaired && a->repairs_all == a->repairs_told && msg.overruns == a->overruns_told)
		return 0;
	r = talk_send(a, SAN_MSG_REPAIRED, &msg);
	if (r)
		return r;
	a->repaired = 0;
	a->repairs_told = a->repairs_all;
	a->overruns_told = msg.overruns;
	return 0;
}

static int pump_ifaces(struct apply *a)
{
	for (unsigned int i = 0; i < a->n_ifaces; i++) {
		struct host_iface *iface = &a->ifaces[i];
		struct san_msg_iface_state msg = {
			.ifindex = iface->ifindex,
			.role = iface->conf.role,
			.up = iface->up,
			.attached = iface->attached,
		};
		int r;

		if (!iface->report)
			continue;
		memcpy(msg.name, iface->conf.name, sizeof(msg.name));
		r = talk_send(a, SAN_MSG_IFACE_STATE, &msg);
		if (r)
			return r;
		iface->report = false;
	}
	return 0;
}

static int send_hop(struct apply *a, const struct hop *hop)
{
	struct san_msg_nh_state msg = {
		.id = hop->id,
		.index = hop->index,
		.ifindex = hop->val.ifindex,
		.mtu = hop->val.mtu,
		.kind = hop->val.kind,
	};

	if (hop->learned_mtu && hop->learned_mtu == hop->val.mtu)
		msg.learned_mtu = hop->learned_mtu;
	memcpy(msg.dst_mac, hop->val.dst_mac, sizeof(msg.dst_mac));
	memcpy(msg.ifname, hop->ifname, sizeof(msg.ifname));
	memcpy(msg.text, hop->why, sizeof(msg.text));
	return talk_send(a, SAN_MSG_NH_STATE, &msg);
}

static int pump_hops(struct apply *a)
{
	struct hop *hop, *next;

	DL_FOREACH_SAFE(a->reports, hop, next)
	{
		int r = hop->id ? send_hop(a, hop) : 0;

		if (r)
			return r;
		DL_DELETE(a->reports, hop);
		hop->report = false;
	}
	return 0;
}

void talk_pump(struct apply *a)
{
	int r = 0;

	if (a->gone || !a->session)
		return;
	r = pump_acks(a) ?: pump_repaired(a) ?: pump_ifaces(a) ?: pump_hops(a)
	    ?: counters_pump(a) ?: events_pump(a);
	if (r && r != -EAGAIN)
		child_gone(a);
	else
		set_events(a, r == -EAGAIN, a->held);
}

/* --- in --- */

/* What was read and not yet looked at. */
static void take_read(struct apply *a)
{
	while (a->next_in < a->in.n && !a->closing) {
		unsigned int i = a->next_in;

		if (session_message(a, &a->in.msgs[i], a->in.len[i])) {
			set_events(a, a->writing, true);
			return;
		}
		a->next_in++;
	}
	set_events(a, a->writing, false);
}

void talk_resume(struct apply *a)
{
	if (a->held)
		take_read(a);
}

static void take_all(struct apply *a)
{
	for (int i = 0; i < APPLY_READ_BATCH / WIRE_BATCH && !a->held && !a->closing; i++) {
		int r = wire_recv_many(a->fd, &a->in);

		if (r == -EAGAIN)
			return;
		if (r) {
			child_gone(a);
			return;
		}
		a->next_in = 0;
		take_read(a);
		if (a->in.n < WIRE_BATCH)
			return;
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct apply *a = poll->data;

	if (status < 0) {
		child_gone(a);
		return;
	}
	if (events & UV_READABLE)
		take_all(a);
	if (!a->closing)
		apply_rest(a);
}
