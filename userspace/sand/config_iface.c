/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section `interfaces`, and the access groups that it names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sand/config_int.h"
#include "util/own.h"

/* The number of a group, a new one for a name that is new. */
static int group_of(struct config *c, const char *name, uint8_t *group, struct err *err)
{
	for (unsigned int i = 1; i < c->n_groups; i++) {
		if (!strcmp(c->groups[i], name)) {
			*group = i;
			return 0;
		}
	}
	if (c->n_groups == SAN_MAX_GROUPS)
		return err_set(err, -ENOSPC, "/access", name, "at most %d access groups",
			       SAN_MAX_GROUPS - 1);
	strcpy(c->group_names[c->n_groups], name);
	c->groups[c->n_groups] = c->group_names[c->n_groups];
	*group = c->n_groups++;
	return 0;
}

static int read_group(struct config *c, const json_t *obj, uint8_t *group, struct err *err)
{
	char name[NAME_LEN] = "";
	int r = json_get_text(obj, "access", JSON_OPTIONAL, name, sizeof(name), err);

	if (r || !json_is_string(json_object_get(obj, "access")))
		return r;
	if (!name_valid(name))
		return err_set(err, -EINVAL, "/access", name, "must match [A-Za-z0-9._-]{1,63}");
	return group_of(c, name, group, err);
}

static int only_ingress(const json_t *obj, struct err *err)
{
	static const char *const members[] = {"access", "vlan", "classify"};
	char field[32];

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_t *value = json_object_get(obj, members[i]);

		if (!value || json_is_null(value))
			continue;
		snprintf(field, sizeof(field), "/%s", members[i]);
		return err_set(err, -EINVAL, field, "", "is for interfaces of role ingress only");
	}
	return 0;
}

static int read_policy(const json_t *obj, uint8_t *policy, struct err *err)
{
	static const char *const policies[] = {"pass", "drop"};
	int malformed = 0, unknown = 0, r;
	bool vlan = false, classify = true;

	if ((r = json_get_enum(obj, "malformed", JSON_OPTIONAL, policies, 2, &malformed, err)) ||
	    (r = json_get_enum(obj, "unknown", JSON_OPTIONAL, policies, 2, &unknown, err)) ||
	    (r = json_get_bool(obj, "vlan", &vlan, err)) ||
	    (r = json_get_bool(obj, "classify", &classify, err)))
		return r;
	*policy = (malformed ? SAN_IF_DROP_MALFORMED : 0) | (unknown ? SAN_IF_DROP_UNKNOWN : 0) |
		  (vlan ? SAN_IF_VLAN : 0) | (classify ? SAN_IF_CLASSIFY : 0);
	return 0;
}

static int read_iface(struct config *c, json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"name",	"role", "malformed", "unknown",
					      "access", "vlan", "classify",  NULL};
	static const char *const roles[] = {"none", "ingress", "core"};
	struct ncc_iface *iface = &c->ifaces[c->ncc.n_ifaces];
	int role = 0, r;

	if ((r = json_is_obj(obj, err)) || (r = json_only(obj, allowed, err)) ||
	    (r = json_get_text(obj, "name", JSON_REQUIRED, iface->name, sizeof(iface->name),
			       err)) ||
	    (r = json_get_enum(obj, "role", JSON_REQUIRED, roles, 3, &role, err)) ||
	    (r = read_policy(obj, &iface->policy, err)) ||
	    (r = role == SAN_ROLE_INGRESS ? read_group(c, obj, &iface->group, err)
					  : only_ingress(obj, err)))
		return r;
	for (unsigned int i = 0; i < c->ncc.n_ifaces; i++)
		if (!strcmp(c->ifaces[i].name, iface->name))
			return err_set(err, -EINVAL, "/name", iface->name,
				       "is listed twice; one role per interface");
	if (role != SAN_ROLE_INGRESS)
		iface->policy &= ~SAN_IF_CLASSIFY;
	iface->role = role;
	c->ncc.n_ifaces++;
	return 0;
}

int config_ifaces(struct config *c, json_t *value, struct err *err)
{
	return config_each(c, value, CONFIG_MAX_IFACES, read_iface, err);
}
