/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared inside ssc. */
#ifndef SSC_INT_H
#define SSC_INT_H

#include "ssc/ssc.h"

/* ssc_stale_at of a candidate that is known to be satisfying, by whatever score it has: may lie in
 * the past if that score is old. */
uint64_t ssc_deadline(const struct service *svc, const struct ssc_candidate *cand, uint64_t now_us);
/* Index of the chosen candidate, -1 if it is not (any more) among cands. */
int ssc_chosen(const struct ssc_choice *choice, const struct ssc_field *field);
/* Writes cand into an empty choice. */
void ssc_take(struct ssc_choice *choice, const struct ssc_candidate *cand, uint64_t now_us);
/* BALANCED part of ssc_decide: ranks are filled; current: index of the chosen one, -1. Fills res
 * but for again_at_us. */
void ssc_balance(const struct ssc_field *field, int current, uint64_t now_us,
		 struct ssc_choice *choice, struct ssc_result *res);
/* The weight that the candidate would get now; 0 = not satisfying. */
uint16_t ssc_weight_now(const struct ssc_score *score);
/* "" without a path. */
static inline const char *ssc_path_name(const struct ssc_candidate *cand)
{
	return cand->path ? cand->path->def.name : "";
}

#endif
