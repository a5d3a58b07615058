/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces asked for; events and states of next hops that come. */
#include <errno.h>

#include "ncc/ncc_int.h"

int ncc_trace(struct ncc *ncc, const struct san_trace *trace, uint32_t seconds)
{
	struct san_msg_trace msg = {.trace = *trace, .seconds = seconds};
	int r;

	if (ncc->phase != PHASE_READY || ncc->closing)
		return -ENOTCONN;
	if (trace->fields && (seconds < 1 || seconds > 3600))
		return -EINVAL;
	r = io_push(ncc, SAN_MSG_TRACE, 0, &msg);
	if (!r)
		io_pump(ncc);
	return r;
}

void ncc_on_nexthop(struct ncc *ncc, void (*told)(void *arg), void *arg)
{
	ncc->on_nexthop = told;
	ncc->nexthop_arg = arg;
}

void ncc_on_event(struct ncc *ncc, ncc_event_cb cb, void *arg)
{
	ncc->on_event = cb;
	ncc->event_arg = arg;
}

void watch_on_event(struct ncc *ncc, const struct san_msg_event *msg)
{
	struct nh *nh = msg->id <= UINT32_MAX ? state_nexthop(ncc, (uint32_t)msg->id) : NULL;

	if (ncc->on_event)
		ncc->on_event(ncc->event_arg, &msg->event, nh ? &nh->content : NULL, msg->lost);
}
