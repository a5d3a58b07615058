/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handle, loop, coalescing of changes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "nl/priv.h"
#include "util/log.h"

/* An idle handle runs in the next loop turn whatever phase the change was noticed in, and keeps the
 * loop from sleeping before. */
static void on_idle(uv_idle_t *idle)
{
	struct nl *nl = idle->data;

	uv_idle_stop(idle);
	nl->changed(nl->arg);
}

void nl_touch(struct nl *nl)
{
	if (!uv_is_closing((uv_handle_t *)&nl->idle))
		uv_idle_start(&nl->idle, on_idle);
}

/* A socket that overran is in error until it is read: libuv has stopped watching it then. */
static void on_cache(uv_poll_t *poll, int status, int events)
{
	nl_cache_take(poll->data);
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_cache);
}

static void on_monitor(uv_poll_t *poll, int status, int events)
{
	nl_monitor_take(poll->data);
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_monitor);
}

static void on_tick(uv_timer_t *timer)
{
	nl_watch_tick(timer->data);
}

static void on_closed(uv_handle_t *handle)
{
	struct nl *nl = handle->data;

	if (--nl->handles == 0)
		free(nl);
}

static int add_handle(struct nl *nl, void *handle, int r)
{
	if (r)
		return r;
	((uv_handle_t *)handle)->data = nl;
	nl->handles++;
	return 0;
}

static int start_handles(struct nl *nl)
{
	int r;

	r = add_handle(nl, &nl->idle, uv_idle_init(nl->loop, &nl->idle));
	if (!r)
		r = add_handle(nl, &nl->tick, uv_timer_init(nl->loop, &nl->tick));
	if (!r)
		r = add_handle(nl, &nl->cache_poll,
			       uv_poll_init(nl->loop, &nl->cache_poll, nl_cache_fd(nl)));
	if (!r)
		r = add_handle(
			nl, &nl->monitor_poll,
			uv_poll_init(nl->loop, &nl->monitor_poll, mnl_socket_get_fd(nl->monitor)));
	if (!r)
		r = uv_poll_start(&nl->cache_poll, UV_READABLE, on_cache);
	if (!r)
		r = uv_poll_start(&nl->monitor_poll, UV_READABLE, on_monitor);
	if (!r)
		r = uv_timer_start(&nl->tick, on_tick, NL_NEIGH_RETRY_S * 1000,
				   NL_NEIGH_RETRY_S * 1000);
	return r;
}

static void close_handle(struct nl *nl, void *handle)
{
	/* Zeroed memory has no loop: that handle was never initialised. */
	if (((uv_handle_t *)handle)->loop)
		uv_close(handle, on_closed);
}

static bool older_than(int major, int minor)
{
	struct utsname host;
	int x, y;

	if (uname(&host) || sscanf(host.release, "%d.%d", &x, &y) != 2)
		return false;
	return x < major || (x == major && y < minor);
}

int nl_open(uv_loop_t *loop, void (*changed)(void *arg), void *arg, struct nl **out,
	    struct err *err)
{
	struct nl *nl = calloc(1, sizeof(*nl));
	int r;

	if (!nl)
		return err_set(err, -ENOMEM, "", "", "no memory");
	nl->loop = loop;
	nl->changed = changed;
	nl->arg = arg;
	nl->hides_encap = older_than(6, 1);
	nl->no_psp = older_than(6, 3);
	r = nl_talk_open(&nl->rt, NETLINK_ROUTE);
	if (!r)
		r = nl_monitor_start(nl);
	if (!r)
		r = nl_cache_start(nl);
	if (!r)
		r = start_handles(nl);
	if (r) {
		nl_shut(nl);
		err_set(err, r, "", "", "cannot be opened: %s", strerror(-r));
		err_object(err, "netlink");
		return r;
	}
	*out = nl;
	return 0;
}

void nl_shut(struct nl *nl)
{
	int handles;

	if (!nl)
		return;
	handles = nl->handles;
	close_handle(nl, &nl->idle);
	close_handle(nl, &nl->tick);
	close_handle(nl, &nl->cache_poll);
	close_handle(nl, &nl->monitor_poll);
	nl_monitor_stop(nl);
	nl_cache_stop(nl);
	nl_talk_close(&nl->rt);
	nl_watch_clear(nl);
	nl_known_clear(nl);
	if (!handles)
		free(nl);
}

uint64_t nl_overruns(const struct nl *nl)
{
	return nl->overruns;
}

bool nl_lost(struct nl *nl)
{
	bool lost;

	nl_monitor_take(nl);
	lost = nl->lost;
	nl->lost = false;
	return lost;
}
