/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, addresses and prefixes as ALTO writes them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alto/alto.h"

#define ALNUM "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define V4_BITS 32
#define V6_BITS 128

static bool made_of(const char *text, const char *set, size_t max)
{
	size_t len = strnlen(text, max + 1);

	return len > 0 && len <= max && strspn(text, set) == len;
}

bool alto_name_valid(const char *text)
{
	return made_of(text, ALNUM ":@_-", ALTO_NAME_LEN - 1);
}

bool alto_name_valid_dots(const char *text)
{
	return made_of(text, ALNUM ":@_-.", ALTO_NAME_LEN - 1);
}

bool alto_metric_valid(const char *text)
{
	return made_of(text, ALNUM ":_-.", ALTO_METRIC_LEN - 1) && strcmp(text, "priv:") != 0;
}

bool alto_tag_valid(const char *text)
{
	size_t len = strnlen(text, ALTO_TAG_LEN);

	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	}
	return len > 0 && len < ALTO_TAG_LEN;
}

/* ---- addresses ---- */

static int address_parse(const char *text, int family, struct alto_prefix *out)
{
	struct alto_prefix p = {.family = (uint8_t)family, .len = V4_BITS};

	if (family == 6)
		p.len = V6_BITS;
	else if (family != 4)
		return -EINVAL;
	if (inet_pton(family == 4 ? AF_INET : AF_INET6, text, p.addr) != 1)
		return -EINVAL;
	*out = p;
	return 0;
}

int alto_endpoint_parse(const char *text, struct alto_prefix *out)
{
	if (strncmp(text, "ipv4:", 5) == 0)
		return address_parse(text + 5, 4, out);
	if (strncmp(text, "ipv6:", 5) == 0)
		return address_parse(text + 5, 6, out);
	return -EINVAL;
}

struct alto_prefix alto_endpoint_of(const struct in6_addr *addr)
{
	struct alto_prefix p = {.family = 6, .len = 128};

	memcpy(p.addr, addr, sizeof(p.addr));
	if (!IN6_IS_ADDR_V4MAPPED(addr))
		return p;
	p = (struct alto_prefix){.family = 4, .len = 32};
	memcpy(p.addr, &addr->s6_addr[12], 4);
	return p;
}

static int length_parse(const char *text, unsigned int max)
{
	size_t n = strlen(text);
	unsigned int len = 0;

	if (n < 1 || n > 3 || strspn(text, "0123456789") != n || (n > 1 && text[0] == '0'))
		return -EINVAL;
	for (; *text; text++)
		len = len * 10 + (unsigned int)(*text - '0');
	return len <= max ? (int)len : -EINVAL;
}

static bool host_bits_zero(const struct alto_prefix *p)
{
	unsigned int at = p->len / 8;

	if (p->len % 8 && (p->addr[at++] & (0xff >> (p->len % 8))))
		return false;
	for (; at < sizeof(p->addr); at++) {
		if (p->addr[at])
			return false;
	}
	return true;
}

int alto_prefix_parse(const char *text, int family, struct alto_prefix *out)
{
	const char *slash = strchr(text, '/');
	char addr[INET6_ADDRSTRLEN];
	struct alto_prefix p;
	int len;

	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (address_parse(addr, family, &p) < 0)
		return -EINVAL;
	len = length_parse(slash + 1, p.len);
	if (len < 0)
		return -EINVAL;
	p.len = (uint8_t)len;
	if (!host_bits_zero(&p))
		return -EINVAL;
	*out = p;
	return 0;
}

static const char *address_text(const struct alto_prefix *p, char *buf, size_t size)
{
	return inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, buf, (socklen_t)size);
}

const char *alto_endpoint_text(const struct alto_prefix *p, char buf[ALTO_ENDPOINT_LEN])
{
	memcpy(buf, p->family == 4 ? "ipv4:" : "ipv6:", 5);
	address_text(p, buf + 5, ALTO_ENDPOINT_LEN - 5);
	return buf;
}

const char *alto_prefix_text(const struct alto_prefix *p, char buf[ALTO_ENDPOINT_LEN])
{
	size_t len;

	address_text(p, buf, ALTO_ENDPOINT_LEN);
	len = strlen(buf);
	snprintf(buf + len, ALTO_ENDPOINT_LEN - len, "/%u", p->len);
	return buf;
}
