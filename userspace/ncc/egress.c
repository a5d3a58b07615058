/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of what is decapsulated here, one for a service: its local entry and the SIDs of its
 * instances share it. */
#include <stdlib.h>

#include "ncc/apply_int.h"

static struct egress *find(const struct apply *a, uint64_t service_id)
{
	struct egress *e;

	HASH_FIND(hh, a->egress, &service_id, sizeof(service_id), e);
	return e;
}

static struct egress *add(struct apply *a, uint64_t service_id)
{
	struct egress *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->service_id = service_id;
	HASH_ADD(hh, a->egress, service_id, sizeof(e->service_id), e);
	return e;
}

uint32_t egress_ref(struct apply *a, uint64_t service_id)
{
	struct egress *e;

	if (!service_id)
		return SAN_STATS_NONE;
	e = find(a, service_id);
	if (!e) {
		e = add(a, service_id);
		if (!e)
			return SAN_STATS_NONE;
		e->stats = pool_take(&a->stat_indexes, apply_now_ms());
		if (e->stats)
			dp_svc_stats_clear(a->dp, e->stats);
	}
	e->refs++;
	return e->stats;
}

void egress_unref(struct apply *a, uint64_t service_id)
{
	struct egress *e = find(a, service_id);

	if (!e || --e->refs)
		return;
	pool_put_back(&a->stat_indexes, e->stats);
	HASH_DEL(a->egress, e);
	free(e);
}

void egress_adopt(struct apply *a, uint64_t service_id, uint32_t stats)
{
	struct egress *e;

	if (!service_id)
		return;
	e = find(a, service_id);
	if (!e) {
		e = add(a, service_id);
		if (!e)
			return;
		e->stats = pool_mark(&a->stat_indexes, stats) ? stats : SAN_STATS_NONE;
	}
	e->refs++;
}

void egress_clear(struct apply *a)
{
	struct egress *e, *next;

	HASH_ITER(hh, a->egress, e, next) {
		HASH_DEL(a->egress, e);
		free(e);
	}
}
