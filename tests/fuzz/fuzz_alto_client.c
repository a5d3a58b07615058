/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ALTO servers answer with one JSON value. The first byte chooses: directory, network map,
 * cost map (with and without network map), endpoint costs, property map, error, control event, a
 * reference of a URI. Refused is refused with a reason and without an object; what is accepted is
 * accepted again as the text it becomes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/client.h"

#define BASE "https://alto.example:8443/alto/directory?a=b"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct alto_netmap *network;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void open_network(void)
{
	static const char text[] =
		"{\"meta\":{\"vtag\":{\"resource-id\":\"net\",\"tag\":\"1\"}},\"network-map\":"
		"{\"A\":{\"ipv4\":[\"0.0.0.0/0\"]},\"B\":{\"ipv6\":[\"::/0\"]}}}";

	must(alto_netmap_parse(text, sizeof(text) - 1, "net", &network, NULL) == 0);
}

/* True: it is accepted. */
static bool accepted(int rc, const struct err *err, const void *object)
{
	must((rc == 0) == (object != NULL));
	must(rc == 0 || (err->code == rc && err->want[0]));
	return rc == 0;
}

static char *text_of(const json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT);

	must(text);
	return text;
}

static void fuzz_ird(const char *text, size_t len)
{
	const struct alto_ird_want want = {
		.media = ALTO_MEDIA_COSTMAP, .accepts = ALTO_MEDIA_MAX, .metric = "routingcost"};
	struct alto_ird *ird = NULL;
	struct alto_ird_type type;
	struct err err = {0};
	int rc = alto_ird_parse(text, len, BASE, &ird, &err);

	if (!accepted(rc, &err, ird))
		return;
	for (unsigned int i = 0; i < ird->n; i++)
		must(strncasecmp(ird->v[i].uri, "https://", 8) == 0);
	alto_ird_pick(ird, &want, &type);
	alto_ird_free(ird);
}

static void fuzz_netmap(const char *text, size_t len)
{
	struct alto_netmap *map = NULL, *again = NULL;
	struct alto_prefix p;
	struct err err = {0};
	int rc = alto_netmap_parse(text, len, NULL, &map, &err);

	if (!accepted(rc, &err, map))
		return;
	must(alto_endpoint_parse("ipv4:192.0.2.1", &p) == 0);
	alto_netmap_match(map, &p);
	char *dumped = text_of(map->root);
	must(alto_netmap_parse(dumped, strlen(dumped), map->vtag.id, &again, &err) == 0);
	free(dumped);
	alto_netmap_free(again);
	alto_netmap_free(map);
}

static void fuzz_costmap(const char *text, size_t len, const struct alto_costmap_want *want)
{
	struct alto_costmap *map = NULL, *again = NULL;
	struct err err = {0};
	double cost = 0;
	int rc = alto_costmap_parse(text, len, want, &map, &err);

	if (!accepted(rc, &err, map))
		return;
	alto_costmap_cost(map, "A", "B", &cost);
	must(cost >= 0);
	char *dumped = text_of(map->root);
	must(alto_costmap_parse(dumped, strlen(dumped), want, &again, &err) == 0);
	free(dumped);
	alto_costmap_free(again);
	alto_costmap_free(map);
}

static void fuzz_propmap(const char *text, size_t len)
{
	struct alto_propmap *map = NULL;
	struct err err = {0};
	double number = 0;
	int rc = alto_propmap_parse(text, len, network, &map, &err);

	if (!accepted(rc, &err, map))
		return;
	alto_propmap_number(map, "net.pid:A", "cpu", &number);
	must(number - number == 0);
	alto_propmap_free(map);
}

static void fuzz_control(const char *text, size_t len)
{
	struct err err = {0};
	json_t *root = NULL;

	if (accepted(alto_control_parse(text, len, &root, &err), &err, root))
		json_decref(root);
}

static void fuzz_error(const char *text, size_t len)
{
	struct err err = {0};

	alto_error_parse(text, len, len % 600, &err);
	must(err.code < 0 && err.want[0]);
}

/* What is resolved is absolute: resolving it again changes nothing but what begins with dots. */
static void fuzz_uri(const char *text, size_t len)
{
	char *ref = strndup(text, len), *uri, *again;

	must(ref);
	uri = alto_uri_resolve(BASE, ref);
	if (uri) {
		must(strchr(uri, ':'));
		again = alto_uri_resolve(BASE, uri);
		must(again && strlen(again) <= strlen(uri));
		must(alto_uri_same_origin(uri, uri) == alto_uri_same_origin(again, again));
		free(again);
	}
	free(uri);
	free(ref);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size-- < 1)
		return 0;
	if (!network)
		open_network();
	const struct alto_costmap_want wants[] = {
		{.map = NULL},
		{.map = network, .metric = "routingcost", .mode = "numerical"},
		{.endpoints = true},
	};
	switch (data[0] % 9) {
	case 0:
		fuzz_ird(text, size);
		break;
	case 1:
		fuzz_netmap(text, size);
		break;
	case 5:
		fuzz_propmap(text, size);
		break;
	case 6:
		fuzz_control(text, size);
		break;
	case 7:
		fuzz_error(text, size);
		break;
	case 8:
		fuzz_uri(text, size);
		break;
	default:
		fuzz_costmap(text, size, &wants[data[0] % 9 - 2]);
	}
	return 0;
}
