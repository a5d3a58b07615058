/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small snapshot for what asks every resource of a server: "domains", the three domains of the
 * broker's draft, which takes service graphs, and "sand" with measured metrics and calendars. And a
 * request for each resource that takes one. For tests and fuzzers alike: what fails ends the
 * process.
 */
#ifndef ALTO_SMALL_H
#define ALTO_SMALL_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alto/server.h"
#include "util/own.h"

static inline void small_must(bool holds)
{
	if (!holds)
		abort();
}

static inline uint32_t small_pid(struct alto_builder *b, const char *name, bool transit)
{
	uint32_t id = 0;

	small_must(alto_builder_pid(b, name, transit, &id) == 0);
	return id;
}

static inline void small_prefix(struct alto_builder *b, uint32_t pid, const char *text)
{
	struct alto_prefix p;

	small_must(alto_prefix_parse(text, strchr(text, ':') ? 6 : 4, &p) == 0);
	small_must(alto_builder_prefix(b, pid, &p) == 0);
}

static inline void small_link(struct alto_builder *b, uint32_t from, uint32_t to, double cost,
			      const double *calendar)
{
	struct alto_link l = {.from = from, .to = to, .calendar = calendar};

	for (unsigned int i = 0; i < LINK_VALUE_MAX; i++)
		l.value[i] = 10 * cost;
	l.value[LINK_ROUTINGCOST] = cost;
	l.value[LINK_LOSS] = cost > 1 ? NAN : 0.001;
	small_must(alto_builder_link(b, &l) == 0);
}

static inline void small_props(struct alto_builder *b, uint32_t pid, const char *name,
			       json_t *values)
{
	small_must(alto_builder_pid_prop(b, pid, name, values) == 0);
}

static inline struct alto_source *small_domains(void)
{
	const struct alto_builder_conf conf = {
		.stat = "", .cost_source = "nominal", .service_graph = true};
	struct alto_builder *b = NULL;
	struct alto_source *s = NULL;
	uint32_t as1, as2, as3;

	small_must(alto_builder_new("domains", &b) == 0);
	as1 = small_pid(b, "AS1", false);
	as2 = small_pid(b, "AS2", true);
	as3 = small_pid(b, "AS3", false);
	small_prefix(b, as1, "192.0.2.0/24");
	small_prefix(b, as1, "2001:db8:1::/48");
	small_prefix(b, as2, "198.51.100.0/24");
	small_prefix(b, as3, "2001:db8:3::/48");
	small_link(b, as1, as2, 1, NULL);
	small_link(b, as2, as1, 1, NULL);
	small_link(b, as2, as3, 2, NULL);
	small_link(b, as3, as2, 2, NULL);
	small_props(b, as1, "entry-point", json_pack("[s]", "https://as1.example/"));
	small_props(b, as1, "cpu", json_pack("[i]", 50));
	small_props(b, as1, "port", json_pack("[s]", "SAP1"));
	small_props(b, as1, "nf", json_pack("[s,s]", "NF1", "NF3"));
	small_props(b, as2, "nf", json_pack("[s]", "NF2"));
	small_props(b, as3, "port", json_pack("[s]", "SAP2"));
	small_props(b, as3, "nf", json_pack("[s,s]", "NF1", "NF3"));
	small_must(alto_builder_finish(b, &conf, &s) == 0);
	return s;
}

static inline struct alto_source *small_sand(void)
{
	static const struct alto_calendar hours = {.interval_s = 3600, .n_intervals = 3};
	static const double there[] = {1, 5, 1}, back[] = {2, 2, 2};
	const struct alto_builder_conf conf = {.stat = "cur", .cost_source = "estimation"};
	struct alto_builder *b = NULL;
	struct alto_source *s = NULL;
	uint32_t pe, gw;

	small_must(alto_builder_new("sand", &b) == 0);
	small_must(alto_builder_calendar(b, &hours) == 0);
	pe = small_pid(b, "pe1", true);
	gw = small_pid(b, "gw1", true);
	small_prefix(b, pe, "10.1.0.0/16");
	small_prefix(b, gw, "2001:db8:9::/48");
	small_link(b, pe, gw, 1, there);
	small_link(b, gw, pe, 2, back);
	small_props(b, gw, "priv:sand-load", json_pack("[f]", 0.5));
	small_must(alto_builder_endpoint_prop(b, "ipv6:2001:db8:9::1", "priv:sand-ready",
					      json_pack("[b]", 1)) == 0);
	small_must(alto_builder_finish(b, &conf, &s) == 0);
	return s;
}

static inline struct alto_resources *small_new(void)
{
	struct alto_source *sources[2] = {small_domains(), small_sand()};
	struct alto_snapshot *snap = NULL;
	struct alto_resources *all = NULL;

	small_must(alto_snapshot_new(sources, 2, &snap) == 0);
	small_must(alto_resources_new(snap, &all) == 0);
	alto_snapshot_put(snap);
	return all;
}

#define SMALL_PV "\"cost-type\":{\"cost-mode\":\"array\",\"cost-metric\":\"ane-path\"}"
#define SMALL_NUM "\"cost-type\":{\"cost-mode\":\"numerical\",\"cost-metric\":\"routingcost\"}"
#define SMALL_ENDS                                                                                 \
	"\"endpoints\":{\"srcs\":[\"ipv4:192.0.2.1\",\"ipv6:2001:db8:1::1\"],"                     \
	"\"dsts\":[\"ipv6:2001:db8:3::1\"]}"

/* The draft's service graph: SAP1 - NF1 - NF2 - NF3 - SAP2. */
#define SMALL_SG                                                                                   \
	"{" SMALL_PV ",\"pids\":{\"srcs\":[],\"dsts\":[]},\"sg\":{"                                \
	"\"nfs\":[\"NF1\",\"NF2\",\"NF3\"],\"saps\":[\"SAP1\",\"SAP2\"],\"sg_links\":["            \
	"{\"id\":1,\"src-node\":\"SAP1\",\"dst-node\":\"NF1\"},"                                   \
	"{\"id\":2,\"src-node\":\"NF1\",\"dst-node\":\"NF2\"},"                                    \
	"{\"id\":3,\"src-node\":\"NF2\",\"dst-node\":\"NF3\"},"                                    \
	"{\"id\":4,\"src-node\":\"NF3\",\"dst-node\":\"SAP2\"}],\"reqs\":[{\"id\":1,"              \
	"\"src-node\":\"SAP1\",\"dst-node\":\"SAP2\",\"sg-path\":[1,2,3,4]}]}}"

/* A good request; NULL: the resource takes none. */
static inline const char *small_request(enum alto_service service)
{
	static const char *const requests[ALTO_SERVICE_MAX] = {
		[ALTO_NETWORK_MAP_FILTER] = "{\"pids\":[],\"address-types\":[\"ipv6\"]}",
		[ALTO_COST_MAP_FILTER] = "{" SMALL_NUM ",\"pids\":{\"srcs\":[],\"dsts\":[]}}",
		[ALTO_COST_MAP_PV] = "{" SMALL_PV ",\"pids\":{\"srcs\":[],\"dsts\":[]},"
				     "\"ane-property-names\":[\"max-reservable-bandwidth\","
				     "\"persistent-entity-id\"]}",
		[ALTO_ENDPOINT_COST] = "{" SMALL_NUM "," SMALL_ENDS "}",
		[ALTO_ENDPOINT_COST_PV] = "{" SMALL_PV "," SMALL_ENDS
					  ",\"ane-property-names\":[\"persistent-entity-id\"]}",
		[ALTO_ENDPOINT_PROP] = "{\"properties\":[\"domains.pid\"],"
				       "\"endpoints\":[\"ipv4:192.0.2.1\"]}",
		[ALTO_PROPERTY_MAP_FILTER] = "{\"entities\":[],\"properties\":[]}",
		[ALTO_UPDATE_STREAM] = "{\"add\":{\"1\":{\"resource-id\":\"domains\"},"
				       "\"2\":{\"resource-id\":\"domains-routingcost\"}}}",
		[ALTO_TIPS_SERVICE] = "{\"resource-id\":\"domains-routingcost\"}",
	};

	return requests[service];
}

#endif
