/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two halves of nsc share: nsc.c (writing), follow.c (database to view). */
#ifndef NSC_INT_H
#define NSC_INT_H

#include "nsc/nsc.h"

#include "ncsdb/follow.h"

#define NSC_GATEWAYS "/san/gateways/"
#define NSC_PATHS "/san/paths/"
#define NSC_NETWORK "/san/network/"

enum nsc_prefix { NSC_P_GATEWAYS, NSC_P_PATHS, NSC_P_NETWORK, NSC_P_MAX };

struct nsc_follow {
	struct nsc *nsc;
	struct ncsdb_writer writer;
	struct ncsdb_follow *follow;
	bool synced;
};

struct nsc {
	struct view *view;
	struct nsc_follow prefix[NSC_P_MAX];
	struct ncsdb_refusals refusals;
	char own[NAME_LEN]; /* gateway that is held; "": none yet */
	int64_t own_lease;  /* of its key */
	void (*synced)(void *arg);
	void *arg;
};

int nsc_follow_all(struct nsc *nsc, struct ncsdb *db);

#endif
