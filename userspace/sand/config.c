/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "model/in6.h"
#include "model/view.h"
#include "util/json.h"
#include "util/own.h"
#include "util/yaml.h"

/* One section of the file: its reader fills *c from the member's value. */
struct section {
	const char *name;
	int (*read)(struct config *c, json_t *value, struct err *err);
};

static int read_name(struct config *c, json_t *value, struct err *err)
{
	const char *text = json_string_value(value);

	if (!text || !name_valid(text))
		return err_set(err, -EINVAL, "", text ? text : "not a string",
			       "must match [A-Za-z0-9._-]{1,63}");
	strcpy(c->name, text);
	return 0;
}

static int read_source(struct config *c, json_t *value, struct err *err)
{
	return in6_from_value(value, &c->ncc.config.source, err);
}

static int read_iface(struct config *c, json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"name", "role", "malformed", "unknown", NULL};
	static const char *const roles[] = {"none", "ingress", "core"};
	static const char *const policies[] = {"pass", "drop"};
	struct ncc_iface *iface = &c->ifaces[c->ncc.n_ifaces];
	int role = 0, malformed = 0, unknown = 0, r;

	if ((r = json_is_obj(obj, err)) || (r = json_only(obj, allowed, err)) ||
	    (r = json_get_text(obj, "name", JSON_REQUIRED, iface->name, sizeof(iface->name),
			       err)) ||
	    (r = json_get_enum(obj, "role", JSON_REQUIRED, roles, 3, &role, err)) ||
	    (r = json_get_enum(obj, "malformed", JSON_OPTIONAL, policies, 2, &malformed, err)) ||
	    (r = json_get_enum(obj, "unknown", JSON_OPTIONAL, policies, 2, &unknown, err)))
		return r;
	for (unsigned int i = 0; i < c->ncc.n_ifaces; i++)
		if (!strcmp(c->ifaces[i].name, iface->name))
			return err_set(err, -EINVAL, "/name", iface->name,
				       "is listed twice; one role per interface");
	iface->role = role;
	iface->policy =
		(malformed ? SAN_IF_DROP_MALFORMED : 0) | (unknown ? SAN_IF_DROP_UNKNOWN : 0);
	c->ncc.n_ifaces++;
	return 0;
}

/* Applies read to every element of an array of at most max; errors get the element's index. */
static int each(struct config *c, json_t *array, size_t max,
		int (*read)(struct config *, json_t *, struct err *), struct err *err)
{
	size_t i;
	json_t *value;

	if (!json_is_array(array))
		return err_set(err, -EINVAL, "", "not a list", "must be a list");
	if (json_array_size(array) > max)
		return err_set(err, -ENOSPC, "", "too many", "at most %zu entries", max);
	json_array_foreach(array, i, value) {
		if (read(c, value, err))
			return err_prefix(err, "/%zu", i);
	}
	return 0;
}

static int read_ifaces(struct config *c, json_t *value, struct err *err)
{
	return each(c, value, CONFIG_MAX_IFACES, read_iface, err);
}

static int read_sid(struct config *c, json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"sid",   "behaviour", "nexthop",
					      "table", "interface", NULL};
	static const char *const names[] = {"End", "End.DX6", "End.DT6"};
	struct plan_sid *sid = &c->sids[c->n_sids];
	int behaviour = 0, r;
	int64_t table = 254;

	if ((r = json_is_obj(obj, err)) || (r = json_only(obj, allowed, err)) ||
	    (r = in6_from_json(obj, "sid", JSON_REQUIRED, &sid->addr, err)) ||
	    (r = json_get_enum(obj, "behaviour", JSON_REQUIRED, names, 3, &behaviour, err)) ||
	    (r = in6_from_json(obj, "nexthop", JSON_OPTIONAL, &sid->nexthop, err)) ||
	    (r = json_get_int(obj, "table", JSON_OPTIONAL, (struct json_range){1, UINT32_MAX},
			      &table, err)) ||
	    (r = json_get_text(obj, "interface", JSON_OPTIONAL, sid->oif, sizeof(sid->oif), err)))
		return r;
	sid->behaviour = SAN_BEHAVIOUR_END + behaviour;
	sid->table = sid->behaviour == SAN_BEHAVIOUR_END_DT6 ? table : 0;
	if (sid->behaviour == SAN_BEHAVIOUR_END_DX6 && IN6_IS_ADDR_UNSPECIFIED(&sid->nexthop))
		return err_set(err, -EINVAL, "/nexthop", "", "End.DX6 needs the IPv6 next hop");
	c->n_sids++;
	return 0;
}

static int read_sids(struct config *c, json_t *value, struct err *err)
{
	return each(c, value, CONFIG_MAX_SIDS, read_sid, err);
}

/* Parsed by check_whole, when the host's name is known. */
static int read_gateway(struct config *c, json_t *value, struct err *err)
{
	c->is_gateway = true;
	return json_is_obj(value, err);
}

static int read_rest(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"unix", "tcp", NULL};
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_bool(value, "unix", &c->rest_unix, err)))
		return r;
	return json_get_text(value, "tcp", JSON_OPTIONAL, c->rest_tcp, sizeof(c->rest_tcp), err);
}

static int read_u32(const json_t *obj, const char *name, struct json_range range, uint32_t *out,
		    struct err *err)
{
	int64_t value = *out;
	int r = json_get_int(obj, name, JSON_OPTIONAL, range, &value, err);

	*out = value;
	return r;
}

static int read_kernel(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"table", "rule_priority", NULL};
	struct san_msg_config *m = &c->ncc.config;
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = read_u32(value, "table", (struct json_range){1, UINT32_MAX}, &m->route_table,
			  err)) ||
	    (r = read_u32(value, "rule_priority", (struct json_range){1, 32765}, &m->rule_priority,
			  err)))
		return r;
	if (m->route_table >= 253 && m->route_table <= 255)
		return err_set(err, -EINVAL, "/table", "",
			       "253 to 255 are the kernel's own tables");
	return 0;
}

static int read_maps(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"services", "nexthops", "flows", NULL};
	struct san_msg_config *m = &c->ncc.config;
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = read_u32(value, "services", (struct json_range){1, 4 << 20}, &m->max_services,
			  err)) ||
	    (r = read_u32(value, "nexthops", (struct json_range){2, 1 << 20}, &m->max_nexthops,
			  err)))
		return r;
	return read_u32(value, "flows", (struct json_range){1, 16 << 20}, &m->max_flows, err);
}

static int read_carriers(struct san_profile *p, json_t *value, struct err *err)
{
	static const char *const names[] = {"doh", "hbh", "srh"};
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(value, "carriers", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	p->carriers = 0;
	json_array_foreach(array, i, item) {
		const char *text = json_string_value(item);
		unsigned int bit = 0;

		while (bit < 3 && (!text || strcmp(text, names[bit])))
			bit++;
		if (bit == 3)
			return err_set(err, -EINVAL, "/carriers", text ? text : "not a string",
				       "must be a list of doh, hbh, srh");
		p->carriers |= 1u << bit;
	}
	if (!p->carriers)
		return err_set(err, -EINVAL, "/carriers", "empty", "must name doh, hbh or srh");
	return 0;
}

static int read_u8(const json_t *obj, const char *name, struct json_range range, uint8_t *out,
		   struct err *err)
{
	int64_t value = *out;
	int r = json_get_int(obj, name, JSON_OPTIONAL, range, &value, err);

	*out = value;
	return r;
}

static int read_profile(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"carriers",  "option",	"tlv", "version",
					      "id_offset", "id_length", NULL};
	struct san_profile *p = &c->ncc.config.profile;
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = read_carriers(p, value, err)) ||
	    (r = read_u8(value, "option", (struct json_range){2, 255}, &p->opt_type, err)) ||
	    (r = read_u8(value, "tlv", (struct json_range){1, 255}, &p->tlv_type, err)) ||
	    (r = read_u8(value, "version", (struct json_range){0, 15}, &p->version, err)) ||
	    (r = read_u8(value, "id_offset", (struct json_range){0, 32}, &p->id_offset, err)) ||
	    (r = read_u8(value, "id_length", (struct json_range){4, 8}, &p->id_len, err)))
		return r;
	if (p->tlv_type == 4)
		return err_set(err, -EINVAL, "/tlv", "4", "must not be padding (RFC 8754: 4)");
	if (p->id_len != 4 && p->id_len != 8)
		return err_set(err, -EINVAL, "/id_length", "", "must be 4 or 8 bytes");
	return 0;
}

static int read_log(struct config *c, json_t *value, struct err *err)
{
	const char *text = json_string_value(value);

	if (!text || log_level_parse(text, &c->log_level))
		return err_set(err, -EINVAL, "", text ? text : "not a string",
			       "must be error, warning, info or debug");
	return 0;
}

static int keep(json_t **where, json_t *value)
{
	json_decref(*where);
	*where = json_incref(value);
	return 0;
}

static int check_service(struct config *c, json_t *obj, struct err *err)
{
	OWN_PTR struct service *svc = NULL;

	return service_from_json(obj, 0, &svc, err);
}

static int read_services(struct config *c, json_t *value, struct err *err)
{
	return each(c, value, VIEW_MAX_SERVICES, check_service, err) ?: keep(&c->services, value);
}

static int check_gateway(struct config *c, json_t *obj, struct err *err)
{
	struct gateway gw;

	return gateway_from_json(obj, NULL, &gw, err);
}

static int read_gateways(struct config *c, json_t *value, struct err *err)
{
	return each(c, value, VIEW_MAX_GATEWAYS, check_gateway, err) ?: keep(&c->gateways, value);
}

static int check_path(struct config *c, json_t *obj, struct err *err)
{
	struct path path;

	return path_from_json(obj, (struct path_key){NULL, NULL, NULL}, &path, err);
}

static int read_paths(struct config *c, json_t *value, struct err *err)
{
	return each(c, value, VIEW_MAX_PATHS, check_path, err) ?: keep(&c->paths, value);
}

int config_network(const json_t *obj, char key[3][NAME_LEN], json_t **attrs, struct err *err)
{
	static const char *const allowed[] = {"ingress", "gateway", "path", "attributes", NULL};
	int r;

	if ((r = json_is_obj(obj, err)) || (r = json_only(obj, allowed, err)))
		return r;
	for (int i = 0; i < 3; i++) {
		r = json_get_text(obj, allowed[i], JSON_REQUIRED, key[i], NAME_LEN, err);
		if (r)
			return r;
	}
	return json_get_object(obj, "attributes", JSON_REQUIRED, attrs, err);
}

static int check_network(struct config *c, json_t *obj, struct err *err)
{
	char key[3][NAME_LEN];
	json_t *attrs;

	return config_network(obj, key, &attrs, err);
}

static int read_network(struct config *c, json_t *value, struct err *err)
{
	return each(c, value, VIEW_MAX_PATHS, check_network, err) ?: keep(&c->network, value);
}

static const struct section sections[] = {
	{"name", read_name},	 {"source", read_source},     {"interfaces", read_ifaces},
	{"sids", read_sids},	 {"gateway", read_gateway},   {"rest", read_rest},
	{"kernel", read_kernel}, {"maps", read_maps},	      {"profile", read_profile},
	{"log", read_log},	 {"services", read_services}, {"gateways", read_gateways},
	{"paths", read_paths},	 {"network", read_network},
};

static const struct section *section_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (!strcmp(sections[i].name, name))
			return &sections[i];
	return NULL;
}

static void config_defaults(struct config *c)
{
	struct san_msg_config *m = &c->ncc.config;

	if (gethostname(c->name, sizeof(c->name) - 1) || !name_valid(c->name))
		strcpy(c->name, "sand");
	m->profile = (struct san_profile)SAN_PROFILE_EXP1;
	m->route_table = 5300;
	m->rule_priority = 1000;
	m->max_services = SAN_DEFAULT_SERVICES;
	m->max_nexthops = SAN_DEFAULT_NEXTHOPS;
	m->max_flows = SAN_DEFAULT_FLOWS;
	c->ncc.ifaces = c->ifaces;
	c->rest_unix = true;
	c->log_level = LOG_INFO;
	c->services = json_array();
	c->gateways = json_array();
	c->paths = json_array();
	c->network = json_array();
}

/* What no single section can see. */
static int check_whole(struct config *c, const json_t *root, struct err *err)
{
	bool ingress = false;

	for (unsigned int i = 0; i < c->ncc.n_ifaces; i++)
		ingress |= c->ifaces[i].role == SAN_ROLE_INGRESS;
	if (ingress && IN6_IS_ADDR_UNSPECIFIED(&c->ncc.config.source))
		return err_set(err, -EINVAL, "/source", "absent",
			       "an ingress needs the source address of its outer headers");
	if (c->is_gateway &&
	    gateway_from_json(json_object_get(root, "gateway"), c->name, &c->gateway, err))
		return err_prefix(err, "/gateway");
	return 0;
}

static int read_root(struct config *c, json_t *root, struct err *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(root))
		return err_set(err, -EINVAL, "", "", "must be a mapping of sections");
	json_object_foreach(root, name, value) {
		const struct section *s = section_find(name);

		if (!s) {
			err_set(err, -EINVAL, "", name,
				"is no section; docs/configuration.md lists them");
			return err_prefix(err, "/%s", name);
		}
		if (!json_is_null(value) && s->read(c, value, err))
			return err_prefix(err, "/%s", name);
	}
	return check_whole(c, root, err);
}

int config_load(FILE *file, const char *name, struct config **out, struct err *err)
{
	struct config *c = calloc(1, sizeof(*c));
	struct yaml_doc *doc = NULL;
	int r;

	if (!c)
		return err_set(err, -ENOMEM, "", "", "out of memory");
	config_defaults(c);
	r = yaml_load(file, &doc, err);
	if (r) {
		err_object(err, "%s", name);
	} else {
		r = read_root(c, yaml_root(doc), err);
		if (r)
			err_object(err, "%s:%d", name, yaml_line(doc, err->field));
	}
	yaml_free(doc);
	if (r)
		config_free(c);
	else
		*out = c;
	return r;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	json_decref(c->services);
	json_decref(c->gateways);
	json_decref(c->paths);
	json_decref(c->network);
	free(c);
}
