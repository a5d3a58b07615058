/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A snapshot's lines: one after the other, and whether they are right. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "north/restore_int.h"

/* ---- reading ---- */

void cursor_begin_turn(struct cursor *c)
{
	c->turn_at = c->at;
	c->turn_line = c->line;
}

bool cursor_spent(const struct cursor *c)
{
	return c->line - c->turn_line >= DATABASE_SLICE_LINES ||
	       c->at - c->turn_at >= DATABASE_SLICE_BYTES;
}

void cursor_fini(struct cursor *c)
{
	json_decref(c->obj);
	c->obj = NULL;
}

void cursor_rewind(struct cursor *c)
{
	const char *lf = memchr(c->text, '\n', c->len);

	cursor_fini(c);
	c->at = lf ? (size_t)(lf - c->text) + 1 : c->len;
	c->line = 1;
	cursor_begin_turn(c);
}

int cursor_next(struct cursor *c, struct err *err)
{
	size_t left = c->len - c->at;
	size_t len = left < DATABASE_LINE_MAX ? left : DATABASE_LINE_MAX;
	const char *text, *lf;

	cursor_fini(c);
	if (!left)
		return 0;
	text = c->text + c->at;
	lf = memchr(text, '\n', len);
	c->line++;
	if (!lf && left > len)
		return err_set(err, -EINVAL, "", NULL, "must be at most %u bytes",
			       DATABASE_LINE_MAX);
	len = lf ? (size_t)(lf - text) : left;
	c->at += len + (lf != NULL);
	return json_parse(text, len, &c->obj, err) ?: 1;
}

int cursor_key(struct cursor *c, struct kv_line *kv, struct err *err)
{
	int more = cursor_next(c, err);

	if (more <= 0)
		return more;
	if (json_object_get(c->obj, "end"))
		return 0;
	return kv_from_json(c->obj, kv, err) ?: 1;
}

/* ---- checking ---- */

static int check_head(const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"sand_snapshot", "revision", NULL};
	int64_t version = 0, revision = 0;
	int r = json_is_obj(obj, err);

	r = r ?: json_only(obj, allowed, err);
	r = r
		    ?: json_get_int(obj, "sand_snapshot", JSON_REQUIRED, (struct json_range){1, 1},
				    &version, err);
	return r
		       ?: json_get_int(obj, "revision", JSON_REQUIRED,
				       (struct json_range){0, INT64_MAX}, &revision, err);
}

static int check_end(struct restore_check *check, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"end", NULL};
	int64_t keys = 0;
	int code = json_only(obj, allowed, err);

	code = code
		       ?: json_get_int(obj, "end", JSON_REQUIRED, (struct json_range){0, INT64_MAX},
				       &keys, err);
	if (!code && (uint64_t)keys != check->keys)
		code = err_set(err, -EINVAL, "/end", NULL,
			       "must be %" PRIu64 ", the number of keys: lines are missing",
			       check->keys);
	check->ended = !code;
	return code;
}

static int check_key(struct restore_check *check, const json_t *obj, struct err *err)
{
	struct kv_line kv;
	int code = kv_from_json(obj, &kv, err);

	if (code)
		return code;
	free(kv.value);
	if (strcmp(kv.key, check->last) <= 0)
		return err_set(err, -EINVAL, "/key", kv.key,
			       "must stand behind the key of the line before, in byte order");
	snprintf(check->last, sizeof(check->last), "%s", kv.key);
	check->keys++;
	return 0;
}

static int check_line(struct restore_check *check, const struct cursor *c, struct err *err)
{
	const json_t *obj = c->obj;

	if (c->line == 1)
		return check_head(obj, err);
	if (check->ended)
		return err_set(err, -EINVAL, "", NULL, "must be the end: /end was there already");
	if (json_object_get(obj, "end"))
		return check_end(check, obj, err);
	return check_key(check, obj, err);
}

int check_lines(struct restore_check *check, struct cursor *c, struct err *err)
{
	int more = 1, code = 0;

	cursor_begin_turn(c);
	while (more > 0 && !code && !cursor_spent(c)) {
		more = cursor_next(c, err);
		code = more > 0 ? check_line(check, c, err) : more;
	}
	if (more > 0 && !code)
		return 1;
	if (code) {
		err_object(err, "line %" PRIu64, c->line);
	} else if (!check->ended) {
		code = err_set(err, -EINVAL, "", NULL,
			       "must end with a line {\"end\": N}: this snapshot is not whole");
		err_object(err, "snapshot");
	}
	return code;
}
