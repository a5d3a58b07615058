/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Service registration: writes services and classifier rules into the database, follows them into
 * the view. The only writer of /san/services and /san/classes. Called by north (REST) and main
 * (configuration).
 *
 * All writes of srm, nsc and csc are asynchronous: validation errors return at once with err filled
 * and no callback (-ESTALE and -ENOENT also when the view knows already); 0 means done() will be
 * called exactly once, from the loop, when the write is durable (status 0, revision) or was refused
 * (-errno: -ESTALE if_revision differs, -ENOSPC, -EROFS).
 */
#ifndef SRM_H
#define SRM_H

#include <jansson.h>

#include "model/view.h"
#include "ncsdb/follow.h"
#include "ncsdb/write.h"

struct srm;

/* struct ncsdb_write_done and ANY_REVISION: ncsdb/write.h. */

/* synced is called once, when the view holds everything that was stored. */
int srm_open(struct ncsdb *db, struct view *view, void (*synced)(void *arg), void *arg,
	     struct srm **out);
void srm_close(struct srm *srm);

/* obj as model/service.h. Refuses an address that another service holds: -EEXIST, naming it. */
int srm_service_put(struct srm *srm, uint64_t id, const json_t *obj, int64_t if_revision,
		    struct ncsdb_write_done done, struct err *err);
int srm_service_del(struct srm *srm, uint64_t id, int64_t if_revision, struct ncsdb_write_done done,
		    struct err *err);
/* obj as model/class.h. The service need not be registered. -ENOSPC beyond VIEW_MAX_CLASSES. */
int srm_class_put(struct srm *srm, const char *name, const json_t *obj, int64_t if_revision,
		  struct ncsdb_write_done done, struct err *err);
int srm_class_del(struct srm *srm, const char *name, int64_t if_revision,
		  struct ncsdb_write_done done, struct err *err);
/* Keys under /san/services and /san/classes that did not parse since start. */
uint64_t srm_refused(const struct srm *srm);
/* Sum over its followers. */
void srm_follow_stats(const struct srm *srm, struct ncsdb_follow_stats *out);

#endif
