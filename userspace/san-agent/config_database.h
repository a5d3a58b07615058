/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section "database" of the configuration: the cluster, or the sand, that holds the status
 * database. */
#ifndef SAN_AGENT_CONFIG_DATABASE_H
#define SAN_AGENT_CONFIG_DATABASE_H

#include <jansson.h>
#include <stdbool.h>

#include "ncsdb/ncsdb.h"

#define DATABASE_URL_MAX 288
#define DATABASE_FILE_MAX 256
#define DATABASE_PREFIX_MAX 128
#define DATABASE_PASSWORD_MAX 256 /* with NUL */

/* Texts: "" = not given. Compared as a whole: zeroed before it is filled. */
struct database_conf {
	unsigned int n_endpoints; /* 0: no such section */
	char endpoints[NCSDB_ENDPOINTS_MAX][DATABASE_URL_MAX];
	char ca[DATABASE_FILE_MAX], cert[DATABASE_FILE_MAX], key[DATABASE_FILE_MAX];
	char user[64], password_file[DATABASE_FILE_MAX];
	char prefix[DATABASE_PREFIX_MAX];
	unsigned int deadline_ms;
};

/* conf is zeroed. err: field relative to value. */
int database_conf_read(struct database_conf *conf, const json_t *value, struct err *err);
/* First line of the file, which others must not be able to read. err: field from the root. */
int database_password(const char *path, char buf[DATABASE_PASSWORD_MAX], struct err *err);

#endif
