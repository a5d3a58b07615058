/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by disk.c (directory, file, format) and disk_data.c (records); nobody else. */
#ifndef NCSDB_DISK_PRIV_H
#define NCSDB_DISK_PRIV_H

#include <lmdb.h>

#include "ncsdb/disk.h"

#define DISK_RESET_HINT "; --reset throws it away and starts empty"

struct disk {
	MDB_env *env;
	MDB_dbi meta, kv, leases;
	int lock_fd, data_fd;
	uint64_t epoch;
	uint32_t boot;
	size_t page;
	char *dir;
};

/* LMDB's or errno's code -> -errno of ncsdb.h. */
int disk_code(int rc);
/* Fill err with the directory as object; return code. */
int disk_refuse(const struct disk *d, struct err *err, int code, const char *want, ...)
	__attribute__((format(printf, 4, 5)));
int disk_refuse_lmdb(const struct disk *d, struct err *err, const char *what, int rc);
int disk_refuse_damaged(const struct disk *d, struct err *err, const char *what);
/* Records of "meta"; LMDB's code. */
int disk_meta_put(struct disk *d, MDB_txn *txn, const char *name, void *data, size_t len);
int disk_meta_get(struct disk *d, MDB_txn *txn, const char *name, void *data, size_t len);

#endif
