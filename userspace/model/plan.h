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

#define PLAN_MAX_ALIVE 1024 /* next hops of one service */

struct plan_nexthop {
	uint8_t encap;	/* enum san_encap */
	uint8_t n_segs; /* 1..SAN_MAX_SEGS */
	uint8_t hop_limit;
	uint8_t pad[5];			    /* zero: compared as bytes */
	struct in6_addr segs[SAN_MAX_SEGS]; /* unused ones zero */
};

struct plan_service {
	uint64_t id;
	struct in6_addr address;
	uint8_t mode;			     /* enum san_mode */
	uint8_t affinity;		     /* enum san_affinity */
	const struct plan_nexthop *selected; /* NULL = nothing selected; else one of alive[] */
	const struct plan_nexthop *alive;
	unsigned int n_alive;
};

struct plan_sid {
	struct in6_addr addr;
	uint8_t behaviour;	 /* enum san_behaviour */
	struct in6_addr nexthop; /* End.DX6 */
	uint32_t table;		 /* End.DT6 */
	char oif[SAN_IFNAMSIZ];	 /* optional */
};

#endif
