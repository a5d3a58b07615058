/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alto/alto.h"
#include "util/err.h"
#include "util/own.h"

const char *const alto_code_names[] = {
	[ALTO_E_NONE] = "",
	[ALTO_E_SYNTAX] = "E_SYNTAX",
	[ALTO_E_MISSING_FIELD] = "E_MISSING_FIELD",
	[ALTO_E_INVALID_FIELD_TYPE] = "E_INVALID_FIELD_TYPE",
	[ALTO_E_INVALID_FIELD_VALUE] = "E_INVALID_FIELD_VALUE",
};
_Static_assert(ARRAY_SIZE(alto_code_names) == ALTO_CODE_MAX, "one name for each");

#define TEXT_LEN 512

static void begin(struct alto_error *e, enum alto_code code)
{
	memset(e, 0, sizeof(*e));
	e->status = 400;
	e->code = code;
}

static __attribute__((format(printf, 3, 0))) void say(char *dst, size_t size, const char *format,
						      va_list ap)
{
	char text[TEXT_LEN];

	vsnprintf(text, sizeof(text), format, ap);
	err_clean(dst, size, text);
}

int alto_syntax(struct alto_error *e, const char *text)
{
	begin(e, ALTO_E_SYNTAX);
	err_clean(e->syntax, sizeof(e->syntax), text);
	return -EINVAL;
}

int alto_missing(struct alto_error *e, const char *field, ...)
{
	va_list ap;

	begin(e, ALTO_E_MISSING_FIELD);
	va_start(ap, field);
	say(e->field, sizeof(e->field), field, ap);
	va_end(ap);
	return -EINVAL;
}

int alto_wrong_type(struct alto_error *e, const char *field, const char *want)
{
	begin(e, ALTO_E_INVALID_FIELD_TYPE);
	err_clean(e->field, sizeof(e->field), field);
	err_clean(e->why, sizeof(e->why), want);
	return -EINVAL;
}

int alto_wrong_value(struct alto_error *e, const char *field, const char *value, const char *why,
		     ...)
{
	va_list ap;

	begin(e, ALTO_E_INVALID_FIELD_VALUE);
	va_start(ap, why);
	say(e->why, sizeof(e->why), why, ap);
	va_end(ap);
	err_clean(e->field, sizeof(e->field), field);
	err_clean(e->value, sizeof(e->value), value);
	return -EINVAL;
}

int alto_overload(struct alto_error *e, const char *why, ...)
{
	va_list ap;

	begin(e, ALTO_E_NONE);
	e->status = 503;
	va_start(ap, why);
	say(e->why, sizeof(e->why), why, ap);
	va_end(ap);
	return -EBUSY;
}

static int member(json_t *meta, const char *name, const char *text)
{
	return text[0] ? json_object_set_new(meta, name, json_string(text)) : 0;
}

json_t *alto_error_json(const struct alto_error *e)
{
	json_t *meta = json_object();

	if (member(meta, "code", alto_code_names[e->code]) < 0 ||
	    member(meta, "field", e->field) < 0 || member(meta, "value", e->value) < 0 ||
	    member(meta, "syntax-error", e->syntax) < 0 || member(meta, "why", e->why) < 0) {
		json_decref(meta);
		return NULL;
	}
	return json_pack("{s:o}", "meta", meta);
}
