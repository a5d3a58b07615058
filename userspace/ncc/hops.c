/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Next hops of the shadow: index by content. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

static struct hop_key key_of(const struct san_nexthop *val)
{
	struct hop_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.outer, val->outer, sizeof(key.outer));
	key.outer_len = val->outer_len;
	key.hop_limit = val->hop_limit;
	key.families = val->families;
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
	dst = hop_destination(hop);
	nl_watch(a->nl, &dst);
	return hop;
}

void hop_forget(struct apply *a, struct hop *hop)
{
	struct in6_addr dst = hop_destination(hop);

	nl_forget(a->nl, &dst);
	hop_name(a, hop, 0);
	if (hop->report)
		DL_DELETE(a->reports, hop);
	HASH_DEL(a->hops, hop);
	a->by_index[hop->index] = NULL;
	pool_give(&a->indexes, hop->index, apply_now_ms());
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

/* --- take and release --- */

static int map_failed(struct err *err, int r, uint32_t index)
{
	err_set(err, r, "", "", "map san_nexthops not written: %s", strerror(-r));
	err_object(err, "next hop at index %u", index);
	return r;
}

static int hop_write_new(struct apply *a, struct hop *hop, struct err *err)
{
	struct san_nexthop val = hop->val;
	int r;

	hop_look(a, hop, &val);
	hop->val = val;
	dp_nh_stats_clear(a->dp, hop->index);
	r = dp_nexthop_put(a->dp, hop->index, &val);
	if (r)
		return map_failed(err, r, hop->index);
	a->applied++;
	return 0;
}

static int hop_create(struct apply *a, const struct san_nexthop *want, struct hop **out,
		      struct err *err)
{
	uint32_t index = pool_take(&a->indexes, apply_now_ms());
	struct undo undo = {.kind = UNDO_HOP_NEW};
	struct san_nexthop val = *want, old = {0};
	struct hop *hop = NULL;

	if (!index)
		return room_error(a, err, SAN_MAP_NEXTHOPS);
	dp_nexthop_get(a->dp, index, &old);
	val.epoch = old.epoch; /* bumped when the index was given up */
	val.kind = SAN_NH_UNRESOLVED;
	undo.hop.index = index;
	if (!undo_push(a, &undo))
		hop = hop_new(a, index, &val);
	if (!hop) {
		pool_give(&a->indexes, index, apply_now_ms());
		return map_failed(err, -ENOMEM, index);
	}
	*out = hop;
	return hop_write_new(a, hop, err);
}

/* Differs from what was written: somebody else's hand, or a lost write. */
int hop_verify(struct apply *a, struct hop *hop)
{
	struct san_nexthop real;

	if (!dp_nexthop_get(a->dp, hop->index, &real) && !memcmp(&real, &hop->val, sizeof(real)))
		return 0;
	apply_repaired(a, SAN_REPAIR_NEXTHOPS);
	a->applied++;
	return dp_nexthop_put(a->dp, hop->index, &hop->val);
}

static int hop_keep(struct apply *a, struct hop *hop, uint32_t id, struct err *err)
{
	struct undo undo = {.kind = UNDO_HOP_NAME};
	int r;

	if (hop->plan == a->stamp)
		return draft_hop_error(err, -EEXIST, id, "segs",
				       "must differ from those of another next hop of the plan");
	undo.hop.index = hop->index;
	undo.hop.id = hop->id;
	undo.hop.has_segs = hop->has_segs;
	undo.hop.msg = hop->msg;
	r = undo_push(a, &undo);
	if (!r)
		r = hop_verify(a, hop);
	if (!r && hop_is_direct(hop) && IN6_IS_ADDR_UNSPECIFIED(&hop->gateway))
		r = hop_resolve(a, hop); /* adopted: routes need its neighbour */
	return r ? map_failed(err, r, hop->index) : 0;
}

int hop_take(struct apply *a, const struct draft_hop *want, struct err *err)
{
	struct hop *hop = hop_by_content(a, &want->val);
	int r = hop ? hop_keep(a, hop, want->msg.id, err) : hop_create(a, &want->val, &hop, err);

	if (r) {
		err_object(err, "next hop %u", want->msg.id);
		return r;
	}
	hop->msg = want->msg;
	hop->has_segs = true;
	hop->plan = a->stamp;
	hop_name(a, hop, want->msg.id);
	talk_report_hop(a, hop); /* the child may be new and not know the index */
	return 0;
}

int hop_direct(struct apply *a, const struct in6_addr *address, struct hop **out, struct err *err)
{
	struct san_nexthop val;
	struct hop *hop;

	memset(&val, 0, sizeof(val));
	dp_direct_build(address, &val);
	val.families = IN6_IS_ADDR_V4MAPPED(address) ? SAN_NH_IP4 : SAN_NH_IP6;
	hop = hop_by_content(a, &val);
	if (!hop) {
		int r = hop_create(a, &val, &hop, err);

		if (r)
			return r;
	}
	*out = hop;
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
