/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classifier rules: they give a service to packets without a SAN header. Value type (struct
 * plan_class) with a JSON form (database key /san/classes/<name>, REST, configuration):
 *
 * { "service": "0x101", "source": "2001:db8::/32", "destination": "2001:db8:5::/48",
 *   "protocol": "tcp", "source_port": 1024, "destination_port": 80, "dscp": 46, "priority": 10 }
 *
 * Only service is required; what is absent matches anything. Prefixes are IPv6 or IPv4, both of a
 * rule of the same version. protocol: "tcp", "udp", "icmp", "icmp6" or 0..255; ports need tcp or
 * udp. Of the rules that match a packet, that with the longest destination prefix counts, then the
 * longest source prefix, then the highest priority (0..65535, default 0), then the smallest name.
 */
#ifndef MODEL_CLASS_H
#define MODEL_CLASS_H

#include <jansson.h>

#include "model/plan.h"
#include "util/err.h"

#define CLASS_PRIORITY_MAX 65535
#define CLASS_DSCP_MAX 63

/* name comes from the key; obj may repeat it, not contradict it; NULL: it must be in obj. *cls is
 * left alone on failure; its padding is zero: memcmp compares. -EINVAL. */
int class_from_json(const json_t *obj, const char *name, struct plan_class *cls, struct err *err);
/* Round-trips; holds the name. New reference, NULL without memory. */
json_t *class_to_json(const struct plan_class *cls);

#endif
