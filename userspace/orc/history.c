/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last ORC_HISTORY changes of a service's selection. */
#include "orc/orc_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static size_t names_size(const struct ssc_choice *choice)
{
	return strlen(choice->instance) + strlen(choice->gateway) + strlen(choice->path) + 3;
}

static const char *keep(char **room, const char *name)
{
	char *kept = *room;

	*room = stpcpy(kept, name) + 1;
	return kept;
}

static struct orc_pick pick(const struct ssc_choice *choice, char **room)
{
	return (struct orc_pick){
		.valid = choice->valid,
		.metric = choice->metric,
		.members = choice->members,
		.instance = keep(room, choice->instance),
		.gateway = keep(room, choice->gateway),
		.path = keep(room, choice->path),
	};
}

static void drop_oldest(struct orc_service *svc)
{
	struct orc_change *old = svc->oldest;

	svc->oldest = old->next;
	svc->n_history--;
	free(old);
}

static void append(struct orc_service *svc, struct orc_change *change)
{
	change->next = NULL;
	if (svc->n_history)
		svc->newest->next = change;
	else
		svc->oldest = change;
	svc->newest = change;
	svc->n_history++;
}

void orc_history_add(struct orc_service *svc, const struct ssc_choice *from)
{
	struct orc_change *change;
	char *room;

	svc->changes++;
	change = malloc(sizeof(*change) + names_size(from) + names_size(&svc->choice));
	if (!change)
		return;
	room = change->names;
	change->at_us = clock_us();
	change->scope = svc->scope;
	change->wall_ms = wall_ms();
	change->why = svc->last.why;
	change->from = pick(from, &room);
	change->to = pick(&svc->choice, &room);
	if (svc->n_history == ORC_HISTORY)
		drop_oldest(svc);
	append(svc, change);
}

void orc_history_fini(struct orc_service *svc)
{
	while (svc->n_history)
		drop_oldest(svc);
}

static json_t *pick_json(const struct orc_pick *pick)
{
	if (!pick->valid)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:i, s:i}", "instance", pick->instance, "gateway",
			 pick->gateway, "path", pick->path, "metric", (int)pick->metric, "members",
			 (int)pick->members);
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

json_t *orc_change_json(const struct orc_change *change)
{
	char at[48];
	double age_s = (clock_us() - change->at_us) / 1000 / 1e3;

	return json_pack("{s:s, s:f, s:s, s:s, s:o, s:o}", "time",
			 wall_text(change->wall_ms, at, sizeof(at)), "age_s", age_s, "scope",
			 change->scope == SAN_SCOPE_LOCAL ? "local" : "ingress", "why",
			 ssc_why_text(change->why), "from", pick_json(&change->from), "to",
			 pick_json(&change->to));
}

/* The oldest first. */
json_t *orc_history_json(const struct orc_service *svc)
{
	json_t *out = json_array();

	for (const struct orc_change *c = svc->oldest; out && c; c = c->next)
		json_array_append_new(out, orc_change_json(c));
	return out;
}
