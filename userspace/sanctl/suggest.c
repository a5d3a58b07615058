/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "sanctl/ctl.h"

#define WORD_MAX 32

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein (optimal string alignment), whole table: words are short. */
unsigned int suggest_distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			unsigned int cost = a[i - 1] != b[j - 1];

			d[i][j] = smaller(d[i - 1][j - 1] + cost,
					  smaller(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

const char *suggest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	unsigned int least = 1 + (unsigned int)strlen(word) / 3;

	for (; *candidates; candidates++) {
		unsigned int distance = suggest_distance(word, *candidates);

		if (strlen(word) >= 2 && !strncmp(*candidates, word, strlen(word)))
			distance = 0; /* its beginning */
		if (distance < least || (distance == least && !best)) {
			least = distance;
			best = *candidates;
		}
	}
	return best;
}
