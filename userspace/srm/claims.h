/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which service holds which address: an address leads to one service only. A service holds what is
 * stored for it and what a write under way asks for, so that two writes at once cannot both win.
 */
#ifndef SRM_CLAIMS_H
#define SRM_CLAIMS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct claim;

struct claims {
	struct claim *by_address, *by_service; /* uthash; zero = empty */
};

/* Another service than id holds addr. :: is held by nobody. */
bool claims_holder(const struct claims *claims, const struct in6_addr *addr, uint64_t id,
		   uint64_t *holder);
/* What is stored for id from now on (:: = nothing); gives up what was stored before. -ENOMEM. */
int claims_store(struct claims *claims, const struct in6_addr *addr, uint64_t id);
/* For a write under way; *out may be NULL (::). The caller asked claims_holder before. */
int claims_take(struct claims *claims, const struct in6_addr *addr, uint64_t id,
		struct claim **out);
void claims_drop(struct claims *claims, struct claim *claim); /* accepts NULL */
void claims_fini(struct claims *claims);

#endif
