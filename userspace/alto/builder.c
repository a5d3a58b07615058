/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "alto/builder.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define FIRST 16

/* Room for one more (or `more`) behind n. */
static int grow(void *array, size_t elem, uint32_t more, uint32_t n, uint32_t *cap)
{
	uint32_t want = *cap ? *cap : FIRST;
	void *v;

	if (n + more <= *cap)
		return 0;
	while (want < n + more)
		want *= 2;
	v = realloc(*(void **)array, want * elem);
	if (!v)
		return -ENOMEM;
	*(void **)array = v;
	*cap = want;
	return 0;
}

#define GROW(array, more, n, cap) grow(&(array), sizeof(*(array)), more, n, &(cap))

static bool id_valid(const char *id)
{
	return strlen(id) < ALTO_SOURCE_ID_LEN && alto_name_valid(id) && !strpbrk(id, ":@");
}

int alto_builder_new(const char *id, struct alto_builder **out)
{
	struct alto_builder *b;

	if (!id_valid(id))
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	strcpy(b->id, id);
	b->pid_prop_names = json_object();
	b->endpoint_props = json_object();
	b->endpoint_prop_names = json_object();
	if (!b->pid_prop_names || !b->endpoint_props || !b->endpoint_prop_names) {
		alto_builder_free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

void alto_builder_free(struct alto_builder *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->n_pids; i++)
		json_decref(b->pids[i].props);
	alto_index_fini(&b->by_name);
	alto_index_fini(&b->by_prefix);
	alto_index_fini(&b->by_ends);
	json_decref(b->pid_prop_names);
	json_decref(b->endpoint_props);
	json_decref(b->endpoint_prop_names);
	free(b->names);
	free(b->pids);
	free(b->prefixes);
	free(b->links);
	free(b->calendars);
	free(b);
}

int alto_builder_calendar(struct alto_builder *b, const struct alto_calendar *calendar)
{
	if (calendar->n_intervals > ALTO_INTERVALS_MAX || b->n_links ||
	    (calendar->n_intervals && !calendar->interval_s))
		return -EINVAL;
	b->calendar = *calendar;
	return 0;
}

/* ---- PIDs ---- */

struct name_key {
	const struct alto_builder *b;
	const char *name;
};

static bool same_name(const void *arg, uint32_t at)
{
	const struct name_key *key = arg;

	return strcmp(key->b->names + key->b->pids[at].name, key->name) == 0;
}

uint32_t alto_builder_find(const struct alto_builder *b, const char *name)
{
	struct name_key key = {b, name};

	return alto_index_find(&b->by_name, hash_bytes(name, strlen(name)), same_name, &key);
}

int alto_builder_add_pid(struct alto_builder *b, const char *name, bool transit, uint32_t *id)
{
	uint32_t len = (uint32_t)strlen(name) + 1;

	if (GROW(b->names, len, b->names_len, b->names_cap) < 0 ||
	    GROW(b->pids, 1, b->n_pids, b->cap_pids) < 0 ||
	    alto_index_add(&b->by_name, hash_bytes(name, len - 1), b->n_pids) < 0)
		return -ENOMEM;
	memcpy(b->names + b->names_len, name, len);
	b->pids[b->n_pids] = (struct alto_build_pid){.name = b->names_len, .transit = transit};
	b->names_len += len;
	*id = b->n_pids++;
	return 0;
}

int alto_builder_pid(struct alto_builder *b, const char *name, bool transit, uint32_t *id)
{
	if (!alto_name_valid(name))
		return -EINVAL;
	if (alto_builder_find(b, name) != ALTO_INDEX_NONE)
		return -EEXIST;
	if (b->n_pids >= ALTO_PIDS_MAX - 1)
		return -ENOSPC;
	return alto_builder_add_pid(b, name, transit, id);
}

/* ---- prefixes ---- */

struct prefix_key {
	const struct alto_builder *b;
	const struct alto_prefix *prefix;
};

static bool same_prefix(const void *arg, uint32_t at)
{
	const struct prefix_key *key = arg;

	return alto_prefix_cmp(&key->b->prefixes[at].prefix, key->prefix) == 0;
}

uint32_t alto_builder_find_prefix(const struct alto_builder *b, const struct alto_prefix *prefix)
{
	struct prefix_key key = {b, prefix};

	return alto_index_find(&b->by_prefix, hash_bytes(prefix, sizeof(*prefix)), same_prefix,
			       &key);
}

int alto_builder_add_prefix(struct alto_builder *b, uint32_t pid, const struct alto_prefix *prefix)
{
	if (GROW(b->prefixes, 1, b->n_prefixes, b->cap_prefixes) < 0 ||
	    alto_index_add(&b->by_prefix, hash_bytes(prefix, sizeof(*prefix)), b->n_prefixes) < 0)
		return -ENOMEM;
	b->prefixes[b->n_prefixes++] = (struct alto_lpm_entry){*prefix, pid};
	return 0;
}

int alto_builder_prefix(struct alto_builder *b, uint32_t pid, const struct alto_prefix *prefix)
{
	if (pid >= b->n_pids || (prefix->family != 4 && prefix->family != 6))
		return -EINVAL;
	if (alto_builder_find_prefix(b, prefix) != ALTO_INDEX_NONE)
		return -EEXIST;
	if (b->n_prefixes >= ALTO_PREFIXES_MAX - 2)
		return -ENOSPC;
	return alto_builder_add_prefix(b, pid, prefix);
}

/* ---- links ---- */

struct ends {
	uint32_t from, to;
};
struct ends_key {
	const struct alto_builder *b;
	struct ends ends;
};

static bool same_ends(const void *arg, uint32_t at)
{
	const struct ends_key *key = arg;
	const struct alto_link *link = &key->b->links[at].link;

	return link->from == key->ends.from && link->to == key->ends.to;
}

static bool value_valid(double value)
{
	return isnan(value) || (value >= 0 && isfinite(value));
}

static bool link_valid(const struct alto_builder *b, const struct alto_link *link)
{
	if (link->from >= b->n_pids || link->to >= b->n_pids || link->from == link->to ||
	    link->value[LINK_LOSS] > 1 || link->value[LINK_ROUTINGCOST] > ALTO_COST_MAX ||
	    (link->calendar && !b->calendar.n_intervals))
		return false;
	for (unsigned int i = 0; i < LINK_VALUE_MAX; i++) {
		if (!value_valid(link->value[i]))
			return false;
	}
	for (uint32_t i = 0; link->calendar && i < b->calendar.n_intervals; i++) {
		if (!value_valid(link->calendar[i]) || link->calendar[i] > ALTO_COST_MAX)
			return false;
	}
	return true;
}

static int add_calendar(struct alto_builder *b, const double *values, uint32_t *at)
{
	uint32_t n = b->calendar.n_intervals;

	*at = ALTO_INDEX_NONE;
	if (!values)
		return 0;
	if ((b->n_calendars + 1) * n > ALTO_CALENDAR_VALUES_MAX)
		return -ENOSPC;
	if (GROW(b->calendars, n, b->n_calendars * n, b->cap_calendars) < 0)
		return -ENOMEM;
	memcpy(b->calendars + (size_t)b->n_calendars * n, values, n * sizeof(*values));
	*at = b->n_calendars;
	return 0;
}

int alto_builder_link(struct alto_builder *b, const struct alto_link *link)
{
	struct ends_key key = {b, {link->from, link->to}};
	uint64_t hash = hash_bytes(&key.ends, sizeof(key.ends));
	struct alto_build_link *at;
	int rc;

	if (!link_valid(b, link))
		return -EINVAL;
	if (alto_index_find(&b->by_ends, hash, same_ends, &key) != ALTO_INDEX_NONE)
		return -EEXIST;
	if (b->n_links >= ALTO_LINKS_MAX)
		return -ENOSPC;
	if (GROW(b->links, 1, b->n_links, b->cap_links) < 0)
		return -ENOMEM;
	at = &b->links[b->n_links];
	rc = add_calendar(b, link->calendar, &at->calendar);
	if (rc == 0)
		rc = alto_index_add(&b->by_ends, hash, b->n_links);
	if (rc < 0)
		return rc;
	at->link = *link;
	at->link.calendar = NULL;
	b->n_calendars += link->calendar != NULL;
	b->n_links++;
	return 0;
}

/* ---- properties ---- */

/* value is taken. *props is made when there is none. */
static int set_prop(json_t **props, json_t *names, const char *name, json_t *value)
{
	if (!*props)
		*props = json_object();
	if (!value || json_object_set_new(names, name, json_true()) < 0) {
		json_decref(value);
		return -ENOMEM;
	}
	return json_object_set_new(*props, name, value) < 0 ? -ENOMEM : 0;
}

int alto_builder_pid_prop(struct alto_builder *b, uint32_t pid, const char *name, json_t *value)
{
	if (pid >= b->n_pids || !alto_name_valid_dots(name)) {
		json_decref(value);
		return -EINVAL;
	}
	return set_prop(&b->pids[pid].props, b->pid_prop_names, name, value);
}

int alto_builder_offer_prop(struct alto_builder *b, const char *name)
{
	if (!alto_name_valid_dots(name))
		return -EINVAL;
	return json_object_set_new(b->pid_prop_names, name, json_true()) < 0 ? -ENOMEM : 0;
}

/* The endpoint's properties; made if there are none. */
static int endpoint_props(struct alto_builder *b, const char *text, json_t **out)
{
	*out = json_object_get(b->endpoint_props, text);
	if (*out)
		return 0;
	if (json_object_size(b->endpoint_props) >= ALTO_ENDPOINTS_MAX)
		return -ENOSPC;
	if (json_object_set_new(b->endpoint_props, text, json_object()) < 0)
		return -ENOMEM;
	*out = json_object_get(b->endpoint_props, text);
	return 0;
}

int alto_builder_endpoint_prop(struct alto_builder *b, const char *endpoint, const char *name,
			       json_t *value)
{
	char text[ALTO_ENDPOINT_LEN];
	struct alto_prefix p;
	json_t *props;
	int rc = -EINVAL;

	if (alto_name_valid_dots(name) && alto_endpoint_parse(endpoint, &p) == 0)
		rc = endpoint_props(b, alto_endpoint_text(&p, text), &props);
	if (rc < 0) {
		json_decref(value);
		return rc;
	}
	return set_prop(&props, b->endpoint_prop_names, name, value);
}
