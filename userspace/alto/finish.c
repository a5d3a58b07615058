/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a builder to a source: the default PID, order, look-ups, tags. */
#include <errno.h>
#include <math.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "alto/builder.h"
#include "util/own.h"

/* ---- the default PID: what nobody else covers ---- */

static int cover(struct alto_builder *b, int family, uint32_t *pid)
{
	struct alto_prefix all = {.family = (uint8_t)family};
	int rc = 0;

	if (alto_builder_find_prefix(b, &all) != ALTO_INDEX_NONE)
		return 0;
	if (*pid == ALTO_INDEX_NONE)
		*pid = alto_builder_find(b, ALTO_DEFAULT_PID);
	if (*pid == ALTO_INDEX_NONE)
		rc = alto_builder_add_pid(b, ALTO_DEFAULT_PID, false, pid);
	return rc < 0 ? rc : alto_builder_add_prefix(b, *pid, &all);
}

static int cover_all(struct alto_builder *b)
{
	uint32_t pid = ALTO_INDEX_NONE;
	int rc = cover(b, 4, &pid);

	return rc < 0 ? rc : cover(b, 6, &pid);
}

/* ---- order ---- */

static int pid_cmp(const void *a, const void *b)
{
	const struct alto_pid *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* PIDs by name; first_prefix holds the number in the builder until place[] is filled. */
static int sort_pids(struct alto_builder *b, struct alto_source *s, uint32_t *place)
{
	s->pids = calloc((size_t)b->n_pids + 1, sizeof(*s->pids));
	if (!s->pids)
		return -ENOMEM;
	s->names = TAKE_PTR(b->names);
	s->n_pids = b->n_pids;
	for (uint32_t i = 0; i < b->n_pids; i++)
		s->pids[i] = (struct alto_pid){.name = s->names + b->pids[i].name,
					       .first_prefix = i,
					       .transit = b->pids[i].transit};
	qsort(s->pids, s->n_pids, sizeof(*s->pids), pid_cmp);
	for (uint32_t i = 0; i < s->n_pids; i++) {
		place[s->pids[i].first_prefix] = i;
		s->pids[i].first_prefix = 0;
	}
	return 0;
}

static int entry_cmp(const void *a, const void *b)
{
	const struct alto_lpm_entry *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return alto_prefix_cmp(&x->prefix, &y->prefix);
}

static int sort_prefixes(struct alto_builder *b, struct alto_source *s, const uint32_t *place)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < b->n_prefixes; i++)
		b->prefixes[i].value = place[b->prefixes[i].value];
	qsort(b->prefixes, b->n_prefixes, sizeof(*b->prefixes), entry_cmp);
	s->prefixes = malloc(b->n_prefixes * sizeof(*s->prefixes));
	if (!s->prefixes)
		return -ENOMEM;
	s->n_prefixes = b->n_prefixes;
	for (uint32_t i = 0; i < s->n_prefixes; i++) {
		s->prefixes[i] = b->prefixes[i].prefix;
		s->pids[b->prefixes[i].value].n_prefixes++;
	}
	for (uint32_t i = 0; i <= s->n_pids; i++) {
		s->pids[i].first_prefix = at;
		at += s->pids[i].n_prefixes;
	}
	return alto_lpm_new(b->prefixes, b->n_prefixes, &s->lpm, NULL);
}

static int link_cmp(const void *a, const void *b)
{
	const struct alto_link *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static int sort_links(struct alto_builder *b, struct alto_source *s, const uint32_t *place)
{
	uint32_t at = 0;

	s->links = malloc((b->n_links + 1) * sizeof(*s->links));
	if (!s->links)
		return -ENOMEM;
	s->n_links = b->n_links;
	s->calendars = TAKE_PTR(b->calendars);
	for (uint32_t i = 0; i < b->n_links; i++) {
		struct alto_link *link = &s->links[i];
		uint32_t cal = b->links[i].calendar;

		*link = b->links[i].link;
		link->from = place[link->from];
		link->to = place[link->to];
		if (cal != ALTO_INDEX_NONE)
			link->calendar = s->calendars + (size_t)cal * b->calendar.n_intervals;
	}
	qsort(s->links, s->n_links, sizeof(*s->links), link_cmp);
	for (uint32_t i = 0; i <= s->n_pids; i++) {
		while (at < s->n_links && s->links[at].from < i)
			at++;
		s->pids[i].first_link = at;
	}
	return 0;
}

/* ---- properties ---- */

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Members of obj as a sorted array of strings. */
static json_t *sorted_names(json_t *obj)
{
	size_t n = 0, count = json_object_size(obj);
	OWN_PTR const char **names = malloc((count + 1) * sizeof(*names));
	json_t *array = json_array(), *value;
	const char *name;

	if (!names || !array) {
		json_decref(array);
		return NULL;
	}
	json_object_foreach(obj, name, value)
		names[n++] = name;
	qsort(names, n, sizeof(*names), name_cmp);
	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(array, json_string(names[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int take_props(struct alto_builder *b, struct alto_source *s, const uint32_t *place)
{
	s->endpoint_props = TAKE_PTR(b->endpoint_props);
	s->pid_props = json_object();
	s->pid_prop_names = sorted_names(b->pid_prop_names);
	s->endpoint_prop_names = sorted_names(b->endpoint_prop_names);
	if (!s->pid_props || !s->pid_prop_names || !s->endpoint_prop_names)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->n_pids; i++) {
		json_t *props = TAKE_PTR(b->pids[i].props);

		if (props && json_object_set_new(s->pid_props, s->pids[place[i]].name, props) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- which metrics there are ---- */

static void find_metrics(struct alto_source *s, uint32_t offered)
{
	static const enum alto_metric of[LINK_VALUE_MAX] = {
		[LINK_ROUTINGCOST] = ALTO_ROUTINGCOST,	 [LINK_DELAY_US] = ALTO_DELAY_OW,
		[LINK_JITTER_US] = ALTO_DELAY_VARIATION, [LINK_LOSS] = ALTO_LOSSRATE,
		[LINK_BW_RESIDUAL] = ALTO_BW_RESIDUAL,	 [LINK_BW_AVAILABLE] = ALTO_BW_AVAILABLE,
	};

	offered |= 1u << ALTO_ROUTINGCOST | 1u << ALTO_HOPCOUNT;
	for (unsigned int i = 0; i < ALTO_TPUT; i++)
		s->has[i] = offered >> i & 1;
	for (uint32_t i = 0; i < s->n_links; i++) {
		const double *value = s->links[i].value;

		for (unsigned int k = 0; k < LINK_VALUE_MAX; k++)
			s->has[of[k]] |= !isnan(value[LINK_ROUTINGCOST]) && !isnan(value[k]);
	}
	s->has[ALTO_DELAY_RT] = s->has[ALTO_DELAY_OW];
}

/* ---- tags: SHA-256 over content in canonical order, numbers big-endian ---- */

static void add_number(struct sha256_ctx *ctx, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
	sha256_update(ctx, sizeof(bytes), bytes);
}

/* One pattern for everything unknown, one for zero. */
static void add_double(struct sha256_ctx *ctx, double value)
{
	uint64_t bits = 0;

	if (isnan(value))
		bits = UINT64_MAX;
	else if (value != 0)
		memcpy(&bits, &value, sizeof(bits));
	add_number(ctx, bits);
}

static void add_text(struct sha256_ctx *ctx, const char *text)
{
	sha256_update(ctx, strlen(text) + 1, (const uint8_t *)text);
}

static void end_tag(struct sha256_ctx *ctx, char tag[ALTO_TAG_LEN])
{
	uint8_t sum[SHA256_DIGEST_SIZE];

	sha256_digest(ctx, sizeof(sum), sum);
	alto_digest(sum, sizeof(sum), tag);
}

static void map_tag(struct alto_source *s)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	add_text(&ctx, s->id);
	for (uint32_t i = 0; i < s->n_pids; i++) {
		const struct alto_pid *pid = &s->pids[i];
		const struct alto_prefix *p = s->prefixes + pid->first_prefix;

		add_text(&ctx, pid->name);
		add_number(&ctx, pid->n_prefixes);
		for (uint32_t k = 0; k < pid->n_prefixes; k++)
			sha256_update(&ctx, sizeof(p[k]), (const uint8_t *)&p[k]);
	}
	end_tag(&ctx, s->map_tag);
}

static void cost_tag(struct alto_source *s)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	add_text(&ctx, s->map_tag);
	add_text(&ctx, s->stat);
	add_text(&ctx, s->cost_source ? s->cost_source : "");
	add_number(&ctx, s->service_graph);
	add_number(&ctx, s->calendar.interval_s);
	add_number(&ctx, s->calendar.n_intervals);
	for (uint32_t i = 0; i < s->n_pids; i++)
		add_number(&ctx, s->pids[i].transit);
	for (uint32_t i = 0; i < s->n_links; i++) {
		const struct alto_link *link = &s->links[i];

		add_number(&ctx, ((uint64_t)link->from << 32) | link->to);
		for (unsigned int k = 0; k < LINK_VALUE_MAX; k++)
			add_double(&ctx, link->value[k]);
		add_number(&ctx, link->calendar != NULL);
		for (uint32_t k = 0; link->calendar && k < s->calendar.n_intervals; k++)
			add_double(&ctx, link->calendar[k]);
	}
	end_tag(&ctx, s->cost_tag);
}

static int add_chunk(const char *text, size_t len, void *arg)
{
	sha256_update(arg, len, (const uint8_t *)text);
	return 0;
}

static int prop_tag(struct alto_source *s)
{
	size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15);
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	add_text(&ctx, s->map_tag);
	if (json_dump_callback(s->pid_props, add_chunk, &ctx, flags) < 0 ||
	    json_dump_callback(s->endpoint_props, add_chunk, &ctx, flags) < 0)
		return -ENOMEM;
	end_tag(&ctx, s->prop_tag);
	return 0;
}

/* ---- all of it ---- */

static int fill(struct alto_builder *b, uint32_t metrics, struct alto_source *s)
{
	OWN_PTR uint32_t *place = NULL;
	int rc = cover_all(b);

	if (rc < 0)
		return rc;
	place = malloc(b->n_pids * sizeof(*place));
	if (!place || sort_pids(b, s, place) < 0 || sort_prefixes(b, s, place) < 0 ||
	    sort_links(b, s, place) < 0 || take_props(b, s, place) < 0 ||
	    alto_rows_new(&s->rows) < 0)
		return -ENOMEM;
	find_metrics(s, metrics);
	map_tag(s);
	cost_tag(s);
	return prop_tag(s);
}

static int set_conf(struct alto_source *s, const struct alto_builder_conf *conf)
{
	const char *stat = conf->stat ? conf->stat : "";

	if (strlen(stat) >= sizeof(s->stat) || (stat[0] && !alto_stat_valid(stat)))
		return -EINVAL;
	strcpy(s->stat, stat);
	s->cost_source = conf->cost_source;
	s->service_graph = conf->service_graph;
	return 0;
}

int alto_builder_finish(struct alto_builder *b, const struct alto_builder_conf *conf,
			struct alto_source **out)
{
	struct alto_source *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (s) {
		s->refs = 1;
		strcpy(s->id, b->id);
		s->calendar = b->calendar;
		rc = set_conf(s, conf);
	}
	if (rc == 0)
		rc = fill(b, conf->metrics, s);
	alto_builder_free(b);
	if (rc == 0)
		*out = s;
	else
		alto_source_put(s);
	return rc;
}
