/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A service: what clients name by its ID, how its instances are evaluated and chosen. Value type
 * with a JSON form (database key /san/services/<id>, REST, configuration):
 *
 * { "id": "0x101", "name": "web", "address": "2001:db8:5::101", "address4": "10.9.0.1",
 *   "strategy": "resource-first", "selection": "preferred", "affinity": "flow",
 *   "affinity_key": "5-tuple", "flow_idle_s": 300, "steering": "instance", "access": ["tenant-a"],
 *   "evaluation": [ {"attribute": "delay_us", "curve": {"step": 50000}, "weight": 0},
 *                   {"attribute": "cpu_load", "curve": {"ramp": [40, 80]}, "weight": 1},
 *                   {"attribute": "sessions", "curve": {"points": [[0, 0], [100, 1000]]}} ],
 *   "requirements": [ {"attribute": "loss_ppm", "op": "<", "value": 1000} ],
 *   "hysteresis": {"margin": 50, "hold_ms": 1000},
 *   "freshness": {"max_age_ms": 10000, "policy": "exclude"}, "max_updates_per_s": 100 }
 *
 * Only id is required. selection: preferred | balanced. affinity: none | hash (default) | flow;
 * affinity_key: 5-tuple (default) | source; flow_idle_s: 0..86400, 0 (default) = never. steering:
 * instance (default) | gateway: the ingress chooses the gateway, which chooses the instance.
 * access: 1..16 names of access groups; absent = for interfaces without a group. Without
 * evaluation: one term delay_us, ramp 0..100000, weight 1; an empty array means no term. Points:
 * rising x. A ramp or its x must lie in the attribute's range. max_updates_per_s: 1..1000, changes
 * of the entry in the dataplane; the newest state wins.
 */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <san/map_abi.h>

#include "model/attr.h"
#include "util/name.h"

#define METRIC_MAX 1000 /* not satisfied; 0 is best */
#define SERVICE_MAX_TERMS 16
#define SERVICE_MAX_REQUIREMENTS 16
#define CURVE_MAX_POINTS 16
#define SERVICE_MAX_ACCESS 16
#define FLOW_IDLE_S_MAX 86400
#define MAX_UPDATES_MAX 1000
#define MAX_UPDATES_DEFAULT 100
#define WEIGHT_MAX 1000
#define WEIGHT_BY_STRATEGY (-1) /* not given: the strategy decides optimise (1) or gate (0) */

/* A curve as 1..16 points of rising x. step = two meanings at one x, so it is its own kind. */
enum curve_kind { CURVE_STEP, CURVE_POINTS };
struct curve_point {
	int64_t x_milli;
	int32_t y; /* 0..1000 */
};
struct curve {
	uint8_t kind; /* enum curve_kind */
	uint8_t n;
	bool ramp;		     /* was written as a ramp; falling if v[0].y > v[1].y */
	const struct curve_point *v; /* STEP: v[0].x is the step */
};

struct term {
	uint16_t attr;
	int16_t weight; /* 0 = gate only, 1..WEIGHT_MAX, or WEIGHT_BY_STRATEGY */
	struct curve curve;
};

enum req_op { REQ_LT, REQ_LE, REQ_GT, REQ_GE, REQ_OP_MAX };
struct requirement {
	uint16_t attr;
	uint8_t op; /* enum req_op */
	int64_t milli;
};

enum strategy {
	STRATEGY_NONE, /* every term weight 1 unless given */
	STRATEGY_EXPERIENCE_FIRST,
	STRATEGY_COST_FIRST,
	STRATEGY_RESOURCE_FIRST,
	STRATEGY_MAX,
};

enum stale_policy { STALE_EXCLUDE, STALE_HOLD, STALE_WORSEN, STALE_POLICY_MAX };

enum steering {
	STEERING_INSTANCE, /* the ingress chooses the instance */
	STEERING_GATEWAY,  /* the ingress chooses the gateway, its End.SAN the instance */
	STEERING_MAX,
};

/* Never changed once it is made, so the lists are as long as they are: service_from_json and
 * service_copy put the whole of a service into one block of memory. */
struct service {
	uint64_t id;
	char name[NAME_LEN];	 /* "" = none */
	struct in6_addr address; /* :: = none: no kernel route */
	uint32_t address4;	 /* __be32; 0 = none */
	uint8_t strategy;	 /* enum strategy */
	uint8_t mode;		 /* enum san_mode: SAN_MODE_PREFERRED or BALANCED */
	uint8_t affinity;	 /* enum san_affinity */
	uint8_t affinity_key;	 /* SAN_SVC_KEY_SOURCE, or 0: 5-tuple */
	uint8_t steering;	 /* enum steering */
	uint8_t stale;		 /* enum stale_policy */
	int32_t margin;		 /* hysteresis, metric points, 0..1000 */
	uint32_t hold_ms;
	uint32_t max_age_ms;
	uint32_t flow_idle_s; /* of affinity flow; 0 = never */
	uint16_t max_updates_per_s;
	uint8_t n_terms, n_requirements, n_access;
	const struct term *terms;
	const struct requirement *requirements;
	const char (*access)[NAME_LEN]; /* group names; none: for interfaces without a group */
};

/* a + (b - a) * at / of, half up; 0 <= at <= of, 0 <= a, b <= METRIC_MAX. */
int metric_between(int a, int b, uint64_t at, uint64_t of);
/* 0..METRIC_MAX, integer, half up. */
int curve_metric(const struct curve *curve, int64_t milli);
bool requirement_holds(const struct requirement *req, int64_t milli);
const char *requirement_op_text(uint8_t op); /* "<" "<=" ">" ">=" */

/* Defaults for everything but id; its lists are constants. */
void service_init(struct service *svc, uint64_t id);
/* A service from obj as a whole (defaults for absent members). id: "0x101" or a number in obj; if
 * expect_id != 0 obj may leave it out and must not differ. *out is the caller's, to free(); it is
 * left alone on failure, and so are the interned attribute names. -EINVAL, -ENOSPC, -ENOMEM. */
int service_from_json(const json_t *obj, uint64_t expect_id, struct service **out, struct err *err);
int service_copy(const struct service *svc, struct service **out); /* to free(). -ENOMEM */
bool service_equal(const struct service *a, const struct service *b);
json_t *service_to_json(const struct service *svc); /* new reference; round-trips */

#endif
