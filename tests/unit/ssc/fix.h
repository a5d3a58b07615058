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
	struct view_instance instance;
	struct view_path path;
};

static inline void fix_init(struct fix *fix, const char *instance, const char *path)
{
	memset(fix, 0, sizeof(*fix));
	snprintf(fix->instance.name, NAME_LEN, "%s", instance);
	snprintf(fix->instance.gateway, NAME_LEN, "gw2");
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
	return (struct ssc_candidate){&fix->instance, &fix->path};
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

static inline void term_step(struct service *svc, uint16_t attr, int64_t units, int16_t weight)
{
	struct term *t = &svc->terms[svc->n_terms++];

	memset(t, 0, sizeof(*t));
	t->attr = attr;
	t->weight = weight;
	t->curve.kind = CURVE_STEP;
	t->curve.n = 1;
	t->curve.v[0].x_milli = units * 1000;
}

static inline void term_ramp(struct service *svc, uint16_t attr, int64_t from, int64_t to,
			     int16_t weight)
{
	struct term *t = &svc->terms[svc->n_terms++];
	bool falling = from > to;

	memset(t, 0, sizeof(*t));
	t->attr = attr;
	t->weight = weight;
	t->curve.kind = CURVE_POINTS;
	t->curve.ramp = true;
	t->curve.n = 2;
	t->curve.v[falling].x_milli = from * 1000;
	t->curve.v[!falling].x_milli = to * 1000;
	t->curve.v[falling].y = 0;
	t->curve.v[!falling].y = METRIC_MAX;
}

static inline void require(struct service *svc, uint16_t attr, enum req_op op, int64_t units)
{
	svc->requirements[svc->n_requirements++] =
		(struct requirement){.attr = attr, .op = op, .milli = units * 1000};
}

/* Without terms. */
static inline void service_bare(struct service *svc)
{
	service_init(svc, 0x101);
	memset(svc->terms, 0, sizeof(svc->terms));
	svc->n_terms = 0;
}

/* Metric = cost: for tests of ranking. */
static inline void service_by_cost(struct service *svc)
{
	service_bare(svc);
	term_ramp(svc, ATTR_COST, 0, 1000, 1);
}

#endif
