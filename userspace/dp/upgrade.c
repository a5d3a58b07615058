/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what is pinned to what the configuration asks for. If every pinned map has today's layout
 * and the size asked for, it is adopted as it stands. Else, and in an empty pin directory, a new
 * set is made:
 *
 *   1. load the programs on new maps, and on the old ones that need no change;
 *   2. copy what the others hold;
 *   3. pin all in maps-<n + 1>, san_meta last;
 *   4. flip the symbolic link "maps": from here on the new set is the one in force;
 *   5. renew every link to the new programs;
 *   6. copy flows that the old programs have learned since 2;
 *   7. remove the old set.
 *
 * Stopped before 4, the next start removes maps-<n + 1>: nothing uses it. Stopped behind 4, the
 * next start finds a set below the one in force and goes on with 5.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dp/priv.h"
#include "util/log.h"
#include "util/own.h"

#define MAX_OLDER 8

void (*dp_step_hook)(enum dp_step step);

static void stepped(enum dp_step step)
{
	if (dp_step_hook)
		dp_step_hook(step);
}

static void meta_new(struct san_meta *meta)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	meta->abi_version = SAN_ABI_VERSION;
	meta->created_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
}

struct change {
	struct dp_set current; /* fds -1 without one */
	bool found;
	bool kept[DP_MAP_MAX];
	bool same; /* everything can be kept */
	unsigned int older[MAX_OLDER];
	int n_older;
};

/* Which set is in force; sets above it are the rest of a change that never came to its flip. */
static int find(struct dp *dp, struct change *c, struct err *err)
{
	unsigned int number = 0, others[MAX_OLDER];
	int i, n, r = dp_set_current(dp->pin_dir, &number);

	if (r && r != -ENOENT)
		return err_set(err, r, "", "",
			       "%s/" DP_SET_LINK " must be a link to " DP_SET_PREFIX
			       "<n>: remove the pinned state first (sand --unload)",
			       dp->pin_dir);
	c->found = !r;
	n = dp_set_others(dp->pin_dir, c->found ? number : UINT_MAX, others, MAX_OLDER);
	for (i = 0; i < n; i++) {
		if (c->found && others[i] < number) {
			c->older[c->n_older++] = others[i];
			continue;
		}
		r = dp_set_remove(dp->pin_dir, others[i]);
		if (r)
			return err_set(err, r, "", "", "cannot remove a pin: %s", strerror(-r));
	}
	dp->set = number;
	return n < 0 ? err_set(err, n, "", "", "cannot read the directory: %s", strerror(-n)) : 0;
}

static int version_unknown(const struct dp_set *old, struct err *err)
{
	char value[64];

	snprintf(value, sizeof(value), "ABI version %u", old->meta.abi_version);
	return err_set(err, -ESTALE, "san_meta", value,
		       "must be 2..%u: start the version that made it, or remove the pinned state "
		       "(sand --unload)",
		       SAN_ABI_VERSION);
}

static int compare(struct dp *dp, struct change *c, struct err *err)
{
	int map, r = dp_set_open(dp->pin_dir, dp->set, &c->current, err);

	if (r == -ENOENT)
		return err_set(err, -ENOENT, "san_meta", "",
			       "the set of maps is incomplete: remove the pinned state first "
			       "(sand --unload)");
	if (r)
		return r;
	if (c->current.meta.abi_version > SAN_ABI_VERSION || c->current.meta.abi_version < 2)
		return version_unknown(&c->current, err);
	dp->meta.created_ns = c->current.meta.created_ns;
	c->same = dp->set && c->current.btf && c->current.meta.abi_version == SAN_ABI_VERSION;
	for (map = 0; map < DP_MAP_MAX; map++) {
		c->kept[map] = dp_old_same(dp, &c->current, map);
		c->same = c->same && c->kept[map];
	}
	/* Rows of another number of interfaces: entries may have to change theirs. */
	c->kept[DP_MAP_IFACES] = c->kept[DP_MAP_IFACES] && c->kept[DP_MAP_REASONS];
	/* A new set has a san_meta of its own. */
	c->kept[DP_MAP_META] = c->same;
	return c->same ? 0 : dp_old_fits(dp, &c->current, err);
}

static void take_kept(struct dp *dp, struct change *c)
{
	int map;

	for (map = 0; map < DP_MAP_MAX; map++)
		if (c->kept[map])
			dp->map_fd[map] = TAKE_FD(c->current.fd[map]);
}

/* What the old set holds goes into the new one. Descriptors of kept maps have been taken. */
static int make(struct dp *dp, const struct change *c, unsigned int number, struct err *err)
{
	int r = 0;

	if (c->found) {
		r = dp_copy(dp, &c->current, c->kept, err);
		stepped(DP_STEP_COPIED);
	}
	if (!r)
		r = dp_set_pin(dp, number, err);
	stepped(DP_STEP_PINNED);
	if (!r)
		r = dp_set_flip(dp->pin_dir, number, err);
	if (r)
		dp_set_remove(dp->pin_dir, number);
	else
		dp->set = number;
	stepped(DP_STEP_FLIPPED);
	return r;
}

/* Flows are a cache: what cannot be read is learned again. */
static void late(struct dp *dp, unsigned int number)
{
	struct dp_set old;
	struct err err;

	if (dp_set_open(dp->pin_dir, number, &old, &err))
		return;
	dp_copy_late(dp, &old);
	dp_set_fini(&old);
}

/* Steps 5 to 7, for all sets that were in force before. */
static int finish(struct dp *dp, const struct change *c, struct err *err)
{
	int i, r = 0;

	if (!c->n_older)
		return 0;
	r = dp_attach_renew(dp, err);
	if (r)
		return r;
	stepped(DP_STEP_RENEWED);
	for (i = 0; i < c->n_older; i++)
		late(dp, c->older[i]);
	stepped(DP_STEP_LATE);
	for (i = 0; i < c->n_older && !r; i++) {
		r = dp_set_remove(dp->pin_dir, c->older[i]);
		stepped(DP_STEP_REMOVED);
	}
	return r ? err_set(err, r, "", "", "cannot remove the old set of maps: %s", strerror(-r))
		 : 0;
}

static int change(struct dp *dp, struct change *c, struct err *err)
{
	unsigned int was = dp->set;
	int r = make(dp, c, was + 1, err);

	if (r || !c->found)
		return r;
	log_info("maps converted", "pins=%s from=%u to=%u abi_from=%u abi_to=%u", dp->pin_dir, was,
		 was + 1, c->current.meta.abi_version, SAN_ABI_VERSION);
	if (c->n_older < MAX_OLDER)
		c->older[c->n_older++] = was;
	return 0;
}

static int adopt_steps(struct dp *dp, struct change *c, struct err *err)
{
	int r = find(dp, c, err);

	meta_new(&dp->meta);
	if (!r)
		r = dp_object_open(dp, SAN_ROLE_INGRESS, &dp->object[SAN_ROLE_INGRESS], err);
	if (!r && c->found)
		r = compare(dp, c, err);
	if (r)
		return r;
	take_kept(dp, c);
	dp_constants_set(dp, &dp->object[SAN_ROLE_INGRESS]);
	r = dp_load(dp, err);
	if (!r && !c->same)
		r = change(dp, c, err);
	return r ? r : finish(dp, c, err);
}

int dp_adopt(struct dp *dp, struct err *err)
{
	struct change c = {0};
	int r;

	dp_set_init(&c.current);
	r = adopt_steps(dp, &c, err);
	dp_set_fini(&c.current);
	return r;
}
