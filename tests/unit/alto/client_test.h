/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the client's parsers share: JSON with ' for ", errors word for word. */
#ifndef CLIENT_TEST_H
#define CLIENT_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alto/client.h"

static struct err err;

/* text with ' as "; until the next call but three. */
static inline const char *q(const char *text)
{
	static char *kept[4];
	static unsigned int at;
	char **slot = &kept[at++ % 4];

	free(*slot);
	*slot = strdup(text);
	assert_non_null(*slot);
	for (char *c = *slot; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return *slot;
}

static inline void refused_at(int rc, int code, const char *text, const char *file, int line)
{
	char buf[512];

	if (rc != code || err.code != code)
		print_error("%s:%d: %d, err %d\n", file, line, rc, err.code);
	_assert_int_equal(rc, code, file, line);
	_assert_int_equal(err.code, code, file, line);
	_assert_string_equal(err_text(&err, buf, sizeof(buf)), text, file, line);
}

/* text: "/field: is VALUE, what would be right" */
#define REFUSED(rc, code, text) refused_at(rc, code, text, __FILE__, __LINE__)

#endif
