/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network control, child side: keeps the desired state, names next hops, turns changes into
 * generations of messages (san/msg.h) and takes the parent's answers. Never touches the database
 * and never the kernel. Sends as fast as the socket takes it: what changes meanwhile is merged, the
 * newest wins; at most one generation is unacknowledged.
 */
#ifndef NCC_H
#define NCC_H

#include <jansson.h>
#include <uv.h>

#include "model/plan.h"
#include "util/err.h"
#include "util/hist.h"

struct ncc;

struct ncc_iface {
	char name[SAN_IFNAMSIZ];
	uint8_t role;	/* enum san_role */
	uint8_t policy; /* SAN_IF_* */
	uint8_t group;	/* access group */
};

struct ncc_conf {
	struct san_msg_config config;
	const struct ncc_iface *ifaces;
	unsigned int n_ifaces;
	const struct san_msg_prefix *prefixes; /* SRv6 domain: blocks and inside sources */
	unsigned int n_prefixes;
};

/* A generation was acknowledged: result 0 or -errno with the parent's text. Generation 0 is the
 * configuration: a negative result is final, no plan will be sent. A refused plan is tried again as
 * a full one after a pause, sooner when something changes. At 0 a text tells what was left out:
 * classifier rules that find no room. */
typedef void (*ncc_acked_cb)(void *arg, uint64_t generation, int result, const char *text);

/* fd: the child's end of the socketpair (taken, also on failure). Sends HELLO and the configuration
 * at once. */
int ncc_open(uv_loop_t *loop, int fd, const struct ncc_conf *conf, ncc_acked_cb acked, void *arg,
	     struct ncc **out);
/* The memory goes when the loop has closed its handles. */
void ncc_close(struct ncc *ncc);
/* The parent is gone (EOF): called once. Default without it: nothing is sent any more. */
void ncc_on_hangup(struct ncc *ncc, void (*hangup)(void *arg), void *arg);

/* Desired state; copied. Services that share an address: a local one has the kernel's route for it,
 * else the one with the smallest ID. Sent with ncc_flush (or when the socket is free again).
 * -ENOSPC: err names the map, its size and the member of the configuration that raises it; what was
 * there before stays. -ENOMEM. */
int ncc_service_put(struct ncc *ncc, const struct plan_service *svc, struct err *err);
void ncc_service_del(struct ncc *ncc, uint64_t id, uint8_t scope);
/* Does its selected next hop lead somewhere, by the parent's last word? (That a plan with it is
 * applied is the acknowledgement's to say.) */
bool ncc_service_ready(const struct ncc *ncc, uint64_t id, uint8_t scope);
int ncc_sid_put(struct ncc *ncc, const struct plan_sid *sid, struct err *err);
void ncc_sid_del(struct ncc *ncc, const struct in6_addr *addr);
/* The classifier's rules, all of them; copied, sorted by name. -ENOSPC beyond SAN_MAX_CLASSES. */
int ncc_classes_set(struct ncc *ncc, const struct plan_class *rules, unsigned int n,
		    struct err *err);
/* Rules of intents, all of them; beside the classifier's own: msg.intent must be 1. Copied, sent as
 * a whole with the others, these first. Together at most SAN_MAX_CLASSES: -ENOSPC, as for
 * ncc_classes_set while these are in force. -EINVAL: a rule that cannot be. A failure leaves the
 * old ones. */
int ncc_intents_set(struct ncc *ncc, const struct plan_class *rules, unsigned int n,
		    struct err *err);
/* Would these rules, beside the classifier's own, and these n_services more services and next hops
 * find room? Pure look. -ENOSPC: err names the map; -EINVAL. */
int ncc_intents_check(struct ncc *ncc, const struct plan_class *rules, unsigned int n,
		      unsigned int n_services, struct err *err);
/* First flush of a session sends SAN_PLAN_FULL: call it only after the first full sync. */
uint64_t ncc_flush(struct ncc *ncc); /* generation that will carry all changes so far */

struct ncc_status {
	uint64_t desired, applied; /* generations */
	uint64_t plans, failures, repaired;
	uint64_t repaired_by[SAN_REPAIR_MAX]; /* by kind, since the parent's start */
	uint64_t overruns;	/* kernel notifications that were lost, all read anew; likewise */
	uint64_t last_apply_us; /* flush to ack of the last generation */
	const struct hist *apply_us; /* of all of them */
	int last_result;
	char last_text[SAN_TEXT_LEN];
	bool connected;
};
void ncc_status(const struct ncc *ncc, struct ncc_status *out);

/* Desired entries with next hop and its state, for REST: arrays of objects, new references. */
json_t *ncc_entries_json(const struct ncc *ncc);
/* One of them; NULL: none for this service, or without memory. */
json_t *ncc_entry_json(const struct ncc *ncc, uint64_t id, uint8_t scope);
json_t *ncc_nexthops_json(const struct ncc *ncc);
json_t *ncc_sids_json(const struct ncc *ncc);
json_t *ncc_ifaces_json(const struct ncc *ncc);

/* The parent told where a next hop leads, or that it no longer does. One listener; told NULL ends
 * it. */
void ncc_on_nexthop(struct ncc *ncc, void (*told)(void *arg), void *arg);

/* Packets that are traced: seconds 1..3600. -ENOTCONN. */
int ncc_trace(struct ncc *ncc, const struct san_trace *trace, uint32_t seconds);
/* Sampled drops and traces, as they come. One listener; NULL ends it. nexthop: content of
 * event->nexthop, NULL = unknown. */
typedef void (*ncc_event_cb)(void *arg, const struct san_event *event,
			     const struct plan_nexthop *nexthop, uint64_t lost);
void ncc_on_event(struct ncc *ncc, ncc_event_cb cb, void *arg);

/* Counters from the parent; done gets {"services":[{"service","packets","bytes"}], "egress":[like
 * services], "nexthops":[...], "reasons":[{"reason","interface","packets","bytes"}] ("interface"
 * null: no role), "acts":[{"act","packets","bytes","dropped"}] (of the rules of intents in force;
 * dropped: packets above their rate), "maps":[{"map","used","size"}], "events":{"passed","lost"}}
 * (borrowed) or NULL with status < 0. */
typedef void (*ncc_stats_cb)(void *arg, int status, json_t *stats);
/* -ENOTCONN, -ENOSPC (too many waiting); status also -ETIMEDOUT, -ECANCELED. Every answer is
 * younger than its question. */
int ncc_stats(struct ncc *ncc, ncc_stats_cb done, void *arg);

/* Segment list -> "5f00:0:1::1,5f00:0:2:100::". Returns buf. */
const char *ncc_segs_text(const struct plan_nexthop *nh, char *buf, size_t size);

#endif
