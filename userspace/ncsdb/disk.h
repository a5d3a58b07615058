/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The database on disk: one LMDB environment in a directory of its own; only disk*.c call LMDB.
 * Everything but disk_write() runs on the loop's thread; disk_write() may run on another one, once
 * at a time.
 *
 * Sub-databases, integers little-endian: "meta" ("format", "revision", "boot"), "kv" (key -> fixed
 * header, value), "leases" (ID -> TTL). A directory belongs to one process at a time (flock on the
 * file "lock").
 */
#ifndef NCSDB_DISK_H
#define NCSDB_DISK_H

#include "ncsdb/store.h"

#define DISK_FORMAT_VERSION 1
#define DISK_MAP_SIZE (1ull << 30)

struct disk;

/* Opens or creates. err says what was found, what was expected, and what --reset would do. */
int disk_open(const struct ncsdb_conf *conf, struct disk **out, struct err *err);
void disk_close(struct disk *disk);
/* Fills an empty store: leases with their full TTL, keys, revision. */
int disk_load(struct disk *disk, struct store *store, uint64_t now_us, struct err *err);
/* One transaction, durable when it returns 0. -ENOSPC (disk, quota, map_size), -EROFS,
 * -ENOMEM or -EIO: nothing of the batch is on the disk. */
int disk_write(struct disk *disk, const struct batch *batch);
uint64_t disk_epoch(const struct disk *disk);
uint64_t disk_bytes(const struct disk *disk);

#endif
