/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired services and next hops, interned by content. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/ncc_int.h"
#include "util/name.h"
#include "util/own.h"

/* --- lists --- */

void state_unlist(struct ncc *ncc, struct item *item)
{
	if (item->dirty)
		DL_DELETE(ncc->dirty, item);
	if (item->leaving)
		DL_DELETE(ncc->leaving, item);
	item->dirty = item->leaving = false;
}

void state_mark(struct ncc *ncc, struct item *item)
{
	if (item->dirty)
		return;
	state_unlist(ncc, item);
	item->dirty = true;
	DL_APPEND(ncc->dirty, item);
}

/* --- next hops --- */

struct nh *state_nexthop(const struct ncc *ncc, uint32_t id)
{
	struct nh *nh;

	HASH_FIND(hh_id, ncc->nexthops_by_id, &id, sizeof(id), nh);
	return nh;
}

static void nh_free(struct ncc *ncc, struct nh *nh)
{
	state_unlist(ncc, &nh->item);
	HASH_DEL(ncc->nexthops, nh);
	HASH_DELETE(hh_id, ncc->nexthops_by_id, nh);
	free(nh);
}

static struct nh *nh_new(struct ncc *ncc, const struct plan_nexthop *content)
{
	struct nh *nh = calloc(1, sizeof(*nh));

	if (!nh)
		return NULL;
	nh->item.kind = ITEM_NEXTHOP;
	nh->content = *content;
	do {
		nh->id = ++ncc->last_id;
	} while (!nh->id || state_nexthop(ncc, nh->id));
	HASH_ADD(hh, ncc->nexthops, content, sizeof(nh->content), nh);
	HASH_ADD(hh_id, ncc->nexthops_by_id, id, sizeof(nh->id), nh);
	return nh;
}

static int nh_ref(struct ncc *ncc, const struct plan_nexthop *content, struct nh **out,
		  struct err *err)
{
	struct nh *nh;
	char value[16];

	HASH_FIND(hh, ncc->nexthops, content, sizeof(*content), nh);
	if ((!nh || !nh->refs) && ncc->n_nexthops + 1 >= ncc->config.max_nexthops) {
		snprintf(value, sizeof(value), "%u", ncc->n_nexthops);
		return err_set(err, -ENOSPC, "next hops", value,
			       "limit reached, at most %u are configured",
			       ncc->config.max_nexthops - 1);
	}
	if (!nh)
		nh = nh_new(ncc, content);
	if (!nh)
		return err_set(err, -ENOMEM, "", "", "no memory");
	if (nh->refs++ == 0) {
		ncc->n_nexthops++;
		state_mark(ncc, &nh->item);
	}
	*out = nh;
	return 0;
}

static void nh_unref(struct ncc *ncc, struct nh *nh)
{
	if (--nh->refs)
		return;
	ncc->n_nexthops--;
	if (nh->item.sent)
		state_mark(ncc, &nh->item);
	else
		nh_free(ncc, nh);
}

/* --- addresses --- */

static void address_elect(struct ncc *ncc, struct address *a)
{
	struct svc *owner = NULL, *s;

	for (s = a->users; s; s = s->addr_next) {
		if (!owner || s->id < owner->id)
			owner = s;
	}
	if (owner == a->owner)
		return;
	if (a->owner)
		state_mark(ncc, &a->owner->item);
	if (owner)
		state_mark(ncc, &owner->item);
	a->owner = owner;
}

static void address_leave(struct ncc *ncc, struct svc *svc)
{
	struct address *a = svc->address;

	if (!a)
		return;
	svc->address = NULL;
	DL_DELETE2(a->users, svc, addr_prev, addr_next);
	address_elect(ncc, a);
	if (a->users)
		return;
	HASH_DEL(ncc->addresses, a);
	free(a);
}

static struct address *address_get(struct ncc *ncc, const struct in6_addr *addr)
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

/* a: from address_get, or NULL. */
static void address_join(struct ncc *ncc, struct svc *svc, struct address *a)
{
	if (svc->address == a)
		return;
	address_leave(ncc, svc);
	svc->address = a;
	if (!a)
		return;
	DL_APPEND2(a->users, svc, addr_prev, addr_next);
	address_elect(ncc, a);
}

/* --- services --- */

static struct svc *svc_find(struct ncc *ncc, uint64_t id)
{
	struct svc *svc;

	HASH_FIND(hh, ncc->services, &id, sizeof(id), svc);
	return svc;
}

static void svc_drop_alive(struct ncc *ncc, struct svc *svc)
{
	for (unsigned int i = 0; i < svc->n_alive; i++)
		nh_unref(ncc, svc->alive[i]);
	free(svc->alive);
	svc->alive = NULL;
	svc->n_alive = 0;
	svc->selected = NULL;
}

static void svc_free(struct ncc *ncc, struct svc *svc)
{
	address_leave(ncc, svc);
	svc_drop_alive(ncc, svc);
	state_unlist(ncc, &svc->item);
	HASH_DEL(ncc->services, svc);
	free(svc);
}

static int check_nexthop(const struct plan_nexthop *nh, struct err *err)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", nh->n_segs);
	if (nh->n_segs < 1 || nh->n_segs > SAN_MAX_SEGS)
		return err_set(err, -EINVAL, "segments", value, "must be 1..%d", SAN_MAX_SEGS);
	snprintf(value, sizeof(value), "%u", nh->encap);
	if (nh->encap >= SAN_ENCAP_MAX)
		return err_set(err, -EINVAL, "encap", value, "must be 0 or 1");
	for (int i = 0; i < nh->n_segs; i++) {
		if (IN6_IS_ADDR_UNSPECIFIED(&nh->segs[i]) || IN6_IS_ADDR_MULTICAST(&nh->segs[i]))
			return err_set(err, -EINVAL, "segments", "",
				       "must be unicast addresses, number %d is not", i + 1);
	}
	return 0;
}

static int check_service(const struct ncc *ncc, const struct plan_service *p, struct err *err)
{
	char value[24];
	int r = 0;

	if (!p->id)
		return err_set(err, -EINVAL, "id", "0", "must not be 0");
	snprintf(value, sizeof(value), "%u", p->n_alive);
	if (p->n_alive > PLAN_MAX_ALIVE)
		return err_set(err, -ENOSPC, "next hops", value, "must be at most %d",
			       PLAN_MAX_ALIVE);
	snprintf(value, sizeof(value), "%u", p->mode);
	if (p->mode > SAN_MODE_PREFERRED)
		return err_set(err, -EINVAL, "mode", value, "must be none or preferred");
	snprintf(value, sizeof(value), "%u", p->affinity);
	if (p->affinity > SAN_AFFINITY_FLOW)
		return err_set(err, -EINVAL, "affinity", value, "must be 0..2");
	for (unsigned int i = 0; !r && i < p->n_alive; i++)
		r = check_nexthop(&p->alive[i], err);
	if (!r && p->selected)
		r = check_nexthop(p->selected, err);
	return r;
}

/* Fixed form: unused segments and padding zero, so that equal next hops are equal bytes. */
static struct plan_nexthop normal(const struct plan_nexthop *in)
{
	struct plan_nexthop out;

	memset(&out, 0, sizeof(out));
	out.encap = in->encap;
	out.n_segs = in->n_segs;
	out.hop_limit = in->hop_limit;
	memcpy(out.segs, in->segs, in->n_segs * sizeof(in->segs[0]));
	return out;
}

struct wish {
	struct nh **alive;
	unsigned int n;
	struct nh *selected;
};

static int wish_add(struct ncc *ncc, struct wish *w, const struct plan_nexthop *in, struct err *err)
{
	struct plan_nexthop content = normal(in);
	int r = nh_ref(ncc, &content, &w->alive[w->n], err);

	return r ? r : (w->n++, 0);
}

static int by_id(const void *a, const void *b)
{
	const struct nh *x = *(struct nh *const *)a, *y = *(struct nh *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* One reference for each distinct next hop, in order of id. */
static void wish_unique(struct ncc *ncc, struct wish *w)
{
	unsigned int n = 0;

	qsort(w->alive, w->n, sizeof(w->alive[0]), by_id);
	for (unsigned int i = 0; i < w->n; i++) {
		if (n && w->alive[n - 1] == w->alive[i])
			nh_unref(ncc, w->alive[i]);
		else
			w->alive[n++] = w->alive[i];
	}
	w->n = n;
}

static int wish_take(struct ncc *ncc, struct wish *w, const struct plan_service *p, struct err *err)
{
	int r = 0;

	memset(w, 0, sizeof(*w));
	w->alive = calloc(p->n_alive + 1, sizeof(w->alive[0]));
	if (!w->alive)
		return err_set(err, -ENOMEM, "", "", "no memory");
	if (p->selected) {
		r = wish_add(ncc, w, p->selected, err);
		w->selected = w->alive[0];
	}
	for (unsigned int i = 0; !r && i < p->n_alive; i++)
		r = wish_add(ncc, w, &p->alive[i], err);
	if (!r) {
		wish_unique(ncc, w);
		return 0;
	}
	for (unsigned int i = 0; i < w->n; i++)
		nh_unref(ncc, w->alive[i]);
	free(w->alive);
	return r;
}

/* What the parent is told differs: the alive list only matters through the next hops themselves. */
static bool svc_differs(const struct svc *svc, const struct plan_service *p, const struct wish *w)
{
	return svc->selected != w->selected || svc->mode != p->mode ||
	       svc->affinity != p->affinity || svc->removed;
}

static struct svc *svc_get(struct ncc *ncc, const struct plan_service *p, struct err *err)
{
	struct svc *svc = svc_find(ncc, p->id);
	char value[16];

	if ((!svc || svc->removed) && ncc->n_services >= ncc->config.max_services) {
		snprintf(value, sizeof(value), "%u", ncc->n_services);
		err_set(err, -ENOSPC, "services", value, "limit reached, at most %u are configured",
			ncc->config.max_services);
		return NULL;
	}
	if (svc)
		return svc;
	svc = calloc(1, sizeof(*svc));
	if (!svc) {
		err_set(err, -ENOMEM, "", "", "no memory");
		return NULL;
	}
	svc->item.kind = ITEM_SERVICE;
	svc->id = p->id;
	svc->removed = true; /* until it is put: makes it differ from every wish */
	HASH_ADD(hh, ncc->services, id, sizeof(svc->id), svc);
	return svc;
}

static void svc_set(struct ncc *ncc, struct svc *svc, const struct plan_service *p,
		    const struct wish *w)
{
	bool differs = svc_differs(svc, p, w);

	if (svc->removed)
		ncc->n_services++;
	svc_drop_alive(ncc, svc);
	svc->removed = false;
	svc->mode = p->mode;
	svc->affinity = p->affinity;
	svc->selected = w->selected;
	svc->alive = w->alive;
	svc->n_alive = w->n;
	if (differs)
		state_mark(ncc, &svc->item);
	if (svc->item.dirty)
		svc->desired = ncc->generation + 1;
}

static int service_put(struct ncc *ncc, const struct plan_service *p, struct err *err)
{
	struct address *address = NULL;
	struct err own = {0};
	struct svc *svc;
	struct wish w;
	int r = check_service(ncc, p, err);

	if (r)
		return r;
	r = wish_take(ncc, &w, p, err);
	if (r)
		return r;
	svc = svc_get(ncc, p, &own);
	if (svc && !IN6_IS_ADDR_UNSPECIFIED(&p->address)) {
		address = address_get(ncc, &p->address);
		if (!address)
			err_set(&own, -ENOMEM, "", "", "no memory");
	}
	if (own.code) {
		for (unsigned int i = 0; i < w.n; i++)
			nh_unref(ncc, w.alive[i]);
		free(w.alive);
		if (svc && svc->removed && !svc->item.sent)
			svc_free(ncc, svc);
		if (err)
			*err = own;
		return own.code;
	}
	address_join(ncc, svc, address);
	svc_set(ncc, svc, p, &w);
	return 0;
}

int ncc_service_put(struct ncc *ncc, const struct plan_service *svc, struct err *err)
{
	char text[SVC_ID_TEXT];
	int r = service_put(ncc, svc, err);

	if (r)
		err_object(err, "service %s", svc_id_text(svc->id, text));
	return r;
}

void ncc_service_del(struct ncc *ncc, uint64_t id)
{
	struct svc *svc = svc_find(ncc, id);

	if (!svc || svc->removed)
		return;
	ncc->n_services--;
	if (!svc->item.sent) {
		svc_free(ncc, svc);
		return;
	}
	address_leave(ncc, svc);
	svc_drop_alive(ncc, svc);
	svc->removed = true;
	state_mark(ncc, &svc->item);
}

/* --- end of objects --- */

void state_free_item(struct ncc *ncc, struct item *item)
{
	if (item->kind == ITEM_NEXTHOP)
		nh_free(ncc, (struct nh *)item);
	else if (item->kind == ITEM_SERVICE)
		svc_free(ncc, (struct svc *)item);
	else
		sid_free(ncc, (struct sid *)item);
}

void state_clear(struct ncc *ncc)
{
	struct svc *svc, *next_svc;
	struct nh *nh, *next_nh;
	struct sid *sid, *next_sid;

	HASH_ITER(hh, ncc->services, svc, next_svc) {
		svc_free(ncc, svc);
	}
	HASH_ITER(hh, ncc->nexthops, nh, next_nh) {
		nh_free(ncc, nh);
	}
	HASH_ITER(hh, ncc->sids, sid, next_sid) {
		sid_free(ncc, sid);
	}
}
