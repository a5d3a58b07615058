/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often ncc is told of a service: changes of an entry keep a distance of a second by
 * max_updates_per_s. The first goes at once; the next one waits for its time, and what is in force
 * then is sent. Nothing queues: a service waits once, however often it changes. The clock is that
 * of the host: what has been decided is carried out, also while the database is away.
 */
#include "orc/orc_int.h"

#define SECOND_US UINT64_C(1000000)

static uint64_t next_us(const struct orc_service *svc)
{
	return svc->sent_us + SECOND_US / svc->view->def->max_updates_per_s;
}

static void defer(struct orc *orc, struct orc_service *svc)
{
	if (!svc->deferred)
		orc->stats.deferred++;
	if (!svc->deferred || svc->last.changed)
		orc->stats.held_back++;
	svc->deferred = true;
}

static void undefer(struct orc *orc, struct orc_service *svc)
{
	if (svc->deferred)
		orc->stats.deferred--;
	svc->deferred = false;
}

bool orc_rate_allows(struct orc *orc, struct orc_service *svc)
{
	if (!svc->planned || clock_us() >= next_us(svc))
		return true;
	if (orc_heap_set(&orc->send, &svc->send, next_us(svc)))
		return true; /* rather too soon than never */
	defer(orc, svc);
	return false;
}

void orc_rate_sent(struct orc *orc, struct orc_service *svc)
{
	orc_rate_drop(orc, svc);
	svc->sent_us = clock_us();
}

void orc_rate_retry(struct orc *orc, struct orc_service *svc)
{
	undefer(orc, svc);
	orc_heap_set(&orc->send, &svc->send, clock_us() + ORC_RETRY_US);
}

void orc_rate_drop(struct orc *orc, struct orc_service *svc)
{
	undefer(orc, svc);
	orc_heap_drop(&orc->send, &svc->send);
}

void orc_rate_due(struct orc *orc)
{
	uint64_t now_us = clock_us();
	struct orc_service *svc;

	while ((svc = orc_heap_pop(&orc->send, now_us)))
		orc_queue(orc, svc);
}
