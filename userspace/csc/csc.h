/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Computing status: instances and their attributes. Writes /san/status, /san/agents and
 * /san/aggregates, follows them into the view; values that do not parse are counted, the last good
 * one stays, marked refused. On a gateway it allocates a SID (End.DX6, End.DX4) of the locator for
 * each of its own instances: in csc_instance_put, and for those that somebody else wrote (an agent
 * by etcd's protocol) when it sees them without one: under the lease of the instance's address,
 * on condition that this still is the one it saw; those of one lease get a quarter of the functions
 * at most, and so do those without a lease.
 */
#ifndef CSC_H
#define CSC_H

#include <jansson.h>

#include "model/view.h"
#include "ncsdb/follow.h"
#include "ncsdb/write.h"

struct csc;

#define CSC_MAX_AGENTS 4096
#define CSC_AGGREGATE_NAME (NAME_LEN - 2) /* characters of a gateway: "@" comes before them */

struct csc_conf {
	const char *gateway; /* this host's gateway name, NULL = not a gateway */
	struct in6_addr
		locator; /* instance SIDs: locator | function, function 0x100.. (RFC 8986 3.1) */
	uint8_t locator_len;
};

int csc_open(struct ncsdb *db, struct view *view, const struct csc_conf *conf,
	     void (*synced)(void *arg), void *arg, struct csc **out);
void csc_close(struct csc *csc);

/*
 * obj: { "gateway": "gw2", "address": "2001:db8:2a::2", "sid": "5f00:0:2:100::", "state": "up",
 *        "lease": 17, "attributes": {"cpu_load": 3.5, ...} }
 * gateway and address required; address is IPv6 or IPv4 ("10.2.0.5"). sid: given, or allocated here
 * when gateway is this host's (an instance that had one keeps it), else the instance has none until
 * told. lease: a lease id of csc_lease_grant, its keys go when it ends; 0 or absent = permanent.
 * Replaces the instance as a whole (attributes that obj does not name stay).
 */
int csc_instance_put(struct csc *csc, uint64_t service, const char *instance, const json_t *obj,
		     int64_t if_revision, struct ncsdb_write_done done, struct err *err);
int csc_instance_del(struct csc *csc, uint64_t service, const char *instance, int64_t if_revision,
		     struct ncsdb_write_done done, struct err *err);
/* attrs: {"cpu_load": 71.2, "queue_us": null, "state": "draining"}; all or nothing; the instance
 * must be registered (-ENOENT). Values go under the lease of the instance. */
int csc_status_put(struct csc *csc, uint64_t service, const char *instance, const json_t *attrs,
		   struct ncsdb_write_done done, struct err *err);

/* Agents: a named lease. obj: {"ttl_s": 10, "host": "...", "version": "..."}. */
struct csc_lease_done {
	void (*done)(void *arg, int status, int64_t lease, unsigned int ttl_s);
	void *arg;
};
int csc_agent_put(struct csc *csc, const char *agent, const json_t *obj, struct csc_lease_done done,
		  struct err *err);
int csc_agent_keepalive(struct csc *csc, const char *agent, struct csc_lease_done done,
			struct err *err);
/* Revokes: all its instances go in one revision. */
int csc_agent_del(struct csc *csc, const char *agent, struct csc_lease_done done, struct err *err);
/* What this gateway says of a service (agg), under its lease (0 = permanent); NULL: withdrawn. One
 * write at a time for each service, the newest wins. Not on a gateway, or on one whose name is
 * longer than CSC_AGGREGATE_NAME: -EINVAL. */
int csc_aggregate_put(struct csc *csc, uint64_t service, const struct aggregate *agg, int64_t lease,
		      struct err *err);
uint64_t csc_refused(const struct csc *csc);
/* Sum over its followers. */
void csc_follow_stats(const struct csc *csc, struct ncsdb_follow_stats *out);

#endif
