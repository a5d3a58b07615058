/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sanctl/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"
#include "util/utf8.h"

const json_t *table_member(const json_t *object, const char *member)
{
	while (object && *member) {
		size_t len = strcspn(member, ".");
		char name[TABLE_CELL_MAX];

		snprintf(name, sizeof(name), "%.*s", (int)len, member);
		object = json_object_get(object, name);
		member += len + (member[len] == '.');
	}
	return object;
}

const char *table_seconds(double seconds, char *buf, size_t size)
{
	unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;

	if (seconds < 10)
		snprintf(buf, size, "%.2fs", seconds > 0 ? seconds : 0.0);
	else if (s < 60)
		snprintf(buf, size, "%.1fs", seconds);
	else if (s < 3600)
		snprintf(buf, size, "%lum%02lus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%luh%02lum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%lud%02luh", s / 86400, s / 3600 % 24);
	return buf;
}

/* Appends, cutting at the end of buf. */
static void append(char *buf, size_t size, const char *text)
{
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s", text);
}

static void join(const json_t *array, char *buf, size_t size)
{
	char text[TABLE_CELL_MAX];
	const json_t *item;
	size_t i;

	buf[0] = '\0';
	if (!json_array_size(array))
		append(buf, size, "[]");
	json_array_foreach((json_t *)array, i, item) {
		append(buf, size, i ? "," : "");
		append(buf, size, table_text(item, text, sizeof(text)));
	}
}

/* What moves a terminal's cursor, or text around: C0, C1, directions and separators of lines. */
static bool is_control(const unsigned char *p, size_t len)
{
	if (len == 1)
		return *p < 0x20 || *p == 0x7f;
	if (len == 2) /* U+0080 ... U+009F, U+061C */
		return (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c);
	if (len != 3 || p[0] != 0xe2)
		return len == 3 && !memcmp(p, "\xef\xbb\xbf", 3);
	/* U+200B ... U+200F, U+2028 ... U+202E, U+2060 ... U+206F */
	return (p[1] == 0x80 &&
		((p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
	       (p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf);
}

char *table_clean(char *text, const char *keep)
{
	const char *from = text;
	char *to = text;

	while (*from) {
		size_t len = utf8_len(from);

		if (strchr(keep, *from)) {
			*to++ = *from++;
		} else if (!len || is_control((const unsigned char *)from, len)) {
			*to++ = '?';
			from += len ? len : 1;
		} else {
			memmove(to, from, len);
			to += len;
			from += len;
		}
	}
	*to = '\0';
	return text;
}

const char *table_text(const json_t *value, char *buf, size_t size)
{
	OWN_PTR char *text = NULL;

	if (!value || json_is_null(value)) {
		snprintf(buf, size, "-");
	} else if (json_is_string(value)) {
		snprintf(buf, size, "%s",
			 *json_string_value(value) ? json_string_value(value) : "-");
	} else if (json_is_real(value)) {
		snprintf(buf, size, "%.10g", json_real_value(value));
	} else if (json_is_array(value) && !json_is_object(json_array_get(value, 0))) {
		join(value, buf, size);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
		snprintf(buf, size, "%s", text ? text : "?");
	}
	table_clean(buf, "");
	return buf;
}

static void attributes_text(const json_t *attrs, char *buf, size_t size)
{
	char text[TABLE_CELL_MAX];
	const char *name;
	json_t *attr;

	buf[0] = '\0';
	json_object_foreach((json_t *)attrs, name, attr) {
		const json_t *value = json_object_get(attr, "value");

		append(buf, size, *buf ? " " : "");
		append(buf, size, name);
		append(buf, size, "=");
		append(buf, size, table_text(value ? value : attr, text, sizeof(text)));
		append(buf, size, json_is_true(json_object_get(attr, "refused")) ? "!" : "");
	}
	table_clean(buf, "");
	if (!*buf)
		append(buf, size, "-");
}

static const char *cell(const struct column *column, const json_t *item, char *buf)
{
	const json_t *value = table_member(item, column->member);

	if (column->kind == COLUMN_SECONDS && json_is_number(value))
		return table_seconds(json_number_value(value), buf, TABLE_CELL_MAX);
	if (column->kind == COLUMN_ATTRIBUTES) {
		attributes_text(value, buf, TABLE_CELL_MAX);
		return buf;
	}
	return table_text(value, buf, TABLE_CELL_MAX);
}

/* Characters, not bytes: UTF-8 continuation bytes take no room. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

struct layout {
	int n;
	int width[TABLE_MAX_COLUMNS];
	bool number[TABLE_MAX_COLUMNS], text[TABLE_MAX_COLUMNS]; /* what stands in it */
};

static void measure_cell(struct layout *layout, int i, const struct column *column,
			 const json_t *item)
{
	const json_t *value = table_member(item, column->member);
	char buf[TABLE_CELL_MAX];
	int width = width_of(cell(column, item, buf));

	if (width > layout->width[i])
		layout->width[i] = width;
	if (json_is_number(value))
		layout->number[i] = true;
	else if (value && !json_is_null(value))
		layout->text[i] = true;
}

static void measure(const struct column *columns, const json_t *items, struct layout *layout)
{
	const json_t *item;
	size_t row;

	for (layout->n = 0; columns[layout->n].title; layout->n++) {
		int i = layout->n;

		layout->width[i] = (int)strlen(columns[i].title);
		json_array_foreach((json_t *)items, row, item)
			measure_cell(layout, i, &columns[i], item);
	}
}

static void put_cell(FILE *out, const struct layout *layout, int i, const char *text)
{
	int pad = layout->width[i] - width_of(text);
	bool last = i == layout->n - 1;

	if (layout->number[i] && !layout->text[i])
		fprintf(out, "%*s%s", pad, "", text);
	else
		fprintf(out, "%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", out);
}

void table_print(FILE *out, int indent, const struct column *columns, const json_t *items)
{
	struct layout layout = {};
	char buf[TABLE_CELL_MAX];
	const json_t *item;
	size_t row;

	measure(columns, items, &layout);
	fprintf(out, "%*s", indent, "");
	for (int i = 0; i < layout.n; i++)
		put_cell(out, &layout, i, columns[i].title);
	json_array_foreach((json_t *)items, row, item) {
		fprintf(out, "%*s", indent, "");
		for (int i = 0; i < layout.n; i++)
			put_cell(out, &layout, i, cell(&columns[i], item, buf));
	}
}

/* ---- objects ---- */

static bool is_nested(const json_t *value)
{
	return (json_is_object(value) && json_object_size(value)) ||
	       (json_is_array(value) && json_is_object(json_array_get(value, 0)));
}

static void print_nested(FILE *out, const json_t *value, int indent)
{
	const json_t *item;
	size_t i;

	if (json_is_object(value)) {
		table_object(out, value, indent);
		return;
	}
	json_array_foreach((json_t *)value, i, item) {
		fprintf(out, "%*s-\n", indent, "");
		table_object(out, item, indent + 2);
	}
}

void table_object(FILE *out, const json_t *object, int indent)
{
	char buf[1024];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		snprintf(buf, sizeof(buf), "%s", name);
		fprintf(out, "%*s%s:", indent, "", table_clean(buf, ""));
		if (is_nested(value)) {
			fputc('\n', out);
			print_nested(out, value, indent + 2);
		} else {
			fprintf(out, " %s\n", table_text(value, buf, sizeof(buf)));
		}
	}
}
