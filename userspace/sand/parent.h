/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The privileged half: prepares directories, starts the keeper, keeps three capabilities, obeys. */
#ifndef SAND_PARENT_H
#define SAND_PARENT_H

#include "sand/options.h"

int parent_run(const struct options *o);    /* exit code */
int parent_single(const struct options *o); /* both halves on one loop */
int parent_unload(const struct options *o);

#endif
