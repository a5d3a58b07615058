/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ALTO side of the child: the broker, whose maps north serves, and the sources whose maps this
 * host uses. */
#ifndef SAND_MAPS_H
#define SAND_MAPS_H

#include "sand/config_alto.h"

struct maps_conf {
	uv_loop_t *loop;
	const struct config_alto *config;
	struct ncsdb *db;
	struct view *view;
	struct nsc *nsc;
	struct csc *csc;
};

struct maps {
	struct broker *broker; /* NULL: nothing is served */
	struct altoc *altoc;   /* NULL: no sources */
	struct view *view;
};

/* 0 or an exit code; what was wrong is logged. m is zero before, and to be closed either way. */
int maps_open(struct maps *m, const struct maps_conf *conf);
void maps_close(struct maps *m); /* before nsc and csc */

#endif
