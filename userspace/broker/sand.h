/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the halves of source "sand" share: sand_collect.c (copies what counts of the view, on the
 * loop), sand.c (PIDs and links) and sand_props.c (status of instances), both in a thread.
 */
#ifndef BROKER_SAND_H
#define BROKER_SAND_H

#include "broker/broker_int.h"

/* Attributes of instances that are told of a gateway, too. */
#define SAND_SUMS 8

/* An ingress, a gateway, or both. */
struct pe {
	bool registered;	    /* as a gateway */
	struct alto_prefix locator; /* family 0: none */
	uint32_t pid;
	uint32_t n_instances; /* addresses whose instances are up */
	uint64_t *services;   /* their IDs, in any order */
	size_t n_services, cap_services;
	struct {
		uint32_t n;
		int64_t sum, min; /* thousandths */
	} sums[SAND_SUMS];
	char name[NAME_LEN];
};

/* The best path of a pair. */
struct sand_way {
	const struct pe *from, *to;
	double value[LINK_VALUE_MAX];
};

struct sand_row { /* an instance that has an address */
	struct in6_addr address;
	uint64_t service;
	struct pe *pe; /* NULL: its gateway is not known */
	uint32_t first_sample;
	uint16_t n_samples;
	uint8_t state;
	char name[NAME_LEN];
};

struct sand {
	uint64_t now_us;
	uint64_t stale_us; /* the earliest time when a value in it is too old */
	struct radix pes;  /* name -> struct pe */
	struct sand_way *ways;
	size_t n_ways;
	bool tells_instances; /* there are not too many */
	struct sand_row *rows;
	size_t n_rows;
	struct sample *samples;
	size_t n_samples, cap_samples;
	struct alto_builder *builder;
};

struct pe *sand_next_pe(const struct sand *s, const struct pe *last); /* by names */
int sand_offer(struct sand *s); /* what PIDs may have, whether one has it or not */
/* Every PE has its PID. Prefixes and properties of instances, properties of PEs. */
int sand_instances(struct sand *s);

#endif
