/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One entry of "instances" in the configuration, and readers shared with config.c. */
#ifndef SAN_AGENT_CONFIG_INSTANCE_H
#define SAN_AGENT_CONFIG_INSTANCE_H

#include "san-agent/config.h"
#include "util/json.h"

/* Appends the instance to conf->instances, which has room. Fields in err are relative to obj. */
int instance_conf_read(const json_t *obj, struct agent_conf *conf, struct err *err);

int conf_uint(const json_t *obj, const char *name, struct json_range range, unsigned int *out,
	      struct err *err);
/* A non-negative number in thousandths. */
int conf_milli(const json_t *value, const char *name, int64_t *out, struct err *err);
int conf_name(const json_t *obj, const char *name, char out[NAME_LEN], struct err *err);
/* "[2001:db8::1]:80" or "192.0.2.1:80"; -EINVAL. */
int conf_sockaddr(const char *text, struct sockaddr_storage *out);

#endif
