/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of srm share: srm.c (services), classes.c (classifier rules). */
#ifndef SRM_INT_H
#define SRM_INT_H

#include "srm/srm.h"

#include "ncsdb/follow.h"
#include "srm/claims.h"

#define SRM_SERVICES "/san/services/"
#define SRM_CLASSES "/san/classes/"

struct srm_follow {
	struct srm *srm;
	struct ncsdb_writer writer;
	struct ncsdb_follow *follow;
	bool synced;
};

struct srm {
	struct view *view;
	struct srm_follow services, classes;
	struct claims claims, claims4; /* who holds which address; claims4: IPv4-mapped ones */
	struct srm_hold *holds;	       /* of writes under way */
	struct ncsdb_refusals refusals;
	void (*synced)(void *arg);
	void *arg;
};

void srm_refuse(struct srm *srm, const char *key, int code, struct err *err);
/* Of both prefixes; arg: struct srm_follow. */
void srm_on_revision(void *arg, int64_t revision);
void srm_on_synced(void *arg, int64_t revision);
void srm_on_failed(void *arg, int status);
int srm_follow_classes(struct srm *srm, struct ncsdb *db);

#endif
