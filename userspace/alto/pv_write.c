/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ANEs as they are written: their names in paths, their properties behind (RFC 9275, 6.4). */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/pv.h"

#define LINK_NAME_LEN (2 * ALTO_NAME_LEN)

void alto_pv_put_names(struct alto_out *o, const struct alto_source *s)
{
	json_t *name;
	size_t i;

	alto_puts(o, "[\"" ALTO_PROP_BANDWIDTH "\",\"" ALTO_PROP_ENTITY "\"");
	json_array_foreach(s->pid_prop_names, i, name) {
		alto_puts(o, ",");
		alto_put_string(o, json_string_value(name));
	}
	alto_puts(o, "]");
}

static void add_name(struct alto_anes *a, const char *name)
{
	if (!strcmp(name, ALTO_PROP_BANDWIDTH))
		a->bandwidth = true;
	else if (!strcmp(name, ALTO_PROP_ENTITY))
		a->entity = true;
	else if (!alto_name_among(a->names, a->n_names, name))
		a->names[a->n_names++] = name;
}

int alto_anes_init(struct alto_anes *a, const struct alto_source *s, const json_t *names,
		   bool links)
{
	json_t *name;
	size_t i;

	memset(a, 0, sizeof(*a));
	a->source = s;
	a->names = calloc(json_array_size(s->pid_prop_names) + 1, sizeof(*a->names));
	a->pids = calloc((size_t)s->n_pids + 1, sizeof(*a->pids));
	if (!a->names || !a->pids)
		return -ENOMEM;
	json_array_foreach(names, i, name)
		add_name(a, json_string_value(name));
	if (!links || !a->bandwidth)
		return 0;
	a->links = calloc((size_t)s->n_links + 1, sizeof(*a->links));
	return a->links ? 0 : -ENOMEM;
}

void alto_anes_fini(struct alto_anes *a)
{
	free(a->names);
	free(a->pids);
	free(a->links);
	memset(a, 0, sizeof(*a));
}

/* "AS1-AS2"; by number where that is too long, may be read in two ways, or is a PID's name. */
static const char *link_name(const struct alto_source *s, uint32_t link, char buf[LINK_NAME_LEN])
{
	const char *from = s->pids[s->links[link].from].name;
	const char *to = s->pids[s->links[link].to].name;
	size_t len;

	if (!strchr(from, '-') && !strchr(to, '-') &&
	    strlen(from) + strlen(to) + 1 < ALTO_NAME_LEN) {
		snprintf(buf, LINK_NAME_LEN, "%s-%s", from, to);
		if (alto_source_find(s, buf) == UINT32_MAX)
			return buf;
	}
	len = (size_t)snprintf(buf, LINK_NAME_LEN, "link:%" PRIu32, link);
	while (len + 1 < ALTO_NAME_LEN && alto_source_find(s, buf) != UINT32_MAX) {
		buf[len++] = ':';
		buf[len] = '\0';
	}
	return buf;
}

void alto_anes_put_path(struct alto_anes *a, struct alto_out *o, const uint32_t *pids,
			const uint32_t *via, uint32_t n)
{
	char buf[LINK_NAME_LEN];

	alto_puts(o, "[");
	for (uint32_t i = 0; i < n; i++) {
		if (i && a->links) {
			a->links[via[i - 1]] = true;
			alto_puts(o, ",");
			alto_put_string(o, link_name(a->source, via[i - 1], buf));
		}
		if (i)
			alto_puts(o, ",");
		a->pids[pids[i]] = true;
		alto_put_string(o, a->source->pids[pids[i]].name);
	}
	alto_puts(o, "]");
}

/* ---- properties ---- */

struct props {
	struct alto_out *o;
	bool any; /* something was written into this object */
};

static void put_member(struct props *p, const char *name)
{
	alto_puts(p->o, p->any ? "," : "");
	p->any = true;
	alto_put_string(p->o, name);
	alto_puts(p->o, ":");
}

/* Greatest that can be reserved on a link of each PID; NAN: nothing is known. */
static double *bandwidths(const struct alto_source *s)
{
	double *best = malloc(((size_t)s->n_pids + 1) * sizeof(*best));

	for (uint32_t i = 0; best && i < s->n_pids; i++)
		best[i] = NAN;
	for (uint32_t i = 0; best && i < s->n_links; i++) {
		const struct alto_link *link = &s->links[i];

		if (isnan(link->value[LINK_ROUTINGCOST]))
			continue;
		best[link->from] = fmax(best[link->from], link->value[LINK_BW_RESIDUAL]);
		best[link->to] = fmax(best[link->to], link->value[LINK_BW_RESIDUAL]);
	}
	return best;
}

static void put_bandwidth(struct props *p, double value)
{
	if (isnan(value))
		return;
	put_member(p, ALTO_PROP_BANDWIDTH);
	alto_put_number(p->o, value);
}

static void put_pid(const struct alto_anes *a, struct alto_out *o, uint32_t pid, double bandwidth)
{
	const char *name = a->source->pids[pid].name;
	const json_t *values = json_object_get(a->source->pid_props, name);
	struct props p = {.o = o};

	alto_putf(o, "\".ane:%s\":{", name);
	put_bandwidth(&p, bandwidth);
	if (a->entity && values) {
		put_member(&p, ALTO_PROP_ENTITY);
		alto_putf(o, "\"%s-props-filtered.ane:%s\"", a->source->id, name);
	}
	for (size_t i = 0; i < a->n_names; i++) {
		const json_t *value = json_object_get(values, a->names[i]);

		if (!value)
			continue;
		put_member(&p, a->names[i]);
		alto_put_json(o, value);
	}
	alto_puts(o, "}");
}

static void put_link(const struct alto_anes *a, struct alto_out *o, uint32_t link)
{
	struct props p = {.o = o};
	char buf[LINK_NAME_LEN];

	alto_putf(o, "\".ane:%s\":{", link_name(a->source, link, buf));
	put_bandwidth(&p, a->source->links[link].value[LINK_BW_RESIDUAL]);
	alto_puts(o, "}");
}

void alto_anes_put_map(const struct alto_anes *a, struct alto_out *o)
{
	const struct alto_source *s = a->source;
	double *best = a->bandwidth ? bandwidths(s) : NULL;
	struct props entries = {.o = o};

	if (a->bandwidth && !best)
		o->failed = -ENOMEM;
	alto_puts(o, "{");
	for (uint32_t i = 0; i < s->n_pids; i++) {
		if (!a->pids[i])
			continue;
		alto_puts(o, entries.any ? "," : "");
		entries.any = true;
		put_pid(a, o, i, best ? best[i] : NAN);
	}
	for (uint32_t i = 0; a->links && i < s->n_links; i++) {
		if (!a->links[i])
			continue;
		alto_puts(o, ",");
		put_link(a, o, i);
	}
	alto_puts(o, "}");
	free(best);
}
