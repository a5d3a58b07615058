/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last ORC_HISTORY changes of a service's selection. */
#include "orc/orc_int.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void orc_pick(const struct ssc_choice *choice, struct orc_pick *pick)
{
	*pick = (struct orc_pick){.valid = choice->valid, .metric = choice->metric};
	strcpy(pick->instance, choice->instance);
	strcpy(pick->gateway, choice->gateway);
	strcpy(pick->path, choice->path);
}

static int64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

void orc_history_add(struct orc_service *svc, const struct orc_pick *from, uint64_t now_us)
{
	struct orc_change *change = &svc->history[svc->changes % ORC_HISTORY];

	change->at_us = now_us;
	change->wall_ms = wall_ms();
	change->why = svc->last.why;
	change->from = *from;
	orc_pick(&svc->choice, &change->to);
	svc->changes++;
}

static json_t *pick_json(const struct orc_pick *pick)
{
	if (!pick->valid)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:i}", "instance", pick->instance, "gateway",
			 pick->gateway, "path", pick->path, "metric", (int)pick->metric);
}

static const char *wall_text(int64_t ms, char *buf, size_t size)
{
	time_t seconds = ms / 1000;
	char day[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, size, "%s.%03dZ", day, (int)(ms % 1000));
	return buf;
}

static json_t *change_json(const struct orc_change *change, uint64_t now_us)
{
	char at[48];
	double age_s = (now_us - change->at_us) / 1000 / 1e3;

	return json_pack("{s:s, s:f, s:s, s:o, s:o}", "time",
			 wall_text(change->wall_ms, at, sizeof(at)), "age_s", age_s, "why",
			 ssc_why_text(change->why), "from", pick_json(&change->from), "to",
			 pick_json(&change->to));
}

/* The oldest first. */
json_t *orc_history_json(const struct orc_service *svc, uint64_t now_us)
{
	uint64_t first = svc->changes > ORC_HISTORY ? svc->changes - ORC_HISTORY : 0;
	json_t *out = json_array();

	for (uint64_t i = first; out && i < svc->changes; i++)
		json_array_append_new(out, change_json(&svc->history[i % ORC_HISTORY], now_us));
	return out;
}
