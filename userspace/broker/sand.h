/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two halves of source "sand" share: sand.c (PIDs and links), sand_props.c (status of
 * instances). */
#ifndef BROKER_SAND_H
#define BROKER_SAND_H

#include "broker/broker_int.h"

/* Attributes of instances that are told of a gateway, too. */
#define SAND_SUMS 8

/* An ingress, a gateway, or both. */
struct pe {
	const char *name;		    /* the view's */
	const struct view_gateway *gateway; /* NULL: not registered */
	uint32_t pid;
	uint32_t n_instances; /* addresses whose instances are up */
	uint64_t *services;   /* their IDs, in any order */
	size_t n_services, cap_services;
	struct {
		uint32_t n;
		int64_t sum, min; /* thousandths */
	} sums[SAND_SUMS];
};

struct sand {
	const struct view *view;
	uint64_t now_us;
	uint64_t stale_us; /* the earliest time when a value in it is too old */
	struct radix pes;  /* name -> struct pe */
	struct alto_builder *builder;
};

/* Every PE has its PID. Names, prefixes and properties of instances, properties of PEs. */
int sand_instances(struct sand *s);
struct pe *sand_pe(struct sand *s, const char *name); /* made if need be; NULL: no memory */
bool sand_tells_instances(const struct sand *s);

#endif
