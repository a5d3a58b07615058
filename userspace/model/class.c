/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/class.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "model/in6.h"
#include "util/json.h"
#include "util/own.h"

static const struct {
	const char *name;
	uint8_t proto;
} protocols[] = {
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"icmp", IPPROTO_ICMP},
	{"icmp6", IPPROTO_ICMPV6},
};

/* ---- reading ---- */

static int read_name(const json_t *obj, const char *key, char out[NAME_LEN], struct err *err)
{
	const char *name = key;
	int r = json_get_str(obj, "name", key ? JSON_OPTIONAL : JSON_REQUIRED, &name, err);

	if (r)
		return r;
	if (!name_valid(name))
		return err_set(err, -EINVAL, "/name", name,
			       "must be a name of 1..63 of [A-Za-z0-9._-]");
	if (key && strcmp(name, key) != 0)
		return err_set(err, -EINVAL, "/name", name,
			       "must be %s, as the place it is put to, or absent", key);
	strcpy(out, name);
	return 0;
}

static int read_service(const json_t *obj, struct san_msg_class *msg, struct err *err)
{
	const json_t *value = json_object_get(obj, "service");
	json_int_t number = json_integer_value(value); /* 0 if it is none */
	uint64_t id = number > 0 ? (uint64_t)number : 0;

	if ((id || (json_is_string(value) && svc_id_parse(json_string_value(value), &id) == 0)) &&
	    id < SAN_SERVICE_OWN_MIN) {
		msg->service_id = id;
		return 0;
	}
	return err_set(
		err, -EINVAL, "/service", json_is_string(value) ? json_string_value(value) : NULL,
		"must be a service ID: \"0x101\" or a number, 1..0x%llx", SAN_SERVICE_OWN_MIN - 1);
}

static int read_prefixes(const json_t *obj, struct san_msg_class *msg, struct err *err)
{
	int r = prefix_from_json(obj, "source", &msg->src, &msg->src_len, err);

	if (r == 0)
		r = prefix_from_json(obj, "destination", &msg->dst, &msg->dst_len, err);
	if (r || msg->src_len == 0 || msg->dst_len == 0)
		return r;
	if (!IN6_IS_ADDR_V4MAPPED(&msg->src) == !IN6_IS_ADDR_V4MAPPED(&msg->dst))
		return 0;
	return err_set(err, -EINVAL, "/source", json_string_value(json_object_get(obj, "source")),
		       "must be of the same IP version as the destination");
}

static int protocol_named(const char *name, struct san_msg_class *msg)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(protocols); i++) {
		if (strcmp(name, protocols[i].name) == 0) {
			msg->proto = protocols[i].proto;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_protocol(const json_t *obj, struct san_msg_class *msg, struct err *err)
{
	const json_t *value = json_object_get(obj, "protocol");
	int64_t number = 0;
	int r;

	if (!value || json_is_null(value))
		return 0;
	msg->fields |= SAN_CLASS_PROTO;
	if (json_is_integer(value)) {
		r = json_get_int(obj, "protocol", JSON_REQUIRED, (struct json_range){0, 255},
				 &number, err);
		msg->proto = (uint8_t)number;
		return r;
	}
	if (protocol_named(json_string_value(value), msg) == 0)
		return 0;
	return err_set(err, -EINVAL, "/protocol", json_string_value(value),
		       "must be tcp, udp, icmp, icmp6 or a number of 0..255");
}

struct number {
	const char *name;
	int64_t max;
	uint8_t field; /* SAN_CLASS_* */
};

static int read_number(const json_t *obj, const struct number *n, struct san_msg_class *msg,
		       int64_t *out, struct err *err)
{
	int64_t value = -1;
	int r = json_get_int(obj, n->name, JSON_OPTIONAL, (struct json_range){0, n->max}, &value,
			     err);

	if (r || value < 0)
		return r;
	*out = value;
	msg->fields |= n->field;
	return 0;
}

static int read_numbers(const json_t *obj, struct san_msg_class *msg, struct err *err)
{
	static const struct number sport = {"source_port", UINT16_MAX, SAN_CLASS_SPORT},
				   dport = {"destination_port", UINT16_MAX, SAN_CLASS_DPORT},
				   dscp = {"dscp", CLASS_DSCP_MAX, SAN_CLASS_DSCP},
				   priority = {"priority", CLASS_PRIORITY_MAX, 0};
	int64_t s = 0, d = 0, q = 0, p = 0;
	int r = read_number(obj, &sport, msg, &s, err);

	if (r == 0)
		r = read_number(obj, &dport, msg, &d, err);
	if (r == 0)
		r = read_number(obj, &dscp, msg, &q, err);
	if (r == 0)
		r = read_number(obj, &priority, msg, &p, err);
	msg->sport = htons((uint16_t)s);
	msg->dport = htons((uint16_t)d);
	msg->dscp = (uint8_t)q;
	msg->priority = (uint32_t)p;
	return r;
}

/* Only TCP and UDP have ports that packets are asked for. */
static int check_ports(const struct san_msg_class *msg, struct err *err)
{
	bool has_ports = msg->fields & SAN_CLASS_PROTO &&
			 (msg->proto == IPPROTO_TCP || msg->proto == IPPROTO_UDP);

	if (!(msg->fields & (SAN_CLASS_SPORT | SAN_CLASS_DPORT)) || has_ports)
		return 0;
	return err_set(err, -EINVAL,
		       msg->fields & SAN_CLASS_SPORT ? "/source_port" : "/destination_port", NULL,
		       "must be absent: ports need protocol tcp or udp");
}

static int read_class(const json_t *obj, const char *name, struct plan_class *cls, struct err *err)
{
	static const char *const allowed[] = {
		"name",	       "service",	   "source", "destination", "protocol",
		"source_port", "destination_port", "dscp",   "priority",    NULL};
	int r = json_is_obj(obj, err);

	if (r == 0)
		r = json_only(obj, allowed, err);
	if (r == 0)
		r = read_name(obj, name, cls->name, err);
	if (r == 0)
		r = read_service(obj, &cls->msg, err);
	if (r == 0)
		r = read_prefixes(obj, &cls->msg, err);
	if (r == 0)
		r = read_protocol(obj, &cls->msg, err);
	if (r == 0)
		r = read_numbers(obj, &cls->msg, err);
	return r ? r : check_ports(&cls->msg, err);
}

int class_from_json(const json_t *obj, const char *name, struct plan_class *cls, struct err *err)
{
	struct plan_class c;
	struct err ignored;
	int r;

	err = err ? err : &ignored;
	memset(&c, 0, sizeof(c));
	r = read_class(obj, name, &c, err);
	if (r) {
		if (name || c.name[0])
			err_object(err, "class %s", name ? name : c.name);
		return r;
	}
	memcpy(cls, &c, sizeof(c));
	return 0;
}

/* ---- writing ---- */

static json_t *protocol_to_json(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == proto)
			return json_string(protocols[i].name);
	return json_integer(proto);
}

json_t *class_to_json(const struct plan_class *cls)
{
	const struct san_msg_class *msg = &cls->msg;
	char id[SVC_ID_TEXT];
	json_t *obj =
		json_pack("{s:s, s:s, s:I}", "name", cls->name, "service",
			  svc_id_text(msg->service_id, id), "priority", (json_int_t)msg->priority);

	if (!obj)
		return NULL;
	prefix_to_json(obj, "source", &msg->src, msg->src_len);
	prefix_to_json(obj, "destination", &msg->dst, msg->dst_len);
	if (msg->fields & SAN_CLASS_PROTO)
		json_object_set_new(obj, "protocol", protocol_to_json(msg->proto));
	if (msg->fields & SAN_CLASS_SPORT)
		json_object_set_new(obj, "source_port", json_integer(ntohs(msg->sport)));
	if (msg->fields & SAN_CLASS_DPORT)
		json_object_set_new(obj, "destination_port", json_integer(ntohs(msg->dport)));
	if (msg->fields & SAN_CLASS_DSCP)
		json_object_set_new(obj, "dscp", json_integer(msg->dscp));
	return obj;
}
