/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/request.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "util/http.h"

const char *request_agent_path(const char *agent, const char *tail, char buf[REQUEST_PATH_MAX])
{
	char segment[3 * NAME_LEN];

	snprintf(buf, REQUEST_PATH_MAX, "/v1/agents/%s%s",
		 http_segment(agent, segment, sizeof(segment)), tail);
	return buf;
}

const char *request_instance_path(const struct instance_conf *inst, char buf[REQUEST_PATH_MAX])
{
	char segment[3 * NAME_LEN], id[SVC_ID_TEXT];

	snprintf(buf, REQUEST_PATH_MAX, "/v1/services/%s/instances/%s",
		 svc_id_text(inst->service, id),
		 http_segment(inst->name, segment, sizeof(segment)));
	return buf;
}

json_t *request_agent(unsigned int ttl_s)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	return json_pack("{s:i, s:s, s:s}", "ttl_s", (int)ttl_s, "host", host, "version",
			 SAN_VERSION_TEXT);
}

static const char *address_text(const struct in6_addr *addr, char buf[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(addr))
		return inet_ntop(AF_INET, &addr->s6_addr[12], buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, addr, buf, INET6_ADDRSTRLEN);
}

json_t *request_instance(const struct instance *inst, const char *gateway, json_int_t lease,
			 const struct in6_addr *sid)
{
	char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN];
	json_t *body;

	body = json_pack("{s:s, s:s, s:I}", "gateway", gateway, "address",
			 address_text(&inst->conf.address, address), "lease", lease);
	if (!body)
		return NULL;
	if (sid && !IN6_IS_ADDR_UNSPECIFIED(sid))
		json_object_set_new(body, "sid",
				    json_string(inet_ntop(AF_INET6, sid, text, sizeof(text))));
	/* An operator may have set it to draining: say nothing while there is nothing to say. */
	if (!inst->up)
		json_object_set_new(body, "state", json_string("down"));
	return body;
}

json_t *request_status(const struct instance_conf *inst)
{
	char id[SVC_ID_TEXT];

	return json_pack("{s:s, s:s, s:{}}", "service", svc_id_text(inst->service, id), "instance",
			 inst->name, "attributes");
}

json_t *request_number(int64_t milli)
{
	return milli % 1000 ? json_real((double)milli / 1000) : json_integer(milli / 1000);
}
