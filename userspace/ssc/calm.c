/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back-off: a loop of traffic and load comes to rest because each change makes the next one wait
 * twice as long, and because what a candidate was worth with our traffic is remembered a while.
 * Figures: with level n the hold time H is hold * 2^n, at most 60 s; a candidate that was left is
 * remembered for hold * 4^n, at most 8 H; after 16 H without a change the level falls by one.
 */
#include <string.h>

#include "ssc/ssc_int.h"

#define QUIET_HOLDS 16
#define MEMORY_HOLDS 8

static uint64_t base_us(const struct service *svc)
{
	return svc->hold_ms * UINT64_C(1000);
}

static uint64_t hold_at(const struct service *svc, unsigned int level)
{
	uint64_t base = base_us(svc), hold = base << level;

	if (base >= SSC_HOLD_MAX_US)
		return base;
	return hold < SSC_HOLD_MAX_US ? hold : SSC_HOLD_MAX_US;
}

static uint64_t memory_at(const struct service *svc, unsigned int level)
{
	uint64_t most = MEMORY_HOLDS * hold_at(svc, level), memory = base_us(svc);

	if (level == 0)
		return 0;
	for (unsigned int i = 0; i < level && memory < most; i++)
		memory *= 4;
	return memory < most ? memory : most;
}

static bool works(const struct ssc_field *field)
{
	return field->calm && field->svc->hold_ms;
}

/* *since_us moves to when the level fell. */
static unsigned int level_at(const struct service *svc, const struct ssc_calm *calm,
			     uint64_t now_us, uint64_t *since_us)
{
	unsigned int level = svc->hold_ms ? calm->level : 0;
	uint64_t quiet;

	*since_us = calm->since_us;
	for (; level; level--) {
		quiet = QUIET_HOLDS * hold_at(svc, level);
		if (now_us < *since_us + quiet)
			break;
		*since_us += quiet;
	}
	return level;
}

unsigned int ssc_calm_level(const struct service *svc, const struct ssc_calm *calm, uint64_t now_us)
{
	uint64_t since_us;

	return calm ? level_at(svc, calm, now_us, &since_us) : 0;
}

uint64_t ssc_hold_us(const struct service *svc, const struct ssc_calm *calm, uint64_t now_us)
{
	return hold_at(svc, ssc_calm_level(svc, calm, now_us));
}

void ssc_calm_begin(const struct ssc_field *field, uint64_t now_us)
{
	struct ssc_calm *calm = field->calm;

	if (!calm)
		return;
	calm->level = (uint8_t)level_at(field->svc, calm, now_us, &calm->since_us);
	if (calm->level == 0)
		memset(calm, 0, sizeof(*calm));
}

void ssc_calm_raise(const struct ssc_field *field, uint64_t now_us)
{
	if (!works(field))
		return;
	field->calm->since_us = now_us;
	if (field->calm->level == 0 || hold_at(field->svc, field->calm->level) < SSC_HOLD_MAX_US)
		field->calm->level++;
}

/* FNV-1a. */
static uint32_t hash(uint32_t h, const char *text)
{
	do {
		h = (h ^ (unsigned char)*text) * 16777619u;
	} while (*text++);
	return h;
}

uint32_t ssc_instance_hash(const struct ssc_candidate *cand)
{
	return hash(hash(2166136261u, cand->instance->name), cand->instance->gateway);
}

static uint32_t path_hash(const struct ssc_candidate *cand)
{
	return hash(2166136261u, ssc_path_name(cand));
}

/* The place of the candidate, else that of the oldest. */
static struct ssc_left *place_of(struct ssc_calm *calm, uint32_t instance, uint32_t path)
{
	struct ssc_left *oldest = &calm->left[0];

	for (int i = 0; i < SSC_LEFT; i++) {
		struct ssc_left *left = &calm->left[i];

		if (left->at_us && left->instance == instance && left->path == path)
			return left;
		if (left->at_us < oldest->at_us)
			oldest = left;
	}
	return oldest;
}

void ssc_calm_leave(const struct ssc_field *field, int i, uint32_t value, uint64_t now_us)
{
	const struct ssc_candidate *cand = &field->cands[i];
	uint32_t instance, path;

	if (!works(field))
		return;
	instance = ssc_instance_hash(cand);
	path = path_hash(cand);
	*place_of(field->calm, instance, path) = (struct ssc_left){
		.at_us = now_us ? now_us : 1,
		.instance = instance,
		.path = path,
		.value = value,
	};
}

void ssc_calm_enter(const struct ssc_field *field, int i)
{
	const struct ssc_candidate *cand = &field->cands[i];
	struct ssc_left *left;

	if (!works(field))
		return;
	left = place_of(field->calm, ssc_instance_hash(cand), path_hash(cand));
	if (left->instance == ssc_instance_hash(cand) && left->path == path_hash(cand))
		left->at_us = 0;
}

static bool counts(const struct ssc_field *field, const struct ssc_left *left, uint64_t now_us)
{
	return left->at_us && now_us < left->at_us + memory_at(field->svc, field->calm->level);
}

/* Load is the instance's, whatever the path; between two paths of one instance the path counts. */
struct ssc_left *ssc_calm_recall(const struct ssc_field *field, int i, int current, uint64_t now_us)
{
	const struct ssc_candidate *cand = &field->cands[i];
	bool sibling = current >= 0 && field->cands[current].instance == cand->instance;
	struct ssc_left *found = NULL;
	uint32_t instance;

	if (!works(field) || !field->calm->level)
		return NULL;
	instance = ssc_instance_hash(cand);
	for (int k = 0; k < SSC_LEFT; k++) {
		struct ssc_left *left = &field->calm->left[k];

		if (!counts(field, left, now_us) || left->instance != instance)
			continue;
		if (sibling && left->path != path_hash(cand))
			continue;
		if (!found || left->at_us > found->at_us)
			found = left;
	}
	return found;
}

uint64_t ssc_calm_until(const struct ssc_field *field, uint64_t now_us)
{
	uint64_t first = UINT64_MAX, until;

	if (!works(field))
		return first;
	for (int k = 0; k < SSC_LEFT; k++) {
		if (!counts(field, &field->calm->left[k], now_us))
			continue;
		until = field->calm->left[k].at_us + memory_at(field->svc, field->calm->level);
		first = until < first ? until : first;
	}
	return first;
}
