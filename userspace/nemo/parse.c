/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/parse_int.h"

static void fail(struct parser *p, int err)
{
	p->err = err;
	p->tok.kind = LEX_NONE;
	p->has_ahead = false;
	if (err == -ENOMEM)
		p->diags->no_memory = true;
}

void parse_next(struct parser *p)
{
	int rc;

	if (p->err)
		return;
	p->last_end = p->tok.end;
	p->n_tried = 0;
	p->label = NULL;
	if (p->has_ahead) {
		p->tok = p->ahead;
		p->has_ahead = false;
		return;
	}
	rc = lex_next(&p->lex, &p->tok);
	if (rc)
		fail(p, rc);
}

enum lex_kind parse_peek(struct parser *p)
{
	int rc;

	if (p->err)
		return LEX_NONE;
	if (!p->has_ahead) {
		rc = lex_next(&p->lex, &p->ahead);
		if (rc) {
			fail(p, rc);
			return LEX_NONE;
		}
		p->has_ahead = true;
	}
	return p->ahead.kind;
}

void parse_tried(struct parser *p, unsigned int kind)
{
	for (unsigned int i = 0; i < p->n_tried; i++)
		if (p->tried[i] == kind)
			return;
	if (p->n_tried < PARSE_TRIED_MAX)
		p->tried[p->n_tried++] = kind;
}

bool parse_is(struct parser *p, enum lex_kind kind)
{
	if (p->tok.kind == kind)
		return true;
	parse_tried(p, kind);
	return false;
}

bool parse_accept(struct parser *p, enum lex_kind kind)
{
	if (!parse_is(p, kind))
		return false;
	parse_next(p);
	return true;
}

void parse_expect(struct parser *p, enum lex_kind kind)
{
	if (!parse_accept(p, kind))
		parse_expected(p);
}

void parse_error(struct parser *p, const char *reason, ...)
{
	char text[512];
	va_list args;

	if (p->err)
		return;
	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	fail(p, nemo_error(p->diags, NEMO_SYNTAX, p->tok.at, "%s", text));
}

void parse_count(struct parser *p, unsigned int n)
{
	if (n > NEMO_TERMS_MAX - p->all_terms)
		parse_error(p, "more than %u values, terms, actions and answers in a script",
			    NEMO_TERMS_MAX);
	else
		p->all_terms += n;
}

void *parse_alloc(struct parser *p, size_t size)
{
	void *mem = p->err ? NULL : nemo_arena_alloc(p->arena, size);

	if (!mem && !p->err)
		fail(p, -ENOMEM);
	return mem;
}

void *parse_grow(struct parser *p, void *v, unsigned int n, size_t size, const char *what)
{
	void *more;

	if (n >= NEMO_LIST_MAX)
		parse_error(p, "more than %d %s", NEMO_LIST_MAX, what);
	if (p->err)
		return NULL;
	if (n & (n - 1)) /* room is a power of two, and all of it is taken only at one */
		return v;
	more = parse_alloc(p, (n ? 2 * n : 1) * size);
	if (more && n)
		memcpy(more, v, n * size);
	return more;
}

/* ---- a script ---- */

struct statements {
	struct nemo_stmt *v;
	unsigned int n, cap;
};

static struct nemo_stmt *add_statement(struct parser *p, struct statements *all)
{
	struct nemo_stmt *v;

	if (all->n >= NEMO_STATEMENTS_MAX)
		parse_error(p, "more than %d statements in a script", NEMO_STATEMENTS_MAX);
	if (p->err)
		return NULL;
	if (all->n == all->cap) {
		unsigned int cap = all->cap ? 2 * all->cap : 16;

		v = reallocarray(all->v, cap, sizeof(*v));
		if (!v) {
			fail(p, -ENOMEM);
			return NULL;
		}
		all->v = v;
		all->cap = cap;
	}
	v = &all->v[all->n++];
	*v = (struct nemo_stmt){.begin = p->tok.begin};
	return v;
}

/* A word that begins no statement is a label, so it is the next token that can be wrong. */
static void label(struct parser *p, struct nemo_stmt *stmt)
{
	if (p->tok.kind != LEX_IDENT)
		return;
	stmt->label = (struct nemo_name){p->tok.text, p->tok.at};
	parse_next(p);
	p->label = stmt->label.text;
	if (p->tok.kind == LEX_COLON) {
		parse_next(p);
		return;
	}
	parse_tried(p, PARSE_LABEL_END);
	parse_expected(p);
}

static void script(struct parser *p, struct statements *all)
{
	struct nemo_stmt *stmt;

	while (p->tok.kind != LEX_END && !p->err) {
		if (p->tok.kind == LEX_SEMICOLON) {
			parse_next(p);
			continue;
		}
		stmt = add_statement(p, all);
		if (!stmt)
			return;
		label(p, stmt);
		stmt->at = p->tok.at;
		parse_statement(p, stmt);
		stmt->end = p->last_end;
	}
}

/* The text that is parsed: not more than the limit, and then nothing that ends in a character. */
static int copy_text(struct nemo_script *s, struct parser *p, const char *text, size_t len)
{
	p->lex.cut = len > NEMO_SCRIPT_MAX;
	if (p->lex.cut)
		len = NEMO_SCRIPT_MAX;
	while (p->lex.cut && len > NEMO_SCRIPT_MAX - 4 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	s->text = nemo_arena_text(s->arena, text, len);
	s->len = len;
	p->lex.text = s->text;
	p->lex.len = len;
	return s->text ? 0 : -ENOMEM;
}

static int parse(struct nemo_script *s, struct parser *p)
{
	struct statements all = {0};

	lex_init(&p->lex);
	parse_next(p);
	script(p, &all);
	if (!p->err && all.n) {
		s->v = parse_alloc(p, all.n * sizeof(*s->v));
		if (s->v)
			memcpy(s->v, all.v, all.n * sizeof(*s->v));
		s->n = all.n;
	}
	free(all.v);
	return p->err;
}

struct nemo_script *nemo_parse(const char *text, size_t len, struct nemo_diags *diags)
{
	struct nemo_script *s = calloc(1, sizeof(*s));
	struct parser p = {.diags = diags};

	if (s)
		s->arena = nemo_arena_new();
	if (!s || !s->arena || copy_text(s, &p, text, len)) {
		diags->no_memory = true;
		nemo_script_free(s);
		return NULL;
	}
	p.arena = p.lex.arena = s->arena;
	p.lex.diags = diags;
	if (parse(s, &p) == 0)
		return s;
	nemo_script_free(s);
	return NULL;
}

void nemo_script_free(struct nemo_script *s)
{
	if (s)
		nemo_arena_free(s->arena);
	free(s);
}
