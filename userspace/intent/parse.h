/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stored JSON of intent (intent.h), read strictly: what is returned is within its limits,
 * whoever wrote it. Pure. All readers: 0, -EINVAL, -ENOSPC, -ENOMEM with err filled and *out left
 * as _fini likes it.
 */
#ifndef INTENT_PARSE_H
#define INTENT_PARSE_H

#include "nemo/plan.h"
#include "util/name.h"

#define STORED_REVISION_MAX 9999999999 /* ten digits in its key */
#define STORED_UNDO_MAX 100
#define STORED_PARTS_MAX 16 /* of a revision */
#define STORED_ID 17	    /* of a stage: 16 hexadecimal digits, NUL */
#define STORED_WHY 256

struct stored_tenant {
	char name[NAME_LEN];
	uint64_t revision;
};

/* {"commit", "tenants", "legs"} */
struct stored_head {
	uint64_t commit;
	unsigned int n;
	struct stored_tenant *tenants; /* in byte order of names */
	struct nemo_legs legs;	       /* of all of them */
};
int stored_head_parse(const char *text, size_t len, struct stored_head *out, struct err *err);
void stored_head_fini(struct stored_head *head);
/* 0: it has none of that tenant. */
uint64_t stored_head_revision(const struct stored_head *head, const char *tenant);

/* One key as it was: text NULL = it was absent. */
struct stored_undo {
	const char *key, *text; /* of the stage's json */
};

enum stored_step {
	STORED_DRAFT,	/* the parts of a large revision are being written */
	STORED_PREPARE, /* `to` is the head to be */
	STORED_FLIPPED, /* it is the head; `back` is the one before */
};
struct stored_stage {
	json_t *json;
	enum stored_step step;
	char id[STORED_ID];
	char coordinator[NAME_LEN];
	uint64_t commit;
	struct stored_head to; /* PREPARE: the head to be; FLIPPED: the one before */
	struct stored_undo *undo;
	unsigned int n_undo;
};
int stored_stage_parse(const char *text, size_t len, struct stored_stage *out, struct err *err);
void stored_stage_fini(struct stored_stage *stage);

struct stored_host {
	uint64_t prepared, applied;
	int64_t stage; /* create revision of the stage that `prepared` is about */
	bool prepare_failed, apply_failed;
	char why[STORED_WHY];
};
int stored_host_parse(const char *text, size_t len, struct stored_host *out, struct err *err);

struct stored_revision {
	json_t *json; /* texts are borrowed from it */
	uint64_t revision, rollback_of;
	const char *tenant, *time, *by, *comment;
	const char *script; /* NULL: in parts */
	unsigned int parts;
};
int stored_revision_parse(const char *text, size_t len, struct stored_revision *out,
			  struct err *err);
void stored_revision_fini(struct stored_revision *revision);

struct stored_confirm {
	uint64_t commit, back_to;
	int64_t until; /* seconds since 1970 */
};
int stored_confirm_parse(const char *text, size_t len, struct stored_confirm *out, struct err *err);

/* {"sequence"}, {"offset_s"}; {"packets", "bytes"} */
int stored_sequence_parse(const char *text, size_t len, uint64_t *out, struct err *err);
int stored_clock_parse(const char *text, size_t len, int64_t *out, struct err *err);
int stored_counts_parse(const char *text, size_t len, uint64_t out[2], struct err *err);
/* A notification: that it is one, and whose number is in it. */
int stored_event_parse(const char *text, size_t len, uint64_t *sequence, struct err *err);

/* As clock_rfc3339() writes it. */
int stored_time_parse(const char *text, int64_t *seconds); /* 0 or -EINVAL */

#endif
