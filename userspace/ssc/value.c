/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aggregation of one attribute over the segments of a candidate. */
#include "ssc/ssc.h"

#define LOSS_ONE INT64_C(1000000000) /* 1000000 ppm, in thousandths */

static const struct samples no_samples;

static bool add(struct ssc_parts *parts, const struct samples *set, bool from_path, uint16_t attr)
{
	const struct sample *sample = samples_get(set, attr);

	if (sample)
		parts->v[parts->n++] = (struct ssc_part){sample, from_path};
	return sample != NULL;
}

static void add_delays(struct ssc_parts *parts, const struct ssc_candidate *cand)
{
	if (cand->path && !add(parts, &cand->path->samples, true, ATTR_DELAY_US))
		return; /* the other segments alone say nothing */
	add(parts, &cand->instance->samples, false, ATTR_SITE_DELAY_US);
	add(parts, &cand->instance->samples, false, ATTR_LB_DELAY_US);
	add(parts, &cand->instance->samples, false, ATTR_QUEUE_US);
}

struct ssc_parts ssc_parts(const struct ssc_candidate *cand, uint16_t attr)
{
	const struct samples *path = cand->path ? &cand->path->samples : &no_samples;
	const struct samples *instance = &cand->instance->samples;
	struct ssc_parts parts = {0};

	switch (attr) {
	case ATTR_DELAY_US:
		add_delays(&parts, cand);
		break;
	case ATTR_JITTER_US:
	case ATTR_LOSS_PPM:
		if (add(&parts, path, true, attr) || !cand->path)
			add(&parts, instance, false, attr);
		break;
	case ATTR_BANDWIDTH_KBPS:
	case ATTR_BANDWIDTH_FREE_KBPS:
		add(&parts, path, true, attr);
		add(&parts, instance, false, attr);
		break;
	default:
		if (!add(&parts, instance, false, attr))
			add(&parts, path, true, attr);
	}
	return parts;
}

/* 1 - (1 - p)(1 - q), half up. Above 1 cannot come in: clamped all the same. */
static int64_t join_loss(int64_t p, int64_t q)
{
	int64_t pass = (LOSS_ONE - (p < LOSS_ONE ? p : LOSS_ONE)) *
		       (LOSS_ONE - (q < LOSS_ONE ? q : LOSS_ONE));

	return (LOSS_ONE * LOSS_ONE - pass + LOSS_ONE / 2) / LOSS_ONE;
}

static int64_t join(uint16_t attr, int64_t a, int64_t b)
{
	switch (attr) {
	case ATTR_LOSS_PPM:
		return join_loss(a, b);
	case ATTR_BANDWIDTH_KBPS:
	case ATTR_BANDWIDTH_FREE_KBPS:
		return a < b ? a : b;
	default:
		return a + b;
	}
}

/* What a path that is not there says. */
static void without_path(uint16_t attr, struct ssc_value *value)
{
	switch (attr) {
	case ATTR_BANDWIDTH_KBPS:
	case ATTR_BANDWIDTH_FREE_KBPS:
		value->milli = attr_max_milli(attr);
		/* fall through */
	case ATTR_DELAY_US:
	case ATTR_JITTER_US:
	case ATTR_LOSS_PPM:
		value->state = SSC_VALUE_OK;
		break;
	default:
		break;
	}
}

static uint64_t age(const struct sample *sample, uint64_t now_us)
{
	return now_us > sample->received_us ? now_us - sample->received_us : 0;
}

struct ssc_value ssc_aggregate(const struct service *svc, const struct ssc_candidate *cand,
			       uint16_t attr, uint64_t now_us)
{
	const struct ssc_parts parts = ssc_parts(cand, attr);
	struct ssc_value value = {.state = SSC_VALUE_UNKNOWN};

	for (int i = 0; i < parts.n; i++) {
		const struct sample *s = parts.v[i].sample;
		uint64_t a = age(s, now_us);

		value.milli = i ? join(attr, value.milli, s->milli) : s->milli;
		value.age_us = a > value.age_us ? a : value.age_us;
	}
	if (parts.n == 0 && !cand->path)
		without_path(attr, &value);
	if (parts.n > 0)
		value.state = value.age_us > svc->max_age_ms * UINT64_C(1000) ? SSC_VALUE_STALE
									      : SSC_VALUE_OK;
	return value;
}
