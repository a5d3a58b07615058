/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What servers of intent answer, for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/nemo.h"
#include "sanctl/table.h"
#include "util/own.h"

static const char *text_of(const json_t *item, const char *member, char buf[TABLE_CELL_MAX])
{
	return table_text(json_object_get(item, member), buf, TABLE_CELL_MAX);
}

/* ---- changes ---- */

/* Objects are long: whole lines, whatever their length. */
static void print_lines(const json_t *text, const char *before)
{
	OWN_PTR char *copy = json_is_string(text) ? strdup(json_string_value(text)) : NULL;
	const char *p = copy ? table_clean(copy, "\t\n") : NULL;

	while (p && *p) {
		size_t len = strcspn(p, "\n");

		printf("%s%.*s\n", before, (int)len, p);
		p += len + (p[len] == '\n');
	}
}

void nemo_show_changes(const json_t *changes)
{
	unsigned int n[3] = {};
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)changes, i, item) {
		const char *change = json_string_value(json_object_get(item, "change"));
		int kind = !change ? 1 : *change == 'c' ? 0 : *change == 'd' ? 2 : 1;
		char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX];

		n[kind]++;
		printf("%c %s %s\n", "+~-"[kind], text_of(item, "kind", a),
		       text_of(item, "name", b));
		print_lines(json_object_get(item, "before"), "  - ");
		print_lines(json_object_get(item, "after"), "  + ");
	}
	if (i)
		printf("%u to create, %u to update, %u to delete\n", n[0], n[1], n[2]);
	else
		puts("nothing to change");
}

/* ---- answers ---- */

static void show_object(const json_t *result)
{
	char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX];
	const json_t *values = json_object_get(result, "values");

	printf("  %s %s\n", text_of(result, "kind", a), text_of(result, "name", b));
	if (values)
		table_object(stdout, values, 4);
}

void nemo_show_query(const json_t *answer)
{
	char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX];
	json_t *result;
	size_t i;

	if (json_object_get(answer, "error")) {
		printf("query: %s\n", text_of(answer, "error", a));
		return;
	}
	printf("query at %s, revision %s\n", text_of(answer, "time", a),
	       text_of(answer, "revision", b));
	json_array_foreach(json_object_get(answer, "results"), i, result) {
		show_object(result);
	}
}

void nemo_show_applied(const json_t *answer)
{
	char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX];
	size_t n = json_array_size(json_object_get(answer, "changes")), i;
	json_t *query;

	if (n)
		printf("revision %s is in force everywhere (commit %s): %zu objects changed\n",
		       text_of(answer, "revision", a), text_of(answer, "commit", b), n);
	else
		printf("nothing changed: revision %s stays in force\n",
		       text_of(answer, "revision", a));
	json_array_foreach(json_object_get(answer, "queries"), i, query) {
		nemo_show_query(query);
	}
}

/* ---- explain ---- */

static void show_terms(const json_t *condition)
{
	char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX], c[TABLE_CELL_MAX];
	json_t *term;
	size_t i;

	if (!json_is_object(condition))
		return;
	printf("      condition %s: %s\n", text_of(condition, "text", a),
	       text_of(condition, "result", b));
	json_array_foreach(json_object_get(condition, "terms"), i, term) {
		printf("        %s: %s, is %s\n", text_of(term, "text", a),
		       text_of(term, "result", b),
		       json_is_null(json_object_get(term, "value")) ? "not known"
								    : text_of(term, "value", c));
	}
}

static void show_operation(const json_t *op)
{
	char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX], c[TABLE_CELL_MAX], d[TABLE_CELL_MAX];
	const char *why = json_string_value(json_object_get(op, "why"));

	printf("  %-12s %s (priority %s, flow %s)", text_of(op, "result", a),
	       json_object_get(op, "operation") ? text_of(op, "operation", b)
						: "an operation of another tenant",
	       text_of(op, "priority", c), text_of(op, "flow", d));
	printf("%s%s\n", why && *why ? ": " : "", why && *why ? text_of(op, "why", a) : "");
	show_terms(json_object_get(op, "condition"));
}

static void show_part(const json_t *item, const char *member, const char *before)
{
	const char *text = json_string_value(json_object_get(item, member));
	char a[TABLE_CELL_MAX];

	if (text && *text)
		printf("%s%s", before, text_of(item, member, a));
}

void nemo_show_explained(const json_t *told)
{
	char a[TABLE_CELL_MAX], b[TABLE_CELL_MAX];
	const json_t *winner = json_object_get(told, "winner");
	json_t *op;
	size_t i;

	printf("packet     %s\ntime       %s\n", text_of(told, "packet", a),
	       text_of(told, "time", b));
	if (json_is_object(winner)) {
		printf("winner     %s: %s",
		       json_object_get(winner, "operation") ? text_of(winner, "operation", a)
							    : "an operation of another tenant",
		       text_of(winner, "actions", b));
		show_part(winner, "goal", ", to ");
		show_part(winner, "gateway", ", at gateway ");
		show_part(winner, "path", " by path ");
		putchar('\n');
	} else {
		puts("winner     none: the packet goes its usual way");
	}
	puts("operations");
	json_array_foreach(json_object_get(told, "operations"), i, op) {
		show_operation(op);
	}
}

/* ---- connections: a row for each leg ---- */

json_t *nemo_connection_rows(const json_t *items)
{
	json_t *rows = json_array(), *item, *leg;
	size_t i, k;

	json_array_foreach((json_t *)items, i, item) {
		const json_t *legs = json_object_get(item, "legs");

		if (!json_array_size(legs))
			json_array_append(rows, item);
		json_array_foreach((json_t *)legs, k, leg) {
			json_t *row = json_copy(leg);

			json_object_set(row, "connection", json_object_get(item, "connection"));
			json_object_set(row, "up", json_object_get(item, "up"));
			json_object_set(row, "why", json_object_get(item, "why"));
			json_array_append_new(rows, row);
		}
	}
	return rows;
}
