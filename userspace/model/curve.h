/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON form of curves: {"step": X}, {"ramp": [FROM, TO]} or {"points": [[x, y], ...]}. Internal to
 * model: service_from_json and service_to_json are the door.
 */
#ifndef MODEL_CURVE_H
#define MODEL_CURVE_H

#include <jansson.h>

#include "model/service.h"

/* A curve as it is read: curve.v belongs here, to v[]. */
struct curve_room {
	struct curve *curve;
	struct curve_point *v; /* CURVE_MAX_POINTS */
};
/* x in units of attr, within its range. err: field relative to obj. */
int curve_from_json(const json_t *obj, uint16_t attr, struct curve_room to, struct err *err);
bool curve_equal(const struct curve *a, const struct curve *b);
json_t *curve_to_json(const struct curve *curve); /* new reference, NULL without memory */

#endif
