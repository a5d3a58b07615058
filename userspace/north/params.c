/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request says outside its body: names, page, conditions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "north/rest.h"

/* ---- path ---- */

bool rest_name(struct req *req, int i, const char *what)
{
	struct err err = {0};

	if (name_valid(req->param[i]))
		return true;
	err_set(&err, -EINVAL, "", req->param[i], "must be 1 to 63 of A-Z a-z 0-9 . _ -");
	err_object(&err, "%s", what);
	rest_fail(req, &err);
	return false;
}

bool rest_service_id(struct req *req, int i)
{
	char text[SVC_ID_TEXT];
	struct err err = {0};

	if (svc_id_parse(req->param[i], &req->id) == 0) {
		snprintf(req->object, sizeof(req->object), "service %s",
			 svc_id_text(req->id, text));
		return true;
	}
	err_set(&err, -EINVAL, "", req->param[i],
		"must be a service ID like 0x101 or 257, not 0, at most 64 bits");
	err_object(&err, "service");
	rest_fail(req, &err);
	return false;
}

/* ---- query ---- */

int rest_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;
	uint64_t value;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return -EINVAL;
	*out = value;
	return 0;
}

struct query {
	struct req *req;
	struct rest_page *page; /* NULL: nothing is allowed */
	struct err err;
};

static int parse_limit(struct query *q, const char *text)
{
	uint64_t limit;

	if (rest_number(text, 1, NORTH_PAGE_MAX, &limit))
		return err_set(&q->err, -EINVAL, "?limit", text, "must be 1..%d", NORTH_PAGE_MAX);
	q->page->limit = limit;
	return 0;
}

static int parse_after(struct query *q, const char *text)
{
	char *part = (char *)text; /* libmicrohttpd's buffer, ours to change until the answer */

	if (rest_decode_query(part))
		return err_set(&q->err, -EINVAL, "?after", text,
			       "must have two hex digits behind each %%, and no NUL");
	q->page->after = part;
	return 0;
}

static enum MHD_Result on_argument(void *cls, enum MHD_ValueKind kind, const char *key,
				   const char *value)
{
	struct query *q = cls;
	char field[32];
	int r;

	if (q->page && value && strcmp(key, "limit") == 0) {
		r = parse_limit(q, value);
	} else if (q->page && value && strcmp(key, "after") == 0) {
		r = parse_after(q, value);
	} else {
		snprintf(field, sizeof(field), "?%s", key);
		r = err_set(&q->err, -EINVAL, field, value,
			    q->page ? "must be limit=N or after=NAME"
				    : "must not be there: no parameters here");
	}
	return r ? MHD_NO : MHD_YES;
}

static bool read_query(struct req *req, struct rest_page *page)
{
	struct query q = {.req = req, .page = page};

	MHD_get_connection_values(req->conn, MHD_GET_ARGUMENT_KIND, on_argument, &q);
	if (q.err.code)
		rest_fail(req, &q.err);
	return !q.err.code;
}

bool rest_page(struct req *req, struct rest_page *page)
{
	*page = (struct rest_page){.limit = NORTH_PAGE_MAX};
	return read_query(req, page);
}

bool rest_no_query(struct req *req)
{
	return read_query(req, NULL);
}

/* ---- parameters of one resource ---- */

struct own_query {
	struct req *req;
	int (*read)(void *arg, const char *name, const char *value, struct err *err);
	void *arg;
	struct err err;
};

static bool is_own(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static const char *list_names(const char *const *names, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = 0;
	for (; *names && at < size; names++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", *names);
	return buf;
}

static enum MHD_Result on_own(void *cls, enum MHD_ValueKind kind, const char *key,
			      const char *value)
{
	struct own_query *q = cls;
	char field[32], text[NCSDB_KEY_MAX], names[128];

	snprintf(field, sizeof(field), "?%s", key);
	if (!is_own(q->req->action->query, key))
		err_set(&q->err, -EINVAL, field, value, "must be one of %s",
			list_names(q->req->action->query, names, sizeof(names)));
	else if (!value || strlen(value) >= sizeof(text))
		err_set(&q->err, -EINVAL, field, value, "must have a value of at most %zu bytes",
			sizeof(text) - 1);
	else if (rest_decode_query(strcpy(text, value)))
		err_set(&q->err, -EINVAL, field, value,
			"must have two hex digits behind each %%, and no NUL");
	else
		q->read(q->arg, key, text, &q->err);
	return q->err.code ? MHD_NO : MHD_YES;
}

bool rest_query(struct req *req,
		int (*read)(void *arg, const char *name, const char *value, struct err *err),
		void *arg)
{
	struct own_query q = {.req = req, .read = read, .arg = arg};

	MHD_get_connection_values(req->conn, MHD_GET_ARGUMENT_KIND, on_own, &q);
	if (q.err.code)
		rest_fail(req, &q.err);
	return !q.err.code;
}

int rest_flag(const char *name, const char *value, bool *out, struct err *err)
{
	char field[32];
	bool on = strcmp(value, "true") == 0;

	snprintf(field, sizeof(field), "?%s", name);
	if (!on && strcmp(value, "false") != 0)
		return err_set(err, -EINVAL, field, value, "must be true or false");
	*out = on;
	return 0;
}

bool rest_after_id(struct req *req, const char *after, uint64_t *id)
{
	struct err err = {0};

	if (!after || svc_id_parse(after, id) == 0)
		return true;
	err_set(&err, -EINVAL, "?after", after, "must be a service ID like 0x101");
	rest_fail(req, &err);
	return false;
}

/* ---- conditions, RFC 9110 section 13.1 ---- */

enum tag_match { TAG_NO, TAG_YES, TAG_BAD };

/* Whether the list of entity tags holds this one; weak ones count only if they may. */
static enum tag_match match_tags(const char *list, const char *want, bool weak)
{
	enum tag_match found = TAG_NO;
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		const char *tag = list + strspn(list, " \t");
		bool is_weak = strncmp(tag, "W/", 2) == 0;

		len = strcspn(list, ",");
		tag += is_weak ? 2 : 0;
		if (*tag != '"')
			return TAG_BAD;
		if ((weak || !is_weak) && strncmp(tag, want, strlen(want)) == 0)
			found = TAG_YES;
	}
	return found;
}

static const char *tag_of(int64_t revision, char buf[32])
{
	snprintf(buf, 32, "\"%" PRId64 "\"", revision);
	return buf;
}

bool rest_etag_is(struct req *req, const char *etag)
{
	const char *list = rest_asked(req->conn, "If-None-Match");

	if (!list)
		return false;
	return strcmp(list, "*") == 0 || match_tags(list, etag, true) == TAG_YES;
}

bool rest_etag_matches(struct req *req, int64_t revision)
{
	char tag[32];

	return rest_etag_is(req, tag_of(revision, tag));
}

static int check_none_match(struct req *req, struct rest_present present, struct err *err)
{
	const char *list = rest_asked(req->conn, "If-None-Match");

	if (!list)
		return 0;
	if (strcmp(list, "*") != 0)
		return err_set(err, -EINVAL, "If-None-Match", list, "must be * here");
	if (present.exists)
		return err_set(err, -ESTALE, "If-None-Match", NULL,
			       "exists already, with revision %" PRId64, present.revision);
	return 0;
}

static int check_match(struct req *req, struct rest_present present, struct err *err)
{
	const char *list = rest_asked(req->conn, "If-Match");
	enum tag_match match;
	char tag[32];
	bool any;

	if (!list)
		return 0;
	any = strcmp(list, "*") == 0;
	match = any ? TAG_YES : match_tags(list, tag_of(present.revision, tag), false);
	if (match == TAG_BAD)
		return err_set(err, -EINVAL, "If-Match", list, "must be \"<revision>\" or *");
	if (!present.exists)
		return err_set(err, -ESTALE, "If-Match", list, "does not exist");
	if (!any && present.revision == 0)
		return err_set(err, -ESTALE, "If-Match", list, "has no revision: must be *");
	if (match == TAG_NO)
		return err_set(err, -ESTALE, "If-Match", list, "revision is %" PRId64,
			       present.revision);
	return 0;
}

/* An object that was read and is put back carries the revision it had. */
static int check_body(struct req *req, struct rest_present present, struct err *err)
{
	json_t *value = req->body ? json_object_get(req->body, "revision") : NULL;
	json_int_t revision = json_integer_value(value);

	if (!value)
		return 0;
	if (!json_is_integer(value) || revision < 1)
		return err_set(err, -EINVAL, "/revision", NULL,
			       "must be the revision that was read, or absent");
	json_object_del(req->body, "revision");
	if (!present.exists)
		return err_set(err, -ESTALE, "/revision", NULL, "does not exist any more");
	if (revision != present.revision)
		return err_set(err, -ESTALE, "/revision", NULL, "revision is %" PRId64,
			       present.revision);
	return 1;
}

bool rest_condition(struct req *req, struct rest_present present, int64_t *if_revision)
{
	struct err err = {0};
	int r = check_none_match(req, present, &err) ?: check_match(req, present, &err);
	int in_body = r ? r : check_body(req, present, &err);

	if (in_body < 0) {
		rest_fail(req, &err);
		return false;
	}
	*if_revision = ANY_REVISION;
	if (in_body || rest_asked(req->conn, "If-Match"))
		*if_revision = present.revision;
	else if (rest_asked(req->conn, "If-None-Match"))
		*if_revision = 0;
	return true;
}

void rest_absent(struct req *req)
{
	struct err err = {0};

	err_set(&err, -ENOENT, "", NULL, "does not exist");
	rest_fail(req, &err);
}
