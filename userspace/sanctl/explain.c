/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl explain`: the server's explanation as text. What is missing in it is left out. */
#include <stdio.h>
#include <string.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"

static const struct column attribute_columns[] = {
	{"ATTRIBUTE", "attribute", COLUMN_PLAIN}, {"VALUE", "value", COLUMN_PLAIN},
	{"UNIT", "unit", COLUMN_PLAIN},		  {"AGE", "age_s", COLUMN_SECONDS},
	{"STATE", "state", COLUMN_PLAIN},	  {},
};

static const struct column term_columns[] = {
	{"TERM", "attribute", COLUMN_PLAIN}, {"VALUE", "value", COLUMN_PLAIN},
	{"CURVE", "curve", COLUMN_PLAIN},    {"SCORE", "score", COLUMN_PLAIN},
	{"WEIGHT", "weight", COLUMN_PLAIN},  {},
};

static const char *text(const json_t *object, const char *member, char buf[256])
{
	return table_text(table_member(object, member), buf, 256);
}

/* "s2a at gw2 by be, metric 12"; "gw2's choice by be, metric 12" */
static void print_pick(const json_t *pick)
{
	char a[256], b[256], c[256], d[256];

	if (!json_is_object(pick)) {
		fputs("nothing", stdout);
		return;
	}
	text(pick, "instance", a);
	text(pick, "gateway", b);
	if (a[0] == '@')
		printf("%s's choice", b);
	else
		printf("%s at %s", a, b);
	printf(" by %s, metric %s", text(pick, "path", c), text(pick, "metric", d));
}

static void print_for(const json_t *object, const char *member)
{
	const json_t *seconds = json_object_get(object, member);
	char buf[32];

	if (json_is_number(seconds))
		printf(", for %s", table_seconds(json_number_value(seconds), buf, sizeof(buf)));
}

static void print_challenger(const json_t *explain)
{
	const json_t *better = json_object_get(explain, "challenger");
	char by[256];

	if (!json_is_object(better))
		return;
	fputs("better:   ", stdout);
	print_pick(better);
	printf(", better by %s", text(better, "better_by", by));
	print_for(better, "beyond_margin_s");
	putchar('\n');
}

/* "balanced: 3 instances, weights renewed when one differs..." */
static void print_balance(const json_t *explain)
{
	const json_t *balance = json_object_get(explain, "balance");
	char a[256], b[256];

	if (!json_is_object(balance))
		return;
	printf("balanced: %s instances, weights %s in all", text(balance, "members", a),
	       text(balance, "weights", b));
	if (json_is_number(json_object_get(balance, "beyond_margin_s"))) {
		fputs(", some weight differs", stdout);
		print_for(balance, "beyond_margin_s");
	}
	putchar('\n');
}

/* Changes that came back soon make the next ones wait longer. */
static void print_back_off(const json_t *explain)
{
	const json_t *level = table_member(explain, "hysteresis.back_off");
	char a[256], b[256];

	if (json_integer_value(level) > 0)
		printf("held:     for %s ms now: back-off level %s, it changed to and fro\n",
		       text(explain, "hysteresis.hold_now_ms", a), table_text(level, b, sizeof(b)));
}

static void print_head(const json_t *explain)
{
	const json_t *selected = json_object_get(explain, "selected");
	const json_t *margin = table_member(explain, "hysteresis.margin");
	char a[256], b[256];

	printf("service:  %s %s\n", text(explain, "service", a), text(explain, "name", b));
	fputs("selected: ", stdout);
	print_pick(selected);
	print_for(selected, "since_s");
	printf("\nwhy:      %s\n", text(explain, "why", a));
	print_challenger(explain);
	print_balance(explain);
	if (margin)
		printf("changes:  when something is better by %s for %s ms\n",
		       table_text(margin, a, sizeof(a)), text(explain, "hysteresis.hold_ms", b));
	print_back_off(explain);
}

/* "delay_us = 1200 (path delay_us) + 1000 (instance site_delay_us)", if it is a sum. */
static void print_parts(const json_t *attr)
{
	const json_t *parts = json_object_get(attr, "parts"), *part;
	char a[256], b[256], c[256];
	size_t i;

	if (json_array_size(parts) < 2)
		return;
	printf("    %s:", text(attr, "attribute", a));
	json_array_foreach((json_t *)parts, i, part)
		printf("%s %s (%s %s)", i ? "," : "", text(part, "value", a), text(part, "from", b),
		       text(part, "attribute", c));
	putchar('\n');
}

static void print_requirements(const json_t *cand)
{
	const json_t *req;
	char a[256], b[256];
	size_t i;

	json_array_foreach(json_object_get(cand, "requirements"), i, req)
		printf("    required: %s: is %s, %s\n", text(req, "text", a), text(req, "value", b),
		       json_is_true(json_object_get(req, "holds")) ? "holds" : "FAILS");
}

static void print_candidate(const json_t *cand)
{
	const json_t *attrs = json_object_get(cand, "attributes"), *attr;
	const json_t *terms = json_object_get(cand, "terms");
	const json_t *gate = json_object_get(cand, "gate");
	char rank[256], kind[256], why[256];
	size_t i;

	printf("\n#%s  ", text(cand, "rank", rank));
	print_pick(cand);
	printf("%s\n",
	       json_is_true(json_object_get(cand, "satisfying")) ? "" : " (not satisfying)");
	if (json_object_get(cand, "weight"))
		printf("    weight: %s in force, %s now: %s permille of the flows\n",
		       text(cand, "weight", rank), text(cand, "weight_now", kind),
		       text(cand, "share_permille", why));
	if (json_is_object(json_object_get(cand, "aggregate")))
		printf("    offers: %s instances, capacity %s\n",
		       text(cand, "aggregate.count", rank), text(cand, "aggregate.capacity", kind));
	if (json_is_number(json_object_get(cand, "recalled")))
		printf("    recalled: was left at %s\n", text(cand, "recalled", rank));
	if (json_is_object(gate))
		printf("    gate: %s: %s\n", text(gate, "kind", kind), text(gate, "text", why));
	if (json_array_size(attrs))
		table_print(stdout, 4, attribute_columns, attrs);
	json_array_foreach((json_t *)attrs, i, attr)
		print_parts(attr);
	if (json_array_size(terms))
		table_print(stdout, 4, term_columns, terms);
	print_requirements(cand);
}

static void print_change(const json_t *change)
{
	const json_t *age = json_object_get(change, "age_s");
	char when[256], ago[32], why[256];

	printf("    %s", text(change, "time", when));
	if (json_is_number(age))
		printf(" (%s ago)", table_seconds(json_number_value(age), ago, sizeof(ago)));
	fputs("\n      from ", stdout);
	print_pick(json_object_get(change, "from"));
	fputs("\n      to   ", stdout);
	print_pick(json_object_get(change, "to"));
	printf("\n      %s\n", text(change, "why", why));
}

static void print_history(const json_t *history)
{
	size_t n = json_array_size(history);

	if (!n)
		return;
	fputs("\nhistory, the newest first:\n", stdout);
	while (n > 0)
		print_change(json_array_get(history, --n));
}

static void print_explain(const json_t *explain)
{
	const json_t *candidates = json_object_get(explain, "candidates"), *cand;
	size_t i;

	print_head(explain);
	json_array_foreach((json_t *)candidates, i, cand)
		print_candidate(cand);
	if (!i)
		puts("\nno candidates: no instance of it is known, or no path leads to one");
	print_history(json_object_get(explain, "history"));
}

int run_explain(struct ctl *ctl, const struct verb *verb, struct args args)
{
	char path[CTL_PATH_MAX];
	struct call call = {.method = "GET", .path = path};
	json_t *explain = NULL, *local;
	int status = ctl_path(verb, args, path);

	if (!status && args.n > 1)
		status = usage_error(verb, "explains one service at a time");
	status = status ? status : ctl_call(ctl, &call, &explain);
	if (status)
		return status;
	if (ctl->json) {
		ctl_print_json(explain);
	} else {
		print_explain(explain);
		local = json_object_get(explain, "local");
		if (json_is_object(local)) {
			puts("\namong the instances of this site (End.SAN):");
			print_explain(local);
		}
	}
	json_decref(explain);
	return CTL_OK;
}
