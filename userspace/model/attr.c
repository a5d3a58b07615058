/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/attr.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/name.h"

struct attr_desc {
	const char *name;
	enum attr_class class;
	const char *unit;
	int64_t max_milli;
};

static const struct attr_desc known[ATTR_KNOWN_MAX] = {
#define X(id, name, class, unit, max) {name, CLASS_##class, unit, INT64_C(max) * 1000},
	ATTRS(X)
#undef X
};

#define X(id, name, class, unit, max)                                                              \
	_Static_assert(INT64_C(max) * 1000 <= ATTR_VALUE_MAX_MILLI, name " range");                \
	_Static_assert(sizeof(name) <= NAME_LEN, name " name");
ATTRS(X)
#undef X

/* Interned names follow the known ones and live as long as the process. */
static char interned[ATTR_LIMIT - ATTR_KNOWN_MAX][NAME_LEN];
static uint32_t hashes[ATTR_LIMIT]; /* spares most string compares of a look-up */
static uint16_t count;		    /* 0 until the first use */

static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h;
}

uint16_t attr_count(void)
{
	if (count == 0) {
		for (; count < ATTR_KNOWN_MAX; count++)
			hashes[count] = hash_name(known[count].name);
	}
	return count;
}

void attr_forget(uint16_t to)
{
	if (to >= ATTR_KNOWN_MAX && to < count)
		count = to;
}

int attr_intern(const char *name, uint16_t *id)
{
	uint32_t h;
	uint16_t n = attr_count(), i;

	if (!name || !name_valid(name))
		return -EINVAL;
	h = hash_name(name);
	for (i = 0; i < n; i++) {
		if (hashes[i] == h && strcmp(attr_name(i), name) == 0)
			break;
	}
	if (i == ATTR_LIMIT)
		return -ENOSPC;
	if (i == n) {
		strcpy(interned[i - ATTR_KNOWN_MAX], name);
		hashes[i] = h;
		count++;
	}
	*id = i;
	return 0;
}

const char *attr_name(uint16_t id)
{
	if (id < ATTR_KNOWN_MAX)
		return known[id].name;
	return id < count ? interned[id - ATTR_KNOWN_MAX] : "?";
}

enum attr_class attr_class(uint16_t id)
{
	return id < ATTR_KNOWN_MAX ? known[id].class : CLASS_OTHER;
}

const char *attr_unit(uint16_t id)
{
	return id < ATTR_KNOWN_MAX ? known[id].unit : "";
}

int64_t attr_max_milli(uint16_t id)
{
	return id < ATTR_KNOWN_MAX ? known[id].max_milli : ATTR_VALUE_MAX_MILLI;
}

static int refuse(uint16_t id, const char *field, const char *value, struct err *err)
{
	char max[32];
	const char *unit = attr_unit(id);

	attr_text(attr_max_milli(id), max, sizeof(max));
	return err_set(err, -EINVAL, field, value, "must be a decimal number 0..%s%s%s", max,
		       *unit ? " " : "", unit);
}

/* Digits to a number; stops counting, not reading, beyond every range. */
static const char *read_digits(const char *p, int64_t *out)
{
	int64_t v = 0;

	for (; isdigit((unsigned char)*p); p++) {
		if (v <= ATTR_VALUE_MAX_MILLI)
			v = v * 10 + (*p - '0');
	}
	*out = v;
	return p;
}

/* Behind the point: at least one digit. The fourth one rounds. */
static const char *read_fraction(const char *p, int64_t *milli)
{
	const char *start = p;
	int64_t v = 0;

	for (int scale = 100; isdigit((unsigned char)*p); p++) {
		if (scale > 0)
			v += (*p - '0') * scale;
		else if (p == start + 3)
			v += *p >= '5';
		scale /= 10;
	}
	*milli = v;
	return p == start ? NULL : p;
}

static int parse_decimal(const char *text, int64_t *milli)
{
	int64_t units, fraction = 0;
	const char *p = read_digits(text, &units);

	if (p == text)
		return -EINVAL;
	if (*p == '.')
		p = read_fraction(p + 1, &fraction);
	if (!p || *p != '\0' || units > ATTR_VALUE_MAX_MILLI / 1000)
		return -EINVAL;
	*milli = units * 1000 + fraction;
	return 0;
}

int attr_parse(uint16_t id, const char *text, int64_t *milli, struct err *err)
{
	char field[NAME_LEN + 1];
	int64_t v;

	if (parse_decimal(text, &v) == 0 && v <= attr_max_milli(id)) {
		*milli = v;
		return 0;
	}
	snprintf(field, sizeof(field), "/%s", attr_name(id));
	return refuse(id, field, text, err);
}

/* Exact, so that no machine's floating point can round otherwise: x = m * 2^e, then m * 1000
 * shifted, half up. */
static int milli_from_double(double x, int64_t *milli)
{
	int e;
	uint64_t m;

	if (!isfinite(x) || x < 0 || x > (double)ATTR_VALUE_MAX_MILLI / 1000)
		return -EINVAL;
	m = (uint64_t)ldexp(frexp(x, &e), 53) * 1000; /* < 2^63 */
	e = 53 - e;				      /* > 0: x < 2^43 */
	*milli = e > 63 ? 0 : (int64_t)(((m >> (e - 1)) + 1) >> 1);
	return 0;
}

static int milli_from_json(const json_t *value, int64_t *milli)
{
	json_int_t i;

	if (json_is_real(value))
		return milli_from_double(json_real_value(value), milli);
	if (!json_is_integer(value))
		return -EINVAL;
	i = json_integer_value(value);
	if (i < 0 || i > ATTR_VALUE_MAX_MILLI / 1000)
		return -EINVAL;
	*milli = i * 1000;
	return 0;
}

int attr_from_json(uint16_t id, const json_t *value, int64_t *milli, struct err *err)
{
	int64_t v;
	char *text;

	if (milli_from_json(value, &v) == 0 && v <= attr_max_milli(id)) {
		*milli = v;
		return 0;
	}
	text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15))
		     : NULL;
	refuse(id, "", text, err);
	free(text);
	return -EINVAL;
}

json_t *attr_to_json(int64_t milli)
{
	if (milli % 1000 == 0)
		return json_integer(milli / 1000);
	return json_real((double)milli / 1000);
}

const char *attr_text(int64_t milli, char *buf, size_t size)
{
	uint64_t v = milli < 0 ? -(uint64_t)milli : (uint64_t)milli;
	char text[32];
	int end = snprintf(text, sizeof(text), "%s%" PRIu64 ".%03" PRIu64, milli < 0 ? "-" : "",
			   v / 1000, v % 1000);

	while (text[end - 1] == '0')
		end--;
	if (text[end - 1] == '.')
		end--;
	text[end] = '\0';
	snprintf(buf, size, "%s", text);
	return buf;
}
