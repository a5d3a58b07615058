/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shadow as a whole: rebuilt from what is in place, and given up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

/* No link to hold it, no way to its neighbour, or another's route in its place, is no reason to
 * refuse a plan with all that is in it: the entry in the map is what counts, and the audit puts the
 * route when it can. */
bool shadow_can_wait(struct apply *a, int r, struct err *err)
{
	char text[512];

	if (r != -ENETDOWN && r != -ENODEV && r != -EEXIST && r != -ENETUNREACH &&
	    r != -EHOSTUNREACH)
		return false;
	if (r == -EEXIST && session_may_log(a))
		log_warn("route waits", "text=\"%s\"", err_text(err, text, sizeof(text)));
	if (err)
		memset(err, 0, sizeof(*err));
	return true;
}

static int adopt_hops(struct apply *a)
{
	uint32_t n = dp_nexthop_max(a->dp);

	for (uint32_t i = 1; i < n; i++) {
		struct san_nexthop val;
		int r = dp_nexthop_get(a->dp, i, &val);

		if (!r && val.kind != SAN_NH_UNUSED)
			r = hop_adopt(a, i, &val);
		if (r)
			return r;
	}
	return 0;
}

static int adopt_all(struct apply *a)
{
	int r = adopt_hops(a);

	if (!r)
		r = shadow_adopt_entries(a);
	if (!r)
		r = shadow_adopt_routes(a);
	if (!r)
		r = shadow_adopt_sids(a);
	if (!r)
		r = dp_domain_get(a->dp, &a->domain);
	a->domain.class_set = 0;
	return r;
}

int shadow_open(struct apply *a, struct err *err)
{
	uint32_t max = dp_nexthop_max(a->dp);
	int r = pool_init(&a->indexes, max);

	if (!r)
		r = pool_init(&a->stat_indexes, dp_stats_max(a->dp));
	if (!r)
		r = buddy_init(&a->ranges, a->conf.config.max_slots);
	a->by_index = calloc(max, sizeof(struct hop *));
	if (!a->by_index)
		r = -ENOMEM;
	if (!r)
		r = adopt_all(a);
	if (r) {
		shadow_clear(a);
		return err_set(err, r, "", "", "what is in place cannot be read: %s", strerror(-r));
	}
	room_look(a); /* counts what is there once and for all */
	if ((a->hops || a->entries || a->routes || a->sids) && session_may_log(a))
		log_info("adopted", "nexthops=%u services=%u routes=%u sids=%u",
			 HASH_COUNT(a->hops), HASH_COUNT(a->entries), HASH_COUNT(a->routes),
			 HASH_COUNT(a->sids));
	return 0;
}

void shadow_clear(struct apply *a)
{
	struct hop *hop, *next;

	HASH_ITER(hh, a->hops, hop, next) {
		hop_forget(a, hop);
	}
	shadow_clear_entries(a);
	shadow_forget_routes(a);
	shadow_clear_sids(a);
	egress_clear(a);
	rules_clear(&a->rules);
	free(a->by_index);
	a->by_index = NULL;
	a->orphans = a->direct_changed = false;
	pool_fini(&a->indexes);
	pool_fini(&a->stat_indexes);
	buddy_fini(&a->ranges);
}
