/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section `nemo` of the configuration: tenants and what they may name, listeners of notifications,
 * the clock of conditions, and where tenants reach the interface. */
#ifndef SAND_CONFIG_NEMO_H
#define SAND_CONFIG_NEMO_H

#include "sand/config_access.h"

#define CONFIG_NEMO_DEFAULT "default" /* the operator's own tenant, with every grant */
#define CONFIG_GRANTS_MAX 1024	      /* gateways, services, prefixes, each, of one tenant */

/* Texts point into obj. */
struct config_nemo {
	json_t *obj; /* the section; owned. NULL: not there, nothing below counts */
	const char *zone;
	bool testbed;
	struct config_access access;
	struct intent_tenant_conf
		*tenants; /* CONFIG_NEMO_DEFAULT first; arrays of grants are owned */
	unsigned int n_tenants;
	struct enact_url urls[ENACT_URLS_MAX];	 /* token is read by who starts it */
	const char *token_files[ENACT_URLS_MAX]; /* NULL = none */
	unsigned int n_urls;
};

/* Whole and consistent, or an error relative to value. */
int config_nemo_read(struct config_nemo *nemo, json_t *value, struct err *err);
void config_nemo_free(struct config_nemo *nemo);

#endif
