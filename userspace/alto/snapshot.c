/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "alto/source.h"
#include "util/clock.h"

int alto_snapshot_new(struct alto_source *const *sources, unsigned int n,
		      struct alto_snapshot **out)
{
	static uint64_t number;
	struct alto_snapshot *snap = n <= ALTO_SOURCES_MAX ? calloc(1, sizeof(*snap)) : NULL;

	if (!snap) {
		for (unsigned int i = 0; i < n; i++)
			alto_source_put(sources[i]);
		return n <= ALTO_SOURCES_MAX ? -ENOMEM : -ENOSPC;
	}
	snap->refs = 1;
	snap->number = ++number;
	snap->made_us = clock_us();
	snap->made_unix = (uint64_t)time(NULL);
	for (unsigned int i = 0; i < n; i++)
		snap->sources[snap->n++] = sources[i];
	*out = snap;
	return 0;
}

struct alto_snapshot *alto_snapshot_ref(struct alto_snapshot *snap)
{
	snap->refs++;
	return snap;
}

void alto_snapshot_put(struct alto_snapshot *snap)
{
	if (!snap || --snap->refs)
		return;
	for (unsigned int i = 0; i < snap->n; i++)
		alto_source_put(snap->sources[i]);
	free(snap);
}
