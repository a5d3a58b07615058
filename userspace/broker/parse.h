/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains and links as JSON (broker.h) -> what the broker keeps of them. Strict: unknown members
 * are refused, err names field, value and what would be right. Pure.
 */
#ifndef BROKER_PARSE_H
#define BROKER_PARSE_H

#include "alto/source.h"
#include "util/err.h"

#define BROKER_URL_MAX 255
#define BROKER_NUMBER_MAX 1e18
#define BROKER_LOSS_MAX 1e6

/* Properties of the draft, section 5.4. */
enum broker_prop {
	BROKER_ENTRY_POINT,
	BROKER_CPU,
	BROKER_MEM,
	BROKER_STORAGE,
	BROKER_PORT,
	BROKER_NF,
	BROKER_PROP_MAX
};
extern const char *const broker_prop_names[BROKER_PROP_MAX];

struct domain_def {
	bool transit;
	json_t *props[BROKER_PROP_MAX]; /* arrays; NULL: left out */
	struct alto_prefix *prefixes;
	uint32_t n_prefixes;
};
struct link_def {
	bool directed;
	double value[LINK_VALUE_MAX];
	double *calendar; /* NULL: none */
};

/* A PID name, and not the default PID's. field: "/id". */
int broker_parse_id(const char *field, const char *id, struct err *err);
/* *out is left alone on failure. -EINVAL, -ENOSPC, -ENOMEM. */
int broker_parse_domain(const json_t *obj, struct domain_def *out, struct err *err);
void domain_def_fini(struct domain_def *def);
int broker_parse_link(const json_t *obj, const struct alto_calendar *calendar, struct link_def *out,
		      struct err *err);
void link_def_fini(struct link_def *def);

#endif
