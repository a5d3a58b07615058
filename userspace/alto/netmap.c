/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network maps (RFC 7285, 11.2.1) and filtered ones (11.3.1). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/server.h"

struct wanted {
	uint32_t *pids; /* rising, each once; NULL: all */
	uint32_t n;
	bool v4, v6;
};

/* One address type of a PID: the prefixes from *at on that are of it. */
static void put_family(struct alto_out *o, const struct alto_prefix **at,
		       const struct alto_prefix *end, bool comma)
{
	uint8_t family = (*at)->family;
	char text[ALTO_ENDPOINT_LEN];

	alto_puts(o, comma ? "," : "");
	alto_puts(o, family == 4 ? "\"ipv4\":[" : "\"ipv6\":[");
	for (bool first = true; *at < end && (*at)->family == family; (*at)++, first = false) {
		alto_puts(o, first ? "\"" : ",\"");
		alto_puts(o, alto_prefix_text(*at, text));
		alto_put(o, "\"", 1);
	}
	alto_put(o, "]", 1);
}

/* Prefixes are sorted: IPv4 first. */
static void put_pid(struct alto_out *o, const struct alto_source *s, const struct alto_pid *pid,
		    const struct wanted *wanted)
{
	const struct alto_prefix *at = s->prefixes + pid->first_prefix, *end = at + pid->n_prefixes;
	bool comma = false;

	alto_put_string(o, pid->name);
	alto_puts(o, ":{");
	while (at < end) {
		if (at->family == 4 ? wanted->v4 : wanted->v6) {
			put_family(o, &at, end, comma);
			comma = true;
		} else {
			at++;
		}
	}
	alto_put(o, "}", 1);
}

static void put_map(struct alto_out *o, const struct alto_source *s, const struct wanted *wanted)
{
	uint32_t n = wanted->pids ? wanted->n : s->n_pids;

	alto_puts(o, "{\"meta\":{\"vtag\":");
	alto_put_vtag(o, s->id, s->map_tag);
	alto_puts(o, "},\"network-map\":{");
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			alto_put(o, ",", 1);
		put_pid(o, s, &s->pids[wanted->pids ? wanted->pids[i] : i], wanted);
	}
	alto_puts(o, "}}");
}

static int pid_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts, and leaves each once. */
static void sort_pids(struct wanted *wanted)
{
	uint32_t n = 0;

	qsort(wanted->pids, wanted->n, sizeof(*wanted->pids), pid_cmp);
	for (uint32_t i = 0; i < wanted->n; i++) {
		if (n == 0 || wanted->pids[n - 1] != wanted->pids[i])
			wanted->pids[n++] = wanted->pids[i];
	}
	wanted->n = n;
}

/* Names that the map has not are as if they were not there; nothing but such: nothing. */
static int read_pids(const struct alto_source *s, const json_t *names, struct wanted *wanted)
{
	json_t *name;
	size_t i;

	if (json_array_size(names) == 0)
		return 0;
	wanted->pids = malloc(json_array_size(names) * sizeof(*wanted->pids));
	if (!wanted->pids)
		return -ENOMEM;
	json_array_foreach(names, i, name) {
		uint32_t pid = alto_source_find(s, json_string_value(name));

		if (pid != UINT32_MAX)
			wanted->pids[wanted->n++] = pid;
	}
	sort_pids(wanted);
	return 0;
}

static void read_types(const json_t *types, struct wanted *wanted)
{
	json_t *type;
	size_t i;

	if (json_array_size(types) == 0)
		return;
	wanted->v4 = wanted->v6 = false;
	json_array_foreach(types, i, type) {
		wanted->v4 |= strcmp(json_string_value(type), "ipv4") == 0;
		wanted->v6 |= strcmp(json_string_value(type), "ipv6") == 0;
	}
}

int alto_netmap_answer(const struct alto_request *req, const json_t *body, struct alto_reply *reply,
		       struct alto_error *error)
{
	const struct alto_source *s = req->resource->source;
	struct wanted wanted = {.v4 = true, .v6 = true};
	json_t *names = NULL, *types = NULL;
	int rc = 0;

	if (body)
		rc = alto_get_strings(body, "", "pids", true, ALTO_NAMES_MAX, &names, error);
	if (rc == 0 && body)
		rc = alto_get_strings(body, "", "address-types", false, ALTO_NAMES_MAX, &types,
				      error);
	if (rc == 0)
		rc = read_pids(s, names, &wanted);
	if (rc == 0) {
		read_types(types, &wanted);
		put_map(&reply->out, s, &wanted);
		strcpy(reply->tag, s->map_tag);
	}
	free(wanted.pids);
	return rc;
}
