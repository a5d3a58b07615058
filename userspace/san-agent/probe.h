/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Health probe of one instance: connects by TCP, or asks for a page by HTTP (200..399 is healthy),
 * on the loop, never blocking. Says when the instance's health changes; the first probe's result is
 * always said, whatever it is.
 */
#ifndef SAN_AGENT_PROBE_H
#define SAN_AGENT_PROBE_H

#include <stdbool.h>
#include <uv.h>

#include "san-agent/config.h"

struct probe;
typedef void (*probe_cb)(void *arg, bool up, const char *why);

/* conf must stay while the probe is open. */
int probe_open(uv_loop_t *loop, const struct probe_conf *conf, probe_cb changed, void *arg,
	       struct probe **out);
/* No callback comes after it; frees itself in the loop. NULL is fine. */
void probe_close(struct probe *probe);

/* The rule, pure: down after `failures` in a row, up after one success. True: *up has changed, or
 * is known for the first time. */
struct probe_state {
	bool known, up;
	unsigned int failed; /* in a row */
};
bool probe_judge(struct probe_state *state, bool ok, unsigned int failures);
/* "HTTP/1.1 200 OK" -> 200; -EINVAL. text need not end in NUL. */
int probe_http_status(const char *text, size_t len);

#endif
