/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config_nemo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ncsdb/write.h"
#include "util/json.h"
#include "util/name.h"

/* ---- what a tenant may name ---- */

/* Room for the items of an optional array; *array NULL: nothing granted. */
static int grants_array(const json_t *obj, const char *name, size_t size, json_t **array,
			void **out, struct err *err)
{
	int r = json_get_array(obj, name, JSON_OPTIONAL, array, err);

	if (r || !*array)
		return r;
	if (json_array_size(*array) > CONFIG_GRANTS_MAX) {
		err_set(err, -ENOSPC, "", "too many", "at most %d", CONFIG_GRANTS_MAX);
		return err_prefix(err, "/%s", name);
	}
	*out = calloc(json_array_size(*array) + 1, size);
	return *out ? 0 : err_set(err, -ENOMEM, "", NULL, "no memory");
}

static int read_gateways(struct nemo_grants *grants, const json_t *obj, struct err *err)
{
	const char **v = NULL;
	json_t *array = NULL, *item;
	size_t i;
	int r = grants_array(obj, "gateways", sizeof(*v), &array, (void **)&v, err);

	grants->gateways = v;
	if (r || !array)
		return r;
	json_array_foreach(array, i, item) {
		v[i] = json_string_value(item);
		if (!v[i] || !name_valid(v[i])) {
			err_set(err, -EINVAL, "", v[i] ? v[i] : "not a string",
				"must match [A-Za-z0-9._-]{1,63}");
			return err_prefix(err, "/gateways/%zu", i);
		}
		grants->n_gateways++;
	}
	return 0;
}

/* Also as a number: YAML reads 0x101 as one. */
static int service_of(const json_t *item, uint64_t *id, struct err *err)
{
	const char *text = json_string_value(item);

	if (json_is_integer(item) && json_integer_value(item) > 0) {
		*id = (uint64_t)json_integer_value(item);
		return 0;
	}
	if (text && !ncsdb_key_service(text, id))
		return 0;
	return err_set(err, -EINVAL, "", text ? text : "no service ID",
		       "must be a service ID: 0x101");
}

static int read_services(struct nemo_grants *grants, const json_t *obj, struct err *err)
{
	uint64_t *v = NULL;
	json_t *array = NULL, *item;
	size_t i;
	int r = grants_array(obj, "services", sizeof(*v), &array, (void **)&v, err);

	grants->services = v;
	if (r || !array)
		return r;
	json_array_foreach(array, i, item) {
		if (service_of(item, &v[i], err))
			return err_prefix(err, "/services/%zu", i);
		grants->n_services++;
	}
	return 0;
}

static int read_prefixes(struct nemo_grants *grants, const json_t *obj, struct err *err)
{
	struct nemo_prefix *v = NULL;
	struct nemo_value value;
	json_t *array = NULL, *item;
	bool host_bits = false;
	size_t i;
	int r = grants_array(obj, "prefixes", sizeof(*v), &array, (void **)&v, err);

	grants->prefixes = v;
	if (r || !array)
		return r;
	json_array_foreach(array, i, item) {
		const char *text = json_string_value(item);

		if (!text || nemo_value_read(NEMO_IPPREFIX, text, &value, &host_bits) ||
		    host_bits) {
			err_set(err, -EINVAL, "", text ? text : "not a string",
				"must be a prefix without bits beyond its length: 192.0.2.0/24");
			return err_prefix(err, "/prefixes/%zu", i);
		}
		v[i] = value.prefix;
		grants->n_prefixes++;
	}
	return 0;
}

/* ---- tenants ---- */

static int read_tenant(struct intent_tenant_conf *tenant, struct north_principal *p, json_t *value,
		       struct err *err)
{
	static const char *const allowed[] = {"name",	  "token_sha256", "certificate", "gateways",
					      "services", "prefixes",	  "everything",	 NULL};
	int r;

	p->role = NORTH_TENANT;
	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_str(value, "name", JSON_REQUIRED, &p->name, err)) ||
	    (r = config_access_credentials(value, p, err)) ||
	    (r = json_get_bool(value, "everything", &tenant->grants.everything, err)) ||
	    (r = read_gateways(&tenant->grants, value, err)) ||
	    (r = read_services(&tenant->grants, value, err)) ||
	    (r = read_prefixes(&tenant->grants, value, err)))
		return r;
	tenant->name = p->name;
	if (!name_valid(p->name))
		return err_set(err, -EINVAL, "/name", p->name, "must match [A-Za-z0-9._-]{1,63}");
	if (strcmp(p->name, CONFIG_NEMO_DEFAULT) == 0)
		return err_set(err, -EINVAL, "/name", p->name, "is the operator's own");
	return 0;
}

static int read_tenants(struct config_nemo *n, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i, size;
	int r = json_get_array(obj, "tenants", JSON_OPTIONAL, &array, err);

	if (r)
		return r;
	size = json_array_size(array);
	if (size >= NEMO_TENANTS_MAX)
		return err_set(err, -ENOSPC, "/tenants", "too many", "at most %d",
			       NEMO_TENANTS_MAX - 1);
	n->tenants = calloc(size + 1, sizeof(*n->tenants));
	if (!n->tenants || config_access_room(&n->access, size, err))
		return err_set(err, -ENOMEM, "/tenants", NULL, "no memory");
	n->tenants[n->n_tenants++] =
		(struct intent_tenant_conf){CONFIG_NEMO_DEFAULT, {.everything = true}};
	json_array_foreach(array, i, item) {
		n->n_tenants++;
		r = read_tenant(&n->tenants[i + 1], &n->access.principals[i], item, err);
		if (r || config_access_apart(&n->access, err))
			return err_prefix(err, "/tenants/%zu", i);
		n->access.server.n_principals++;
	}
	return 0;
}

/* ---- notifications ---- */

/* {name, url} is a listener, {url} a prefix that listeners may begin with. */
static int read_hook(struct config_nemo *n, json_t *value, bool named, struct err *err)
{
	static const char *const allowed[] = {"name", "url", "ca", "token_file", NULL};
	struct enact_url *url = &n->urls[n->n_urls];
	int r;

	if (n->n_urls == ENACT_URLS_MAX)
		return err_set(err, -ENOSPC, "", "too many", "at most %d of listeners and urls",
			       ENACT_URLS_MAX);
	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed + !named, err)) ||
	    (named && (r = json_get_str(value, "name", JSON_REQUIRED, &url->name, err))) ||
	    (r = json_get_str(value, "url", JSON_REQUIRED, &url->url, err)) ||
	    (r = json_get_str(value, "ca", JSON_OPTIONAL, &url->ca, err)) ||
	    (r = json_get_str(value, "token_file", JSON_OPTIONAL, &n->token_files[n->n_urls], err)))
		return r;
	if (named && !name_valid(url->name))
		return err_set(err, -EINVAL, "/name", url->name, "must match [A-Za-z0-9._-]{1,63}");
	for (unsigned int i = 0; named && i < n->n_urls; i++)
		if (n->urls[i].name && strcmp(n->urls[i].name, url->name) == 0)
			return err_set(err, -EEXIST, "/name", url->name, "is there twice");
	n->n_urls++;
	return 0;
}

static int read_hooks(struct config_nemo *n, const json_t *obj, const char *name, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, name, JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	json_array_foreach(array, i, item) {
		if (read_hook(n, item, strcmp(name, "listeners") == 0, err))
			return err_prefix(err, "/%s/%zu", name, i);
	}
	return 0;
}

/* ---- all together ---- */

int config_nemo_read(struct config_nemo *n, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"listen",	   "tls",  "zone",    "tenants",
					      "listeners", "urls", "testbed", NULL};
	int r;

	n->obj = json_incref(value);
	n->zone = "UTC";
	n->access.server.known_only = true;
	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_str(value, "zone", JSON_OPTIONAL, &n->zone, err)) ||
	    (r = json_get_bool(value, "testbed", &n->testbed, err)) ||
	    (r = config_access_read(&n->access, value, err)) || (r = read_tenants(n, value, err)) ||
	    (r = read_hooks(n, value, "listeners", err)) || (r = read_hooks(n, value, "urls", err)))
		return r;
	if (n->access.server.n_listen && n->n_tenants == 1)
		return err_set(err, -EINVAL, "/listen", n->access.listen[0],
			       "has nobody to serve: tenants must be there");
	return 0;
}

void config_nemo_free(struct config_nemo *n)
{
	for (unsigned int i = 0; i < n->n_tenants; i++) {
		free((void *)n->tenants[i].grants.gateways);
		free((void *)n->tenants[i].grants.services);
		free((void *)n->tenants[i].grants.prefixes);
	}
	free(n->tenants);
	config_access_fini(&n->access);
	json_decref(n->obj);
}
