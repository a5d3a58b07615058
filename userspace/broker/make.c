/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a snapshot is made: BROKER_COALESCE_MS after the first change that it shall hold, but not
 * before ten times what the last one took is over, so that it never takes more than a tenth of the
 * loop.
 */
#include "broker/broker_int.h"

#include <errno.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"

#define TROUBLE_MS 1000 /* until it is tried again */
#define REST 10		/* times what the last one took */
#define AGE_MIN_MS 1000

static void schedule(struct broker *b, uint64_t at_least_ms)
{
	uint64_t now_ms = uv_now(b->conf.loop);
	uint64_t wait_ms = b->next_ms > now_ms ? b->next_ms - now_ms : 0;

	if (!b->ready || b->replacing || uv_is_active((uv_handle_t *)&b->timer))
		return;
	if (wait_ms < at_least_ms)
		wait_ms = at_least_ms;
	uv_timer_start(&b->timer, broker_on_timer, wait_ms, 0);
}

void broker_dirty(struct broker *b, enum broker_source source)
{
	b->dirty[source] = true;
	schedule(b, BROKER_COALESCE_MS);
}

static bool same(const struct alto_source *a, const struct alto_source *b)
{
	return strcmp(a->map_tag, b->map_tag) == 0 && strcmp(a->cost_tag, b->cost_tag) == 0 &&
	       strcmp(a->prop_tag, b->prop_tag) == 0;
}

/* Takes source. */
static void adopt(struct broker *b, enum broker_source i, struct alto_source *source)
{
	b->dirty[i] = false;
	if (b->sources[i] && same(b->sources[i], source)) {
		alto_source_put(source);
		return;
	}
	alto_source_put(b->sources[i]);
	b->sources[i] = source;
}

static void watch_age(struct broker *b, uint64_t now_us, uint64_t stale_us)
{
	uint64_t ms = stale_us > now_us ? (stale_us - now_us) / 1000 + 1 : 0;

	if (stale_us == UINT64_MAX)
		uv_timer_stop(&b->age);
	else
		uv_timer_start(&b->age, broker_on_age, ms < AGE_MIN_MS ? AGE_MIN_MS : ms, 0);
}

static int sand_source(struct broker *b, struct alto_source **out)
{
	uint64_t now_us = view_time(b->conf.view, clock_us()), stale_us;
	int r = broker_sand_source(b->conf.view, now_us, &stale_us, out);

	if (!r)
		watch_age(b, now_us, stale_us);
	return r;
}

static int make_source(struct broker *b, enum broker_source i)
{
	struct alto_source *source;
	int r;

	if (!b->dirty[i])
		return 0;
	r = i == BROKER_S_DOMAINS ? broker_domains_source(b, &source) : sand_source(b, &source);
	if (!r)
		adopt(b, i, source);
	return r;
}

static int make_snapshot(struct broker *b)
{
	struct alto_source *sources[BROKER_S_MAX];
	struct alto_snapshot *snap;
	unsigned int n = 0;
	int r;

	for (int i = 0; i < BROKER_S_MAX; i++)
		if (b->sources[i])
			sources[n++] = alto_source_ref(b->sources[i]);
	r = alto_snapshot_new(sources, n, &snap);
	if (r)
		return r;
	b->stats.snapshots++;
	alto_snapshot_put(b->snapshot);
	b->snapshot = snap;
	return 0;
}

static bool holds_sources(const struct broker *b)
{
	unsigned int n = 0;

	for (int i = 0; i < BROKER_S_MAX; i++)
		if (b->sources[i] && (!b->snapshot || b->snapshot->sources[n++] != b->sources[i]))
			return false;
	return true;
}

static void on_trouble(struct broker *b, int status)
{
	if (!b->in_trouble)
		log_err("maps stay as they are: a new snapshot cannot be made", "error=\"%s\"",
			strerror(-status));
	b->in_trouble = true;
	schedule(b, TROUBLE_MS);
}

/* One source that cannot be made does not keep the other from being told. */
static int make(struct broker *b, bool *changed)
{
	int r = 0;

	for (int i = 0; i < BROKER_S_MAX; i++) {
		int failed = make_source(b, i);

		r = r ? r : failed;
	}
	if (!holds_sources(b)) {
		int failed = make_snapshot(b);

		*changed = !failed;
		r = r ? r : failed;
	}
	return r;
}

/* Both may end the broker, which goes in the loop only. */
static void announce(struct broker *b)
{
	struct broker_conf conf = b->conf;

	b->conf.synced = NULL;
	if (conf.synced)
		conf.synced(conf.arg);
	if (b->changed)
		b->changed(b->changed_arg);
}

void broker_make(struct broker *b)
{
	uint64_t begin_us = clock_us();
	bool changed = false;
	int r = make(b, &changed);

	b->stats.made_us = clock_us() - begin_us;
	uv_update_time(b->conf.loop);
	b->next_ms = uv_now(b->conf.loop) + REST * b->stats.made_us / 1000;
	if (r)
		on_trouble(b, r);
	else
		b->in_trouble = false;
	if (changed)
		announce(b);
}

void broker_on_timer(uv_timer_t *timer)
{
	struct broker *b = timer->data;

	if (!b->replacing)
		broker_make(b);
}

void broker_on_age(uv_timer_t *timer)
{
	broker_dirty(timer->data, BROKER_S_SAND);
}
