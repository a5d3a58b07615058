/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers the objects of the configuration file in the database, once, at start: services,
 * classifier rules, gateways (this host's own among them), paths, network status. What is already
 * stored as configured is not written again; what the database refuses is logged and left.
 */
#ifndef SAND_REGISTER_H
#define SAND_REGISTER_H

#include "nsc/nsc.h"
#include "sand/config.h"
#include "srm/srm.h"

#define REGISTER_REFRESH_MS 2000

struct registration;

struct registration_conf {
	uv_loop_t *loop;
	const struct config *config;
	const struct view *view;
	struct srm *srm;
	struct nsc *nsc;
};

/* done is called once every object was written or refused (never before this returns); NULL: no
 * memory. */
struct registration *registration_start(const struct registration_conf *conf,
					void (*done)(void *arg), void *arg);
/* Closes its handles; free it when the loop has run dry: answers may still be under way. */
void registration_close(struct registration *reg);
void registration_free(struct registration *reg);

#endif
