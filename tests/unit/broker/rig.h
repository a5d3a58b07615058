/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A broker on the rig of srm's tests, and short words for what its tests say all the time. */
#ifndef TESTS_UNIT_BROKER_RIG_H
#define TESTS_UNIT_BROKER_RIG_H

#include "unit/srm/rig.h"

#include <math.h>

#include "broker/broker.h"
#include "util/clock.h"
#include "unit/own_clock.h"

static struct broker *broker;
static struct answer a;
static unsigned int changes;

static UNUSED void on_change(void *arg)
{
	changes++;
}

static UNUSED struct broker *broker_start(struct broker_conf conf)
{
	struct broker *b = NULL;

	conf.loop = &loop;
	conf.db = db;
	conf.synced = on_synced;
	synced = false;
	assert_int_equal(broker_open(&conf, &b, &err), 0);
	assert_false(synced);
	wait_for(&synced);
	assert_non_null(broker_snapshot(b));
	return b;
}

static UNUSED int setup(void **state)
{
	rig_open();
	broker = broker_start((struct broker_conf){.domains = true});
	changes = 0;
	broker_on_change(broker, on_change, NULL);
	return 0;
}

static UNUSED int teardown(void **state)
{
	broker_close(broker);
	broker = NULL;
	rig_close();
	json_drop();
	broker_limits =
		(struct broker_limits){BROKER_DOMAINS_MAX, BROKER_LINKS_MAX, BROKER_PREFIXES_MAX,
				       BROKER_INSTANCES_MAX, BROKER_OWN_LINKS_MAX};
	return 0;
}

#define CALL(fn, ...) answered(fn(broker, __VA_ARGS__, into(&a), &err), &a)

static UNUSED int put_as(const char *who, const char *id, const char *text)
{
	return CALL(broker_domain_put, who, id, json(text), ANY_REVISION);
}

static UNUSED int put(const char *id, const char *text)
{
	return put_as("", id, text);
}

static UNUSED int link_as(const char *who, const char *from, const char *to, const char *text)
{
	return CALL(broker_link_put, who, from, to, json(text), ANY_REVISION);
}

static UNUSED int put_link(const char *from, const char *to, const char *text)
{
	return link_as("", from, to, text);
}

static UNUSED const char *why(void)
{
	static char text[512];

	return err_text(&err, text, sizeof(text));
}

static UNUSED void on_pause(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, NULL);
}

/* The loop goes on for a while, with all its timers. */
static UNUSED void pause_for(unsigned int ms)
{
	static uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_pause, ms, 0);
	while (!uv_is_closing((uv_handle_t *)&timer))
		uv_run(&loop, UV_RUN_ONCE);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static UNUSED const struct alto_source *source_of(struct broker *b, const char *id)
{
	struct alto_snapshot *snap = broker_snapshot(b);

	for (unsigned int i = 0; i < snap->n; i++)
		if (strcmp(snap->sources[i]->id, id) == 0)
			return snap->sources[i];
	fail_msg("no source %s", id);
	return NULL;
}

/* As it is when the loop has run dry: no timer of the broker is left. */
static UNUSED const struct alto_source *source(const char *id)
{
	uv_run(&loop, UV_RUN_DEFAULT);
	return source_of(broker, id);
}

static UNUSED const struct alto_link *link_of(const struct alto_source *s, const char *from,
					      const char *to)
{
	uint32_t x = alto_source_find(s, from), y = alto_source_find(s, to);

	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i].from == x && s->links[i].to == y)
			return &s->links[i];
	return NULL;
}

/* "AS1": the PID whose prefix is longest. */
static UNUSED const char *pid_at(const struct alto_source *s, const char *endpoint)
{
	struct alto_prefix p;

	assert_int_equal(alto_endpoint_parse(endpoint, &p), 0);
	return s->pids[alto_source_match(s, &p)].name;
}

/* Names of items, a blank behind each; at most max of them. */
struct page {
	unsigned int max;
	char text[256];
};

static UNUSED bool to_page(void *arg, const struct broker_item *item)
{
	struct page *page = arg;
	size_t at = strlen(page->text);

	snprintf(page->text + at, sizeof(page->text) - at, "%s%s%s ", item->id, item->b ? "/" : "",
		 item->b ? item->b : "");
	return --page->max > 0;
}

/* JSON text of an entity's properties, "" = none; good until the next call. */
static UNUSED const char *props(const json_t *map, const char *entity)
{
	static char *text;

	free(text);
	text = json_object_get(map, entity) ? json_text(json_object_get(map, entity)) : strdup("");
	return text;
}

#endif
