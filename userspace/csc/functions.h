/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of a gateway's locator: SID = locator | function, the 16 bits directly behind the
 * locator, counted from 0x100 (RFC 8986 section 3.1; below: left to the operator's own SIDs). The
 * lowest free one is given; one can be used more than once, it is free when nobody uses it.
 */
#ifndef CSC_FUNCTIONS_H
#define CSC_FUNCTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define FUNCTION_MIN 0x100
#define FUNCTION_MAX 0xffff

struct functions {
	struct in6_addr locator;
	uint8_t locator_len; /* 0 = this host is no gateway */
	unsigned int lowest; /* none below is free */
	uint32_t *users;     /* [FUNCTION_MAX + 1] */
};

/* locator_len 0..112; -EINVAL, -ENOMEM. */
int functions_init(struct functions *f, const struct in6_addr *locator, uint8_t locator_len);
void functions_fini(struct functions *f);
/* The function of a SID inside the locator, 0..FUNCTION_MAX; -1: outside. */
int functions_of(const struct functions *f, const struct in6_addr *seg);
/* The lowest free one, used once from now on; -ENOSPC. */
int functions_alloc(struct functions *f, struct in6_addr *seg);
/* The SID of a function. */
void functions_seg(const struct functions *f, unsigned int function, struct in6_addr *seg);
void functions_use(struct functions *f, int function); /* -1: no effect; likewise below */
void functions_drop(struct functions *f, int function);

#endif
