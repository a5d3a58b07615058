/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POST /v1/status: many attribute writes in one request, independent of each other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

#define BATCH_IN_FLIGHT 256 /* transactions of one batch that the database has at a time */

struct batch {
	struct req *req;
	json_t *lines, *results;
	size_t next, in_flight;
};

struct line {
	struct batch *batch;
	size_t i;
};

/* ---- reading ---- */

static void line_failed(struct batch *b, size_t i, const struct err *err)
{
	unsigned int status = rest_status_of(err->code);

	json_array_set_new(b->results, i, rest_problem_json(status, err));
}

static int too_many(struct err *err)
{
	return err_set(err, -EFBIG, "", NULL, "must be at most %d lines", NORTH_BATCH_LINES);
}

/* A line that does not parse has its answer already, and stands as null. */
static int add_text_line(struct batch *b, const char *text, size_t len, struct err *err)
{
	struct err line_err = {0};
	json_t *value = NULL;
	size_t i = json_array_size(b->lines);

	if (strspn(text, " \t\r") >= len)
		return 0;
	if (i == NORTH_BATCH_LINES)
		return too_many(err);
	json_array_append_new(b->results, json_null());
	if (json_parse(text, len, &value, &line_err))
		line_failed(b, i, &line_err);
	json_array_append_new(b->lines, value ? value : json_null());
	return 0;
}

static int read_ndjson(struct batch *b, struct err *err)
{
	const char *text = b->req->data, *end = text + b->req->len;
	int r = 0;

	while (r == 0 && text < end) {
		const char *lf = memchr(text, '\n', end - text);
		size_t len = (lf ? lf : end) - text;

		r = add_text_line(b, text, len, err);
		text += len + 1;
	}
	return r;
}

static int read_array(struct batch *b, struct err *err)
{
	json_t *array = NULL;
	int r = json_parse(b->req->data ? b->req->data : "", b->req->len, &array, err);

	if (r)
		return r;
	json_decref(b->lines);
	b->lines = array;
	if (!json_is_array(array))
		return err_set(err, -EINVAL, "", NULL, "must be an array of objects");
	if (json_array_size(array) > NORTH_BATCH_LINES)
		return too_many(err);
	for (size_t i = 0; i < json_array_size(array); i++)
		json_array_append_new(b->results, json_null());
	return 0;
}

/* ---- one line ---- */

static int get_id(const json_t *obj, uint64_t *id, struct err *err)
{
	const json_t *value = json_object_get(obj, "service");
	json_int_t number = json_integer_value(value);

	if (json_is_integer(value) && number > 0) {
		*id = (uint64_t)number;
		return 0;
	}
	if (json_is_string(value) && svc_id_parse(json_string_value(value), id) == 0)
		return 0;
	return err_set(err, -EINVAL, "/service", json_string_value(value),
		       "must be a service ID like \"0x101\" or 257");
}

static int get_name(const json_t *obj, const char *name, const char **out, struct err *err)
{
	char field[NAME_LEN];
	int r = json_get_str(obj, name, JSON_REQUIRED, out, err);

	if (r || name_valid(*out))
		return r;
	snprintf(field, sizeof(field), "/%s", name);
	return err_set(err, -EINVAL, field, *out, "must be 1 to 63 of A-Z a-z 0-9 . _ -");
}

static int put_instance(struct north *n, const json_t *obj, struct ncsdb_write_done done,
			struct err *err)
{
	static const char *const allowed[] = {"service", "instance", "attributes", NULL};
	const char *instance = NULL;
	json_t *attrs = NULL;
	uint64_t id = 0;
	int r = json_only(obj, allowed, err);

	r = r ?: get_id(obj, &id, err);
	r = r ?: get_name(obj, "instance", &instance, err);
	r = r ?: json_get_object(obj, "attributes", JSON_REQUIRED, &attrs, err);
	if (r)
		return r;
	r = csc_status_put(n->conf.csc, id, instance, attrs, done, err);
	if (r && err->field[0])
		err_prefix(err, "/attributes");
	return r;
}

static int put_path(struct north *n, const json_t *obj, struct ncsdb_write_done done,
		    struct err *err)
{
	static const char *const allowed[] = {"ingress", "gateway", "path", "attributes", NULL};
	struct path_key key = {0};
	json_t *attrs = NULL;
	int r = json_only(obj, allowed, err);

	r = r ?: get_name(obj, "ingress", &key.ingress, err);
	r = r ?: get_name(obj, "gateway", &key.gateway, err);
	r = r ?: get_name(obj, "path", &key.name, err);
	r = r ?: json_get_object(obj, "attributes", JSON_REQUIRED, &attrs, err);
	if (r)
		return r;
	r = nsc_status_put(n->conf.nsc, key, attrs, done, err);
	if (r && err->field[0])
		err_prefix(err, "/attributes");
	return r;
}

static void pump(struct batch *b);

static void on_line(void *arg, int status, int64_t revision, bool created)
{
	struct line *line = arg;
	struct batch *b = line->batch;
	struct err err = {0};

	if (status) {
		err_set(&err, status, "", NULL, "%s",
			status == -ENOENT ? "no such instance" : strerror(-status));
		line_failed(b, line->i, &err);
	} else {
		json_array_set_new(b->results, line->i, json_pack("{s:i}", "status", 204));
	}
	free(line);
	b->in_flight--;
	pump(b);
}

static int start(struct batch *b, size_t i, struct err *err)
{
	const json_t *obj = json_array_get(b->lines, i);
	struct line *line = malloc(sizeof(*line));
	struct ncsdb_write_done done = {.done = on_line, .arg = line};
	int r;

	if (!line)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	*line = (struct line){.batch = b, .i = i};
	r = json_is_obj(obj, err);
	if (r == 0 && json_object_get(obj, "ingress"))
		r = put_path(b->req->north, obj, done, err);
	else if (r == 0)
		r = put_instance(b->req->north, obj, done, err);
	if (r)
		free(line);
	else
		b->in_flight++;
	return r;
}

/* ---- the whole ---- */

static void finish(struct batch *b)
{
	struct req *req = b->req;

	rest_audit(req, 200, 0);
	rest_json(req, 200, json_pack("{s:O}", "results", b->results));
	json_decref(b->lines);
	json_decref(b->results);
	free(b);
	rest_put(req);
}

static void pump(struct batch *b)
{
	size_t n = json_array_size(b->lines);

	if (!b->req->north || b->req->answered) /* closed: nobody waits for the rest */
		b->next = n;
	for (; b->next < n && b->in_flight < BATCH_IN_FLIGHT; b->next++) {
		struct err err = {0};

		if (!json_is_null(json_array_get(b->results, b->next)))
			continue;
		if (start(b, b->next, &err))
			line_failed(b, b->next, &err);
	}
	if (b->next == n && b->in_flight == 0)
		finish(b);
}

void batch_post(struct req *req)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct err err = {0};
	int r;

	if (!b) {
		rest_json(req, 500, NULL);
		return;
	}
	*b = (struct batch){.req = req, .lines = json_array(), .results = json_array()};
	r = req->ndjson ? read_ndjson(b, &err) : read_array(b, &err);
	if (r) {
		err_object(&err, "body");
		rest_fail(req, &err);
		json_decref(b->lines);
		json_decref(b->results);
		free(b);
		return;
	}
	req->quiet = true;
	rest_hold(req);
	pump(b);
}
