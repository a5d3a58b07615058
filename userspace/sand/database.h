/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The database as this host uses it: opened as configured, offered to others if that is asked for,
 * its loss and return noticed. While it is away the view stands still, so that nothing gets old
 * that nobody could tell; it goes on when the followers are in sync again, not when the connection
 * is back. What happens to it is logged here, once.
 */
#ifndef SAND_DATABASE_H
#define SAND_DATABASE_H

#include "csc/csc.h"
#include "ncsdb/hold.h"
#include "nsc/nsc.h"
#include "sand/config_database.h"
#include "srm/srm.h"

#define DATABASE_PATIENCE_MS 2000 /* not reached for so long after the start: said in the log */
#define DATABASE_SETTLE_MS 100	  /* in sync: nothing new came for so long */

struct database_conf {
	uv_loop_t *loop;
	const struct config_database *config;
	const char *dir;
	bool reset;
	struct view *view;
	void (*back)(void *arg); /* in sync again after a loss (not: for the first time) */
	void *arg;
};

struct database {
	struct database_conf conf;
	struct ncsdb *db;
	struct ncsdb_server *server; /* NULL: not served */
	const struct srm *srm;	     /* their followers; NULL until known */
	const struct nsc *nsc;
	const struct csc *csc;
	struct ncsdb_hold *hold;
	uv_timer_t timer; /* patience, then settling */
	bool was_in_sync;
	int64_t target; /* revision when the connection came back */
	int64_t seen;	/* by the followers, at the last look */
};

/* 0 or an exit code; what was wrong is logged. d is zero before, and to be closed either way. */
int database_open(struct database *d, const struct database_conf *conf);
/* Holds a lease of this host from now on; held is told when there is one, and of each that takes
 * its place. 0 or -errno. */
int database_hold(struct database *d, void (*held)(void *arg, int64_t lease), void *arg);
int64_t database_lease(const struct database *d); /* 0: none now */
/* Every follower has its list, or has failed for now. */
bool database_settled(const struct database *d);
/* After the followers are closed. */
void database_close(struct database *d);

#endif
