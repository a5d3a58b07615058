/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections `sids`, `domain`, `dataplane` and `icmp`. */
#include <errno.h>
#include <string.h>

#include "model/in6.h"
#include "sand/config_int.h"
#include "util/own.h"

/* ---- SIDs ---- */

static int read_flavors(const json_t *obj, uint8_t *flavors, struct err *err)
{
	static const char *const names[] = {"psp", "usp", "usd"}; /* SAN_FLAVOR_* from bit 0 */
	json_t *array = NULL, *item;
	size_t i, bit;
	int r = json_get_array(obj, "flavors", JSON_OPTIONAL, &array, err);

	json_array_foreach(array, i, item) {
		const char *text = json_string_value(item);

		for (bit = 0; bit < ARRAY_SIZE(names) && (!text || strcmp(text, names[bit]));)
			bit++;
		if (bit == ARRAY_SIZE(names))
			return err_set(err, -EINVAL, "/flavors", text ? text : "not a string",
				       "must be a list of psp, usp, usd");
		*flavors |= 1u << bit;
	}
	return r;
}

static int read_nexthop(const json_t *obj, struct plan_sid *sid, struct err *err)
{
	uint32_t v4 = 0;
	int r;

	if (sid->behaviour != SAN_BEHAVIOUR_END_DX4)
		return in6_from_json(obj, "nexthop", JSON_OPTIONAL, &sid->nexthop, err);
	r = in4_from_json(obj, "nexthop", JSON_OPTIONAL, &v4, err);
	sid->nexthop = in4_mapped(v4);
	return r;
}

static bool given(const json_t *obj, const char *name)
{
	const json_t *value = json_object_get(obj, name);

	return value && !json_is_null(value);
}

/* What a behaviour needs and what it has no use for. */
static int check_sid(const struct plan_sid *sid, const json_t *obj, struct err *err)
{
	bool dx6 = sid->behaviour == SAN_BEHAVIOUR_END_DX6;
	bool dx4 = sid->behaviour == SAN_BEHAVIOUR_END_DX4;

	if ((dx6 || dx4) && !given(obj, "nexthop"))
		return err_set(err, -EINVAL, "/nexthop", "", "%s needs the %s next hop",
			       dx6 ? "End.DX6" : "End.DX4", dx6 ? "IPv6" : "IPv4");
	if (!dx6 && !dx4 && given(obj, "nexthop"))
		return err_set(err, -EINVAL, "/nexthop", "", "is for End.DX6 and End.DX4 only");
	if (sid->behaviour != SAN_BEHAVIOUR_END_DT6 && given(obj, "table"))
		return err_set(err, -EINVAL, "/table", "", "is for End.DT6 only");
	if (sid->behaviour != SAN_BEHAVIOUR_END && sid->flavors)
		return err_set(err, -EINVAL, "/flavors", "", "are for End only");
	return 0;
}

static const struct plan_sid *sid_find(const struct config *c, const struct in6_addr *addr)
{
	for (unsigned int i = 0; i < c->n_sids; i++)
		if (!memcmp(&c->sids[i].addr, addr, sizeof(*addr)))
			return &c->sids[i];
	return NULL;
}

static int read_sid(struct config *c, json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"sid",   "behaviour", "flavors", "nexthop",
					      "table", "interface", NULL};
	static const char *const names[] = {"End", "End.DX6", "End.DT6", "End.DX4", "End.SAN"};
	struct plan_sid *sid = &c->sids[c->n_sids];
	int behaviour = 0, r;
	int64_t table = 254;

	_Static_assert(ARRAY_SIZE(names) == SAN_BEHAVIOUR_MAX - SAN_BEHAVIOUR_END, "names");
	if ((r = json_is_obj(obj, err)) || (r = json_only(obj, allowed, err)) ||
	    (r = in6_from_json(obj, "sid", JSON_REQUIRED, &sid->addr, err)) ||
	    (r = json_get_enum(obj, "behaviour", JSON_REQUIRED, names, ARRAY_SIZE(names),
			       &behaviour, err)))
		return r;
	sid->behaviour = SAN_BEHAVIOUR_END + behaviour;
	if ((r = read_flavors(obj, &sid->flavors, err)) || (r = read_nexthop(obj, sid, err)) ||
	    (r = json_get_int(obj, "table", JSON_OPTIONAL, (struct json_range){1, UINT32_MAX},
			      &table, err)) ||
	    (r = json_get_text(obj, "interface", JSON_OPTIONAL, sid->oif, sizeof(sid->oif), err)) ||
	    (r = check_sid(sid, obj, err)))
		return r;
	if (sid_find(c, &sid->addr))
		return err_set(err, -EINVAL, "/sid", json_string_value(json_object_get(obj, "sid")),
			       "is listed twice");
	sid->table = sid->behaviour == SAN_BEHAVIOUR_END_DT6 ? table : 0;
	c->n_sids++;
	return 0;
}

int config_sids(struct config *c, json_t *value, struct err *err)
{
	return config_each(c, value, CONFIG_MAX_SIDS, read_sid, err);
}

/* ---- domain ---- */

static int read_prefix(struct config *c, json_t *value, enum san_prefix_kind kind, struct err *err)
{
	struct san_msg_prefix *prefix = &c->prefixes[c->ncc.n_prefixes];
	struct in6_addr addr;
	int len, r = json_prefix6(value, &addr, &len, err);

	if (r)
		return r;
	if (!len)
		return err_set(err, -EINVAL, "", json_string_value(value),
			       "must have a length of 1..128");
	*prefix = (struct san_msg_prefix){.addr = addr, .len = len, .kind = kind};
	for (unsigned int i = 0; i < c->ncc.n_prefixes; i++)
		if (!memcmp(&c->prefixes[i], prefix, sizeof(*prefix)))
			return err_set(err, -EINVAL, "", json_string_value(value),
				       "is listed twice");
	c->ncc.n_prefixes++;
	return 0;
}

static int read_locator(struct config *c, json_t *value, struct err *err)
{
	return read_prefix(c, value, SAN_PREFIX_BLOCK, err);
}

static int read_inside(struct config *c, json_t *value, struct err *err)
{
	return read_prefix(c, value, SAN_PREFIX_INSIDE, err);
}

int config_domain(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"locators", "sources", NULL};
	int r = json_is_obj(value, err) ?: json_only(value, allowed, err);

	if (r)
		return r;
	if (given(value, "locators")) {
		c->locators_given = true;
		if (config_each(c, json_object_get(value, "locators"), SAN_MAX_BLOCKS, read_locator,
				err))
			return err_prefix(err, "/locators");
	}
	if (given(value, "sources") &&
	    config_each(c, json_object_get(value, "sources"), SAN_MAX_INSIDE, read_inside, err))
		return err_prefix(err, "/sources");
	return 0;
}

/* ---- dataplane, icmp ---- */

int config_dataplane(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"relay", "egress", "attach", "sample", NULL};
	static const char *const where[] = {"xdp", "kernel"};
	static const char *const ways[] = {"link", "dispatcher"};
	struct san_msg_config *m = &c->ncc.config;
	int relay = 0, egress = 0, attach = 0, r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_enum(value, "relay", JSON_OPTIONAL, where, 2, &relay, err)) ||
	    (r = json_get_enum(value, "egress", JSON_OPTIONAL, where, 2, &egress, err)) ||
	    (r = json_get_enum(value, "attach", JSON_OPTIONAL, ways, 2, &attach, err)) ||
	    (r = config_u32(value, "sample", (struct json_range){0, CONFIG_MAX_SAMPLE}, &m->sample,
			    err)))
		return r;
	m->kernel_relay = relay;
	m->kernel_egress = egress;
	m->dispatcher = attach;
	return 0;
}

int config_icmp(struct config *c, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"source", "source4", NULL};
	struct san_msg_config *m = &c->ncc.config;
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = in6_from_json(value, "source", JSON_OPTIONAL, &m->icmp_source, err)))
		return r;
	return in4_from_json(value, "source4", JSON_OPTIONAL, &m->icmp_source4, err);
}

/* ---- what follows from other sections ---- */

static int add_san_sid(struct config *c, struct err *err)
{
	const struct in6_addr *addr = &c->gateway.san_sid;
	const struct plan_sid *known;
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_UNSPECIFIED(addr))
		return 0;
	known = sid_find(c, addr);
	if (known && known->behaviour != SAN_BEHAVIOUR_END_SAN)
		return err_set(err, -EINVAL, "/gateway/san_sid", in6_text(addr, text),
			       "is listed in sids with another behaviour than End.SAN");
	if (!known)
		c->sids[c->n_sids++] =
			(struct plan_sid){.addr = *addr, .behaviour = SAN_BEHAVIOUR_END_SAN};
	return 0;
}

/* What connections end at must be there: one of sids that takes this IP version out. */
static int check_decap(const struct config *c, const char *path, const struct in6_addr *addr,
		       bool six, struct err *err)
{
	const struct plan_sid *known = sid_find(c, addr);
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_UNSPECIFIED(addr))
		return 0;
	if (known && (six ? known->behaviour == SAN_BEHAVIOUR_END_DT6 ||
				      known->behaviour == SAN_BEHAVIOUR_END_DX6
			  : known->behaviour == SAN_BEHAVIOUR_END_DX4))
		return 0;
	return err_set(err, -EINVAL, path, in6_text(addr, text), "must be listed in sids, as %s",
		       six ? "End.DT6 or End.DX6" : "End.DX4");
}

int config_srv6_finish(struct config *c, struct err *err)
{
	struct san_msg_config *m = &c->ncc.config;

	if (IN6_IS_ADDR_UNSPECIFIED(&m->icmp_source))
		m->icmp_source = m->source;
	if (!c->is_gateway)
		return 0;
	if (!c->locators_given)
		c->prefixes[c->ncc.n_prefixes++] = (struct san_msg_prefix){
			.addr = c->gateway.locator,
			.len = c->gateway.locator_len,
			.kind = SAN_PREFIX_BLOCK,
		};
	return add_san_sid(c, err)
		       ?: check_decap(c, "/gateway/decap6", &c->gateway.decap6, true, err)
		       ?: check_decap(c, "/gateway/decap4", &c->gateway.decap4, false, err);
}
