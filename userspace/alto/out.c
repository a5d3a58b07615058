/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text under construction, and its digest. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/alto.h"

#define FIRST 256
#define NUMBER_LEN 32
#define EXACT 1e15    /* integers below have at most 15 digits */
#define SCALE 1000000 /* decimals of the short way */
#define SHORT 1e9     /* whole part below, so that both have at most 15 digits */

static bool reserve(struct alto_out *o, size_t len)
{
	size_t cap = o->cap ? o->cap : FIRST;
	char *data;

	if (o->failed)
		return false;
	if (len > o->max || o->len > o->max - len) {
		o->failed = -EFBIG;
		return false;
	}
	if (o->len + len < o->cap)
		return true;
	while (cap <= o->len + len)
		cap *= 2;
	data = realloc(o->data, cap);
	if (!data) {
		o->failed = -ENOMEM;
		return false;
	}
	o->data = data;
	o->cap = cap;
	return true;
}

void alto_put(struct alto_out *o, const char *text, size_t len)
{
	if (!reserve(o, len))
		return;
	memcpy(o->data + o->len, text, len);
	o->len += len;
	o->data[o->len] = '\0';
}

void alto_puts(struct alto_out *o, const char *text)
{
	alto_put(o, text, strlen(text));
}

void alto_putf(struct alto_out *o, const char *format, ...)
{
	char small[FIRST], *text = small;
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(small, sizeof(small), format, ap);
	va_end(ap);
	if ((size_t)len >= sizeof(small)) {
		va_start(ap, format);
		len = vasprintf(&text, format, ap);
		va_end(ap);
		if (len < 0) {
			o->failed = o->failed ? o->failed : -ENOMEM;
			return;
		}
	}
	alto_put(o, text, (size_t)len);
	if (text != small)
		free(text);
}

static void put_escaped(struct alto_out *o, unsigned char c)
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *n = named; *n; n += 2) {
		if ((unsigned char)n[0] == c) {
			alto_put(o, "\\", 1);
			alto_put(o, n + 1, 1);
			return;
		}
	}
	alto_putf(o, "\\u%04x", c);
}

void alto_put_string(struct alto_out *o, const char *text)
{
	const char *from = text;

	alto_put(o, "\"", 1);
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x20 && *text != '"' && *text != '\\')
			continue;
		alto_put(o, from, (size_t)(text - from));
		put_escaped(o, (unsigned char)*text);
		from = text + 1;
	}
	alto_put(o, from, (size_t)(text - from));
	alto_put(o, "\"", 1);
}

/* Digits of value, ending before `end`. */
static char *digits_before(char *end, uint64_t value)
{
	do {
		*--end = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return end;
}

static void put_integer(struct alto_out *o, double value)
{
	char buf[NUMBER_LEN], *end = buf + sizeof(buf);
	char *at = digits_before(end, (uint64_t)fabs(value));

	if (value < 0)
		*--at = '-';
	alto_put(o, at, (size_t)(end - at));
}

/* Six decimals at most: what nearly all fractions are, ten times as fast as printf. */
static bool put_short(struct alto_out *o, double value)
{
	char buf[NUMBER_LEN], *end = buf + sizeof(buf), *at = end, *point;
	uint64_t scaled = (uint64_t)rint(value * SCALE);
	unsigned int decimals = 6;

	if ((double)scaled / SCALE != value)
		return false;
	for (; scaled % 10 == 0; decimals--)
		scaled /= 10;
	while (decimals-- > 0) {
		*--at = (char)('0' + scaled % 10);
		scaled /= 10;
	}
	point = --at;
	*point = '.';
	at = digits_before(at, scaled);
	alto_put(o, at, (size_t)(end - at));
	return true;
}

void alto_put_number(struct alto_out *o, double value)
{
	assert(isfinite(value));
	if (fabs(value) < EXACT && value == trunc(value))
		put_integer(o, value);
	else if (value < 0 || value >= SHORT || !put_short(o, value))
		alto_putf(o, "%.15g", value);
}

static int put_chunk(const char *text, size_t len, void *arg)
{
	alto_put(arg, text, len);
	return 0;
}

void alto_put_json(struct alto_out *o, const json_t *value)
{
	if (json_dump_callback(value, put_chunk, o,
			       JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY |
				       JSON_REAL_PRECISION(15)) < 0 &&
	    !o->failed)
		o->failed = -ENOMEM;
}

void alto_out_fini(struct alto_out *o)
{
	free(o->data);
	*o = (struct alto_out){.max = o->max};
}

void alto_digest(const void *data, size_t len, char tag[ALTO_TAG_LEN])
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, data);
	sha256_digest(&ctx, sizeof(sum), sum);
	for (unsigned int i = 0; i < 16; i++)
		sprintf(tag + 2 * i, "%02x", sum[i]);
}
