/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl trace`: asks the dataplane to tell of each packet of a flow, and prints its way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"
#include "util/own.h"

static const char *text(const json_t *event, const char *member, char buf[256])
{
	return table_text(json_object_get(event, member), buf, 256);
}

static void print_end(const json_t *event, const char *address, const char *port)
{
	char a[256], p[256];

	printf("%s", text(event, address, a));
	if (json_object_get(event, port))
		printf(" port %s", text(event, port, p));
}

static void print_packet(const json_t *event)
{
	char a[256], b[256], c[256], d[256];

	printf("%s  %s (%s), %s bytes\n", text(event, "time", a), text(event, "interface", b),
	       text(event, "role", c), text(event, "length", d));
	printf("  packet     %s ", text(event, "protocol", a));
	print_end(event, "source", "source_port");
	fputs(" > ", stdout);
	print_end(event, "destination", "destination_port");
	putchar('\n');
}

static const char *how_found(const char *by)
{
	static const struct {
		const char *by, *text;
	} ways[] = {
		{"header", "named by its SAN header"},
		{"class", "given by a classifier rule"},
		{"fragment", "that of its first fragment"},
		{"sid", "that of the SID it came to"},
	};

	for (size_t i = 0; by && i < ARRAY_SIZE(ways); i++) {
		if (!strcmp(ways[i].by, by))
			return ways[i].text;
	}
	return "not known how it was found";
}

static void print_service(const json_t *event)
{
	char a[256], b[256], c[256];

	if (!json_object_get(event, "service")) {
		puts("  service    none found");
		return;
	}
	text(event, "name", b);
	printf("  service    %s%s%s, %s\n", text(event, "service", a), strcmp(b, "-") ? " " : "",
	       strcmp(b, "-") ? b : "", how_found(json_string_value(json_object_get(event, "by"))));
	if (json_object_get(event, "generation"))
		printf("  selection  %s, affinity %s, of generation %s\n",
		       text(event, "selection", a), text(event, "affinity", b),
		       text(event, "generation", c));
	if (json_object_get(event, "hash"))
		printf("  flow       hash 0x%08llx, slot %s\n",
		       (unsigned long long)json_integer_value(json_object_get(event, "hash")),
		       text(event, "slot", a));
}

static void print_part(const json_t *event, const char *words, const char *member)
{
	char value[256];

	if (json_is_string(json_object_get(event, member)))
		printf(" %s %s", words, text(event, member, value));
}

static void print_nexthop(const json_t *event)
{
	char to[256];

	if (!json_object_get(event, "nexthop") && !json_object_get(event, "instance"))
		return;
	printf("  next hop  ");
	if (json_object_get(event, "nexthop"))
		printf(" %s:", text(event, "nexthop", to));
	print_part(event, "instance", "instance");
	print_part(event, "at gateway", "gateway");
	print_part(event, "by path", "path");
	putchar('\n');
}

static void print_way(const json_t *event)
{
	char a[256], b[256], c[256];

	print_packet(event);
	print_service(event);
	print_nexthop(event);
	printf("  verdict    %s: %s, %s", text(event, "verdict", a), text(event, "reason", b),
	       text(event, "why", c));
	if (json_object_get(event, "cause"))
		printf(" (%s: %s)", text(event, "cause", a), text(event, "cause_why", b));
	if (json_object_get(event, "mtu"))
		printf(", fits: %s", text(event, "mtu", a));
	putchar('\n');
}

/* ---- arming ---- */

static void put_text(json_t *order, const struct ctl *ctl, enum ctl_option option,
		     const char *member)
{
	if (ctl->text[option])
		json_object_set_new(order, member, json_string(ctl->text[option]));
}

static void put_number(json_t *order, const struct ctl *ctl, enum ctl_option option,
		       const char *member)
{
	if (ctl->text[option])
		json_object_set_new(order, member, json_integer((json_int_t)ctl->number[option]));
}

/* A name, or a number as one. */
static void put_protocol(json_t *order, const struct ctl *ctl)
{
	const char *given = ctl->text[CTL_OPT_PROTOCOL];
	char *end;
	long number = given ? strtol(given, &end, 10) : 0;

	if (given && *given && !*end)
		json_object_set_new(order, "protocol", json_integer(number));
	else
		put_text(order, ctl, CTL_OPT_PROTOCOL, "protocol");
}

static void put_reasons(json_t *order, const struct ctl *ctl)
{
	const char *given = ctl->text[CTL_OPT_REASON];
	json_t *list = given ? json_array() : NULL;
	size_t len;

	for (; given && *given; given += len + (given[len] == ',')) {
		len = strcspn(given, ",");
		json_array_append_new(list, json_stringn(given, len));
	}
	if (list)
		json_object_set_new(order, "reasons", list);
}

static json_t *make_order(const struct ctl *ctl)
{
	json_t *order = json_object();

	put_text(order, ctl, CTL_OPT_SERVICE, "service");
	put_text(order, ctl, CTL_OPT_INTERFACE, "interface");
	put_text(order, ctl, CTL_OPT_SOURCE, "source");
	put_text(order, ctl, CTL_OPT_DESTINATION, "destination");
	put_protocol(order, ctl);
	put_number(order, ctl, CTL_OPT_SPORT, "source_port");
	put_number(order, ctl, CTL_OPT_DPORT, "destination_port");
	put_reasons(order, ctl);
	put_number(order, ctl, CTL_OPT_SECONDS, "seconds");
	return order;
}

/* Also after ^C: the dataplane shall not go on telling. */
static void disarm(struct ctl *ctl, const struct verb *verb)
{
	struct call call = {.method = "DELETE", .path = verb->path};
	json_t *answer = NULL;

	http_close(ctl->http);
	ctl->http = NULL;
	ctl->stop = NULL;
	ctl_call(ctl, &call, &answer);
	json_decref(answer);
}

int run_trace(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct follow follow = {
		.filter = "&kind=trace",
		.count = ctl->number[CTL_OPT_COUNT],
		.print = ctl->json ? follow_print_json : print_way,
	};
	struct call call = {.method = "PUT", .path = verb->path};
	json_t *order, *armed = NULL;
	char after[32];
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument: --service 0x101 --source ADDRESS...");
	follow_catch(ctl);
	order = make_order(ctl);
	call.body = order;
	status = ctl_call(ctl, &call, &armed);
	json_decref(order);
	if (status)
		return status;
	snprintf(after, sizeof(after), "%lld",
		 (long long)json_integer_value(json_object_get(armed, "after")));
	follow.after = after;
	follow.seconds = (unsigned long)json_integer_value(json_object_get(armed, "seconds"));
	json_decref(armed);
	status = follow_events(ctl, &follow);
	disarm(ctl, verb);
	return status;
}
