/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "srm/claims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

struct claim {
	struct in6_addr addr;
	uint64_t id;
	unsigned int refs;
	UT_hash_handle hh;  /* by addr */
	UT_hash_handle hh2; /* by id: only the stored one */
};

static struct claim *find(const struct claims *claims, const struct in6_addr *addr)
{
	struct claim *claim;

	HASH_FIND(hh, claims->by_address, addr, sizeof(*addr), claim);
	return claim;
}

bool claims_holder(const struct claims *claims, const struct in6_addr *addr, uint64_t id,
		   uint64_t *holder)
{
	const struct claim *claim = find(claims, addr);

	if (!claim || claim->id == id)
		return false;
	*holder = claim->id;
	return true;
}

static struct claim *claim_new(struct claims *claims, const struct in6_addr *addr, uint64_t id)
{
	struct claim *claim = calloc(1, sizeof(*claim));

	if (!claim)
		return NULL;
	claim->addr = *addr;
	claim->id = id;
	HASH_ADD(hh, claims->by_address, addr, sizeof(claim->addr), claim);
	if (!claim->hh.tbl) {
		free(claim);
		return NULL;
	}
	return claim;
}

int claims_take(struct claims *claims, const struct in6_addr *addr, uint64_t id, struct claim **out)
{
	struct claim *claim = NULL;

	if (!IN6_IS_ADDR_UNSPECIFIED(addr)) {
		claim = find(claims, addr);
		if (!claim)
			claim = claim_new(claims, addr, id);
		if (!claim)
			return -ENOMEM;
		claim->refs++;
	}
	*out = claim;
	return 0;
}

void claims_drop(struct claims *claims, struct claim *claim)
{
	if (!claim || --claim->refs > 0)
		return;
	HASH_DELETE(hh, claims->by_address, claim);
	free(claim);
}

int claims_store(struct claims *claims, const struct in6_addr *addr, uint64_t id)
{
	struct claim *old, *claim;
	int r = claims_take(claims, addr, id, &claim);

	if (r)
		return r;
	HASH_FIND(hh2, claims->by_service, &id, sizeof(id), old);
	if (old) {
		HASH_DELETE(hh2, claims->by_service, old);
		claims_drop(claims, old);
	}
	if (!claim)
		return 0;
	HASH_ADD(hh2, claims->by_service, id, sizeof(claim->id), claim);
	if (!claim->hh2.tbl) {
		claims_drop(claims, claim);
		return -ENOMEM;
	}
	return 0;
}

void claims_fini(struct claims *claims)
{
	struct claim *claim, *next;

	HASH_CLEAR(hh2, claims->by_service);
	HASH_ITER(hh, claims->by_address, claim, next) {
		HASH_DELETE(hh, claims->by_address, claim);
		free(claim);
	}
}
