/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates. */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the well-formed sequence at s (NUL-terminated text; not at its end), 0 if none. */
size_t utf8_len(const char *s);
/* Well-formed to its end and without control characters. "" is. */
bool utf8_text(const char *s);

#endif
