/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of a link: link.c makes requests, link_answer.c takes answers. */
#ifndef SAN_AGENT_LINK_INT_H
#define SAN_AGENT_LINK_INT_H

#include "san-agent/link.h"
#include "util/http.h"

enum job_kind { JOB_AGENT, JOB_KEEPALIVE, JOB_INSTANCE, JOB_LEAVE, JOB_STATUS, JOB_GOODBYE };

/* What one server knows of one instance. */
struct link_slot {
	bool put;	   /* registered there */
	bool renewed;	   /* changed while a request about it was under way */
	bool refused_said; /* the refusal is logged */
	uint64_t retry_us; /* not before this */
	bool told_up;
	struct gate gates[INSTANCE_VALUES];
	/* in the batch that is under way */
	int line; /* -1: not in it */
	bool sending_up;
	uint32_t sending; /* mask of values */
	int64_t milli[INSTANCE_VALUES];
};

_Static_assert(INSTANCE_VALUES <= 32, "struct link_slot.sending is a mask of values");

struct job {
	uv_work_t work;
	enum job_kind kind;
	unsigned int slot;
	const char *method;
	char path[256];
	json_t *body;
	uint64_t made_us;
	/* result */
	int rc;
	long status;
	json_t *answer;
	struct err err;
};

struct link {
	struct sink sink;
	struct sink_env env;
	const struct agent_conf *conf;
	char endpoint[AGENT_ENDPOINT_MAX];
	struct http *http; /* the worker's while busy */
	struct job job;
	bool busy;
	bool registered;
	bool must_delete; /* the server holds the agent with another TTL */
	bool goodbye, finished;
	bool unreachable; /* logged */
	bool refused_said;
	json_int_t lease;
	uint64_t keepalive_us; /* when the next one is due */
	uint64_t retry_us, backoff_us;
	struct link_slot slots[AGENT_MAX_INSTANCES];
};

/* Takes the result of link->job. */
void link_answer(struct link *link, uint64_t now_us);
void link_forget(struct link *link);
void link_renew(struct link *link, unsigned int slot);

#endif
