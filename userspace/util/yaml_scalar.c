/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/own.h"

static const char digits[] = "0123456789";
static const char hex_digits[] = "0123456789abcdefABCDEF";

/* The core schema knows three spellings of a word: null Null NULL. */
static bool is_word(const char *text, const char *lower)
{
	const char *rest = lower + 1;
	bool first_up = text[0] == lower[0] - 'a' + 'A';

	if (strcasecmp(text, lower) != 0)
		return false;
	if (strcmp(text + 1, rest) == 0)
		return first_up || text[0] == lower[0];
	for (const char *c = text; *c; c++) {
		if (*c >= 'a' && *c <= 'z')
			return false;
	}
	return true;
}

static const char *skip_sign(const char *text)
{
	return text + (*text == '-' || *text == '+');
}

static bool is_decimal(const char *text)
{
	const char *start = skip_sign(text);
	size_t n = strspn(start, digits);

	return n > 0 && start[n] == '\0';
}

static bool is_hex(const char *text)
{
	size_t n;

	if (text[0] != '0' || text[1] != 'x')
		return false;
	n = strspn(text + 2, hex_digits);
	return n > 0 && text[2 + n] == '\0';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text)
{
	const char *s = skip_sign(text);
	size_t whole = strspn(s, digits), part = 0;

	s += whole;
	if (*s == '.') {
		part = strspn(s + 1, digits);
		s += 1 + part;
	}
	if (whole == 0 && part == 0)
		return false;
	if (*s == 'e' || *s == 'E')
		return is_decimal(s + 1);
	return *s == '\0';
}

static bool is_not_finite(const char *text)
{
	const char *s = skip_sign(text);

	return (*s == '.' && is_word(s + 1, "inf")) || strcmp(text, ".nan") == 0 ||
	       strcmp(text, ".NaN") == 0 || strcmp(text, ".NAN") == 0;
}

static json_t *integer(const char *text, const char **problem)
{
	long long value;

	errno = 0;
	value = strtoll(text, NULL, is_hex(text) ? 16 : 10);
	if (errno == 0)
		return json_integer(value);
	*problem = "integer beyond 64 bits with sign; as text it needs quotes";
	return NULL;
}

static json_t *real(const char *text, const char **problem)
{
	double value = strtod(text, NULL);

	if (isfinite(value))
		return json_real(value);
	*problem = "number too large";
	return NULL;
}

json_t *yaml_scalar(const char *text, const char **problem)
{
	if (!*text || strcmp(text, "~") == 0 || is_word(text, "null"))
		return json_null();
	if (is_word(text, "true"))
		return json_true();
	if (is_word(text, "false"))
		return json_false();
	if (is_decimal(text) || is_hex(text))
		return integer(text, problem);
	if (is_float(text))
		return real(text, problem);
	if (is_not_finite(text)) {
		*problem = "number must be finite";
		return NULL;
	}
	return json_string(text);
}
