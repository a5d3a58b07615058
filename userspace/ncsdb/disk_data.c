/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ncsdb/disk_priv.h"
#include "util/utf8.h"

#define TREE_PAGES 8   /* of one record, at most: a path through a B-tree, split */
#define FULL_PAGES 16  /* a file system with less is full */
#define SLACK_PAGES 64 /* the B-trees of meta, leases, free pages */

struct disk_rec {
	uint64_t create_rev, mod_rev, version, lease, received_us;
	uint32_t boot;
	uint32_t zero;
};

_Static_assert(sizeof(struct disk_rec) == 48, "record layout");

/* ---- loading ---- */

struct loader {
	struct disk *d;
	struct store *store;
	uint64_t now_us;
	struct err *err;
};

static int load_lease(struct loader *ld, const MDB_val *key, const MDB_val *val)
{
	uint64_t id;
	uint32_t ttl;
	int rc;

	if (key->mv_size != sizeof(id) || val->mv_size != sizeof(ttl))
		return disk_refuse_damaged(ld->d, ld->err, "a lease record of wrong size");
	memcpy(&id, key->mv_data, sizeof(id));
	memcpy(&ttl, val->mv_data, sizeof(ttl));
	ttl = le32toh(ttl);
	if (le64toh(id) == 0 || le64toh(id) > INT64_MAX || ttl < NCSDB_LEASE_TTL_MIN_S ||
	    ttl > NCSDB_LEASE_TTL_MAX_S)
		return disk_refuse_damaged(ld->d, ld->err, "a lease out of range");
	rc = lease_add(&ld->store->leases, (int64_t)le64toh(id), ttl, ld->now_us);
	return rc ? disk_refuse(ld->d, ld->err, rc, "cannot load a lease: %s", strerror(-rc)) : 0;
}

static bool rec_plausible(const struct rec *rec, const struct store *store)
{
	return rec->create_rev > 0 && rec->create_rev <= rec->mod_rev &&
	       rec->mod_rev <= store->revision && rec->version > 0 && rec->lease >= 0 &&
	       strlen(rec->key) == rec->key_len && utf8_text(rec->key);
}

static struct rec *rec_from_disk(const struct disk *d, const MDB_val *key, const MDB_val *val)
{
	struct disk_rec head;
	struct rec *rec;

	memcpy(&head, val->mv_data, sizeof(head));
	rec = rec_new(key->mv_data, key->mv_size, (const char *)val->mv_data + sizeof(head),
		      val->mv_size - sizeof(head));
	if (!rec)
		return NULL;
	rec->create_rev = (int64_t)le64toh(head.create_rev);
	rec->mod_rev = (int64_t)le64toh(head.mod_rev);
	rec->version = (int64_t)le64toh(head.version);
	rec->lease = (int64_t)le64toh(head.lease);
	rec->received_us = le32toh(head.boot) == d->boot ? le64toh(head.received_us) : 0;
	return rec;
}

static int load_rec(struct loader *ld, const MDB_val *key, const MDB_val *val)
{
	struct rec *rec;
	int rc;

	if (key->mv_size == 0 || key->mv_size >= NCSDB_KEY_MAX ||
	    val->mv_size < sizeof(struct disk_rec) ||
	    val->mv_size > sizeof(struct disk_rec) + NCSDB_VALUE_MAX)
		return disk_refuse_damaged(ld->d, ld->err, "a record of impossible size");
	rec = rec_from_disk(ld->d, key, val);
	if (!rec)
		return disk_refuse(ld->d, ld->err, -ENOMEM, "out of memory");
	if (!rec_plausible(rec, ld->store)) {
		rec_unref(&ld->store->pool, rec);
		return disk_refuse_damaged(ld->d, ld->err, "a record that cannot be");
	}
	if (ld->store->tree.count == ld->store->max_keys) {
		rec_unref(&ld->store->pool, rec);
		return disk_refuse(ld->d, ld->err, -ENOSPC, "holds more keys than max_keys, %llu",
				   (unsigned long long)ld->store->max_keys);
	}
	rc = store_load(ld->store, rec);
	if (rc == -EINVAL)
		return disk_refuse_damaged(ld->d, ld->err, "a key of a lease that does not exist");
	return rc ? disk_refuse(ld->d, ld->err, rc, "out of memory") : 0;
}

typedef int (*load_fn)(struct loader *ld, const MDB_val *key, const MDB_val *val);

static int load_each(struct loader *ld, MDB_txn *txn, MDB_dbi dbi, load_fn load)
{
	MDB_cursor *cursor;
	MDB_val key, val;
	int rc, bad = 0;

	rc = mdb_cursor_open(txn, dbi, &cursor);
	if (rc)
		return disk_refuse_lmdb(ld->d, ld->err, "cannot be read", rc);
	while (!bad && (rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0)
		bad = load(ld, &key, &val);
	mdb_cursor_close(cursor);
	if (bad)
		return bad;
	return rc == MDB_NOTFOUND ? 0 : disk_refuse_damaged(ld->d, ld->err, mdb_strerror(rc));
}

int disk_load(struct disk *d, struct store *store, uint64_t now_us, struct err *err)
{
	struct loader ld = {d, store, now_us, err};
	uint64_t revision;
	MDB_txn *txn;
	int rc = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return disk_refuse_lmdb(d, err, "cannot be read", rc);
	rc = disk_meta_get(d, txn, "revision", &revision, sizeof(revision));
	if (rc) {
		rc = disk_refuse_damaged(d, err, "no revision record");
	} else {
		store->revision = (int64_t)le64toh(revision);
		/* The history is not on the disk; a new database has none to miss. */
		store->compacted = store->revision > 1 ? store->revision : 0;
		rc = load_each(&ld, txn, d->leases, load_lease);
	}
	if (!rc)
		rc = load_each(&ld, txn, d->kv, load_rec);
	mdb_txn_abort(txn);
	return rc;
}

/* ---- writing ---- */

/*
 * LMDB may leave pages that it allocated and gave back within one transaction unwritten; at the
 * end of the file they would look like a truncation when it is opened next. So the file is made
 * long enough, as a hole, before the transaction that may do so is committed.
 */
static int reserve(struct disk *d, const struct batch *b)
{
	size_t pages = SLACK_PAGES + b->bytes / d->page + TREE_PAGES * (b->n + b->n_leases);
	MDB_envinfo info;
	struct stat st;
	off_t want;

	mdb_env_info(d->env, &info);
	want = (off_t)((info.me_last_pgno + 1 + pages) * d->page);
	if ((size_t)want > info.me_mapsize)
		want = (off_t)info.me_mapsize;
	if (fstat(d->data_fd, &st))
		return errno;
	return st.st_size < want && ftruncate(d->data_fd, want) ? errno : 0;
}

static int write_rec(struct disk *d, MDB_txn *txn, const struct rec *rec)
{
	MDB_val key = {rec->key_len, (void *)rec->key};
	MDB_val val = {sizeof(struct disk_rec) + rec->value_len, NULL};
	struct disk_rec head = {
		.create_rev = htole64((uint64_t)rec->create_rev),
		.mod_rev = htole64((uint64_t)rec->mod_rev),
		.version = htole64((uint64_t)rec->version),
		.lease = htole64((uint64_t)rec->lease),
		.received_us = htole64(rec->received_us),
		.boot = htole32(d->boot),
	};
	int rc;

	if (rec->deleted) {
		rc = mdb_del(txn, d->kv, &key, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	rc = mdb_put(txn, d->kv, &key, &val, MDB_RESERVE);
	if (rc)
		return rc;
	memcpy(val.mv_data, &head, sizeof(head));
	memcpy((char *)val.mv_data + sizeof(head), rec_value(rec), rec->value_len);
	return 0;
}

static int write_lease(struct disk *d, MDB_txn *txn, const struct lease_change *lease)
{
	uint64_t id = htole64((uint64_t)lease->id);
	uint32_t ttl = htole32(lease->ttl_s);
	MDB_val key = {sizeof(id), &id}, val = {sizeof(ttl), &ttl};
	int rc;

	if (lease->ttl_s)
		return mdb_put(txn, d->leases, &key, &val, 0);
	rc = mdb_del(txn, d->leases, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int write_all(struct disk *d, MDB_txn *txn, const struct batch *b)
{
	uint64_t revision = htole64((uint64_t)b->revision);
	int rc = 0;

	for (size_t i = 0; !rc && i < b->n; i++)
		rc = write_rec(d, txn, b->recs[i]);
	for (size_t i = 0; !rc && i < b->n_leases; i++)
		rc = write_lease(d, txn, &b->leases[i]);
	return rc ? rc : disk_meta_put(d, txn, "revision", &revision, sizeof(revision));
}

/* LMDB calls a write that was cut short EIO, whatever cut it. */
static int why_failed(const struct disk *d, int rc)
{
	struct statvfs fs;

	if (rc == EIO && !fstatvfs(d->data_fd, &fs) &&
	    fs.f_bavail * fs.f_frsize < FULL_PAGES * d->page)
		return -ENOSPC;
	return disk_code(rc);
}

int disk_write(struct disk *d, const struct batch *b)
{
	MDB_txn *txn;
	int rc = reserve(d, b);

	if (!rc)
		rc = mdb_txn_begin(d->env, NULL, 0, &txn);
	if (rc)
		return why_failed(d, rc);
	rc = write_all(d, txn, b);
	if (rc) {
		mdb_txn_abort(txn);
		return why_failed(d, rc);
	}
	return why_failed(d, mdb_txn_commit(txn));
}
