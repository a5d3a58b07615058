/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "ncsdb/follow_int.h"

static void on_page(void *arg, const struct ncsdb_range_result *res);

/* Keys can be as large as messages: a page that does not come may have been too much. */
static void page_smaller(struct ncsdb_follow *f)
{
	if (f->page > FOLLOW_PAGE_MIN)
		f->page = f->page / 2 > FOLLOW_PAGE_MIN ? f->page / 2 : FOLLOW_PAGE_MIN;
}

static void page_larger(struct ncsdb_follow *f)
{
	if (f->page < ncsdb_follow_limits.page)
		f->page = f->page * 2 < ncsdb_follow_limits.page ? f->page * 2
								 : ncsdb_follow_limits.page;
}

static bool fatal(const struct ncsdb_follow *f, int status)
{
	switch (status) {
	case -ECANCELED:
	case -EACCES:
		return true;
	case -EINVAL: /* of a later page: a revision that is not there (any more) */
		return f->first;
	case -ENOSPC: /* too much for one answer */
		return f->page <= FOLLOW_PAGE_MIN;
	default:
		return false;
	}
}

int list_later(struct ncsdb_follow *f, int status)
{
	if (fatal(f, status))
		return status;
	page_smaller(f);
	f->listing = true;
	if (f->asked)
		f->restart = true;
	else
		follow_timer(f, true);
	return 0;
}

/* A page starts with the last key of the one before: there is no text between two keys that every
 * store would take. */
static int ask(struct ncsdb_follow *f)
{
	size_t page = f->live && f->page > FOLLOW_LIVE_PAGE ? FOLLOW_LIVE_PAGE : f->page;
	struct ncsdb_range req = {.key = f->prefix, .prefix = true, .limit = page};
	int rc;

	if (!f->first) {
		req = (struct ncsdb_range){.key = f->last, .end = f->end, .limit = page + 1};
		req.revision = f->floating ? 0 : f->list_rev;
	}
	rc = ncsdb_range(f->db, &req, on_page, f);
	if (rc)
		return list_later(f, rc);
	f->asked = true;
	return 0;
}

/* What the watch has not said up to the next list it will not say; unless it is cut off. */
static void doubt_settle(struct ncsdb_follow *f)
{
	struct ncsdb_status status;

	if (!f->doubtful)
		return;
	ncsdb_status(f->db, &status);
	if (status.connected)
		f->stats.audit_repaired += f->doubtful;
	f->doubtful = 0;
}

int list_start(struct ncsdb_follow *f)
{
	f->listing = true;
	if (f->asked) {
		f->restart = true;
		return 0;
	}
	uv_timer_stop(&f->timer);
	doubt_settle(f);
	follow_gap_listed(f);
	f->retrying = f->again = f->restart = f->floating = false;
	f->first = true;
	f->live = f->based;
	f->list = (f->list + 1) % LIST_NUMBERS;
	f->listed = 0;
	return ask(f);
}

/* ---- pages ---- */

static int take_kv(struct ncsdb_follow *f, const struct ncsdb_kv *kv)
{
	struct known *known = known_find(&f->known, kv->key + f->prefix_len);

	f->listed++;
	if (known)
		known->list = f->list;
	if (known && !known->doubtful && known->mod_rev >= kv->mod_rev)
		return 0;
	if (f->live && kv->mod_rev <= f->revision)
		f->stats.audit_repaired++;
	return follow_put(f, known, kv);
}

static int take_kvs(struct ncsdb_follow *f, const struct ncsdb_range_result *res)
{
	size_t i = !f->first && res->n && strcmp(res->kvs[0].key, f->last) == 0;
	int rc = 0;

	for (; !rc && !f->stopped && i < res->n; i++)
		rc = take_kv(f, &res->kvs[i]);
	return rc;
}

/* The watch starts with the first page, so that the rest of a long list need not be of one
 * revision. */
static int take_first(struct ncsdb_follow *f, int64_t revision)
{
	if (revision < f->revision) {
		follow_unwatch(f);
		follow_distrust(f);
	}
	f->list_rev = revision;
	if (f->list_top < revision)
		f->list_top = revision;
	return f->watch ? 0 : follow_watch(f, revision);
}

static void vanished(struct ncsdb_follow *f, struct known *known)
{
	char key[2 * NCSDB_KEY_MAX];

	memcpy(key, f->prefix, f->prefix_len);
	strcpy(key + f->prefix_len, known->key);
	if (f->live && f->revision < f->list_rev) {
		known_set_dead(&f->known, known, true);
		known->doubtful = true;
		known->mod_rev = f->list_rev;
		known->list = f->list;
		f->doubtful++;
	} else {
		f->stats.audit_repaired += f->live;
		known_remove(&f->known, known);
	}
	f->ops.del(f->arg, key, f->list_rev);
}

/* What this list did not hold. What came into being since its first page, the watch tells. Mute
 * ones are in no list: they are true as long as the watch goes on. */
static bool sweep(void *arg, struct known *known)
{
	struct ncsdb_follow *f = arg;
	bool seen = known->list == f->list;

	if (known->mute && (f->live || seen))
		return true;
	if (known->dead && !(known->doubtful && seen))
		known_remove(&f->known, known);
	else if (!seen && known->mod_rev <= f->list_rev)
		vanished(f, known);
	return !f->stopped;
}

static int list_end(struct ncsdb_follow *f)
{
	if (f->known.n != f->listed || f->known.n_dead)
		known_each(&f->known, sweep, f);
	if (f->stopped)
		return 0;
	f->listing = false;
	f->based = true;
	f->in_trouble = false;
	f->stats.lists++;
	page_larger(f);
	follow_timer(f, false);
	if (f->ops.synced)
		f->ops.synced(f->arg, f->revision > f->list_rev ? f->revision : f->list_rev);
	return follow_again(f);
}

static int next_page(struct ncsdb_follow *f, const struct ncsdb_range_result *res)
{
	/* More of nothing would never end. */
	if (!res->n || (!f->first && strcmp(res->kvs[res->n - 1].key, f->last) == 0))
		return list_later(f, -EIO);
	strcpy(f->last, res->kvs[res->n - 1].key);
	f->first = false;
	return ask(f);
}

static int take_page(struct ncsdb_follow *f, const struct ncsdb_range_result *res)
{
	int rc = 0;

	if (f->first)
		rc = take_first(f, res->revision);
	else if (res->revision < f->list_rev)
		return list_later(f, -ESTALE);
	else if (f->floating && f->list_top < res->revision)
		f->list_top = res->revision;
	if (rc)
		return rc == -ENOSPC ? rc : list_later(f, rc);
	rc = take_kvs(f, res);
	if (rc || f->stopped)
		return rc;
	return res->more ? next_page(f, res) : list_end(f);
}

static int page_failed(struct ncsdb_follow *f, int status)
{
	if (status != -ERANGE || f->first || f->floating)
		return list_later(f, status);
	f->floating = true;
	return ask(f);
}

static int on_answer(struct ncsdb_follow *f, const struct ncsdb_range_result *res)
{
	if (f->restart && res->status != -ECANCELED)
		return list_start(f);
	return res->status ? page_failed(f, res->status) : take_page(f, res);
}

static void on_page(void *arg, const struct ncsdb_range_result *res)
{
	struct ncsdb_follow *f = arg;
	int rc = 0;

	f->asked = false;
	f->busy = true;
	if (!f->stopped && !f->failed)
		rc = on_answer(f, res);
	if (rc)
		follow_fail(f, rc);
	follow_leave(f);
}
