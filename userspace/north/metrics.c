/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /metrics: Prometheus text format 0.0.4. Counters end in _total, base units only; every family
 * stands in one piece with HELP and TYPE. Beyond METRICS_QUIET_MAX services or next hops those
 * without a packet are left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "north/metrics.h"
#include "north/observe.h"

#define METRICS_QUIET_MAX 10000
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* ---- rows of ncc's counters ---- */

static uint64_t number(const json_t *row, const char *member)
{
	return (uint64_t)json_integer_value(json_object_get(row, member));
}

static const char *text(const json_t *row, const char *member)
{
	return json_string_value(json_object_get(row, member));
}

struct counter_family {
	const char *rows;	     /* member of the counters */
	const char *packets, *bytes; /* names */
	const char *packets_help, *bytes_help;
	void (*print)(const struct metrics *p, const json_t *row, const char *name, uint64_t value);
	bool (*shown)(const json_t *row, bool many);
};

static void print_service(const struct metrics *p, const json_t *row, const char *name,
			  uint64_t value)
{
	const struct view_service *svc = NULL;
	uint64_t id;

	if (text(row, "service") && svc_id_parse(text(row, "service"), &id) == 0)
		svc = view_service(p->n->conf.view, id);
	metrics_sample(p, value, name, "service", text(row, "service"), "name",
		       svc && svc->def ? svc->def->name : "", NULL);
}

/* Segments, or the address of an instance of this site. */
static void nexthop_text(const json_t *nexthop, char *buf, size_t size)
{
	const char *address = text(nexthop, "address");
	const json_t *segment;
	size_t i, at = 0;

	snprintf(buf, size, "%s", address ? address : "");
	json_array_foreach(json_object_get(nexthop, "segments"), i, segment) {
		if (at < size)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? "," : "",
					       json_string_value(segment));
	}
}

static const json_t *nexthop_of(const struct metrics *p, const json_t *row, char id[24])
{
	snprintf(id, 24, "%" PRIu64, number(row, "id"));
	return json_object_get(p->nexthops, id);
}

static void print_nexthop(const struct metrics *p, const json_t *row, const char *name,
			  uint64_t value)
{
	char id[24], where[512];

	nexthop_text(nexthop_of(p, row, id), where, sizeof(where));
	metrics_sample(p, value, name, "nexthop", id, "to", where, NULL);
}

static void print_reason(const struct metrics *p, const json_t *row, const char *name,
			 uint64_t value)
{
	int reason = text(row, "reason") ? event_reason(text(row, "reason")) : -1;

	metrics_sample(p, value, name, "reason", text(row, "reason"), "interface",
		       text(row, "interface"), "verdict",
		       reason < 0 ? "?" : reason_verdict((unsigned int)reason), NULL);
}

static bool unless_many(const json_t *row, bool many)
{
	return !many || number(row, "packets");
}

/* Without an interface of ours there is next to nothing that can happen. */
static bool of_interface(const json_t *row, bool many)
{
	return text(row, "interface") || number(row, "packets");
}

static const struct counter_family counters[] = {
	{"services", "sand_service_packets_total", "sand_service_bytes_total",
	 "Packets steered at the ingress.", "Bytes steered at the ingress, layer 2 as received.",
	 print_service, unless_many},
	{"egress", "sand_egress_packets_total", "sand_egress_bytes_total",
	 "Packets taken out of their outer header for the service's instances here.",
	 "Bytes of packets taken out of their outer header, layer 2 as received.", print_service,
	 unless_many},
	{"nexthops", "sand_nexthop_packets_total", "sand_nexthop_bytes_total",
	 "Packets sent to the next hop.", "Bytes sent to the next hop, layer 2 as received.",
	 print_nexthop, unless_many},
	{"reasons", "sand_reason_packets_total", "sand_reason_bytes_total",
	 "Packets by why they left the way they did.",
	 "Bytes by why they left the way they did, layer 2 as received.", print_reason,
	 of_interface},
};

static void print_rows(const struct metrics *p, const struct counter_family *f, bool bytes)
{
	const json_t *rows = json_object_get(p->stats, f->rows), *row;
	bool busy_only = json_array_size(rows) > METRICS_QUIET_MAX;
	const char *name = bytes ? f->bytes : f->packets;
	size_t i;

	metrics_family(p, name, "counter", bytes ? f->bytes_help : f->packets_help);
	json_array_foreach((json_t *)rows, i, row) {
		if (f->shown(row, busy_only))
			f->print(p, row, name, number(row, bytes ? "bytes" : "packets"));
	}
}

static void print_counters(const struct metrics *p)
{
	const json_t *events = json_object_get(p->stats, "events");

	for (size_t i = 0; p->stats && i < ARRAY_SIZE(counters); i++) {
		print_rows(p, &counters[i], false);
		print_rows(p, &counters[i], true);
	}
	if (!p->stats)
		return;
	metrics_one(p, "sand_events_passed_total", "counter",
		    "Dataplane events passed on by the parent.", number(events, "passed"));
	metrics_one(p, "sand_events_lost_total", "counter",
		    "Dataplane events lost for want of room, or over the rate.",
		    number(events, "lost"));
}

static void print_maps(const struct metrics *p)
{
	const json_t *maps = json_object_get(p->stats, "maps"), *map;
	size_t i;

	if (!p->stats)
		return;
	metrics_family(p, "sand_map_entries", "gauge", "Entries of the map in use.");
	json_array_foreach((json_t *)maps, i, map)
		metrics_sample(p, number(map, "used"), "sand_map_entries", "map", text(map, "map"),
			       NULL);
	metrics_family(p, "sand_map_entries_limit", "gauge", "Entries that the map has room for.");
	json_array_foreach((json_t *)maps, i, map)
		metrics_sample(p, number(map, "size"), "sand_map_entries_limit", "map",
			       text(map, "map"), NULL);
}

/* ---- state ---- */

static void print_nexthop_states(const struct metrics *p)
{
	bool quiet = json_object_size(p->nexthops) <= METRICS_QUIET_MAX;
	char where[512];
	const char *id;
	json_t *nh;

	metrics_family(p, "sand_nexthop_resolved", "gauge",
		       "Whether the next hop has a route and a neighbour.");
	json_object_foreach(p->nexthops, id, nh) {
		bool resolved = text(nh, "state") && strcmp(text(nh, "state"), "resolved") == 0;

		nexthop_text(nh, where, sizeof(where));
		if (quiet || !resolved)
			metrics_sample(p, resolved, "sand_nexthop_resolved", "nexthop", id, "to",
				       where, NULL);
	}
}

static void print_ifaces(const struct metrics *p)
{
	json_t *ifaces = ncc_ifaces_json(p->n->conf.ncc), *iface;
	size_t i;

	metrics_family(p, "sand_interface_up", "gauge", "Whether the interface exists and is up.");
	json_array_foreach(ifaces, i, iface)
		metrics_sample(p, json_is_true(json_object_get(iface, "up")), "sand_interface_up",
			       "interface", text(iface, "name"), "role", text(iface, "role"), NULL);
	metrics_family(p, "sand_interface_attached", "gauge",
		       "Whether the XDP program is attached, and how.");
	json_array_foreach(ifaces, i, iface) {
		const char *how = text(iface, "attached");

		metrics_sample(p, how && strcmp(how, "no") != 0, "sand_interface_attached",
			       "interface", text(iface, "name"), "mode", how, NULL);
	}
	json_decref(ifaces);
}

/* ---- the process ---- */

static uint64_t resident_bytes(void)
{
	unsigned long size = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void print_process(const struct metrics *p)
{
	struct rusage usage = {0};
	struct timespec now;
	double up_s = (double)(clock_us() - p->n->opened_us) / 1e6;

	clock_gettime(CLOCK_REALTIME, &now);
	getrusage(RUSAGE_SELF, &usage);
	metrics_real(p, "sand_process_start_time_seconds", "gauge",
		     "When the deciding process began to answer, since 1970-01-01 UTC.",
		     (double)now.tv_sec + (double)now.tv_nsec / 1e9 - up_s);
	metrics_real(p, "sand_process_cpu_seconds_total", "counter",
		     "CPU time of the deciding process, user and system.",
		     (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	metrics_one(p, "sand_process_resident_memory_bytes", "gauge",
		    "Memory of the deciding process.", resident_bytes());
	metrics_one(p, "sand_rest_connections", "gauge", "Connections to the REST interface.",
		    p->n->n_conns);
	metrics_one(p, "sand_rest_requests_total", "counter", "Requests to the REST interface.",
		    p->n->n_reqs);
}

/* ---- all ---- */

static json_t *nexthops_by_id(const struct north *n)
{
	json_t *list = ncc_nexthops_json(n->conf.ncc), *index = json_object(), *nh;
	char id[24];
	size_t i;

	json_array_foreach(list, i, nh) {
		snprintf(id, sizeof(id), "%" PRIu64, number(nh, "id"));
		json_object_set(index, id, nh);
	}
	json_decref(list);
	return index;
}

static void print_all(const struct metrics *p)
{
	metrics_family(p, "sand_build_info", "gauge", "The version that runs; always 1.");
	metrics_sample(p, 1, "sand_build_info", "version", SAN_VERSION_TEXT, "host", p->n->name,
		       NULL);
	metrics_one(p, "sand_counters_up", "gauge",
		    "Whether the parent process answered with its counters.", p->stats != NULL);
	print_counters(p);
	print_maps(p);
	print_nexthop_states(p);
	print_ifaces(p);
	metrics_control(p);
	metrics_alto(p);
	metrics_nemo(p);
	print_process(p);
}

static char *page_text(const struct north *n, const json_t *stats)
{
	struct metrics p = {.n = n, .stats = stats};
	char *buf = NULL;
	size_t size;
	bool bad;

	p.out = open_memstream(&buf, &size);
	if (!p.out)
		return NULL;
	p.nexthops = nexthops_by_id(n);
	print_all(&p);
	json_decref(p.nexthops);
	bad = ferror(p.out);
	if (!fclose(p.out) && !bad)
		return buf;
	free(buf);
	return NULL;
}

static void on_stats(void *arg, int status, json_t *stats)
{
	struct req *req = arg;

	if (req->north && !req->answered) {
		if (status >= 0)
			observe_maps(req->north, stats);
		rest_plain(req, page_text(req->north, status < 0 ? NULL : stats), METRICS_TYPE);
	}
	rest_put(req);
}

void metrics_get(struct req *req)
{
	rest_hold(req);
	if (ncc_stats(req->north->conf.ncc, on_stats, req))
		on_stats(req, -ENOTCONN, NULL);
}
