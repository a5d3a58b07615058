/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source under construction, as builder.c and finish.c share it; and what frees a source. */
#ifndef ALTO_BUILDER_H
#define ALTO_BUILDER_H

#include "alto/index.h"
#include "alto/lpm.h"
#include "alto/source.h"

struct alto_build_pid {
	uint32_t name; /* offset in names */
	bool transit;
	json_t *props; /* NULL: none */
};
struct alto_build_link {
	struct alto_link link; /* its calendar is not set */
	uint32_t calendar;     /* number of, ALTO_INDEX_NONE */
};

struct alto_builder {
	char id[ALTO_SOURCE_ID_LEN];
	struct alto_calendar calendar;
	char *names;
	uint32_t names_len, names_cap;
	struct alto_build_pid *pids;
	uint32_t n_pids, cap_pids;
	struct alto_lpm_entry *prefixes; /* value: the PID */
	uint32_t n_prefixes, cap_prefixes;
	struct alto_build_link *links;
	uint32_t n_links, cap_links;
	double *calendars;
	uint32_t n_calendars, cap_calendars; /* n_intervals values each */
	struct alto_index by_name, by_prefix, by_ends;
	json_t *pid_prop_names;			      /* as members */
	json_t *endpoint_props, *endpoint_prop_names; /* the names as members */
};

/* Beyond the limits of callers: for ALTO_DEFAULT_PID. ALTO_INDEX_NONE: no such PID or prefix. */
uint32_t alto_builder_find(const struct alto_builder *b, const char *name);
uint32_t alto_builder_find_prefix(const struct alto_builder *b, const struct alto_prefix *prefix);
int alto_builder_add_pid(struct alto_builder *b, const char *name, bool transit, uint32_t *id);
int alto_builder_add_prefix(struct alto_builder *b, uint32_t pid, const struct alto_prefix *prefix);

/* graph.c */
int alto_rows_new(struct alto_rows **out);
void alto_rows_free(struct alto_rows *rows); /* NULL is allowed */

#endif
