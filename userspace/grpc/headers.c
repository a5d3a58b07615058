/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grpc/headers.h"

static int unit_ns(char unit, uint64_t *ns)
{
	static const struct {
		char unit;
		uint64_t ns;
	} units[] = {
		{'H', 3600ull * 1000000000},
		{'M', 60ull * 1000000000},
		{'S', 1000000000},
		{'m', 1000000},
		{'u', 1000},
		{'n', 1},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit != unit)
			continue;
		*ns = units[i].ns;
		return 0;
	}
	return -EINVAL;
}

int headers_timeout_parse(const char *text, size_t len, uint64_t *ms)
{
	uint64_t value = 0, ns = 0;

	if (len < 2 || len > 9 || unit_ns(text[len - 1], &ns))
		return -EINVAL;
	for (size_t i = 0; i < len - 1; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	if (ns >= 1000000)
		*ms = value * (ns / 1000000);
	else
		*ms = (value * ns + 999999) / 1000000;
	return 0;
}

void headers_timeout_text(unsigned int ms, char out[HEADERS_TIMEOUT_LEN])
{
	if (ms <= 99999999)
		snprintf(out, HEADERS_TIMEOUT_LEN, "%um", ms);
	else
		snprintf(out, HEADERS_TIMEOUT_LEN, "%uS", ms / 1000);
}

size_t headers_message_encode(const char *text, char *out, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c >= 0x20 && c <= 0x7e && c != '%';

		if (n + (plain ? 1 : 3) >= size)
			break;
		if (plain) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	out[n] = '\0';
	return n;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void headers_message_decode(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		int c = (unsigned char)text[i];

		if (c == '%' && i + 2 < len && hex_value(text[i + 1]) >= 0 &&
		    hex_value(text[i + 2]) >= 0) {
			c = hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]);
			i += 2;
		}
		out[n++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
	}
	out[n] = '\0';
}

bool headers_content_type(const char *text, size_t len)
{
	static const char base[] = "application/grpc", proto[] = "+proto";
	size_t n = sizeof(base) - 1, p = sizeof(proto) - 1;

	if (len < n || memcmp(text, base, n) != 0)
		return false;
	if (len >= n + p && memcmp(text + n, proto, p) == 0)
		n += p;
	return len == n || text[n] == ';';
}

enum grpc_status headers_status_parse(const char *text, size_t len)
{
	unsigned int value = 0;

	if (!len || len > 4)
		return GRPC_UNKNOWN;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return GRPC_UNKNOWN;
		value = value * 10 + (unsigned int)(text[i] - '0');
	}
	return value < GRPC_STATUS_MAX ? (enum grpc_status)value : GRPC_UNKNOWN;
}

enum grpc_status headers_http_status(int http)
{
	switch (http) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	}
	return GRPC_UNKNOWN;
}
