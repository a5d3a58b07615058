/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values from their text. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/cond.h"

static int read_boolean(const char *text, struct nemo_value *out)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return -EINVAL;
	out->boolean = yes;
	return 0;
}

/* [ "-" ] ( "0" | digit1-9 { digit } ) */
static int read_integer(const char *text, struct nemo_value *out)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	size_t n = strspn(digits, "0123456789");

	if (n == 0 || digits[n] != '\0' || (digits[0] == '0' && n > 1))
		return -EINVAL;
	errno = 0;
	out->integer = strtoll(text, NULL, 10);
	return errno == ERANGE ? -ERANGE : 0;
}

/* Exactly n digits; moves *p behind them. -1: they are not there. */
static int digits(const char **p, unsigned int n)
{
	int value = 0;

	for (; n > 0; n--, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

static bool expect(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* No day of the calendar is written in two ways. */
static bool is_day(const struct nemo_date *date)
{
	struct nemo_date back;

	if (date->month == 0 || date->month > 12 || date->day == 0 || date->day > 31)
		return false;
	nemo_date_from_seconds(nemo_date_seconds(date), &back);
	return back.month == date->month && back.day == date->day;
}

/* YYYY-MM-DD */
static int read_day(const char **p, struct nemo_date *out)
{
	int year, month, day;

	year = digits(p, 4);
	if (year < 0 || !expect(p, '-'))
		return -EINVAL;
	month = digits(p, 2);
	if (month < 0 || !expect(p, '-'))
		return -EINVAL;
	day = digits(p, 2);
	if (day < 0)
		return -EINVAL;
	out->has_day = true;
	out->year = (int16_t)year;
	out->month = (uint8_t)month;
	out->day = (uint8_t)day;
	return year > 0 && is_day(out) ? 0 : -ERANGE;
}

/* HH:MM[:SS] */
static int read_time(const char **p, struct nemo_date *out)
{
	int hour, minute, second = 0;

	hour = digits(p, 2);
	if (hour < 0 || !expect(p, ':'))
		return -EINVAL;
	minute = digits(p, 2);
	if (minute < 0)
		return -EINVAL;
	if (expect(p, ':'))
		second = digits(p, 2);
	if (second < 0)
		return -EINVAL;
	if (hour > 23 || minute > 59 || second > 59)
		return -ERANGE;
	out->has_time = true;
	out->hour = (uint8_t)hour;
	out->minute = (uint8_t)minute;
	out->second = (uint8_t)second;
	return 0;
}

static int read_date(const char *text, struct nemo_value *out)
{
	struct nemo_date date = {0};
	const char *p = text;
	bool day = strlen(text) >= 5 && text[4] == '-';
	int r = 0;

	if (day)
		r = read_day(&p, &date);
	if (r == 0 && (!day || expect(&p, ' ')))
		r = read_time(&p, &date);
	if (r < 0)
		return r;
	if (*p != '\0')
		return -EINVAL;
	out->date = date;
	return 0;
}

static int hex_byte(const char *p, uint8_t *out)
{
	char pair[3] = {p[0], p[0] ? p[1] : '\0', '\0'};

	if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
		return -EINVAL;
	*out = (uint8_t)strtoul(pair, NULL, 16);
	return 0;
}

/* 8-4-4-4-12 hexadecimal digits */
static int read_uuid(const char *text, struct nemo_value *out)
{
	const char *p = text;

	for (unsigned int i = 0; i < sizeof(out->uuid); i++, p += 2) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && !expect(&p, '-'))
			return -EINVAL;
		if (hex_byte(p, &out->uuid[i]) < 0)
			return -EINVAL;
	}
	return *p == '\0' ? 0 : -EINVAL;
}

static int read_mac(const char *text, struct nemo_value *out)
{
	const char *p = text;

	for (unsigned int i = 0; i < sizeof(out->mac); i++, p += 2) {
		if (i > 0 && !expect(&p, ':'))
			return -EINVAL;
		if (hex_byte(p, &out->mac[i]) < 0)
			return -EINVAL;
	}
	return *p == '\0' ? 0 : -EINVAL;
}

/* Text behind the "/", without leading zeros; none: the whole address. */
static int read_length(const char *text, unsigned int max, unsigned int *out)
{
	struct nemo_value number;
	int r;

	*out = max;
	if (!text)
		return 0;
	r = text[0] == '-' ? -EINVAL : read_integer(text, &number);
	if (r < 0)
		return r;
	if (number.integer > max)
		return -ERANGE;
	*out = (unsigned int)number.integer;
	return 0;
}

bool nemo_prefix_clear(struct nemo_prefix *p)
{
	bool any = false;

	for (unsigned int i = 0; i < 16; i++) {
		unsigned int keep = p->len > 8 * i ? p->len - 8 * i : 0;
		uint8_t mask = keep >= 8 ? 0xff : (uint8_t)(0xff00 >> keep);

		any |= (p->addr.s6_addr[i] & ~mask) != 0;
		p->addr.s6_addr[i] &= mask;
	}
	return any;
}

int nemo_prefix_read(const char *text, struct nemo_prefix *out)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct nemo_prefix p = {0};
	unsigned int len;
	int r;

	if (n >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	p.v4 = inet_pton(AF_INET, address, p.addr.s6_addr + 12) == 1;
	if (p.v4)
		p.addr.s6_addr[10] = p.addr.s6_addr[11] = 0xff;
	else if (inet_pton(AF_INET6, address, &p.addr) != 1)
		return -EINVAL;
	r = read_length(slash ? slash + 1 : NULL, p.v4 ? 32 : 128, &len);
	if (r < 0)
		return r;
	p.len = (uint8_t)(p.v4 ? 96 + len : len);
	*out = p;
	return 0;
}

static int read_prefix(const char *text, struct nemo_value *out, bool *host_bits)
{
	int r = nemo_prefix_read(text, &out->prefix);

	if (r == 0 && nemo_prefix_clear(&out->prefix) && host_bits)
		*host_bits = true;
	return r;
}

int nemo_value_read(enum nemo_type type, const char *text, struct nemo_value *out, bool *host_bits)
{
	struct nemo_value v = {.type = type, .at = out->at};
	int r = -EINVAL;

	if (host_bits)
		*host_bits = false;
	switch (type) {
	case NEMO_BOOLEAN:
		r = read_boolean(text, &v);
		break;
	case NEMO_INTEGER:
		r = read_integer(text, &v);
		break;
	case NEMO_STRING:
		v.string = text;
		r = 0;
		break;
	case NEMO_DATE:
		r = read_date(text, &v);
		break;
	case NEMO_UUID:
		r = read_uuid(text, &v);
		break;
	case NEMO_ETHADDR:
		r = read_mac(text, &v);
		break;
	case NEMO_IPPREFIX:
		r = read_prefix(text, &v, host_bits);
		break;
	case NEMO_TYPE_MAX:
		break;
	}
	if (r == 0)
		*out = v;
	return r;
}
