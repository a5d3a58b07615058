/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A clock of the test's own, for this program and its libraries: it goes by a microsecond with each
 * look at it, and while the loop waits, never by more than the loop wanted to wait, and hardly
 * where something came. So a machine that is slow, or stands still, makes nothing late, as long as
 * the other ends are in the same loop. Another thread is not waited for: a timer comes before what
 * a slow one has to say. Clocks of the processor and the calendar stay what they are.
 *
 * With OWN_CLOCK_JUMPS nothing is waited for, either: where nothing is ready the clock is at the
 * next timer at once. For loops whose only sockets are pairs.
 */
#ifndef TESTS_UNIT_OWN_CLOCK_H
#define TESTS_UNIT_OWN_CLOCK_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef OWN_CLOCK_JUMPS
#define OWN_CLOCK_JUMPS 0
#endif

#define OWN_CLOCK_EVENT_US 5000 /* at most, until an event that comes before the next timer */

static _Atomic uint64_t own_clock_us = 1000000000;

static inline void own_clock_pass(uint64_t us)
{
	own_clock_us += us;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t now;

	if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID || id == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, id, ts);
	now = ++own_clock_us;
	ts->tv_sec = (time_t)(now / 1000000);
	ts->tv_nsec = (long)(now % 1000000 * 1000);
	return 0;
}

static uint64_t own_clock_real_us(void)
{
	struct timespec ts = {0};

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* most is beyond all bounds where the loop waits without a timer. */
static uint64_t own_clock_least(uint64_t waited, uint64_t most)
{
	most = most < OWN_CLOCK_EVENT_US ? most : OWN_CLOCK_EVENT_US;
	return waited < most ? waited : most;
}

int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout_ms, const sigset_t *mask)
{
	int wait_ms = OWN_CLOCK_JUMPS && timeout_ms > 0 ? 0 : timeout_ms;
	uint64_t begin = own_clock_real_us(), most = (uint64_t)timeout_ms * 1000;
	int n = (int)syscall(SYS_epoll_pwait, fd, events, max, wait_ms, mask, 8);

	if (n == 0)
		own_clock_us += most;
	else if (timeout_ms)
		own_clock_us += own_clock_least(own_clock_real_us() - begin, most);
	return n;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	return epoll_pwait(fd, events, max, timeout_ms, NULL);
}

#endif
