/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of what is pinned: a pin directory of the test's own with something in every map and
 * two interfaces attached, as today's version makes it and as ABI 2 made it, and checks that all of
 * it is still there. Interfaces u0 and u1 are made in the network namespace of the caller.
 */
#ifndef TESTS_BPF_LIBPINS_H
#define TESTS_BPF_LIBPINS_H

#include <stdlib.h>

#include "dp/priv.h"
#include "libtest.h"

/* Tests of one group. With TEST_SHORT in the environment only the first n of them, which ask most
 * of the kernel: under emulation the verifier takes seconds for each opening. */
#define P_RUN(tests, n)                                                                            \
	_cmocka_run_group_tests(#tests, tests,                                                     \
				getenv("TEST_SHORT") ? (n) : sizeof(tests) / sizeof((tests)[0]),   \
				p_group_setup, NULL)

#define PACKETS 11 /* of the counters that p_rig_filled() writes */

struct p_rig {
	unsigned int access, core; /* interface indices: roles ingress and core */
};

extern const struct san_service p_preferred, p_balanced; /* 77, and 78 in san_local */

/* A bpffs, and the log. */
int p_group_setup(void **state);
const char *p_own_dir(void);
struct dp_conf p_conf_small(void);
struct dp_conf p_conf_large(void); /* every size differs */
void p_sh(const char *command);
/* cmocka test tear-down: interfaces, pins and hook. */
int p_cleanup(void **state);

struct dp *p_must_open(const struct dp_conf *conf);
/* Must be refused with this code, naming field and value. */
void p_must_refuse(const struct dp_conf *conf, int code, const char *field, const char *value);
void p_must_set(struct dp *dp, unsigned int ifindex, enum san_role role);

/* Pin below a directory of the pin directory ("maps", "maps-1", "."); caller closes. */
int p_pinned_at(const char *dir, const char *name);
uint32_t p_map_id(const char *name);
unsigned int p_set_number(void);
int p_count_names(const char *prefix);		       /* in the pin directory */
struct bpf_prog_info p_attached(unsigned int ifindex); /* by its pinned link */

void p_flow_put(const char *set, uint8_t n, uint32_t nexthop);
int p_flow_of(uint8_t n); /* its next hop; -1: none */
void p_counter_put(const char *map, uint32_t index);

struct p_rig p_rig_filled(const struct dp_conf *conf);
void p_check_tables(struct dp *dp);
void p_check_links(const struct p_rig *rig);
void p_check_all(struct dp *dp, const struct p_rig *rig);

/* The same of ABI 2, pinned flat. */
struct p_rig p_flat_make(void);
void p_check_flat_values(struct dp *dp);

#endif
