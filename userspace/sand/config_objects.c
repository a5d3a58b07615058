/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sections of objects that are registered in the database at start: checked here, kept as they are.
 */
#include <errno.h>

#include "model/class.h"
#include "model/view.h"
#include "sand/config_int.h"
#include "util/own.h"

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

int config_services(struct config *c, json_t *value, struct err *err)
{
	return config_each(c, value, VIEW_MAX_SERVICES, check_service, err)
		       ?: keep(&c->services, value);
}

static int check_gateway(struct config *c, json_t *obj, struct err *err)
{
	struct gateway gw;

	return gateway_from_json(obj, NULL, &gw, err);
}

int config_gateways(struct config *c, json_t *value, struct err *err)
{
	return config_each(c, value, VIEW_MAX_GATEWAYS, check_gateway, err)
		       ?: keep(&c->gateways, value);
}

static int check_path(struct config *c, json_t *obj, struct err *err)
{
	struct path path;

	return path_from_json(obj, (struct path_key){NULL, NULL, NULL}, &path, err);
}

int config_paths(struct config *c, json_t *value, struct err *err)
{
	return config_each(c, value, VIEW_MAX_PATHS, check_path, err) ?: keep(&c->paths, value);
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

int config_networks(struct config *c, json_t *value, struct err *err)
{
	return config_each(c, value, VIEW_MAX_PATHS, check_network, err)
		       ?: keep(&c->network, value);
}

static int check_class(struct config *c, json_t *obj, struct err *err)
{
	struct plan_class rule;

	return class_from_json(obj, NULL, &rule, err);
}

int config_classes(struct config *c, json_t *value, struct err *err)
{
	return config_each(c, value, SAN_MAX_CLASSES, check_class, err) ?: keep(&c->classes, value);
}
