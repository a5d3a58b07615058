/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the judge. */
#ifndef TESTS_BPF_LIBJUDGE_INT_H
#define TESTS_BPF_LIBJUDGE_INT_H

#include "libjudge.h"

#define TABLE_SIZE 262144

/* The entry of this key, or the free one where it would be. */
struct judge_entry *judge_find(struct judge_table *table, const uint8_t key[JUDGE_KEY]);

#endif
