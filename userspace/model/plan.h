/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What orc wants in the dataplane: the one thing that crosses from deciding to applying. A next hop
 * is its content. Per service: the selected next hop, and the next hops of all instances that are
 * alive, which keep their index (and so their flows) although they are not selected.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <san/msg.h>

#include "util/name.h"

#define PLAN_MAX_ALIVE 1024 /* next hops of one service */

struct plan_nexthop {
	uint8_t kind;	/* SAN_NH_SRV6, or SAN_NH_DIRECT: see struct san_msg_nexthop */
	uint8_t encap;	/* enum san_encap */
	uint8_t n_segs; /* 1..SAN_MAX_SEGS */
	uint8_t hop_limit;
	uint8_t families;		    /* SAN_NH_IP6 | SAN_NH_IP4 */
	uint8_t pad[3];			    /* zero: compared as bytes */
	struct in6_addr segs[SAN_MAX_SEGS]; /* unused ones zero */
};

struct plan_service {
	uint64_t id;
	uint8_t scope; /* SAN_SCOPE_*: (id, scope) is the key */
	struct in6_addr address;
	uint32_t address4;		     /* __be32; 0 = none */
	uint8_t mode;			     /* enum san_mode */
	uint8_t affinity;		     /* enum san_affinity */
	uint8_t flags;			     /* SAN_SVC_* */
	uint32_t idle_s;		     /* of flows; 0 = never */
	uint64_t groups;		     /* access groups, bit 0: interfaces without one */
	const struct plan_nexthop *selected; /* NULL = nothing selected; else one of alive[];
					      * BALANCED: the best one, for the kernel's route */
	const struct plan_nexthop *alive;
	const uint16_t *weights; /* BALANCED: of alive[], 0 = not selected, at most SAN_MAX_WEIGHT;
				  * equal next hops add up. Else NULL */
	unsigned int n_alive;
};

struct plan_sid {
	struct in6_addr addr;
	uint8_t behaviour;	 /* enum san_behaviour */
	uint8_t flavors;	 /* SAN_FLAVOR_* */
	struct in6_addr nexthop; /* End.DX6, End.DX4 (IPv4-mapped) */
	uint32_t table;		 /* End.DT6 */
	uint64_t service_id;	 /* its instance's service, 0 = none */
	char oif[SAN_IFNAMSIZ];	 /* optional */
};

/* A classifier rule. */
struct plan_class {
	char name[NAME_LEN]; /* of equal rules the smaller name wins */
	struct san_msg_class msg;
};

#endif
