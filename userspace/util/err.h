/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One error type for everything that refuses input: object, field, value, and what would be right.
 * Filled by whoever refuses, printed by whoever gives up (REST problem, configuration error, log).
 * All texts are cut to their arrays and made clean UTF-8 without control characters ("?" instead).
 * Codes are -errno; -EINVAL bad value, -ENOENT no such object, -EEXIST conflict, -ENOSPC limit,
 * -ESTALE revision differs, -EAGAIN not ready.
 */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

#include <stddef.h>

struct err {
	int code;
	char object[96]; /* "service 0x101" */
	char field[96];	 /* JSON pointer: "/evaluation/0/weight"; "" = the object as a whole */
	char value[96];	 /* as given, cut */
	char want[160];	 /* what would be right, with its verb: "must be 0..1000" */
};

/* Fills err (may be NULL) and returns code, so that a caller can `return err_set(...)`. NULL
 * strings are "". want is a printf format. object may be set later by a caller that knows it:
 * err_object(). */
int err_set(struct err *err, int code, const char *field, const char *value, const char *want, ...)
	__attribute__((format(printf, 5, 6)));
int err_object(struct err *err, const char *object, ...) __attribute__((format(printf, 2, 3)));
/* Puts prefix ("/evaluation/0") in front of field; returns err->code. */
int err_prefix(struct err *err, const char *prefix, ...) __attribute__((format(printf, 2, 3)));
/* "service 0x101: /evaluation/0/weight: is -3, must be 0..1000"; empty parts are left out; without
 * want the code's own text stands there. Returns buf. */
const char *err_text(const struct err *err, char *buf, size_t size);
/* Copies src (NULL: "") as clean text, for JSON and logs; what does not fit ends in "...". size is
 * at least 4. */
void err_clean(char *dst, size_t size, const char *src);

#endif
