/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aligned tables and readable objects out of JSON. Numbers stand right, what is missing is "-". */
#ifndef SANCTL_TABLE_H
#define SANCTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

#define TABLE_MAX_COLUMNS 16
#define TABLE_CELL_MAX 256

enum column_kind {
	COLUMN_PLAIN,
	COLUMN_SECONDS,	   /* 75.2 -> "1m15s" */
	COLUMN_ATTRIBUTES, /* {"cpu_load": {"value": 3.5}} -> "cpu_load=3.5" */
};

/* The last column's title is NULL. */
struct column {
	const char *title;
	const char *member; /* "nexthop.state": dots lead into objects */
	enum column_kind kind;
};

/* items: an array of objects. Every line starts with indent spaces. */
void table_print(FILE *out, int indent, const struct column *columns, const json_t *items);
/* "key: value" lines, nested ones indented. */
void table_object(FILE *out, const json_t *object, int indent);
/* A value as text: numbers short, arrays with commas, null "-". Returns buf. */
const char *table_text(const json_t *value, char *buf, size_t size);
/* Names and texts in objects come from outside: control characters (also C1, and those that turn
 * the direction of text) become "?", but for those in keep. Returns text. */
char *table_clean(char *text, const char *keep);
const char *table_seconds(double seconds, char *buf, size_t size);
const json_t *table_member(const json_t *object, const char *member);

#endif
