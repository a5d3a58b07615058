/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a snapshot is made, and how: BROKER_COALESCE_MS after the first change that it shall hold,
 * but not before ten times what the last one took is over. What the sources are made of is
 * collected on the loop; they are made in a thread, so that a large map keeps nobody waiting.
 */
#include "broker/broker_int.h"

#include <errno.h>
#include <stdlib.h>
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

	if (!b->ready || b->replacing || b->make || uv_is_active((uv_handle_t *)&b->timer))
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

/* What has changed meanwhile. */
static void go_on(struct broker *b)
{
	for (int i = 0; i < BROKER_S_MAX; i++)
		if (b->dirty[i])
			schedule(b, b->in_trouble ? TROUBLE_MS : BROKER_COALESCE_MS);
}

static bool same(const struct alto_source *a, const struct alto_source *b)
{
	return strcmp(a->map_tag, b->map_tag) == 0 && strcmp(a->cost_tag, b->cost_tag) == 0 &&
	       strcmp(a->prop_tag, b->prop_tag) == 0;
}

/* Takes source. */
static void adopt(struct broker *b, enum broker_source i, struct alto_source *source)
{
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

/* ---- the thread ---- */

struct make {
	uv_work_t work;
	struct broker *broker; /* NULL: it is gone */
	uint64_t begin_us;
	struct domains *domains; /* NULL: that source is not made */
	struct sand *sand;
	struct alto_source *sources[BROKER_S_MAX];
	int status[BROKER_S_MAX];
};

static void on_work(uv_work_t *work)
{
	struct make *make = work->data;

	if (make->domains)
		make->status[BROKER_S_DOMAINS] =
			broker_domains_source(make->domains, &make->sources[BROKER_S_DOMAINS]);
	if (make->sand)
		make->status[BROKER_S_SAND] =
			broker_sand_source(make->sand, &make->sources[BROKER_S_SAND]);
}

static void make_free(struct make *make)
{
	if (!make)
		return;
	broker_domains_free(make->domains);
	broker_sand_free(make->sand);
	for (int i = 0; i < BROKER_S_MAX; i++)
		alto_source_put(make->sources[i]);
	free(make);
}

/* ---- before it ---- */

static int collect(struct broker *b, struct make *make)
{
	int r = 0;

	if (b->dirty[BROKER_S_DOMAINS])
		r = broker_domains_collect(b, &make->domains);
	if (!r && b->dirty[BROKER_S_SAND])
		r = broker_sand_collect(b->conf.view, view_time(b->conf.view, make->begin_us),
					&make->sand);
	return r;
}

/* ---- after it ---- */

/* One source that cannot be made does not keep the other from being told. */
static int adopt_all(struct broker *b, struct make *make)
{
	int r = 0;

	for (int i = 0; i < BROKER_S_MAX; i++) {
		if (make->status[i]) {
			r = make->status[i];
			b->dirty[i] = true;
		} else if (make->sources[i]) {
			adopt(b, i, make->sources[i]);
			make->sources[i] = NULL;
		}
	}
	return r;
}

static void note(struct broker *b, const struct make *make)
{
	if (make->domains) {
		b->stats.lost_prefixes = make->domains->lost_prefixes;
		b->stats.unused_links = make->domains->unused_links;
	}
	if (make->sand)
		watch_age(b, view_time(b->conf.view, clock_us()), broker_sand_stale(make->sand));
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
	go_on(b);
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

static void settle(struct broker *b, struct make *make)
{
	int r = adopt_all(b, make);
	bool changed = false;

	note(b, make);
	if (!holds_sources(b)) {
		int failed = make_snapshot(b);

		changed = !failed;
		r = r ? r : failed;
	}
	b->stats.made_us = clock_us() - make->begin_us;
	uv_update_time(b->conf.loop);
	b->next_ms = uv_now(b->conf.loop) + REST * b->stats.made_us / 1000;
	if (r)
		on_trouble(b, r);
	else
		b->in_trouble = false;
	go_on(b);
	if (changed)
		announce(b);
}

static void after_work(uv_work_t *work, int status)
{
	struct make *make = work->data;
	struct broker *b = make->broker;

	if (b) {
		b->make = NULL;
		settle(b, make);
	}
	make_free(make);
}

static int make_start(struct broker *b)
{
	struct make *make = calloc(1, sizeof(*make));
	int r = make ? 0 : -ENOMEM;

	if (!r) {
		make->broker = b;
		make->work.data = make;
		make->begin_us = clock_us();
		r = collect(b, make);
	}
	if (!r)
		r = uv_queue_work(b->conf.loop, &make->work, on_work, after_work);
	if (r) {
		make_free(make);
		return r;
	}
	b->make = make;
	memset(b->dirty, 0, sizeof(b->dirty));
	return 0;
}

void broker_make(struct broker *b)
{
	int r = make_start(b);

	if (r)
		on_trouble(b, r);
}

void broker_make_leave(struct broker *b)
{
	if (b->make)
		b->make->broker = NULL;
	b->make = NULL;
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
