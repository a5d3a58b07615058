/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared inside ssc. */
#ifndef SSC_INT_H
#define SSC_INT_H

#include "ssc/ssc.h"

/* ssc_stale_at of a candidate that is known to be satisfying, by whatever score it has: may lie in
 * the past if that score is old. */
uint64_t ssc_deadline(const struct service *svc, const struct ssc_candidate *cand, uint64_t now_us);
/* Index of the chosen candidate, -1 if it is not (any more) among cands. */
int ssc_chosen(const struct ssc_choice *choice, const struct ssc_candidate *cands, unsigned int n);

#endif
