/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/follow_int.h"

#define BEHIND_EVERY 64 /* updates from one look at the store's revision to the next */
#define QUICK_MAX 3	/* lists in a row without a pause */

struct ncsdb_follow_limits ncsdb_follow_limits = {
	.page = FOLLOW_PAGE,
	.behind = FOLLOW_BEHIND,
	.audit_ms = FOLLOW_AUDIT_MS,
	.retry_ms = FOLLOW_RETRY_MS,
	.failed_ms = FOLLOW_FAILED_MS,
};

/* ---- life ---- */

static void free_if_done(struct ncsdb_follow *f)
{
	if (!f->stopped || f->busy || f->asked || f->timer_open)
		return;
	known_fini(&f->known);
	free(f);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct ncsdb_follow *f = handle->data;

	f->timer_open = false;
	free_if_done(f);
}

static void timer_close(struct ncsdb_follow *f)
{
	if (f->timer_open && !uv_is_closing((uv_handle_t *)&f->timer))
		uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

void follow_leave(struct ncsdb_follow *f)
{
	f->busy = false;
	free_if_done(f);
}

void follow_unwatch(struct ncsdb_follow *f)
{
	ncsdb_unwatch(f->watch);
	f->watch = NULL;
	f->based = false;
	f->doubtful = 0;
}

/* Not all followers of all hosts at once. */
static uint64_t spread(uint64_t ms)
{
	uint64_t r = uv_hrtime() * 0x9e3779b97f4a7c15 >> 32;

	return ms - ms / 5 + (r * (2 * ms / 5) >> 32);
}

static void on_timer(uv_timer_t *timer);

static void follow_timer_in(struct ncsdb_follow *f, uint64_t ms, bool retry)
{
	f->retrying = retry;
	uv_timer_start(&f->timer, on_timer, ms, 0);
}

void follow_fail(struct ncsdb_follow *f, int status)
{
	bool said = f->in_trouble;

	follow_unwatch(f);
	f->failed = f->in_trouble = true;
	if (status == -ECANCELED)
		timer_close(f);
	else if (!f->stopped)
		follow_timer_in(f, spread(ncsdb_follow_limits.failed_ms), true);
	if (!f->stopped && f->ops.failed && status != -ECANCELED && !said)
		f->ops.failed(f->arg, status);
}

/* ---- what is known ---- */

static bool distrust(void *arg, struct known *known)
{
	known->mod_rev = 0;
	return true;
}

void follow_distrust(struct ncsdb_follow *f)
{
	known_each(&f->known, distrust, NULL);
	f->revision = f->list_rev = f->list_top = 0;
	f->doubtful = 0;
	f->live = false;
}

int follow_put(struct ncsdb_follow *f, struct known *known, const struct ncsdb_kv *kv)
{
	if (!known)
		known = known_add(&f->known, kv->key + f->prefix_len);
	if (!known)
		return -ENOMEM;
	known_set_dead(&f->known, known, false);
	known->doubtful = false;
	known->mod_rev = kv->mod_rev;
	known->version = (uint32_t)kv->version;
	known->list = f->list;
	f->ops.put(f->arg, kv);
	return 0;
}

/* ---- watch ---- */

static void gap(struct ncsdb_follow *f)
{
	f->stats.gaps++;
	f->gapped = true;
}

/* Gaps are listed for at once, but not over and over: who can write can make them. */
static int gap_list(struct ncsdb_follow *f)
{
	uint64_t now = uv_now(f->db->loop), due = f->gap_ms + f->gap_pause_ms;

	if (!f->gapped || f->listing)
		return 0;
	if (f->gap_pause_ms && now < due) {
		if (!f->retrying)
			follow_timer_in(f, due - now, true);
		return 0;
	}
	return list_start(f);
}

void follow_gap_listed(struct ncsdb_follow *f)
{
	uint64_t now = uv_now(f->db->loop), pause = 2 * f->gap_pause_ms;

	if (!f->gapped)
		return;
	if (!pause || now - f->gap_ms > pause)
		pause = ncsdb_follow_limits.retry_ms;
	f->gap_pause_ms = pause < FOLLOW_GAP_MAX_MS ? pause : FOLLOW_GAP_MAX_MS;
	f->gap_ms = now;
	f->gapped = false;
}

int follow_again(struct ncsdb_follow *f)
{
	if (f->listing || f->stopped)
		return 0;
	return f->again ? list_start(f) : gap_list(f);
}

/* Is kv what comes next? Of keys whose page is not in yet, nobody knows; and of those that a list
 * did not hold, lists may have gone beyond several. */
static bool follows(const struct ncsdb_follow *f, const struct known *known,
		    const struct ncsdb_kv *kv)
{
	if (!f->based && (!known || known->list != f->list))
		return true;
	if (known && (!known->dead || known->mute))
		return known->mod_rev == 0 || known->version + 1 == (uint32_t)kv->version;
	return kv->version == 1 || kv->mod_rev <= f->list_top;
}

static int event_put(struct ncsdb_follow *f, const struct ncsdb_kv *kv)
{
	struct known *known = known_find(&f->known, kv->key + f->prefix_len);

	/* A list was faster. What it did not hold any more has ended meanwhile. */
	if (kv->mod_rev <= (known ? known->mod_rev : f->list_rev))
		return 0;
	if (!follows(f, known, kv))
		gap(f);
	return follow_put(f, known, kv);
}

static void known_deleted(struct ncsdb_follow *f, struct known *known, int64_t revision)
{
	if (f->listing) {
		known_set_dead(&f->known, known, true);
		known->mod_rev = revision;
	} else {
		known_remove(&f->known, known);
	}
}

/* A key whose page is not in yet: the page must not bring it. */
static int deleted_before(struct ncsdb_follow *f, const char *key, int64_t revision)
{
	struct known *known = known_add(&f->known, key + f->prefix_len);

	if (!known)
		return -ENOMEM;
	known_deleted(f, known, revision);
	return 0;
}

static int event_del(struct ncsdb_follow *f, const char *key, int64_t revision)
{
	struct known *known = known_find(&f->known, key + f->prefix_len);

	if (known && known->doubtful) {
		f->doubtful -= f->doubtful > 0;
		known_remove(&f->known, known);
	} else if (revision <= (known ? known->mod_rev : f->list_rev)) {
		return 0; /* a list was faster */
	} else if (!known && !f->based) {
		return deleted_before(f, key, revision);
	} else if (known && known->mute) {
		known_deleted(f, known, revision);
	} else if (known && !known->dead) {
		known_deleted(f, known, revision);
		f->ops.del(f->arg, key, revision);
	} else if (revision > f->list_top) {
		gap(f); /* of its creation nothing was told */
	}
	return 0;
}

/* Its value is forgotten, its version is not. */
static int event_unfit(struct ncsdb_follow *f, const struct ncsdb_kv *kv)
{
	struct known *known = known_find(&f->known, kv->key + f->prefix_len);
	bool told = known && !known->dead;

	if (known && known->doubtful) {
		f->doubtful -= f->doubtful > 0;
		known->doubtful = false;
	} else if (kv->mod_rev <= (known ? known->mod_rev : f->list_rev)) {
		return 0; /* a list was faster */
	} else if (!follows(f, known, kv)) {
		gap(f);
	}
	if (!known)
		known = known_add(&f->known, kv->key + f->prefix_len);
	if (!known)
		return -ENOMEM;
	known_set_dead(&f->known, known, true);
	known->mute = true;
	known->mod_rev = kv->mod_rev;
	known->version = (uint32_t)kv->version;
	known->list = f->list;
	if (told)
		f->ops.del(f->arg, kv->key, kv->mod_rev);
	return 0;
}

static int take_events(struct ncsdb_follow *f, const struct ncsdb_watch_update *update)
{
	int rc = 0;

	for (size_t i = 0; !rc && !f->stopped && i < update->n; i++) {
		const struct ncsdb_event *event = &update->events[i];

		if (event->unfit)
			rc = event_unfit(f, &event->kv);
		else if (event->deleted)
			rc = event_del(f, event->kv.key, update->revision);
		else
			rc = event_put(f, &event->kv);
	}
	return rc;
}

/* The watch is beyond the list that did not hold them: it would have told. */
static void doubt_ends(struct ncsdb_follow *f, int64_t revision)
{
	if (!f->doubtful || revision <= f->list_rev)
		return;
	f->stats.audit_repaired += f->doubtful;
	f->doubtful = 0;
}

static bool is_behind(struct ncsdb_follow *f, int64_t revision)
{
	struct ncsdb_status status;
	int64_t behind;

	if (f->updates++ % BEHIND_EVERY != 0)
		return false;
	ncsdb_status(f->db, &status);
	behind = status.revision - revision;
	return behind > ncsdb_follow_limits.behind && behind > (int64_t)f->known.n;
}

static int take_update(struct ncsdb_follow *f, const struct ncsdb_watch_update *update)
{
	int rc;

	f->quick = 0;
	if (is_behind(f, update->revision)) {
		f->stats.behind++;
		follow_unwatch(f);
		return list_start(f);
	}
	doubt_ends(f, update->revision);
	rc = take_events(f, update);
	if (rc || f->stopped)
		return rc;
	f->revision = update->revision;
	if (f->based && f->ops.revision)
		f->ops.revision(f->arg, update->revision);
	return follow_again(f);
}

static int watch_ended(struct ncsdb_follow *f, int status)
{
	follow_unwatch(f);
	if (status == -ESTALE)
		follow_distrust(f);
	else if (status != -ERANGE)
		return list_later(f, status);
	if (uv_now(f->db->loop) - f->ended_ms > QUICK_MAX * ncsdb_follow_limits.retry_ms)
		f->quick = 0;
	f->ended_ms = uv_now(f->db->loop);
	return f->quick++ < QUICK_MAX ? list_start(f) : list_later(f, status);
}

static void on_watch(void *arg, const struct ncsdb_watch_update *update)
{
	struct ncsdb_follow *f = arg;
	int rc;

	if (f->stopped || f->failed)
		return;
	f->busy = true;
	rc = update->status ? watch_ended(f, update->status) : take_update(f, update);
	if (rc)
		follow_fail(f, rc);
	follow_leave(f);
}

int follow_watch(struct ncsdb_follow *f, int64_t revision)
{
	f->revision = revision;
	return ncsdb_watch(f->db, f->prefix, revision + 1, on_watch, f, &f->watch);
}

/* ---- audits and tries ---- */

static void on_timer(uv_timer_t *timer)
{
	struct ncsdb_follow *f = timer->data;
	int rc;

	f->busy = true;
	f->failed = false;
	f->stats.audits += !f->retrying;
	rc = list_start(f);
	if (rc)
		follow_fail(f, rc);
	follow_leave(f);
}

void follow_timer(struct ncsdb_follow *f, bool retry)
{
	uint64_t ms = retry ? ncsdb_follow_limits.retry_ms : spread(ncsdb_follow_limits.audit_ms);

	follow_timer_in(f, ms, retry);
}

void ncsdb_follow_audit(struct ncsdb_follow *f)
{
	int rc;

	if (f->stopped || f->failed)
		return;
	f->stats.audits++;
	if (f->listing && !f->retrying) {
		f->again = true;
		return;
	}
	rc = list_start(f);
	if (rc)
		follow_fail(f, rc);
}

/* ---- calls ---- */

/* The first key behind the prefix, for pages: "/san/status0" for "/san/status/". Where the last
 * byte cannot be raised, the greatest of all characters stands behind it. */
static int prefix_end(struct ncsdb_follow *f)
{
	static const char greatest[] = "\xf4\x8f\xbf\xbf";
	size_t len = f->prefix_len;
	char *last = len ? &f->end[len - 1] : NULL;

	if (len + sizeof(greatest) > sizeof(f->end))
		return -EINVAL;
	memcpy(f->end, f->prefix, len + 1);
	if (last && *last > 0 && *last < 0x7e)
		(*last)++;
	else
		memcpy(f->end + len, greatest, sizeof(greatest));
	return 0;
}

static int follow_new(struct ncsdb *db, const char *prefix, struct ncsdb_follow **out)
{
	size_t len = strlen(prefix);
	struct ncsdb_follow *f = calloc(1, sizeof(*f) + len + 1);

	if (!f)
		return -ENOMEM;
	f->db = db;
	f->prefix_len = len;
	memcpy(f->prefix, prefix, len + 1);
	f->page = ncsdb_follow_limits.page;
	known_init(&f->known);
	if (prefix_end(f)) {
		free(f);
		return -EINVAL;
	}
	uv_timer_init(db->loop, &f->timer);
	uv_unref((uv_handle_t *)&f->timer);
	f->timer.data = f;
	f->timer_open = true;
	*out = f;
	return 0;
}

int ncsdb_follow_start(struct ncsdb *db, const char *prefix, const struct ncsdb_follow_ops *ops,
		       void *arg, struct ncsdb_follow **out)
{
	struct ncsdb_follow *f;
	int rc = follow_new(db, prefix, &f);

	if (rc)
		return rc;
	f->ops = *ops;
	f->arg = arg;
	rc = list_start(f);
	if (rc)
		ncsdb_follow_stop(f);
	else
		*out = f;
	return rc;
}

void ncsdb_follow_stop(struct ncsdb_follow *f)
{
	if (!f)
		return;
	follow_unwatch(f);
	timer_close(f);
	f->stopped = true;
	free_if_done(f);
}

void ncsdb_follow_stats(const struct ncsdb_follow *f, struct ncsdb_follow_stats *out)
{
	*out = f->stats;
	out->keys = f->known.n - f->known.n_dead;
	out->bytes = f->known.bytes;
	out->revision = f->revision > f->list_rev ? f->revision : f->list_rev;
	out->synced = f->based && !f->failed;
	out->settled = f->based || f->in_trouble;
}

void ncsdb_follow_sum(struct ncsdb_follow_stats *sum, const struct ncsdb_follow_stats *one)
{
	sum->lists += one->lists;
	sum->gaps += one->gaps;
	sum->behind += one->behind;
	sum->audits += one->audits;
	sum->audit_repaired += one->audit_repaired;
	sum->keys += one->keys;
	sum->bytes += one->bytes;
	sum->synced &= one->synced;
	sum->settled &= one->settled;
	if (one->revision > sum->revision)
		sum->revision = one->revision;
}

void ncsdb_follow_add(const struct ncsdb_follow *f, struct ncsdb_follow_stats *sum)
{
	struct ncsdb_follow_stats one;

	if (!f)
		return;
	ncsdb_follow_stats(f, &one);
	ncsdb_follow_sum(sum, &one);
}
