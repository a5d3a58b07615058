/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section `database` of the configuration: where the status database lies, and who may use it. */
#ifndef SAND_CONFIG_DATABASE_H
#define SAND_CONFIG_DATABASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ncsdb/server.h"

#define CONFIG_URL_MAX 288
#define CONFIG_FILE_MAX 256
#define CONFIG_PREFIX_MAX 128
#define CONFIG_LEASE_TTL_S 10

enum config_database_mode {
	DATABASE_LOCAL,	 /* in this process, for this process only */
	DATABASE_SERVED, /* in this process, for others too */
	DATABASE_REMOTE, /* a cluster, or another sand */
};

/* Texts: "" = not given. */
struct config_database {
	enum config_database_mode mode;
	const char *urls[NCSDB_ENDPOINTS_MAX]; /* listen or endpoints, into url_texts */
	char url_texts[NCSDB_ENDPOINTS_MAX][CONFIG_URL_MAX];
	unsigned int n_urls;
	char ca[CONFIG_FILE_MAX], cert[CONFIG_FILE_MAX], key[CONFIG_FILE_MAX];
	bool insecure;
	uint32_t max_keys, size_mb; /* 0 = the store's own defaults */
	char user[64], password_file[CONFIG_FILE_MAX];
	char prefix[CONFIG_PREFIX_MAX];
	uint32_t deadline_ms, lease_ttl_s;
};

/* Whole and consistent, or an error relative to value. */
int config_database_read(struct config_database *db, json_t *value, struct err *err);
void config_database_defaults(struct config_database *db);

#endif
