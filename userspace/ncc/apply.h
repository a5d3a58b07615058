/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network control, parent side: takes typed messages, checks every field, collects a plan, diffs it
 * against the shadow of maps and kernel tables, applies it in order (additions: next hops, kernel
 * routes, SIDs, entries, classifier; removals in reverse) and answers. Trusts nothing the child
 * says. Owns next-hop and statistics indexes and slots: the same content keeps its index, a
 * balanced service its slots, over restarts of either process, because the shadow is rebuilt from
 * the pinned maps. Resolves next hops, follows the network, learns path MTUs, passes events on.
 */
#ifndef NCC_APPLY_H
#define NCC_APPLY_H

#include <uv.h>

#include "dp/dp.h"
#include "nl/nl.h"

struct apply;

struct apply_conf {
	uv_loop_t *loop;
	int fd;		     /* the parent's end of the socketpair (taken) */
	const char *pin_dir; /* for dp_open, when the child's CONFIG arrives */
};

int apply_open(const struct apply_conf *conf, struct apply **out, struct err *err);
/* Leaves maps, links, routes in place. */
void apply_close(struct apply *apply);
/* Removes what this host programmed: links, pins, our routes, SIDs and rules, the tunnel source
 * (`sand --unload`). Goes on after a failure; the first one is returned. */
int apply_unload(const char *pin_dir, const struct san_msg_config *conf, struct err *err);
/* Called when the child's first plan was applied (sd_notify READY). */
void apply_on_ready(struct apply *apply, void (*ready)(void *arg), void *arg);

#endif
