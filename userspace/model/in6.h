/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that packets can be sent to, as JSON members. IPv4 addresses are IPv4-mapped in an
 * in6_addr, and dotted as text. */
#ifndef MODEL_IN6_H
#define MODEL_IN6_H

#include <jansson.h>
#include <netinet/in.h>

#include "util/err.h"
#include "util/json.h"

/* A unicast address with meaning beyond this link and host. Absent: *out untouched. */
int in6_from_json(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		  struct err *err);
/* The same from a value. err: field "". */
int in6_from_value(const json_t *value, struct in6_addr *out, struct err *err);
/* Either version: IPv4 becomes IPv4-mapped. */
int addr_from_json(const json_t *obj, const char *name, enum json_need need, struct in6_addr *out,
		   struct err *err);
int addr_from_value(const json_t *value, struct in6_addr *out, struct err *err);
/* IPv4 only, network byte order. */
int in4_from_json(const json_t *obj, const char *name, enum json_need need, uint32_t *out,
		  struct err *err);
struct in6_addr in4_mapped(uint32_t addr); /* 0 -> :: */
/* An optional "2001:db8::/32" or "10.9.0.0/24" (IPv4-mapped, 96..128); no host bits. ::/0 and what
 * holds IPv4-mapped addresses is refused: length 0 stands for any address of either version. */
int prefix_from_json(const json_t *obj, const char *name, struct in6_addr *out, uint8_t *len,
		     struct err *err);
/* Adds the member unless len is 0. */
void prefix_to_json(json_t *obj, const char *name, const struct in6_addr *addr, uint8_t len);
/* Adds the member unless addr is ::. */
void in6_to_json(json_t *obj, const char *name, const struct in6_addr *addr);
/* IPv4-mapped: "10.2.0.5". Returns buf. */
const char *in6_text(const struct in6_addr *addr, char buf[INET6_ADDRSTRLEN]);

#endif
