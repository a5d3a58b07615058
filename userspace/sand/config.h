/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's configuration file: YAML, parsed by the unprivileged child only. A mistake names
 * file, line, field, value and what would be right, and nothing is touched. docs/configuration.md
 * lists all.
 */
#ifndef SAND_CONFIG_H
#define SAND_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "model/net.h"
#include "model/plan.h"
#include "ncc/ncc.h"
#include "util/log.h"

#define CONFIG_MAX_IFACES 64
#define CONFIG_MAX_SIDS 256

struct config {
	char name[NAME_LEN]; /* this host: ingress and gateway name */
	bool is_gateway;
	struct gateway gateway; /* with is_gateway */
	struct ncc_conf ncc;	/* ifaces point into ifaces[] */
	struct ncc_iface ifaces[CONFIG_MAX_IFACES];
	struct plan_sid sids[CONFIG_MAX_SIDS];
	unsigned int n_sids;
	bool rest_unix;
	char rest_tcp[64]; /* "" = none */
	enum log_level log_level;
	/* Objects to register at start, checked: arrays of owned references, never NULL. */
	json_t *services, *gateways, *paths, *network;
};

/* file is read to its end; name is for messages. *out is left alone on failure. */
int config_load(FILE *file, const char *name, struct config **out, struct err *err);
void config_free(struct config *config);

/* An element of network: the three names of its path into key, *attrs borrowed. */
int config_network(const json_t *obj, char key[3][NAME_LEN], json_t **attrs, struct err *err);

#endif
