/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ALTO servers answer, as tables. */
#include <stdio.h>
#include <string.h>

#include "sanctl/alto.h"
#include "sanctl/table.h"

/* ---- directory ---- */

/* "networkmap" of "application/alto-networkmap+json". */
static json_t *kind_of(const char *media)
{
	static const char before[] = "application/alto-", behind[] = "+json";
	size_t n = strlen(media);

	if (strncmp(media, before, sizeof(before) - 1) != 0 || n < sizeof(before) + sizeof(behind))
		return json_string(media);
	return json_stringn(media + sizeof(before) - 1, n - sizeof(before) - sizeof(behind) + 2);
}

void alto_show_ird(const struct alto_ird *ird)
{
	static const struct column columns[] = {
		{"ID", "id", COLUMN_PLAIN},
		{"KIND", "kind", COLUMN_PLAIN},
		{"METHOD", "method", COLUMN_PLAIN},
		{"COST TYPES", "types", COLUMN_PLAIN},
		{"USES", "uses", COLUMN_PLAIN},
		{"URI", "uri", COLUMN_PLAIN},
		{},
	};
	json_t *rows = json_array();

	for (unsigned int i = 0; i < ird->n; i++) {
		const struct alto_ird_entry *e = &ird->v[i];
		json_t *types = json_object_get(e->capabilities, "cost-type-names");

		json_array_append_new(rows, json_pack("{s:s,s:o,s:s,s:O*,s:O*,s:s}", "id", e->id,
						      "kind", kind_of(e->media_text), "method",
						      e->accepts_text ? "POST" : "GET", "types",
						      types, "uses", e->uses, "uri", e->uri));
	}
	table_print(stdout, 0, columns, rows);
	json_decref(rows);
}

/* ---- network map ---- */

void alto_show_map(const struct alto_netmap *map)
{
	static const struct column columns[] = {
		{"PID", "pid", COLUMN_PLAIN},
		{"IPV4", "ipv4", COLUMN_PLAIN},
		{"IPV6", "ipv6", COLUMN_PLAIN},
		{},
	};
	json_t *rows = json_array(), *group;
	const char *pid;

	json_object_foreach(map->pids, pid, group) {
		json_array_append_new(rows, json_pack("{s:s,s:O*,s:O*}", "pid", pid, "ipv4",
						      json_object_get(group, "ipv4"), "ipv6",
						      json_object_get(group, "ipv6")));
	}
	printf("network map %s, tag %s\n", map->vtag.id, map->vtag.tag);
	table_print(stdout, 0, columns, rows);
	json_decref(rows);
}

/* ---- costs ---- */

/* An empty list is all. */
static bool asked_for(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (strcmp(json_string_value(item), name) == 0)
			return true;
	}
	return json_array_size(list) == 0;
}

static void add_pairs(json_t *rows, const struct alto_costmap *map, const json_t *srcs,
		      const json_t *dsts)
{
	const char *src, *dst;
	json_t *row, *cost;

	json_object_foreach(map->costs, src, row) {
		json_object_foreach(row, dst, cost) {
			if (asked_for(srcs, src) && asked_for(dsts, dst))
				json_array_append_new(rows, json_pack("{s:s,s:s,s:O}", "src", src,
								      "dst", dst, "cost", cost));
		}
	}
}

void alto_show_costs(const struct alto_costmap *map, const json_t *srcs, const json_t *dsts)
{
	const struct column columns[] = {
		{"FROM", "src", COLUMN_PLAIN},
		{"TO", "dst", COLUMN_PLAIN},
		{map->metric, "cost", COLUMN_PLAIN},
		{},
	};
	json_t *rows = json_array();

	add_pairs(rows, map, srcs, dsts);
	table_print(stdout, 0, columns, rows);
	json_decref(rows);
}

/* ---- properties ---- */

void alto_show_props(const struct alto_propmap *map)
{
	static const struct column columns[] = {
		{"ENTITY", "entity", COLUMN_PLAIN},
		{"PROPERTY", "property", COLUMN_PLAIN},
		{"VALUE", "value", COLUMN_PLAIN},
		{},
	};
	json_t *rows = json_array(), *props, *value;
	const char *entity, *name;

	json_object_foreach(map->entities, entity, props) {
		json_object_foreach(props, name, value) {
			json_array_append_new(rows, json_pack("{s:s,s:s,s:O}", "entity", entity,
							      "property", name, "value", value));
		}
	}
	table_print(stdout, 0, columns, rows);
	json_decref(rows);
}

/* ---- paths ---- */

void alto_show_paths(const struct alto_pv *pv)
{
	static const struct column columns[] = {
		{"FROM", "src", COLUMN_PLAIN},
		{"TO", "dst", COLUMN_PLAIN},
		{"PATH", "cost", COLUMN_PLAIN},
		{},
	};
	json_t *rows = json_array();

	add_pairs(rows, pv->costs, NULL, NULL);
	table_print(stdout, 0, columns, rows);
	json_decref(rows);
	puts("");
	alto_show_props(pv->props);
}
