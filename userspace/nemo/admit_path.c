/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Legs to paths: which path does what is asked, and which of those is taken. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/admit_int.h"

#define US_MILLI_PER_MS INT64_C(1000000)     /* samples are thousandths of microseconds */
#define KBPS_MILLI_PER_MBPS INT64_C(1000000) /* and of kbit/s */
#define MILLI 1000
#define UNKNOWN_MILLI INT64_C(-1)

/* In the order in which a path is further from what is asked. */
enum fit { FITS, NO_ROOM, ROOM_UNKNOWN, SLOW, DELAY_UNKNOWN };

static int compare_paths(const struct path *a, const char *ingress, const char *gateway)
{
	int c = strcmp(a->ingress, ingress);

	return c ? c : strcmp(a->gateway, gateway);
}

static int by_key(const void *a, const void *b)
{
	const struct path *l = &((const struct road *)a)->path->def;
	const struct path *r = &((const struct road *)b)->path->def;
	int c = compare_paths(l, r->ingress, r->gateway);

	return c ? c : strcmp(l->name, r->name);
}

int roads_init(struct roads *roads, const struct view *view)
{
	const struct view_path *p;

	*roads = (struct roads){.v = calloc(HASH_COUNT(view->paths) + 1, sizeof(*roads->v))};
	if (!roads->v)
		return -ENOMEM;
	for (p = view->paths; p; p = p->hh.next)
		if (p->defined)
			roads->v[roads->n++].path = p;
	qsort(roads->v, roads->n, sizeof(*roads->v), by_key);
	return 0;
}

void roads_fini(struct roads *roads)
{
	free(roads->v);
	*roads = (struct roads){0};
}

/* The first road of a leg's pair of gateways; *n of them. */
static struct road *roads_of(const struct roads *roads, const struct nemo_leg *leg, unsigned int *n)
{
	unsigned int low = 0, high = roads->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (compare_paths(&roads->v[mid].path->def, leg->ingress, leg->gateway) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (high = low; high < roads->n; high++)
		if (compare_paths(&roads->v[high].path->def, leg->ingress, leg->gateway) != 0)
			break;
	*n = high - low;
	return &roads->v[low];
}

static struct road *road_find(const struct roads *roads, const struct nemo_leg *leg)
{
	unsigned int n;
	struct road *r = roads_of(roads, leg, &n);

	for (unsigned int i = 0; i < n; i++)
		if (strcmp(r[i].path->def.name, leg->path) == 0)
			return &r[i];
	return NULL;
}

static int64_t status(const struct road *road, uint16_t attr)
{
	const struct sample *s = samples_get(&road->path->samples, attr);

	return s ? s->milli : UNKNOWN_MILLI;
}

static int64_t free_mbps(const struct road *road) /* may be negative */
{
	return status(road, ATTR_BANDWIDTH_KBPS) / KBPS_MILLI_PER_MBPS - road->held;
}

static enum fit fit(const struct road *road, const struct nemo_leg *leg)
{
	int64_t delay = status(road, ATTR_DELAY_US);

	if (leg->delay > 0 && delay == UNKNOWN_MILLI)
		return DELAY_UNKNOWN;
	if (leg->delay > 0 && (delay + US_MILLI_PER_MS - 1) / US_MILLI_PER_MS > leg->delay)
		return SLOW;
	if (leg->bandwidth > 0 && status(road, ATTR_BANDWIDTH_KBPS) == UNKNOWN_MILLI)
		return ROOM_UNKNOWN;
	if (leg->bandwidth > 0 && leg->bandwidth > free_mbps(road))
		return NO_ROOM;
	return FITS;
}

/* A delay that is not known is behind all that are. */
static int compare_delay(const struct road *a, const struct road *b)
{
	uint64_t l = (uint64_t)status(a, ATTR_DELAY_US), r = (uint64_t)status(b, ATTR_DELAY_US);

	return (l > r) - (l < r);
}

static bool better(const struct road *a, const struct road *b)
{
	bool lost_a = status(a, ATTR_LOSS_PPM) >= attr_max_milli(ATTR_LOSS_PPM);
	bool lost_b = status(b, ATTR_LOSS_PPM) >= attr_max_milli(ATTR_LOSS_PPM);
	int c = lost_a - lost_b;

	if (c == 0)
		c = compare_delay(a, b);
	if (c != 0)
		return c < 0;
	return a->path->def.preference < b->path->def.preference; /* equal: the smaller name */
}

/* Is a nearer to what is asked? Both do not do it. */
static bool nearer(const struct road *a, const struct road *b, const struct nemo_leg *leg)
{
	enum fit l = fit(a, leg), r = fit(b, leg);

	if (l != r)
		return l < r;
	return l == NO_ROOM ? free_mbps(a) > free_mbps(b) : compare_delay(a, b) < 0;
}

static void say(const struct road *road, const struct nemo_leg *leg, char *why, size_t size)
{
	const char *key = road->path->key;
	int64_t all = status(road, ATTR_BANDWIDTH_KBPS) / MILLI; /* thousandths of Mbit/s */
	int64_t room = all - road->held * MILLI;
	char has[32], of[32];

	switch (fit(road, leg)) {
	case NO_ROOM:
		snprintf(why, size, "path %s has %s of %s Mbit/s free, %lld are asked for", key,
			 attr_text(room > 0 ? room : 0, has, sizeof(has)),
			 attr_text(all, of, sizeof(of)), (long long)leg->bandwidth);
		break;
	case ROOM_UNKNOWN:
		snprintf(why, size,
			 "bandwidth_kbps of path %s is not known, %lld Mbit/s are asked for", key,
			 (long long)leg->bandwidth);
		break;
	case SLOW:
		snprintf(why, size, "path %s takes %s ms, at most %lld are asked for", key,
			 attr_text(status(road, ATTR_DELAY_US) / MILLI, has, sizeof(has)),
			 (long long)leg->delay);
		break;
	default:
		snprintf(why, size,
			 "delay_us of path %s is not known, at most %lld ms are asked for", key,
			 (long long)leg->delay);
	}
}

void roads_hold(struct roads *roads, const struct nemo_leg *leg)
{
	struct road *road = road_find(roads, leg);

	if (road && leg->bandwidth > 0)
		road->held += leg->bandwidth;
}

bool roads_keep(struct roads *roads, const struct nemo_leg *leg)
{
	struct road *road = road_find(roads, leg);

	if (!road || fit(road, leg) != FITS)
		return false;
	roads_hold(roads, leg);
	return true;
}

bool roads_choose(struct roads *roads, struct nemo_leg *leg, char *why, size_t size)
{
	const struct road *best = NULL, *near = NULL;
	unsigned int n;
	struct road *r = roads_of(roads, leg, &n);

	for (unsigned int i = 0; i < n; i++)
		if (fit(&r[i], leg) == FITS) {
			if (!best || better(&r[i], best))
				best = &r[i];
		} else if (!near || nearer(&r[i], near, leg)) {
			near = &r[i];
		}
	if (best) {
		snprintf(leg->path, sizeof(leg->path), "%s", best->path->def.name);
		roads_hold(roads, leg);
		return true;
	}
	if (near)
		say(near, leg, why, size);
	else
		snprintf(why, size, "there is no path from %s to %s", leg->ingress, leg->gateway);
	return false;
}
