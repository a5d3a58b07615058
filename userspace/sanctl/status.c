/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"

static void print_line(const json_t *status, const char *label, const char *member)
{
	const json_t *value = table_member(status, member);
	char buf[1024];

	if (value && !json_is_null(value))
		printf("%-12s %s\n", label, table_text(value, buf, sizeof(buf)));
}

/* "revision=7 keys=31 ..." */
static void print_group(const json_t *status, const char *member)
{
	const json_t *group = json_object_get(status, member);
	const char *name;
	char buf[256];
	json_t *value;
	int n = 0;

	if (!json_is_object(group))
		return;
	printf("%-12s", member);
	json_object_foreach((json_t *)group, name, value) {
		/* five to a line */
		if (n && n % 5 == 0)
			printf("\n%-12s", "");
		n++;
		printf(" %s=%s", name, table_text(value, buf, sizeof(buf)));
	}
	putchar('\n');
}

static void print_interfaces(const json_t *interfaces)
{
	const json_t *item;
	const char *name;
	json_t *value;
	char buf[256];
	size_t i;

	json_array_foreach((json_t *)interfaces, i, item) {
		printf("%-12s %s:", "interface",
		       table_text(json_object_get(item, "name"), buf, sizeof(buf)));
		json_object_foreach((json_t *)item, name, value) {
			if (strcmp(name, "name"))
				printf(" %s=%s", name, table_text(value, buf, sizeof(buf)));
		}
		putchar('\n');
	}
}

static void print_maps(const json_t *maps)
{
	const json_t *map;
	char name[64], used[32], size[32], percent[32];
	size_t i;

	json_array_foreach((json_t *)maps, i, map)
		printf("%-12s %s: %s of %s (%s %%)\n", "map",
		       table_text(json_object_get(map, "map"), name, sizeof(name)),
		       table_text(json_object_get(map, "used"), used, sizeof(used)),
		       table_text(json_object_get(map, "size"), size, sizeof(size)),
		       table_text(json_object_get(map, "percent"), percent, sizeof(percent)));
}

static void print_warnings(const json_t *warnings)
{
	const json_t *text;
	char buf[256];
	size_t i;

	json_array_foreach((json_t *)warnings, i, text)
		printf("%-12s %s\n", "WARNING", table_text(text, buf, sizeof(buf)));
}

static void print_status(const json_t *status)
{
	static const char *const groups[] = {
		"objects", "database", "orc", "plan", "refused", "rest",
	};
	const json_t *uptime = json_object_get(status, "uptime_s");
	char buf[32];

	print_line(status, "name", "name");
	print_line(status, "version", "version");
	print_line(status, "pid", "pid");
	if (json_is_number(uptime))
		printf("%-12s %s\n", "uptime",
		       table_seconds(json_number_value(uptime), buf, sizeof(buf)));
	print_line(status, "ready", "ready");
	print_line(status, "reason", "reason");
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		print_group(status, groups[i]);
	print_interfaces(json_object_get(status, "interfaces"));
	print_maps(json_object_get(status, "maps"));
	print_warnings(json_object_get(status, "warnings"));
}

int run_status(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct call call = {.method = "GET", .path = verb->path};
	json_t *object = NULL;
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument");
	status = ctl_call(ctl, &call, &object);
	if (status)
		return status;
	if (ctl->json)
		ctl_print_json(object);
	else
		print_status(object);
	json_decref(object);
	return CTL_OK;
}
