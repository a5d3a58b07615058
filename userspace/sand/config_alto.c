/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config_alto.h"

#include <errno.h>
#include <string.h>

#include "sand/config_address.h"
#include "util/json.h"
#include "util/own.h"

#define INTERVAL_S_MAX 86400

/* ---- who may what ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_digest(const json_t *obj, struct north_principal *p, struct err *err)
{
	const char *text = NULL;
	int r = json_get_str(obj, "token_sha256", JSON_OPTIONAL, &text, err);

	if (r || !text)
		return r;
	if (strlen(text) != 2 * sizeof(p->token_sha256) || text[strspn(text, "0123456789abcdef")])
		return err_set(err, -EINVAL, "/token_sha256", text,
			       "must be 64 lower-case hex digits (printf %%s TOKEN | sha256sum)");
	for (size_t i = 0; i < sizeof(p->token_sha256); i++)
		p->token_sha256[i] = hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]);
	p->has_token = true;
	return 0;
}

static int read_principal(struct north_principal *p, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"name", "role", "token_sha256", "certificate", NULL};
	static const char *const roles[] = {"reader", "domain", "admin"};
	int role = NORTH_READER, r;

	_Static_assert(ARRAY_SIZE(roles) == NORTH_ROLE_MAX, "a name for each role");
	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_str(value, "name", JSON_REQUIRED, &p->name, err)) ||
	    (r = json_get_enum(value, "role", JSON_REQUIRED, roles, NORTH_ROLE_MAX, &role, err)) ||
	    (r = read_digest(value, p, err)) ||
	    (r = json_get_str(value, "certificate", JSON_OPTIONAL, &p->certificate, err)))
		return r;
	p->role = role;
	if (!alto_name_valid(p->name))
		return err_set(err, -EINVAL, "/name", p->name, "must match [A-Za-z0-9:@_-]{1,64}");
	if (!p->has_token && !p->certificate)
		return err_set(err, -EINVAL, "/token_sha256", "absent",
			       "must be there, or certificate");
	return 0;
}

/* A token or a certificate that stood for two would make one of them the other. */
static int check_unlike(const struct north_principal *v, unsigned int n, struct err *err)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(v[i].name, v[n].name) == 0)
			return err_set(err, -EEXIST, "/name", v[n].name, "is there twice");
		if (v[i].has_token && v[n].has_token &&
		    !memcmp(v[i].token_sha256, v[n].token_sha256, sizeof(v[n].token_sha256)))
			return err_set(err, -EEXIST, "/token_sha256", "", "is that of %s, too",
				       v[i].name);
		if (v[i].certificate && v[n].certificate &&
		    strcmp(v[i].certificate, v[n].certificate) == 0)
			return err_set(err, -EEXIST, "/certificate", v[n].certificate,
				       "is that of %s, too", v[i].name);
	}
	return 0;
}

static int read_principals(struct config_alto *a, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "principals", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (json_array_size(array) > NORTH_PRINCIPALS_MAX)
		return err_set(err, -ENOSPC, "/principals", "too many", "at most %d",
			       NORTH_PRINCIPALS_MAX);
	a->principals = calloc(json_array_size(array) + 1, sizeof(*a->principals));
	if (!a->principals)
		return err_set(err, -ENOMEM, "/principals", NULL, "no memory");
	a->server.principals = a->principals;
	json_array_foreach(array, i, item) {
		if (read_principal(&a->principals[i], item, err) ||
		    check_unlike(a->principals, i, err))
			return err_prefix(err, "/principals/%zu", i);
		a->server.n_principals++;
	}
	return 0;
}

/* ---- listeners ---- */

static int read_server_tls(struct config_alto *a, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"ca", "cert", "key", NULL};
	json_t *tls = NULL;
	int r = json_get_object(obj, "tls", JSON_OPTIONAL, &tls, err);

	if (r || !tls)
		return r;
	if (json_only(tls, allowed, err) ||
	    json_get_str(tls, "ca", JSON_OPTIONAL, &a->server.ca, err) ||
	    json_get_str(tls, "cert", JSON_REQUIRED, &a->server.cert, err) ||
	    json_get_str(tls, "key", JSON_REQUIRED, &a->server.key, err))
		return err_prefix(err, "/tls");
	return 0;
}

static int read_listen(struct config_alto *a, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	bool loopback;
	size_t i;
	int r = json_get_array(obj, "listen", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (!json_array_size(array) || json_array_size(array) > NORTH_ALTO_LISTEN_MAX)
		return err_set(err, -EINVAL, "/listen", "", "must have 1 to %d entries",
			       NORTH_ALTO_LISTEN_MAX);
	a->server.listen = a->listen;
	json_array_foreach(array, i, item) {
		const char *text = json_string_value(item);

		r = config_listen(text ? text : "", &loopback, err);
		if (!r && !loopback && !a->server.cert)
			r = err_set(err, -EINVAL, "", text, "beyond loopback addresses needs tls");
		if (r)
			return err_prefix(err, "/listen/%zu", i);
		a->listen[a->server.n_listen++] = text;
	}
	return 0;
}

/* ---- the rest ---- */

static int read_access(struct config_alto *a, const json_t *obj, struct err *err)
{
	static const char *const names[] = {"public", "known"};
	int known = 0;
	int r = json_get_enum(obj, "access", JSON_OPTIONAL, names, 2, &known, err);

	a->server.known_only = known;
	if (!r && known && !a->server.n_principals)
		return err_set(err, -EINVAL, "/access", "known", "needs principals");
	return r;
}

static int read_calendar(struct config_alto *a, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"interval_s", "intervals", NULL};
	json_t *calendar = NULL;
	int64_t interval_s = 0, n = 0;
	int r = json_get_object(obj, "calendar", JSON_OPTIONAL, &calendar, err);

	if (r || !calendar)
		return r;
	if (json_only(calendar, allowed, err) ||
	    json_get_int(calendar, "interval_s", JSON_REQUIRED,
			 (struct json_range){1, INTERVAL_S_MAX}, &interval_s, err) ||
	    json_get_int(calendar, "intervals", JSON_REQUIRED,
			 (struct json_range){1, ALTO_INTERVALS_MAX}, &n, err))
		return err_prefix(err, "/calendar");
	a->calendar = (struct alto_calendar){(uint32_t)interval_s, (uint32_t)n};
	return 0;
}

static int read_sources(struct config_alto *a, const json_t *obj, struct err *err)
{
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "sources", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (json_array_size(array) > ALTOC_SOURCES_MAX)
		return err_set(err, -ENOSPC, "/sources", "too many", "at most %d",
			       ALTOC_SOURCES_MAX);
	a->sources = calloc(json_array_size(array) + 1, sizeof(*a->sources));
	if (!a->sources)
		return err_set(err, -ENOMEM, "/sources", NULL, "no memory");
	json_array_foreach(array, i, item) {
		r = config_alto_source_read(&a->sources[i], item, err);
		for (size_t k = 0; !r && k < i; k++)
			r = altoc_source_apart(&a->sources[i].conf, &a->sources[k].conf, err);
		if (r)
			return err_prefix(err, "/sources/%zu", i);
		a->n_sources++;
	}
	return 0;
}

int config_alto_read(struct config_alto *a, json_t *value, struct err *err)
{
	static const char *const allowed[] = {"listen",	    "tls",     "access",   "domains", "own",
					      "principals", "sources", "calendar", NULL};
	int r;

	a->obj = json_incref(value);
	a->domains = a->own = true;
	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = json_get_bool(value, "domains", &a->domains, err)) ||
	    (r = json_get_bool(value, "own", &a->own, err)) ||
	    (r = read_server_tls(a, value, err)) || (r = read_listen(a, value, err)) ||
	    (r = read_principals(a, value, err)) || (r = read_access(a, value, err)) ||
	    (r = read_calendar(a, value, err)) || (r = read_sources(a, value, err)))
		return r;
	if (a->server.n_listen && !a->domains && !a->own)
		return err_set(err, -EINVAL, "/listen", a->listen[0],
			       "has nothing to serve: domains or own must be true");
	return 0;
}

void config_alto_free(struct config_alto *a)
{
	free(a->principals);
	free(a->sources);
	json_decref(a->obj);
}
