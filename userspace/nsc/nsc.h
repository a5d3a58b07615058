/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network status: gateways, paths, and the attributes of paths. Writes /san/gateways, /san/paths
 * and /san/network, follows them into the view. Write rules as in srm/srm.h.
 */
#ifndef NSC_H
#define NSC_H

#include <jansson.h>

#include "model/view.h"
#include "ncsdb/follow.h"
#include "ncsdb/write.h"

struct nsc;

int nsc_open(struct ncsdb *db, struct view *view, void (*synced)(void *arg), void *arg,
	     struct nsc **out);
void nsc_close(struct nsc *nsc);

/* if_revision as in srm.h: -1 any, 0 must not exist, else mod revision. */
int nsc_gateway_put(struct nsc *nsc, const char *name, const json_t *obj, int64_t if_revision,
		    struct ncsdb_write_done done, struct err *err);
/* The same under a lease: it ends with the lease. For this host's own gateway. */
int nsc_gateway_hold(struct nsc *nsc, const char *name, const json_t *obj, int64_t lease,
		     struct ncsdb_write_done done, struct err *err);
/* The lease of the gateway last held, as it is stored; 0: it is under none, or not there. */
int64_t nsc_gateway_held(const struct nsc *nsc);
int nsc_gateway_del(struct nsc *nsc, const char *name, int64_t if_revision,
		    struct ncsdb_write_done done, struct err *err);
int nsc_path_put(struct nsc *nsc, struct path_key key, const json_t *obj, int64_t if_revision,
		 struct ncsdb_write_done done, struct err *err);
/* Deletes the path and its network status. */
int nsc_path_del(struct nsc *nsc, struct path_key key, int64_t if_revision,
		 struct ncsdb_write_done done, struct err *err);
/* attrs: {"delay_us": 1200, "loss_ppm": 0, "jitter_us": null}; numbers or decimal strings; null
 * deletes. All or nothing. */
int nsc_status_put(struct nsc *nsc, struct path_key key, const json_t *attrs,
		   struct ncsdb_write_done done, struct err *err);
uint64_t nsc_refused(const struct nsc *nsc);
/* Sum over its followers. */
void nsc_follow_stats(const struct nsc *nsc, struct ncsdb_follow_stats *out);

#endif
