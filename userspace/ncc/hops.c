/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Next hops of the shadow: index by content, resolution. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

#define OUTER_DST 24 /* destination address in the IPv6 header: the first segment */

static struct hop_key key_of(const struct san_nexthop *val)
{
	struct hop_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.outer, val->outer, sizeof(key.outer));
	key.outer_len = val->outer_len;
	key.hop_limit = val->hop_limit;
	return key;
}

struct hop *hop_by_id(const struct apply *a, uint32_t id)
{
	struct hop *hop;

	HASH_FIND(hh_id, a->hops_by_id, &id, sizeof(id), hop);
	return hop;
}

struct hop *hop_by_content(const struct apply *a, const struct san_nexthop *val)
{
	struct hop_key key = key_of(val);
	struct hop *hop;

	HASH_FIND(hh, a->hops, &key, sizeof(key), hop);
	return hop;
}

struct hop *hop_by_index(const struct apply *a, uint32_t index)
{
	return a->by_index && index < a->indexes.max ? a->by_index[index] : NULL;
}

static struct in6_addr first_segment(const struct hop *hop)
{
	struct in6_addr dst;

	memcpy(&dst, (const char *)hop->val.outer + OUTER_DST, sizeof(dst));
	return dst;
}

void hop_name(struct apply *a, struct hop *hop, uint32_t id)
{
	struct hop *other = id ? hop_by_id(a, id) : NULL;

	if (other && other != hop)
		hop_name(a, other, 0);
	if (hop->id)
		HASH_DELETE(hh_id, a->hops_by_id, hop);
	hop->id = id;
	if (id)
		HASH_ADD(hh_id, a->hops_by_id, id, sizeof(hop->id), hop);
}

static struct hop *hop_new(struct apply *a, uint32_t index, const struct san_nexthop *val)
{
	struct hop *hop = calloc(1, sizeof(*hop));
	struct in6_addr dst;

	if (!hop)
		return NULL;
	hop->key = key_of(val);
	hop->index = index;
	hop->val = *val;
	snprintf(hop->why, sizeof(hop->why), "not resolved yet");
	HASH_ADD(hh, a->hops, key, sizeof(hop->key), hop);
	a->by_index[index] = hop;
	dst = first_segment(hop);
	nl_watch(a->nl, &dst);
	return hop;
}

void hop_forget(struct apply *a, struct hop *hop)
{
	struct in6_addr dst = first_segment(hop);

	nl_forget(a->nl, &dst);
	hop_name(a, hop, 0);
	if (hop->report)
		DL_DELETE(a->reports, hop);
	HASH_DEL(a->hops, hop);
	a->by_index[hop->index] = NULL;
	pool_give(&a->indexes, hop->index);
	free(hop);
}

int hop_adopt(struct apply *a, uint32_t index, const struct san_nexthop *val)
{
	if (hop_by_content(a, val))
		return 0; /* a second index for the same: left free, epochs protect its flows */
	if (!pool_mark(&a->indexes, index))
		return -EINVAL;
	return hop_new(a, index, val) ? 0 : -ENOMEM;
}

/* --- resolution --- */

static int look(struct apply *a, struct hop *hop, struct san_nexthop *val)
{
	struct in6_addr dst = first_segment(hop);
	struct nl_adj adj;
	int r = nl_resolve(a->nl, &dst, &adj);

	memset(val->dst_mac, 0, sizeof(val->dst_mac));
	memset(val->src_mac, 0, sizeof(val->src_mac));
	val->kind = SAN_NH_UNRESOLVED;
	val->ifindex = 0;
	val->mtu = 0;
	hop->ifname[0] = '\0';
	if (!r && !host_by_index(a, adj.ifindex)) {
		/* Not in san_tx: a redirect there would lose the packet. */
		snprintf(hop->why, sizeof(hop->why), "leaves by %s, which has no role here",
			 adj.ifname);
		return -ENETUNREACH;
	}
	if (r) {
		memcpy(hop->why, adj.why, sizeof(hop->why));
		return r;
	}
	val->kind = SAN_NH_SRV6;
	val->ifindex = adj.ifindex;
	val->mtu = adj.mtu;
	memcpy(val->dst_mac, adj.dst_mac, sizeof(val->dst_mac));
	memcpy(val->src_mac, adj.src_mac, sizeof(val->src_mac));
	memcpy(hop->ifname, adj.ifname, sizeof(hop->ifname));
	hop->why[0] = '\0';
	return 0;
}

int hop_resolve(struct apply *a, struct hop *hop)
{
	struct san_nexthop val = hop->val;
	char before[SAN_TEXT_LEN];
	int r;

	memcpy(before, hop->why, sizeof(before));
	look(a, hop, &val);
	if (memcmp(&val, &hop->val, sizeof(val))) {
		r = dp_nexthop_put(a->dp, hop->index, &val);
		if (r)
			return r;
		hop->val = val;
		talk_report_hop(a, hop);
	} else if (strcmp(before, hop->why)) {
		talk_report_hop(a, hop);
	}
	return 0;
}

void hops_resolve(struct apply *a)
{
	struct hop *hop, *next;

	HASH_ITER(hh, a->hops, hop, next) {
		int r = hop_resolve(a, hop);

		if (r)
			log_err("next hop not written", "index=%u error=\"%s\"", hop->index,
				strerror(-r));
	}
}

/* --- take and release --- */

static int map_failed(struct err *err, int r, uint32_t id)
{
	err_set(err, r, "", "", "map san_nexthops not written: %s", strerror(-r));
	err_object(err, "next hop %u", id);
	return r;
}

static int hop_create(struct apply *a, const struct draft_hop *want, struct err *err)
{
	struct undo undo = {.kind = UNDO_HOP_NEW};
	struct san_nexthop val = want->val, old = {0};
	uint32_t index = pool_take(&a->indexes);
	struct hop *hop;
	int r;

	if (!index) {
		err_set(err, -ENOSPC, "", "", "no free index, at most %u are configured",
			a->indexes.max - 1);
		err_object(err, "next hop %u", want->msg.id);
		return -ENOSPC;
	}
	dp_nexthop_get(a->dp, index, &old);
	val.epoch = old.epoch; /* bumped when the index was given up */
	val.kind = SAN_NH_UNRESOLVED;
	undo.hop.index = index;
	r = undo_push(a, &undo);
	hop = r ? NULL : hop_new(a, index, &val);
	if (!hop) {
		pool_give(&a->indexes, index);
		return map_failed(err, -ENOMEM, want->msg.id);
	}
	look(a, hop, &val);
	hop->val = val;
	dp_nh_stats_clear(a->dp, index);
	r = dp_nexthop_put(a->dp, index, &val);
	if (r)
		return map_failed(err, r, want->msg.id);
	a->applied++;
	hop->msg = want->msg;
	hop->has_segs = true;
	hop->plan = a->stamp;
	hop_name(a, hop, want->msg.id);
	talk_report_hop(a, hop);
	return 0;
}

/* Differs from what was written: somebody else's hand, or a lost write. */
int hop_verify(struct apply *a, struct hop *hop)
{
	struct san_nexthop real;

	if (!dp_nexthop_get(a->dp, hop->index, &real) && !memcmp(&real, &hop->val, sizeof(real)))
		return 0;
	a->repaired++;
	a->applied++;
	return dp_nexthop_put(a->dp, hop->index, &hop->val);
}

int hop_take(struct apply *a, const struct draft_hop *want, struct err *err)
{
	struct hop *hop = hop_by_content(a, &want->val);
	struct undo undo = {.kind = UNDO_HOP_NAME};
	int r;

	if (!hop)
		return hop_create(a, want, err);
	if (hop->plan == a->stamp) {
		err_set(err, -EEXIST, "segs", "", "must differ from those of next hop %u", hop->id);
		err_object(err, "next hop %u", want->msg.id);
		return -EEXIST;
	}
	undo.hop.index = hop->index;
	undo.hop.id = hop->id;
	undo.hop.has_segs = hop->has_segs;
	undo.hop.msg = hop->msg;
	r = undo_push(a, &undo);
	if (!r)
		r = hop_verify(a, hop);
	if (r)
		return map_failed(err, r, want->msg.id);
	hop->msg = want->msg;
	hop->has_segs = true;
	hop->plan = a->stamp;
	hop_name(a, hop, want->msg.id);
	talk_report_hop(a, hop); /* the child may be new and not know the index */
	return 0;
}

/* The index is free afterwards. Flows that point to it are void by the new epoch. */
void hop_release(struct apply *a, struct hop *hop)
{
	struct san_nexthop val = {.kind = SAN_NH_UNUSED, .epoch = hop->val.epoch + 1};
	uint32_t index = hop->index;
	int r = dp_nexthop_put(a->dp, index, &val);

	if (r)
		log_err("next hop not removed", "index=%u error=\"%s\"", index, strerror(-r));
	a->applied++;
	hop_forget(a, hop);
}
