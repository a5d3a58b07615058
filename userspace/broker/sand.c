/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source "sand": this sand's own network status. The view has no order: everything is sorted
 * first, so that every replica computes the same tags. */
#include "broker/sand.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAIR_KEY_LEN (2 * NAME_LEN)

/* ---- PEs ---- */

struct pe *sand_pe(struct sand *s, const char *name)
{
	struct pe *pe = radix_get(&s->pes, name);

	if (pe)
		return pe;
	pe = calloc(1, sizeof(*pe));
	if (!pe || radix_reserve(&s->pes, name)) {
		free(pe);
		return NULL;
	}
	pe->name = name;
	radix_set(&s->pes, name, pe);
	return pe;
}

static struct pe *next_pe(const struct sand *s, const struct pe *last)
{
	return radix_seek(&s->pes, last ? last->name : "", last);
}

static void pes_fini(struct sand *s)
{
	struct pe *pe;

	while ((pe = next_pe(s, NULL))) {
		radix_remove(&s->pes, pe->name);
		free(pe->services);
		free(pe);
	}
	radix_fini(&s->pes);
}

bool sand_tells_instances(const struct sand *s)
{
	return s->view->n_instances <= broker_limits.instances;
}

static int find_sites(struct sand *s)
{
	const struct view_service *svc;
	const struct view_instance *inst;

	for (svc = s->view->services; svc; svc = svc->hh.next)
		view_each_instance(svc, inst)
			if (inst->gateway[0] && !sand_pe(s, inst->gateway))
				return -ENOMEM;
	return 0;
}

static int find_pes(struct sand *s)
{
	for (struct view_gateway *gw = s->view->gateways; gw; gw = gw->hh.next) {
		struct pe *pe = sand_pe(s, gw->def.name);

		if (!pe)
			return -ENOMEM;
		pe->gateway = gw;
	}
	for (const struct view_path *path = s->view->paths; path; path = path->hh.next)
		if (!sand_pe(s, path->def.ingress) || !sand_pe(s, path->def.gateway))
			return -ENOMEM;
	return sand_tells_instances(s) ? find_sites(s) : 0;
}

/* Other names become other PIDs: ":" and "@" are in no name of ours. */
static const char *pid_name(const char *name, char pid[ALTO_NAME_LEN + 1])
{
	if (strcmp(name, ALTO_DEFAULT_PID) == 0)
		return "@" ALTO_DEFAULT_PID;
	strcpy(pid, name);
	for (char *p = pid; (p = strchr(p, '.')); p++)
		*p = ':';
	return pid;
}

static int add_pe(struct sand *s, struct pe *pe)
{
	struct alto_prefix locator = {.family = 6};
	char name[ALTO_NAME_LEN + 1];
	int r = alto_builder_pid(s->builder, pid_name(pe->name, name), false, &pe->pid);

	if (r || !pe->gateway || !pe->gateway->def.locator_len)
		return r;
	memcpy(locator.addr, &pe->gateway->def.locator, sizeof(locator.addr));
	locator.len = pe->gateway->def.locator_len;
	r = alto_builder_prefix(s->builder, pe->pid, &locator);
	/* Two gateways of one locator: the first by name has it. */
	return r == -EEXIST ? 0 : r;
}

static int add_pes(struct sand *s)
{
	int r = 0;

	for (struct pe *pe = next_pe(s, NULL); pe && !r; pe = next_pe(s, pe))
		r = add_pe(s, pe);
	return r;
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

static int find_best(const struct sand *s, struct radix *pairs)
{
	char key[PAIR_KEY_LEN];

	for (struct view_path *path = s->view->paths; path; path = path->hh.next) {
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

static int add_link(struct sand *s, const struct view_path *path)
{
	const struct pe *from = radix_get(&s->pes, path->def.ingress);
	const struct pe *to = radix_get(&s->pes, path->def.gateway);
	struct alto_link link = {.from = from->pid, .to = to->pid};

	link.value[LINK_ROUTINGCOST] = link.value[LINK_DELAY_US] = status(path, ATTR_DELAY_US);
	link.value[LINK_JITTER_US] = status(path, ATTR_JITTER_US);
	link.value[LINK_LOSS] = status(path, ATTR_LOSS_PPM) / 1e6;
	link.value[LINK_BW_RESIDUAL] = NAN;
	link.value[LINK_BW_AVAILABLE] = status(path, ATTR_BANDWIDTH_FREE_KBPS) * 1000;
	return alto_builder_link(s->builder, &link);
}

static int add_links(struct sand *s)
{
	struct radix pairs = {0};
	char key[PAIR_KEY_LEN];
	int r = find_best(s, &pairs);
	const struct view_path *path = radix_seek(&pairs, "", false);

	for (; path && !r; path = radix_seek(&pairs, pair_key(&path->def, key), true))
		r = add_link(s, path);
	radix_fini(&pairs);
	return r;
}

/* ---- all of it ---- */

static int fill(struct sand *s)
{
	int r = find_pes(s);

	if (!r)
		r = add_pes(s);
	if (!r)
		r = add_links(s);
	if (!r && sand_tells_instances(s))
		r = sand_instances(s);
	return r;
}

int broker_sand_source(const struct view *view, uint64_t now_us, uint64_t *stale_us,
		       struct alto_source **out)
{
	static const struct alto_builder_conf conf = {
		.stat = "cur",
		.cost_source = "estimation",
		.metrics = 1u << ALTO_DELAY_OW | 1u << ALTO_DELAY_RT | 1u << ALTO_DELAY_VARIATION |
			   1u << ALTO_LOSSRATE | 1u << ALTO_BW_AVAILABLE,
	};
	struct sand s = {.view = view, .now_us = now_us, .stale_us = UINT64_MAX};
	int r = alto_builder_new("sand", &s.builder);

	if (r)
		return r;
	r = fill(&s);
	pes_fini(&s);
	if (r) {
		alto_builder_free(s.builder);
		return r;
	}
	*stale_us = s.stale_us;
	return alto_builder_finish(s.builder, &conf, out);
}
