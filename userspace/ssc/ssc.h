/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Service scheduling: from attributes to one metric per candidate, a ranking, and the choice.
 * The only module that chooses. Pure: no I/O, no clock (now_us is an argument), no allocation that
 * outlives a call but the explanation. Rules: docs/metrics.md. CATS terms: candidate = contact
 * instance reachable by a path; metric 0 best .. 1000 = METRIC_MAX not satisfied.
 */
#ifndef SSC_H
#define SSC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/view.h"

/* One candidate: an instance over one path to its gateway; or seen from its gateway itself. */
struct ssc_candidate {
	const struct view_instance *instance;
	const struct view_path *path;	    /* NULL: no network in between */
	const struct view_gateway *gateway; /* of a service steered by gateway; NULL: unknown */
};
/* The segment that follows those of the path: the instance's SID, or, steered by gateway, the
 * gateway's SAN SID. NULL: there is none. */
const struct in6_addr *ssc_last_segment(const struct service *svc,
					const struct ssc_candidate *cand);

/* Why a candidate has its metric. */
enum ssc_gate {
	SSC_OK,
	SSC_REQUIREMENT, /* index in gate_index */
	SSC_TERM,	 /* a term's curve gives 1000; index in gate_index */
	SSC_UNKNOWN,	 /* a required attribute was never told; attr in gate_attr */
	SSC_STALE,	 /* older than max_age under policy exclude; attr in gate_attr */
	SSC_DRAINING,
	SSC_DOWN,
	SSC_NO_SID, /* no segment list leads to it */
	SSC_TOO_MANY_SEGS,
	SSC_DAMPED,
	SSC_NO_INSTANCE, /* nothing behind this gateway satisfies: its aggregate says so */
	SSC_GATE_MAX,
};
const char *ssc_gate_text(
	enum ssc_gate gate); /* "requirement", "too_many_segments": an identifier */

struct ssc_score {
	uint16_t metric; /* 0..1000 */
	uint8_t gate;	 /* enum ssc_gate */
	uint8_t gate_index;
	uint16_t gate_attr; /* of REQUIREMENT, TERM, UNKNOWN, STALE */
	uint16_t rank;	    /* from 1, over all candidates in rank order */
};

/* Aggregated value of one attribute over a candidate's segments (docs/metrics.md). Without a path
 * that part of delay, jitter and loss is 0, and a bandwidth nobody reported has no limit. */
enum ssc_value_state { SSC_VALUE_OK, SSC_VALUE_UNKNOWN, SSC_VALUE_STALE, SSC_VALUE_STATE_MAX };
struct ssc_value {
	int64_t milli;
	uint64_t age_us; /* of its oldest part */
	enum ssc_value_state state;
};
struct ssc_value ssc_aggregate(const struct service *svc, const struct ssc_candidate *cand,
			       uint16_t attr, uint64_t now_us);

/* What an aggregated value was made of; n = 0: unknown. */
#define SSC_MAX_PARTS 4
struct ssc_parts {
	int n;
	struct ssc_part {
		const struct sample *sample;
		bool from_path; /* else from the instance */
	} v[SSC_MAX_PARTS];
};
struct ssc_parts ssc_parts(const struct ssc_candidate *cand, uint16_t attr);

/* The term's own weight, or by the strategy: 1 if it optimises the attribute's class, else 0. */
int ssc_weight(const struct service *svc, const struct term *term);

/* Score of one candidate alone (rank 0). damped: under suppression, see ssc_damp; shown as the gate
 * only where nothing else fails. */
void ssc_score(const struct service *svc, const struct ssc_candidate *cand, bool damped,
	       uint64_t now_us, struct ssc_score *out);

/*
 * Choice memory of one service between calls: what is selected, since when a better one is better.
 * The caller owns it, zero = nothing selected yet. Identified by names, so that it survives
 * objects. BALANCED: the member with the greatest weight stands for all.
 */
struct ssc_choice {
	bool valid;
	char instance[NAME_LEN], gateway[NAME_LEN], path[NAME_LEN];
	uint16_t metric;
	unsigned int members;	  /* BALANCED: instances with a weight; else 0 */
	uint64_t since_us;	  /* of this selection */
	uint64_t better_since_us; /* 0 = no challenger, no weight beyond the margin */
};

enum ssc_why {
	SSC_FIRST,	 /* nothing was selected before */
	SSC_KEPT,	 /* still the best */
	SSC_KEPT_MARGIN, /* another is better, but not by the margin */
	SSC_KEPT_HOLD,	 /* better by the margin, but not for the hold time yet */
	SSC_KEPT_LEFT,	 /* what is better now was left, and was no better with our traffic */
	SSC_MOVED,	 /* better by the margin for the hold time */
	SSC_LOST,	 /* the selected one is no longer satisfying or gone */
	SSC_NOTHING,	 /* no satisfying candidate */
	/* BALANCED, besides FIRST and NOTHING: */
	SSC_WEIGHTS_KEPT, /* no weight differs by more than the margin */
	SSC_WEIGHTS_HOLD, /* one does, but not for the hold time yet */
	SSC_WEIGHTS_NEW,  /* one did for the hold time: all are renewed */
	SSC_MEMBERS,	  /* some instance began or ceased to satisfy */
	SSC_WHY_MAX,
};
const char *ssc_why_text(enum ssc_why why); /* for people */

/*
 * Back-off of one service: what was chosen lately, so that traffic that moves load that moves
 * traffic comes to rest (docs/metrics.md). The caller owns it, zero = nothing yet; it may come
 * later than the choice, and go sooner. Not used by a service of hold time 0. Instances and paths
 * are kept as hashes of their names.
 */
#define SSC_LEFT 4			   /* candidates remembered */
#define SSC_HOLD_MAX_US UINT64_C(60000000) /* of a hold time that has been doubled */
#define SSC_STEP_ALL 1024
#define SSC_STEP_LEAST 64
struct ssc_calm {
	uint64_t since_us; /* of the last change that counts, or when the level fell */
	uint8_t level;	   /* the hold time is doubled so often */
	uint16_t step;	   /* BALANCED: of the way to the new weights, of SSC_STEP_ALL; 0 = all */
	uint32_t gap_of;   /* BALANCED: the instance whose weight differed most at the renewal */
	int64_t gap;	   /* by how much */
	struct ssc_left {
		uint64_t at_us; /* 0 = none */
		uint32_t instance, path;
		uint32_t value; /* metric; BALANCED: weight */
	} left[SSC_LEFT];
};
/* The level, and the hold time that is in force by it; calm may be NULL. */
unsigned int ssc_calm_level(const struct service *svc, const struct ssc_calm *calm,
			    uint64_t now_us);
uint64_t ssc_hold_us(const struct service *svc, const struct ssc_calm *calm, uint64_t now_us);

struct ssc_result {
	int selected; /* index into cands, -1 = none */
	enum ssc_why why;
	bool changed;	      /* selection differs from choice before the call */
	uint64_t again_at_us; /* score again and decide then although nothing changed: hold ends, a
			       * value gets stale; now or before = at once; UINT64_MAX = never */
};

/* A service with its candidates; those of one instance lie together. n <= 65535. */
struct ssc_field {
	const struct service *svc;
	const struct ssc_candidate *cands;
	struct ssc_score *scores; /* filled by ssc_score */
	unsigned int n;
	uint16_t *order;   /* n; receives candidate indexes by rank */
	uint32_t *weights; /* n; BALANCED: in force, 0 = no member. The caller keeps them between
			    * calls, also over a new collection of candidates. Else set to 0 */
	struct ssc_calm *calm; /* of the service; NULL: no back-off */
};

/*
 * Ranks (fills scores[].rank; ties: metric, current selection, path preference, instance name, path
 * name) and decides with hysteresis. Updates *choice and weights.
 * BALANCED: every satisfying instance is a member by its best path, weight METRIC_MAX - metric,
 * that of an aggregate times its count. Who begins or ceases to satisfy joins or leaves at once
 * with the other weights left alone; all weights are renewed when one of them has differed by more
 * than margin for the hold time. selected is the member with the greatest weight in force.
 */
void ssc_decide(const struct ssc_field *field, uint64_t now_us, struct ssc_choice *choice,
		struct ssc_result *res);

/* When the oldest value that the score uses was received; UINT64_MAX: it uses none. */
uint64_t ssc_oldest(const struct service *svc, const struct ssc_candidate *cand);

/* Earliest time at which the age of a used value changes a score; UINT64_MAX = never. Under policy
 * worsen in steps of a hundredth of max_age, though the score itself knows no steps. */
uint64_t ssc_stale_at(const struct service *svc, const struct ssc_candidate *cand, uint64_t now_us);

/* The whole reasoning as JSON (shape: docs/metrics.md): per candidate attributes used (value, unit,
 * age), terms, requirements, gate, metric, rank, weight and share; the choice and why. order is not
 * used; last may be NULL. New reference, NULL without memory. */
json_t *ssc_explain(const struct ssc_field *field, const struct ssc_choice *choice,
		    const struct ssc_result *last, uint64_t now_us);

/* Damping of an instance's satisfying state, RFC 2439 figures. */
struct ssc_damping {
	uint32_t penalty; /* at updated_us */
	uint64_t updated_us;
	bool suppressed, satisfied, known;
};
#define SSC_DAMP_PENALTY 1000
#define SSC_DAMP_SUPPRESS 3000
#define SSC_DAMP_REUSE 750
#define SSC_DAMP_MAX 16000
#define SSC_DAMP_HALF_LIFE_US (15ull * 1000000)
/* Feeds the undamped satisfying state; returns whether it is suppressed now. */
bool ssc_damp(struct ssc_damping *d, bool satisfied, uint64_t now_us);
/* The penalty decayed until now. */
uint32_t ssc_damp_penalty(const struct ssc_damping *d, uint64_t now_us);
/* When the suppression ends if nothing changes (call ssc_damp then); UINT64_MAX: not suppressed. */
uint64_t ssc_damp_until(const struct ssc_damping *d);

#endif
