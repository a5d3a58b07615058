/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of both versions, as this module holds them and as the kernel writes them. */
#include <arpa/inet.h>
#include <string.h>

#include "nl/priv.h"

void nl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct in6_addr *addr)
{
	mnl_attr_put(nlh, type, nl_addr_size(nl_family(addr)), nl_addr_raw(addr));
}

bool nl_get_addr(uint8_t family, const void *data, size_t len, struct in6_addr *out)
{
	if ((family != AF_INET && family != AF_INET6) || len != nl_addr_size(family))
		return false;
	memset(out, 0, sizeof(*out));
	if (family == AF_INET)
		out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[16 - len], data, len);
	return true;
}

const char *nl_addr_text(const struct in6_addr *addr, char buf[NL_ADDR_TEXT])
{
	return inet_ntop(nl_family(addr), nl_addr_raw(addr), buf, NL_ADDR_TEXT);
}
