/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/in6.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

static bool usable(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) &&
	       !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_LINKLOCAL(a) && !IN6_IS_ADDR_V4MAPPED(a);
}

static bool usable4(uint32_t addr)
{
	uint32_t a = ntohl(addr);

	return a >> 24 != 0 && a >> 24 != 127 && a >> 16 != 0xa9fe && a >> 29 != 7;
}

/* Refuses value, as it was given. */
static int refuse(const json_t *value, const char *want, struct err *err)
{
	OWN_PTR char *given = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	return err_set(err, -EINVAL, "", json_is_string(value) ? json_string_value(value) : given,
		       "%s", want);
}

static bool read6(const json_t *value, struct in6_addr *out)
{
	struct in6_addr addr;

	if (!json_is_string(value) || inet_pton(AF_INET6, json_string_value(value), &addr) != 1 ||
	    !usable(&addr))
		return false;
	*out = addr;
	return true;
}

static bool read4(const json_t *value, uint32_t *out)
{
	struct in_addr addr;

	if (!json_is_string(value) || inet_pton(AF_INET, json_string_value(value), &addr) != 1 ||
	    !usable4(addr.s_addr))
		return false;
	*out = addr.s_addr;
	return true;
}

int in6_from_value(const json_t *value, struct in6_addr *out, struct err *err)
{
	if (read6(value, out))
		return 0;
	return refuse(value,
		      "must be an IPv6 unicast address, not loopback, link-local or IPv4-mapped",
		      err);
}

int addr_from_value(const json_t *value, struct in6_addr *out, struct err *err)
{
	uint32_t addr;

	if (read6(value, out))
		return 0;
	if (!read4(value, &addr))
		return refuse(value,
			      "must be an IPv6 or IPv4 unicast address, not loopback, link-local "
			      "or IPv4-mapped",
			      err);
	*out = in4_mapped(addr);
	return 0;
}

static const json_t *member(const json_t *obj, const char *name, enum json_need need, bool *absent)
{
	const json_t *value = json_object_get(obj, name);

	*absent = need == JSON_OPTIONAL && (!value || json_is_null(value));
	return value;
}

int in6_from_json(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		  struct err *err)
{
	bool absent;
	const json_t *value = member(obj, name, need, &absent);

	if (absent || in6_from_value(value, out, err) == 0)
		return 0;
	return err_prefix(err, "/%s", name);
}

int addr_from_json(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		   struct err *err)
{
	bool absent;
	const json_t *value = member(obj, name, need, &absent);

	if (absent || addr_from_value(value, out, err) == 0)
		return 0;
	return err_prefix(err, "/%s", name);
}

int in4_from_json(const json_t *obj, const char *name, enum json_need need, uint32_t *out,
		  struct err *err)
{
	bool absent;
	const json_t *value = member(obj, name, need, &absent);

	if (absent || read4(value, out))
		return 0;
	refuse(value, "must be an IPv4 unicast address: 10.9.0.1, not 0/8, loopback or link-local",
	       err);
	return err_prefix(err, "/%s", name);
}

struct in6_addr in4_mapped(uint32_t addr)
{
	struct in6_addr mapped = IN6ADDR_ANY_INIT;

	if (addr) {
		mapped.s6_addr32[2] = htonl(0xffff);
		mapped.s6_addr32[3] = addr;
	}
	return mapped;
}

/* ---- prefixes ---- */

static int length_of(const char *text, int max)
{
	char *end;
	long len;

	if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1]))
		return -1;
	len = strtol(text, &end, 10);
	return *end == '\0' && len <= max ? (int)len : -1;
}

static bool host_bits_zero(const struct in6_addr *addr, int len)
{
	for (int i = len; i < 128; i++)
		if (addr->s6_addr[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

static bool overlaps_mapped(const struct in6_addr *addr, int len)
{
	static const struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	for (int i = 0; i < len && i < 96; i++)
		if ((addr->s6_addr[i / 8] ^ mapped.s6_addr[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* NULL, or what would be right. text: address, slash: where its length stands. */
static const char *prefix4(const char *text, const char *slash, struct in6_addr *addr, int *len)
{
	struct in_addr in;

	*len = length_of(slash + 1, 32);
	if (*len < 0 || inet_pton(AF_INET, text, &in) != 1)
		return "must be an IPv4 prefix, address/length of 0..32";
	*addr = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	addr->s6_addr32[3] = in.s_addr;
	*len += 96;
	return NULL;
}

static const char *prefix6(const char *text, const char *slash, struct in6_addr *addr, int *len)
{
	*len = length_of(slash + 1, 128);
	if (*len < 0 || inet_pton(AF_INET6, text, addr) != 1)
		return "must be an IPv6 or IPv4 prefix, address/length";
	if (overlaps_mapped(addr, *len))
		return *len ? "must not hold IPv4-mapped addresses: IPv4 prefixes are written as "
			      "10.9.0.0/24"
			    : "must have a length of 1..128: absent matches any address";
	return NULL;
}

static const char *prefix_wrong(const json_t *value, struct in6_addr *out, uint8_t *out_len)
{
	char text[INET6_ADDRSTRLEN + 4];
	const char *wrong;
	struct in6_addr addr;
	char *slash;
	int len;

	if (!json_is_string(value) || json_string_length(value) >= sizeof(text))
		return "must be an IPv6 or IPv4 prefix, address/length";
	strcpy(text, json_string_value(value));
	slash = strchr(text, '/');
	if (!slash)
		return "must be an IPv6 or IPv4 prefix, address/length";
	*slash = '\0';
	wrong = (strchr(text, ':') ? prefix6 : prefix4)(text, slash, &addr, &len);
	if (!wrong && !host_bits_zero(&addr, len))
		wrong = "must have no bits set behind its length";
	if (wrong)
		return wrong;
	*out = addr;
	*out_len = (uint8_t)len;
	return NULL;
}

int prefix_from_json(const json_t *obj, const char *name, struct in6_addr *out, uint8_t *len,
		     struct err *err)
{
	bool absent;
	const json_t *value = member(obj, name, JSON_OPTIONAL, &absent);
	const char *wrong = absent ? NULL : prefix_wrong(value, out, len);

	if (!wrong)
		return 0;
	refuse(value, wrong, err);
	return err_prefix(err, "/%s", name);
}

void prefix_to_json(json_t *obj, const char *name, const struct in6_addr *addr, uint8_t len)
{
	char text[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN + 4];

	if (len == 0)
		return;
	snprintf(prefix, sizeof(prefix), "%s/%d", in6_text(addr, text),
		 IN6_IS_ADDR_V4MAPPED(addr) ? len - 96 : len);
	json_object_set_new(obj, name, json_string(prefix));
}

/* ---- as text ---- */

const char *in6_text(const struct in6_addr *addr, char buf[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(addr))
		return inet_ntop(AF_INET, &addr->s6_addr32[3], buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

void in6_to_json(json_t *obj, const char *name, const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (!IN6_IS_ADDR_UNSPECIFIED(addr))
		json_object_set_new(obj, name, json_string(in6_text(addr, text)));
}
