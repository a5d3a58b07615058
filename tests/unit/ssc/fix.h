/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Candidates out of nothing, for the tests of ssc. */
#ifndef TEST_SSC_FIX_H
#define TEST_SSC_FIX_H

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ssc/ssc.h"

#define MS UINT64_C(1000)
#define S (1000 * MS)
#define FIX_NOW (1000 * S) /* when fixtures' samples are received */

/* One instance with one path to it: up, with a SID, over best effort. */
struct fix {
	union {
		struct view_instance instance;
		char room[sizeof(struct view_instance) + NAME_LEN]; /* for its name */
	};
	struct view_path path;
};

static inline void fix_init(struct fix *fix, const char *instance, const char *path)
{
	memset(fix, 0, sizeof(*fix));
	snprintf(fix->instance.name, NAME_LEN, "%s", instance);
	fix->instance.gateway = "gw2";
	inet_pton(AF_INET6, "5f00:0:2:100::", &fix->instance.sid);
	snprintf(fix->path.def.ingress, NAME_LEN, "pe1");
	snprintf(fix->path.def.gateway, NAME_LEN, "gw2");
	snprintf(fix->path.def.name, NAME_LEN, "%s", path);
	snprintf(fix->path.key, sizeof(fix->path.key), "pe1/gw2/%s", path);
	fix->path.def.preference = 100;
	fix->path.defined = true;
}

static inline void fix_fini(struct fix *fix)
{
	samples_fini(&fix->instance.samples);
	samples_fini(&fix->path.samples);
}

static inline struct ssc_candidate fix_cand(const struct fix *fix)
{
	return (struct ssc_candidate){.instance = &fix->instance, .path = &fix->path};
}

/* In whole units, received at FIX_NOW. */
static inline void fix_instance(struct fix *fix, uint16_t attr, int64_t units)
{
	samples_put(&fix->instance.samples, attr, units * 1000, FIX_NOW, NULL);
}

static inline void fix_path(struct fix *fix, uint16_t attr, int64_t units)
{
	samples_put(&fix->path.samples, attr, units * 1000, FIX_NOW, NULL);
}

/* Room for the lists of the services under test: the last FIX_SERVICES are alive. */
#define FIX_SERVICES 8
struct fix_lists {
	struct term terms[SERVICE_MAX_TERMS];
	struct requirement requirements[SERVICE_MAX_REQUIREMENTS];
	struct curve_point points[SERVICE_MAX_TERMS][CURVE_MAX_POINTS];
};
static struct fix_lists fix_lists[FIX_SERVICES] __attribute__((unused));

/* Without terms. */
static inline void service_bare(struct service *svc)
{
	static unsigned int next;
	struct fix_lists *lists = &fix_lists[next++ % FIX_SERVICES];

	memset(lists, 0, sizeof(*lists));
	service_init(svc, 0x101);
	svc->n_terms = 0;
	svc->terms = lists->terms;
	svc->requirements = lists->requirements;
}

/* A term of a service that is not a constant. */
static inline struct term *term_at(struct service *svc, int i)
{
	return (struct term *)&svc->terms[i];
}

/* The next one of a service_bare. */
static inline struct curve_point *term_add(struct service *svc, uint16_t attr, int16_t weight,
					   struct curve curve)
{
	struct fix_lists *lists = (struct fix_lists *)svc->terms;
	int i = svc->n_terms++;

	curve.v = lists->points[i];
	*term_at(svc, i) = (struct term){.attr = attr, .weight = weight, .curve = curve};
	return lists->points[i];
}

static inline void term_step(struct service *svc, uint16_t attr, int64_t units, int16_t weight)
{
	struct curve curve = {.kind = CURVE_STEP, .n = 1};

	term_add(svc, attr, weight, curve)[0].x_milli = units * 1000;
}

static inline void term_ramp(struct service *svc, uint16_t attr, int64_t from, int64_t to,
			     int16_t weight)
{
	struct curve curve = {.kind = CURVE_POINTS, .n = 2, .ramp = true};
	struct curve_point *v = term_add(svc, attr, weight, curve);
	bool falling = from > to;

	v[falling] = (struct curve_point){from * 1000, 0};
	v[!falling] = (struct curve_point){to * 1000, METRIC_MAX};
}

static inline void require(struct service *svc, uint16_t attr, enum req_op op, int64_t units)
{
	struct fix_lists *lists = (struct fix_lists *)svc->terms;

	lists->requirements[svc->n_requirements++] =
		(struct requirement){.attr = attr, .op = op, .milli = units * 1000};
}

/* Metric = cost: for tests of ranking. */
static inline void service_by_cost(struct service *svc)
{
	service_bare(svc);
	term_ramp(svc, ATTR_COST, 0, 1000, 1);
}

#endif
