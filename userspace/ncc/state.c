/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desired objects: which are to be sent; next hops, interned by content. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/ncc_int.h"

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

int state_full(struct err *err, const char *map, unsigned int size, const char *member)
{
	return err_set(err, -ENOSPC, "", "", "map %s is full, it holds %u%s%s", map, size,
		       member ? "; raise " : "", member ? member : "");
}

static int check_seg(const struct in6_addr *seg, int number, struct err *err)
{
	if (!IN6_IS_ADDR_UNSPECIFIED(seg) && !IN6_IS_ADDR_MULTICAST(seg))
		return 0;
	return err_set(err, -EINVAL, "segments", "", "must be unicast addresses, number %d is not",
		       number);
}

static int check_direct(const struct plan_nexthop *nh, struct err *err)
{
	if (nh->n_segs != 1 || nh->encap || nh->hop_limit)
		return err_set(err, -EINVAL, "kind", "direct",
			       "must have one address, no encap and no hop limit");
	return check_seg(&nh->segs[0], 1, err);
}

int nh_check(const struct plan_nexthop *nh, struct err *err)
{
	char value[16];
	int r = 0;

	snprintf(value, sizeof(value), "%u", nh->families);
	if (!nh->families || nh->families & ~(SAN_NH_IP6 | SAN_NH_IP4))
		return err_set(err, -EINVAL, "families", value, "must be 1..3");
	if (nh->kind == SAN_NH_DIRECT)
		return check_direct(nh, err);
	snprintf(value, sizeof(value), "%u", nh->kind);
	if (nh->kind != SAN_NH_SRV6)
		return err_set(err, -EINVAL, "kind", value, "must be srv6 or direct");
	snprintf(value, sizeof(value), "%u", nh->n_segs);
	if (nh->n_segs < 1 || nh->n_segs > SAN_MAX_SEGS)
		return err_set(err, -EINVAL, "segments", value, "must be 1..%d", SAN_MAX_SEGS);
	snprintf(value, sizeof(value), "%u", nh->encap);
	if (nh->encap >= SAN_ENCAP_MAX)
		return err_set(err, -EINVAL, "encap", value, "must be 0 or 1");
	for (int i = 0; !r && i < nh->n_segs; i++)
		r = check_seg(&nh->segs[i], i + 1, err);
	return r;
}

/* Next hops of SIDs are the parent's, but take room, too. */
static bool no_room(const struct ncc *ncc)
{
	return ncc->n_nexthops + ncc->n_direct + 1 >= ncc->config.max_nexthops;
}

int nh_ref(struct ncc *ncc, const struct plan_nexthop *content, struct nh **out, struct err *err)
{
	struct nh *nh;

	HASH_FIND(hh, ncc->nexthops, content, sizeof(*content), nh);
	if ((!nh || !nh->refs) && no_room(ncc))
		return state_full(err, "san_nexthops", ncc->config.max_nexthops - 1,
				  "maps.nexthops");
	if (!nh)
		nh = nh_new(ncc, content);
	if (!nh)
		return err_set(err, -ENOMEM, "", "", "no memory");
	if (nh->refs++ == 0) {
		ncc->n_nexthops++;
		nh->has_state = false; /* the parent may have given it up meanwhile: it tells */
		state_mark(ncc, &nh->item);
	}
	*out = nh;
	return 0;
}

void nh_unref(struct ncc *ncc, struct nh *nh)
{
	if (--nh->refs)
		return;
	ncc->n_nexthops--;
	if (nh->item.sent)
		state_mark(ncc, &nh->item);
	else
		nh_free(ncc, nh);
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
