/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values: canonical text, equality, order. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nemo/nemo.h"

const char *const nemo_type_names[NEMO_TYPE_MAX] = {
	[NEMO_BOOLEAN] = "Boolean",   [NEMO_INTEGER] = "Integer", [NEMO_STRING] = "String",
	[NEMO_DATE] = "Date",	      [NEMO_UUID] = "UUID",	  [NEMO_ETHADDR] = "EthAddr",
	[NEMO_IPPREFIX] = "IPPrefix",
};

static void date_text(const struct nemo_date *d, char *buf, size_t size)
{
	char day[16] = "", time[16] = "";

	if (d->has_day)
		snprintf(day, sizeof(day), "%04d-%02u-%02u", d->year, d->month, d->day);
	if (d->has_time)
		snprintf(time, sizeof(time), "%02u:%02u:%02u", d->hour, d->minute, d->second);
	snprintf(buf, size, "%s%s%s", day, d->has_day && d->has_time ? " " : "", time);
}

static void uuid_text(const uint8_t u[16], char *buf, size_t size)
{
	snprintf(buf, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
}

/* inet_ntop() writes all of ::/96 with a dotted end; RFC 5952 keeps that to prefixes that are known
 * to hold IPv4 addresses. */
static void address6_text(const struct in6_addr *a, char buf[INET6_ADDRSTRLEN])
{
	inet_ntop(AF_INET6, a, buf, INET6_ADDRSTRLEN);
	if (IN6_IS_ADDR_V4COMPAT(a) && strchr(buf, '.'))
		snprintf(buf, INET6_ADDRSTRLEN, "::%x:%x", a->s6_addr[12] << 8 | a->s6_addr[13],
			 a->s6_addr[14] << 8 | a->s6_addr[15]);
}

static void prefix_text(struct nemo_prefix p, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	unsigned int len = p.v4 && p.len >= 96 ? p.len - 96u : p.len;

	nemo_prefix_clear(&p);
	if (p.v4)
		inet_ntop(AF_INET, p.addr.s6_addr + 12, text, sizeof(text));
	else
		address6_text(&p.addr, text);
	if (p.len == 128)
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, "%s/%u", text, len);
}

const char *nemo_value_text(const struct nemo_value *v, char *buf, size_t size)
{
	if (size == 0)
		return buf;
	buf[0] = '\0';
	switch (v->type) {
	case NEMO_BOOLEAN:
		snprintf(buf, size, "%s", v->boolean ? "true" : "false");
		break;
	case NEMO_INTEGER:
		snprintf(buf, size, "%" PRId64, v->integer);
		break;
	case NEMO_STRING:
		snprintf(buf, size, "%s", v->string);
		break;
	case NEMO_DATE:
		date_text(&v->date, buf, size);
		break;
	case NEMO_UUID:
		uuid_text(v->uuid, buf, size);
		break;
	case NEMO_ETHADDR:
		snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1],
			 v->mac[2], v->mac[3], v->mac[4], v->mac[5]);
		break;
	case NEMO_IPPREFIX:
		prefix_text(v->prefix, buf, size);
		break;
	case NEMO_TYPE_MAX:
		break;
	}
	return buf;
}

static int order(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int date_compare(const struct nemo_date *a, const struct nemo_date *b)
{
	int r = 0;

	if (a->has_day && b->has_day)
		r = order(a->year * 10000 + a->month * 100 + a->day,
			  b->year * 10000 + b->month * 100 + b->day);
	if (r == 0 && a->has_time && b->has_time)
		r = order(a->hour * 10000 + a->minute * 100 + a->second,
			  b->hour * 10000 + b->minute * 100 + b->second);
	return r;
}

static int prefix_compare(const struct nemo_prefix *a, const struct nemo_prefix *b)
{
	int r = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	if (r == 0)
		r = order(a->len, b->len);
	if (r == 0)
		r = order(a->v4, b->v4);
	return order(r, 0);
}

int nemo_value_compare(const struct nemo_value *a, const struct nemo_value *b)
{
	if (a->type != b->type)
		return order(a->type, b->type);
	switch (a->type) {
	case NEMO_BOOLEAN:
		return order(a->boolean, b->boolean);
	case NEMO_INTEGER:
		return order(a->integer, b->integer);
	case NEMO_STRING:
		return order(strcmp(a->string, b->string), 0);
	case NEMO_DATE:
		return date_compare(&a->date, &b->date);
	case NEMO_UUID:
		return order(memcmp(a->uuid, b->uuid, sizeof(a->uuid)), 0);
	case NEMO_ETHADDR:
		return order(memcmp(a->mac, b->mac, sizeof(a->mac)), 0);
	case NEMO_IPPREFIX:
		return prefix_compare(&a->prefix, &b->prefix);
	case NEMO_TYPE_MAX:
		break;
	}
	return 0;
}

bool nemo_value_equal(const struct nemo_value *a, const struct nemo_value *b)
{
	if (a->type == NEMO_DATE && b->type == NEMO_DATE &&
	    (a->date.has_day != b->date.has_day || a->date.has_time != b->date.has_time))
		return false;
	return nemo_value_compare(a, b) == 0;
}
