/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers the objects of the configuration file in the database: services, classifier rules,
 * gateways, paths, network status; and this host's own gateway, under the host's lease. What is
 * already stored as configured is not written again, so that several hosts may configure the same
 * objects; and what was stored once is left to who changes it, until the database was away. What
 * the database cannot take now is tried again, what it refuses more and more seldom. In a shared
 * database a gateway that is there is left alone, and network status is told of this host's own
 * paths only.
 */
#ifndef SAND_REGISTER_H
#define SAND_REGISTER_H

#include "nsc/nsc.h"
#include "sand/config.h"
#include "srm/srm.h"

#define REGISTER_REFRESH_MS 2000
#define REGISTER_WAIT_MAX_MS 512000 /* between two tries of what is refused for good */
#define REGISTER_PATIENCE_MS 3000   /* nobody waits longer for the first round */

struct registration;

struct registration_conf {
	uv_loop_t *loop;
	const struct config *config;
	struct ncsdb *db;
	const struct view *view;
	struct srm *srm;
	struct nsc *nsc;
};

/* done is called once: every object was written or refused, the own gateway too, or
 * REGISTER_PATIENCE_MS are over (never before this returns). NULL: no memory. */
struct registration *registration_start(const struct registration_conf *conf,
					void (*done)(void *arg), void *arg);
/* The host's lease is this one: its gateway is written under it. */
void registration_hold(struct registration *reg, int64_t lease);
/* The database is back: what is not stored as configured is written again. */
void registration_again(struct registration *reg);
/* Closes its handles; free it when the loop has run dry: answers may still be under way. */
void registration_close(struct registration *reg);
void registration_free(struct registration *reg);

#endif
