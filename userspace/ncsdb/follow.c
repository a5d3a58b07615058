/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/radix.h"
#include "util/own.h"

/* A key that has been reported as put and not as deleted. */
struct known {
	int64_t mod_rev;
	uint64_t list; /* number of the list that last held it */
	char key[];
};

struct ncsdb_follow {
	struct ncsdb *db;
	struct ncsdb_follow_ops ops;
	void *arg;
	struct ncsdb_watch *watch;
	struct radix known;
	uint64_t list; /* number of the current list, from 1 */
	bool listing;  /* a range is under way: its callback comes */
	bool busy;     /* in a callback */
	bool stopped;
	char prefix[];
};

static int list_start(struct ncsdb_follow *f);

static void follow_free(struct ncsdb_follow *f)
{
	struct known *k;

	while ((k = radix_seek(&f->known, "", false))) {
		radix_remove(&f->known, k->key);
		free(k);
	}
	radix_fini(&f->known);
	free(f);
}

/* End of every callback of the database. */
static void leave(struct ncsdb_follow *f)
{
	f->busy = false;
	if (f->stopped && !f->listing)
		follow_free(f);
}

static void fail(struct ncsdb_follow *f, int status)
{
	ncsdb_unwatch(f->watch);
	f->watch = NULL;
	if (!f->stopped && f->ops.failed && status != -ECANCELED)
		f->ops.failed(f->arg, status);
}

static int known_add(struct ncsdb_follow *f, const struct ncsdb_kv *kv, struct known **out)
{
	size_t len = strlen(kv->key) + 1;
	struct known *k = malloc(sizeof(*k) + len);

	if (!k || radix_reserve(&f->known, kv->key)) {
		free(k);
		return -ENOMEM;
	}
	*k = (struct known){0};
	memcpy(k->key, kv->key, len);
	radix_set(&f->known, k->key, k);
	*out = k;
	return 0;
}

static int take_put(struct ncsdb_follow *f, const struct ncsdb_kv *kv)
{
	struct known *k = radix_get(&f->known, kv->key);

	if (!k && known_add(f, kv, &k))
		return -ENOMEM;
	k->list = f->list;
	if (k->mod_rev == kv->mod_rev)
		return 0;
	k->mod_rev = kv->mod_rev;
	f->ops.put(f->arg, kv);
	return 0;
}

static void take_del(struct ncsdb_follow *f, const char *key, int64_t revision)
{
	OWN_PTR struct known *k = radix_remove(&f->known, key);

	if (k)
		f->ops.del(f->arg, k->key, revision);
}

/* ---- watch ---- */

static int take_events(struct ncsdb_follow *f, const struct ncsdb_watch_update *update)
{
	int rc = 0;

	for (size_t i = 0; !rc && !f->stopped && i < update->n; i++) {
		const struct ncsdb_event *event = &update->events[i];

		if (event->deleted)
			take_del(f, event->kv.key, update->revision);
		else
			rc = take_put(f, &event->kv);
	}
	return rc;
}

static void on_watch(void *arg, const struct ncsdb_watch_update *update)
{
	struct ncsdb_follow *f = arg;
	int rc;

	if (f->stopped)
		return;
	f->busy = true;
	if (update->status) {
		ncsdb_unwatch(f->watch);
		f->watch = NULL;
		rc = update->status == -ERANGE ? list_start(f) : update->status;
	} else {
		rc = take_events(f, update);
		if (!rc && !f->stopped && f->ops.revision)
			f->ops.revision(f->arg, update->revision);
	}
	if (rc)
		fail(f, rc);
	leave(f);
}

/* ---- list ---- */

static int take_list(struct ncsdb_follow *f, const struct ncsdb_range_result *res)
{
	int rc = 0;

	f->list++;
	for (size_t i = 0; !rc && !f->stopped && i < res->n; i++)
		rc = take_put(f, &res->kvs[i]);
	return rc;
}

/* What the list before this one held and this one does not. */
static void forget_vanished(struct ncsdb_follow *f, int64_t revision)
{
	struct known *k = radix_seek(&f->known, "", false);
	char key[NCSDB_KEY_MAX];

	for (; k && !f->stopped; k = radix_seek(&f->known, key, true)) {
		strcpy(key, k->key);
		if (k->list != f->list)
			take_del(f, key, revision);
	}
}

static int list_done(struct ncsdb_follow *f, const struct ncsdb_range_result *res)
{
	int rc = res->status ? res->status : take_list(f, res);

	if (rc)
		return rc;
	forget_vanished(f, res->revision);
	if (!f->stopped && f->ops.synced)
		f->ops.synced(f->arg, res->revision);
	if (f->stopped)
		return 0;
	return ncsdb_watch(f->db, f->prefix, res->revision + 1, on_watch, f, &f->watch);
}

static void on_list(void *arg, const struct ncsdb_range_result *res)
{
	struct ncsdb_follow *f = arg;
	int rc = 0;

	f->listing = false;
	f->busy = true;
	if (!f->stopped)
		rc = list_done(f, res);
	if (rc)
		fail(f, rc);
	leave(f);
}

static int list_start(struct ncsdb_follow *f)
{
	struct ncsdb_range req = {.key = f->prefix, .prefix = true};
	int rc = ncsdb_range(f->db, &req, on_list, f);

	f->listing = rc == 0;
	return rc;
}

/* ---- life ---- */

int ncsdb_follow_start(struct ncsdb *db, const char *prefix, const struct ncsdb_follow_ops *ops,
		       void *arg, struct ncsdb_follow **out)
{
	size_t len = strlen(prefix) + 1;
	struct ncsdb_follow *f = malloc(sizeof(*f) + len);
	int rc;

	if (!f)
		return -ENOMEM;
	*f = (struct ncsdb_follow){.db = db, .ops = *ops, .arg = arg};
	memcpy(f->prefix, prefix, len);
	rc = list_start(f);
	if (rc)
		free(f);
	else
		*out = f;
	return rc;
}

void ncsdb_follow_stop(struct ncsdb_follow *f)
{
	if (!f)
		return;
	ncsdb_unwatch(f->watch);
	f->watch = NULL;
	f->stopped = true;
	if (!f->busy && !f->listing)
		follow_free(f);
}
