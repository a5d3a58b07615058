/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/trace: which packets the dataplane tells of one by one; /v1/events has what it tells. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/observe.h"
#include "north/server.h"

struct order {
	const struct north *north;
	struct san_trace trace;
	int64_t seconds;
};

static int read_service(struct order *o, const json_t *obj, struct err *err)
{
	const char *text = NULL;
	int r = json_get_str(obj, "service", JSON_OPTIONAL, &text, err);

	if (r || !text)
		return r;
	if (svc_id_parse(text, (uint64_t *)&o->trace.service_id))
		return err_set(err, -EINVAL, "/service", text, "must be a service ID like 0x101");
	o->trace.fields |= SAN_TRACE_SERVICE;
	return 0;
}

static int read_interface(struct order *o, const json_t *obj, struct err *err)
{
	const char *text = NULL;
	bool known;
	int r = json_get_str(obj, "interface", JSON_OPTIONAL, &text, err);

	if (r || !text)
		return r;
	o->trace.ifindex = event_ifindex(o->north, text, &known);
	if (!known)
		return err_set(err, -EINVAL, "/interface", text,
			       "must be an interface of this host's configuration");
	if (!o->trace.ifindex)
		return err_set(err, -EINVAL, "/interface", text, "does not exist now");
	o->trace.fields |= SAN_TRACE_IFINDEX;
	return 0;
}

/* Any address of either version: what is traced need not be right. */
static int read_address(const json_t *obj, const char *name, __be32 out[4], struct err *err)
{
	struct in6_addr addr = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	const char *text = NULL;
	char field[32];
	int r = json_get_str(obj, name, JSON_OPTIONAL, &text, err);

	if (r || !text)
		return r;
	if (inet_pton(AF_INET, text, &addr.s6_addr[12]) != 1 &&
	    inet_pton(AF_INET6, text, &addr) != 1) {
		snprintf(field, sizeof(field), "/%s", name);
		return err_set(err, -EINVAL, field, text, "must be an IPv6 or IPv4 address");
	}
	memcpy(out, &addr, sizeof(addr));
	return 1;
}

static int read_addresses(struct order *o, const json_t *obj, struct err *err)
{
	int src = read_address(obj, "source", o->trace.src, err);
	int dst = src < 0 ? src : read_address(obj, "destination", o->trace.dst, err);

	if (dst < 0)
		return dst;
	o->trace.fields |= (src ? SAN_TRACE_SRC : 0) | (dst ? SAN_TRACE_DST : 0);
	return 0;
}

static int read_protocol(struct order *o, const json_t *obj, struct err *err)
{
	const json_t *value = json_object_get(obj, "protocol");
	const char *text = json_string_value(value);
	int64_t proto = -1;
	int r = 0;

	if (!value || json_is_null(value))
		return 0;
	if (!text)
		r = json_get_int(obj, "protocol", JSON_OPTIONAL, (struct json_range){0, 255},
				 &proto, err);
	for (int i = 1; text && proto < 0 && i < 256; i++) {
		const char *name = event_protocol(i);

		if (name && strcmp(name, text) == 0)
			proto = i;
	}
	if (!r && proto < 0)
		r = err_set(err, -EINVAL, "/protocol", text,
			    "must be tcp, udp, icmp, icmp6 or 0..255");
	o->trace.proto = proto;
	o->trace.fields |= SAN_TRACE_PROTO;
	return r;
}

static int read_port(const json_t *obj, const char *name, __be16 *port, struct err *err)
{
	int64_t value = -1;
	int r = json_get_int(obj, name, JSON_OPTIONAL, (struct json_range){0, 65535}, &value, err);

	if (r || value < 0)
		return r;
	*port = htons((uint16_t)value);
	return 1;
}

static int read_ports(struct order *o, const json_t *obj, struct err *err)
{
	int src = read_port(obj, "source_port", &o->trace.sport, err);
	int dst = src < 0 ? src : read_port(obj, "destination_port", &o->trace.dport, err);

	if (dst < 0)
		return dst;
	o->trace.fields |= (src ? SAN_TRACE_SPORT : 0) | (dst ? SAN_TRACE_DPORT : 0);
	return 0;
}

static int read_reasons(struct order *o, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "reasons", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	json_array_foreach(array, i, item) {
		const char *name = json_string_value(item);
		int reason = name ? event_reason(name) : -1;
		char field[32];

		snprintf(field, sizeof(field), "/reasons/%zu", i);
		if (reason < 0)
			return err_set(err, -EINVAL, field, name ? name : "not a string",
				       "must be the name of a reason, as in /v1/stats");
		o->trace.reasons |= 1ull << reason;
	}
	if (!o->trace.reasons)
		return err_set(err, -EINVAL, "/reasons", "empty",
			       "must name a reason, or be absent");
	o->trace.fields |= SAN_TRACE_REASONS;
	return 0;
}

static int read_order(struct order *o, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {
		"service",     "interface",	   "source",  "destination", "protocol",
		"source_port", "destination_port", "reasons", "seconds",     NULL};
	static int (*const readers[])(struct order *, const json_t *, struct err *) = {
		read_service,  read_interface, read_addresses,
		read_protocol, read_ports,     read_reasons,
	};
	int r = json_only(obj, allowed, err);

	for (size_t i = 0; !r && i < ARRAY_SIZE(readers); i++)
		r = readers[i](o, obj, err);
	return r
		       ?: json_get_int(obj, "seconds", JSON_OPTIONAL,
				       (struct json_range){1, TRACE_SECONDS_MAX}, &o->seconds, err);
}

static int arm(struct req *req, const struct san_trace *trace, uint32_t seconds)
{
	struct err err = {0};
	int r = ncc_trace(req->north->conf.ncc, trace, seconds);

	if (r) {
		err_set(&err, r, "", NULL, "not sent to the parent process: %s", strerror(-r));
		rest_fail(req, &err);
	}
	return r;
}

static json_t *shown(const struct north *n)
{
	uint64_t now_us = clock_us();
	json_t *obj = json_deep_copy(n->observe.trace);

	if (obj)
		json_object_set_new(obj, "seconds_left",
				    json_integer((n->observe.trace_until_us - now_us) / 1000000));
	return obj;
}

static bool is_armed(const struct north *n)
{
	return n->observe.trace && clock_us() < n->observe.trace_until_us;
}

void trace_get(struct req *req)
{
	snprintf(req->object, sizeof(req->object), "trace");
	if (is_armed(req->north))
		rest_json(req, 200, shown(req->north));
	else
		rest_absent(req);
}

void trace_put(struct req *req)
{
	struct observe *observe = &req->north->observe;
	struct order o = {.north = req->north, .seconds = TRACE_SECONDS};
	struct err err = {0};

	snprintf(req->object, sizeof(req->object), "trace");
	o.trace.fields = SAN_TRACE_ON;
	if (read_order(&o, req->body, &err)) {
		rest_fail(req, &err);
		return;
	}
	if (arm(req, &o.trace, (uint32_t)o.seconds))
		return;
	json_decref(observe->trace);
	observe->trace = json_incref(req->body);
	json_object_set_new(observe->trace, "seconds", json_integer(o.seconds));
	json_object_set_new(observe->trace, "after", json_integer((json_int_t)observe->newest));
	observe->trace_until_us = clock_us() + (uint64_t)o.seconds * 1000000;
	log_info("trace armed", "peer=%s seconds=%d request=%ju", req->peer, (int)o.seconds,
		 (uintmax_t)req->number);
	rest_json(req, 200, shown(req->north));
}

void trace_delete(struct req *req)
{
	const struct san_trace none = {0};

	snprintf(req->object, sizeof(req->object), "trace");
	if (arm(req, &none, 1))
		return;
	json_decref(req->north->observe.trace);
	req->north->observe.trace = NULL;
	rest_empty(req, 204);
}
