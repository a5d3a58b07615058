/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "north/observe.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "north/server.h"

static const char *const map_names[] = {
#define X(name, text) text,
	SAN_SIZED_MAPS(X)
#undef X
};

static int map_of(const char *name)
{
	for (int i = 0; name && i < SAN_MAP_MAX; i++) {
		if (strcmp(map_names[i], name) == 0)
			return i;
	}
	return -1;
}

static bool is_nearly_full(const struct map_fill *fill)
{
	return fill->size && fill->used * 100 >= fill->size * OBSERVE_WARN_PERCENT;
}

void observe_maps(struct north *n, const json_t *stats)
{
	const json_t *row;
	size_t i;

	n->observe.maps_us = clock_us();
	json_array_foreach(json_object_get(stats, "maps"), i, row) {
		const char *name = json_string_value(json_object_get(row, "map"));
		int map = map_of(name);

		if (map < 0)
			continue;
		n->observe.maps[map] = (struct map_fill){
			.used = (uint64_t)json_integer_value(json_object_get(row, "used")),
			.size = (uint64_t)json_integer_value(json_object_get(row, "size")),
			.known = true,
		};
	}
}

static json_t *fill_json(const char *name, const struct map_fill *fill)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:b}", "map", name, "used", (json_int_t)fill->used,
			 "size", (json_int_t)fill->size, "percent",
			 (json_int_t)(fill->size ? fill->used * 100 / fill->size : 0), "warning",
			 (int)is_nearly_full(fill));
}

json_t *observe_maps_age(const struct north *n)
{
	uint64_t now_us = clock_us();

	if (!n->observe.maps_us)
		return json_null();
	return json_real((double)((now_us - n->observe.maps_us) / 1000) / 1000);
}

json_t *observe_maps_json(const struct north *n)
{
	json_t *list = json_array();

	for (int i = 0; i < SAN_MAP_MAX; i++) {
		if (n->observe.maps[i].known)
			json_array_append_new(list, fill_json(map_names[i], &n->observe.maps[i]));
	}
	return list;
}

/* ---- life ---- */

static void show_waiting(struct north *n, bool answer)
{
	struct observe *o = &n->observe;

	uv_timer_stop(&o->patience);
	while (o->n_waiting) {
		struct req *req = o->waiting[--o->n_waiting];

		if (answer && !req->answered)
			req->show_fresh(req);
		rest_put(req);
	}
}

static void on_stats(void *arg, int status, json_t *stats)
{
	struct north *n = arg;

	if (!n->closing) {
		if (status >= 0)
			observe_maps(n, stats);
		show_waiting(n, true);
	}
	north_release(n);
}

static void on_impatient(uv_timer_t *timer)
{
	show_waiting(timer->data, true);
}

void observe_fresh(struct req *req, void (*show)(struct req *req))
{
	struct north *n = req->north;
	struct observe *o = &n->observe;

	if ((o->maps_us && clock_us() - o->maps_us < OBSERVE_FRESH_US) ||
	    o->n_waiting == OBSERVE_WAITERS || ncc_stats(n->conf.ncc, on_stats, n)) {
		show(req);
		return;
	}
	n->handles++;
	req->show_fresh = show;
	rest_hold(req);
	o->waiting[o->n_waiting++] = req;
	if (!uv_is_active((uv_handle_t *)&o->patience))
		uv_timer_start(&o->patience, on_impatient, OBSERVE_PATIENCE_MS, 0);
}

static uint64_t realtime_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int observe_open(struct north *n)
{
	struct observe *o = &n->observe;

	o->ring = calloc(EVENTS_RING, sizeof(*o->ring));
	if (!o->ring)
		return -ENOMEM;
	o->base = o->newest = realtime_us();
	ncc_on_event(n->conf.ncc, events_add, n);
	return 0;
}

void observe_stop(struct north *n)
{
	ncc_on_event(n->conf.ncc, NULL, NULL);
	events_forget(n);
	show_waiting(n, false);
}

void observe_free(struct north *n)
{
	free(n->observe.ring);
	json_decref(n->observe.trace);
}
