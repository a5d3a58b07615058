/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners of a tenant for north: each event is looked at once for all of them. */
#include "enact/enact_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

struct row {
	const struct enact_url *url; /* NULL: nowhere */
	uint64_t delivered;
	json_int_t waiting;
	UT_hash_handle hh;
	const char *listener;
	char why[160];
};

static void row_add(const struct enact *enact, const char *tenant, const char *listener,
		    struct row **rows)
{
	struct row *row;

	HASH_FIND_STR(*rows, listener, row);
	if (row)
		return;
	row = calloc(1, sizeof(*row));
	if (!row)
		return;
	row->listener = listener;
	row->delivered = enact_delivered_to(enact, tenant, listener);
	row->url = enact_url_find(&enact->conf, listener, row->why, sizeof(row->why));
	HASH_ADD_KEYPTR(hh, *rows, listener, strlen(listener), row);
}

static bool count_event(void *arg, uint64_t sequence, const char *text)
{
	struct row **rows = arg, *row = NULL;
	json_t *event = NULL;
	const char *to = NULL;

	if (json_parse(text, strlen(text), &event, NULL) == 0)
		to = json_string_value(json_object_get(event, "listener"));
	if (to)
		HASH_FIND_STR(*rows, to, row);
	if (row && row->url && sequence > row->delivered)
		row->waiting++;
	json_decref(event);
	return true;
}

static const char *why_of(const struct enact *enact, const char *tenant, const struct row *row,
			  const struct enact_channel *ch)
{
	static char full[80];

	if (!row->url)
		return row->why;
	if (ch)
		return ch->why;
	if (!row->waiting || enact_channels_of(enact, tenant) < ENACT_CHANNELS_MAX)
		return "";
	snprintf(full, sizeof(full), "waits: %d listeners of a tenant are served at a time",
		 ENACT_CHANNELS_MAX);
	return full;
}

static json_t *row_json(const struct enact *enact, const char *tenant, const struct row *row)
{
	const struct enact_channel *ch = enact_channel_find(enact, tenant, row->listener);
	char url[ENACT_URL_SHOWN];

	if (row->url)
		enact_url_show(row->url, row->listener, url, sizeof(url));
	return json_pack("{s:s, s:s?, s:I, s:I, s:I, s:s}", "listener", row->listener, "url",
			 row->url ? url : NULL, "delivered", (json_int_t)row->delivered, "waiting",
			 row->waiting, "failures", (json_int_t)(ch ? ch->failures : 0), "why",
			 why_of(enact, tenant, row, ch));
}

json_t *enact_listeners_json(const struct enact *enact, const char *tenant)
{
	struct row *rows = NULL, *row, *next;
	json_t *out = json_array();

	for (unsigned int i = 0; enact->intent && i < enact->n_items; i++) {
		const struct enact_item *item = &enact->items[i];

		if (item->notification && strcmp(item->tenant->name, tenant) == 0)
			row_add(enact, tenant, item->object->c.listener.text, &rows);
	}
	if (rows)
		intent_events(enact->intent, tenant, 0, count_event, &rows);
	HASH_ITER(hh, rows, row, next) {
		json_array_append_new(out, row_json(enact, tenant, row));
		HASH_DEL(rows, row);
		free(row);
	}
	return out;
}
