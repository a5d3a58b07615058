/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "nemo/ast.h"

static bool reserve(struct nemo_text *out, size_t more)
{
	size_t cap = out->cap ? out->cap : 128;
	char *data;

	if (more > SIZE_MAX / 4 - out->len)
		return false;
	while (cap < out->len + more + 1)
		cap *= 2;
	if (cap == out->cap)
		return true;
	data = realloc(out->data, cap);
	if (!data)
		return false;
	out->data = data;
	out->cap = cap;
	return true;
}

void nemo_text_add(struct nemo_text *out, const char *format, ...)
{
	va_list args;
	int n;

	if (out->no_memory)
		return;
	va_start(args, format);
	n = vsnprintf(out->data ? out->data + out->len : NULL, out->cap - out->len, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= out->cap - out->len) { /* it is written again once it fits */
		if (n < 0 || !reserve(out, n)) {
			out->no_memory = true;
			return;
		}
		va_start(args, format);
		vsnprintf(out->data + out->len, out->cap - out->len, format, args);
		va_end(args);
	}
	out->len += n;
}
