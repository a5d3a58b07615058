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
#include "sand/config_alto.h"
#include "sand/config_database.h"
#include "sand/config_nemo.h"
#include "util/log.h"

#define CONFIG_MAX_IFACES 64
#define CONFIG_MAX_SIDS 256
#define CONFIG_SAMPLE 1000 /* an event for one in so many packets not steered */
#define CONFIG_MAX_SAMPLE 1000000

struct config {
	char name[NAME_LEN]; /* this host: ingress and gateway name */
	bool is_ingress;     /* has an interface of that role */
	bool is_gateway;
	struct gateway gateway; /* with is_gateway */
	struct ncc_conf ncc;	/* points into ifaces[] and prefixes[] */
	struct ncc_iface ifaces[CONFIG_MAX_IFACES];
	const char *groups[SAN_MAX_GROUPS]; /* access groups by number; 0: "", interfaces of none */
	char group_names[SAN_MAX_GROUPS][NAME_LEN];
	unsigned int n_groups;
	struct san_msg_prefix prefixes[SAN_MAX_BLOCKS + SAN_MAX_INSIDE];
	bool locators_given;
	struct plan_sid sids[CONFIG_MAX_SIDS + 1]; /* and the gateway's End.SAN */
	unsigned int n_sids;
	bool rest_unix;
	char rest_tcp[64]; /* "" = none */
	enum log_level log_level;
	struct config_database database;
	struct config_alto alto;
	struct config_nemo nemo;
	/* Objects to register at start, checked: arrays of owned references, never NULL. */
	json_t *services, *classes, *gateways, *paths, *network;
};

/* file is read to its end; name is for messages. *out is left alone on failure. */
int config_load(FILE *file, const char *name, struct config **out, struct err *err);
void config_free(struct config *config);

/* An element of network: the three names of its path into key, *attrs borrowed. */
int config_network(const json_t *obj, char key[3][NAME_LEN], json_t **attrs, struct err *err);

#endif
