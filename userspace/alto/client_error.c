/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server says when it refuses (RFC 7285, 8.5), or whatever stands there instead. */
#include "alto/client_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	long status;
	int code;
} status_codes[] = {
	{400, -EINVAL}, {401, -EACCES}, {403, -EACCES}, {404, -ENOENT},
	{429, -EAGAIN}, {503, -EAGAIN}, {504, -EAGAIN},
};

static int code_of(long status)
{
	for (unsigned int i = 0; i < sizeof(status_codes) / sizeof(status_codes[0]); i++) {
		if (status_codes[i].status == status)
			return status_codes[i].code;
	}
	return -EPROTO;
}

static const char *word(const json_t *meta, const char *name)
{
	const char *text = json_string_value(json_object_get(meta, name));

	return text ? text : "";
}

/* The first line of what is no ALTO error. */
static void other_text(const char *text, size_t len, long status, struct err *err)
{
	size_t n = 0;

	while (n < len && n < sizeof(err->want) && text[n] && !strchr("\r\n", text[n]))
		n++;
	err_set(err, code_of(status), "", NULL, "the server answers HTTP %ld%s%.*s", status,
		n ? ": " : "", (int)n, text);
}

void alto_error_parse(const char *text, size_t len, long status, struct err *err)
{
	const char *code, *why;
	json_t *root = NULL, *meta;

	if (alto_client_root(text, len, &root, NULL)) {
		other_text(text, len, status, err);
		return;
	}
	meta = json_object_get(root, "meta");
	code = word(meta, "code");
	why = *word(meta, "syntax-error") ? word(meta, "syntax-error") : word(meta, "why");
	if (*code || *why)
		err_set(err, code_of(status), word(meta, "field"), word(meta, "value"),
			"the server answers HTTP %ld%s%s%s%s", status, *code ? ": " : "", code,
			*why ? ": " : "", why);
	else
		other_text(text, len, status, err);
	json_decref(root);
}
