/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/lex.h"
#include "util/utf8.h"

#define SHOWN_MAX 40

/* clang-format off */
#define X(name, text) [LEX_##name] = text,
static const char *const words[LEX_MAX] = { LEX_SIGNS(X) LEX_KEYWORDS(X) };
#undef X
/* clang-format on */

enum { LETTER = 1, IN_IDENT = 2, IN_NUMBER = 4, BLANK = 8 };
static const unsigned char classes[256] = {
	['a' ... 'z'] = LETTER | IN_IDENT | IN_NUMBER,
	['A' ... 'Z'] = LETTER | IN_IDENT | IN_NUMBER,
	['0' ... '9'] = IN_IDENT | IN_NUMBER,
	['_'] = IN_IDENT | IN_NUMBER,
	['-'] = IN_IDENT | IN_NUMBER,
	['.'] = IN_NUMBER,
	[':'] = IN_NUMBER,
	['/'] = IN_NUMBER,
	[' '] = BLANK,
	['\t'] = BLANK,
	['\r'] = BLANK,
	['\n'] = BLANK,
};

static bool is(char c, unsigned char class)
{
	return classes[(unsigned char)c] & class;
}

const char *lex_word(enum lex_kind kind)
{
	return words[kind];
}

static int compare(const void *text, const void *word)
{
	return strcmp(text, *(const char *const *)word);
}

/* LEX_IDENT: none. */
static enum lex_kind keyword(const char *text)
{
	const char *const *word =
		bsearch(text, words + LEX_ACTION, LEX_MAX - LEX_ACTION, sizeof(*words), compare);

	return word ? (enum lex_kind)(word - words) : LEX_IDENT;
}

bool lex_is_ident(const char *text)
{
	size_t n = 0;

	if (!is(text[0], LETTER))
		return false;
	while (is(text[n], IN_IDENT))
		n++;
	return !text[n] && n <= NEMO_NAME_MAX && keyword(text) == LEX_IDENT;
}

int lex_shown(const char *text, size_t len)
{
	size_t n = len < SHOWN_MAX ? len : SHOWN_MAX;

	while (n < len && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return (int)n;
}

int lex_error(struct lexer *lex, struct nemo_pos at, const char *reason, ...)
{
	char text[256];
	va_list args;

	if (lex->cut && lex->pos >= lex->len)
		return nemo_error(lex->diags, NEMO_LEXICAL, lex->tok->at,
				  "the script is larger than %u bytes", NEMO_SCRIPT_MAX);
	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	return nemo_error(lex->diags, NEMO_LEXICAL, at, "%s", text);
}

void lex_init(struct lexer *lex)
{
	lex->pos = lex->len >= 3 && !memcmp(lex->text, "\xef\xbb\xbf", 3) ? 3 : 0;
	lex->at = (struct nemo_pos){1, 1};
}

static void skip_bytes(struct lexer *lex, size_t n)
{
	lex->pos += n;
	lex->at.column += n;
}

/* One code point of a string. */
static int skip_code_point(struct lexer *lex)
{
	size_t n = utf8_len(lex->text + lex->pos);

	if (n == 0)
		return lex_error(lex, lex->at, "byte 0x%02x is not UTF-8 here",
				 (unsigned char)lex->text[lex->pos]);
	if (lex->text[lex->pos] == '\0')
		return lex_error(lex, lex->at, "a NUL byte cannot stand in a script");
	lex->pos += n;
	lex->at.column++;
	return 0;
}

static void skip_newline(struct lexer *lex)
{
	lex->pos++;
	lex->at.line++;
	lex->at.column = 1;
}

/* What stands in a comment is nobody's business: a byte that is no UTF-8 is one column. */
static void skip_any(struct lexer *lex)
{
	size_t n = utf8_len(lex->text + lex->pos);

	lex->pos += n ? n : 1;
	lex->at.column++;
}

static void skip_line(struct lexer *lex)
{
	while (lex->pos < lex->len && lex->text[lex->pos] != '\n')
		skip_any(lex);
}

static int skip_comment(struct lexer *lex)
{
	struct nemo_pos begin = lex->at;

	skip_bytes(lex, 2);
	while (lex->pos < lex->len) {
		const char *s = lex->text + lex->pos;

		if (s[0] == '*' && s[1] == '/') {
			skip_bytes(lex, 2);
			return 0;
		}
		if (*s == '\n')
			skip_newline(lex);
		else
			skip_any(lex);
	}
	return lex_error(lex, begin, "comment has no end: '*/' is missing");
}

/* Blanks and comments. */
static int skip(struct lexer *lex)
{
	int rc = 0;

	while (rc == 0 && lex->pos < lex->len) {
		const char *s = lex->text + lex->pos;

		lex->tok->at = lex->at;
		if (*s == '\n')
			skip_newline(lex);
		else if (is(*s, BLANK))
			skip_bytes(lex, 1);
		else if (*s == '#' || (s[0] == '/' && s[1] == '/'))
			skip_line(lex);
		else if (s[0] == '/' && s[1] == '*')
			rc = skip_comment(lex);
		else
			return 0;
	}
	return rc;
}

static int no_memory(struct lexer *lex)
{
	lex->diags->no_memory = true;
	return -ENOMEM;
}

static int word(struct lexer *lex, struct lex_token *tok)
{
	const char *begin = lex->text + lex->pos, *end = begin;
	char text[NEMO_NAME_MAX + 1];
	size_t len;

	while (is(*end, IN_IDENT))
		end++;
	len = end - begin;
	skip_bytes(lex, len);
	if (len > NEMO_NAME_MAX)
		return lex_error(lex, tok->at, "name '%.*s...' is longer than %d bytes",
				 lex_shown(begin, len), begin, NEMO_NAME_MAX);
	memcpy(text, begin, len);
	text[len] = '\0';
	tok->kind = keyword(text);
	if (tok->kind != LEX_IDENT)
		return 0;
	tok->text = nemo_arena_text(lex->arena, text, len);
	return tok->text ? 0 : no_memory(lex);
}

static int number(struct lexer *lex, struct lex_token *tok)
{
	size_t end = lex->pos + 1;
	int rc;

	while (is(lex->text[end], IN_NUMBER))
		end++;
	rc = lex_number(lex, tok, end);
	skip_bytes(lex, end - lex->pos);
	return rc;
}

/* lex->pos is at the backslash. */
static int escape(struct lexer *lex, char *out)
{
	static const char from[] = "\"\\nt", to[] = "\"\\\n\t";
	char c = lex->text[lex->pos + 1];
	const char *found = c ? strchr(from, c) : NULL;

	if (!found)
		return lex_error(lex, lex->at,
				 "bad escape: there are only \\\", \\\\, \\n and \\t");
	*out = to[found - from];
	skip_bytes(lex, 2);
	return 0;
}

static bool ends_line(const struct lexer *lex)
{
	const char *s = lex->text + lex->pos;

	return lex->pos >= lex->len || *s == '\n' || (s[0] == '\r' && s[1] == '\n');
}

/* One character of a string into out[]: *n rises by its bytes. */
static int string_char(struct lexer *lex, char *out, size_t *n)
{
	size_t begin = lex->pos;
	unsigned char c = lex->text[begin];
	int rc;

	if (c == '\\' && begin + 1 >= lex->len) { /* it is the end that is missing */
		skip_bytes(lex, 1);
		return 0;
	}
	if (c == '\\') {
		rc = escape(lex, out + *n);
		*n += rc == 0;
		return rc;
	}
	if (c < 0x20 || c == 0x7f)
		return lex_error(lex, lex->at, "control character 0x%02x in a string%s", c,
				 c == '\t' ? "; a tab is written \\t" : "");
	rc = skip_code_point(lex);
	if (rc == 0) {
		memcpy(out + *n, lex->text + begin, lex->pos - begin);
		*n += lex->pos - begin;
	}
	return rc;
}

static int string(struct lexer *lex, struct lex_token *tok)
{
	char text[NEMO_STRING_MAX + 4];
	size_t n = 0;
	int rc = 0;

	skip_bytes(lex, 1);
	while (rc == 0 && !ends_line(lex) && lex->text[lex->pos] != '"') {
		rc = string_char(lex, text, &n);
		if (rc == 0 && n > NEMO_STRING_MAX)
			rc = lex_error(lex, tok->at, "string is longer than %d bytes",
				       NEMO_STRING_MAX);
	}
	if (rc)
		return rc;
	if (ends_line(lex))
		return lex_error(lex, tok->at, "string has no end: '\"' is missing on its line");
	skip_bytes(lex, 1);
	tok->kind = LEX_STRING;
	tok->text = nemo_arena_text(lex->arena, text, n);
	return tok->text ? 0 : no_memory(lex);
}

static int unexpected(struct lexer *lex, const char *s)
{
	size_t n = utf8_len(s);

	if (*s && strchr("&|=", *s))
		return lex_error(lex, lex->at, "'%c' alone means nothing: '%c%c' does", *s, *s, *s);
	if (*s == '\'')
		return lex_error(lex, lex->at, "strings stand in double quotes");
	if (n == 0 || (unsigned char)*s < 0x20 || *s == 0x7f)
		return lex_error(lex, lex->at, "unexpected byte 0x%02x", (unsigned char)*s);
	return lex_error(lex, lex->at, "unexpected character '%.*s'%s", (int)n, s,
			 *s == '_' ? ": a name begins with a letter" : "");
}

/* LEX_NONE: no sign begins with these two. */
static enum lex_kind sign_of(char a, char b)
{
	switch (a) {
	case ';':
		return LEX_SEMICOLON;
	case ':':
		return LEX_COLON;
	case ',':
		return LEX_COMMA;
	case '(':
		return LEX_LPAREN;
	case ')':
		return LEX_RPAREN;
	case '.':
		return LEX_DOT;
	case '=':
		return b == '=' ? LEX_EQ : LEX_NONE;
	case '!':
		return b == '=' ? LEX_NE : LEX_NOT;
	case '<':
		return b == '=' ? LEX_LE : LEX_LT;
	case '>':
		return b == '=' ? LEX_GE : LEX_GT;
	case '&':
		return b == '&' ? LEX_AND : LEX_NONE;
	case '|':
		return b == '|' ? LEX_OR : LEX_NONE;
	default:
		return LEX_NONE;
	}
}

static int sign(struct lexer *lex, struct lex_token *tok)
{
	const char *s = lex->text + lex->pos;

	tok->kind = sign_of(s[0], s[1]);
	if (tok->kind == LEX_NONE)
		return unexpected(lex, s);
	skip_bytes(lex, strlen(words[tok->kind]));
	return 0;
}

static int token(struct lexer *lex, struct lex_token *tok)
{
	const char *s = lex->text + lex->pos;

	if (lex->pos >= lex->len) {
		tok->kind = LEX_END;
		return 0;
	}
	if (is(*s, LETTER))
		return word(lex, tok);
	if (*s == '"')
		return string(lex, tok);
	if ((*s >= '0' && *s <= '9') || (*s == '-' && s[1] >= '0' && s[1] <= '9'))
		return number(lex, tok);
	return sign(lex, tok);
}

int lex_next(struct lexer *lex, struct lex_token *tok)
{
	int rc;

	*tok = (struct lex_token){.kind = LEX_NONE, .at = lex->at};
	lex->tok = tok;
	rc = skip(lex);
	if (rc)
		return rc;
	tok->at = lex->at;
	tok->begin = lex->pos;
	rc = token(lex, tok);
	tok->end = lex->pos;
	if (rc == 0 && lex->cut && lex->pos >= lex->len)
		rc = lex_error(lex, tok->at, "%s", "");
	if (rc)
		tok->kind = LEX_NONE;
	return rc;
}
