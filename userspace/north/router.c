/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of what exists, and the way from a path to its line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

#define ROUTE_SEGMENTS 8

#define GET(f) [REST_GET] = {.handle = (f)}
#define LIST(f) [REST_GET] = {.handle = (f), .paged = true}
#define PUT(f) [REST_PUT] = {.handle = (f), .body = BODY_JSON}
#define PATCH(f) [REST_PATCH] = {.handle = (f), .body = BODY_MERGE}
#define DELETE(f) [REST_DELETE] = {.handle = (f)}
#define POST(f, kind) [REST_POST] = {.handle = (f), .body = (kind)}

static const char *const event_query[] = {"after",  "limit",	 "wait_s", "service",
					  "reason", "interface", "kind",   NULL};
static const char *const keys_query[] = {"prefix", "after", "limit", "revision", "keys_only", NULL};
static const char *const watch_query[] = {"prefix", "revision", "limit", "wait_s", NULL};
static const char *const restore_query[] = {"leased", "replace", NULL};

#define NEMO_ACTION(f, kind, names)                                                                \
	{                                                                                          \
		.handle = (f), .admit = nemo_admit_req, .body = (kind), .query = (names)           \
	}
#define NEMO_GET(f, names) [REST_GET] = NEMO_ACTION(f, BODY_NONE, names)
#define NEMO_POST(f, kind, names) [REST_POST] = NEMO_ACTION(f, kind, names)
#define NEMO_TEXT(f, names)                                                                        \
	[REST_GET] = {.handle = (f), .admit = nemo_admit_req, .text = true, .query = (names)}

static const char *const nemo_any[] = {"tenant", NULL};
static const char *const nemo_check_query[] = {"tenant", "syntax", NULL};
static const char *const nemo_apply_query[] = {"tenant", "confirm", "comment", NULL};
static const char *const nemo_revision_query[] = {"tenant", "revision", NULL};
static const char *const nemo_diff_query[] = {"tenant", "from", "to", NULL};
static const char *const nemo_explain_query[] = {"tenant", "packet", "time", NULL};
static const char *const nemo_events_query[] = {"tenant", "after", "kept", NULL};

#define BROKER_GET(f) [REST_GET] = {.handle = (f), .admit = auth_broker}
#define BROKER_LIST(f) [REST_GET] = {.handle = (f), .admit = auth_broker, .paged = true}
#define BROKER_PUT(f, kind) [REST_PUT] = {.handle = (f), .admit = auth_broker, .body = (kind)}
#define BROKER_DELETE(f) [REST_DELETE] = {.handle = (f), .admit = auth_broker}
#define ALTO(f, a, kind)                                                                           \
	{                                                                                          \
		.handle = (f), .admit = (a), .body = (kind), .alto = true                          \
	}

/* clang-format off */
static const struct route routes[] = {
	{"/healthz", {GET(health_get)}},
	{"/readyz", {GET(ready_get)}},
	{"/v1/openapi.json", {GET(openapi_get)}},
	{"/v1/status", {GET(status_get), POST(batch_post, BODY_BATCH)}},
	{"/v1/services", {LIST(services_get)}},
	{"/v1/services/{id}",
	 {GET(service_get), PUT(service_put), PATCH(service_patch), DELETE(service_delete)}},
	{"/v1/services/{id}/explain", {GET(service_explain)}},
	{"/v1/services/{id}/history", {GET(service_history)}},
	{"/v1/services/{id}/instances", {LIST(instances_get)}},
	{"/v1/services/{id}/instances/{instance}",
	 {GET(instance_get), PUT(instance_put), DELETE(instance_delete)}},
	{"/v1/services/{id}/instances/{instance}/status", {PATCH(instance_status_patch)}},
	{"/v1/instances", {LIST(instances_all_get)}},
	{"/v1/gateways", {LIST(gateways_get)}},
	{"/v1/gateways/{gateway}",
	 {GET(gateway_get), PUT(gateway_put), PATCH(gateway_patch), DELETE(gateway_delete)}},
	{"/v1/classes", {LIST(classes_get)}},
	{"/v1/classes/{class}",
	 {GET(class_get), PUT(class_put), PATCH(class_patch), DELETE(class_delete)}},
	{"/v1/paths", {LIST(paths_get)}},
	{"/v1/paths/{ingress}/{gateway}/{path}",
	 {GET(path_get), PUT(path_put), PATCH(path_patch), DELETE(path_delete)}},
	{"/v1/network/{ingress}/{gateway}/{path}", {PATCH(network_patch)}},
	{"/v1/agents/{agent}", {PUT(agent_put), DELETE(agent_delete)}},
	{"/v1/agents/{agent}/keepalive", {POST(agent_keepalive, BODY_NONE)}},
	{"/v1/entries", {LIST(entries_get)}},
	{"/v1/entries/{id}", {GET(entry_get)}},
	{"/v1/nexthops", {LIST(nexthops_get)}},
	{"/v1/sids", {LIST(sids_get)}},
	{"/v1/stats", {GET(stats_get)}},
	{"/v1/events", {[REST_GET] = {.handle = events_get, .query = event_query}}},
	{"/v1/trace", {GET(trace_get), PUT(trace_put), DELETE(trace_delete)}},
	{"/v1/database/keys",
	 {[REST_GET] = {.handle = database_keys, .query = keys_query, .local = true}}},
	{"/v1/database/watch",
	 {[REST_GET] = {.handle = database_watch, .query = watch_query, .local = true}}},
	{"/v1/database/compact",
	 {[REST_POST] = {.handle = database_compact, .body = BODY_JSON, .local = true}}},
	{"/v1/database/snapshot",
	 {[REST_GET] = {.handle = database_snapshot, .ndjson = true, .local = true}}},
	{"/v1/database/restore",
	 {[REST_POST] = {.handle = database_restore, .body = BODY_SNAPSHOT, .query = restore_query,
			 .local = true, .exclusive = true}}},
	{"/v1/alto/sources", {GET(alto_sources_get)}},
	{"/v1/nemo", {NEMO_GET(nemo_state_get, nemo_any)}},
	{"/v1/nemo/check", {NEMO_POST(nemo_check_post, BODY_SCRIPT, nemo_check_query)}},
	{"/v1/nemo/plan", {NEMO_POST(nemo_plan_post, BODY_SCRIPT, nemo_any)}},
	{"/v1/nemo/apply", {NEMO_POST(nemo_apply_post, BODY_SCRIPT, nemo_apply_query)}},
	{"/v1/nemo/confirm", {NEMO_POST(nemo_confirm_post, BODY_NONE, nemo_any)}},
	{"/v1/nemo/rollback", {NEMO_POST(nemo_rollback_post, BODY_NONE, nemo_revision_query)}},
	{"/v1/nemo/history", {NEMO_GET(nemo_history_get, nemo_any)}},
	{"/v1/nemo/revisions/{revision}", {NEMO_TEXT(nemo_revision_get, nemo_any)}},
	{"/v1/nemo/export", {NEMO_TEXT(nemo_export_get, nemo_any)}},
	{"/v1/nemo/diff", {NEMO_GET(nemo_diff_get, nemo_diff_query)}},
	{"/v1/nemo/operations", {NEMO_GET(nemo_operations_get, nemo_any)}},
	{"/v1/nemo/connections", {NEMO_GET(nemo_connections_get, nemo_any)}},
	{"/v1/nemo/hosts", {NEMO_GET(nemo_hosts_get, nemo_any)}},
	{"/v1/nemo/listeners", {NEMO_GET(nemo_listeners_get, nemo_any)}},
	{"/v1/nemo/explain", {NEMO_GET(nemo_explain_get, nemo_explain_query)}},
	{"/v1/nemo/query", {NEMO_POST(nemo_query_post, BODY_SCRIPT, nemo_any)}},
	{"/v1/nemo/events",
	 {[REST_GET] = {.handle = nemo_events_get, .admit = nemo_admit_req, .events = true,
			.query = nemo_events_query}}},
	{"/v1/nemo/clock",
	 {NEMO_GET(nemo_clock_get, nemo_any),
	  [REST_PUT] = NEMO_ACTION(nemo_clock_put, BODY_JSON, nemo_any)}},
	{"/broker/v1/domains", {BROKER_LIST(domains_get), BROKER_PUT(domains_put, BODY_LARGE)}},
	{"/broker/v1/domains/{domain}",
	 {BROKER_GET(domain_get), BROKER_PUT(domain_put, BODY_JSON), BROKER_DELETE(domain_delete)}},
	{"/broker/v1/links", {BROKER_LIST(links_get)}},
	{"/broker/v1/links/{a}/{b}",
	 {BROKER_GET(link_get), BROKER_PUT(link_put, BODY_JSON), BROKER_DELETE(link_delete)}},
	{"/alto/updates/{stream}",
	 {[REST_POST] = ALTO(alto_updates_control, alto_control_admit, BODY_ALTO)}},
	{"/alto/tips/{view}/ug",
	 {[REST_POST] = ALTO(alto_tips_next_post, alto_tips_admit, BODY_ALTO)}},
	{"/alto/tips/{view}/ug/{from}/{to}",
	 {[REST_GET] = ALTO(alto_tips_get, alto_tips_admit, BODY_NONE)}},
	{"/alto/{resource*}",
	 {[REST_GET] = ALTO(alto_get, alto_admit, BODY_NONE),
	  [REST_POST] = ALTO(alto_post, alto_admit, BODY_ALTO)}},
	{"/metrics", {[REST_GET] = {.handle = metrics_get, .text = true}}},
};
/* clang-format on */

const struct route *rest_routes(size_t *n)
{
	*n = ARRAY_SIZE(routes);
	return routes;
}

/* ---- percent encoding, RFC 3986 section 2.1 ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(char *text, bool slashes)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		int high, low, c = (unsigned char)*from;

		if (c == '%') {
			high = hex_digit(from[1]);
			low = high < 0 ? -1 : hex_digit(from[2]);
			if (low < 0)
				return -EINVAL;
			c = high << 4 | low;
			from += 2;
			if (c == 0 || (c == '/' && !slashes))
				return -EINVAL;
		}
		*to++ = (char)c;
	}
	*to = 0;
	return 0;
}

int rest_decode(char *text)
{
	return decode(text, false);
}

int rest_decode_query(char *text)
{
	return decode(text, true);
}

/* ---- matching ---- */

struct split {
	char *segment[ROUTE_SEGMENTS];
	int n;
};

/* "/v1/services/0x101" -> 3 segments, in place. False: no route is that deep, or an empty segment.
 */
static bool split_path(char *path, struct split *split)
{
	split->n = 0;
	if (*path != '/')
		return false;
	while (path) {
		*path++ = 0;
		if (split->n == ROUTE_SEGMENTS || *path == 0 || *path == '/')
			return false;
		split->segment[split->n++] = path;
		path = strchr(path, '/');
	}
	return true;
}

/* "{resource*}" takes all that is left. */
static bool takes_rest(const char *pattern, size_t len)
{
	return pattern[0] == '{' && pattern[len - 2] == '*';
}

/* The segments from i on as one text again: decoded, they need less room than they had. */
static void join(struct split *split, int i)
{
	char *end = strchr(split->segment[i], '\0');

	for (int k = i + 1; k < split->n; k++) {
		size_t len = strlen(split->segment[k]);

		*end++ = '/';
		memmove(end, split->segment[k], len + 1);
		end += len;
	}
	split->n = i + 1;
}

static bool match(const char *pattern, struct split *split, const char **param)
{
	int n_params = 0;

	for (int i = 0; i < split->n; i++) {
		size_t len;

		if (*pattern++ != '/')
			return false;
		len = strcspn(pattern, "/");
		if (takes_rest(pattern, len))
			join(split, i);
		if (*pattern == '{')
			param[n_params++] = split->segment[i];
		else if (strlen(split->segment[i]) != len ||
			 strncmp(pattern, split->segment[i], len) != 0)
			return false;
		pattern += len;
	}
	return *pattern == 0;
}

static const struct route *find(struct split *split, const char **param)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (match(routes[i].pattern, split, param))
			return &routes[i];
	}
	return NULL;
}

/* RFC 9110 section 10.2.1 */
static void set_allow(struct req *req, const struct route *route)
{
	static const char *const names[] = {"GET, HEAD", "PUT", "PATCH", "DELETE", "POST"};

	_Static_assert(ARRAY_SIZE(names) == REST_METHOD_MAX, "a name for each method");
	for (int i = 0; i < REST_METHOD_MAX; i++) {
		if (!route->on[i].handle)
			continue;
		if (req->allow[0])
			strcat(req->allow, ", ");
		strcat(req->allow, names[i]); /* all together fit */
	}
}

static void choose(struct req *req, const struct route *route)
{
	struct err err = {0};

	if (req->verb < REST_METHOD_MAX && route->on[req->verb].handle) {
		req->action = &route->on[req->verb];
		return;
	}
	set_allow(req, route);
	err_set(&err, -EINVAL, "", NULL, "%s is not possible here, %s are", req->method,
		req->allow);
	rest_problem(req, 405, &err);
}

void rest_route(struct req *req, const char *url)
{
	const struct route *route = NULL;
	struct split split;
	struct err err = {0};

	snprintf(req->object, sizeof(req->object), "path");
	req->segments = strdup(url);
	if (!req->segments) {
		err_set(&err, -ENOMEM, "", NULL, "no memory");
		rest_fail(req, &err);
		return;
	}
	if (split_path(req->segments, &split)) {
		for (int i = 0; i < split.n; i++) {
			if (rest_decode(split.segment[i]) == 0)
				continue;
			err_set(&err, -EINVAL, "", url,
				"percent escapes must have two hex digits and be no '/' or NUL");
			rest_fail(req, &err);
			return;
		}
		if (!auth_admit(req, split.segment[0], split.n > 1 ? split.segment[1] : ""))
			return;
		route = find(&split, req->param);
	}
	if (route) {
		choose(req, route);
		return;
	}
	err_set(&err, -ENOENT, "", url, "no such resource");
	rest_fail(req, &err);
}
