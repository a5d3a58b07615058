/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a gateway says of all its instances of one service (two-level steering): value of the key
 * /san/aggregates/<service>/<gateway>, under the gateway's lease.
 *
 * { "count": 3, "capacity": 2410, "metric": 120, "attributes": {"cpu_load": 41.5, "queue_us": 80} }
 *
 * count: instances that satisfy the service's requirements (0: none, the gateway is no candidate);
 * capacity: sum over them of METRIC_MAX - metric; metric: of the best, as the gateway sees it;
 * attributes: what an ingress evaluates in place of an instance's, with the same curves.
 */
#ifndef MODEL_AGGREGATE_H
#define MODEL_AGGREGATE_H

#include <jansson.h>
#include <stdint.h>

#include "model/attr.h"

#define AGGREGATE_MAX_COUNT 65535

struct aggregate {
	uint32_t count;	   /* 0..AGGREGATE_MAX_COUNT */
	uint32_t capacity; /* 0..count * 1000 */
	uint16_t metric;   /* 0..1000 */
	uint16_t n;	   /* samples; received_us is not part of the value */
	struct sample samples[ATTR_PER_OBJECT];
};

/* All members required but attributes. *out is left alone on failure. -EINVAL, -ENOSPC. */
int aggregate_from_json(const json_t *obj, struct aggregate *out, struct err *err);
json_t *aggregate_to_json(const struct aggregate *agg); /* new reference; NULL without memory */

#endif
