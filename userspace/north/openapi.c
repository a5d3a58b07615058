/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /v1/openapi.json: the router's own table as OpenAPI 3.1, so that it cannot drift. What
 * members mean stands in docs/rest.md; here are the shapes.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "north/server.h"

/* clang-format off */
static const char schemas[] =
"{\"Problem\": {\"type\": \"object\", \"required\": [\"type\", \"title\", \"status\", \"detail\"],"
  "\"properties\": {\"type\": {\"type\": \"string\"}, \"title\": {\"type\": \"string\"},"
  "\"status\": {\"type\": \"integer\"}, \"detail\": {\"type\": \"string\"},"
  "\"field\": {\"type\": \"string\"}, \"value\": {\"type\": \"string\"}}},"
" \"List\": {\"type\": \"object\", \"required\": [\"items\"], \"properties\": {"
  "\"items\": {\"type\": \"array\", \"items\": {\"type\": \"object\"}},"
  "\"next\": {\"type\": \"string\"}}},"
" \"Attributes\": {\"type\": \"object\", \"properties\": {\"state\": {\"enum\":"
  "[\"up\", \"draining\", \"down\"]}}, \"additionalProperties\": {\"type\": [\"number\", \"null\"]}},"
" \"Service\": {\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"string\"},"
  "\"name\": {\"type\": \"string\"}, \"address\": {\"type\": \"string\", \"format\": \"ipv6\"},"
  "\"address4\": {\"type\": \"string\", \"format\": \"ipv4\"},"
  "\"selection\": {\"enum\": [\"preferred\", \"balanced\"]},"
  "\"affinity\": {\"enum\": [\"none\", \"hash\", \"flow\"]},"
  "\"affinity_key\": {\"enum\": [\"5-tuple\", \"source\"]},"
  "\"flow_idle_s\": {\"type\": \"integer\"}, \"steering\": {\"enum\": [\"instance\", \"gateway\"]},"
  "\"access\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},"
  "\"revision\": {\"type\": \"integer\"}}},"
" \"Class\": {\"type\": \"object\", \"required\": [\"service\"], \"properties\": {"
  "\"service\": {\"type\": \"string\"}, \"source\": {\"type\": \"string\"},"
  "\"destination\": {\"type\": \"string\"}, \"protocol\": {\"type\": [\"string\", \"integer\"]},"
  "\"source_port\": {\"type\": \"integer\"}, \"destination_port\": {\"type\": \"integer\"},"
  "\"dscp\": {\"type\": \"integer\"}, \"priority\": {\"type\": \"integer\"},"
  "\"revision\": {\"type\": \"integer\"}}},"
" \"Events\": {\"type\": \"object\", \"required\": [\"items\", \"next\"], \"properties\": {"
  "\"items\": {\"type\": \"array\", \"items\": {\"type\": \"object\"}},"
  "\"next\": {\"type\": \"integer\"}, \"missed\": {\"type\": \"integer\"},"
  "\"lost\": {\"type\": \"integer\"}}},"
" \"Keys\": {\"type\": \"object\", \"properties\": {\"revision\": {\"type\": \"integer\"},"
  "\"more\": {\"type\": \"boolean\"}, \"keys\": {\"type\": \"array\", \"items\": {"
  "\"type\": \"object\", \"required\": [\"key\"]}}}},"
" \"Trace\": {\"type\": \"object\", \"required\": [\"seconds\"], \"properties\": {"
  "\"service\": {\"type\": \"string\"}, \"interface\": {\"type\": \"string\"},"
  "\"source\": {\"type\": \"string\"}, \"destination\": {\"type\": \"string\"},"
  "\"protocol\": {\"type\": [\"string\", \"integer\"]}, \"source_port\": {\"type\": \"integer\"},"
  "\"destination_port\": {\"type\": \"integer\"}, \"seconds\": {\"type\": \"integer\"},"
  "\"reasons\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}}},"
" \"Instance\": {\"type\": \"object\", \"required\": [\"gateway\", \"address\"], \"properties\": {"
  "\"gateway\": {\"type\": \"string\"}, \"address\": {\"type\": \"string\"},"
  "\"sid\": {\"type\": [\"string\", \"null\"]}, \"lease\": {\"type\": \"integer\"},"
  "\"attributes\": {\"type\": \"object\"}, \"revision\": {\"type\": \"integer\"}}},"
" \"Gateway\": {\"type\": \"object\", \"properties\": {\"locator\": {\"type\": \"string\"},"
  "\"sid\": {\"type\": [\"string\", \"null\"]}, \"san_sid\": {\"type\": [\"string\", \"null\"]},"
  "\"decap6\": {\"type\": [\"string\", \"null\"]}, \"decap4\": {\"type\": [\"string\", \"null\"]},"
  "\"address\": {\"type\": [\"string\", \"null\"]},"
  "\"revision\": {\"type\": \"integer\"}}},"
" \"Path\": {\"type\": \"object\", \"properties\": {\"kind\": {\"enum\": [\"be\", \"policy\"]},"
  "\"segments\": {\"type\": \"array\", \"items\": {\"type\": \"string\", \"format\": \"ipv6\"}},"
  "\"revision\": {\"type\": \"integer\"}}},"
" \"Agent\": {\"type\": \"object\", \"properties\": {\"ttl_s\": {\"type\": \"integer\"},"
  "\"host\": {\"type\": \"string\"}, \"version\": {\"type\": \"string\"}}},"
" \"Batch\": {\"type\": \"array\", \"items\": {\"type\": \"object\","
  "\"required\": [\"attributes\"]}},"
" \"Domain\": {\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"string\"},"
  "\"prefixes\": {\"type\": \"object\", \"properties\": {"
  "\"ipv4\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},"
  "\"ipv6\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}}},"
  "\"entry-point\": {\"type\": \"string\"}, \"resources\": {\"type\": \"object\"},"
  "\"nfs\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},"
  "\"saps\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},"
  "\"transit\": {\"type\": \"boolean\"}, \"revision\": {\"type\": \"integer\"}}},"
" \"DomainLink\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"},"
  "\"b\": {\"type\": \"string\"}, \"routingcost\": {\"type\": \"number\"},"
  "\"delay-us\": {\"type\": \"number\"}, \"loss-ppm\": {\"type\": \"number\"},"
  "\"max-reservable-bandwidth\": {\"type\": \"number\"}, \"directed\": {\"type\": \"boolean\"},"
  "\"calendar\": {\"type\": \"array\", \"items\": {\"type\": \"number\"}},"
  "\"revision\": {\"type\": \"integer\"}}},"
" \"Domains\": {\"type\": \"object\", \"properties\": {\"domains\": {\"type\": \"object\","
  "\"additionalProperties\": {\"$ref\": \"#/components/schemas/Domain\"}},"
  "\"links\": {\"type\": \"array\","
  "\"items\": {\"$ref\": \"#/components/schemas/DomainLink\"}}}},"
" \"AltoError\": {\"type\": \"object\", \"required\": [\"meta\"], \"properties\": {\"meta\": {"
  "\"type\": \"object\", \"required\": [\"code\"], \"properties\": {\"code\": {\"type\": \"string\"},"
  "\"field\": {\"type\": \"string\"}, \"value\": {\"type\": \"string\"},"
  "\"syntax-error\": {\"type\": \"string\"}, \"why\": {\"type\": \"string\"}}}}},"
" \"Object\": {\"type\": \"object\"}}";

static const char credentials[] =
"{\"token\": {\"type\": \"http\", \"scheme\": \"bearer\"},"
" \"certificate\": {\"type\": \"mutualTLS\"}}";

/* Of what is sent, and of what GET and PUT of the same resource answer. */
static const struct {
	const char *pattern, *schema;
} kinds[] = {
	{"/v1/services/{id}", "Service"},
	{"/v1/services/{id}/instances/{instance}", "Instance"},
	{"/v1/services/{id}/instances/{instance}/status", "Attributes"},
	{"/v1/gateways/{gateway}", "Gateway"},
	{"/v1/paths/{ingress}/{gateway}/{path}", "Path"},
	{"/v1/network/{ingress}/{gateway}/{path}", "Attributes"},
	{"/v1/agents/{agent}", "Agent"},
	{"/v1/classes/{class}", "Class"},
	{"/v1/events", "Events"},
	{"/v1/trace", "Trace"},
	{"/v1/database/keys", "Keys"},
	{"/broker/v1/domains", "Domains"},
	{"/broker/v1/domains/{domain}", "Domain"},
	{"/broker/v1/links/{a}/{b}", "DomainLink"},
};
/* clang-format on */

static const char *schema_of(const struct route *route)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].pattern, route->pattern) == 0)
			return kinds[i].schema;
	}
	return "Object";
}

static json_t *content(const char *type, const char *schema)
{
	char ref[64];

	snprintf(ref, sizeof(ref), "#/components/schemas/%s", schema);
	return json_pack("{s:{s:{s:s}}}", type, "schema", "$ref", ref);
}

static json_t *parameter(const char *name, const char *in, const char *type)
{
	return json_pack("{s:s#, s:s, s:b, s:{s:s}}", "name", name, (int)strcspn(name, "*}"), "in",
			 in, "required", strcmp(in, "path") == 0, "schema", "type", type);
}

static json_t *path_parameters(const char *pattern)
{
	json_t *list = json_array();

	for (const char *p = pattern; (p = strchr(p, '{')); p++)
		json_array_append_new(list, parameter(p + 1, "path", "string"));
	return list;
}

static json_t *request_body(enum rest_body body, const char *schema)
{
	json_t *types = content(body == BODY_SNAPSHOT ? "application/x-ndjson"
				: body == BODY_ALTO   ? "application/*"
				: body == BODY_SCRIPT ? "text/plain"
						      : "application/json",
				body == BODY_BATCH ? "Batch" : schema);

	if (body == BODY_MERGE)
		json_object_update_new(types, content("application/merge-patch+json", schema));
	else if (body == BODY_BATCH)
		json_object_update_new(types, content("application/x-ndjson", "Object"));
	else if (body == BODY_SCRIPT)
		json_object_update_new(types, content("application/nemo", schema));
	return json_pack("{s:b, s:o}", "required", 1, "content", types);
}

/* "get_v1_services_id" */
static json_t *operation_id(const char *method, const char *pattern)
{
	char text[128];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%s", method, pattern), to = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '/')
			text[to++] = '_';
		else if (isalnum((unsigned char)text[i]))
			text[to++] = text[i];
	}
	return json_stringn(text, to);
}

static json_t *query_parameters(const struct rest_action *action)
{
	static const char *const page[] = {"limit", "after", NULL};
	json_t *list = json_array();

	for (const char *const *name = action->paged ? page : action->query; name && *name; name++)
		json_array_append_new(
			list, parameter(*name, "query",
					strcmp(*name, "limit") == 0 || strcmp(*name, "wait_s") == 0
						? "integer"
						: "string"));
	return list;
}

static json_t *good_content(const struct route *route, enum rest_method verb)
{
	const struct rest_action *action = &route->on[verb];
	bool whole = verb == REST_GET || verb == REST_PUT; /* the others: what differs */

	if (action->text)
		return json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string");
	if (action->events)
		return json_pack("{s:{s:{s:s}}, s:{s:{s:s}}}", "text/event-stream", "schema",
				 "type", "string", "application/json", "schema", "type", "object");
	if (action->ndjson)
		return content("application/x-ndjson", "Object");
	if (action->alto)
		return content("*/*", "Object");
	return content("application/json", action->paged ? "List"
					   : whole	 ? schema_of(route)
							 : "Object");
}

static json_t *bad_content(const struct rest_action *action)
{
	json_t *types = content("application/problem+json", "Problem");

	if (types && action->alto)
		json_object_update_new(types, content("application/alto-error+json", "AltoError"));
	return types;
}

/* Not on the unix socket. */
static json_t *security(void)
{
	return json_pack("[{s:[]}, {s:[]}, {}]", "token", "certificate");
}

static json_t *operation(const struct route *route, enum rest_method verb, const char *method)
{
	const struct rest_action *action = &route->on[verb];
	json_t *op =
		json_pack("{s:o, s:{s:{s:s, s:o}, s:{s:s, s:o}}}", "operationId",
			  operation_id(method, route->pattern), "responses", "2XX", "description",
			  "done", "content", good_content(route, verb), "default", "description",
			  "refused; nothing was changed", "content", bad_content(action));

	if (op && action->body != BODY_NONE)
		json_object_set_new(op, "requestBody",
				    request_body(action->body, schema_of(route)));
	if (op && action->local)
		json_object_set_new(op, "description", json_string("on the unix socket only"));
	if (op && (action->admit == auth_broker || action->admit == nemo_admit_req))
		json_object_set_new(op, "security", security());
	if (op && (action->paged || action->query))
		json_object_set_new(op, "parameters", query_parameters(action));
	return op;
}

static json_t *path_item(const struct route *route)
{
	static const char *const names[] = {"get", "put", "patch", "delete", "post"};
	json_t *item = json_object(), *parameters = path_parameters(route->pattern);

	_Static_assert(ARRAY_SIZE(names) == REST_METHOD_MAX, "a name for each method");
	for (int i = 0; i < REST_METHOD_MAX; i++) {
		if (route->on[i].handle)
			json_object_set_new(item, names[i], operation(route, i, names[i]));
	}
	if (json_array_size(parameters))
		json_object_set(item, "parameters", parameters);
	json_decref(parameters);
	return item;
}

/* "/alto/{resource*}": an OpenAPI path has no such star. */
static const char *path_key(const char *pattern, char buf[128])
{
	char *star;

	snprintf(buf, 128, "%s", pattern);
	star = strchr(buf, '*');
	if (star)
		memmove(star, star + 1, strlen(star));
	return buf;
}

void openapi_get(struct req *req)
{
	json_t *paths = json_object();
	char key[128];
	size_t n;
	const struct route *routes = rest_routes(&n);

	for (size_t i = 0; i < n; i++)
		json_object_set_new(paths, path_key(routes[i].pattern, key), path_item(&routes[i]));
	rest_json(req, 200,
		  json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:o, s:o}}", "openapi", "3.1.0", "info",
			    "title", "sand", "version", SAN_VERSION_TEXT, "paths", paths,
			    "components", "schemas", json_loads(schemas, 0, NULL),
			    "securitySchemes", json_loads(credentials, 0, NULL)));
}
