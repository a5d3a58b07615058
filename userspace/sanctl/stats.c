/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters, once or with rates. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"

static const struct column rates[] = {
	{"PACKETS/S", "packets_s", COLUMN_PLAIN},
	{"KBIT/S", "kbit_s", COLUMN_PLAIN},
};

#define COUNTERS                                                                                   \
	{"PACKETS", "packets", COLUMN_PLAIN},                                                      \
	{                                                                                          \
		"BYTES", "bytes", COLUMN_PLAIN                                                     \
	}

static const struct group {
	const char *member, *key;
	bool only_counted;
	struct column columns[TABLE_MAX_COLUMNS]; /* rates are put behind them */
} groups[] = {
	{"services",
	 "service",
	 false,
	 {{"SERVICE", "service", COLUMN_PLAIN}, {"NAME", "name", COLUMN_PLAIN}, COUNTERS}},
	{"nexthops",
	 "id",
	 false,
	 {{"NEXT HOP", "id", COLUMN_PLAIN}, {"SEGMENTS", "segments", COLUMN_PLAIN}, COUNTERS}},
	{"reasons",
	 "reason",
	 true,
	 {{"REASON", "reason", COLUMN_PLAIN}, {"WHY", "why", COLUMN_PLAIN}, COUNTERS}},
};

/* Most reasons never happen: those that did. */
static json_t *counted(const json_t *rows)
{
	json_t *out = json_array();
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row) {
		if (json_integer_value(json_object_get(row, "packets")))
			json_array_append(out, row);
	}
	return out;
}

static void print_group(const struct group *group, const json_t *stats, bool with_rates)
{
	struct column columns[TABLE_MAX_COLUMNS + 3] = {};
	json_t *rows = json_object_get(stats, group->member);
	int n = 0;

	for (; group->columns[n].title; n++)
		columns[n] = group->columns[n];
	for (int i = 0; with_rates && i < 2; i++)
		columns[n++] = rates[i];
	rows = group->only_counted ? counted(rows) : json_incref(rows);
	table_print(stdout, 0, columns, rows);
	json_decref(rows);
}

static void print_stats(const json_t *stats, bool with_rates)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (i)
			putchar('\n');
		print_group(&groups[i], stats, with_rates);
	}
	fflush(stdout);
}

static const json_t *find_row(const json_t *rows, const char *key, const json_t *like)
{
	const json_t *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row) {
		if (json_equal(json_object_get(row, key), json_object_get(like, key)))
			return row;
	}
	return NULL;
}

static double rate(const json_t *before, const json_t *now, const char *member, double seconds)
{
	double from = json_number_value(json_object_get(before, member));
	double to = json_number_value(json_object_get(now, member));

	return to > from && seconds > 0 ? (to - from) / seconds : 0;
}

/* A row that is new has counted from zero. */
static void add_rates(const json_t *before, json_t *stats, double seconds)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		const json_t *old_rows = json_object_get(before, groups[g].member);
		json_t *row;
		size_t i;

		json_array_foreach(json_object_get(stats, groups[g].member), i, row) {
			const json_t *old = find_row(old_rows, groups[g].key, row);
			double packets = rate(old, row, "packets", seconds);
			double bytes = rate(old, row, "bytes", seconds);

			json_object_set_new(row, "packets_s", json_integer((json_int_t)packets));
			json_object_set_new(row, "kbit_s",
					    json_integer((json_int_t)(bytes * 8 / 1000)));
		}
	}
}

static double clock_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void show(const struct ctl *ctl, const json_t *stats, bool with_rates)
{
	if (ctl->json) {
		ctl_print_json(stats);
		fflush(stdout);
	} else {
		print_stats(stats, with_rates);
	}
}

static int watch(struct ctl *ctl, struct call *call, json_t *before)
{
	double then = clock_s();
	int status = CTL_OK;

	while (!status) {
		json_t *stats = NULL;
		double now;

		sleep(ctl->watch_s);
		status = ctl_call(ctl, call, &stats);
		if (status)
			break;
		now = clock_s();
		add_rates(before, stats, now - then);
		if (!ctl->json)
			putchar('\n');
		show(ctl, stats, true);
		json_decref(before);
		before = stats;
		then = now;
	}
	json_decref(before);
	return status;
}

int run_stats(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct call call = {.method = "GET", .path = verb->path};
	json_t *stats = NULL;
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument");
	status = ctl_call(ctl, &call, &stats);
	if (status)
		return status;
	show(ctl, stats, false);
	if (ctl->watch_s)
		return watch(ctl, &call, stats);
	json_decref(stats);
	return CTL_OK;
}
