/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/database/watch: one long poll. It reads the present revision, watches from the one that
 * is asked for, and answers with the first changes, or after wait_s with none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "north/database.h"

struct db_poll {
	struct req *req; /* held */
	struct ncsdb *db;
	struct ncsdb_watch *watch;
	uv_timer_t timer;
	char prefix[NCSDB_KEY_MAX];
	uint64_t from; /* revision; 0 = what comes from now on */
	uint64_t limit, wait_s;
	int64_t present; /* revision when it began */
	int64_t last;	 /* of the changes in items */
	json_t *items;
	int status; /* of the watch */
	bool full;
	bool reading;  /* the range is under way */
	bool finished; /* answered */
	struct db_poll *prev, *next;
};

static void on_closed(uv_handle_t *handle)
{
	struct db_poll *p = handle->data;

	json_decref(p->items);
	free(p);
}

/* Frees it when the range has been answered. */
static void end(struct db_poll *p)
{
	struct north *n = p->req->north;

	if (!p->finished) {
		p->finished = true;
		uv_timer_stop(&p->timer);
		if (p->watch)
			ncsdb_unwatch(p->watch);
		p->watch = NULL;
		DL_DELETE(n->db_polls, p);
		n->n_db_polls--;
	}
	if (p->reading)
		return;
	rest_put(p->req);
	uv_close((uv_handle_t *)&p->timer, on_closed);
}

void database_forget(struct north *n)
{
	while (n->db_polls)
		end(n->db_polls);
}

/* Where the next question goes on. Without changes within a second or more there is nothing up to
 * the revision at which this one began. */
static int64_t next_revision(const struct db_poll *p)
{
	struct ncsdb_status status;

	if (p->last)
		return p->last + 1;
	ncsdb_status(p->db, &status);
	if (p->from && (!status.connected || !p->wait_s || (int64_t)p->from > p->present))
		return (int64_t)p->from;
	return p->present + 1;
}

static void finish(struct db_poll *p)
{
	if (p->status)
		database_failed(p->req, p->status);
	else
		rest_json(p->req, 200,
			  json_pack("{s:O, s:I}", "items", p->items, "next",
				    (json_int_t)next_revision(p)));
	end(p);
}

static void on_time(uv_timer_t *timer)
{
	finish(timer->data);
}

static int add_event(struct db_poll *p, const struct ncsdb_event *event)
{
	json_t *obj;

	if (event->deleted)
		obj = json_pack("{s:s, s:s, s:I}", "type", "delete", "key", event->kv.key,
				"mod_revision", (json_int_t)event->kv.mod_rev);
	else if ((obj = kv_json(&event->kv, false)))
		json_object_set_new(obj, "type", json_string("put"));
	return json_array_append_new(p->items, obj) ? -ENOMEM : 0;
}

static void on_update(void *arg, const struct ncsdb_watch_update *update)
{
	struct db_poll *p = arg;
	bool first = !json_array_size(p->items);

	if (p->full)
		return;
	p->status = update->status;
	for (size_t i = 0; !p->status && i < update->n; i++)
		p->status = add_event(p, &update->events[i]);
	p->last = update->revision;
	p->full = p->status || json_array_size(p->items) >= p->limit;
	if (p->full)
		uv_timer_start(&p->timer, on_time, 0, 0);
	else if (first && update->n)
		uv_timer_start(&p->timer, on_time, DATABASE_BATCH_MS, 0);
}

static void on_present(void *arg, const struct ncsdb_range_result *res)
{
	struct db_poll *p = arg;
	int64_t from;

	p->reading = false;
	if (p->finished) {
		end(p);
		return;
	}
	p->present = res->revision;
	from = p->from ? (int64_t)p->from : res->revision + 1;
	p->status = res->status ?: ncsdb_watch(p->db, p->prefix, from, on_update, p, &p->watch);
	if (p->status)
		finish(p);
	else
		uv_timer_start(&p->timer, on_time, p->wait_s ? p->wait_s * 1000 : DATABASE_BATCH_MS,
			       0);
}

static int read_parameter(void *arg, const char *name, const char *value, struct err *err)
{
	struct db_poll *p = arg;

	if (strcmp(name, "prefix") == 0)
		return database_prefix(value, p->prefix, err);
	if (strcmp(name, "revision") == 0 && rest_number(value, 1, INT64_MAX, &p->from))
		return err_set(err, -EINVAL, "?revision", value, "must be a revision");
	else if (strcmp(name, "limit") == 0 && rest_number(value, 1, NORTH_PAGE_MAX, &p->limit))
		return err_set(err, -EINVAL, "?limit", value, "must be 1..%d", NORTH_PAGE_MAX);
	else if (strcmp(name, "wait_s") == 0 &&
		 rest_number(value, 0, DATABASE_WAIT_MAX_S, &p->wait_s))
		return err_set(err, -EINVAL, "?wait_s", value, "must be 0..%d",
			       DATABASE_WAIT_MAX_S);
	return 0;
}

static void begin(struct db_poll *p)
{
	struct req *req = p->req;
	struct north *n = req->north;
	const struct ncsdb_range range = {.key = DATABASE_ROOT, .limit = 1, .keys_only = true};
	int r;

	uv_timer_init(n->conf.loop, &p->timer);
	p->timer.data = p;
	rest_hold(req);
	DL_APPEND(n->db_polls, p);
	n->n_db_polls++;
	p->reading = true;
	r = ncsdb_range(p->db, &range, on_present, p);
	if (r)
		on_present(p, &(struct ncsdb_range_result){.status = r});
}

void database_watch(struct req *req)
{
	struct north *n = req->north;
	struct db_poll *p = calloc(1, sizeof(*p));
	struct err err = {0};

	if (!p) {
		rest_json(req, 500, NULL);
		return;
	}
	*p = (struct db_poll){.req = req, .db = n->conf.db, .limit = NORTH_PAGE_MAX};
	strcpy(p->prefix, DATABASE_ROOT);
	if (!rest_query(req, read_parameter, p)) {
		free(p);
		return;
	}
	p->items = json_array();
	if (p->items && n->n_db_polls < DATABASE_WATCHERS) {
		begin(p);
		return;
	}
	json_decref(p->items);
	free(p);
	err_set(&err, -EAGAIN, "", NULL,
		"at most %d requests may wait for changes: try again later", DATABASE_WATCHERS);
	rest_fail(req, &err);
}
