/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dp/abi2.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/own.h"

struct field {
	const char *name;
	uint32_t offset, size, n;
};

struct shape {
	const char *map;
	uint32_t key_size, value_size;
	struct field key[8], value[12]; /* ended by n = 0 */
};

/* Padding is left out: it is zero. The reasons were other ones. */
static const struct shape shapes[] = {
	{
		.map = "san_services",
		.key_size = 8,
		.value_size = 24,
		.key = {{"service_id", 0, 8, 1}},
		.value = {{"nexthop", 0, 4, 1},
			  {"slot_base", 4, 4, 1},
			  {"generation", 12, 4, 1},
			  {"stats", 16, 4, 1},
			  {"mode", 20, 1, 1},
			  {"affinity", 21, 1, 1}},
	},
	{
		.map = "san_nexthops",
		.key_size = 4,
		.value_size = 208,
		.key = {{"", 0, 4, 1}},
		.value = {{"outer", 0, 8, 22},
			  {"dst_mac", 176, 1, 6},
			  {"src_mac", 182, 1, 6},
			  {"outer_len", 188, 2, 1},
			  {"kind", 190, 1, 1},
			  {"hop_limit", 191, 1, 1},
			  {"ifindex", 192, 4, 1},
			  {"mtu", 196, 4, 1},
			  {"epoch", 200, 4, 1}},
	},
	{
		.map = "san_flows",
		.key_size = 48,
		.value_size = 16,
		.key = {{"src", 0, 4, 4},
			{"dst", 16, 4, 4},
			{"service_id", 32, 8, 1},
			{"sport", 40, 2, 1},
			{"dport", 42, 2, 1},
			{"proto", 44, 1, 1}},
		.value = {{"nexthop", 0, 4, 1}, {"epoch", 4, 4, 1}, {"last_ns", 8, 8, 1}},
	},
	{
		.map = "san_ifaces",
		.key_size = 4,
		.value_size = 8,
		.key = {{"", 0, 4, 1}},
		.value = {{"mac", 0, 1, 6}, {"role", 6, 1, 1}, {"policy", 7, 1, 1}},
	},
	{
		.map = "san_tx",
		.key_size = 4,
		.value_size = 4,
		.key = {{"", 0, 4, 1}},
		.value = {{"", 0, 4, 1}},
	},
	{
		.map = "san_svc_stats",
		.key_size = 4,
		.value_size = 16,
		.key = {{"", 0, 4, 1}},
		.value = {{"packets", 0, 8, 1}, {"bytes", 8, 8, 1}},
	},
	{
		.map = "san_nh_stats",
		.key_size = 4,
		.value_size = 16,
		.key = {{"", 0, 4, 1}},
		.value = {{"packets", 0, 8, 1}, {"bytes", 8, 8, 1}},
	},
};

static void fill(const struct field *fields, uint32_t size, struct layout *out)
{
	memset(out, 0, sizeof(*out));
	out->size = size;
	for (; fields->n; fields++) {
		struct layout_field *to = &out->fields[out->n++];

		snprintf(to->name, sizeof(to->name), "%s", fields->name);
		to->offset = fields->offset;
		to->size = fields->size;
		to->n = fields->n;
	}
}

int abi2_layout(const char *map, struct layout *key, struct layout *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		if (strcmp(shapes[i].map, map))
			continue;
		fill(shapes[i].key, shapes[i].key_size, key);
		fill(shapes[i].value, shapes[i].value_size, value);
		return 0;
	}
	return -ENOENT;
}
