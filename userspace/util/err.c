/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

#define TEXT_TMP 512

void err_clean(char *dst, size_t size, const char *src)
{
	const char *s = src ? src : "";
	size_t at = 0, cut = 0;

	while (*s) {
		size_t n = utf8_len(s);
		bool bad = n == 0 || (unsigned char)*s < 0x20 || *s == 0x7f;

		if (at + (bad ? 1 : n) >= size) {
			strcpy(dst + cut, "...");
			return;
		}
		if (bad) {
			dst[at++] = '?';
			s++;
		} else {
			memcpy(dst + at, s, n);
			at += n;
			s += n;
		}
		if (at + 4 <= size)
			cut = at;
	}
	dst[at] = '\0';
}

int err_set(struct err *err, int code, const char *field, const char *value, const char *want, ...)
{
	char tmp[TEXT_TMP] = "";
	va_list ap;

	if (!err)
		return code;
	if (want) {
		va_start(ap, want);
		vsnprintf(tmp, sizeof(tmp), want, ap);
		va_end(ap);
	}
	memset(err, 0, sizeof(*err));
	err->code = code;
	err_clean(err->field, sizeof(err->field), field);
	err_clean(err->value, sizeof(err->value), value);
	err_clean(err->want, sizeof(err->want), tmp);
	return code;
}

int err_object(struct err *err, const char *object, ...)
{
	char tmp[TEXT_TMP];
	va_list ap;

	if (!err)
		return 0;
	va_start(ap, object);
	vsnprintf(tmp, sizeof(tmp), object, ap);
	va_end(ap);
	err_clean(err->object, sizeof(err->object), tmp);
	return err->code;
}

int err_prefix(struct err *err, const char *prefix, ...)
{
	char tmp[TEXT_TMP];
	va_list ap;
	size_t len;

	if (!err)
		return 0;
	va_start(ap, prefix);
	vsnprintf(tmp, sizeof(tmp) - sizeof(err->field), prefix, ap);
	va_end(ap);
	len = strlen(tmp);
	memcpy(tmp + len, err->field, strlen(err->field) + 1);
	err_clean(err->field, sizeof(err->field), tmp);
	return err->code;
}

const char *err_text(const struct err *err, char *buf, size_t size)
{
	const char *want = err->want[0] ? err->want : strerror(err->code < 0 ? -err->code : 0);
	bool value = err->value[0] != '\0';

	snprintf(buf, size, "%s%s%s%s%s%s%s%s", err->object, err->object[0] ? ": " : "", err->field,
		 err->field[0] ? ": " : "", value ? "is " : "", err->value, value ? ", " : "",
		 want);
	return buf;
}
