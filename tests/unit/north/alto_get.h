/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET of the ALTO service at its own listener. */
#ifndef TESTS_NORTH_ALTO_GET_H
#define TESTS_NORTH_ALTO_GET_H

#include "unit/north/alto_rig.h"

static inline void get(struct rig *rig, const char *request, const char *headers, struct got *g)
{
	const struct place at = place_alto(rig);

	ask_at(rig, &at, request, headers, NULL, g);
}

static inline int get_status(struct rig *rig, const char *request, const char *headers)
{
	const struct place at = place_alto(rig);

	return status_at(rig, &at, request, headers, NULL);
}

static inline void etag_of(struct rig *rig, const char *request, const char *headers, char buf[256])
{
	struct got g;

	get(rig, request, headers, &g);
	assert_int_equal(g.a.status, 200);
	header_of(&g, "ETag", buf);
	assert_true(buf[0] == '"');
	got_free(&g);
}

#endif
