/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What begins with a digit, or "-" and a digit: a number, an IPv4 address or prefix, an error. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/lex.h"

/* IPv6 addresses stand in quotes: what reads as one here is an error all the same. */
static bool prefix(const char *text, size_t len, struct nemo_prefix *out)
{
	char copy[sizeof("255.255.255.255/32")];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return nemo_prefix_read(copy, out) == 0 && out->v4;
}

/* Looks like one, so that it is clear what is wrong with it. */
static bool only(const char *text, size_t len, const char *of)
{
	return strspn(text, of) >= len;
}

static int complain(struct lexer *lex, const struct lex_token *tok, const char *text, size_t len)
{
	int shown = lex_shown(text, len);
	const char *more = (size_t)shown < len ? "..." : "";

	if (only(text, len, "-0123456789") && !memchr(text + 1, '-', len - 1))
		return lex_error(lex, tok->at, "number '%.*s%s' has leading zeros", shown, text,
				 more);
	if (only(text, len, "0123456789./"))
		return lex_error(lex, tok->at,
				 "'%.*s%s' is not an IPv4 address or prefix (four numbers of 0 to "
				 "255, length 0 to 32, no leading zeros)",
				 shown, text, more);
	return lex_error(lex, tok->at,
			 "'%.*s%s' is neither a number nor an IPv4 prefix; all else that begins "
			 "with a digit stands in quotes",
			 shown, text, more);
}

int lex_number(struct lexer *lex, struct lex_token *tok, size_t end)
{
	const char *text = lex->text + lex->pos;
	size_t len = end - lex->pos, sign = *text == '-';
	bool digits = only(text + sign, len - sign, "0123456789");

	if (prefix(text, len, &tok->prefix)) {
		tok->kind = LEX_PREFIX;
		return 0;
	}
	if (!digits || (text[sign] == '0' && len > sign + 1))
		return complain(lex, tok, text, len);
	errno = 0;
	tok->integer = strtoll(text, NULL, 10);
	if (errno)
		return lex_error(lex, tok->at,
				 "number '%.*s' is out of range: an Integer is -2^63 to 2^63-1",
				 lex_shown(text, len), text);
	tok->kind = LEX_INTEGER;
	return 0;
}
