/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the configuration: the readers of its sections. Each fills *c from the section's value;
 * errors are relative to that value. */
#ifndef SAND_CONFIG_INT_H
#define SAND_CONFIG_INT_H

#include "sand/config.h"
#include "util/json.h"

/* ---- config.c ---- */
/* Applies read to every element of an array of at most max; errors get the element's index. */
int config_each(struct config *c, json_t *array, size_t max,
		int (*read)(struct config *c, json_t *value, struct err *err), struct err *err);
/* Optional member; absent: *out is left alone. */
int config_u32(const json_t *obj, const char *name, struct json_range range, uint32_t *out,
	       struct err *err);

/* ---- config_iface.c ---- */
int config_ifaces(struct config *c, json_t *value, struct err *err);

/* ---- config_srv6.c ---- */
int config_sids(struct config *c, json_t *value, struct err *err);
int config_domain(struct config *c, json_t *value, struct err *err);
int config_dataplane(struct config *c, json_t *value, struct err *err);
int config_icmp(struct config *c, json_t *value, struct err *err);
/* Prefixes that were not given, the SIDs that this gateway's definition brings. */
int config_srv6_finish(struct config *c, struct err *err);

/* ---- config_objects.c ---- */
int config_services(struct config *c, json_t *value, struct err *err);
int config_gateways(struct config *c, json_t *value, struct err *err);
int config_paths(struct config *c, json_t *value, struct err *err);
int config_networks(struct config *c, json_t *value, struct err *err);
int config_classes(struct config *c, json_t *value, struct err *err);

#endif
