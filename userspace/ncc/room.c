/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How full the maps are, and what to say when one is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ncc/apply_int.h"
#include "util/log.h"

#define NEARLY_FULL 90 /* per cent: said once ... */
#define RELAXED 80     /* ... until it fell below this */

static const char *const names[] = {
#define X(id, text) [SAN_MAP_##id] = text,
	SAN_SIZED_MAPS(X)
#undef X
};

_Static_assert(sizeof(names) / sizeof(names[0]) == SAN_MAP_MAX, "a name for every map");

/* Member of the configuration that sets the size; NULL = fixed. */
static const char *member(enum san_map map)
{
	switch (map) {
	case SAN_MAP_SERVICES:
	case SAN_MAP_LOCAL:
		return "maps.services";
	case SAN_MAP_NEXTHOPS:
		return "maps.nexthops";
	case SAN_MAP_SLOTS:
		return "maps.slots";
	default:
		return NULL;
	}
}

/* Of indexes and slots dp knows the size only: who owns them is known here. */
void room_get(struct apply *a, enum san_map map, uint64_t *used, uint64_t *size)
{
	*used = *size = 0;
	if (map == SAN_MAP_NEXTHOPS) {
		*used = pool_used(&a->indexes);
		*size = a->indexes.max ? a->indexes.max - 1 : 0;
	} else if (map == SAN_MAP_SLOTS) {
		*used = a->ranges.used;
		*size = a->conf.config.max_slots;
	} else if (dp_map_fill(a->dp, map, used, size)) {
		*used = *size = 0;
	}
}

static void look(struct apply *a, enum san_map map)
{
	const char *raise = member(map);
	uint64_t used, size;

	room_get(a, map, &used, &size);
	if (a->crowded[map] && used * 100 < size * RELAXED)
		a->crowded[map] = false;
	if (a->crowded[map] || used * 100 < size * NEARLY_FULL || !size || !session_may_log(a))
		return;
	a->crowded[map] = true;
	log_warn("map nearly full", "map=%s used=%ju size=%ju raise=%s", names[map],
		 (uintmax_t)used, (uintmax_t)size, raise ? raise : "-");
}

void room_look(struct apply *a)
{
	for (enum san_map map = 0; map < SAN_MAP_MAX; map++)
		look(a, map);
}

void room_look_plan(struct apply *a)
{
	for (enum san_map map = 0; map < SAN_MAP_MAX; map++) {
		if (map != SAN_MAP_IFACES) /* nobody keeps its count: it would be walked */
			look(a, map);
	}
}

int room_error(struct apply *a, struct err *err, enum san_map map)
{
	const char *raise = member(map);
	uint64_t used, size;

	room_get(a, map, &used, &size);
	return err_set(err, -ENOSPC, "", "", "map %s is full, it holds %ju%s%s", names[map],
		       (uintmax_t)size, raise ? "; raise " : "", raise ? raise : "");
}
