/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source "sand": this sand's own network status. The view has no order: everything is sorted, so
 * that every replica computes the same tags. */
#include "broker/sand.h"

#include <errno.h>
#include <string.h>

/* Other names become other PIDs: ":" and "@" are in no name of ours. */
static const char *pid_name(const char *name, char pid[NAME_LEN])
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
	char name[NAME_LEN];
	int r = alto_builder_pid(s->builder, pid_name(pe->name, name), false, &pe->pid);

	if (r || !pe->locator.family)
		return r;
	r = alto_builder_prefix(s->builder, pe->pid, &pe->locator);
	/* Two gateways of one locator: the first by name has it. */
	return r == -EEXIST ? 0 : r;
}

static int add_way(struct sand *s, const struct sand_way *way)
{
	struct alto_link link = {.from = way->from->pid, .to = way->to->pid};

	memcpy(link.value, way->value, sizeof(link.value));
	return alto_builder_link(s->builder, &link);
}

static int fill(struct sand *s)
{
	int r = sand_offer(s);

	for (struct pe *pe = sand_next_pe(s, NULL); pe && !r; pe = sand_next_pe(s, pe))
		r = add_pe(s, pe);
	for (size_t i = 0; i < s->n_ways && !r; i++)
		r = add_way(s, &s->ways[i]);
	if (!r && s->tells_instances)
		r = sand_instances(s);
	return r;
}

int broker_sand_source(struct sand *s, struct alto_source **out)
{
	static const struct alto_builder_conf conf = {
		.stat = "cur",
		.cost_source = "estimation",
		.metrics = 1u << ALTO_DELAY_OW | 1u << ALTO_DELAY_RT | 1u << ALTO_DELAY_VARIATION |
			   1u << ALTO_LOSSRATE | 1u << ALTO_BW_AVAILABLE,
	};
	int r = alto_builder_new("sand", &s->builder);

	if (r)
		return r;
	r = fill(s);
	if (r) {
		alto_builder_free(s->builder);
		return r;
	}
	return alto_builder_finish(s->builder, &conf, out);
}
