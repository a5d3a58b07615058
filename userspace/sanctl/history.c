/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl history`: the last changes of a service's selection, the newest last. */
#include <stdio.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"

static const struct column change_columns[] = {
	{"WHEN", "time", COLUMN_PLAIN},	  {"AGO", "age_s", COLUMN_SECONDS},
	{"SCOPE", "scope", COLUMN_PLAIN}, {"FROM", "from_text", COLUMN_PLAIN},
	{"TO", "to_text", COLUMN_PLAIN},  {"METRIC", "to.metric", COLUMN_PLAIN},
	{"WHY", "why", COLUMN_PLAIN},	  {},
};

/* "s2a at gw2 by be"; "gw2's choice by be"; "3 instances" */
static void pick_text(const json_t *pick, char *buf, size_t size)
{
	long long members = json_integer_value(json_object_get(pick, "members"));
	char a[72], b[72], c[72];

	table_text(json_object_get(pick, "instance"), a, sizeof(a));
	table_text(json_object_get(pick, "gateway"), b, sizeof(b));
	table_text(json_object_get(pick, "path"), c, sizeof(c));
	if (!json_is_object(pick))
		snprintf(buf, size, "nothing");
	else if (members > 1)
		snprintf(buf, size, "%lld instances, the best %s at %s", members, a, b);
	else if (a[0] == '@')
		snprintf(buf, size, "%s's choice by %s", b, c);
	else
		snprintf(buf, size, "%s at %s by %s", a, b, c);
}

static void add_text(json_t *change, const char *from, const char *to)
{
	char text[256];

	pick_text(json_object_get(change, from), text, sizeof(text));
	json_object_set_new(change, to, json_string(text));
}

int run_history(struct ctl *ctl, const struct verb *verb, struct args args)
{
	char path[CTL_PATH_MAX];
	struct call call = {.method = "GET", .path = path};
	json_t *answer = NULL, *items, *change;
	int status = ctl_path(verb, args, path);
	size_t i;

	if (!status && args.n > 1)
		status = usage_error(verb, "takes one service");
	status = status ? status : ctl_call(ctl, &call, &answer);
	if (status)
		return status;
	items = json_object_get(answer, "items");
	if (ctl->json) {
		ctl_print_json(answer);
	} else if (!json_array_size(items)) {
		puts("no changes since the start");
	} else {
		json_array_foreach(items, i, change) {
			add_text(change, "from", "from_text");
			add_text(change, "to", "to_text");
		}
		table_print(stdout, 0, change_columns, items);
	}
	json_decref(answer);
	return CTL_OK;
}
