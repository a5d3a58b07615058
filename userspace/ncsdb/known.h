/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a follower remembers of each key it mirrors: its text behind the prefix, revision and
 * version. A hash table in many small ones, so that a million keys cost little (about 80 bytes
 * each) and growing never stops the loop for long. Used by follow.c only.
 */
#ifndef NCSDB_KNOWN_H
#define NCSDB_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNOWN_SHARDS 256

struct known {
	int64_t mod_rev;       /* 0: of another cluster, or one that lost revisions */
	uint32_t version;      /* its low 32 bits */
	uint32_t list : 24;    /* number of the list that last held it */
	uint32_t dead : 1;     /* deleted at mod_rev; stays until the list under way is in */
	uint32_t mute : 1;     /* dead because its value is unfit: it has a version, and stays */
	uint32_t doubtful : 1; /* dead because a list did not hold it: the watch may still say so */
	char key[];	       /* without the prefix */
};

struct known_shard {
	struct known **slots; /* cap pointers, then cap hashes, in one block */
	uint32_t cap, n;
};

struct known_table {
	struct known_shard shards[KNOWN_SHARDS];
	size_t n, n_dead, bytes;
};

void known_init(struct known_table *table);
void known_fini(struct known_table *table);
struct known *known_find(const struct known_table *table, const char *key);
/* key must not be there. NULL without memory. */
struct known *known_add(struct known_table *table, const char *key);
void known_remove(struct known_table *table, struct known *known);
/* Keeps n_dead. */
void known_set_dead(struct known_table *table, struct known *known, bool dead);
/* Calls each() for all; it may remove the one it is given, and ends it by returning false. */
void known_each(struct known_table *table, bool (*each)(void *arg, struct known *known), void *arg);

#endif
