/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/disk.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/own.h"
#include "util/utf8.h"

#define DATA_FILE "data.mdb" /* LMDB's name */
#define LOCK_FILE "lock"
#define MAGIC "sandNCSD"
#define BOOT_ID_LEN 36
#define TREE_PAGES 8   /* of one record, at most: a path through a B-tree, split */
#define SLACK_PAGES 64 /* the B-trees of meta, leases, free pages */

#define RESET_HINT "; --reset throws it away and starts empty"

struct disk_format {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint64_t epoch;
};

/* Times of receipt compare only within the boot whose number they carry. */
struct disk_boot {
	char id[BOOT_ID_LEN];
	uint32_t number;
};

struct disk_rec {
	uint64_t create_rev, mod_rev, version, lease, received_us;
	uint32_t boot;
	uint32_t zero;
};

_Static_assert(sizeof(struct disk_format) == 24, "format layout");
_Static_assert(sizeof(struct disk_boot) == 40, "boot layout");
_Static_assert(sizeof(struct disk_rec) == 48, "record layout");

struct disk {
	MDB_env *env;
	MDB_dbi meta, kv, leases;
	int lock_fd, data_fd;
	uint64_t epoch;
	uint32_t boot;
	size_t page;
	char *dir;
};

/* ---- errors ---- */

static int code_of(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return -ENOSPC;
	case ENOMEM:
	case EACCES:
	case EPERM:
	case EROFS:
		return -rc;
	default:
		return -EIO;
	}
}

__attribute__((format(printf, 4, 5))) static int refuse(const struct disk *d, struct err *err,
							int code, const char *want, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, want);
	vsnprintf(text, sizeof(text), want, ap);
	va_end(ap);
	err_set(err, code, "", NULL, "%s", text);
	err_object(err, "database %s", d->dir);
	return code;
}

static int refuse_lmdb(const struct disk *d, struct err *err, const char *what, int rc)
{
	return refuse(d, err, code_of(rc), "%s: %s", what, mdb_strerror(rc));
}

static int refuse_damaged(const struct disk *d, struct err *err, const char *what)
{
	return refuse(d, err, -EINVAL, "is damaged: %s" RESET_HINT, what);
}

/* ---- the directory ---- */

static int lock_dir(struct disk *d, int dir_fd, struct err *err)
{
	char pid[16] = "";
	ssize_t n;

	d->lock_fd = openat(dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock_fd < 0)
		return refuse(d, err, -errno, "cannot open its lock file: %s", strerror(errno));
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB)) {
		n = pread(d->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		return refuse(d, err, -EBUSY, "is in use by process %s", pid[0] ? pid : "unknown");
	}
	n = snprintf(pid, sizeof(pid), "%d", getpid());
	if (ftruncate(d->lock_fd, 0) || pwrite(d->lock_fd, pid, (size_t)n, 0) != n)
		return refuse(d, err, code_of(errno), "cannot write its lock file: %s",
			      strerror(errno));
	return 0;
}

/* A file without content is what a full disk leaves of a creation, or what is left of a database:
 * LMDB would start anew in it, silently. */
static int check_data_file(struct disk *d, int dir_fd, bool *exists, struct err *err)
{
	struct stat st;

	*exists = fstatat(dir_fd, DATA_FILE, &st, 0) == 0;
	if (!*exists)
		return errno == ENOENT ? 0
				       : refuse(d, err, -errno, DATA_FILE ": %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(d, err, -EINVAL, DATA_FILE " must be a regular file");
	if (st.st_size == 0)
		return refuse_damaged(d, err, DATA_FILE " is empty");
	return 0;
}

static int prepare_dir(struct disk *d, const struct ncsdb_conf *conf, int *dir_fd, struct err *err)
{
	int rc;

	if (mkdir(d->dir, 0700) && errno != EEXIST)
		return refuse(d, err, -errno, "cannot make the directory: %s", strerror(errno));
	*dir_fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return refuse(d, err, -errno, "cannot open the directory: %s", strerror(errno));
	rc = lock_dir(d, *dir_fd, err);
	if (rc)
		return rc;
	if (conf->reset && unlinkat(*dir_fd, DATA_FILE, 0) && errno != ENOENT)
		return refuse(d, err, -errno, "cannot remove " DATA_FILE ": %s", strerror(errno));
	return 0;
}

/* ---- opening ---- */

static int open_env(struct disk *d, const struct ncsdb_conf *conf, struct err *err)
{
	size_t map_size = conf->map_size ? conf->map_size : DISK_MAP_SIZE;
	int rc = mdb_env_create(&d->env);

	if (!rc)
		rc = mdb_env_set_mapsize(d->env, map_size);
	if (!rc)
		rc = mdb_env_set_maxdbs(d->env, 3);
	/* One writer at a time and the directory's lock: LMDB's own lock file is not needed. */
	if (!rc)
		rc = mdb_env_open(d->env, d->dir, MDB_NOLOCK | MDB_NOTLS, 0600);
	if (!rc)
		rc = mdb_env_get_fd(d->env, &d->data_fd);
	switch (rc) {
	case 0:
		break;
	case MDB_INVALID:
		return refuse(d, err, -EINVAL,
			      DATA_FILE " is no LMDB file, or its head is damaged" RESET_HINT);
	case MDB_VERSION_MISMATCH:
		return refuse(d, err, -EINVAL,
			      DATA_FILE " has another LMDB version than this program's" RESET_HINT);
	default:
		return refuse_lmdb(d, err, "cannot open " DATA_FILE, rc);
	}
	if (mdb_env_get_maxkeysize(d->env) < NCSDB_KEY_MAX - 1)
		return refuse(d, err, -EINVAL, "LMDB is built for keys of %d bytes, must be %d",
			      mdb_env_get_maxkeysize(d->env), NCSDB_KEY_MAX - 1);
	return 0;
}

/* Pages behind the end of the file would raise SIGBUS when they are touched. */
static int check_size(struct disk *d, const MDB_envinfo *info, struct err *err)
{
	unsigned long long want = (info->me_last_pgno + 1ull) * d->page;
	struct stat st;

	if (fstat(d->data_fd, &st))
		return refuse(d, err, -errno, DATA_FILE ": %s", strerror(errno));
	if ((unsigned long long)st.st_size < want)
		return refuse(d, err, -EINVAL,
			      DATA_FILE " is truncated: %lld bytes found, %llu expected" RESET_HINT,
			      (long long)st.st_size, want);
	return 0;
}

static int meta_put(struct disk *d, MDB_txn *txn, const char *name, void *data, size_t len)
{
	MDB_val key = {strlen(name), (void *)name};
	MDB_val val = {len, data};

	return mdb_put(txn, d->meta, &key, &val, 0);
}

static int meta_get(struct disk *d, MDB_txn *txn, const char *name, void *data, size_t len)
{
	MDB_val key = {strlen(name), (void *)name}, val;
	int rc = mdb_get(txn, d->meta, &key, &val);

	if (rc)
		return rc;
	if (val.mv_size != len)
		return MDB_CORRUPTED;
	memcpy(data, val.mv_data, len);
	return 0;
}

static int put_boot(struct disk *d, MDB_txn *txn, const char *id)
{
	struct disk_boot boot = {.number = htole32(d->boot)};

	memcpy(boot.id, id, BOOT_ID_LEN);
	return meta_put(d, txn, "boot", &boot, sizeof(boot));
}

static int create(struct disk *d, MDB_txn *txn, const char *boot_id)
{
	struct disk_format format = {.version = htole32(DISK_FORMAT_VERSION)};
	uint64_t revision = htole64(1);
	int rc;

	if (getrandom(&d->epoch, sizeof(d->epoch), 0) != sizeof(d->epoch))
		return EIO;
	memcpy(format.magic, MAGIC, sizeof(format.magic));
	format.epoch = htole64(d->epoch);
	d->boot = 1;
	rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &d->meta);
	if (!rc)
		rc = mdb_dbi_open(txn, "kv", MDB_CREATE, &d->kv);
	if (!rc)
		rc = mdb_dbi_open(txn, "leases", MDB_CREATE, &d->leases);
	if (!rc)
		rc = meta_put(d, txn, "format", &format, sizeof(format));
	if (!rc)
		rc = meta_put(d, txn, "revision", &revision, sizeof(revision));
	return rc ? rc : put_boot(d, txn, boot_id);
}

static int check_format(struct disk *d, MDB_txn *txn, struct err *err)
{
	struct disk_format format;
	int rc = mdb_dbi_open(txn, "meta", 0, &d->meta);

	if (!rc)
		rc = meta_get(d, txn, "format", &format, sizeof(format));
	if (rc || memcmp(format.magic, MAGIC, sizeof(format.magic)) != 0)
		return refuse(d, err, -EINVAL,
			      DATA_FILE " is not sand's: format record \"" MAGIC
					"\" expected, %s found" RESET_HINT,
			      rc ? "none" : "another");
	if (le32toh(format.version) != DISK_FORMAT_VERSION)
		return refuse(d, err, -EINVAL, "has format version %u, expected %d" RESET_HINT,
			      le32toh(format.version), DISK_FORMAT_VERSION);
	d->epoch = le64toh(format.epoch);
	rc = mdb_dbi_open(txn, "kv", 0, &d->kv);
	if (!rc)
		rc = mdb_dbi_open(txn, "leases", 0, &d->leases);
	return rc ? refuse_damaged(d, err, mdb_strerror(rc)) : 0;
}

/* A new boot gets a number of its own. */
static int adopt(struct disk *d, MDB_txn *txn, const char *boot_id, struct err *err)
{
	struct disk_boot boot;
	int rc = check_format(d, txn, err);

	if (rc)
		return rc;
	rc = meta_get(d, txn, "boot", &boot, sizeof(boot));
	if (rc)
		return refuse_damaged(d, err, "no boot record");
	d->boot = le32toh(boot.number);
	if (memcmp(boot.id, boot_id, BOOT_ID_LEN) == 0)
		return 0;
	d->boot++;
	rc = put_boot(d, txn, boot_id);
	return rc ? refuse_lmdb(d, err, "cannot be written", rc) : 0;
}

static int open_data(struct disk *d, const char *boot_id, struct err *err)
{
	MDB_envinfo info;
	MDB_stat stat;
	MDB_txn *txn;
	int rc;

	mdb_env_stat(d->env, &stat);
	mdb_env_info(d->env, &info);
	d->page = stat.ms_psize;
	rc = check_size(d, &info, err);
	if (rc)
		return rc;
	rc = mdb_txn_begin(d->env, NULL, 0, &txn);
	if (rc)
		return refuse_lmdb(d, err, "cannot be read", rc);
	if (info.me_last_txnid == 0) {
		rc = create(d, txn, boot_id);
		rc = rc ? refuse_lmdb(d, err, "cannot be created", rc) : 0;
	} else {
		rc = adopt(d, txn, boot_id, err);
	}
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	return rc ? refuse_lmdb(d, err, "cannot be written", rc) : 0;
}

static int open_all(struct disk *d, const struct ncsdb_conf *conf, struct err *err)
{
	char boot_id[BOOT_ID_LEN + 1];
	OWN_FD int dir_fd = -1;
	bool exists;
	int rc = prepare_dir(d, conf, &dir_fd, err);

	if (!rc)
		rc = check_data_file(d, dir_fd, &exists, err);
	if (rc)
		return rc;
	rc = clock_boot_id(boot_id);
	if (rc)
		return refuse(d, err, rc, "the kernel gives no boot ID: %s", strerror(-rc));
	rc = open_env(d, conf, err);
	if (!rc)
		rc = open_data(d, boot_id, err);
	if (rc && !exists)
		unlinkat(dir_fd, DATA_FILE, 0); /* half made */
	if (!rc && fsync(dir_fd))
		rc = refuse(d, err, -EIO, "cannot be made durable: %s", strerror(errno));
	return rc;
}

int disk_open(const struct ncsdb_conf *conf, struct disk **out, struct err *err)
{
	struct disk *d = calloc(1, sizeof(*d));
	int rc;

	if (d)
		d->dir = strdup(conf->dir);
	if (!d || !d->dir) {
		free(d);
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	}
	d->lock_fd = d->data_fd = -1;
	rc = open_all(d, conf, err);
	if (rc)
		disk_close(d);
	else
		*out = d;
	return rc;
}

void disk_close(struct disk *d)
{
	if (!d)
		return;
	if (d->env)
		mdb_env_close(d->env);
	if (d->lock_fd >= 0)
		close(d->lock_fd); /* and with it the lock */
	free(d->dir);
	free(d);
}

uint64_t disk_epoch(const struct disk *d)
{
	return d->epoch;
}

uint64_t disk_bytes(const struct disk *d)
{
	struct stat st;

	return fstat(d->data_fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

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
		return refuse_damaged(ld->d, ld->err, "a lease record of wrong size");
	memcpy(&id, key->mv_data, sizeof(id));
	memcpy(&ttl, val->mv_data, sizeof(ttl));
	ttl = le32toh(ttl);
	if (le64toh(id) == 0 || le64toh(id) > INT64_MAX || ttl < NCSDB_LEASE_TTL_MIN_S ||
	    ttl > NCSDB_LEASE_TTL_MAX_S)
		return refuse_damaged(ld->d, ld->err, "a lease out of range");
	rc = lease_add(&ld->store->leases, (int64_t)le64toh(id), ttl, ld->now_us);
	return rc ? refuse(ld->d, ld->err, rc, "cannot load a lease: %s", strerror(-rc)) : 0;
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
		return refuse_damaged(ld->d, ld->err, "a record of impossible size");
	rec = rec_from_disk(ld->d, key, val);
	if (!rec)
		return refuse(ld->d, ld->err, -ENOMEM, "out of memory");
	if (!rec_plausible(rec, ld->store)) {
		rec_unref(&ld->store->pool, rec);
		return refuse_damaged(ld->d, ld->err, "a record that cannot be");
	}
	if (ld->store->tree.count == ld->store->max_keys) {
		rec_unref(&ld->store->pool, rec);
		return refuse(ld->d, ld->err, -ENOSPC, "holds more keys than max_keys, %llu",
			      (unsigned long long)ld->store->max_keys);
	}
	rc = store_load(ld->store, rec);
	if (rc == -EINVAL)
		return refuse_damaged(ld->d, ld->err, "a key of a lease that does not exist");
	return rc ? refuse(ld->d, ld->err, rc, "out of memory") : 0;
}

typedef int (*load_fn)(struct loader *ld, const MDB_val *key, const MDB_val *val);

static int load_each(struct loader *ld, MDB_txn *txn, MDB_dbi dbi, load_fn load)
{
	MDB_cursor *cursor;
	MDB_val key, val;
	int rc, bad = 0;

	rc = mdb_cursor_open(txn, dbi, &cursor);
	if (rc)
		return refuse_lmdb(ld->d, ld->err, "cannot be read", rc);
	while (!bad && (rc = mdb_cursor_get(cursor, &key, &val, MDB_NEXT)) == 0)
		bad = load(ld, &key, &val);
	mdb_cursor_close(cursor);
	if (bad)
		return bad;
	return rc == MDB_NOTFOUND ? 0 : refuse_damaged(ld->d, ld->err, mdb_strerror(rc));
}

int disk_load(struct disk *d, struct store *store, uint64_t now_us, struct err *err)
{
	struct loader ld = {d, store, now_us, err};
	uint64_t revision;
	MDB_txn *txn;
	int rc = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return refuse_lmdb(d, err, "cannot be read", rc);
	rc = meta_get(d, txn, "revision", &revision, sizeof(revision));
	if (rc) {
		rc = refuse_damaged(d, err, "no revision record");
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
	return rc ? rc : meta_put(d, txn, "revision", &revision, sizeof(revision));
}

int disk_write(struct disk *d, const struct batch *b)
{
	MDB_txn *txn;
	int rc = reserve(d, b);

	if (!rc)
		rc = mdb_txn_begin(d->env, NULL, 0, &txn);
	if (rc)
		return code_of(rc);
	rc = write_all(d, txn, b);
	if (rc) {
		mdb_txn_abort(txn);
		return code_of(rc);
	}
	return code_of(mdb_txn_commit(txn));
}
