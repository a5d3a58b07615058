/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Service graphs: the first byte makes a graph of six domains, the rest is the value of `sg`. What
 * is answered are simple paths through transit domains, from a domain that has the one node to one
 * that has the other, and our client understands them. What is refused has a code of RFC 7285.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/client.h"
#include "alto/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DOMAINS 6

static void must(bool holds)
{
	if (!holds)
		abort();
}

static uint32_t seed;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* Some of n0..n3 and s0, s1. */
static void add_names(struct alto_builder *b, uint32_t pid, const char *prop, char kind, int n)
{
	json_t *names = json_array();
	char name[4] = {kind};

	for (int i = 0; i < n; i++) {
		name[1] = (char)('0' + i);
		if (!dice(2))
			json_array_append_new(names, json_string(name));
	}
	must(alto_builder_pid_prop(b, pid, prop, names) == 0);
}

static void add_links(struct alto_builder *b)
{
	for (uint32_t i = 0; i < DOMAINS * DOMAINS; i++) {
		struct alto_link link = {.from = i / DOMAINS, .to = i % DOMAINS};

		for (int v = 0; v < LINK_VALUE_MAX; v++)
			link.value[v] = NAN;
		if (dice(4))
			link.value[LINK_ROUTINGCOST] = dice(5);
		if (link.from != link.to && !dice(2))
			must(alto_builder_link(b, &link) == 0);
	}
}

static struct alto_resources *graph(void)
{
	struct alto_builder_conf conf = {.stat = "", .service_graph = true};
	struct alto_resources *all = NULL;
	struct alto_snapshot *snap = NULL;
	struct alto_source *s = NULL;
	struct alto_builder *b = NULL;
	char name[4] = "D";
	uint32_t pid;

	must(alto_builder_new("g", &b) == 0);
	for (int i = 0; i < DOMAINS; i++) {
		name[1] = (char)('0' + i);
		must(alto_builder_pid(b, name, dice(3), &pid) == 0);
		add_names(b, pid, "nf", 'n', 4);
		add_names(b, pid, "port", 's', 2);
	}
	add_links(b);
	must(alto_builder_finish(b, &conf, &s) == 0);
	must(alto_snapshot_new(&s, 1, &snap) == 0);
	must(alto_resources_new(snap, &all) == 0);
	alto_snapshot_put(snap);
	return all;
}

/* Is it an NF or a SAP of this domain? */
static bool offers(const struct alto_source *s, const char *domain, const char *node)
{
	static const char *const props[] = {"nf", "port"};
	const json_t *all = json_object_get(s->pid_props, domain);
	json_t *name;
	size_t i;

	for (int p = 0; p < 2; p++)
		json_array_foreach(json_object_get(all, props[p]), i, name)
			if (!strcmp(json_string_value(name), node))
				return true;
	return false;
}

static void check_step(const struct alto_source *s, uint32_t from, uint32_t to)
{
	for (uint32_t i = s->pids[from].first_link; i < s->pids[from + 1].first_link; i++)
		if (s->links[i].to == to && !isnan(s->links[i].value[LINK_ROUTINGCOST]))
			return;
	abort();
}

static void check_path(const struct alto_source *s, const json_t *path, const char *a,
		       const char *b)
{
	size_t n = json_array_size(path);
	bool seen[DOMAINS + 1] = {false};
	uint32_t before = 0;

	must(n > 0 && n <= DOMAINS);
	for (size_t i = 0; i < n; i++) {
		const char *name = json_string_value(json_array_get(path, i));
		uint32_t pid = alto_source_find(s, name);

		must(pid <= DOMAINS && !seen[pid]);
		seen[pid] = true;
		must(i > 0 || offers(s, name, a));
		must(i < n - 1 || offers(s, name, b));
		must(i == 0 || i == n - 1 || s->pids[pid].transit);
		if (i)
			check_step(s, before, pid);
		before = pid;
	}
}

static void check_paths(const struct alto_source *s, json_t *costs)
{
	const char *src, *dst, *a, *b;
	json_t *dsts, *as, *bs, *paths, *path;
	size_t i;

	json_object_foreach(costs, src, dsts) {
		must(json_object_size(dsts) > 0);
		json_object_foreach(dsts, dst, as) {
			must(json_object_size(json_object_get(as, src)) > 0);
			json_object_foreach(as, a, bs) {
				json_object_foreach(bs, b, paths) {
					must(json_array_size(paths) > 0);
					json_array_foreach(paths, i, path)
						check_path(s, path, a, b);
				}
			}
		}
	}
}

static void check_answer(const struct alto_request *req, const struct alto_reply *reply)
{
	struct alto_pv *pv = NULL;
	struct err err;

	must(alto_pv_parse(reply->out.data, reply->out.len, reply->content_type, NULL, true, &pv,
			   &err) == 0);
	check_paths(req->resource->source, pv->costs->costs);
	alto_pv_free(pv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char type[] =
		"{\"cost-type\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"},\"sg\":";
	struct alto_out body = {.max = 1u << 20};
	struct alto_request req = {0};
	struct alto_error error;
	struct alto_reply reply;
	int r;

	if (size < 1 || size > 1u << 16)
		return 0;
	seed = data[0];
	alto_puts(&body, type);
	alto_put(&body, (const char *)data + 1, size - 1);
	alto_puts(&body, "}");
	req.all = graph();
	req.resource = alto_resource_named(req.all, "g-pv");
	req.body = body.data;
	req.len = body.len;
	r = alto_answer(&req, &reply, &error);
	if (r == 0)
		check_answer(&req, &reply);
	else
		must(r == -EINVAL && error.status == 400 && error.code != ALTO_E_NONE);
	alto_out_fini(&reply.out);
	alto_out_fini(&body);
	alto_resources_free((struct alto_resources *)req.all);
	return 0;
}
