/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A table: every part of every key that changes is checked. */
static const bool name_chars[256] = {
	['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true,
	['.'] = true,	      ['_'] = true,	    ['-'] = true,
};

bool name_valid(const char *name)
{
	size_t len = 0;

	while (len < NAME_LEN && name_chars[(unsigned char)name[len]])
		len++;
	return len > 0 && len < NAME_LEN && name[len] == '\0';
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

int svc_id_parse(const char *text, uint64_t *id)
{
	unsigned int base = 10;
	uint64_t value = 0;

	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	} else if (text[0] == '0') {
		return -EINVAL; /* 0, or what some would read as octal */
	}
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned int digit = (unsigned int)digit_value(*text);

		if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return -EINVAL;
	}
	if (value == 0)
		return -EINVAL;
	*id = value;
	return 0;
}

const char *svc_id_text(uint64_t id, char buf[SVC_ID_TEXT])
{
	snprintf(buf, SVC_ID_TEXT, "0x%" PRIx64, id);
	return buf;
}
