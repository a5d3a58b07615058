/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An event as an object: names of service, interface, instance and path behind its numbers. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "model/in6.h"
#include "north/observe.h"
#include "north/server.h"

#define WAYS 32 /* next hops remembered while one answer is made */

/* What a next hop of a service stands for. */
struct way {
	uint64_t service;
	struct plan_nexthop nexthop;
	char instance[NAME_LEN], gateway[NAME_LEN], path[NAME_LEN];
};

struct event_names {
	const struct north *north;
	json_t *ifaces;
	int64_t real_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	struct way ways[WAYS];
	unsigned int n_ways;
};

/* ---- reasons ---- */

enum verdict {
	VERDICT_TX,
	VERDICT_BOUNCE,
	VERDICT_PASS,
	VERDICT_DROP,
	VERDICT_UNKNOWN,
	VERDICT_MALFORMED
};

static const struct {
	const char *name, *why;
	enum verdict verdict;
} reasons[] = {
#define X(id, text, verdict, explanation) [SAN_R_##id] = {text, explanation, VERDICT_##verdict},
	SAN_REASONS(X)
#undef X
};

int event_reason(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (strcmp(reasons[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

const char *reason_name(unsigned int reason)
{
	return reason < ARRAY_SIZE(reasons) ? reasons[reason].name : "?";
}

const char *reason_why(unsigned int reason)
{
	return reason < ARRAY_SIZE(reasons) ? reasons[reason].why : "";
}

const char *reason_verdict(unsigned int reason)
{
	static const char *const names[] = {
		[VERDICT_TX] = "redirect",    [VERDICT_BOUNCE] = "bounce",
		[VERDICT_PASS] = "pass",      [VERDICT_DROP] = "drop",
		[VERDICT_UNKNOWN] = "policy", [VERDICT_MALFORMED] = "policy",
	};

	return reason < ARRAY_SIZE(reasons) ? names[reasons[reason].verdict] : "?";
}

/* ---- what it is looked up in ---- */

static int64_t ns_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

struct event_names *event_names_new(const struct north *n)
{
	struct event_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->north = n;
	names->ifaces = ncc_ifaces_json(n->conf.ncc);
	names->real_offset_ns = ns_of(CLOCK_REALTIME) - ns_of(CLOCK_MONOTONIC);
	return names;
}

void event_names_free(struct event_names *names)
{
	json_decref(names->ifaces);
	free(names);
}

uint32_t event_ifindex(const struct north *n, const char *name, bool *known)
{
	json_t *ifaces = ncc_ifaces_json(n->conf.ncc), *iface;
	uint32_t ifindex = 0;
	bool found = false;
	size_t i;

	json_array_foreach(ifaces, i, iface) {
		const char *own = json_string_value(json_object_get(iface, "name"));

		if (!own || strcmp(own, name) != 0)
			continue;
		found = true;
		ifindex = (uint32_t)json_integer_value(json_object_get(iface, "ifindex"));
	}
	json_decref(ifaces);
	if (known)
		*known = found;
	return ifindex;
}

static json_t *iface_name(const struct event_names *names, uint32_t ifindex)
{
	json_t *iface;
	size_t i;

	json_array_foreach(names->ifaces, i, iface) {
		if (json_integer_value(json_object_get(iface, "ifindex")) == ifindex)
			return json_incref(json_object_get(iface, "name"));
	}
	return json_null();
}

/* ---- next hop -> instance, gateway, path ---- */

static const struct in6_addr *last_segment(const struct plan_nexthop *nh)
{
	return &nh->segs[nh->n_segs - 1];
}

static bool same_addr(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void find_instance(const struct view *view, struct way *way)
{
	const struct view_service *svc = view_service(view, way->service);
	const struct in6_addr *end = last_segment(&way->nexthop);
	bool direct = way->nexthop.kind == SAN_NH_DIRECT;
	const struct view_instance *i;

	if (!svc)
		return;
	view_each_instance(svc, i) {
		if (!same_addr(direct ? &i->address : &i->sid, end))
			continue;
		strcpy(way->instance, i->name);
		strcpy(way->gateway, i->gateway);
		return;
	}
}

/* Steering by gateway: its End.SAN ends the list. */
static void find_gateway(const struct view *view, struct way *way)
{
	const struct in6_addr *end = last_segment(&way->nexthop);

	for (const struct view_gateway *gw = view->gateways; gw; gw = gw->hh.next) {
		if (same_addr(&gw->def.san_sid, end)) {
			strcpy(way->gateway, gw->def.name);
			return;
		}
	}
}

static bool leads(const struct path *path, const struct plan_nexthop *nh)
{
	unsigned int n = path->kind == PATH_POLICY ? path->n_segs : 0;

	return n + 1 == nh->n_segs && memcmp(path->segs, nh->segs, n * sizeof(nh->segs[0])) == 0;
}

static void find_path(const struct north *n, struct way *way)
{
	for (const struct view_path *path = n->conf.view->paths; path; path = path->hh.next) {
		if (path->defined && strcmp(path->def.ingress, n->name) == 0 &&
		    strcmp(path->def.gateway, way->gateway) == 0 &&
		    leads(&path->def, &way->nexthop)) {
			strcpy(way->path, path->def.name);
			return;
		}
	}
}

static const struct way *find_way(struct event_names *names, const struct event_row *row)
{
	struct way *way = names->ways;
	unsigned int known = names->n_ways < WAYS ? names->n_ways : WAYS;

	for (unsigned int i = 0; i < known; i++, way++) {
		if (way->service == row->event.service_id &&
		    memcmp(&way->nexthop, &row->nexthop, sizeof(way->nexthop)) == 0)
			return way;
	}
	way = &names->ways[names->n_ways++ % WAYS];
	*way = (struct way){.service = row->event.service_id, .nexthop = row->nexthop};
	find_instance(names->north->conf.view, way);
	if (!way->gateway[0])
		find_gateway(names->north->conf.view, way);
	if (way->gateway[0] && row->nexthop.kind == SAN_NH_SRV6)
		find_path(names->north, way);
	return way;
}

/* ---- members ---- */

static json_t *time_json(const struct event_names *names, uint64_t time_ns)
{
	int64_t ns = names->real_offset_ns + (int64_t)time_ns;
	time_t seconds = ns / 1000000000;
	char date[32], text[48];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%06dZ", date, (int)(ns % 1000000000 / 1000));
	return json_string(text);
}

const char *event_protocol(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmp6";
	default:
		return NULL;
	}
}

static int set_address(json_t *obj, const char *name, const __be32 addr[4])
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	memcpy(&in6, addr, sizeof(in6));
	if (IN6_IS_ADDR_UNSPECIFIED(&in6))
		return 0;
	return json_object_set_new(obj, name, json_string(in6_text(&in6, text)));
}

static int set_flow(json_t *obj, const struct san_event *e)
{
	const char *proto = event_protocol(e->proto);
	int r = set_address(obj, "source", e->src);

	r |= set_address(obj, "destination", e->dst);
	if (e->proto)
		r |= json_object_set_new(obj, "protocol",
					 proto ? json_string(proto) : json_integer(e->proto));
	if (e->sport || e->dport) {
		r |= json_object_set_new(obj, "source_port", json_integer(ntohs(e->sport)));
		r |= json_object_set_new(obj, "destination_port", json_integer(ntohs(e->dport)));
	}
	return r;
}

static int set_service(const struct event_names *names, json_t *obj, const struct san_event *e)
{
	static const char *const by[] = {"nothing", "header", "class", "fragment", "sid"};
	const struct view_service *svc = view_service(names->north->conf.view, e->service_id);
	char id[SVC_ID_TEXT];
	json_t *def;
	int r;

	if (!e->service_id)
		return 0;
	r = json_object_set_new(obj, "service", json_string(svc_id_text(e->service_id, id)));
	r |= json_object_set_new(obj, "by", json_string(e->by < ARRAY_SIZE(by) ? by[e->by] : "?"));
	if (!svc || !svc->def)
		return r;
	def = service_to_json(svc->def);
	r |= json_object_set_new(obj, "name", json_string(svc->def->name));
	r |= json_object_set(obj, "selection", json_object_get(def, "selection"));
	r |= json_object_set(obj, "affinity", json_object_get(def, "affinity"));
	if (svc->def->mode == SAN_MODE_BALANCED)
		r |= json_object_set_new(obj, "slot", json_integer(e->slot));
	json_decref(def);
	return r;
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static int set_nexthop(struct event_names *names, json_t *obj, const struct event_row *row)
{
	const struct plan_nexthop *nh = &row->nexthop;
	char text[SAN_MAX_SEGS * INET6_ADDRSTRLEN];
	const struct way *way;
	int r;

	if (!nh->kind || !nh->n_segs || nh->n_segs > SAN_MAX_SEGS)
		return 0;
	way = find_way(names, row);
	r = json_object_set_new(obj, "nexthop", json_string(ncc_segs_text(nh, text, sizeof(text))));
	r |= json_object_set_new(obj, "instance", text_or_null(way->instance));
	r |= json_object_set_new(obj, "gateway", text_or_null(way->gateway));
	return r | json_object_set_new(obj, "path", text_or_null(way->path));
}

/* A SID stands for its instance. */
static int set_by_sid(const struct event_names *names, json_t *obj, const struct san_event *e)
{
	struct way way = {.service = e->service_id, .nexthop = {.kind = SAN_NH_SRV6, .n_segs = 1}};
	int r;

	memcpy(&way.nexthop.segs[0], e->dst, sizeof(e->dst));
	find_instance(names->north->conf.view, &way);
	if (!way.instance[0])
		return 0;
	r = json_object_set_new(obj, "instance", json_string(way.instance));
	return r | json_object_set_new(obj, "gateway", text_or_null(way.gateway));
}

static json_t *begin(const struct event_names *names, const struct event_row *row)
{
	static const char *const kinds[] = {"?", "sample", "trace", "ptb"};
	static const char *const roles[] = {"none", "ingress", "core"};
	const struct san_event *e = &row->event;

	return json_pack("{s:I, s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:I}", "number",
			 (json_int_t)row->number, "time", time_json(names, e->time_ns), "kind",
			 kinds[e->kind < ARRAY_SIZE(kinds) ? e->kind : 0], "interface",
			 iface_name(names, e->ifindex), "role",
			 e->role < ARRAY_SIZE(roles) ? roles[e->role] : "?", "reason",
			 reason_name(e->reason), "why", reason_why(e->reason), "verdict",
			 reason_verdict(e->reason), "length", (json_int_t)e->len);
}

/* What goal_down stands for. */
static int set_cause(json_t *obj, const struct san_event *e)
{
	int r;

	if (!e->cause)
		return 0;
	r = json_object_set_new(obj, "cause", json_string(reason_name(e->cause)));
	return r | json_object_set_new(obj, "cause_why", json_string(reason_why(e->cause)));
}

json_t *event_json(struct event_names *names, const struct event_row *row)
{
	const struct san_event *e = &row->event;
	json_t *obj = begin(names, row);
	int r = obj ? 0 : -1;

	r |= set_flow(obj, e);
	r |= set_service(names, obj, e);
	r |= set_nexthop(names, obj, row);
	if (!row->nexthop.kind && e->by == SAN_BY_SID)
		r |= set_by_sid(names, obj, e);
	r |= set_cause(obj, e);
	if (e->hash)
		r |= json_object_set_new(obj, "hash", json_integer(e->hash));
	if (e->generation)
		r |= json_object_set_new(obj, "generation", json_integer(e->generation));
	if (e->mtu)
		r |= json_object_set_new(obj, "mtu", json_integer(e->mtu));
	if (!r)
		return obj;
	json_decref(obj);
	return NULL;
}
