/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIDs for instances of this gateway that somebody else wrote without one. A wish lives as long as
 * the instance is ours and has none; it keeps its function all that time, because a write without
 * an answer may have happened. It is written on condition that the address is the one that was
 * seen, the gateway has not changed since, and nobody else gave a SID; what does not hold any more
 * the follower tells, and then it is tried again. Only errors of the database are tried again by
 * time.
 */
#define HASH_NONFATAL_OOM 1 /* a failed HASH_ADD leaves hh.tbl NULL */
#include "csc/csc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "model/in6.h"

enum wish_state {
	WISH_READY,   /* in csc->ready */
	WISH_FLYING,  /* a write is under way */
	WISH_LATER,   /* in csc->later: the database did not take it, or no function is free */
	WISH_OVER,    /* in its quota's list: no function is free for its lease */
	WISH_WAITING, /* it was refused: until the follower tells why */
};

struct csc_wish {
	struct csc_instance_key key;
	struct csc *csc; /* NULL: not wanted any more, or closed */
	int function;	 /* -1: none yet */
	enum wish_state state;
	bool changed;  /* since the write started */
	bool promised; /* counted in the quota of this lease: */
	int64_t lease;
	struct csc_quota *quota;      /* of WISH_OVER */
	struct csc_wish *prev, *next; /* in one of the lists */
	UT_hash_handle hh;
};

static struct csc_wish *wish_find(const struct csc *csc, const struct csc_instance_key *key)
{
	struct csc_wish *wish;

	HASH_FIND(hh, csc->wishes, key, sizeof(*key), wish);
	return wish;
}

/* Out of the list that it is in. */
static void wish_unlist(struct csc_wish *wish)
{
	switch (wish->state) {
	case WISH_READY:
		DL_DELETE(wish->csc->ready, wish);
		break;
	case WISH_LATER:
		DL_DELETE(wish->csc->later, wish);
		break;
	case WISH_OVER:
		DL_DELETE(wish->quota->waiting, wish);
		break;
	default:
		break;
	}
}

/* From here on: of a wish that is in no list. */
static void wish_ready(struct csc_wish *wish)
{
	wish->state = WISH_READY;
	DL_APPEND(wish->csc->ready, wish);
}

static void wish_later(struct csc_wish *wish)
{
	wish->state = WISH_LATER;
	DL_APPEND(wish->csc->later, wish);
	csc_retry(wish->csc);
}

static void wish_over(struct csc_wish *wish, struct csc_quota *quota)
{
	wish->state = WISH_OVER;
	wish->quota = quota;
	DL_APPEND(quota->waiting, wish);
}

static void wish_promise(struct csc_wish *wish, int64_t lease)
{
	wish->promised = true;
	wish->lease = lease;
	csc_quota_add(wish->csc, lease);
}

static void wish_renounce(struct csc_wish *wish)
{
	if (!wish->promised)
		return;
	wish->promised = false;
	csc_quota_drop(wish->csc, wish->lease);
}

void csc_sid_wake(struct csc_quota *quota)
{
	struct csc_wish *wish = quota->waiting;

	wish_unlist(wish);
	wish_ready(wish);
	wish_promise(wish, quota->lease);
}

static void wish_new(struct csc *csc, const struct csc_instance_key *key)
{
	struct csc_wish *wish = calloc(1, sizeof(*wish));

	if (!wish)
		return; /* the next event of the instance comes here, too */
	wish->key = *key;
	wish->csc = csc;
	wish->function = -1;
	HASH_ADD(hh, csc->wishes, key, sizeof(wish->key), wish);
	if (wish->hh.tbl)
		wish_ready(wish);
	else
		free(wish);
}

/* Mostly because the instance has its SID now: before the write is answered, which ends it. */
static void wish_drop(struct csc *csc, struct csc_wish *wish)
{
	HASH_DEL(csc->wishes, wish);
	functions_drop(&csc->functions, wish->function);
	wish_unlist(wish);
	wish_renounce(wish);
	wish->csc = NULL;
	if (wish->state == WISH_FLYING) {
		csc->n_flying--;
		csc->retry_ms = 0;
		return;
	}
	free(wish);
}

static bool is_wanted(const struct csc *csc, const struct csc_instance_key *key)
{
	const struct csc_instance *inst = csc_instance_find(csc, key->service, key->name);
	const struct view_instance *seen;

	if (!inst || inst->fields & 1u << FIELD_SID ||
	    (inst->fields & FIELDS_REGISTERED) != FIELDS_REGISTERED)
		return false;
	seen = view_instance(csc->view, key->service, key->name);
	return seen && strcmp(seen->gateway, csc->gateway) == 0;
}

void csc_sid_check(struct csc *csc, const struct csc_instance_key *key)
{
	struct csc_wish *wish;
	bool wanted;

	if (!csc->gateway[0])
		return;
	wish = wish_find(csc, key);
	wanted = is_wanted(csc, key);
	if (!wanted && wish)
		wish_drop(csc, wish);
	else if (wanted && !wish)
		wish_new(csc, key);
	else if (wish && (wish->state == WISH_WAITING || wish->state == WISH_OVER)) {
		wish_unlist(wish); /* its lease may be another one */
		wish_ready(wish);
	} else if (wish)
		wish->changed = true;
}

int csc_sid_function(const struct csc *csc, uint64_t service, const char *name)
{
	struct csc_instance_key key = csc_instance_key(service, name);
	const struct csc_wish *wish = wish_find(csc, &key);

	return wish ? wish->function : -1;
}

/* ---- writing ---- */

static void refuse_exhausted(struct csc *csc, const struct csc_wish *wish)
{
	char id[SVC_ID_TEXT], key[128 + NAME_LEN];
	struct err err = {0};

	snprintf(key, sizeof(key), CSC_STATUS "%s/%s/sid", svc_id_text(wish->key.service, id),
		 wish->key.name);
	csc_refuse(csc, key, csc_exhausted(csc, &err), &err);
}

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct csc_wish *wish = arg;
	struct csc *csc = wish->csc;

	if (!csc) {
		free(wish);
		return;
	}
	csc->n_flying--;
	wish->state = WISH_WAITING;
	if (status && status != -ESTALE && status != -ENOENT) {
		wish_later(wish);
	} else if (wish->changed) {
		wish_ready(wish);
	}
	csc_sids_run(csc);
}

static int wish_write(struct csc *csc, struct csc_wish *wish)
{
	const struct csc_instance *inst = csc_instance_find(csc, wish->key.service, wish->key.name);
	struct ncsdb_write *w = ncsdb_write_new(&csc->status.writer);
	char id[SVC_ID_TEXT], text[INET6_ADDRSTRLEN];
	const char *name = wish->key.name;
	struct in6_addr seg;

	functions_seg(&csc->functions, (unsigned int)wish->function, &seg);
	svc_id_text(wish->key.service, id);
	ncsdb_write_if(w, 0, CSC_STATUS "%s/%s/sid", id, name);
	ncsdb_write_fence(w, inst->address_rev, CSC_STATUS "%s/%s/address", id, name);
	ncsdb_write_not_newer(w, csc->status.writer.seen, CSC_STATUS "%s/%s/gateway", id, name);
	ncsdb_write_put(w, inst->lease, in6_text(&seg, text), CSC_STATUS "%s/%s/sid", id, name);
	return ncsdb_write_commit(w, (struct ncsdb_write_done){on_written, wish}, NULL);
}

/* False: it has none, and waits. */
static bool wish_function(struct csc *csc, struct csc_wish *wish)
{
	int64_t lease = csc_instance_find(csc, wish->key.service, wish->key.name)->lease;
	struct csc_quota *full;
	struct in6_addr seg;

	if (wish->lease != lease)
		wish_renounce(wish);
	full = wish->promised ? NULL : csc_quota_full(csc, lease);
	if (full) {
		wish_over(wish, full);
		return false;
	}
	if (!wish->promised)
		wish_promise(wish, lease);
	if (functions_alloc(&csc->functions, &seg)) {
		refuse_exhausted(csc, wish);
		wish_later(wish);
		return false;
	}
	wish->function = functions_of(&csc->functions, &seg);
	return true;
}

static void wish_start(struct csc *csc, struct csc_wish *wish)
{
	wish_unlist(wish);
	wish->state = WISH_WAITING;
	wish->changed = false;
	if (wish->function < 0 && !wish_function(csc, wish))
		return;
	if (wish_write(csc, wish)) {
		wish_later(wish);
		return;
	}
	wish->state = WISH_FLYING;
	csc->n_flying++;
}

void csc_sids_run(struct csc *csc)
{
	while (csc->status.synced && csc->ready && csc->n_flying < CSC_SIDS_FLYING)
		wish_start(csc, csc->ready);
}

bool csc_sids_retry(struct csc *csc)
{
	unsigned int n = CSC_SIDS_SLICE;
	struct csc_wish *wish;

	if (!csc->n_again)
		DL_COUNT(csc->later, wish, csc->n_again);
	for (; n && csc->n_again && (wish = csc->later); n--, csc->n_again--) {
		wish_unlist(wish);
		wish_ready(wish);
	}
	if (!csc->later)
		csc->n_again = 0;
	csc_sids_run(csc);
	return csc->n_again > 0;
}

void csc_sids_fini(struct csc *csc)
{
	struct csc_wish *wish, *next;

	HASH_ITER(hh, csc->wishes, wish, next) {
		wish->csc = NULL;
		HASH_DEL(csc->wishes, wish);
		if (wish->state != WISH_FLYING)
			free(wish);
	}
	csc->ready = csc->later = NULL;
	for (struct csc_quota *quota = csc->quotas; quota; quota = quota->hh.next)
		quota->waiting = NULL;
}
