/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what was typed is a statement already. */
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

/* A comment that spans lines is not closed yet. */
static bool in_comment(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (text[i] == '"') {
			i = skip_string(text, len, i);
		} else if (text[i] == '#' || !strncmp(text + i, "//", 2)) {
			i = skip_line(text, len, i);
		} else if (!strncmp(text + i, "/*", 2)) {
			const char *end = strstr(text + i + 2, "*/");

			if (!end)
				return true;
			i = (size_t)(end + 2 - text);
		} else {
			i++;
		}
	}
	return false;
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

enum shell_state shell_state(const char *text, size_t len, struct nemo_script **script,
			     struct nemo_diags *diags)
{
	struct nemo_pos end = end_of(text, len);

	if (in_comment(text, len))
		return SHELL_OPEN;
	*script = nemo_parse(text, len, diags);
	if (*script && (*script)->n)
		return SHELL_COMPLETE;
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
