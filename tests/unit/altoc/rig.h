/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A database with nsc and csc, a scripted server with the maps of three domains, and altoc. */
#ifndef TESTS_ALTOC_RIG_H
#define TESTS_ALTOC_RIG_H

#include "unit/altoc/server.h"
#include "unit/own_clock.h"

#include "altoc/altoc_int.h"
#include "util/log.h"

static struct nsc *nsc;
static struct csc *csc;
static struct altoc *altoc;
static char directory_url[128];

#define T_DIRECTORY "application/alto-directory+json"
#define T_MAP "application/alto-networkmap+json"
#define T_COST "application/alto-costmap+json"
#define T_PROPS "application/alto-propmap+json"

#define COST_TYPES                                                                                 \
	"\"cost-types\": {"                                                                        \
	"\"rc\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"routingcost\"}, "               \
	"\"or\": {\"cost-mode\": \"ordinal\", \"cost-metric\": \"routingcost\"}, "                 \
	"\"owd\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"delay-ow:cur\"}, "             \
	"\"loss\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"lossrate\"}, "                \
	"\"bw\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"bw-available\"}}"
#define META "\"meta\": {\"default-alto-network-map\": \"net\", " COST_TYPES "}"
#define NET "\"net\": {\"uri\": \"/map\", \"media-type\": \"" T_MAP "\"}"
#define COST(id, uri, type)                                                                        \
	"\"" id "\": {\"uri\": \"" uri "\", \"media-type\": \"" T_COST "\", "                      \
	"\"capabilities\": {\"cost-type-names\": [\"" type "\"]}, \"uses\": [\"net\"]}"
#define FILTERED                                                                                   \
	"\"some\": {\"uri\": \"/some\", \"media-type\": \"" T_COST "\", "                          \
	"\"accepts\": \"application/alto-costmapfilter+json\", "                                   \
	"\"capabilities\": {\"cost-type-names\": [\"rc\", \"or\"]}, \"uses\": [\"net\"]}"
#define PROPS                                                                                      \
	"\"pr\": {\"uri\": \"/props\", \"media-type\": \"" T_PROPS "\", "                          \
	"\"capabilities\": {\"mappings\": {\"net.pid\": [\"cpu\", \"mem\"]}}, \"uses\": [\"net\"]}"
#define UPDATES(uses)                                                                              \
	"\"up\": {\"uri\": \"/updates\", \"media-type\": \"text/event-stream\", "                  \
	"\"accepts\": \"application/alto-updatestreamparams+json\", "                              \
	"\"capabilities\": {\"incremental-change-media-types\": "                                  \
	"{\"rc\": \"application/merge-patch+json\"}}, \"uses\": [" uses "]}"

static UNUSED void say_directory(const char *resources)
{
	say("/directory", T_DIRECTORY, "{" META ", \"resources\": {" NET ", %s}}", resources);
}

#define MAP_TEXT                                                                                   \
	"{\"meta\": {\"vtag\": {\"resource-id\": \"net\", \"tag\": \"%s\"}}, \"network-map\": {"   \
	"\"AS1\": {\"ipv6\": [\"5f00:0:1::/48\"]}, \"AS2\": {\"ipv6\": [\"5f00:0:2::/48\"]}, "     \
	"\"AS3\": {\"ipv6\": [\"5f00:0:3::/48\"]}, \"rest\": {\"ipv6\": [\"::/0\"], "              \
	"\"ipv4\": [\"0.0.0.0/0\"]}}}"
#define COST_TEXT                                                                                  \
	"{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", \"tag\": \"%s\"}], "         \
	"\"cost-type\": {\"cost-mode\": \"numerical\", \"cost-metric\": \"%s\"}}, "                \
	"\"cost-map\": {\"AS1\": {\"AS2\": %s, \"AS3\": %s}}}"
#define PROPS_TEXT                                                                                 \
	"{\"meta\": {\"dependent-vtags\": [{\"resource-id\": \"net\", \"tag\": \"%s\"}]}, "        \
	"\"property-map\": {\"net.pid:AS2\": {\"cpu\": [%s], \"mem\": [\"64\"]}}}"

static UNUSED void say_map(const char *tag)
{
	say("/map", T_MAP, MAP_TEXT, tag);
}

static UNUSED void say_cost(const char *path, const char *tag, const char *metric,
			    const char *costs)
{
	char a[32], b[32];

	sscanf(costs, "%31s %31s", a, b);
	say(path, T_COST, COST_TEXT, tag, metric, a, b);
}

/* Gateways gw2 and gw3 by locator, as their domains. */
static UNUSED void put_gateway(const char *name, const char *locator)
{
	struct gateway gw = {.locator_len = 48};

	snprintf(gw.name, sizeof(gw.name), "%s", name);
	assert_int_equal(inet_pton(AF_INET6, locator, &gw.locator), 1);
	assert_int_equal(view_gateway_put(&view, &gw, 1), 0);
}

static const struct altoc_pid ingresses[] = {{"pe1", "AS1"}};

static UNUSED struct altoc_source source_of(void)
{
	return (struct altoc_source){.name = "dom",
				     .directory = directory_url,
				     .ingresses = ingresses,
				     .n_ingresses = 1,
				     .poll_s = 1,
				     .keep_s = 60};
}

static UNUSED struct altoc_conf conf_with(const struct altoc_source *source)
{
	return (struct altoc_conf){.loop = &loop,
				   .view = &view,
				   .nsc = nsc,
				   .csc = csc,
				   .sources = source,
				   .n_sources = 1};
}

static UNUSED void open_with(const struct altoc_source *source)
{
	struct altoc_conf conf = conf_with(source);
	char text[512];

	if (altoc_open(&conf, &altoc, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static UNUSED int setup(void **state)
{
	log_init("test", LOG_ERROR);
	altoc_times = (struct altoc_times){
		.refresh_ms = 500, .retry_ms = 100, .settle_ms = 600, .second_ms = 200};
	altoc_bounds = (struct altoc_bounds){.bytes = ALTOC_BYTES_MAX,
					     .patched = ALTOC_PATCHED_MAX,
					     .patches = ALTOC_PATCHES_MAX};
	rig_open();
	assert_int_equal(nsc_open(db, &view, on_synced, NULL, &nsc), 0);
	wait_for(&synced);
	synced = false;
	assert_int_equal(csc_open(db, &view, &(struct csc_conf){0}, on_synced, NULL, &csc), 0);
	wait_for(&synced);
	srv = (struct server){0};
	server_up();
	snprintf(directory_url, sizeof(directory_url), "http://127.0.0.1:%d/directory", srv.port);
	put_gateway("gw2", "5f00:0:2::");
	put_gateway("gw3", "5f00:0:3::");
	return 0;
}

static UNUSED int teardown(void **state)
{
	altoc_close(altoc);
	altoc = NULL;
	nsc_close(nsc);
	csc_close(csc);
	nsc = NULL;
	csc = NULL;
	server_down();
	rig_close();
	json_drop();
	return 0;
}

/* ---- what came of it ---- */

static UNUSED void on_over(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static UNUSED void turn_ms(uint64_t ms)
{
	bool over = false;
	uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_over, ms, 0);
	while (!over)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static UNUSED double value(const char *gateway, uint16_t attr)
{
	const struct view_path *path = view_path(&view, (struct path_key){"pe1", gateway, "be"});
	const struct sample *s = path ? samples_get(&path->samples, attr) : NULL;

	return s ? (double)s->milli / 1000 : -1;
}

static UNUSED json_t *shown(void)
{
	static json_t *last[4];
	static int next;

	next = (next + 1) % 4;
	json_decref(last[next]);
	last[next] = altoc ? altoc_json(altoc) : NULL;
	return json_array_get(last[next], 0); /* borrowed, for some calls */
}

static UNUSED const char *shown_text(const char *name)
{
	return json_string_value(json_object_get(shown(), name)) ?: "";
}

static UNUSED json_int_t shown_number(const char *name)
{
	return json_integer_value(json_object_get(shown(), name));
}

/* Turns until it holds; what does not within 30 s fails. */
#define until(condition)                                                                           \
	do {                                                                                       \
		for (int left_ = 3000; !(condition); left_--) {                                    \
			if (!left_)                                                                \
				fail_msg("not within 30 s: %s; state %s, why %s", #condition,      \
					 shown_text("state"), shown_text("why"));                  \
			turn_ms(10);                                                               \
		}                                                                                  \
	} while (0)

#define why_has(text)                                                                              \
	do {                                                                                       \
		if (!strstr(shown_text("why"), text))                                              \
			fail_msg("\"%s\" has no \"%s\"", shown_text("why"), text);                 \
	} while (0)

#endif
