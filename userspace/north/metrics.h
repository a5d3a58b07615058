/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside north: writing the page of /metrics, and its parts. */
#ifndef NORTH_METRICS_H
#define NORTH_METRICS_H

#include <stdio.h>

#include "north/server.h"

struct metrics {
	const struct north *n;
	const json_t *stats; /* NULL: the parent did not answer */
	json_t *nexthops;    /* descriptions by id */
	FILE *out;
};

/* ---- metrics_text.c ---- */
void metrics_family(const struct metrics *p, const char *name, const char *type, const char *help);
/* Label names and values in turn, NULL-terminated; a value that is NULL is "". */
void metrics_sample(const struct metrics *p, uint64_t value, const char *name, ...);
/* Families of one sample. */
void metrics_one(const struct metrics *p, const char *name, const char *type, const char *help,
		 uint64_t value);
void metrics_real(const struct metrics *p, const char *name, const char *type, const char *help,
		  double value);
/* NULL: not measured, nothing is written. name ends in _seconds. */
void metrics_hist(const struct metrics *p, const char *name, const char *help,
		  const struct hist *hist);

/* ---- metrics_control.c ---- */
void metrics_control(const struct metrics *p); /* plan, evaluation, database, objects */

/* ---- metrics_alto.c ---- */
void metrics_alto(const struct metrics *p);

/* ---- metrics_nemo.c ---- */
void metrics_nemo(const struct metrics *p);

#endif
