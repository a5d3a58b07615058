/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Module nl on a loop, in network namespaces of its own: what the tests of nl share. */
#ifndef TESTS_UNIT_NL_RIG_H
#define TESTS_UNIT_NL_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "nl/nl.h"

#include <cmocka.h>

#include "unit/nl/netns.h"

#define TABLE 5300
#define WAIT_MS 5000 /* until a test gives up, never a measure */
#define TICK_MS 5

static struct netns ns;
static bool usable;

struct fixture {
	uv_loop_t loop;
	struct nl *nl;
	unsigned int changes;
};

static inline struct in6_addr in6(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static inline void on_changed(void *arg)
{
	((struct fixture *)arg)->changes++;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = {0};

	if (!f || !usable)
		return *state = f, 0;
	uv_loop_init(&f->loop);
	*state = f;
	return nl_open(&f->loop, on_changed, f, &f->nl, &err);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->nl) {
		nl_shut(f->nl);
		uv_run(&f->loop, UV_RUN_DEFAULT);
		assert_int_equal(uv_loop_close(&f->loop), 0);
	}
	free(f);
	return 0;
}

/* Ticks, because what is waited for may happen without waking the loop. */
static inline void on_time(uv_timer_t *timer)
{
	++*(unsigned int *)timer->data;
}

/* Runs the loop until done says so. */
static inline bool run_until(struct fixture *f, bool (*done)(struct fixture *f, void *arg),
			     void *arg)
{
	unsigned int ticks = 0;
	bool ok;
	uv_timer_t timer;

	uv_timer_init(&f->loop, &timer);
	timer.data = &ticks;
	uv_timer_start(&timer, on_time, TICK_MS, TICK_MS);
	while (!(ok = done(f, arg)) && ticks < WAIT_MS / TICK_MS)
		uv_run(&f->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	return ok;
}

#define NEED_KERNEL()                                                                              \
	do {                                                                                       \
		if (!usable) {                                                                     \
			print_message("no network namespace can be made here\n");                  \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static inline bool changed_once(struct fixture *f, void *arg)
{
	return f->changes > 0;
}

static inline bool resolved(struct fixture *f, void *arg)
{
	struct in6_addr *dst = arg;
	struct nl_adj adj;

	return nl_resolve(f->nl, dst, &adj) == 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
