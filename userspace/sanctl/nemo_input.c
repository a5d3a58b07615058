/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what was typed is a statement already. */
#include <ctype.h>
#include <string.h>

#include "sanctl/nemo_shell.h"

/* Behind a string that begins at i (its line's end, if it has none). */
static size_t skip_string(const char *text, size_t len, size_t i)
{
	for (i++; i < len && text[i] != '"' && text[i] != '\n'; i++)
		i += text[i] == '\\';
	return i + 1;
}

static size_t skip_line(const char *text, size_t len, size_t i)
{
	while (i < len && text[i] != '\n')
		i++;
	return i;
}

/* Place behind the last character, as the parser counts. */
static struct nemo_pos end_of(const char *text, size_t len)
{
	struct nemo_pos at = {1, 1};

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

/* The last statement has no ";" and may go on: ", ..." of a Match or From. */
static bool may_go_on(const struct nemo_diags *diags, struct nemo_pos end)
{
	for (unsigned int i = 0; i < diags->n; i++) {
		const struct nemo_diag *d = &diags->v[i];

		if (d->is_warning && d->warning == NEMO_W_MISSING_SEMICOLON &&
		    d->at.line == end.line && d->at.column == end.column)
			return true;
	}
	return false;
}

static bool ends_in_empty_line(const char *text, size_t len)
{
	unsigned int lines = 0;

	for (; len && lines < 2 && strchr(" \t\r\n", text[len - 1]); len--)
		lines += text[len - 1] == '\n';
	return lines == 2;
}

/* Behind a word, comment or string that begins at i, or the next byte. */
static size_t skip_token(const char *text, size_t len, size_t i)
{
	size_t begin = i;

	if (text[i] == '"')
		return skip_string(text, len, i);
	if (text[i] == '#' || !strncmp(text + i, "//", 2))
		return skip_line(text, len, i);
	if (!strncmp(text + i, "/*", 2)) {
		const char *end = strstr(text + i + 2, "*/");

		return end ? (size_t)(end + 2 - text) : len;
	}
	while (i < len && (isalnum((unsigned char)text[i]) || text[i] == '_' || text[i] == '-'))
		i++;
	return i > begin ? i : i + 1;
}

/* A comment that spans lines is not closed yet. */
static bool in_comment(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i = skip_token(text, len, i)) {
		if (!strncmp(text + i, "/*", 2) && !strstr(text + i + 2, "*/"))
			return true;
	}
	return false;
}

bool shell_holds(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word), next;

	for (size_t i = 0; i < len; i = next) {
		next = skip_token(text, len, i);
		if (next - i == n && !memcmp(text + i, word, n))
			return true;
	}
	return false;
}

enum shell_state shell_state(const char *text, size_t len, struct nemo_script **script,
			     struct nemo_diags *diags)
{
	struct nemo_pos end = end_of(text, len);

	if (in_comment(text, len))
		return SHELL_OPEN;
	*script = nemo_parse(text, len, diags);
	if (*script && (*script)->n)
		return may_go_on(diags, end) && !ends_in_empty_line(text, len) ? SHELL_PAUSE
									       : SHELL_COMPLETE;
	if (*script) {
		nemo_script_free(*script);
		*script = NULL;
		return SHELL_EMPTY;
	}
	for (unsigned int i = 0; i < diags->n; i++) {
		const struct nemo_diag *d = &diags->v[i];

		if (!d->is_warning && d->class == NEMO_SYNTAX && d->at.line == end.line &&
		    d->at.column == end.column)
			return SHELL_OPEN;
	}
	return SHELL_WRONG;
}
