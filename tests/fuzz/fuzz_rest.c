/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text from outside: a URL's way through percent decoding to a route and its parameters, parameters
 * of /v1/events, the body of a trace, lines of a snapshot, Accept, and san-agent's configuration.
 * The first byte chooses.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../userspace/north/database_json.c"
#include "../../userspace/north/event_json.c"
#include "../../userspace/north/media.c"
#include "../../userspace/north/router.c"
#define read_service read_trace_service
#include "../../userspace/north/trace.c"
#undef read_service
#define read_reasons read_event_reasons
#include "../../userspace/north/events.c"
#undef read_reasons
#include "../../userspace/san-agent/config.c"
#include "../../userspace/san-agent/config_database.c"
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

const char *rest_asked(struct MHD_Connection *conn, const char *name)
{
	return NULL;
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
HANDLER(service_history)
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
HANDLER(metrics_get)
HANDLER(database_keys)
HANDLER(database_watch)
HANDLER(database_compact)
HANDLER(database_snapshot)
HANDLER(database_restore)
HANDLER(nemo_state_get)
HANDLER(nemo_check_post)
HANDLER(nemo_plan_post)
HANDLER(nemo_apply_post)
HANDLER(nemo_confirm_post)
HANDLER(nemo_rollback_post)
HANDLER(nemo_history_get)
HANDLER(nemo_revision_get)
HANDLER(nemo_export_get)
HANDLER(nemo_diff_get)
HANDLER(nemo_operations_get)
HANDLER(nemo_connections_get)
HANDLER(nemo_hosts_get)
HANDLER(nemo_listeners_get)
HANDLER(nemo_explain_get)
HANDLER(nemo_query_post)
HANDLER(nemo_events_get)
HANDLER(nemo_clock_get)
HANDLER(nemo_clock_put)
HANDLER(alto_get)
HANDLER(alto_post)
HANDLER(alto_updates_control)
HANDLER(alto_tips_get)
HANDLER(alto_tips_next_post)
HANDLER(alto_sources_get)
HANDLER(domains_get)
HANDLER(domains_put)
HANDLER(domain_get)
HANDLER(domain_put)
HANDLER(domain_delete)
HANDLER(links_get)
HANDLER(link_get)
HANDLER(link_put)
HANDLER(link_delete)

#define ADMIT(name)                                                                                \
	bool name(struct req *req)                                                                 \
	{                                                                                          \
		return true;                                                                       \
	}
ADMIT(alto_admit)
ADMIT(alto_control_admit)
ADMIT(alto_tips_admit)
ADMIT(auth_broker)
ADMIT(nemo_admit_req)

bool auth_admit(struct req *req, const char *first, const char *second)
{
	must(first[0] && !strchr(first, '/') && !strchr(second, '/'));
	return true;
}

/* ---- what traces and events need of theirs ---- */

void rest_json(struct req *req, unsigned int status, json_t *value)
{
	must(value != NULL);
	json_decref(value);
}

void rest_empty(struct req *req, unsigned int status)
{
}

void rest_absent(struct req *req)
{
}

void rest_hold(struct req *req)
{
}

void rest_put(struct req *req)
{
}

bool rest_query(struct req *req,
		int (*read)(void *arg, const char *name, const char *value, struct err *err),
		void *arg)
{
	return false;
}

int rest_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return text[0] < '0' || text[0] > '9' || *end || *out < min || *out > max ? -EINVAL : 0;
}

json_t *ncc_ifaces_json(const struct ncc *ncc)
{
	return json_pack("[{s:s, s:i}, {s:s, s:i}]", "name", "acc0", "ifindex", 5, "name", "gone",
			 "ifindex", 0);
}

const char *ncc_segs_text(const struct plan_nexthop *nh, char *buf, size_t size)
{
	return "";
}

int ncc_trace(struct ncc *ncc, const struct san_trace *trace, uint32_t seconds)
{
	return 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
	return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
	return 0;
}

/* A trace that is taken says what each of its fields must be. */
static void try_trace(const char *text)
{
	struct north north = {0};
	struct order o = {.north = &north, .seconds = TRACE_SECONDS};
	struct err err = {0};
	json_t *body = NULL;
	int r;

	if (json_parse(text, strlen(text), &body, NULL))
		return;
	if (json_is_object(body)) {
		o.trace.fields = SAN_TRACE_ON;
		r = read_order(&o, body, &err);
		must(r ? err.want[0] != 0 : o.seconds >= 1 && o.seconds <= TRACE_SECONDS_MAX);
		must(r || !(o.trace.fields & SAN_TRACE_IFINDEX) || o.trace.ifindex == 5);
		must(r || !(o.trace.fields & SAN_TRACE_SERVICE) == !o.trace.service_id);
		must(r || !(o.trace.fields & SAN_TRACE_REASONS) == !o.trace.reasons);
		must(r || o.trace.reasons >> SAN_R_MAX == 0);
	}
	json_decref(body);
}

/* "name=value" */
static void try_parameter(char *text)
{
	struct north north = {0};
	struct question q = {.north = &north, .filter = {.limit = 1}};
	struct err err = {0};
	char *value = strchr(text, '=');
	int r;

	if (!value)
		return;
	*value++ = 0;
	if (strlen(text) > 16)
		return;
	r = read_parameter(&q, text, value, &err);
	must(r ? err.want[0] != 0 : !err.code);
	must(r || (q.filter.limit >= 1 && q.filter.limit <= NORTH_PAGE_MAX));
	must(r || (q.wait_s <= EVENTS_WAIT_MAX_S && q.filter.reasons >> SAN_R_MAX == 0));
}

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
		must(!param || param[0]);
		must(!param || req.action->alto ||
		     !strchr(param, '/')); /* "{resource*}" has some */
		must(!param || strlen(param) <= strlen(url));
	}
	free(req.segments);
}

/* A line of a snapshot that is taken comes out of kv_json as it went in. */
static void try_line(const char *text)
{
	struct kv_line line, again;
	struct ncsdb_kv kv = {0};
	struct err err = {0};
	json_t *obj = NULL, *shown;

	if (json_parse(text, strlen(text), &obj, NULL))
		return;
	if (kv_from_json(obj, &line, &err)) {
		must(err.want[0] && !line.value);
		json_decref(obj);
		return;
	}
	kv.key = line.key;
	kv.value = line.value;
	kv.value_len = line.len;
	kv.lease = line.lease;
	shown = kv_json(&kv, false);
	must(shown && !kv_from_json(shown, &again, &err));
	must(again.len == line.len && !memcmp(again.value, line.value, line.len));
	must(!strcmp(again.key, line.key) && again.lease == line.lease);
	free(line.value);
	free(again.value);
	json_decref(shown);
	json_decref(obj);
}

/* `text` with `what` behind it. */
static bool accepts_with(const char *text, const char *what, const char *type)
{
	char *more = malloc(strlen(text) + strlen(what) + 2);
	bool good;

	must(more != NULL);
	sprintf(more, "%s,%s", text, what);
	good = accepts(more, type, exactness);
	free(more);
	return good;
}

/* What is allowed is so with any range behind it, and what is named as exactly as can be is. */
static void try_accept(const char *text)
{
	static const char *const types[][2] = {
		{"application/alto-costmap+json", "application/alto-costmap+json;type=x"},
		{"multipart/related;type=application/alto-costmap+json",
		 "multipart/related;type=application/alto-costmap+json"},
		{"text/event-stream", "text/event-stream;type=x"},
	};
	bool open = strchr(text, '"') != NULL; /* may swallow what comes */

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const char *type = types[i][0];

		must(!accepts(text, type, exactness) || open || accepts_with(text, "*/*", type));
		must(open || accepts_with(text, types[i][1], type));
	}
	must(!accepts("", "gzip", exactness_of_gzip));
	accepts(text, "gzip", exactness_of_gzip);
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
	if ((data[0] & 3) == 1)
		try_config(text, strlen(text));
	else if ((data[0] & 3) == 3 && data[0] & 16)
		try_accept(text);
	else if ((data[0] & 3) == 3 && data[0] & 8)
		try_line(text);
	else if ((data[0] & 3) == 3 && data[0] & 4)
		try_trace(text);
	else if ((data[0] & 3) == 3)
		try_parameter(text);
	else
		try_url(text, data[0] >> 1 & 7);
	free(text);
	return 0;
}
