/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict reading of JSON objects on jansson: duplicate members refused, unknown members refused,
 * numbers that do not fit refused, errors with JSON pointer. Used by REST, configuration and
 * database.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define JSON_MAX_DEPTH 32

/* Parses text of len bytes: depth <= JSON_MAX_DEPTH, no duplicate members, nothing behind the
 * value. *out owns a reference. err: field "" and want says line and column. */
int json_parse(const char *text, size_t len, json_t **out, struct err *err);
/* Compact text, sorted keys, malloc'ed, or NULL without memory. */
char *json_text(const json_t *value);

/* RFC 7396: target (taken, changed in place; NULL = nothing there) with patch merged in. NULL: no
 * memory. */
json_t *json_merge_patch(json_t *target, const json_t *patch);

/* Member readers: absent -> *out untouched, 0, unless required: -EINVAL. Wrong type or range:
 * -EINVAL with field "/name" and value. Null counts as absent. */
enum json_need { JSON_OPTIONAL, JSON_REQUIRED };
int json_get_str(const json_t *obj, const char *name, enum json_need need, const char **out,
		 struct err *err); /* borrowed from obj */
/* The same into a fixed buffer: too long is an error. */
int json_get_text(const json_t *obj, const char *name, enum json_need need, char *buf, size_t size,
		  struct err *err);
struct json_range {
	int64_t min, max;
};
int json_get_int(const json_t *obj, const char *name, enum json_need need, struct json_range range,
		 int64_t *out, struct err *err);
int json_get_bool(const json_t *obj, const char *name, bool *out, struct err *err);
/* One of names[] (n); *out = index. */
int json_get_enum(const json_t *obj, const char *name, enum json_need need,
		  const char *const *names, int n, int *out, struct err *err);
/* IPv6 or IPv4 address as text; IPv4 becomes IPv4-mapped, which is refused as text. */
int json_get_ip(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		struct err *err);
/* IPv6 address as text; prefix: "addr/len" (host bits must be zero). */
int json_get_in6(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		 struct err *err);
int json_get_prefix6(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		     int *len, struct err *err);
/* The same of a value itself: err has field "". */
int json_prefix6(const json_t *value, struct in6_addr *out, int *len, struct err *err);
/* Borrowed array or object member; absent: *out = NULL. */
int json_get_array(const json_t *obj, const char *name, enum json_need need, json_t **out,
		   struct err *err);
int json_get_object(const json_t *obj, const char *name, enum json_need need, json_t **out,
		    struct err *err);
/* Every member of obj must be in allowed[] (NULL-terminated), else -EINVAL naming it and listing
 * them. */
int json_only(const json_t *obj, const char *const *allowed, struct err *err);
/* value must be an object. */
int json_is_obj(const json_t *value, struct err *err);

#endif
