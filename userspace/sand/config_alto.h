/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Section `alto` of the configuration: the server's listeners and principals, and the sources whose
 * maps this host uses. */
#ifndef SAND_CONFIG_ALTO_H
#define SAND_CONFIG_ALTO_H

#include "sand/config_access.h"

#define CONFIG_PID_MAPS_MAX 256 /* ingresses, and gateways, of one source */

/* Texts point into obj. */
struct config_alto_source {
	struct altoc_source conf; /* points into the arrays; token is read by who starts it */
	const char *token_file;	  /* NULL = none */
	struct altoc_pid ingresses[CONFIG_PID_MAPS_MAX], gateways[CONFIG_PID_MAPS_MAX];
	struct altoc_metric metrics[ALTOC_METRICS_MAX];
	struct altoc_property properties[ALTOC_PROPERTIES_MAX];
};

struct config_alto {
	json_t *obj; /* the section; owned. NULL: not there, nothing below counts */
	bool domains, own;
	struct alto_calendar calendar;
	struct config_access access;
	struct config_alto_source *sources;
	unsigned int n_sources;
};

/* Whole and consistent, or an error relative to value. */
int config_alto_read(struct config_alto *alto, json_t *value, struct err *err);
void config_alto_free(struct config_alto *alto);

/* ---- config_alto_source.c ---- */
int config_alto_source_read(struct config_alto_source *source, json_t *value, struct err *err);

#endif
