/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pushing the network map and one cost map. */
#ifndef TESTS_ALTOC_STREAM_RIG_H
#define TESTS_ALTOC_STREAM_RIG_H

#include "unit/altoc/rig.h"

#define PATCH "application/merge-patch+json"

static UNUSED void open_streaming(const char *resources)
{
	struct altoc_source source = source_of();

	say_directory(resources);
	say_map("t1");
	say_cost("/rc", "t1", "routingcost", "10 20");
	say_cost("/owd", "t1", "delay-ow:cur", "100 200");
	open_with(&source);
	until(server_streams());
	push("application/alto-updatestreamcontrol+json",
	     "{\"control-uri\": \"http://127.0.0.1/x\", \"started\": [\"map\"]}");
}

static UNUSED void push_costs(const char *tag, const char *costs)
{
	char a[32], b[32];

	sscanf(costs, "%31s %31s", a, b);
	push(T_COST ",cost-0", COST_TEXT, tag, "routingcost", a, b);
}

static UNUSED void push_all(const char *tag, const char *costs)
{
	push(T_MAP ",map", MAP_TEXT, tag);
	push_costs(tag, costs);
}

#define WHOLE COST("rc", "/rc", "rc") ", " UPDATES("\"net\", \"rc\"")

static UNUSED void begin(void)
{
	open_streaming(WHOLE);
	push_all("t1", "10 20");
	until(!strcmp(shown_text("state"), "streaming") && value("gw2", ATTR_COST) == 10 &&
	      value("gw3", ATTR_COST) == 20);
}

#endif
