/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that follow maps: of update streams, and of TIPS. */
#ifndef TESTS_NORTH_UPDATES_RIG_H
#define TESTS_NORTH_UPDATES_RIG_H

#include "north/alto_updates.h"
#include "unit/north/alto_rig.h"

#define STREAM_TYPE "Content-Type: application/alto-updatestreamparams+json\r\n"
#define MAP "{\"add\":{\"m\":{\"resource-id\":\"domains\"}}}"
#define COSTS "{\"resource-id\":\"domains-routingcost\"}"
#define SECOND 1000000ull

static const struct place unix_place;

static inline struct alto_streams_stats stats(struct rig *rig)
{
	struct alto_streams_stats out;

	alto_streams_stats(rig->north, &out);
	return out;
}

static inline void set_cost(struct rig *rig, int cost)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"routingcost\": %d}", cost);
	assert_true(rig_status(rig, "PUT /broker/v1/links/AS2/AS3", text) < 300);
}

#endif
