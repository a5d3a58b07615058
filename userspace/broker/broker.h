/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The broker's input and the maps that come of it. Domains (IdR: what a domain can do) and links
 * between domains (IdT) are written to /san/alto/domains/<id> and /san/alto/links/<a>/<b>; a
 * follower reads them back, and after every change, coalesced, an immutable snapshot is made of
 * them and of what this sand knows itself: what counts is copied on the loop, the maps are made of
 * the copy in a thread. Nothing of a domain's inside is kept: what it
 * advertises is an aggregate. Write rules as in srm/srm.h. Values:
 *
 * domain: { "prefixes": {"ipv4": ["10.1.0.0/16"], "ipv6": []}, "entry-point": "https://...",
 *           "resources": {"cpu": 50, "mem": 60, "storage": 70}, "nfs": ["NF1"], "saps": ["SAP1"],
 *           "transit": true }
 * link:   { "routingcost": 1, "delay-us": 500, "loss-ppm": 0, "max-reservable-bandwidth": 1e9,
 *           "directed": false, "calendar": [1, 1, 5, ...] }      (bit/s; stored under a < b unless
 *           directed)
 *
 * All members are optional but routingcost; what a domain does not say is unknown. It is inside of
 * others' paths only if it says transit, for costs as for service graphs. routingcost is at most
 * ALTO_COST_MAX. A link may be there before its domains, and stays when they go: without both it is
 * not used. There is one object a key: a directed link a -> b with a < b takes the place of the
 * symmetric one. A directed link b -> a stands beside the symmetric one and wins for its direction;
 * a symmetric link that is put as b/a ends it. Of one prefix that two replicas took for two domains
 * at once, the domain that was created first has it. A stored object that is refused (another
 * program wrote it) ends the one it replaces, so that all replicas agree; what is refused only
 * because there is no room is tried again when there is.
 *
 * Sources of the snapshot: "domains" (every domain a PID, properties as arrays, service graphs),
 * and "sand": ingresses and gateways of the view as PIDs (a gateway has its locator and its
 * instances' addresses; "." of a name is ":" in the PID, "default" is "@default"), the best path of
 * each pair as a link (least delay_us, else the first by name that has status; delay_us is its
 * routingcost too; values count until they are replaced), computing status as properties.
 * Values of instances that are older than BROKER_AGE_S are left out. Of an instance's address, each
 * an array of what differs among the services it is in:
 *   priv:sand-service, priv:sand-instance, priv:sand-state, priv:sand-<attribute>
 * Of a gateway's PID, over the addresses whose instances are up:
 *   priv:sand-instances (their number), priv:sand-services (IDs; left out if there are more than
 *   BROKER_SERVICES_MAX), priv:sand-<attribute>-mean and -min of cpu_load, mem_load, io_load,
 *   net_load, queue_us, priv:sand-<attribute>-sum of cpu_cores_free, mem_free_mb, sessions
 */
#ifndef BROKER_H
#define BROKER_H

#include "alto/source.h"
#include "model/view.h"
#include "ncsdb/follow.h"
#include "ncsdb/write.h"

#define BROKER_DOMAINS_MAX 32768
#define BROKER_LINKS_MAX 65536	  /* stored; a symmetric one counts once */
#define BROKER_OWN_LINKS_MAX 1024 /* of a domain that adds one itself */
#define BROKER_DOMAIN_PREFIXES_MAX 1024
#define BROKER_DOMAIN_NAMES_MAX 256 /* nfs, and saps */
#define BROKER_PREFIXES_MAX 262144  /* of all domains */
#define BROKER_REPLACE_MAX 32768    /* domains of one replacement of everything */
#define BROKER_WAITING_MAX 256	    /* stored objects that wait for room, of domains and of links */
#define BROKER_INSTANCES_MAX 65536  /* of the view; of more, "sand" tells nothing but gateways */
#define BROKER_AGE_S 60		    /* older values of instances are unknown */
#define BROKER_SERVICES_MAX 1024    /* of a gateway, by their IDs */
#define BROKER_COALESCE_MS 10	    /* at least; then ten times what a snapshot takes to make */

struct broker;

/* The numbers above; tests lower them. */
struct broker_limits {
	unsigned int domains, links, prefixes, instances, own_links;
};
extern struct broker_limits broker_limits;

struct broker_conf {
	uv_loop_t *loop;
	struct ncsdb *db;
	const struct view *view; /* NULL: no source "sand" */
	bool domains;		 /* source "domains"; without, nothing is followed or written */
	struct alto_calendar calendar;
	/* Once, when what was stored is known and the first snapshot is made. May be NULL. */
	void (*synced)(void *arg);
	void *arg;
};
int broker_open(const struct broker_conf *conf, struct broker **out, struct err *err);
/* Snapshots that others hold stay. Frees itself when the loop has run dry. */
void broker_close(struct broker *broker);

/* Who writes: "" = an operator, who may write all; else a domain, which may write itself and links
 * that it is an end of (BROKER_OWN_LINKS_MAX, else -ENOSPC), and reads no other's input: -EACCES.
 * -EAGAIN: what is stored is not known yet. if_revision as in srm.h. */
int broker_domain_put(struct broker *broker, const char *who, const char *id, const json_t *obj,
		      int64_t if_revision, struct ncsdb_write_done done, struct err *err);
int broker_domain_del(struct broker *broker, const char *who, const char *id, int64_t if_revision,
		      struct ncsdb_write_done done, struct err *err);
int broker_link_put(struct broker *broker, const char *who, const char *a, const char *b,
		    const json_t *obj, int64_t if_revision, struct ncsdb_write_done done,
		    struct err *err);
int broker_link_del(struct broker *broker, const char *who, const char *a, const char *b,
		    int64_t if_revision, struct ncsdb_write_done done, struct err *err);
/* Operators only. obj: {"domains": {id: {...}}, "links": [{"a", "b", ...}]}: checked as a whole,
 * then written as far as it differs from what is stored (in several revisions if that is much: the
 * snapshot waits for the last; an error ends it in between). -EAGAIN: another one is under way, or
 * what is stored is not known for now. */
int broker_replace(struct broker *broker, const char *who, const json_t *obj,
		   struct ncsdb_write_done done, struct err *err);

/* For reading back; texts are borrowed until the loop's next turn. broker_link(b, a) finds a
 * symmetric link, too: item has its ends in their stored order. */
struct broker_item {
	const char *id, *b; /* b: of links */
	const char *text;   /* as stored */
	int64_t revision;
};
json_t *broker_item_json(const struct broker_item *item); /* new reference; NULL: no memory */
bool broker_domain(const struct broker *broker, const char *id, struct broker_item *out);
bool broker_link(const struct broker *broker, const char *a, const char *b,
		 struct broker_item *out);
/* In order of names, after `after` (NULL: from the start); each() returns false to stop. */
void broker_domains_each(const struct broker *broker, const char *after,
			 bool (*each)(void *arg, const struct broker_item *item), void *arg);
void broker_links_each(const struct broker *broker, const char *after_a, const char *after_b,
		       bool (*each)(void *arg, const struct broker_item *item), void *arg);

/* Those that a domain is an end of; others cost nothing. */
void broker_links_of(const struct broker *broker, const char *id, const char *after_a,
		     const char *after_b, bool (*each)(void *arg, const struct broker_item *item),
		     void *arg);

/* The newest; borrowed until the loop's next turn: take a reference to keep it. NULL: not yet. */
struct alto_snapshot *broker_snapshot(const struct broker *broker);
/* changed: another snapshot is there. One listener; NULL ends it. */
void broker_on_change(struct broker *broker, void (*changed)(void *arg), void *arg);
/* Something in the view changed (the mains tell; cheap, coalesced). */
void broker_view_changed(struct broker *broker);

struct broker_stats {
	uint64_t snapshots; /* made */
	uint64_t made_us;   /* how long the last one took */
	uint64_t refused;   /* stored objects that did not parse */
	unsigned int domains, links;
	unsigned int unused_links;  /* in the snapshot: one of their ends is not there */
	unsigned int lost_prefixes; /* in the snapshot: another domain had them before */
};
void broker_stats(const struct broker *broker, struct broker_stats *out);
/* Sum over its followers. */
void broker_follow_stats(const struct broker *broker, struct ncsdb_follow_stats *out);

#endif
