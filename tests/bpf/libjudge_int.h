/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the judge. */
#ifndef TESTS_BPF_LIBJUDGE_INT_H
#define TESTS_BPF_LIBJUDGE_INT_H

#include "libjudge.h"

#define TABLE_SIZE 262144

/* The entry of this key, or the free one where it would be. */
struct judge_entry *judge_find(const struct judge_table *table, const uint8_t key[JUDGE_KEY]);
bool judge_known(const struct judge_table *table, const struct judge_entry *entry);
void judge_keep(struct judge_table *table, const uint8_t key[JUDGE_KEY], uint64_t set,
		uint32_t time);
/* Right action and reason? Text of what was wanted if not. */
bool judge_answered(struct judge_case *c, int action, int reason);
bool judge_same_bytes(struct judge_case *c, const uint8_t *want, size_t len);
bool judge_right(struct judge_case *c, int reason);
void judge_mark(uint8_t *ip, const struct judge_packet *p);
/* Rule and fate (a reason to drop all of the packet, 0: none) of a first fragment that was right;
 * NULL: it had none. */
void judge_rule_keep(struct judge *judge, const struct judge_packet *p,
		     const struct san_msg_class *rule, int fate);

#endif
