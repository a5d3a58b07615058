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
#define KEEPER_CALM_S 10    /* a child that lived this long starts the back-off anew */
#define KEEPER_STOP_MS 3000 /* a child that was told to stop has this long, then it is killed */

/* Runs until SIGTERM, until the parent closes its end, or until a child says that the configuration
 * is wrong; returns an exit code. */
int keeper_run(const struct options *o, int fd);

#endif
