/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/view.h"

uint64_t view_time(const struct view *view, uint64_t clock_us)
{
	if (view->stall_since_us && clock_us > view->stall_since_us)
		clock_us = view->stall_since_us;
	return clock_us - view->stalled_us;
}

void view_stall(struct view *view, uint64_t clock_us)
{
	if (!view->stall_since_us)
		view->stall_since_us = clock_us;
}

void view_go_on(struct view *view, uint64_t clock_us)
{
	if (!view->stall_since_us)
		return;
	if (clock_us > view->stall_since_us)
		view->stalled_us += clock_us - view->stall_since_us;
	view->stall_since_us = 0;
}
