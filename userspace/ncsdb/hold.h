/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lease that is held: granted, kept alive every third of its TTL, granted anew when it was lost
 * (expired while the database was away, revoked by an operator). For agents and for what a host
 * publishes of itself. The TTL counts from the last keep-alive that was sent and answered.
 */
#ifndef NCSDB_HOLD_H
#define NCSDB_HOLD_H

#include "ncsdb/ncsdb.h"

#define HOLD_RETRY_MS 200 /* then twice as long each time, at most the TTL */

struct ncsdb_hold;

/* held: a lease is there: write what shall live under it (again); its keys are gone when another
 * ID comes, and may be there still when the same one does (it counted as lost meanwhile). Never
 * called from within this call. ttl_s as ncsdb_lease_grant. */
int ncsdb_hold_start(uv_loop_t *loop, struct ncsdb *db, unsigned int ttl_s,
		     void (*held)(void *arg, int64_t lease), void *arg, struct ncsdb_hold **out);
int64_t ncsdb_hold_lease(const struct ncsdb_hold *hold); /* 0: none now */
/* Ends holding; revoke: also the lease, at once. No callback afterwards; before ncsdb_close().
 * Frees itself when its requests are answered and its handles closed. NULL is allowed. */
void ncsdb_hold_stop(struct ncsdb_hold *hold, bool revoke);

#endif
