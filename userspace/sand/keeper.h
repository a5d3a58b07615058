/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the child alive: a tiny process between the parent and the child, already without
 * privileges, that forks the child again when it crashes. The parent could not: it gave up the
 * right to change users. It holds the child's end of the socketpair, so that the parent sees no
 * hang-up meanwhile.
 */
#ifndef SAND_KEEPER_H
#define SAND_KEEPER_H

#include "sand/options.h"

#define KEEPER_BACKOFF_MIN_MS 50
#define KEEPER_BACKOFF_MAX_MS 5000
#define KEEPER_CALM_S 10 /* a child that lived this long starts the back-off anew */

/* Runs until SIGTERM, the parent's death, or a child that ends on purpose; returns an exit code. */
int keeper_run(const struct options *o, int fd);

#endif
