/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/nexthops, /v1/sids: tables of the parent's, as ncc knows them. */
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
