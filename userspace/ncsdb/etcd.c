/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ncsdb/etcd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/clock.h"

#define DEADLINE_MIN_MS 100
#define DEADLINE_MAX_MS 60000

/* ---- life ---- */

static void etcd_free(struct etcd *e)
{
	etcd_watches_free(e);
	etcd_arena_fini(&e->scratch);
	etcd_arena_fini(&e->events_arena);
	etcd_arena_fini(&e->probe.arena);
	free(e->events);
	if (e->tls)
		grpc_tls_free(e->tls);
	free(e->user);
	if (e->password)
		explicit_bzero(e->password, strlen(e->password));
	free(e->password);
	free(e);
}

static void on_closed(uv_handle_t *handle)
{
	struct etcd *e = ((uv_timer_t *)handle)->data;

	if (--e->handles == 0)
		etcd_free(e);
}

static void on_link_closed(uv_handle_t *handle)
{
	struct etcd_link *link = ((uv_timer_t *)handle)->data;

	if (--link->e->handles == 0)
		etcd_free(link->e);
}

static void finish(struct etcd *e)
{
	e->finished = true;
	uv_timer_stop(&e->tick);
	etcd_link_stop(&e->calls);
	uv_close((uv_handle_t *)&e->calls.timer, on_link_closed);
	uv_close((uv_handle_t *)&e->feed.timer, on_link_closed);
	uv_close((uv_handle_t *)&e->tick, on_closed);
	uv_close((uv_handle_t *)&e->quiet, on_closed);
	uv_close((uv_handle_t *)&e->rewatch, on_closed);
}

/* Writes that were taken end as ever, at their deadline at the latest; then this comes again. */
void etcd_on_close(uv_timer_t *timer)
{
	struct etcd *e = timer->data;

	if (e->finished)
		return;
	etcd_link_stop(&e->feed);
	etcd_keepalives_cancel(e);
	etcd_reads_cancel(e);
	if (TAILQ_EMPTY(&e->all))
		finish(e);
	else
		etcd_tick(e);
}

static void etcd_close(struct ncsdb *db)
{
	struct etcd *e = (struct etcd *)db;

	e->closing = true;
	uv_timer_start(&e->tick, etcd_on_close, 0, 0);
}

static void etcd_status(const struct ncsdb *db, struct ncsdb_status *out)
{
	const struct etcd *e = (const struct etcd *)db;

	*out = (struct ncsdb_status){
		.revision = e->revision,
		.watches = e->n_watches,
		.store_epoch = e->cluster,
		.read_only = e->read_only,
		.connected = e->connected,
		.lost_us = e->lost_us,
		.reconnects = e->reconnects,
		.foreign = e->foreign,
		.pending = e->n_requests,
		.endpoint = e->endpoints[e->feed.endpoint].url,
		.write_us = &e->write_us,
	};
	if (!e->connected)
		snprintf(out->why, sizeof(out->why), "%s",
			 *e->feed.why ? e->feed.why : "connecting");
}

static const struct ncsdb_ops etcd_ops = {
	.name = "etcd",
	.close = etcd_close,
	.status = etcd_status,
	.range = etcd_range,
	.txn = etcd_txn,
	.watch = etcd_watch,
	.unwatch = etcd_unwatch,
	.compact = etcd_compact,
	.lease_grant = etcd_lease_grant,
	.lease_keepalive = etcd_lease_keepalive,
	.lease_revoke = etcd_lease_revoke,
};

/* ---- configuration ---- */

/* What is meant for TLS must not go out, or be expected, in clear text when it is the turn of
 * another endpoint. */
static bool has_credentials(const struct ncsdb_remote *conf)
{
	return conf->user || conf->password || conf->ca || conf->cert || conf->key;
}

static int read_endpoints(struct etcd *e, const struct ncsdb_remote *conf, bool *tls,
			  struct err *err)
{
	bool clear = false;
	char field[32];

	if (!conf->n_endpoints || conf->n_endpoints > NCSDB_ENDPOINTS_MAX)
		return err_set(err, -EINVAL, "/endpoints", NULL, "must be 1..%d of them",
			       NCSDB_ENDPOINTS_MAX);
	for (unsigned int i = 0; i < conf->n_endpoints; i++) {
		if (etcd_endpoint_parse(conf->endpoints[i], &e->endpoints[i])) {
			snprintf(field, sizeof(field), "/endpoints/%u", i);
			return err_set(err, -EINVAL, field, conf->endpoints[i],
				       "must be http://HOST:PORT or https://HOST:PORT");
		}
		*tls |= e->endpoints[i].tls;
		clear |= !e->endpoints[i].tls;
	}
	if (*tls && clear && has_credentials(conf))
		return err_set(err, -EINVAL, "/endpoints", NULL,
			       "must be all https:// or all http:// with a user or certificates");
	e->n_endpoints = conf->n_endpoints;
	return 0;
}

static int read_tls(struct etcd *e, const struct ncsdb_remote *conf, bool tls, struct err *err)
{
	struct grpc_tls_conf files = {.ca = conf->ca, .cert = conf->cert, .key = conf->key};

	if (tls)
		return grpc_tls_new(&files, false, &e->tls, err);
	if (conf->ca || conf->cert || conf->key)
		return err_set(err, -EINVAL, "/tls", NULL,
			       "certificates need an endpoint with https://");
	return 0;
}

static int read_user(struct etcd *e, const struct ncsdb_remote *conf, struct err *err)
{
	if (!conf->user && !conf->password)
		return 0;
	if (!conf->user || !*conf->user)
		return err_set(err, -EINVAL, "/user", NULL, "is missing: there is a password");
	if (!conf->password)
		return err_set(err, -EINVAL, "/password", NULL, "is missing: there is a user");
	e->user = strdup(conf->user);
	e->password = strdup(conf->password);
	return e->user && e->password ? 0 : err_set(err, -ENOMEM, "", NULL, "out of memory");
}

static int read_conf(struct etcd *e, const struct ncsdb_remote *conf, struct err *err)
{
	bool tls = false;
	char value[16];
	int rc = read_endpoints(e, conf, &tls, err);

	if (!rc)
		rc = read_user(e, conf, err);
	if (rc)
		return rc;
	if (etcd_names_init(&e->names, conf->prefix))
		return err_set(err, -EINVAL, "/prefix", conf->prefix,
			       "must be text of 2..%d bytes that begins with / and does not end "
			       "with it",
			       ETCD_PREFIX_MAX - 1);
	e->deadline_ms = conf->deadline_ms ? conf->deadline_ms : NCSDB_DEADLINE_MS;
	if (e->deadline_ms < DEADLINE_MIN_MS || e->deadline_ms > DEADLINE_MAX_MS) {
		snprintf(value, sizeof(value), "%u", e->deadline_ms);
		return err_set(err, -EINVAL, "/deadline_ms", value, "must be %d..%d",
			       DEADLINE_MIN_MS, DEADLINE_MAX_MS);
	}
	return read_tls(e, conf, tls, err);
}

/* ---- open ---- */

static void nothing(struct etcd *e)
{
}

static void open_timer(struct etcd *e, uv_timer_t *timer)
{
	uv_timer_init(e->base.loop, timer);
	timer->data = e;
}

/* Many hosts that start at once spread over the members. */
static unsigned int random_endpoint(const struct etcd *e)
{
	unsigned int n = 0;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		n = 0;
	return n % e->n_endpoints;
}

static void start(struct etcd *e)
{
	etcd_link_init(&e->feed, e);
	etcd_link_init(&e->calls, e);
	open_timer(e, &e->tick);
	open_timer(e, &e->quiet);
	open_timer(e, &e->rewatch);
	uv_unref((uv_handle_t *)&e->quiet);
	uv_unref((uv_handle_t *)&e->rewatch);
	e->handles = 5;
	e->feed.up = etcd_feed_up;
	e->feed.down = etcd_feed_down;
	e->feed.denied = nothing;
	e->calls.up = etcd_requests_pump;
	e->calls.down = nothing;
	e->calls.denied = etcd_requests_denied;
	e->feed.endpoint = random_endpoint(e);
	e->calls.endpoint = random_endpoint(e);
	etcd_link_start(&e->feed);
	etcd_link_start(&e->calls);
}

int etcd_open(uv_loop_t *loop, const struct ncsdb_remote *conf, struct ncsdb **out, struct err *err)
{
	struct etcd *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return err_set(err, -ENOMEM, "", NULL, "out of memory");
	e->base.ops = &etcd_ops;
	e->base.loop = loop;
	e->probe.link = &e->feed;
	e->probe.type = &etcdserverpb__range_response__descriptor;
	e->probe.done = etcd_probe_done;
	e->lost_us = clock_us();
	e->quiet_ms = ETCD_QUIET_MS;
	e->answer_ms = ETCD_ANSWER_MS;
	TAILQ_INIT(&e->all);
	TAILQ_INIT(&e->waiting);
	TAILQ_INIT(&e->keepalives);
	rc = read_conf(e, conf, err);
	if (rc) {
		etcd_free(e);
		return rc;
	}
	start(e);
	*out = &e->base;
	return 0;
}
