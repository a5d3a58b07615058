/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mirror of /a/0../a/39 by a follower over a faulty front, and whether it is right. */
#ifndef TESTS_UNIT_NCSDB_MIRROR_H
#define TESTS_UNIT_NCSDB_MIRROR_H

#include "ncsdb/follow.h"
#include "unit/ncsdb/faulty.h"

#define OWN_CLOCK_JUMPS 1
#include "unit/own_clock.h"

#define KEYS 40

/* ---- a mirror, and what was said ---- */

static struct {
	bool there;
	int value;
} mirror[KEYS];
static struct ncsdb_follow *follow;
static struct ncsdb_follow_stats stats;
static int n_puts, n_dels, n_synced, n_failed;
static int64_t told; /* revision */

static UNUSED int number(const char *key)
{
	assert_int_equal(strncmp(key, "/a/", 3), 0);
	return atoi(key + 3);
}

static UNUSED void on_put(void *arg, const struct ncsdb_kv *kv)
{
	mirror[number(kv->key)].there = true;
	mirror[number(kv->key)].value = atoi(kv->value);
	n_puts++;
}

static UNUSED void on_del(void *arg, const char *key, int64_t revision)
{
	assert_true(mirror[number(key)].there);
	mirror[number(key)].there = false;
	n_dels++;
}

static UNUSED void on_synced(void *arg, int64_t revision)
{
	told = revision;
	n_synced++;
}

static UNUSED void on_revision(void *arg, int64_t revision)
{
	told = revision;
}

static UNUSED void on_failed(void *arg, int rc)
{
	n_failed = rc;
}

static const struct ncsdb_follow_ops ops = {on_put, on_del, on_synced, on_revision, on_failed};

static UNUSED void check_key(const struct ncsdb_kv *kv, bool *stored)
{
	int i = number(kv->key);

	stored[i] = true;
	if (!mirror[i].there || mirror[i].value != atoi(kv->value))
		fail_msg("%s is %s in the database, %d in the mirror", kv->key,
			 (const char *)kv->value, mirror[i].there ? mirror[i].value : -1);
}

static bool checked;

static UNUSED void on_truth(void *arg, const struct ncsdb_range_result *res)
{
	bool stored[KEYS] = {0};

	for (size_t i = 0; i < res->n; i++)
		check_key(&res->kvs[i], stored);
	for (int i = 0; i < KEYS; i++)
		if (mirror[i].there && !stored[i])
			fail_msg("/a/%d is in the mirror only", i);
	checked = true;
}

static UNUSED void same(void)
{
	checked = false;
	assert_int_equal(ncsdb_range(db, &(struct ncsdb_range){.key = "/a/", .prefix = true},
				     on_truth, NULL),
			 0);
	wait_for(&checked);
	ncsdb_follow_stats(follow, &stats);
}

static UNUSED const char *key_of(int i)
{
	static char key[16];

	snprintf(key, sizeof(key), "/a/%d", i);
	return key;
}

static UNUSED void set(int i, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	put(key_of(i), text);
}

static UNUSED void turn(void)
{
	for (int i = 0; i < 12; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* Until so many lists are in. */
static UNUSED void wait_lists(uint64_t n)
{
	uint64_t start = uv_hrtime();

	do {
		assert_true(uv_hrtime() - start < 10000000000);
		run_ms(1);
		ncsdb_follow_stats(follow, &stats);
	} while (stats.lists < n);
}

static UNUSED void begin(void)
{
	assert_int_equal(ncsdb_follow_start(&front.base, "/a/", &ops, NULL, &follow), 0);
}

static UNUSED int setup(void **state)
{
	memory_setup(state);
	faulty_open();
	ncsdb_follow_limits = (struct ncsdb_follow_limits){
		.page = FOLLOW_PAGE, .behind = FOLLOW_BEHIND, .audit_ms = 3600000, .retry_ms = 5};
	memset(mirror, 0, sizeof(mirror));
	follow = NULL;
	n_puts = n_dels = n_synced = n_failed = 0;
	told = 0;
	return 0;
}

static UNUSED int teardown(void **state)
{
	ncsdb_follow_stop(follow);
	return memory_teardown(state);
}

/* ---- events left out ---- */

static const char *drop_key;
static bool drop_deletions, drop_puts;
static int dropped;

static UNUSED bool drop_one(const struct ncsdb_event *event)
{
	bool out = (event->deleted ? drop_deletions : drop_puts) &&
		   strcmp(event->kv.key, drop_key) == 0;

	dropped += out;
	return out;
}

static UNUSED void dropping(const char *key, bool puts, bool deletions)
{
	drop_key = key;
	drop_puts = puts;
	drop_deletions = deletions;
	front.drop = drop_one;
	dropped = 0;
}

#endif
