/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs tell by san_events: on to the child, at a bounded rate; path MTUs are kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

#define SECOND_US 1000000

/* At most SAN_EVENTS_PER_S in any second that begins with an event. */
static bool may_pass(struct apply *a)
{
	uint64_t now = clock_us();

	if (now - a->rate_started_us >= SECOND_US) {
		a->rate_started_us = now;
		a->rate_n = 0;
	}
	return a->rate_n++ < SAN_EVENTS_PER_S;
}

static void pass_on(struct apply *a, const struct san_event *event)
{
	struct hop *hop = hop_by_index(a, event->nexthop);
	struct san_msg_event *msg;

	if (!a->configured || a->n_events == APPLY_EVENTS || !may_pass(a)) {
		a->lost++;
		return;
	}
	msg = &a->events[(a->first_event + a->n_events++) % APPLY_EVENTS];
	memset(msg, 0, sizeof(*msg));
	msg->event = *event;
	msg->id = hop ? hop->id : 0;
}

static void on_event(void *arg, const struct san_event *event)
{
	struct apply *a = arg;
	struct in6_addr segment;

	if (event->kind == SAN_EVENT_PTB) {
		memcpy(&segment, event->dst, sizeof(segment));
		learned_take(a, &segment, event->mtu);
	}
	pass_on(a, event);
}

int events_pump(struct apply *a)
{
	while (a->n_events) {
		struct san_msg_event *msg = &a->events[a->first_event];
		int r;

		msg->lost = a->lost;
		r = talk_send(a, SAN_MSG_EVENT, msg);
		if (r)
			return r;
		a->passed++;
		a->first_event = (a->first_event + 1) % APPLY_EVENTS;
		a->n_events--;
	}
	return 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct event_source *source = poll->data;
	struct apply *a = source->apply;

	if (!a->dp)
		return;
	dp_events_read(a->dp, on_event, a);
	talk_pump(a);
}

static void on_closed(uv_handle_t *handle)
{
	struct event_source *source = handle->data;
	struct apply *a = source->apply;

	free(source);
	apply_handle_gone(a);
}

int events_start(struct apply *a)
{
	int fd = dp_events_fd(a->dp), r;
	struct event_source *source;

	events_stop(a);
	if (fd == -ENOTSUP)
		return 0;
	if (fd < 0)
		return fd;
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	r = uv_poll_init(a->loop, &source->poll, fd);
	if (r) {
		free(source);
		return r;
	}
	source->poll.data = source;
	source->apply = a;
	a->source = source;
	a->handles++;
	return uv_poll_start(&source->poll, UV_READABLE, on_readable);
}

void events_stop(struct apply *a)
{
	if (!a->source)
		return;
	uv_close((uv_handle_t *)&a->source->poll, on_closed);
	a->source = NULL;
}
