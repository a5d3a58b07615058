/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/utf8.h"

size_t utf8_len(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned int min, cp;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	cp = s[0] & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	min = n == 4 ? 0x10000 : n == 3 ? 0x800 : 0x80;
	return cp < min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff) ? 0 : n;
}

bool utf8_text(const char *s)
{
	while (*s) {
		size_t n = utf8_len(s);

		if (n == 0 || (unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
		s += n;
	}
	return true;
}
