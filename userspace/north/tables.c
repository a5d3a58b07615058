/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/nexthops, /v1/sids, /v1/stats: tables of the parent's, as ncc knows them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

/* ---- pages of JSON arrays, by one member of their objects ---- */

struct row {
	json_t *obj;
	const char *text; /* key, if it is text */
	uint64_t number;  /* else */
};

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->text && y->text)
		return strcmp(x->text, y->text);
	return x->number < y->number ? -1 : x->number > y->number;
}

static json_t *row_item(struct req *req, const void *item)
{
	return json_incref(((const struct row *)item)->obj);
}

static const char *row_name(const void *item, char *buf, size_t size)
{
	const struct row *row = item;

	if (row->text)
		snprintf(buf, size, "%s", row->text);
	else
		snprintf(buf, size, "%llu", (unsigned long long)row->number);
	return buf;
}

static struct row *make_rows(json_t *array, const char *key)
{
	struct row *rows = calloc(json_array_size(array) + 1, sizeof(*rows));
	json_t *obj;
	size_t i;

	if (!rows)
		return NULL;
	json_array_foreach(array, i, obj) {
		const json_t *value = json_object_get(obj, key);

		rows[i].obj = obj;
		rows[i].text = json_string_value(value);
		rows[i].number = json_integer_value(value);
	}
	return rows;
}

static bool is_after(const struct row *row, const char *after)
{
	if (!after)
		return true;
	return row->text ? strcmp(row->text, after) > 0 : row->number > strtoull(after, NULL, 10);
}

/* Takes array. */
static void list(struct req *req, json_t *array, const char *key)
{
	static const struct rest_lister lister = {row_item, row_name};
	OWN_PTR struct row *rows = NULL;
	struct rest_page page;
	struct pick pick;

	if (!rest_page(req, &page)) {
		json_decref(array);
		return;
	}
	rows = array ? make_rows(array, key) : NULL;
	if (!rows || pick_init(&pick, page.limit + 1, by_key)) {
		json_decref(array);
		rest_json(req, 500, NULL);
		return;
	}
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (is_after(&rows[i], page.after))
			pick_add(&pick, &rows[i]);
	}
	rest_list(req, &page, &pick, &lister);
	json_decref(array);
}

void nexthops_get(struct req *req)
{
	list(req, ncc_nexthops_json(req->north->conf.ncc), "id");
}

void sids_get(struct req *req)
{
	list(req, ncc_sids_json(req->north->conf.ncc), "sid");
}

/* ---- counters ---- */

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
		snprintf(id, sizeof(id), "%lld",
			 (long long)json_integer_value(json_object_get(obj, "id")));
		json_object_set(obj, "segments",
				json_object_get(json_object_get(index, id), "segments"));
	}
	json_decref(index);
	json_decref(nexthops);
}

static const char *reason_why(const char *reason)
{
	static const struct {
		const char *name, *why;
	} reasons[] = {
#define X(name, text, verdict, why) {text, why},
		SAN_REASONS(X)
#undef X
	};

	for (size_t i = 0; reason && i < ARRAY_SIZE(reasons); i++) {
		if (strcmp(reasons[i].name, reason) == 0)
			return reasons[i].why;
	}
	return "";
}

static void name_reasons(json_t *array)
{
	json_t *obj;
	size_t i;

	json_array_foreach(array, i, obj) {
		const char *reason = json_string_value(json_object_get(obj, "reason"));

		json_object_set_new(obj, "why", json_string(reason_why(reason)));
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
		name_services(req->north, json_object_get(copy, "services"));
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
