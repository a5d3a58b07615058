/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csc/functions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int functions_init(struct functions *f, const struct in6_addr *locator, uint8_t locator_len)
{
	*f = (struct functions){.lowest = FUNCTION_MIN};
	if (locator_len == 0)
		return 0;
	if (locator_len > 112)
		return -EINVAL;
	f->users = calloc(FUNCTION_MAX + 1, sizeof(*f->users));
	if (!f->users)
		return -ENOMEM;
	f->locator = *locator;
	f->locator_len = locator_len;
	return 0;
}

void functions_fini(struct functions *f)
{
	free(f->users);
	f->users = NULL;
}

static bool bit(const struct in6_addr *addr, unsigned int n)
{
	return addr->s6_addr[n / 8] >> (7 - n % 8) & 1;
}

int functions_of(const struct functions *f, const struct in6_addr *seg)
{
	int function = 0;

	if (f->locator_len == 0)
		return -1;
	for (unsigned int i = 0; i < f->locator_len; i++)
		if (bit(seg, i) != bit(&f->locator, i))
			return -1;
	for (unsigned int i = 0; i < 16; i++)
		function = function << 1 | bit(seg, f->locator_len + i);
	return function;
}

void functions_seg(const struct functions *f, unsigned int function, struct in6_addr *seg)
{
	*seg = f->locator;
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int n = f->locator_len + i;

		if (function >> (15 - i) & 1)
			seg->s6_addr[n / 8] |= 1 << (7 - n % 8);
	}
}

int functions_alloc(struct functions *f, struct in6_addr *seg)
{
	while (f->lowest <= FUNCTION_MAX && f->users[f->lowest] > 0)
		f->lowest++;
	if (f->lowest > FUNCTION_MAX)
		return -ENOSPC;
	functions_use(f, f->lowest);
	functions_seg(f, f->lowest, seg);
	return 0;
}

void functions_use(struct functions *f, int function)
{
	if (function >= 0)
		f->users[function]++;
}

void functions_drop(struct functions *f, int function)
{
	if (function < 0 || f->users[function] == 0 || --f->users[function] > 0)
		return;
	if (function >= FUNCTION_MIN && (unsigned int)function < f->lowest)
		f->lowest = function;
}
