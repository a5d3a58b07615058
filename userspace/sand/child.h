/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The deciding half: database, view, writers, orchestration, REST, wired together on one loop. Runs
 * without privileges (or beside the parent's half with --single). Never touches the kernel.
 */
#ifndef SAND_CHILD_H
#define SAND_CHILD_H

#include <uv.h>

#include "sand/options.h"

struct child;

/* fd: this end of the socketpair (taken). *code (exit code) is set, and the loop stopped, when the
 * child gives up later. Returns 0 or an exit code; *out (NULL without memory) is to be closed and
 * freed either way. */
int child_open(uv_loop_t *loop, const struct options *o, int fd, int *code, struct child **out);
/* Closes everything in order; child_free when the loop has run dry. */
void child_close(struct child *child);
void child_free(struct child *child);

/* The whole process: drops into the system call filter, runs until told to stop; exit code. */
int child_run(const struct options *o, int fd);

#endif
