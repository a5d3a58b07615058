/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/stats: the parent's counters, with names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/observe.h"
#include "north/server.h"

static void name_services(const struct north *n, json_t *array)
{
	const struct view_service *svc;
	json_t *obj;
	uint64_t id;
	size_t i;

	json_array_foreach(array, i, obj) {
		const char *text = json_string_value(json_object_get(obj, "service"));

		if (!text || svc_id_parse(text, &id))
			continue;
		svc = view_service(n->conf.view, id);
		json_object_set_new(obj, "name",
				    json_string(svc && svc->def ? svc->def->name : ""));
	}
}

/* The next hop's own description behind its counters. */
static void name_nexthops(const struct north *n, json_t *array)
{
	static const char *const members[] = {"kind", "segments", "address"};
	json_t *nexthops = ncc_nexthops_json(n->conf.ncc);
	json_t *index = json_object(), *obj;
	char id[24];
	size_t i;

	json_array_foreach(nexthops, i, obj) {
		snprintf(id, sizeof(id), "%lld",
			 (long long)json_integer_value(json_object_get(obj, "id")));
		json_object_set(index, id, obj);
	}
	json_array_foreach(array, i, obj) {
		const json_t *known;

		snprintf(id, sizeof(id), "%lld",
			 (long long)json_integer_value(json_object_get(obj, "id")));
		known = json_object_get(index, id);
		for (size_t m = 0; m < ARRAY_SIZE(members); m++)
			json_object_set(obj, members[m], json_object_get(known, members[m]));
	}
	json_decref(index);
	json_decref(nexthops);
}

static void name_reasons(json_t *array)
{
	json_t *obj;
	size_t i;

	json_array_foreach(array, i, obj) {
		const char *name = json_string_value(json_object_get(obj, "reason"));
		int reason = name ? event_reason(name) : -1;

		if (reason < 0)
			continue;
		json_object_set_new(obj, "why", json_string(reason_why(reason)));
		json_object_set_new(obj, "verdict", json_string(reason_verdict(reason)));
	}
}

static void on_stats(void *arg, int status, json_t *stats)
{
	struct req *req = arg;
	struct err err = {0};
	json_t *copy;

	if (!req->north || req->answered) {
		rest_put(req);
		return;
	}
	if (status < 0) {
		err_set(&err, status, "", NULL, "no counters from the parent process: %s",
			strerror(-status));
		rest_fail(req, &err);
	} else {
		copy = json_deep_copy(stats);
		observe_maps(req->north, stats);
		name_services(req->north, json_object_get(copy, "services"));
		name_services(req->north, json_object_get(copy, "egress"));
		name_nexthops(req->north, json_object_get(copy, "nexthops"));
		name_reasons(json_object_get(copy, "reasons"));
		rest_json(req, 200, copy);
	}
	rest_put(req);
}

void stats_get(struct req *req)
{
	struct err err = {0};
	int r;

	rest_hold(req);
	r = ncc_stats(req->north->conf.ncc, on_stats, req);
	if (r) {
		err_set(&err, r, "", NULL, "no counters from the parent process: %s", strerror(-r));
		rest_fail(req, &err);
		rest_put(req);
	}
}
