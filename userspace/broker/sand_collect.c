/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What counts of the view, copied: the view goes on while the source is made of it. */
#include "broker/sand.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAIR_KEY_LEN (2 * NAME_LEN)

/* ---- PEs ---- */

/* Made if need be; NULL: no memory. */
static struct pe *pe_of(struct sand *s, const char *name)
{
	struct pe *pe = radix_get(&s->pes, name);

	if (pe)
		return pe;
	pe = calloc(1, sizeof(*pe));
	if (!pe || radix_reserve(&s->pes, name)) {
		free(pe);
		return NULL;
	}
	strcpy(pe->name, name);
	radix_set(&s->pes, name, pe);
	return pe;
}

struct pe *sand_next_pe(const struct sand *s, const struct pe *last)
{
	return radix_seek(&s->pes, last ? last->name : "", last);
}

static int collect_pes(struct sand *s, const struct view *view)
{
	for (const struct view_gateway *gw = view->gateways; gw; gw = gw->hh.next) {
		struct pe *pe = pe_of(s, gw->def.name);

		if (!pe)
			return -ENOMEM;
		pe->registered = true;
		pe->locator.family = 6;
		pe->locator.len = gw->def.locator_len;
		memcpy(pe->locator.addr, &gw->def.locator, sizeof(pe->locator.addr));
	}
	for (const struct view_path *path = view->paths; path; path = path->hh.next)
		if (!pe_of(s, path->def.ingress) || !pe_of(s, path->def.gateway))
			return -ENOMEM;
	return 0;
}

/* ---- the best path of each pair ---- */

static const char *pair_key(const struct path *path, char key[PAIR_KEY_LEN])
{
	stpcpy(stpcpy(stpcpy(key, path->ingress), "/"), path->gateway);
	return key;
}

/* In its unit; NAN: unknown. */
static double status(const struct view_path *path, uint16_t attr)
{
	const struct sample *sample = samples_get(&path->samples, attr);

	return sample ? sample->milli / 1000.0 : NAN;
}

static bool better(const struct view_path *a, const struct view_path *b)
{
	double x = status(a, ATTR_DELAY_US), y = status(b, ATTR_DELAY_US);

	if (isnan(x) != isnan(y))
		return !isnan(x);
	if (!isnan(x) && x != y)
		return x < y;
	return strcmp(a->def.name, b->def.name) < 0;
}

static int find_best(const struct view *view, struct radix *pairs)
{
	char key[PAIR_KEY_LEN];

	for (struct view_path *path = view->paths; path; path = path->hh.next) {
		const struct view_path *best;

		if (!path->samples.n || strcmp(path->def.ingress, path->def.gateway) == 0)
			continue;
		best = radix_get(pairs, pair_key(&path->def, key));
		if (best && !better(path, best))
			continue;
		if (radix_reserve(pairs, key))
			return -ENOMEM;
		radix_set(pairs, key, path);
	}
	return 0;
}

static void copy_way(struct sand *s, const struct view_path *path)
{
	struct sand_way *way = &s->ways[s->n_ways++];

	way->from = radix_get(&s->pes, path->def.ingress);
	way->to = radix_get(&s->pes, path->def.gateway);
	way->value[LINK_ROUTINGCOST] = way->value[LINK_DELAY_US] = status(path, ATTR_DELAY_US);
	way->value[LINK_JITTER_US] = status(path, ATTR_JITTER_US);
	way->value[LINK_LOSS] = status(path, ATTR_LOSS_PPM) / 1e6;
	way->value[LINK_BW_RESIDUAL] = NAN;
	way->value[LINK_BW_AVAILABLE] = status(path, ATTR_BANDWIDTH_FREE_KBPS) * 1000;
}

static int collect_ways(struct sand *s, const struct view *view)
{
	struct radix pairs = {0};
	char key[PAIR_KEY_LEN];
	int r = find_best(view, &pairs);
	const struct view_path *path = radix_seek(&pairs, "", false);

	s->ways = calloc(pairs.count + 1, sizeof(*s->ways));
	if (!s->ways)
		r = -ENOMEM;
	for (; path && !r; path = radix_seek(&pairs, pair_key(&path->def, key), true))
		copy_way(s, path);
	radix_fini(&pairs);
	return r;
}

/* ---- instances ---- */

static int copy_samples(struct sand *s, struct sand_row *row, const struct samples *samples)
{
	if (s->n_samples + samples->n > s->cap_samples) {
		size_t cap = 2 * s->cap_samples + ATTR_PER_OBJECT;
		struct sample *v = reallocarray(s->samples, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->samples = v;
		s->cap_samples = cap;
	}
	row->first_sample = s->n_samples;
	row->n_samples = samples->n;
	for (uint16_t i = 0; i < samples->n; i++)
		s->samples[s->n_samples++] = samples->v[i];
	return 0;
}

static int copy_instance(struct sand *s, const struct view_instance *inst)
{
	struct pe *pe = inst->gateway[0] ? pe_of(s, inst->gateway) : NULL;
	struct sand_row *row = &s->rows[s->n_rows];

	if (inst->gateway[0] && !pe)
		return -ENOMEM;
	if (IN6_IS_ADDR_UNSPECIFIED(&inst->address))
		return 0;
	row->address = inst->address;
	row->service = inst->service->id;
	row->state = inst->state;
	row->pe = pe;
	strcpy(row->name, inst->name);
	s->n_rows++;
	return copy_samples(s, row, &inst->samples);
}

static int collect_instances(struct sand *s, const struct view *view)
{
	const struct view_instance *inst;

	s->tells_instances = view->n_instances <= broker_limits.instances;
	if (!s->tells_instances)
		return 0;
	s->rows = calloc(view->n_instances + 1, sizeof(*s->rows));
	if (!s->rows)
		return -ENOMEM;
	for (const struct view_service *svc = view->services; svc; svc = svc->hh.next) {
		view_each_instance(svc, inst) {
			int r = inst->aggregate ? 0 : copy_instance(s, inst);

			if (r)
				return r;
		}
	}
	return 0;
}

/* ---- all of it ---- */

int broker_sand_collect(const struct view *view, uint64_t now_us, struct sand **out)
{
	struct sand *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->now_us = now_us;
	s->stale_us = UINT64_MAX;
	r = collect_pes(s, view);
	if (!r)
		r = collect_ways(s, view);
	if (!r)
		r = collect_instances(s, view);
	if (r)
		broker_sand_free(s);
	else
		*out = s;
	return r;
}

void broker_sand_free(struct sand *s)
{
	struct pe *pe;

	if (!s)
		return;
	while ((pe = sand_next_pe(s, NULL))) {
		radix_remove(&s->pes, pe->name);
		free(pe->services);
		free(pe);
	}
	radix_fini(&s->pes);
	free(s->ways);
	free(s->rows);
	free(s->samples);
	free(s);
}

uint64_t broker_sand_stale(const struct sand *s)
{
	return s->stale_us;
}
