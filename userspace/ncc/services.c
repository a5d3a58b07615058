/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired services. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/ncc_int.h"
#include "ncc/slots.h"
#include "util/name.h"

struct svc *svc_find(const struct ncc *ncc, uint64_t id, uint8_t scope)
{
	struct svc_key key = {.id = id, .scope = scope};
	struct svc *svc;

	HASH_FIND(hh, ncc->services, &key, sizeof(key), svc);
	return svc;
}

static void drop_selection(struct ncc *ncc, struct svc *svc)
{
	for (unsigned int i = 0; i < svc->n_alive; i++)
		nh_unref(ncc, svc->alive[i]);
	free(svc->alive);
	free(svc->members);
	svc->alive = NULL;
	svc->members = NULL;
	svc->n_alive = svc->n_members = 0;
	svc->selected = NULL;
}

static void leave_all(struct ncc *ncc, struct svc *svc)
{
	for (int f = 0; f < FAMILIES; f++)
		address_join(ncc, &svc->claims[f], NULL);
	ncc->n_slots -= svc->slots;
	svc->slots = 0;
	drop_selection(ncc, svc);
}

void svc_free(struct ncc *ncc, struct svc *svc)
{
	leave_all(ncc, svc);
	state_unlist(ncc, &svc->item);
	HASH_DEL(ncc->services, svc);
	free(svc);
}

/* --- checks --- */

static int bad(struct err *err, const char *field, unsigned int value, const char *want)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return err_set(err, -EINVAL, field, text, "must be %s", want);
}

static int check_weights(const struct plan_service *p, struct err *err)
{
	bool any = false;

	if (p->mode != SAN_MODE_BALANCED || !p->selected)
		return 0;
	for (unsigned int i = 0; p->weights && i < p->n_alive; i++) {
		any |= p->weights[i] != 0;
		if (p->weights[i] > SAN_MAX_WEIGHT)
			return bad(err, "weights", p->weights[i], "0..1000");
	}
	return any ? 0 : bad(err, "weights", 0, "above 0 for one next hop at least");
}

/* Of our own making: only rules of the classifier lead there. */
static int check_own(const struct plan_service *p, struct err *err)
{
	if (p->id < SAN_SERVICE_OWN_MIN)
		return 0;
	if (p->scope != SAN_SCOPE_INGRESS)
		return bad(err, "scope", p->scope, "0: the service is of the host's own making");
	if (p->groups)
		return bad(err, "groups", 1, "0: the service is of the host's own making");
	if (!IN6_IS_ADDR_UNSPECIFIED(&p->address) || p->address4)
		return bad(err, "address", 1, "none: the service is of the host's own making");
	if (p->mode == SAN_MODE_BALANCED)
		return bad(err, "mode", p->mode, "none or preferred");
	if (p->n_alive > 1)
		return bad(err, "next hops", p->n_alive, "one at most");
	return 0;
}

static int check(const struct plan_service *p, struct err *err)
{
	char value[16];
	int r = 0;

	if (!p->id)
		return bad(err, "id", 0, "1 or more");
	if (p->scope > SAN_SCOPE_LOCAL)
		return bad(err, "scope", p->scope, "0 (ingress) or 1 (local)");
	snprintf(value, sizeof(value), "%u", p->n_alive);
	if (p->n_alive > PLAN_MAX_ALIVE)
		return err_set(err, -ENOSPC, "next hops", value, "must be at most %d",
			       PLAN_MAX_ALIVE);
	if (p->mode > SAN_MODE_BALANCED)
		return bad(err, "mode", p->mode, "none, preferred or balanced");
	if (p->affinity > SAN_AFFINITY_FLOW)
		return bad(err, "affinity", p->affinity, "0..2");
	for (unsigned int i = 0; !r && i < p->n_alive; i++)
		r = nh_check(&p->alive[i], err);
	if (!r && p->selected)
		r = nh_check(p->selected, err);
	return r ?: check_weights(p, err) ?: check_own(p, err);
}

/* --- room --- */

static int check_room(const struct ncc *ncc, const struct svc *svc, const struct plan_service *p,
		      struct err *err)
{
	bool local = p->scope == SAN_SCOPE_LOCAL;

	if ((svc && !svc->removed) || ncc->n_services[p->scope] < ncc->config.max_services)
		return 0;
	return state_full(err, local ? "san_local" : "san_services", ncc->config.max_services,
			  "maps.services");
}

/* As the parent does it: a range never shrinks while its service is balanced, and one that cannot
 * grow stays. */
static int slots_for(const struct ncc *ncc, const struct svc *svc, const struct wish *w,
		     unsigned int *out, struct err *err)
{
	unsigned int have = svc ? svc->slots : 0, want;

	*out = 0;
	if (!w->n_members)
		return 0;
	want = 1u << slots_bits(w->n_members);
	if (want < have)
		want = have;
	if (ncc->n_slots - have + want > ncc->config.max_slots)
		want = have;
	if (!want)
		return state_full(err, "san_slots", ncc->config.max_slots, "maps.slots");
	*out = want;
	return 0;
}

/* --- put --- */

static struct svc *get(struct ncc *ncc, const struct plan_service *p)
{
	struct svc *svc = svc_find(ncc, p->id, p->scope);

	if (svc)
		return svc;
	svc = calloc(1, sizeof(*svc));
	if (!svc)
		return NULL;
	svc->item.kind = ITEM_SERVICE;
	svc->key.id = p->id;
	svc->key.scope = p->scope;
	svc->removed = true; /* until it is put: makes it differ from every wish */
	for (int f = 0; f < FAMILIES; f++)
		svc->claims[f].svc = svc;
	HASH_ADD(hh, ncc->services, key, sizeof(svc->key), svc);
	return svc;
}

static bool same_members(const struct svc *svc, const struct wish *w)
{
	if (svc->n_members != w->n_members)
		return false;
	for (unsigned int i = 0; i < w->n_members; i++) {
		if (svc->members[i].nh != w->members[i].nh ||
		    svc->members[i].weight != w->members[i].weight)
			return false;
	}
	return true;
}

/* What the parent is told differs: the alive list only matters through the next hops themselves. */
static bool differs(const struct svc *svc, const struct plan_service *p, const struct wish *w)
{
	return svc->removed || svc->selected != w->selected || svc->mode != p->mode ||
	       svc->affinity != p->affinity || svc->flags != p->flags || svc->idle_s != p->idle_s ||
	       svc->groups != p->groups || !same_members(svc, w);
}

/* Takes what w holds. */
static void set(struct ncc *ncc, struct svc *svc, const struct plan_service *p,
		const struct wish *w, unsigned int slots)
{
	bool changed = differs(svc, p, w);

	if (svc->removed)
		ncc->n_services[p->scope]++;
	drop_selection(ncc, svc);
	ncc->n_slots += slots - svc->slots;
	svc->slots = slots;
	svc->removed = false;
	svc->mode = p->mode;
	svc->affinity = p->affinity;
	svc->flags = p->flags;
	svc->idle_s = p->idle_s;
	svc->groups = p->groups;
	svc->selected = w->selected;
	svc->alive = w->alive;
	svc->n_alive = w->n;
	svc->members = w->members;
	svc->n_members = w->n_members;
	if (changed)
		state_mark(ncc, &svc->item);
	if (svc->item.dirty)
		svc->desired = ncc->generation + 1;
}

static struct in6_addr mapped(uint32_t address4)
{
	struct in6_addr addr = IN6ADDR_ANY_INIT;

	if (!address4)
		return addr;
	addr.s6_addr[10] = addr.s6_addr[11] = 0xff;
	memcpy(&addr.s6_addr[12], &address4, sizeof(address4));
	return addr;
}

static int get_addresses(struct ncc *ncc, const struct plan_service *p,
			 struct address *out[FAMILIES], struct err *err)
{
	struct in6_addr want[FAMILIES] = {p->address, mapped(p->address4)};

	for (int f = 0; f < FAMILIES; f++) {
		if (IN6_IS_ADDR_UNSPECIFIED(&want[f]))
			continue;
		out[f] = address_get(ncc, &want[f]);
		if (!out[f])
			return err_set(err, -ENOMEM, "", "", "no memory");
	}
	return 0;
}

static int put(struct ncc *ncc, struct svc *svc, const struct plan_service *p, const struct wish *w,
	       struct err *err)
{
	struct address *addresses[FAMILIES] = {NULL};
	unsigned int slots;
	int r = slots_for(ncc, svc, w, &slots, err);

	if (!r)
		r = get_addresses(ncc, p, addresses, err);
	for (int f = 0; f < FAMILIES; f++) {
		if (r)
			address_tidy(ncc, addresses[f]);
		else
			address_join(ncc, &svc->claims[f], addresses[f]);
	}
	if (!r)
		set(ncc, svc, p, w, slots);
	return r;
}

static int service_put(struct ncc *ncc, const struct plan_service *p, struct err *err)
{
	struct svc *svc = svc_find(ncc, p->id, p->scope);
	struct wish w;
	int r = check(p, err) ?: check_room(ncc, svc, p, err) ?: wish_take(ncc, &w, p, err);

	if (r)
		return r;
	svc = get(ncc, p);
	r = svc ? put(ncc, svc, p, &w, err) : err_set(err, -ENOMEM, "", "", "no memory");
	if (!r)
		return 0;
	wish_drop(ncc, &w);
	if (svc && svc->removed && !svc->item.sent)
		svc_free(ncc, svc);
	return r;
}

int ncc_service_put(struct ncc *ncc, const struct plan_service *svc, struct err *err)
{
	char text[SVC_ID_TEXT];
	int r = service_put(ncc, svc, err);

	if (r)
		err_object(err, "service %s", svc_id_text(svc->id, text));
	return r;
}

void ncc_service_del(struct ncc *ncc, uint64_t id, uint8_t scope)
{
	struct svc *svc = svc_find(ncc, id, scope);

	if (!svc || svc->removed)
		return;
	ncc->n_services[scope]--;
	if (!svc->item.sent) {
		svc_free(ncc, svc);
		return;
	}
	leave_all(ncc, svc);
	svc->removed = true;
	state_mark(ncc, &svc->item);
}

bool ncc_service_ready(const struct ncc *ncc, uint64_t id, uint8_t scope)
{
	const struct svc *svc = svc_find(ncc, id, scope);
	const struct nh *nh = svc && !svc->removed ? svc->selected : NULL;

	return nh && nh->has_state && nh->state.ifindex;
}
