/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many functions of the locator the instances of one lease have: who may write instances must
 * not be able to take them all. Wishes beyond that wait until one of the same lease is free, and
 * are not looked at before.
 */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "csc/csc_int.h"

#include <inttypes.h>
#include <stdlib.h>

#include "util/log.h"

static struct csc_quota *quota_find(const struct csc *csc, int64_t lease)
{
	struct csc_quota *quota;

	HASH_FIND(hh, csc->quotas, &lease, sizeof(lease), quota);
	return quota;
}

static struct csc_quota *quota_new(struct csc *csc, int64_t lease)
{
	struct csc_quota *quota = calloc(1, sizeof(*quota));

	if (!quota)
		return NULL;
	quota->lease = lease;
	HASH_ADD(hh, csc->quotas, lease, sizeof(quota->lease), quota);
	if (!quota->hh.tbl) {
		free(quota);
		return NULL;
	}
	return quota;
}

/* What there is no memory for is not counted. */
void csc_quota_add(struct csc *csc, int64_t lease)
{
	struct csc_quota *quota = quota_find(csc, lease);

	if (!quota)
		quota = quota_new(csc, lease);
	if (quota)
		quota->n++;
}

void csc_quota_drop(struct csc *csc, int64_t lease)
{
	struct csc_quota *quota = quota_find(csc, lease);

	if (!quota)
		return;
	quota->n--;
	if (quota->waiting && quota->n < csc->sids_per_lease)
		csc_sid_wake(quota);
	if (quota->n)
		return;
	HASH_DEL(csc->quotas, quota);
	free(quota);
}

struct csc_quota *csc_quota_full(struct csc *csc, int64_t lease)
{
	struct csc_quota *quota = quota_find(csc, lease);

	if (!quota || quota->n < csc->sids_per_lease)
		return NULL;
	if (!quota->said)
		log_warn("instances of one lease have all the SIDs that it may have, others wait",
			 "lease=%" PRId64 " at_most=%u", lease, csc->sids_per_lease);
	quota->said = true;
	return quota;
}

void csc_quotas_fini(struct csc *csc)
{
	struct csc_quota *quota, *next;

	HASH_ITER(hh, csc->quotas, quota, next) {
		HASH_DEL(csc->quotas, quota);
		free(quota);
	}
}
