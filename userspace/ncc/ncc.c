/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncc/ncc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "ncc/ncc_int.h"
#include "util/clock.h"

static int add_ifaces(struct ncc *ncc, const struct ncc_conf *conf)
{
	for (unsigned int i = 0; i < conf->n_ifaces; i++) {
		struct iface *iface = calloc(1, sizeof(*iface));

		if (!iface)
			return -ENOMEM;
		iface->conf = conf->ifaces[i];
		iface->conf.name[sizeof(iface->conf.name) - 1] = '\0';
		HASH_ADD_STR(ncc->ifaces, conf.name, iface);
	}
	return 0;
}

static int push_config(struct ncc *ncc, const struct ncc_conf *conf)
{
	struct san_msg_hello hello = {.abi_version = SAN_ABI_VERSION, .pid = (__u32)getpid()};
	struct san_msg_empty empty = {0};
	int r = io_push(ncc, SAN_MSG_HELLO, 0, &hello);

	if (!r)
		r = io_push(ncc, SAN_MSG_CONFIG, 0, &ncc->config);
	for (struct iface *i = ncc->ifaces; !r && i; i = i->hh.next) {
		struct san_msg_iface msg = {
			.role = i->conf.role,
			.policy = i->conf.policy,
			.group = i->conf.group,
		};

		memcpy(msg.name, i->conf.name, sizeof(msg.name));
		r = io_push(ncc, SAN_MSG_IFACE, 0, &msg);
	}
	for (unsigned int i = 0; !r && i < conf->n_prefixes; i++)
		r = io_push(ncc, SAN_MSG_PREFIX, 0, &conf->prefixes[i]);
	return r ? r : io_push(ncc, SAN_MSG_CONFIG_END, 0, &empty);
}

/* Tells this child from its predecessors, whose messages may still be in the socket. */
static uint32_t new_session(void)
{
	uint32_t session;

	if (getrandom(&session, sizeof(session), GRND_NONBLOCK) != sizeof(session))
		session = (uint32_t)clock_us() ^ (uint32_t)getpid() << 16;
	return session ? session : 1;
}

static void on_closed(uv_handle_t *handle)
{
	struct ncc *ncc = handle->data;

	if (--ncc->handles == 0)
		free(ncc);
}

static void add_handle(struct ncc *ncc, void *handle)
{
	((uv_handle_t *)handle)->data = ncc;
	ncc->handles++;
}

static int start(struct ncc *ncc, const struct ncc_conf *conf)
{
	int r = uv_poll_init(ncc->loop, &ncc->poll, ncc->fd);

	if (r)
		return r;
	add_handle(ncc, &ncc->poll);
	uv_timer_init(ncc->loop, &ncc->retry);
	add_handle(ncc, &ncc->retry);
	uv_timer_init(ncc->loop, &ncc->stats_timer);
	add_handle(ncc, &ncc->stats_timer);
	r = push_config(ncc, conf);
	return r ? r : io_start(ncc);
}

int ncc_open(uv_loop_t *loop, int fd, const struct ncc_conf *conf, ncc_acked_cb acked, void *arg,
	     struct ncc **out)
{
	struct ncc *ncc = calloc(1, sizeof(*ncc));
	int r;

	if (!ncc) {
		close(fd);
		return -ENOMEM;
	}
	ncc->loop = loop;
	ncc->fd = fd;
	ncc->acked = acked;
	ncc->acked_arg = arg;
	ncc->config = conf->config;
	ncc->session = new_session();
	ncc->need_full = true;
	ncc->status.connected = true;
	r = add_ifaces(ncc, conf);
	if (!r)
		r = start(ncc, conf);
	if (r) {
		ncc_close(ncc);
		return r;
	}
	*out = ncc;
	io_pump(ncc);
	return 0;
}

void ncc_close(struct ncc *ncc)
{
	struct iface *iface, *next;

	if (!ncc)
		return;
	ncc->closing = true;
	if (ncc->handles) {
		stats_fail(ncc, -ECANCELED);
		uv_close((uv_handle_t *)&ncc->poll, on_closed);
		uv_close((uv_handle_t *)&ncc->retry, on_closed);
		uv_close((uv_handle_t *)&ncc->stats_timer, on_closed);
	}
	close(ncc->fd);
	state_clear(ncc);
	HASH_ITER(hh, ncc->ifaces, iface, next) {
		HASH_DEL(ncc->ifaces, iface);
		free(iface);
	}
	free(ncc->classes);
	free(ncc->intents);
	ncc->classes = ncc->intents = NULL;
	free(ncc->out.buf);
	memset(&ncc->out, 0, sizeof(ncc->out));
	if (!ncc->handles)
		free(ncc);
}

void ncc_on_hangup(struct ncc *ncc, void (*hangup)(void *arg), void *arg)
{
	ncc->hangup = hangup;
	ncc->hangup_arg = arg;
}

void ncc_status(const struct ncc *ncc, struct ncc_status *out)
{
	*out = ncc->status;
	out->apply_us = &ncc->apply_us;
}
