/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Civil time of conditions, and the one timer for all edges.
 *
 * Between two changes of the zone's offset civil time runs like UTC: the next edge of a condition
 * is its civil time less that offset, if that comes before the next change; else the condition is
 * looked at when the offset changes. So a time that a change of clocks skips is found right behind
 * the gap, and an hour that comes twice has its edges twice.
 */
#include "enact/enact_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONE_STEP_S (6 * 3600)
#define ZONE_STEPS (4 * 400) /* a bit more than a year */

int64_t enact_now_s(const struct enact *enact)
{
	return clock_real_s() + (enact->intent ? intent_clock(enact->intent) : 0);
}

static int64_t offset_at(int64_t utc_s)
{
	time_t t = utc_s;
	struct tm tm;

	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

void enact_civil(int64_t utc_s, struct nemo_date *out)
{
	nemo_date_from_seconds(utc_s + offset_at(utc_s), out);
	out->has_day = out->has_time = true;
}

/* The first second with another offset; where there is none for a year, when to look again. */
static int64_t find_transition(int64_t now_s)
{
	int64_t offset = offset_at(now_s), low = now_s, high = now_s;

	for (unsigned int i = 0; i < ZONE_STEPS && offset_at(high) == offset; i++) {
		low = high;
		high += ZONE_STEP_S;
	}
	if (offset_at(high) == offset)
		return high;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		if (offset_at(middle) == offset)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static int64_t transition(struct enact *enact, int64_t now_s)
{
	if (now_s < enact->transition_from_s || now_s >= enact->transition_s) {
		enact->transition_s = find_transition(now_s);
		enact->transition_from_s = now_s;
	}
	return enact->transition_s;
}

int64_t enact_edge(struct enact *enact, const struct nemo_expr *cond, int64_t now_s)
{
	int64_t change = transition(enact, now_s), edge;
	struct nemo_date now, next;

	enact_civil(now_s, &now);
	if (!nemo_next_edge(cond, &now, &next))
		return change;
	edge = nemo_date_seconds(&next) - offset_at(now_s);
	return edge < change ? edge : change;
}

/* Also without an edge: the kernel says by it that the clock was set. */
void enact_arm_edge(struct enact *enact)
{
	struct itimerspec at = {0};
	int64_t now_s = enact_now_s(enact), next = now_s + ENACT_FAR_S;

	if (enact->closed)
		return;
	for (unsigned int i = 0; i < enact->n_items; i++)
		if (enact->items[i].edge_s < next)
			next = enact->items[i].edge_s;
	at.it_value.tv_sec = clock_real_s() + (next - now_s);
	if (at.it_value.tv_sec <= 0)
		at.it_value.tv_sec = 1;
	if (timerfd_settime(enact->edge_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at,
			    NULL) &&
	    errno != ECANCELED)
		log_err("timer of conditions not set", "why=\"%s\"", strerror(errno));
}

static void mark_timed(struct enact *enact, int64_t now_s)
{
	for (unsigned int i = 0; i < enact->n_items; i++) {
		struct enact_item *item = &enact->items[i];

		if (item->timed && item->edge_s <= now_s)
			enact_mark(enact, item);
	}
}

void enact_on_clock(void *arg)
{
	struct enact *enact = arg;

	enact->transition_s = 0;
	mark_timed(enact, ENACT_EVER);
	enact_round(enact);
}

static void on_edge(uv_poll_t *poll, int status, int events)
{
	struct enact *enact = poll->data;
	uint64_t expired;
	bool set = read(enact->edge_fd, &expired, sizeof(expired)) < 0 && errno == ECANCELED;

	if (set) {
		enact_on_clock(enact);
		return;
	}
	mark_timed(enact, enact_now_s(enact));
	enact_round(enact);
}

/* A zone's name is a path below ZONE_DIR. */
static bool zone_exists(const char *zone)
{
	char path[sizeof(ZONE_DIR) + NAME_LEN];

	if (strcmp(zone, "UTC") == 0)
		return true;
	if (!zone[0] || zone[0] == '/' || strstr(zone, "..") || strlen(zone) >= NAME_LEN)
		return false;
	for (const char *c = zone; *c; c++)
		if (!strchr("+-_/", *c) && !((*c | 32) >= 'a' && (*c | 32) <= 'z') &&
		    !(*c >= '0' && *c <= '9'))
			return false;
	snprintf(path, sizeof(path), ZONE_DIR "%s", zone);
	return access(path, R_OK) == 0;
}

/* The process has one zone; logs and REST write UTC. */
int enact_zone_open(struct enact *enact, struct err *err)
{
	const char *zone = enact->conf.zone ? enact->conf.zone : "UTC";

	if (!zone_exists(zone))
		return err_set(err, -EINVAL, "/zone", zone,
			       "must be a time zone of " ZONE_DIR ", e.g. \"Europe/Berlin\"");
	setenv("TZ", zone, 1);
	tzset();
	enact->edge_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (enact->edge_fd < 0)
		return err_set(err, -errno, "", NULL, "no timer for conditions: %s",
			       strerror(errno));
	if (uv_poll_init(enact->conf.loop, &enact->edge, enact->edge_fd)) {
		close(enact->edge_fd);
		return err_set(err, -ENOMEM, "", NULL, "no timer for conditions");
	}
	enact->handles++;
	enact->edge.data = enact;
	uv_poll_start(&enact->edge, UV_READABLE, on_edge);
	return 0;
}

void enact_zone_close(struct enact *enact)
{
	uv_poll_stop(&enact->edge);
	uv_close((uv_handle_t *)&enact->edge, enact_handle_closed);
}

const char *enact_time(const struct enact *enact, char *buf, size_t size)
{
	struct nemo_date now;

	enact_civil(enact_now_s(enact), &now);
	snprintf(buf, size, "%04d-%02u-%02u %02u:%02u:%02u", now.year, now.month, now.day, now.hour,
		 now.minute, now.second);
	return buf;
}
