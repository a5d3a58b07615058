/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The intent side of the child: what tenants want, and what this host does of it. */
#ifndef SAND_INTENTS_H
#define SAND_INTENTS_H

#include "sand/config_nemo.h"
#include "sand/secret.h"

struct intents_conf {
	uv_loop_t *loop;
	const struct config_nemo *config;
	const char *host;
	bool is_ingress;
	struct ncsdb *db;
	struct view *view;
	struct ncc *ncc;
	void (*synced)(void *arg); /* what is stored is known */
	void *arg;
};

struct intents {
	struct enact *enact; /* NULL: not configured */
	struct intent *intent;
	void (*synced)(void *arg);
	void *arg;
	struct enact_url urls[ENACT_URLS_MAX];
	char tokens[ENACT_URLS_MAX][SECRET_MAX]; /* what urls[] point to */
};

/* 0 or an exit code; what was wrong is logged. m is zero before, and to be closed either way. */
int intents_open(struct intents *m, const struct intents_conf *conf);
/* What is stored is known, or cannot be had for now; also when not configured. */
bool intents_settled(const struct intents *m);
void intents_close(struct intents *m); /* before ncc and the view */

#endif
