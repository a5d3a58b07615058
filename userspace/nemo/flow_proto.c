/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP protocols, as flows name them. */
#include <stdio.h>
#include <string.h>

#include "nemo/compile_int.h"
#include "util/own.h"

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = {
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"icmp", IPPROTO_ICMP},
	{"icmp6", IPPROTO_ICMPV6},
};

bool nemo_proto_read(const char *text, uint8_t *proto)
{
	unsigned int number = 0;
	size_t digits = strspn(text, "0123456789");

	for (unsigned int i = 0; i < ARRAY_SIZE(protos); i++) {
		if (strcmp(text, protos[i].name) == 0) {
			*proto = protos[i].proto;
			return true;
		}
	}
	if (!digits || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
		return false;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (unsigned int)(text[i] - '0');
	*proto = (uint8_t)number;
	return number <= UINT8_MAX;
}

const char *nemo_proto_text(uint8_t proto, char buf[8])
{
	snprintf(buf, 8, "%u", proto);
	for (unsigned int i = 0; i < ARRAY_SIZE(protos); i++)
		if (proto == protos[i].proto)
			snprintf(buf, 8, "%s", protos[i].name);
	return buf;
}
