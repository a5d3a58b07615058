/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for something that has no answer of its own: RUN_UNTIL(condition). */
#ifndef TESTS_UNIT_NCSDB_RUN_UNTIL_H
#define TESTS_UNIT_NCSDB_RUN_UNTIL_H

#include "unit/ncsdb/harness.h"

static void on_too_long(uv_timer_t *timer)
{
	fail_msg("nothing comes (%s)", db ? status().why : "");
}

static void on_guard_closed(uv_handle_t *handle)
{
	*(bool *)handle->data = true;
}

/* Runs the loop until the condition holds, for 10 seconds at most. */
#define RUN_UNTIL(condition)                                                                       \
	do {                                                                                       \
		uv_timer_t guard;                                                                  \
		bool closed = false;                                                               \
		uv_timer_init(&loop, &guard);                                                      \
		uv_timer_start(&guard, on_too_long, 10000, 0);                                     \
		while (!(condition))                                                               \
			uv_run(&loop, UV_RUN_ONCE);                                                \
		guard.data = &closed;                                                              \
		uv_close((uv_handle_t *)&guard, on_guard_closed);                                  \
		while (!closed)                                                                    \
			uv_run(&loop, UV_RUN_ONCE);                                                \
	} while (0)

#endif
