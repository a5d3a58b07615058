/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LEN 96 /* of a value or member name in a message */
#define LIST_LEN 128

/* ---- parsing ---- */

struct depth_scan {
	int depth, line, column;
	bool in_string, escaped;
};

/* Counts nesting before the parser does: its own limit is far deeper. False at the limit. */
static bool depth_step(struct depth_scan *s, char c)
{
	s->column++;
	if (c == '\n') {
		s->line++;
		s->column = 0;
	}
	if (s->in_string) {
		if (!s->escaped && c == '"')
			s->in_string = false;
		s->escaped = !s->escaped && c == '\\';
		return true;
	}
	if (c == '"')
		s->in_string = true;
	else if (c == '[' || c == '{')
		s->depth++;
	else if (c == ']' || c == '}')
		s->depth--;
	return s->depth <= JSON_MAX_DEPTH;
}

int json_parse(const char *text, size_t len, json_t **out, struct err *err)
{
	struct depth_scan scan = {.line = 1};
	json_error_t e;
	json_t *value;

	for (size_t i = 0; i < len; i++) {
		if (!depth_step(&scan, text[i]))
			return err_set(err, -EINVAL, "", NULL,
				       "line %d, column %d: nested deeper than %d", scan.line,
				       scan.column, JSON_MAX_DEPTH);
	}
	value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!value)
		return err_set(err, -EINVAL, "", NULL, "line %d, column %d: %s", e.line, e.column,
			       e.text);
	*out = value;
	return 0;
}

char *json_text(const json_t *value)
{
	return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY |
					 JSON_REAL_PRECISION(15));
}

/* ---- messages ---- */

struct cut_text {
	char buf[TEXT_LEN + 1];
	size_t len;
};

/* Stops the dump once there is more than a message holds. */
static int cut_append(const char *data, size_t size, void *arg)
{
	struct cut_text *cut = arg;
	size_t room = sizeof(cut->buf) - 1 - cut->len;
	size_t n = size < room ? size : room;

	memcpy(cut->buf + cut->len, data, n);
	cut->len += n;
	return n == size ? 0 : -1;
}

static void name_pointer(const char *name, char *buf, size_t size)
{
	size_t at = 0;

	buf[at++] = '/';
	for (; *name && at + 3 < size; name++) {
		if (*name != '~' && *name != '/') {
			buf[at++] = *name;
			continue;
		}
		buf[at++] = '~';
		buf[at++] = *name == '~' ? '0' : '1';
	}
	buf[at] = '\0';
}

/* name NULL: it is about the value as a whole. */
static int refuse_value(struct err *err, const char *name, const json_t *value, const char *want)
{
	struct cut_text cut = {.len = 0};
	char pointer[TEXT_LEN] = "";

	if (!err)
		return -EINVAL;
	if (name)
		name_pointer(name, pointer, sizeof(pointer));
	if (value)
		json_dump_callback(value, cut_append, &cut,
				   JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	cut.buf[cut.len] = '\0';
	return err_set(err, -EINVAL, pointer, cut.buf, "%s", want);
}

/* *value = NULL when absent (or null). */
static int member(const json_t *obj, const char *name, enum json_need need, const json_t **value,
		  struct err *err)
{
	*value = json_object_get(obj, name);
	if (json_is_null(*value))
		*value = NULL;
	if (!*value && need == JSON_REQUIRED)
		return refuse_value(err, name, NULL, "is missing");
	return 0;
}

static const char *join(const char *const *names, size_t n, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? ", " : "", names[i]);
	return buf;
}

/* ---- readers ---- */

int json_get_str(const json_t *obj, const char *name, enum json_need need, const char **out,
		 struct err *err)
{
	const json_t *value;
	int rc = member(obj, name, need, &value, err);

	if (rc || !value)
		return rc;
	if (!json_is_string(value))
		return refuse_value(err, name, value, "must be a string");
	*out = json_string_value(value);
	return 0;
}

int json_get_text(const json_t *obj, const char *name, enum json_need need, char *buf, size_t size,
		  struct err *err)
{
	const char *text = NULL;
	int rc = json_get_str(obj, name, need, &text, err);
	char want[64];

	if (rc || !text)
		return rc;
	if (strlen(text) >= size) {
		snprintf(want, sizeof(want), "must have at most %zu bytes", size - 1);
		return refuse_value(err, name, json_object_get(obj, name), want);
	}
	memcpy(buf, text, strlen(text) + 1);
	return 0;
}

int json_get_int(const json_t *obj, const char *name, enum json_need need, struct json_range range,
		 int64_t *out, struct err *err)
{
	const json_t *value;
	int rc = member(obj, name, need, &value, err);
	char want[96];
	int64_t n;

	if (rc || !value)
		return rc;
	n = json_integer_value(value);
	if (!json_is_integer(value) || n < range.min || n > range.max) {
		snprintf(want, sizeof(want), "must be an integer %" PRId64 "..%" PRId64, range.min,
			 range.max);
		return refuse_value(err, name, value, want);
	}
	*out = n;
	return 0;
}

int json_get_bool(const json_t *obj, const char *name, bool *out, struct err *err)
{
	const json_t *value;
	int rc = member(obj, name, JSON_OPTIONAL, &value, err);

	if (rc || !value)
		return rc;
	if (!json_is_boolean(value))
		return refuse_value(err, name, value, "must be true or false");
	*out = json_is_true(value);
	return 0;
}

int json_get_enum(const json_t *obj, const char *name, enum json_need need,
		  const char *const *names, int n, int *out, struct err *err)
{
	char list[LIST_LEN], want[LIST_LEN + 32];
	const json_t *value;
	int rc = member(obj, name, need, &value, err);

	if (rc || !value)
		return rc;
	for (int i = 0; i < n && json_is_string(value); i++) {
		if (strcmp(json_string_value(value), names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	snprintf(want, sizeof(want), "must be one of %s",
		 join(names, (size_t)n, list, sizeof(list)));
	return refuse_value(err, name, value, want);
}

int json_get_in6(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		 struct err *err)
{
	const json_t *value;
	struct in6_addr addr;
	int rc = member(obj, name, need, &value, err);

	if (rc || !value)
		return rc;
	if (!json_is_string(value) || inet_pton(AF_INET6, json_string_value(value), &addr) != 1)
		return refuse_value(err, name, value, "must be an IPv6 address");
	*out = addr;
	return 0;
}

int json_get_ip(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		struct err *err)
{
	struct in6_addr addr = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	const json_t *value;
	const char *text;
	int rc = member(obj, name, need, &value, err);

	if (rc || !value)
		return rc;
	text = json_string_value(value);
	if (!text || (inet_pton(AF_INET, text, &addr.s6_addr[12]) != 1 &&
		      (inet_pton(AF_INET6, text, &addr) != 1 || IN6_IS_ADDR_V4MAPPED(&addr))))
		return refuse_value(err, name, value, "must be an IPv6 or IPv4 address");
	*out = addr;
	return 0;
}

static bool host_bits_zero(const struct in6_addr *addr, int len)
{
	for (int bit = len; bit < 128; bit++) {
		if (addr->s6_addr[bit / 8] & (0x80 >> (bit % 8)))
			return false;
	}
	return true;
}

/* "len" of "addr/len": 0..128, digits only, or -1. */
static int prefix_len(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int len;

	if (digits == 0 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
		return -1;
	len = atoi(text);
	return len <= 128 ? len : -1;
}

/* NULL, or what would be right. */
static const char *prefix_wrong(const json_t *value, struct in6_addr *out, int *len)
{
	static const char want[] = "must be an IPv6 prefix, address/length";
	char text[INET6_ADDRSTRLEN + 4] = "";
	struct in6_addr addr;
	char *slash;
	int bits;

	if (!json_is_string(value) || json_string_length(value) >= sizeof(text))
		return want;
	strcpy(text, json_string_value(value));
	slash = strchr(text, '/');
	if (!slash)
		return want;
	*slash = '\0';
	bits = prefix_len(slash + 1);
	if (bits < 0 || inet_pton(AF_INET6, text, &addr) != 1)
		return want;
	if (!host_bits_zero(&addr, bits))
		return "must have no bits set behind its length";
	*out = addr;
	*len = bits;
	return NULL;
}

int json_get_prefix6(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		     int *len, struct err *err)
{
	const json_t *value;
	const char *want;
	int rc = member(obj, name, need, &value, err);

	if (rc || !value)
		return rc;
	want = prefix_wrong(value, out, len);
	return want ? refuse_value(err, name, value, want) : 0;
}

int json_prefix6(const json_t *value, struct in6_addr *out, int *len, struct err *err)
{
	const char *want = prefix_wrong(value, out, len);

	return want ? refuse_value(err, NULL, value, want) : 0;
}

int json_get_array(const json_t *obj, const char *name, enum json_need need, json_t **out,
		   struct err *err)
{
	const json_t *value;
	int rc = member(obj, name, need, &value, err);

	if (rc)
		return rc;
	if (value && !json_is_array(value))
		return refuse_value(err, name, value, "must be an array");
	*out = (json_t *)value;
	return 0;
}

int json_get_object(const json_t *obj, const char *name, enum json_need need, json_t **out,
		    struct err *err)
{
	const json_t *value;
	int rc = member(obj, name, need, &value, err);

	if (rc)
		return rc;
	if (value && !json_is_object(value))
		return refuse_value(err, name, value, "must be an object");
	*out = (json_t *)value;
	return 0;
}

static bool listed(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

int json_only(const json_t *obj, const char *const *allowed, struct err *err)
{
	char list[LIST_LEN], pointer[TEXT_LEN];
	const char *name;
	json_t *value;
	size_t n = 0;

	while (allowed[n])
		n++;
	json_object_foreach((json_t *)obj, name, value) {
		if (listed(name, allowed, n))
			continue;
		name_pointer(name, pointer, sizeof(pointer));
		return err_set(err, -EINVAL, pointer, NULL, "is not known here; known: %s",
			       join(allowed, n, list, sizeof(list)));
	}
	return 0;
}

int json_is_obj(const json_t *value, struct err *err)
{
	int rc;

	if (json_is_object(value))
		return 0;
	rc = refuse_value(err, "", value, "must be an object");
	if (err)
		err->field[0] = '\0';
	return rc;
}

/* ---- RFC 7396, section 2; how deep it goes is bounded by the patch, which was parsed ---- */

static int merge_member(json_t *target, const char *name, json_t *value)
{
	json_t *merged, *old = json_object_get(target, name);

	if (json_is_null(value)) {
		json_object_del(target, name);
		return 0;
	}
	merged = json_merge_patch(json_incref(old), value);
	return merged ? json_object_set_new(target, name, merged) : -1;
}

json_t *json_merge_patch(json_t *target, const json_t *patch)
{
	const char *name;
	json_t *value;

	if (!json_is_object(patch)) {
		json_decref(target);
		return json_deep_copy(patch);
	}
	if (!json_is_object(target)) {
		json_decref(target);
		target = json_object();
	}
	json_object_foreach((json_t *)patch, name, value) {
		if (target && merge_member(target, name, value)) {
			json_decref(target);
			target = NULL;
		}
	}
	return target;
}
