/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classifier's rules, worked out into the entries of san_class_src, _dst, _pairs and _rules
 * (see map_abi.h). Pure. The order of entries and the numbers in them depend on the rules alone, so
 * that what was written can be compared later.
 */
#ifndef DP_CLASSES_H
#define DP_CLASSES_H

#include <netinet/in.h>
#include <stdint.h>

#include <san/map_abi.h>
#include <san/msg.h>

#include "util/err.h"

struct classes_prefix {
	struct san_class_prefix key;
	__u32 class;
};

struct classes_pair {
	struct san_class_pair_key key;
	struct san_class_pair val;
};

struct classes_rule {
	struct san_class_rule_key key;
	struct san_class_rule val;
};

/* The field `set` of all keys is the one handed in. */
struct classes {
	struct classes_prefix *src, *dst;
	struct classes_pair *pairs;
	struct classes_rule *rules;
	unsigned int n_src, n_dst, n_pairs, n_rules;
	/* By act: 0 = no rule has it, else its rate in kbit/s + 1. [SAN_MAX_ACTS + 1] */
	uint64_t *acts;
};

/* -EINVAL: a rule that cannot be, err names its number (from 0); -ENOSPC: more than
 * SAN_MAX_CLASSES rules, or SAN_CLASS_ENTRIES entries of a kind; -ENOMEM. A failure leaves *out
 * empty. */
int classes_compile(const struct san_msg_class *rules, unsigned int n, __u32 set,
		    struct classes *out, struct err *err);
void classes_fini(struct classes *classes);

/* The first part of classes_compile: is each rule one that can be? */
int classes_check(const struct san_msg_class *rules, unsigned int n, struct err *err);
/* Parts of it, of one rule; err names the field of struct san_msg_class, no object. 0 or -EINVAL.
 * What it does besides matching: */
int classes_check_act(const struct san_msg_class *rule, struct err *err);
/* its source and destination: */
int classes_check_prefixes(const struct san_msg_class *rule, struct err *err);
/* no bits behind the length of a prefix: */
int classes_check_prefix(const char *field, const struct in6_addr *addr, unsigned int len,
			 struct err *err);

#endif
