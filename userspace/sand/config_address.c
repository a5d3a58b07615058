/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "[::1]:2379", "127.0.0.1:2379" -> host and port; IPv6 in brackets, and only that. */
static int split_address(const char *text, char *host, size_t size, bool *brackets)
{
	const char *end, *port;
	char *rest;
	unsigned long number;
	size_t len;

	*brackets = *text == '[';
	text += *brackets;
	end = strpbrk(text, *brackets ? "]" : ":");
	if (!end)
		return -EINVAL;
	len = (size_t)(end - text);
	port = end + *brackets;
	if (len == 0 || len >= size || *port != ':' || port[1] < '0' || port[1] > '9')
		return -EINVAL;
	number = strtoul(port + 1, &rest, 10);
	if (*rest || number > 65535)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	return 0;
}

int config_listen(const char *text, bool *loopback, struct err *err)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;
	bool brackets;

	if (split_address(text, host, sizeof(host), &brackets))
		goto bad;
	if (brackets && inet_pton(AF_INET6, host, &v6) == 1)
		*loopback = IN6_IS_ADDR_LOOPBACK(&v6);
	else if (!brackets && inet_pton(AF_INET, host, &v4) == 1)
		*loopback = ntohl(v4.s_addr) >> 24 == 127;
	else
		goto bad;
	return 0;
bad:
	return err_set(err, -EINVAL, "", text,
		       "must be an address and a port: \"[::1]:2379\", \"127.0.0.1:2379\"");
}

int config_endpoint(const char *text, bool *tls, struct err *err)
{
	char host[256];
	struct in6_addr v6;
	bool brackets, http = strncmp(text, "http://", 7) == 0;

	*tls = strncmp(text, "https://", 8) == 0;
	if ((!http && !*tls) || strpbrk(text, " @?#\\") ||
	    split_address(text + (http ? 7 : 8), host, sizeof(host), &brackets) ||
	    strcmp(strrchr(text, ':'), ":0") == 0 ||
	    (brackets && inet_pton(AF_INET6, host, &v6) != 1))
		return err_set(err, -EINVAL, "", text,
			       "must be like \"https://etcd1:2379\" or \"http://[::1]:2379\"");
	return 0;
}
