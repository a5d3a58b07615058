/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found out in this round: thousands of operations may ask for the same load, and whether
 * the same goal is up. */
#include "enact/enact_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct enact_memo *enact_memo(struct enact *enact, bool *isnew, const char *format, ...)
{
	char key[ENACT_ACT_KEY];
	struct enact_memo *memo;
	va_list args;

	*isnew = true;
	if (!enact->remembers)
		return &enact->scratch;
	va_start(args, format);
	vsnprintf(key, sizeof(key), format, args);
	va_end(args);
	HASH_FIND_STR(enact->memos, key, memo);
	*isnew = memo == NULL;
	if (memo)
		return memo;
	memo = calloc(1, sizeof(*memo) + strlen(key) + 1);
	if (!memo)
		return &enact->scratch;
	strcpy(memo->key, key);
	HASH_ADD_STR(enact->memos, key, memo);
	return memo;
}

void enact_remember(struct enact *enact, bool on)
{
	struct enact_memo *memo, *next;

	enact->remembers = on;
	HASH_ITER(hh, enact->memos, memo, next) {
		HASH_DEL(enact->memos, memo);
		free(memo);
	}
}
