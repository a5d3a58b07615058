/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Computing status as properties: by address of instances, and summed up by gateway. */
#include "broker/sand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/in6.h"
#include "util/own.h"

#define PRIV "priv:sand-"
#define PROP_LEN 33  /* RFC 9240, 5.2.1, with NUL */
#define ROWS_MAX 256 /* instances of one address that are told */

enum sum { SUM_MEAN_MIN, SUM_ALL };
static const struct {
	uint16_t attr;
	uint8_t sum;
} summed[] = {
	{ATTR_CPU_LOAD, SUM_MEAN_MIN}, {ATTR_MEM_LOAD, SUM_MEAN_MIN},
	{ATTR_IO_LOAD, SUM_MEAN_MIN},  {ATTR_NET_LOAD, SUM_MEAN_MIN},
	{ATTR_QUEUE_US, SUM_MEAN_MIN}, {ATTR_CPU_CORES_FREE, SUM_ALL},
	{ATTR_MEM_FREE_MB, SUM_ALL},   {ATTR_SESSIONS, SUM_ALL},
};
_Static_assert(ARRAY_SIZE(summed) == SAND_SUMS, "a sum each");

/* Instances of one address. */
struct group {
	const struct sand_row *v;
	size_t n;
	struct pe *pe; /* NULL: no gateway is known */
	bool up;
	char endpoint[ALTO_ENDPOINT_LEN];
};

/* ---- rows: in the order of addresses, service IDs, names ---- */

static int by_address(const void *a, const void *b)
{
	const struct sand_row *x = a, *y = b;
	int r = memcmp(&x->address, &y->address, sizeof(x->address));

	if (r)
		return r;
	if (x->service != y->service)
		return x->service < y->service ? -1 : 1;
	return strcmp(x->name, y->name);
}

static const struct sample *sample_of(const struct sand *s, const struct sand_row *row,
				      uint16_t attr)
{
	const struct samples set = {s->samples + row->first_sample, row->n_samples, row->n_samples};

	return samples_get(&set, attr);
}

/* ---- values ---- */

/* A value too old is unknown; so is one of unknown age. */
static bool fresh(struct sand *s, const struct sample *sample)
{
	const uint64_t age_us = BROKER_AGE_S * UINT64_C(1000000);

	if (!sample || !sample->received_us || s->now_us > sample->received_us + age_us)
		return false;
	if (sample->received_us + age_us < s->stale_us)
		s->stale_us = sample->received_us + age_us;
	return true;
}

/* value is taken. */
static int add_new(json_t *array, json_t *value)
{
	for (size_t i = 0; value && i < json_array_size(array); i++) {
		if (!json_equal(json_array_get(array, i), value))
			continue;
		json_decref(value);
		return 0;
	}
	return json_array_append_new(array, value) ? -ENOMEM : 0;
}

static int tell(struct sand *s, const struct group *g, const char *name, json_t *array)
{
	if (array && json_array_size(array))
		return alto_builder_endpoint_prop(s->builder, g->endpoint, name, array);
	json_decref(array);
	return array ? 0 : -ENOMEM;
}

static json_t *service_value(const struct sand_row *row)
{
	char id[SVC_ID_TEXT];

	return json_string(svc_id_text(row->service, id));
}

static json_t *name_value(const struct sand_row *row)
{
	return json_string(row->name);
}

static json_t *state_value(const struct sand_row *row)
{
	return json_string(instance_state_names[row->state]);
}

static int tell_text(struct sand *s, const struct group *g, const char *name,
		     json_t *(*value)(const struct sand_row *row))
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < g->n; i++) {
		if (add_new(array, value(&g->v[i]))) {
			json_decref(array);
			array = NULL;
		}
	}
	return tell(s, g, name, array);
}

static int tell_attr(struct sand *s, const struct group *g, uint16_t attr)
{
	char name[sizeof(PRIV) + NAME_LEN];
	json_t *array;

	/* Names that are no property's are not told. */
	if (snprintf(name, sizeof(name), PRIV "%s", attr_name(attr)) >= PROP_LEN ||
	    !alto_name_valid(name))
		return 0;
	array = json_array();
	for (size_t i = 0; array && i < g->n; i++) {
		const struct sample *sample = sample_of(s, &g->v[i], attr);

		if (fresh(s, sample) && add_new(array, attr_to_json(sample->milli))) {
			json_decref(array);
			array = NULL;
		}
	}
	return tell(s, g, name, array);
}

/* Each attribute that some instance has, once. */
static int tell_attrs(struct sand *s, const struct group *g)
{
	bool told[ATTR_LIMIT] = {false};
	int r = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct sample *samples = s->samples + g->v[i].first_sample;

		for (uint16_t k = 0; !r && k < g->v[i].n_samples; k++) {
			uint16_t attr = samples[k].attr;

			if (!told[attr])
				r = tell_attr(s, g, attr);
			told[attr] = true;
		}
	}
	return r;
}

static int tell_group(struct sand *s, const struct group *g)
{
	int r = tell_text(s, g, PRIV "service", service_value);

	if (!r)
		r = tell_text(s, g, PRIV "instance", name_value);
	if (!r)
		r = tell_text(s, g, PRIV "state", state_value);
	return r ? r : tell_attrs(s, g);
}

/* ---- gateways ---- */

static int add_service(struct pe *pe, uint64_t id)
{
	if (pe->n_services == pe->cap_services) {
		size_t cap = pe->cap_services ? 2 * pe->cap_services : 16;
		uint64_t *v = reallocarray(pe->services, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		pe->services = v;
		pe->cap_services = cap;
	}
	pe->services[pe->n_services++] = id;
	return 0;
}

/* Of the instances of one address, which are one machine: the newest value. */
static const struct sample *newest(struct sand *s, const struct group *g, uint16_t attr)
{
	const struct sample *best = NULL;

	for (size_t i = 0; i < g->n; i++) {
		const struct sample *sample = sample_of(s, &g->v[i], attr);

		if (fresh(s, sample) && (!best || sample->received_us > best->received_us))
			best = sample;
	}
	return best;
}

static int sum_up(struct sand *s, const struct group *g)
{
	struct pe *pe = g->pe;
	int r = 0;

	if (!pe || !g->up)
		return 0;
	pe->n_instances++;
	for (size_t i = 0; i < g->n && !r; i++)
		if (g->v[i].state == INSTANCE_UP)
			r = add_service(pe, g->v[i].service);
	for (size_t i = 0; i < SAND_SUMS; i++) {
		const struct sample *sample = newest(s, g, summed[i].attr);

		if (!sample)
			continue;
		if (!pe->sums[i].n || sample->milli < pe->sums[i].min)
			pe->sums[i].min = sample->milli;
		pe->sums[i].sum += sample->milli;
		pe->sums[i].n++;
	}
	return r;
}

/* value is taken. */
static int tell_pe(struct sand *s, const struct pe *pe, const char *name, json_t *value)
{
	json_t *array = json_array();

	if (!array || json_array_append_new(array, value)) {
		json_decref(array);
		return -ENOMEM;
	}
	return alto_builder_pid_prop(s->builder, pe->pid, name, array);
}

#define SUM_NAME_LEN (sizeof(PRIV) + NAME_LEN)

static const char *sum_name(int i, const char *what, char name[SUM_NAME_LEN])
{
	snprintf(name, SUM_NAME_LEN, PRIV "%s-%s", attr_name(summed[i].attr), what);
	return name;
}

static int tell_sum(struct sand *s, const struct pe *pe, int i, const char *what, int64_t milli)
{
	char name[SUM_NAME_LEN];

	return tell_pe(s, pe, sum_name(i, what, name), attr_to_json(milli));
}

static int tell_sums(struct sand *s, const struct pe *pe)
{
	int r = 0;

	for (int i = 0; i < SAND_SUMS && !r; i++) {
		if (!pe->sums[i].n)
			continue;
		if (summed[i].sum == SUM_ALL) {
			r = tell_sum(s, pe, i, "sum", pe->sums[i].sum);
			continue;
		}
		r = tell_sum(s, pe, i, "mean", pe->sums[i].sum / pe->sums[i].n);
		if (!r)
			r = tell_sum(s, pe, i, "min", pe->sums[i].min);
	}
	return r;
}

/* What gateways may have. */
int sand_offer(struct sand *s)
{
	char name[SUM_NAME_LEN];
	int r = alto_builder_offer_prop(s->builder, PRIV "instances");

	if (!r)
		r = alto_builder_offer_prop(s->builder, PRIV "services");
	for (int i = 0; i < SAND_SUMS && !r; i++) {
		bool all = summed[i].sum == SUM_ALL;

		r = alto_builder_offer_prop(s->builder, sum_name(i, all ? "sum" : "mean", name));
		if (!r && !all)
			r = alto_builder_offer_prop(s->builder, sum_name(i, "min", name));
	}
	return r;
}

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static size_t unique(uint64_t *v, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(v, n, sizeof(*v), by_id);
	for (size_t i = 0; i < n; i++)
		if (!kept || v[kept - 1] != v[i])
			v[kept++] = v[i];
	return kept;
}

static int tell_services(struct sand *s, struct pe *pe)
{
	size_t n = unique(pe->services, pe->n_services);
	json_t *array = n && n <= BROKER_SERVICES_MAX ? json_array() : NULL;
	char id[SVC_ID_TEXT];

	if (!n || n > BROKER_SERVICES_MAX)
		return 0;
	for (size_t i = 0; array && i < n; i++) {
		if (json_array_append_new(array, json_string(svc_id_text(pe->services[i], id)))) {
			json_decref(array);
			array = NULL;
		}
	}
	if (!array)
		return -ENOMEM;
	return alto_builder_pid_prop(s->builder, pe->pid, PRIV "services", array);
}

static int tell_pes(struct sand *s)
{
	int r = 0;

	for (struct pe *pe = sand_next_pe(s, NULL); pe && !r; pe = sand_next_pe(s, pe)) {
		if (!pe->registered && !pe->n_instances)
			continue;
		r = tell_pe(s, pe, PRIV "instances", json_integer(pe->n_instances));
		if (!r)
			r = tell_services(s, pe);
		if (!r)
			r = tell_sums(s, pe);
	}
	return r;
}

/* ---- groups ---- */

/* The first gateway by name, should instances of one address say different ones. */
static void find_gateway(struct group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct pe *pe = g->v[i].pe;

		if (pe && (!g->pe || strcmp(pe->name, g->pe->name) < 0))
			g->pe = pe;
		g->up |= g->v[i].state == INSTANCE_UP;
	}
}

static int add_group(struct sand *s, struct group *g)
{
	struct alto_prefix prefix = alto_endpoint_of(&g->v[0].address);
	int r = 0;

	if (g->n > ROWS_MAX)
		g->n = ROWS_MAX;
	alto_endpoint_text(&prefix, g->endpoint);
	find_gateway(g);
	if (g->pe)
		r = alto_builder_prefix(s->builder, g->pe->pid, &prefix);
	if (!r)
		r = tell_group(s, g);
	return r ? r : sum_up(s, g);
}

int sand_instances(struct sand *s)
{
	const struct sand_row *v = s->rows;
	size_t end;
	int r = 0;

	qsort(s->rows, s->n_rows, sizeof(*s->rows), by_address);
	for (size_t i = 0; i < s->n_rows && !r; i = end) {
		struct group g = {.v = v + i};

		for (end = i + 1; end < s->n_rows; end++)
			if (memcmp(&v[i].address, &v[end].address, sizeof(v[i].address)) != 0)
				break;
		g.n = end - i;
		r = add_group(s, &g);
	}
	return r ? r : tell_pes(s);
}
