/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/ast.h"
#include "util/utf8.h"

#define CLIP 72 /* code points of a line that are shown on each side of the caret, at most */

const char *const nemo_class_names[NEMO_CLASS_MAX] = {
	[NEMO_LEXICAL] = "lexical",
	[NEMO_SYNTAX] = "syntax",
	[NEMO_SEMANTIC] = "semantic",
	[NEMO_COMMIT] = "commit",
};

/* clang-format off */
const char *const nemo_warning_names[NEMO_W_MAX] = {
#define X(name, text) [NEMO_W_##name] = text,
	NEMO_WARNINGS(X)
#undef X
};
/* clang-format on */

void nemo_diags_fini(struct nemo_diags *diags)
{
	for (unsigned int i = 0; i < diags->n; i++)
		free(diags->v[i].reason);
	free(diags->v);
	*diags = (struct nemo_diags){0};
}

/* Takes the reason. */
static void keep(struct nemo_diags *diags, struct nemo_diag diag)
{
	if (diags->n == diags->cap) {
		unsigned int cap = diags->cap ? 2 * diags->cap : 8;
		struct nemo_diag *v = reallocarray(diags->v, cap, sizeof(*v));

		if (!v) {
			diags->no_memory = true;
			free(diag.reason);
			return;
		}
		diags->v = v;
		diags->cap = cap;
	}
	diags->v[diags->n++] = diag;
}

static char *format_reason(struct nemo_diags *diags, const char *reason, va_list args)
{
	char *text;

	if (vasprintf(&text, reason, args) >= 0)
		return text;
	diags->no_memory = true;
	return NULL;
}

int nemo_error(struct nemo_diags *diags, enum nemo_class class, struct nemo_pos at,
	       const char *reason, ...)
{
	struct nemo_diag diag = {.class = class, .at = at};
	va_list args;

	if (diags->errors++ >= NEMO_ERRORS_MAX)
		return -EINVAL;
	va_start(args, reason);
	diag.reason = format_reason(diags, reason, args);
	va_end(args);
	if (diag.reason)
		keep(diags, diag);
	return -EINVAL;
}

void nemo_warn(struct nemo_diags *diags, enum nemo_warning warning, struct nemo_pos at,
	       const char *reason, ...)
{
	struct nemo_diag diag = {.is_warning = true, .warning = warning, .at = at};
	va_list args;

	if (diags->no_warnings || diags->warnings++ >= NEMO_WARNINGS_KEPT)
		return;
	va_start(args, reason);
	diag.reason = format_reason(diags, reason, args);
	va_end(args);
	if (diag.reason)
		keep(diags, diag);
}

static int compare(const void *a, const void *b)
{
	const struct nemo_diag *x = a, *y = b;

	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.column != y->at.column)
		return x->at.column < y->at.column ? -1 : 1;
	if (x->is_warning != y->is_warning)
		return x->is_warning ? 1 : -1;
	if (x->is_warning && x->warning != y->warning)
		return x->warning < y->warning ? -1 : 1;
	return strcmp(x->reason, y->reason);
}

void nemo_diags_sort(struct nemo_diags *diags)
{
	if (diags->n > 1)
		qsort(diags->v, diags->n, sizeof(*diags->v), compare);
}

bool nemo_diags_view(const struct nemo_diags *diags, struct nemo_diags *view)
{
	struct nemo_diag *v = calloc(diags->n + 1, sizeof(*v));

	if (!v)
		return false;
	if (diags->n)
		memcpy(v, diags->v, diags->n * sizeof(*v));
	*view = *diags;
	view->v = v;
	nemo_diags_sort(view);
	return true;
}

/* ---- text for people ---- */

/* The line that is shown, and how far into it the last one who asked came: the next one is in the
 * same line or behind it, so that nothing is read twice however long a line is. */
struct lines {
	const char *text, *end; /* of the script */
	const char *at, *stop;	/* of the line; NULL: none yet */
	unsigned int line;
	const char *seen; /* the code point in column `column` */
	unsigned int column;
};

static void open_line(struct lines *l, const char *at)
{
	const char *lf = memchr(at, '\n', l->end - at);

	l->at = at;
	l->stop = lf ? lf : l->end;
	l->seen = at;
	l->column = 1;
	if (l->line == 1 && l->stop - at >= 3 && !memcmp(at, "\xef\xbb\xbf", 3))
		l->seen += 3; /* a byte order mark has no column */
}

static void seek_line(struct lines *l, unsigned int line)
{
	if (!l->at)
		open_line(l, l->text);
	while (l->line < line && l->stop < l->end) {
		l->line++;
		open_line(l, l->stop + 1);
	}
}

/* One code point, or one byte that begins none. The text may end anywhere. */
static size_t step(const char *at, const char *end)
{
	char four[5] = {0};
	size_t n, left = end - at;

	if ((unsigned char)*at < 0x80)
		return 1;
	memcpy(four, at, left < 4 ? left : 4);
	n = utf8_len(four);
	return n ? n : 1;
}

/* A terminal is shown nothing that it might obey. */
static void add_code_point(struct nemo_text *out, const char *at, size_t n)
{
	unsigned char c = *at;
	bool odd = (c < 0x20 && c != '\t') || c == 0x7f || (n == 1 && c >= 0x80);

	if (odd || (c == 0xc2 && (unsigned char)at[1] < 0xa0))
		nemo_text_add(out, "?");
	else
		nemo_text_add(out, "%.*s", (int)n, at);
}

static void seek_column(struct lines *l, unsigned int column)
{
	for (; l->column < column && l->seen < l->stop; l->column++)
		l->seen += step(l->seen, l->stop);
}

static void add_line(struct nemo_text *out, struct lines *l, unsigned int column)
{
	const char *end = l->stop > l->seen && l->stop[-1] == '\r' ? l->stop - 1 : l->stop, *at;
	unsigned int from = column > CLIP ? column - CLIP : 1, i;
	struct nemo_text caret = {0};

	seek_column(l, from);
	at = l->seen;
	nemo_text_add(out, "%s", from > 1 ? "..." : "");
	nemo_text_add(&caret, "%s", from > 1 ? "   " : "");
	for (i = from; at < end && i < column + CLIP; i++) {
		size_t n = step(at, end);

		add_code_point(out, at, n);
		if (i < column)
			nemo_text_add(&caret, "%s", *at == '\t' ? "\t" : " ");
		at += n;
	}
	for (; i < column; i++)
		nemo_text_add(&caret, " ");
	nemo_text_add(out, "%s\n%s^\n", at < end ? "..." : "", caret.data ? caret.data : "");
	out->no_memory |= caret.no_memory;
	free(caret.data);
}

static void add_diag(struct nemo_text *out, const char *file, const struct nemo_diag *d,
		     struct lines *lines)
{
	nemo_text_add(out, "%s:%u:%u: ", file, d->at.line, d->at.column);
	if (d->is_warning)
		nemo_text_add(out, "warning: %s: %s\n", nemo_warning_names[d->warning], d->reason);
	else
		nemo_text_add(out, "error: %s\n", d->reason);
	seek_line(lines, d->at.line);
	add_line(out, lines, d->at.column);
}

char *nemo_diags_text(const struct nemo_diags *diags, const char *file, const char *text,
		      size_t len)
{
	struct lines lines = {.text = text, .end = text + len, .line = 1};
	struct nemo_text out = {0};
	struct nemo_diags view;

	if (!nemo_diags_view(diags, &view))
		return NULL;
	nemo_text_add(&out, "%s", "");
	for (unsigned int i = 0; i < view.n; i++)
		add_diag(&out, file, &view.v[i], &lines);
	free(view.v);
	if (diags->errors > NEMO_ERRORS_MAX)
		nemo_text_add(&out, "%s: error: %u more errors are not shown\n", file,
			      diags->errors - NEMO_ERRORS_MAX);
	if (diags->warnings > NEMO_WARNINGS_KEPT)
		nemo_text_add(&out, "%s: warning: %u more warnings are not shown\n", file,
			      diags->warnings - NEMO_WARNINGS_KEPT);
	if (diags->no_memory)
		nemo_text_add(&out, "%s: error: out of memory\n", file);
	if (!out.no_memory)
		return out.data;
	free(out.data);
	return NULL;
}

/* ---- names that are near ---- */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

#define BAND 2	/* edits that are counted: so far from the diagonal a way of so many can lead */
#define FAR 255 /* more than any */

/* Begin and end that both have need no edit. */
static void strip(const char **a, size_t *n, const char **b, size_t *m)
{
	while (*n && *m && **a == **b) {
		(*a)++;
		(*b)++;
		(*n)--;
		(*m)--;
	}
	while (*n && *m && (*a)[*n - 1] == (*b)[*m - 1]) {
		(*n)--;
		(*m)--;
	}
}

/* Edits between two names of up to NEMO_NAME_MAX bytes, whose lengths differ by up to BAND: insert,
 * remove, replace, swap neighbours. More than BAND are more than BAND, if by another number. */
static unsigned int distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned int rows[3][NEMO_NAME_MAX + 2];
	unsigned int *before = rows[0], *last = rows[1], *now = rows[2];

	strip(&a, &n, &b, &m);
	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t from = i > BAND ? i - BAND : 1, to = i + BAND < m ? i + BAND : m;
		unsigned int *spare = before, least = from == 1 ? i : FAR;

		now[from - 1] = least;
		now[to + 1] = FAR;
		for (size_t j = from; j <= to; j++) {
			now[j] = min3(last[j] + 1, now[j - 1] + 1,
				      last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min3(now[j], now[j], before[j - 2] + 1);
			least = now[j] < least ? now[j] : least;
		}
		if (least > BAND + 1)
			return least; /* a swap saves one of them, and no more */
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

const char *nemo_nearest(const char *written, const char *const *names, unsigned int n)
{
	size_t len = strlen(written);
	unsigned int best = (len <= 3 ? 1 : 2) + 1;
	const char *found = NULL;
	bool tie = false;

	if (len > NEMO_NAME_MAX)
		return NULL;
	for (unsigned int i = 0; i < n; i++) {
		size_t m = strlen(names[i]);
		unsigned int d;

		if (m > NEMO_NAME_MAX || m > len + 2 || len > m + 2)
			continue;
		d = distance(written, len, names[i], m);
		if (d == 0 || d > best || (d == best && !found))
			continue;
		tie = d == best && (tie || strcmp(found, names[i]) != 0);
		best = d;
		found = names[i];
	}
	return tie ? NULL : found;
}
