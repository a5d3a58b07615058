/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths and bodies of what the agent asks its servers (docs/rest.md). Pure. */
#ifndef SAN_AGENT_REQUEST_H
#define SAN_AGENT_REQUEST_H

#include <jansson.h>

#include "san-agent/roster.h"

#define REQUEST_PATH_MAX 256

const char *request_agent_path(const char *agent, const char *tail, char buf[REQUEST_PATH_MAX]);
const char *request_instance_path(const struct instance_conf *inst, char buf[REQUEST_PATH_MAX]);
/* New references, NULL without memory. */
json_t *request_agent(unsigned int ttl_s);
/* sid NULL or ::: the gateway allocates one. */
json_t *request_instance(const struct instance *inst, const char *gateway, json_int_t lease,
			 const struct in6_addr *sid);
/* A line of the batch, with no attributes yet. */
json_t *request_status(const struct instance_conf *inst);
/* Number in natural notation: 3, 71.5. */
json_t *request_number(int64_t milli);

#endif
