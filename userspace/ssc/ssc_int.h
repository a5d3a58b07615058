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
/* The weight that candidate i would get now; 0 = not satisfying. */
uint32_t ssc_weight_now(const struct ssc_field *field, unsigned int i);

/* ---- calm.c; all of them do nothing without field->calm or hold time ---- */

/* Lets the level fall, and forgets what is too long ago. Before anything else of a decision. */
void ssc_calm_begin(const struct ssc_field *field, uint64_t now_us);
/* A change that counts: the next one takes longer. */
void ssc_calm_raise(const struct ssc_field *field, uint64_t now_us);
/* Candidate i is left with this value, or came into force. */
void ssc_calm_leave(const struct ssc_field *field, int i, uint32_t value, uint64_t now_us);
void ssc_calm_enter(const struct ssc_field *field, int i);
/* What is remembered of candidate i and still counts while current (-1: none) is in force; NULL. */
struct ssc_left *ssc_calm_recall(const struct ssc_field *field, int i, int current,
				 uint64_t now_us);
/* When the first thing that counts is forgotten; UINT64_MAX. */
uint64_t ssc_calm_until(const struct ssc_field *field, uint64_t now_us);
uint32_t ssc_instance_hash(const struct ssc_candidate *cand);
/* Not satisfying because of its values: load may have done it. */
static inline bool ssc_by_value(const struct ssc_score *score)
{
	return score->gate == SSC_TERM || score->gate == SSC_REQUIREMENT;
}
/* "" without a path. */
static inline const char *ssc_path_name(const struct ssc_candidate *cand)
{
	return cand->path ? cand->path->def.name : "";
}

#endif
