/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Path vector answers. The first byte: 1 with a network map, 2 for a service graph. Then a line
 * with the Content-Type, then the body. What is accepted is also read in halves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alto/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct alto_netmap *open_network(void)
{
	static const char text[] =
		"{\"meta\":{\"vtag\":{\"resource-id\":\"net\",\"tag\":\"1\"}},\"network-map\":"
		"{\"A\":{},\"B\":{}}}";
	struct alto_netmap *map = NULL;

	must(alto_netmap_parse(text, sizeof(text) - 1, "net", &map, NULL) == 0);
	return map;
}

static int parse(const char *body, size_t len, const char *type, const struct alto_netmap *map,
		 bool sg)
{
	struct alto_pv *pv = NULL;
	struct err err = {0};
	int rc = alto_pv_parse(body, len, type, map, sg, &pv, &err);

	must((rc == 0) == (pv != NULL));
	must(rc == 0 || (err.code == rc && err.want[0]));
	if (pv) {
		must(!strcmp(pv->costs->metric, "ane-path") && !strcmp(pv->costs->mode, "array"));
		must(pv->props->n_depends > 0);
	}
	alto_pv_free(pv);
	return rc;
}

/* Without its last line, and without half of itself. */
static void cut(const char *body, size_t len, const char *type)
{
	const char *end = body + len;

	while (end > body && end[-1] == '\n')
		end--;
	while (end > body && end[-1] != '\n')
		end--;
	parse(body, (size_t)(end - body), type, NULL, false);
	parse(body, len / 2, type, NULL, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct alto_netmap *network;
	const char *text = (const char *)data + 1;
	const char *line = size ? memchr(text, '\n', size - 1) : NULL;
	char *type;
	size_t len;

	if (!line)
		return 0;
	if (!network)
		network = open_network();
	type = strndup(text, (size_t)(line - text));
	must(type);
	len = size - 2 - (size_t)(line - text);
	if (!parse(line + 1, len, type, data[0] & 1 ? network : NULL, data[0] & 2))
		cut(line + 1, len, type);
	free(type);
	return 0;
}
