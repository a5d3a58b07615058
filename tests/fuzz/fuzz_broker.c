/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as a domain or a link of the broker: refused with an error, or what comes of it is what
 * the builder of sources takes.
 */
#include <math.h>
#include <stdlib.h>

#include "broker/parse.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct alto_builder *builder(uint32_t pids[2])
{
	struct alto_builder *b = NULL;

	must(alto_builder_new("domains", &b) == 0);
	must(alto_builder_pid(b, "A", false, &pids[0]) == 0);
	must(alto_builder_pid(b, "B", false, &pids[1]) == 0);
	return b;
}

static void try_domain(const json_t *obj)
{
	struct domain_def def;
	struct err err = {0};
	struct alto_builder *b;
	uint32_t pids[2];

	if (broker_parse_domain(obj, &def, &err)) {
		must(err.code < 0 && err.want[0]);
		return;
	}
	b = builder(pids);
	for (uint32_t i = 0; i < def.n_prefixes; i++)
		must(alto_builder_prefix(b, pids[0], &def.prefixes[i]) == 0);
	for (int i = 0; i < BROKER_PROP_MAX; i++) {
		must(!def.props[i] || json_array_size(def.props[i]) > 0);
		if (def.props[i])
			must(alto_builder_pid_prop(b, pids[0], broker_prop_names[i],
						   json_incref(def.props[i])) == 0);
	}
	alto_builder_free(b);
	domain_def_fini(&def);
}

static void try_link(const json_t *obj)
{
	static const struct alto_calendar calendar = {.interval_s = 60, .n_intervals = 3};
	struct alto_link link = {0};
	struct link_def def;
	struct err err = {0};
	struct alto_builder *b;
	uint32_t pids[2];

	if (broker_parse_link(obj, &calendar, &def, &err)) {
		must(err.code < 0 && err.want[0]);
		return;
	}
	b = builder(pids);
	must(alto_builder_calendar(b, &calendar) == 0);
	link.from = pids[0];
	link.to = pids[1];
	link.calendar = def.calendar;
	memcpy(link.value, def.value, sizeof(link.value));
	must(!isnan(link.value[LINK_ROUTINGCOST]));
	must(alto_builder_link(b, &link) == 0);
	alto_builder_free(b);
	link_def_fini(&def);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	json_t *obj;

	if (json_parse((const char *)data, size, &obj, &err))
		return 0;
	try_domain(obj);
	try_link(obj);
	json_decref(obj);
	return 0;
}
