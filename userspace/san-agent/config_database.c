/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/config_database.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "san-agent/config_instance.h"
#include "util/json.h"
#include "util/own.h"

/* ---- endpoints ---- */

/* ":2379" */
static bool port_ok(const char *text)
{
	unsigned long port;
	char *end;

	if (text[0] != ':' || text[1] < '0' || text[1] > '9')
		return false;
	port = strtoul(text + 1, &end, 10);
	return !*end && port >= 1 && port <= 65535;
}

/* "[::1]:2379", "192.0.2.1:2379", "etcd1:2379" */
static bool authority_ok(const char *text)
{
	char host[256];
	struct in6_addr addr;
	bool brackets = *text == '[';
	size_t len;

	text += brackets;
	len = strcspn(text, brackets ? "]" : ":");
	if (!len || len >= sizeof(host) || !text[len])
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return port_ok(text + len + brackets) && !strpbrk(host, " /@?#\\") &&
	       (!brackets || inet_pton(AF_INET6, host, &addr) == 1);
}

static int add_endpoint(struct database_conf *conf, const json_t *item, bool *tls, struct err *err)
{
	const char *text = json_string_value(item);
	bool https = text && !strncmp(text, "https://", 8);

	if (!text || strlen(text) >= DATABASE_URL_MAX ||
	    (!https && strncmp(text, "http://", 7) != 0) || !authority_ok(text + (https ? 8 : 7)))
		return err_set(err, -EINVAL, "", text,
			       "must be like \"https://etcd1:2379\" or \"http://[::1]:2379\"");
	*tls |= https;
	strcpy(conf->endpoints[conf->n_endpoints++], text);
	return 0;
}

static int read_endpoints(struct database_conf *conf, const json_t *obj, bool *tls, struct err *err)
{
	json_t *list = NULL, *item;
	size_t i;
	int rc = json_get_array(obj, "endpoints", JSON_REQUIRED, &list, err);

	if (rc)
		return rc;
	if (!json_array_size(list) || json_array_size(list) > NCSDB_ENDPOINTS_MAX)
		return err_set(err, -EINVAL, "/endpoints", "", "must have 1..%d entries",
			       NCSDB_ENDPOINTS_MAX);
	json_array_foreach(list, i, item) {
		rc = add_endpoint(conf, item, tls, err);
		if (rc)
			return err_prefix(err, "/endpoints/%zu", i);
	}
	return 0;
}

/* ---- members ---- */

static int read_tls(struct database_conf *conf, const json_t *obj, struct err *err)
{
	static const char *const allowed[] = {"ca", "cert", "key", NULL};
	json_t *tls = NULL;
	int rc = json_get_object(obj, "tls", JSON_OPTIONAL, &tls, err);

	if (rc || !tls)
		return rc;
	if ((rc = json_only(tls, allowed, err)) ||
	    (rc = json_get_text(tls, "ca", JSON_OPTIONAL, conf->ca, sizeof(conf->ca), err)) ||
	    (rc = json_get_text(tls, "cert", JSON_OPTIONAL, conf->cert, sizeof(conf->cert), err)) ||
	    (rc = json_get_text(tls, "key", JSON_OPTIONAL, conf->key, sizeof(conf->key), err)))
		return err_prefix(err, "/tls");
	return 0;
}

/* With a leading slash, without one at the end: the keys' own "/status/..." follows. */
static int read_prefix(struct database_conf *conf, const json_t *obj, struct err *err)
{
	const char *text = conf->prefix;
	bool good = true;
	int rc = json_get_text(obj, "prefix", JSON_OPTIONAL, conf->prefix, sizeof(conf->prefix),
			       err);

	if (rc || !*text)
		return rc;
	for (const char *p = text; *p; p++)
		good &= (unsigned char)*p > ' ' && *p != 0x7f;
	if (good && text[0] == '/' && text[1] && text[strlen(text) - 1] != '/')
		return 0;
	return err_set(err, -EINVAL, "/prefix", text,
		       "must start with /, not end with it, and have no spaces");
}

static int read_user(struct database_conf *conf, const json_t *obj, struct err *err)
{
	int rc = json_get_text(obj, "user", JSON_OPTIONAL, conf->user, sizeof(conf->user), err);

	if (!rc)
		rc = json_get_text(obj, "password_file", JSON_OPTIONAL, conf->password_file,
				   sizeof(conf->password_file), err);
	if (!rc && !*conf->user != !*conf->password_file)
		rc = err_set(err, -EINVAL, *conf->user ? "/password_file" : "/user", "absent",
			     "user and password_file go together");
	return rc;
}

static int check_tls(const struct database_conf *conf, bool tls, struct err *err)
{
	if (!*conf->cert != !*conf->key)
		return err_set(err, -EINVAL, *conf->cert ? "/tls/key" : "/tls/cert", "absent",
			       "cert and key go together");
	if (!tls && (*conf->ca || *conf->cert))
		return err_set(err, -EINVAL, "/tls", "", "is for endpoints with https only");
	return 0;
}

int database_conf_read(struct database_conf *conf, const json_t *value, struct err *err)
{
	static const char *const allowed[] = {"endpoints", "tls",	  "user", "password_file",
					      "prefix",	   "deadline_ms", NULL};
	bool tls = false;
	int rc = json_is_obj(value, err);

	conf->deadline_ms = NCSDB_DEADLINE_MS;
	rc = rc ?: json_only(value, allowed, err);
	rc = rc ?: read_endpoints(conf, value, &tls, err);
	rc = rc ?: read_tls(conf, value, err);
	rc = rc ?: check_tls(conf, tls, err);
	rc = rc ?: read_user(conf, value, err);
	rc = rc ?: read_prefix(conf, value, err);
	return rc
		       ?: conf_uint(value, "deadline_ms", (struct json_range){100, 10000},
				    &conf->deadline_ms, err);
}

/* ---- the password ---- */

static int bad_password(struct err *err, const char *path, int code, const char *want)
{
	return err_set(err, code, "/database/password_file", path, "%s", want);
}

int database_password(const char *path, char buf[DATABASE_PASSWORD_MAX], struct err *err)
{
	OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return bad_password(err, path, -errno, "must be readable by the agent's user");
	if (!S_ISREG(st.st_mode) || (st.st_mode & S_IRWXO))
		return bad_password(err, path, -EACCES,
				    "must be a file that others cannot read (chmod o= FILE)");
	n = read(fd, buf, DATABASE_PASSWORD_MAX - 1);
	if (n < 0)
		return bad_password(err, path, -errno, "must be readable by the agent's user");
	buf[n] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	if (!*buf || strlen(buf) == DATABASE_PASSWORD_MAX - 1)
		return bad_password(err, path, -EINVAL,
				    "must hold a password of 1..254 bytes in its first line");
	return 0;
}
