/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl monitor`: a line for each event. */
#include <stdio.h>
#include <string.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"
#include "util/own.h"

static const char *shown(const json_t *event, const char *member, char buf[128])
{
	return table_text(json_object_get(event, member), buf, 128);
}

/* "2001:db8::1:80" would be ambiguous: "[2001:db8::1]:80". */
static void print_address(const json_t *event, const char *address, const char *port)
{
	const json_t *number = json_object_get(event, port);
	char a[128], p[128];
	bool v6;

	shown(event, address, a);
	v6 = strchr(a, ':') != NULL;
	if (number)
		printf(v6 ? "[%s]:%s" : "%s:%s", a, shown(event, port, p));
	else
		fputs(a, stdout);
}

static void print_line(const json_t *event)
{
	char a[128], b[128], c[128], d[128];

	printf("%s %s %s %s", shown(event, "time", a), shown(event, "interface", b),
	       shown(event, "verdict", c), shown(event, "reason", d));
	if (json_object_get(event, "service"))
		printf(" service=%s", shown(event, "service", a));
	printf(" %s ", shown(event, "protocol", a));
	print_address(event, "source", "source_port");
	fputs(" > ", stdout);
	print_address(event, "destination", "destination_port");
	printf(" len=%s", shown(event, "length", a));
	if (json_object_get(event, "mtu"))
		printf(" mtu=%s", shown(event, "mtu", a));
	printf(": %s\n", shown(event, "why", b));
}

int run_monitor(struct ctl *ctl, const struct verb *verb, struct args args)
{
	static const struct {
		enum ctl_option option;
		const char *parameter;
	} filters[] = {
		{CTL_OPT_SERVICE, "service"},
		{CTL_OPT_REASON, "reason"},
		{CTL_OPT_INTERFACE, "interface"},
	};
	struct follow follow = {
		.after = "now",
		.count = ctl->number[CTL_OPT_COUNT],
		.seconds = ctl->number[CTL_OPT_SECONDS],
		.print = ctl->json ? follow_print_json : print_line,
	};
	char filter[512] = "", value[400];
	size_t at = 0;

	if (args.n)
		return usage_error(verb, "takes no argument");
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		const char *given = ctl->text[filters[i].option];

		if (!given || at >= sizeof(filter))
			continue;
		at += (size_t)snprintf(filter + at, sizeof(filter) - at, "&%s=%s",
				       filters[i].parameter,
				       http_segment(given, value, sizeof(value)));
	}
	if (at >= sizeof(filter))
		return usage_error(verb, "the filters are too long");
	follow.filter = filter;
	follow_catch(ctl);
	return follow_events(ctl, &follow);
}
