/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which service has the kernel's route of an address. */
#include <stdlib.h>

#include "ncc/ncc_int.h"

static bool before(const struct svc *x, const struct svc *y)
{
	if (x->key.scope != y->key.scope)
		return x->key.scope == SAN_SCOPE_LOCAL;
	return x->key.id < y->key.id;
}

static void elect(struct ncc *ncc, struct address *a)
{
	struct svc *owner = NULL;

	for (struct claim *c = a->users; c; c = c->next) {
		if (!owner || before(c->svc, owner))
			owner = c->svc;
	}
	if (owner == a->owner)
		return;
	if (a->owner)
		state_mark(ncc, &a->owner->item);
	if (owner)
		state_mark(ncc, &owner->item);
	a->owner = owner;
}

void address_tidy(struct ncc *ncc, struct address *a)
{
	if (!a || a->users)
		return;
	HASH_DEL(ncc->addresses, a);
	free(a);
}

static void leave(struct ncc *ncc, struct claim *claim)
{
	struct address *a = claim->address;

	if (!a)
		return;
	claim->address = NULL;
	DL_DELETE(a->users, claim);
	elect(ncc, a);
	address_tidy(ncc, a);
}

struct address *address_get(struct ncc *ncc, const struct in6_addr *addr)
{
	struct address *a;

	HASH_FIND(hh, ncc->addresses, addr, sizeof(*addr), a);
	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->addr = *addr;
	HASH_ADD(hh, ncc->addresses, addr, sizeof(a->addr), a);
	return a;
}

void address_join(struct ncc *ncc, struct claim *claim, struct address *a)
{
	if (claim->address == a)
		return;
	leave(ncc, claim);
	claim->address = a;
	if (!a)
		return;
	DL_APPEND(a->users, claim);
	elect(ncc, a);
}

bool address_owned(const struct claim *claim)
{
	return claim->address && claim->address->owner == claim->svc;
}
