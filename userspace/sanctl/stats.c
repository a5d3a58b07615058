/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters, once or with rates. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"
#include "util/own.h"

static const struct column rates[] = {
	{"PACKETS/S", "packets_s", COLUMN_PLAIN},
	{"KBIT/S", "kbit_s", COLUMN_PLAIN},
};

/* clang-format off */
#define PLAIN(title, member) {title, member, COLUMN_PLAIN}
#define COUNTERS PLAIN("PACKETS", "packets"), PLAIN("BYTES", "bytes")
/* clang-format on */

static const struct group {
	const char *member;
	const char *keys[2];	  /* what makes two rows the same; NULL: no counters */
	bool only_counted;	  /* most rows have nothing */
	struct column columns[9]; /* rates are put behind them */
} groups[] = {
	/* clang-format off */
	{"services", {"service"}, false, {PLAIN("SERVICE", "service"), PLAIN("NAME", "name"),
	 COUNTERS}},
	{"egress", {"service"}, true, {PLAIN("EGRESS OF", "service"), PLAIN("NAME", "name"),
	 COUNTERS}},
	{"nexthops", {"id"}, false, {PLAIN("NEXT HOP", "id"), PLAIN("SEGMENTS", "segments"), PLAIN("ADDRESS", "address"),
	 COUNTERS}},
	{"reasons", {"reason", "interface"}, true, {PLAIN("REASON", "reason"),
	 PLAIN("INTERFACE", "interface"), PLAIN("VERDICT", "verdict"), PLAIN("WHY", "why"),
	 COUNTERS}},
	{"interfaces", {"interface"}, false, {PLAIN("INTERFACE", "interface"),
	 PLAIN("REDIRECTED", "redirect"), PLAIN("BOUNCED", "bounce"), PLAIN("PASSED", "pass"),
	 PLAIN("DROPPED", "drop"), PLAIN("BY POLICY", "policy"), COUNTERS}},
	{"maps", {NULL}, false, {PLAIN("MAP", "map"), PLAIN("USED", "used"), PLAIN("SIZE", "size"),
	 PLAIN("PERCENT", "percent")}},
	/* clang-format on */
};

static const struct group *group_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!strcmp(groups[i].member, name))
			return &groups[i];
	}
	return NULL;
}

/* ---- what follows from the server's rows ---- */

static void add(json_t *row, const char *member, json_int_t more)
{
	json_int_t sum = json_integer_value(json_object_get(row, member)) + more;

	json_object_set_new(row, member, json_integer(sum));
}

static json_t *iface_row(json_t *rows, const json_t *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (json_equal(json_object_get(row, "interface"), name))
			return row;
	}
	row = json_pack("{s:O, s:i, s:i, s:i, s:i, s:i}", "interface", name, "redirect", 0,
			"bounce", 0, "pass", 0, "drop", 0, "policy", 0);
	json_array_append_new(rows, row);
	return row;
}

/* Sums over the reasons of each interface, by verdict. */
static void add_interfaces(json_t *stats)
{
	json_t *rows = json_array(), *reason;
	size_t i;

	json_array_foreach(json_object_get(stats, "reasons"), i, reason) {
		json_t *name = json_object_get(reason, "interface");
		const char *verdict = json_string_value(json_object_get(reason, "verdict"));
		json_int_t packets = json_integer_value(json_object_get(reason, "packets"));
		json_t *row;

		if (!json_is_string(name) || !verdict)
			continue;
		row = iface_row(rows, name);
		add(row, verdict, packets);
		add(row, "packets", packets);
		add(row, "bytes", json_integer_value(json_object_get(reason, "bytes")));
	}
	json_object_set_new(stats, "interfaces", rows);
}

static void add_percent(json_t *stats)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(stats, "maps"), i, row) {
		json_int_t size = json_integer_value(json_object_get(row, "size"));
		json_int_t used = json_integer_value(json_object_get(row, "used"));

		json_object_set_new(row, "percent", json_integer(size ? used * 100 / size : 0));
	}
}

/* ---- tables ---- */

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
	struct column columns[TABLE_MAX_COLUMNS] = {};
	json_t *rows = json_object_get(stats, group->member);
	int n = 0;

	for (; group->columns[n].title; n++)
		columns[n] = group->columns[n];
	for (int i = 0; with_rates && group->keys[0] && i < 2; i++)
		columns[n++] = rates[i];
	rows = group->only_counted ? counted(rows) : json_incref(rows);
	table_print(stdout, 0, columns, rows);
	json_decref(rows);
}

static void print_stats(const struct group *only, const json_t *stats, bool with_rates)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (only && only != &groups[i])
			continue;
		if (i && !only)
			putchar('\n');
		print_group(&groups[i], stats, with_rates);
	}
}

/* ---- rates ---- */

static bool same_row(const struct group *group, const json_t *a, const json_t *b)
{
	for (int i = 0; i < 2 && group->keys[i]; i++) {
		if (!json_equal(json_object_get(a, group->keys[i]),
				json_object_get(b, group->keys[i])))
			return false;
	}
	return true;
}

/* Rows mostly keep their place: the search begins there. */
static const json_t *find_row(const struct group *group, const json_t *rows, size_t at,
			      const json_t *like)
{
	size_t n = json_array_size(rows);

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, (at + i) % n);

		if (same_row(group, row, like))
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
static void add_rates(const struct group *group, const json_t *before, json_t *stats,
		      double seconds)
{
	const json_t *old_rows = json_object_get(before, group->member);
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(stats, group->member), i, row) {
		const json_t *old = find_row(group, old_rows, i, row);
		double packets = rate(old, row, "packets", seconds);
		double bytes = rate(old, row, "bytes", seconds);

		json_object_set_new(row, "packets_s", json_integer((json_int_t)packets));
		json_object_set_new(row, "kbit_s", json_integer((json_int_t)(bytes * 8 / 1000)));
	}
}

static double clock_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- reading ---- */

struct reading {
	struct ctl *ctl;
	struct call call;
	const struct group *only; /* NULL = all */
	json_t *stats;		  /* the last one */
	double at_s;
	bool with_rates;
};

static int read_stats(struct reading *r)
{
	json_t *stats = NULL;
	int status = ctl_call(r->ctl, &r->call, &stats);
	double now_s = clock_s();

	if (status)
		return status;
	add_interfaces(stats);
	add_percent(stats);
	r->with_rates = r->stats != NULL;
	for (size_t i = 0; r->stats && i < ARRAY_SIZE(groups); i++) {
		if (groups[i].keys[0])
			add_rates(&groups[i], r->stats, stats, now_s - r->at_s);
	}
	json_decref(r->stats);
	r->stats = stats;
	r->at_s = now_s;
	return CTL_OK;
}

static void show(const struct reading *r)
{
	json_t *part;

	if (!r->ctl->json) {
		print_stats(r->only, r->stats, r->with_rates);
	} else if (r->only) {
		part = json_pack("{s:O?}", r->only->member,
				 json_object_get(r->stats, r->only->member));
		ctl_print_json(part);
		json_decref(part);
	} else {
		ctl_print_json(r->stats);
	}
	fflush(stdout);
}

static int watch(struct reading *r)
{
	int status = CTL_OK;

	while (!status) {
		sleep((unsigned int)r->ctl->number[CTL_OPT_WATCH]);
		status = read_stats(r);
		if (status)
			break;
		if (!r->ctl->json)
			putchar('\n');
		show(r);
	}
	return status;
}

int run_stats(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct reading r = {.ctl = ctl, .call = {.method = "GET", .path = verb->path}};
	int status;

	if (args.n > 1)
		return usage_error(verb, "\"%.40s\" is one argument too many", args.v[1]);
	if (args.n && !(r.only = group_find(args.v[0])))
		return usage_error(verb, "\"%.40s\" must be one of %s", args.v[0], verb->args);
	if (ctl->number[CTL_OPT_WATCH] && ctl->number[CTL_OPT_RATE])
		return usage_error(verb, "--rate and --watch exclude each other");
	status = read_stats(&r);
	if (!status && ctl->number[CTL_OPT_RATE]) {
		sleep((unsigned int)ctl->number[CTL_OPT_RATE]);
		status = read_stats(&r);
	}
	if (!status)
		show(&r);
	if (!status && ctl->number[CTL_OPT_WATCH])
		status = watch(&r);
	json_decref(r.stats);
	return status;
}
