/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/config_database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sand/config_address.h"
#include "util/json.h"
#include "util/own.h"

#define MAX_KEYS_MAX (64 << 20)
#define SIZE_MB_MIN 16
#define SIZE_MB_MAX (1 << 20)

/* A list of 1..max texts; each checked, *flags gets a bit for each that check() says true of. */
static int read_urls(struct config_database *db, json_t *obj, const char *name, unsigned int max,
		     uint32_t *flags, struct err *err)
{
	bool listen = strcmp(name, "listen") == 0, flag;
	json_t *array = NULL, *item;
	size_t i;
	int r = json_get_array(obj, name, JSON_OPTIONAL, &array, err);

	if (r || !array)
		return r;
	if (!json_array_size(array) || json_array_size(array) > max)
		return err_set(err, -EINVAL, listen ? "/listen" : "/endpoints", "",
			       "must have 1 to %u entries", max);
	json_array_foreach(array, i, item) {
		const char *text = json_string_value(item);

		if (!text || strlen(text) >= CONFIG_URL_MAX)
			r = err_set(err, -EINVAL, "", text ? text : "not a string",
				    "must be a string of at most %d bytes", CONFIG_URL_MAX - 1);
		else
			r = listen ? config_listen(text, &flag, err)
				   : config_endpoint(text, &flag, err);
		if (r)
			return err_prefix(err, "/%s/%zu", name, i);
		snprintf(db->url_texts[i], CONFIG_URL_MAX, "%s", text);
		db->urls[i] = db->url_texts[i];
		*flags |= (uint32_t)flag << i;
	}
	db->n_urls = json_array_size(array);
	return 0;
}

/* ---- members ---- */

static int read_tls(struct config_database *db, json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"ca", "cert", "key", NULL};
	json_t *tls = NULL;
	int r = json_get_object(obj, "tls", JSON_OPTIONAL, &tls, err);

	if (r || !tls)
		return r;
	if ((r = json_only(tls, allowed, err)) ||
	    (r = json_get_text(tls, "ca", JSON_OPTIONAL, db->ca, sizeof(db->ca), err)) ||
	    (r = json_get_text(tls, "cert", JSON_OPTIONAL, db->cert, sizeof(db->cert), err)) ||
	    (r = json_get_text(tls, "key", JSON_OPTIONAL, db->key, sizeof(db->key), err)))
		return err_prefix(err, "/tls");
	if (!db->cert[0] != !db->key[0])
		return err_set(err, -EINVAL, db->cert[0] ? "/tls/key" : "/tls/cert", "absent",
			       "cert and key go together");
	return 0;
}

/* With a leading slash, without one at the end: the keys' own "/services/..." follows. */
static int read_key_prefix(struct config_database *db, json_t *obj, struct err *err)
{
	size_t len;
	int r = json_get_text(obj, "prefix", JSON_OPTIONAL, db->prefix, sizeof(db->prefix), err);

	len = strlen(db->prefix);
	if (r || !len)
		return r;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)db->prefix[i] < 0x21 || db->prefix[i] == 0x7f)
			len = 0;
	if (len < 2 || db->prefix[0] != '/' || db->prefix[len - 1] == '/')
		return err_set(err, -EINVAL, "/prefix", db->prefix,
			       "must start with /, not end with it, and have no spaces");
	return 0;
}

static int read_u32(const json_t *obj, const char *name, struct json_range range, uint32_t *out,
		    struct err *err)
{
	int64_t value = *out;
	int r = json_get_int(obj, name, JSON_OPTIONAL, range, &value, err);

	*out = (uint32_t)value;
	return r;
}

static int read_members(struct config_database *db, json_t *obj, struct err *err)
{
	int r;

	if ((r = read_tls(db, obj, err)) ||
	    (r = json_get_bool(obj, "insecure", &db->insecure, err)) ||
	    (r = read_u32(obj, "max_keys", (struct json_range){1, MAX_KEYS_MAX}, &db->max_keys,
			  err)) ||
	    (r = read_u32(obj, "size_mb", (struct json_range){SIZE_MB_MIN, SIZE_MB_MAX},
			  &db->size_mb, err)) ||
	    (r = json_get_text(obj, "user", JSON_OPTIONAL, db->user, sizeof(db->user), err)) ||
	    (r = json_get_text(obj, "password_file", JSON_OPTIONAL, db->password_file,
			       sizeof(db->password_file), err)) ||
	    (r = read_key_prefix(db, obj, err)) ||
	    (r = read_u32(obj, "deadline_ms", (struct json_range){100, 10000}, &db->deadline_ms,
			  err)))
		return r;
	return read_u32(obj, "lease_ttl_s", (struct json_range){NCSDB_LEASE_TTL_MIN_S, 3600},
			&db->lease_ttl_s, err);
}

/* ---- the whole ---- */

static int refuse_members(const json_t *obj, const char *const *names, const char *why,
			  struct err *err)
{
	char field[32];

	for (; *names; names++) {
		if (!json_object_get(obj, *names))
			continue;
		snprintf(field, sizeof(field), "/%s", *names);
		return err_set(err, -EINVAL, field, "", "%s", why);
	}
	return 0;
}

static int check_served(const struct config_database *db, uint32_t loopback, struct err *err)
{
	char field[32];

	if (db->ca[0] && !db->cert[0])
		return err_set(err, -EINVAL, "/tls/cert", "absent", "a server needs cert and key");
	for (unsigned int i = 0; !db->cert[0] && !db->insecure && i < db->n_urls; i++) {
		if (loopback >> i & 1)
			continue;
		snprintf(field, sizeof(field), "/listen/%u", i);
		return err_set(err, -EINVAL, field, db->urls[i],
			       "beyond loopback addresses needs tls, or insecure: true");
	}
	return 0;
}

static int check_remote(const struct config_database *db, uint32_t https, struct err *err)
{
	if (!db->user[0] != !db->password_file[0])
		return err_set(err, -EINVAL, db->user[0] ? "/password_file" : "/user", "absent",
			       "user and password_file go together");
	if (https && https + 1 != 1u << db->n_urls && (db->user[0] || db->ca[0] || db->cert[0]))
		return err_set(err, -EINVAL, "/endpoints", "",
			       "must be all https or all http with user or tls");
	if (!https && (db->ca[0] || db->cert[0]))
		return err_set(err, -EINVAL, "/tls", "", "is for endpoints with https only");
	return 0;
}

static int check_mode(struct config_database *db, json_t *obj, uint32_t flags, struct err *err)
{
	static const char *const remote_only[] = {"user", "password_file", "prefix", "deadline_ms",
						  NULL};
	static const char *const here_only[] = {"listen", "insecure", "max_keys", "size_mb", NULL};
	static const char *const served_only[] = {"tls", "insecure", NULL};
	int r;

	if (json_object_get(obj, "endpoints")) {
		db->mode = DATABASE_REMOTE;
		return refuse_members(obj, here_only, "is not possible with endpoints", err)
			       ?: check_remote(db, flags, err);
	}
	r = refuse_members(obj, remote_only, "is for endpoints only", err);
	if (r)
		return r;
	if (!db->n_urls)
		return refuse_members(obj, served_only, "needs listen", err);
	db->mode = DATABASE_SERVED;
	return check_served(db, flags, err);
}

int config_database_read(struct config_database *db, json_t *value, struct err *err)
{
	static const char *const allowed[] = {
		"listen", "endpoints",	   "tls",    "insecure",    "max_keys",	   "size_mb",
		"user",	  "password_file", "prefix", "deadline_ms", "lease_ttl_s", NULL};
	uint32_t flags = 0;
	int r;

	if ((r = json_is_obj(value, err)) || (r = json_only(value, allowed, err)) ||
	    (r = read_urls(db, value, "listen", NCSDB_LISTEN_MAX, &flags, err)) ||
	    (r = read_urls(db, value, "endpoints", NCSDB_ENDPOINTS_MAX, &flags, err)) ||
	    (r = read_members(db, value, err)))
		return r;
	return check_mode(db, value, flags, err);
}

void config_database_defaults(struct config_database *db)
{
	db->deadline_ms = NCSDB_DEADLINE_MS;
	db->lease_ttl_s = CONFIG_LEASE_TTL_S;
}
