/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "expected Contain, Property or ';', found name 'Propety'; did you mean Property?" */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/parse_int.h"

#define CANDIDATES_MAX (LEX_MAX * 2)

/* clang-format off */
#define X(word, ...) LEX_##word,
static const enum lex_kind statement_words[] = {PARSE_STATEMENTS(X)};
static const enum lex_kind object_words[] = {PARSE_OBJECTS(X)};
static const enum lex_kind type_words[] = {PARSE_TYPES(X)};
#undef X
/* clang-format on */
static const enum lex_kind item_words[] = {
	LEX_TYPE,   LEX_CONTAIN,  LEX_PROPERTY,	 LEX_END_NODES, LEX_MATCH,
	LEX_TARGET, LEX_PRIORITY, LEX_CONDITION, LEX_ACTION,
};

/* What stands for several tokens. */
struct group {
	const char *text;
	const enum lex_kind *words;
	unsigned int n;
};
#define WORDS(list) list, sizeof(list) / sizeof(*list)
static const struct group groups[] = {
	[PARSE_NAME - LEX_MAX] = {"a name", NULL, 0},
	[PARSE_VALUE - LEX_MAX] = {"a value", NULL, 0},
	[PARSE_STATEMENT - LEX_MAX] = {"a statement", WORDS(statement_words)},
	[PARSE_DATA_TYPE - LEX_MAX] = {"a data type", WORDS(type_words)},
	[PARSE_OPERATOR - LEX_MAX] = {"an operator", NULL, 0},
	[PARSE_ITEM - LEX_MAX] = {"what to query", WORDS(item_words)},
	[PARSE_OBJECT - LEX_MAX] = {"CFN, Connection, ServiceFlow, Operation or Notification",
				    WORDS(object_words)},
	[PARSE_LABEL_END - LEX_MAX] = {"':' behind a label", WORDS(statement_words)},
};

bool parse_is_word(const struct parser *p, enum parse_kind kind)
{
	const struct group *g = &groups[kind - LEX_MAX];

	for (unsigned int i = 0; i < g->n; i++)
		if (p->tok.kind == g->words[i])
			return true;
	return false;
}

static const char *kind_text(unsigned int kind)
{
	switch (kind) {
	case LEX_END:
		return "the end";
	case LEX_IDENT:
		return "a name";
	case LEX_STRING:
		return "a string";
	case LEX_INTEGER:
		return "a number";
	case LEX_PREFIX:
		return "an IPv4 prefix";
	default:
		return kind >= LEX_MAX ? groups[kind - LEX_MAX].text : lex_word(kind);
	}
}

static void add_expected(const struct parser *p, struct nemo_text *out)
{
	unsigned int n = p->n_tried;

	for (unsigned int i = 0; i < n; i++) {
		bool is_sign = p->tried[i] >= LEX_SEMICOLON && p->tried[i] < LEX_ACTION;
		const char *quote = is_sign ? "'" : "";

		nemo_text_add(out, "%s%s%s%s",
			      i == 0	  ? "expected "
			      : i + 1 < n ? ", "
					  : " or ",
			      quote, kind_text(p->tried[i]), quote);
	}
}

static void add_found(const struct parser *p, struct nemo_text *out)
{
	const struct lex_token *tok = &p->tok;
	size_t len = tok->end - tok->begin;
	const char *text = p->lex.text + tok->begin;
	int shown = lex_shown(text, len);

	nemo_text_add(out, ", found ");
	if (tok->kind == LEX_END)
		nemo_text_add(out, "the end");
	else if (tok->kind == LEX_STRING)
		nemo_text_add(out, "string %.*s%s", shown, text, (size_t)shown < len ? "..." : "");
	else
		nemo_text_add(out, "%s'%.*s%s'",
			      lex_is_keyword(tok->kind) ? "key word "
			      : tok->kind == LEX_IDENT	? "name "
							: "",
			      shown, text, (size_t)shown < len ? "..." : "");
}

static unsigned int candidates(const struct parser *p, const char **names)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->n_tried; i++) {
		unsigned int kind = p->tried[i];
		const struct group *g = kind >= LEX_MAX ? &groups[kind - LEX_MAX] : NULL;

		for (unsigned int j = 0; g && j < g->n && n < CANDIDATES_MAX; j++)
			names[n++] = lex_word(g->words[j]);
		if (!g && lex_is_keyword(kind) && n < CANDIDATES_MAX)
			names[n++] = lex_word(kind);
	}
	return n;
}

static const char *lower(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	for (; text[n] && n + 1 < size; n++)
		buf[n] = (char)tolower((unsigned char)text[n]);
	buf[n] = '\0';
	return buf;
}

/* Upper and lower case are no edits here: "craete" is near CREATE. */
static const char *nearest(const char *written, const char *const *names, unsigned int n)
{
	char low[CANDIDATES_MAX][sizeof("ServiceFlowModel")], text[NEMO_NAME_MAX + 1];
	const char *lows[CANDIDATES_MAX], *near;

	lower(written, text, sizeof(text));
	for (unsigned int i = 0; i < n; i++) {
		lows[i] = lower(names[i], low[i], sizeof(low[i]));
		if (!strcmp(lows[i], text))
			return names[i];
	}
	near = nemo_nearest(text, lows, n);
	for (unsigned int i = 0; i < n; i++)
		if (lows[i] == near)
			return names[i];
	return NULL;
}

static void add_hint(const struct parser *p, struct nemo_text *out)
{
	const char *names[CANDIDATES_MAX], *near = NULL;
	const char *written = p->tok.kind == LEX_IDENT ? p->tok.text : NULL;
	unsigned int n = candidates(p, names);

	if (p->label)
		written = p->label;
	if (written)
		near = nearest(written, names, n);
	if (near)
		nemo_text_add(out, "; did you mean %s?", near);
	else if (p->tok.kind == LEX_IDENT && p->tried[0] == PARSE_VALUE)
		nemo_text_add(out, "; a string stands in quotes: \"%s\"", p->tok.text);
}

void parse_expected(struct parser *p)
{
	struct nemo_text out = {0};

	if (p->err)
		return;
	add_expected(p, &out);
	add_found(p, &out);
	add_hint(p, &out);
	parse_error(p, "%s", out.data ? out.data : "");
	free(out.data);
}
