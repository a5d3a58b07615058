/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events as they come, by long polls. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sanctl/ctl.h"

#define WAIT_S 20 /* of one poll */

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
	stopped = 1;
}

void follow_catch(struct ctl *ctl)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ctl->stop = &stopped;
	ctl->timeout_ms += WAIT_S * 1000;
}

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* False: enough. */
static bool print_all(const json_t *items, const struct follow *follow, unsigned long *left)
{
	const json_t *event;
	size_t i;

	json_array_foreach((json_t *)items, i, event) {
		follow->print(event);
		if (follow->count && !--*left)
			return false;
	}
	return true;
}

static void say_missed(const struct ctl *ctl, const json_t *answer)
{
	json_int_t missed = json_integer_value(json_object_get(answer, "missed"));

	if (missed && !ctl->quiet)
		fprintf(stderr, "sanctl: %lld events came too fast to be shown\n",
			(long long)missed);
}

static void follow_path(const struct follow *follow, const char *after, time_t wait_s, char *path,
			size_t size)
{
	const char *from = follow->from ? follow->from : "after";

	snprintf(path, size, "%s?%s%s%s%swait_s=%d%s", follow->path ? follow->path : "/v1/events",
		 after[0] ? from : "", after[0] ? "=" : "", after, after[0] ? "&" : "",
		 wait_s < 0	   ? 0
		 : wait_s > WAIT_S ? WAIT_S
				   : (int)wait_s,
		 follow->filter ? follow->filter : "");
}

int follow_events(struct ctl *ctl, const struct follow *follow)
{
	unsigned long left = follow->count;
	time_t end_s = now_s() + (time_t)follow->seconds;
	char path[2048], after[32] = "";
	struct call call = {.method = "GET", .path = path};
	bool more = true;
	int status = CTL_OK;

	if (follow->after)
		snprintf(after, sizeof(after), "%s", follow->after);
	while (more && !status && !stopped) {
		time_t wait_s = follow->seconds ? end_s - now_s() : WAIT_S;
		json_t *answer = NULL;

		follow_path(follow, after, wait_s, path, sizeof(path));
		status = ctl_call(ctl, &call, &answer);
		if (status)
			break;
		say_missed(ctl, answer);
		more = print_all(json_object_get(answer, "items"), follow, &left);
		more = more && (!follow->seconds || now_s() < end_s);
		fflush(stdout);
		snprintf(after, sizeof(after), "%lld",
			 (long long)json_integer_value(json_object_get(answer, "next")));
		json_decref(answer);
	}
	return stopped ? CTL_OK : status;
}

void follow_print_json(const json_t *event)
{
	json_dumpf(event, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
}
