/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for something that has no answer of its own. UNTIL_WHY may say, before this file is
 * included, what is known about why nothing comes. */
#ifndef TESTS_UNIT_UNTIL_H
#define TESTS_UNIT_UNTIL_H

#include <uv.h>

#ifndef UNTIL_WHY
#define UNTIL_WHY ""
#endif

static void on_too_long(uv_timer_t *timer)
{
	fail_msg("nothing comes (%s)", UNTIL_WHY);
}

static void on_guard_closed(uv_handle_t *handle)
{
	*(bool *)handle->data = true;
}

/* Runs the loop until the condition holds, at most so long. */
#define UNTIL(loop, ms, condition)                                                                 \
	do {                                                                                       \
		uv_timer_t guard;                                                                  \
		bool closed = false;                                                               \
		uv_timer_init(loop, &guard);                                                       \
		uv_timer_start(&guard, on_too_long, ms, 0);                                        \
		while (!(condition))                                                               \
			uv_run(loop, UV_RUN_ONCE);                                                 \
		guard.data = &closed;                                                              \
		uv_close((uv_handle_t *)&guard, on_guard_closed);                                  \
		while (!closed)                                                                    \
			uv_run(loop, UV_RUN_ONCE);                                                 \
	} while (0)

#endif
