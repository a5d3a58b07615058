/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text from outside: a URL's way through percent decoding to a route and its parameters, and
 * san-agent's configuration. The first byte chooses.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../userspace/north/router.c"
#include "../../userspace/san-agent/config.c"
#include "../../userspace/san-agent/config_instance.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* What the router needs of its neighbours: the answer is remembered. */
void rest_problem(struct req *req, unsigned int status, const struct err *err)
{
	must(!req->answered && err->code < 0 && err->want[0]);
	req->answered = true;
	req->status = status;
}

void rest_fail(struct req *req, const struct err *err)
{
	rest_problem(req, err->code == -ENOENT ? 404 : 400, err);
}

#define HANDLER(name)                                                                              \
	void name(struct req *req)                                                                 \
	{                                                                                          \
	}
HANDLER(health_get)
HANDLER(ready_get)
HANDLER(status_get)
HANDLER(openapi_get)
HANDLER(services_get)
HANDLER(service_get)
HANDLER(service_put)
HANDLER(service_patch)
HANDLER(service_delete)
HANDLER(service_explain)
HANDLER(instances_get)
HANDLER(instances_all_get)
HANDLER(instance_get)
HANDLER(instance_put)
HANDLER(instance_delete)
HANDLER(instance_status_patch)
HANDLER(gateways_get)
HANDLER(gateway_get)
HANDLER(gateway_put)
HANDLER(gateway_patch)
HANDLER(gateway_delete)
HANDLER(paths_get)
HANDLER(path_get)
HANDLER(path_put)
HANDLER(path_patch)
HANDLER(path_delete)
HANDLER(network_patch)
HANDLER(batch_post)
HANDLER(agent_put)
HANDLER(agent_keepalive)
HANDLER(agent_delete)
HANDLER(entries_get)
HANDLER(entry_get)
HANDLER(nexthops_get)
HANDLER(sids_get)
HANDLER(stats_get)
HANDLER(classes_get)
HANDLER(class_get)
HANDLER(class_put)
HANDLER(class_patch)
HANDLER(class_delete)
HANDLER(events_get)
HANDLER(trace_get)
HANDLER(trace_put)
HANDLER(trace_delete)
HANDLER(metrics_get)

static void try_url(const char *url, enum rest_method verb)
{
	struct req req = {.method = "X", .verb = verb};
	bool inside = true;

	rest_route(&req, url);
	must(req.answered == !req.action);
	must(!req.answered || req.status == 400 || req.status == 404 || req.status == 405);
	for (int i = 0; req.action && i < REST_PARAMS; i++) {
		const char *param = req.param[i];

		inside = inside && param; /* the first ones, without a gap */
		must(!param || inside);
		must(!param || (param[0] && !strchr(param, '/')));
		must(!param || strlen(param) <= strlen(url));
	}
	free(req.segments);
}

static void try_config(const char *text, size_t size)
{
	struct agent_conf *conf = NULL;
	struct err err = {0};
	FILE *file = size ? fmemopen((void *)text, size, "r") : NULL;
	int rc;

	if (!file)
		return;
	rc = agent_conf_load(file, "fuzz", &conf, &err);
	fclose(file);
	must(rc ? !conf && err.want[0] : conf && conf->n_instances && conf->n_servers);
	agent_conf_free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	must(text != NULL);
	if (data[0] & 1)
		try_config(text, strlen(text));
	else
		try_url(text, data[0] >> 1 & 7);
	free(text);
	return 0;
}
