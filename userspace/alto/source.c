/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "alto/source.h"

#include <stdlib.h>
#include <string.h>

#include "alto/builder.h"

struct alto_source *alto_source_ref(struct alto_source *s)
{
	s->refs++;
	return s;
}

void alto_source_put(struct alto_source *s)
{
	if (!s || --s->refs)
		return;
	json_decref(s->pid_props);
	json_decref(s->endpoint_props);
	json_decref(s->pid_prop_names);
	json_decref(s->endpoint_prop_names);
	alto_lpm_free(s->lpm);
	alto_rows_free(s->rows);
	free(s->pids);
	free(s->prefixes);
	free(s->links);
	free(s->names);
	free(s->calendars);
	free(s);
}

uint32_t alto_source_find(const struct alto_source *s, const char *pid)
{
	uint32_t from = 0, to = s->n_pids;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		int c = strcmp(s->pids[mid].name, pid);

		if (c == 0)
			return mid;
		if (c < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return UINT32_MAX;
}

uint32_t alto_source_match(const struct alto_source *s, const struct alto_prefix *endpoint)
{
	return alto_lpm_match(s->lpm, endpoint);
}
