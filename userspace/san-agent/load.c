/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/load.h"

#define PERCENT_MILLI 100000

const char load_too_early[] = "needs a second reading";

static int64_t smooth(struct load *load, enum measure what, int64_t milli, unsigned int alpha)
{
	return ewma_add(&load->smooth[what], milli, alpha);
}

static void set_known(struct load *load, enum measure what, int64_t milli)
{
	load->known[what] = true;
	load->milli[what] = milli_round(milli, measure_steps[what]);
	load->why[what] = NULL;
}

/*
 * A quota is handed out in slices (100 ms), so that one sample sees a slice too many or too few:
 * samples up to twice the limit count in the average, what is shown ends at 100 %.
 */
static int64_t set_percent(struct load *load, enum measure what, int64_t milli, unsigned int alpha)
{
	int64_t value = smooth(load, what, milli, alpha);

	value = value > PERCENT_MILLI ? PERCENT_MILLI : value;
	set_known(load, what, value);
	return value;
}

static void set_unknown(struct load *load, enum measure what, const char *why)
{
	load->known[what] = false;
	load->smooth[what].valid = false; /* what comes after a gap is not a trend */
	load->why[what] = why ? why : "cannot be read";
}

/* part of whole as thousandths of a percent, at most 200 %. */
static int64_t share(unsigned __int128 part, unsigned __int128 whole)
{
	unsigned __int128 milli = whole ? (part * PERCENT_MILLI + whole / 2) / whole : 0;

	return milli > 2 * PERCENT_MILLI ? 2 * PERCENT_MILLI : (int64_t)milli;
}

static void update_cpu(struct load *load, const struct counters *now, uint64_t elapsed_us,
		       unsigned int alpha)
{
	const struct counters *before = &load->before;
	const char *why = now->has_cpu ? load_too_early : now->why_cpu;
	int64_t load_milli;
	uint64_t free_milli;

	if (!now->has_cpu || !elapsed_us || !before->has_cpu || now->cpu_ns < before->cpu_ns ||
	    !now->cpu_millicores) {
		set_unknown(load, MEASURE_CPU_LOAD, why);
		set_unknown(load, MEASURE_CPU_CORES_FREE, why);
		return;
	}
	/* us * millicores = ns of CPU time that were to be had */
	load_milli = share(now->cpu_ns - before->cpu_ns,
			   (unsigned __int128)elapsed_us * now->cpu_millicores);
	load_milli = set_percent(load, MEASURE_CPU_LOAD, load_milli, alpha);
	free_milli = now->cpu_millicores * (uint64_t)(PERCENT_MILLI - load_milli);
	set_known(load, MEASURE_CPU_CORES_FREE,
		  (int64_t)((free_milli + PERCENT_MILLI / 2) / PERCENT_MILLI));
}

static void update_mem(struct load *load, const struct counters *now, unsigned int alpha)
{
	uint64_t free_bytes;

	if (!now->has_mem || !now->mem_limit) {
		set_unknown(load, MEASURE_MEM_LOAD, now->why_mem);
		set_unknown(load, MEASURE_MEM_FREE_MB, now->why_mem);
		return;
	}
	free_bytes = now->mem_used < now->mem_limit ? now->mem_limit - now->mem_used : 0;
	set_percent(load, MEASURE_MEM_LOAD, share(now->mem_used, now->mem_limit), alpha);
	set_known(load, MEASURE_MEM_FREE_MB,
		  smooth(load, MEASURE_MEM_FREE_MB, (int64_t)(free_bytes / 1000), alpha));
}

static void update_io(struct load *load, const struct counters *now, uint64_t elapsed_us,
		      unsigned int alpha)
{
	const struct counters *before = &load->before;
	unsigned __int128 whole = elapsed_us, part;

	if (now->io == IO_UNKNOWN) {
		set_unknown(load, MEASURE_IO_LOAD, now->why_io);
		return;
	}
	if (!elapsed_us || before->io != now->io || now->io_total < before->io_total) {
		set_unknown(load, MEASURE_IO_LOAD, load_too_early);
		return;
	}
	part = now->io_total - before->io_total;
	if (now->io == IO_BYTES) {
		part *= 1000000;
		whole *= now->io_max;
	}
	set_percent(load, MEASURE_IO_LOAD, share(part, whole), alpha);
}

void load_update(struct load *load, const struct counters *now, uint64_t now_us,
		 unsigned int alpha_permille)
{
	bool same = load->has_before && load->before.epoch == now->epoch;
	uint64_t elapsed_us = same ? now_us - load->before_us : 0;

	update_cpu(load, now, elapsed_us, alpha_permille);
	update_mem(load, now, alpha_permille);
	update_io(load, now, elapsed_us, alpha_permille);
	load->before = *now;
	load->before_us = now_us;
	load->has_before = true;
}
