/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/disk.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ncsdb/disk_priv.h"
#include "util/clock.h"
#include "util/own.h"

#define DATA_FILE "data.mdb" /* LMDB's name */
#define LOCK_FILE "lock"
#define MAGIC "sandNCSD"
#define BOOT_ID_LEN 36

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

_Static_assert(sizeof(struct disk_format) == 24, "format layout");
_Static_assert(sizeof(struct disk_boot) == 40, "boot layout");

/* ---- errors ---- */

int disk_code(int rc)
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

int disk_refuse(const struct disk *d, struct err *err, int code, const char *want, ...)
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

int disk_refuse_lmdb(const struct disk *d, struct err *err, const char *what, int rc)
{
	return disk_refuse(d, err, disk_code(rc), "%s: %s", what, mdb_strerror(rc));
}

int disk_refuse_damaged(const struct disk *d, struct err *err, const char *what)
{
	return disk_refuse(d, err, -EINVAL, "is damaged: %s" DISK_RESET_HINT, what);
}

/* ---- the directory ---- */

static int lock_dir(struct disk *d, int dir_fd, struct err *err)
{
	char pid[16] = "";
	ssize_t n;

	d->lock_fd = openat(dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock_fd < 0)
		return disk_refuse(d, err, -errno, "cannot open its lock file: %s",
				   strerror(errno));
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB)) {
		n = pread(d->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		return disk_refuse(d, err, -EBUSY, "is in use by process %s",
				   pid[0] ? pid : "unknown");
	}
	n = snprintf(pid, sizeof(pid), "%d", getpid());
	if (ftruncate(d->lock_fd, 0) || pwrite(d->lock_fd, pid, (size_t)n, 0) != n)
		return disk_refuse(d, err, disk_code(errno), "cannot write its lock file: %s",
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
		return errno == ENOENT
			       ? 0
			       : disk_refuse(d, err, -errno, DATA_FILE ": %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return disk_refuse(d, err, -EINVAL, DATA_FILE " must be a regular file");
	if (st.st_size == 0)
		return disk_refuse_damaged(d, err, DATA_FILE " is empty");
	return 0;
}

static int prepare_dir(struct disk *d, const struct ncsdb_conf *conf, int *dir_fd, struct err *err)
{
	int rc;

	if (mkdir(d->dir, 0700) && errno != EEXIST)
		return disk_refuse(d, err, -errno, "cannot make the directory: %s",
				   strerror(errno));
	*dir_fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return disk_refuse(d, err, -errno, "cannot open the directory: %s",
				   strerror(errno));
	rc = lock_dir(d, *dir_fd, err);
	if (rc)
		return rc;
	if (conf->reset && unlinkat(*dir_fd, DATA_FILE, 0) && errno != ENOENT)
		return disk_refuse(d, err, -errno, "cannot remove " DATA_FILE ": %s",
				   strerror(errno));
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
		return disk_refuse(d, err, -EINVAL,
				   DATA_FILE
				   " is no LMDB file, or its head is damaged" DISK_RESET_HINT);
	case MDB_VERSION_MISMATCH:
		return disk_refuse(d, err, -EINVAL,
				   DATA_FILE
				   " has another LMDB version than this program's" DISK_RESET_HINT);
	default:
		return disk_refuse_lmdb(d, err, "cannot open " DATA_FILE, rc);
	}
	if (mdb_env_get_maxkeysize(d->env) < NCSDB_KEY_MAX - 1)
		return disk_refuse(d, err, -EINVAL,
				   "LMDB is built for keys of %d bytes, must be %d",
				   mdb_env_get_maxkeysize(d->env), NCSDB_KEY_MAX - 1);
	return 0;
}

/* Pages behind the end of the file would raise SIGBUS when they are touched. */
static int check_size(struct disk *d, const MDB_envinfo *info, struct err *err)
{
	unsigned long long want = (info->me_last_pgno + 1ull) * d->page;
	struct stat st;

	if (fstat(d->data_fd, &st))
		return disk_refuse(d, err, -errno, DATA_FILE ": %s", strerror(errno));
	if ((unsigned long long)st.st_size < want)
		return disk_refuse(d, err, -EINVAL,
				   DATA_FILE
				   " is truncated: %lld bytes found, %llu expected" DISK_RESET_HINT,
				   (long long)st.st_size, want);
	return 0;
}

int disk_meta_put(struct disk *d, MDB_txn *txn, const char *name, void *data, size_t len)
{
	MDB_val key = {strlen(name), (void *)name};
	MDB_val val = {len, data};

	return mdb_put(txn, d->meta, &key, &val, 0);
}

int disk_meta_get(struct disk *d, MDB_txn *txn, const char *name, void *data, size_t len)
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
	return disk_meta_put(d, txn, "boot", &boot, sizeof(boot));
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
		rc = disk_meta_put(d, txn, "format", &format, sizeof(format));
	if (!rc)
		rc = disk_meta_put(d, txn, "revision", &revision, sizeof(revision));
	return rc ? rc : put_boot(d, txn, boot_id);
}

static int check_format(struct disk *d, MDB_txn *txn, struct err *err)
{
	struct disk_format format;
	int rc = mdb_dbi_open(txn, "meta", 0, &d->meta);

	if (!rc)
		rc = disk_meta_get(d, txn, "format", &format, sizeof(format));
	if (rc || memcmp(format.magic, MAGIC, sizeof(format.magic)) != 0)
		return disk_refuse(d, err, -EINVAL,
				   DATA_FILE " is not sand's: format record \"" MAGIC
					     "\" expected, %s found" DISK_RESET_HINT,
				   rc ? "none" : "another");
	if (le32toh(format.version) != DISK_FORMAT_VERSION)
		return disk_refuse(d, err, -EINVAL,
				   "has format version %u, expected %d" DISK_RESET_HINT,
				   le32toh(format.version), DISK_FORMAT_VERSION);
	d->epoch = le64toh(format.epoch);
	rc = mdb_dbi_open(txn, "kv", 0, &d->kv);
	if (!rc)
		rc = mdb_dbi_open(txn, "leases", 0, &d->leases);
	return rc ? disk_refuse_damaged(d, err, mdb_strerror(rc)) : 0;
}

/* A new boot gets a number of its own. */
static int adopt(struct disk *d, MDB_txn *txn, const char *boot_id, struct err *err)
{
	struct disk_boot boot;
	int rc = check_format(d, txn, err);

	if (rc)
		return rc;
	rc = disk_meta_get(d, txn, "boot", &boot, sizeof(boot));
	if (rc)
		return disk_refuse_damaged(d, err, "no boot record");
	d->boot = le32toh(boot.number);
	if (memcmp(boot.id, boot_id, BOOT_ID_LEN) == 0)
		return 0;
	d->boot++;
	rc = put_boot(d, txn, boot_id);
	return rc ? disk_refuse_lmdb(d, err, "cannot be written", rc) : 0;
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
		return disk_refuse_lmdb(d, err, "cannot be read", rc);
	if (info.me_last_txnid == 0) {
		rc = create(d, txn, boot_id);
		rc = rc ? disk_refuse_lmdb(d, err, "cannot be created", rc) : 0;
	} else {
		rc = adopt(d, txn, boot_id, err);
	}
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	return rc ? disk_refuse_lmdb(d, err, "cannot be written", rc) : 0;
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
		return disk_refuse(d, err, rc, "the kernel gives no boot ID: %s", strerror(-rc));
	rc = open_env(d, conf, err);
	if (!rc)
		rc = open_data(d, boot_id, err);
	if (rc && !exists)
		unlinkat(dir_fd, DATA_FILE, 0); /* half made */
	if (!rc && fsync(dir_fd))
		rc = disk_refuse(d, err, -EIO, "cannot be made durable: %s", strerror(errno));
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
