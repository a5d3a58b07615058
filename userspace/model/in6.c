/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/in6.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/own.h"

static bool usable(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) &&
	       !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_LINKLOCAL(a) && !IN6_IS_ADDR_V4MAPPED(a);
}

int in6_from_value(const json_t *value, struct in6_addr *out, struct err *err)
{
	struct in6_addr addr;
	OWN_PTR char *given = NULL;

	if (json_is_string(value) && inet_pton(AF_INET6, json_string_value(value), &addr) == 1 &&
	    usable(&addr)) {
		*out = addr;
		return 0;
	}
	given = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	return err_set(err, -EINVAL, "", json_is_string(value) ? json_string_value(value) : given,
		       "must be an IPv6 unicast address, not loopback, link-local or IPv4-mapped");
}

int in6_from_json(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		  struct err *err)
{
	const json_t *value = json_object_get(obj, name);
	int r;

	if (need == JSON_OPTIONAL && (!value || json_is_null(value)))
		return 0;
	r = in6_from_value(value, out, err);
	return r ? err_prefix(err, "/%s", name) : 0;
}

const char *in6_text(const struct in6_addr *addr, char buf[INET6_ADDRSTRLEN])
{
	return inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

void in6_to_json(json_t *obj, const char *name, const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (!IN6_IS_ADDR_UNSPECIFIED(addr))
		json_object_set_new(obj, name, json_string(in6_text(addr, text)));
}
