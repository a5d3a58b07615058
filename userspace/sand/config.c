/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config_int.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "model/in6.h"
#include "util/json.h"
#include "util/own.h"
#include "util/yaml.h"

/* One section of the file: its reader fills *c from the member's value. */
struct section {
	const char *name;
	int (*read)(struct config *c, json_t *value, struct err *err);
};

int config_each(struct config *c, json_t *array, size_t max,
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

int config_u32(const json_t *obj, const char *name, struct json_range range, uint32_t *out,
	       struct err *err)
{
	int64_t value = *out;
	int r = json_get_int(obj, name, JSON_OPTIONAL, range, &value, err);

	*out = value;
	return r;
}

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

static int read_kernel(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"table", "rule_priority", NULL};
	struct san_msg_config *m = &c->ncc.config;
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = config_u32(value, "table", (struct json_range){1, UINT32_MAX}, &m->route_table,
			    err)) ||
	    (r = config_u32(value, "rule_priority", (struct json_range){1, 32765},
			    &m->rule_priority, err)))
		return r;
	if (m->route_table >= 253 && m->route_table <= 255)
		return err_set(err, -EINVAL, "/table", "",
			       "253 to 255 are the kernel's own tables");
	return 0;
}

static int read_maps(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"services", "nexthops",  "flows",
					      "slots",	  "fragments", NULL};
	struct san_msg_config *m = &c->ncc.config;
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = config_u32(value, "services", (struct json_range){1, 4 << 20}, &m->max_services,
			    err)) ||
	    (r = config_u32(value, "nexthops", (struct json_range){2, 1 << 20}, &m->max_nexthops,
			    err)) ||
	    (r = config_u32(value, "flows", (struct json_range){1, 16 << 20}, &m->max_flows,
			    err)) ||
	    (r = config_u32(value, "slots", (struct json_range){256, 16 << 20}, &m->max_slots,
			    err)))
		return r;
	return config_u32(value, "fragments", (struct json_range){1, 1 << 20}, &m->max_frags, err);
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

static int read_database(struct config *c, json_t *value, struct err *err)
{
	return config_database_read(&c->database, value, err);
}

static int read_alto(struct config *c, json_t *value, struct err *err)
{
	return config_alto_read(&c->alto, value, err);
}

static int read_nemo(struct config *c, json_t *value, struct err *err)
{
	return config_nemo_read(&c->nemo, value, err);
}

static const struct section sections[] = {
	{"name", read_name},
	{"source", read_source},
	{"interfaces", config_ifaces},
	{"domain", config_domain},
	{"dataplane", config_dataplane},
	{"icmp", config_icmp},
	{"gateway", read_gateway},
	{"sids", config_sids},
	{"rest", read_rest},
	{"database", read_database},
	{"alto", read_alto},
	{"nemo", read_nemo},
	{"kernel", read_kernel},
	{"maps", read_maps},
	{"profile", read_profile},
	{"log", read_log},
	{"services", config_services},
	{"classes", config_classes},
	{"gateways", config_gateways},
	{"paths", config_paths},
	{"network", config_networks},
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
	m->max_slots = SAN_DEFAULT_SLOTS;
	m->max_frags = SAN_DEFAULT_FRAGS;
	m->sample = CONFIG_SAMPLE;
	c->ncc.ifaces = c->ifaces;
	c->ncc.prefixes = c->prefixes;
	c->groups[0] = ""; /* interfaces without one */
	c->n_groups = 1;
	c->rest_unix = true;
	config_database_defaults(&c->database);
	c->log_level = LOG_INFO;
	c->services = json_array();
	c->classes = json_array();
	c->gateways = json_array();
	c->paths = json_array();
	c->network = json_array();
}

/* What no single section can see. */
static int check_whole(struct config *c, const json_t *root, struct err *err)
{
	for (unsigned int i = 0; i < c->ncc.n_ifaces; i++)
		c->is_ingress |= c->ifaces[i].role == SAN_ROLE_INGRESS;
	if (c->is_ingress && IN6_IS_ADDR_UNSPECIFIED(&c->ncc.config.source))
		return err_set(err, -EINVAL, "/source", "absent",
			       "an ingress needs the source address of its outer headers");
	if (c->is_gateway &&
	    gateway_from_json(json_object_get(root, "gateway"), c->name, &c->gateway, err))
		return err_prefix(err, "/gateway");
	return config_srv6_finish(c, err);
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
	json_decref(c->classes);
	json_decref(c->gateways);
	json_decref(c->paths);
	json_decref(c->network);
	config_alto_free(&c->alto);
	config_nemo_free(&c->nemo);
	free(c);
}
