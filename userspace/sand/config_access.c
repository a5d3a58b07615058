/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config_access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sand/config_address.h"
#include "util/json.h"

/* ---- who ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int access_digest(const json_t *obj, struct north_principal *p, struct err *err)
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

int config_access_credentials(const json_t *obj, struct north_principal *p, struct err *err)
{
	int r = access_digest(obj, p, err);

	if (!r)
		r = json_get_str(obj, "certificate", JSON_OPTIONAL, &p->certificate, err);
	if (!r && !p->has_token && !p->certificate)
		r = err_set(err, -EINVAL, "/token_sha256", "absent",
			    "must be there, or certificate");
	return r;
}

/* A token or a certificate that stood for two would make one of them the other. */
int config_access_apart(const struct config_access *access, struct err *err)
{
	const struct north_principal *v = access->principals;
	unsigned int n = access->server.n_principals;

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

int config_access_room(struct config_access *access, size_t n, struct err *err)
{
	access->principals = calloc(n + 1, sizeof(*access->principals));
	access->server.principals = access->principals;
	return access->principals ? 0 : err_set(err, -ENOMEM, "", NULL, "no memory");
}

void config_access_fini(struct config_access *access)
{
	free(access->principals);
}

/* ---- where ---- */

static int access_tls(struct north_access *server, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"ca", "cert", "key", NULL};
	json_t *tls = NULL;
	int r = json_get_object(obj, "tls", JSON_OPTIONAL, &tls, err);

	if (r || !tls)
		return r;
	if (json_only(tls, allowed, err) ||
	    json_get_str(tls, "ca", JSON_OPTIONAL, &server->ca, err) ||
	    json_get_str(tls, "cert", JSON_REQUIRED, &server->cert, err) ||
	    json_get_str(tls, "key", JSON_REQUIRED, &server->key, err))
		return err_prefix(err, "/tls");
	return 0;
}

static int access_listen(struct config_access *access, const json_t *obj, struct err *err)
{
	struct north_access *server = &access->server;
	json_t *array = NULL, *item;
	bool loopback;
	size_t i;
	int r = json_get_array(obj, "listen", JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (!json_array_size(array) || json_array_size(array) > NORTH_LISTEN_MAX)
		return err_set(err, -EINVAL, "/listen", "", "must have 1 to %d entries",
			       NORTH_LISTEN_MAX);
	server->listen = access->listen;
	json_array_foreach(array, i, item) {
		const char *text = json_string_value(item);

		r = config_listen(text ? text : "", &loopback, err);
		if (!r && !loopback && !server->cert)
			r = err_set(err, -EINVAL, "", text, "beyond loopback addresses needs tls");
		if (r)
			return err_prefix(err, "/listen/%zu", i);
		access->listen[server->n_listen++] = text;
	}
	return 0;
}

int config_access_read(struct config_access *access, const json_t *obj, struct err *err)
{
	return access_tls(&access->server, obj, err) ?: access_listen(access, obj, err);
}
