/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs tell: the ring buffer. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "dp/priv.h"

/* Of one call: the loop that called has other things to do. */
#define EVENTS_AT_ONCE 256
#define EVENTS_FULL (-EXFULL) /* ends a round */

struct reading {
	void (*fn)(void *, const struct san_event *);
	void *arg;
	int n;
};

static int on_sample(void *ctx, void *data, size_t size)
{
	struct dp *dp = ctx;
	struct reading *reading = dp->events;
	struct san_event event;

	if (size < sizeof(event))
		return 0;
	memcpy(&event, data, sizeof(event));
	reading->fn(reading->arg, &event);
	return ++reading->n < EVENTS_AT_ONCE ? 0 : EVENTS_FULL;
}

int dp_events_fd(const struct dp *dp)
{
	return dp->ring ? ring_buffer__epoll_fd(dp->ring) : -ENOTSUP;
}

int dp_events_read(struct dp *dp, void (*fn)(void *, const struct san_event *), void *arg)
{
	struct reading reading = {.fn = fn, .arg = arg};
	int r;

	if (!dp->ring)
		return -ENOTSUP;
	dp->events = &reading;
	r = ring_buffer__consume(dp->ring);
	dp->events = NULL;
	return r < 0 && r != EVENTS_FULL ? r : reading.n;
}

void dp_events_open(struct dp *dp)
{
	dp->ring = ring_buffer__new(dp->map_fd[DP_MAP_EVENTS], on_sample, dp, NULL);
}
