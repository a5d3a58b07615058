/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From counters to loads. Readers (cgroup.h, proc.h) fill struct counters with what they could
 * read; load_update turns two readings into percentages of what the instance may use. What is not
 * known is not zero: it stays unknown, with a word why. Pure: time is an argument.
 */
#ifndef SAN_AGENT_LOAD_H
#define SAN_AGENT_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "san-agent/config.h"
#include "san-agent/gate.h"

enum io_kind { IO_UNKNOWN, IO_PRESSURE, IO_BYTES };

/* One reading. has_x false: why_x says what is missing (static text). */
struct counters {
	bool has_cpu, has_mem;
	enum io_kind io;
	uint64_t cpu_ns;	      /* CPU time used since the beginning */
	uint64_t cpu_millicores;      /* what it may use */
	uint64_t mem_used, mem_limit; /* bytes */
	uint64_t io_total; /* PRESSURE: microseconds stalled; BYTES: bytes read and written */
	uint64_t io_max;   /* BYTES: bytes a second that count as 100 % */
	uint64_t epoch;	   /* another one: counted by somebody else, not comparable */
	const char *why_cpu, *why_mem, *why_io;
};

extern const char load_too_early[]; /* the why of a first reading */

struct load {
	bool has_before;
	uint64_t before_us;
	struct counters before;
	struct ewma smooth[MEASURE_MAX];
	/* results; unknown: why[] is set */
	bool known[MEASURE_MAX];
	int64_t milli[MEASURE_MAX];
	const char *why[MEASURE_MAX];
};

/* The first reading gives no rates ("needs a second reading"), nor does one after a counter went
 * backwards (the instance was started anew). */
void load_update(struct load *load, const struct counters *now, uint64_t now_us,
		 unsigned int alpha_permille);

#endif
