/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/database.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "sand/options.h"
#include "sand/secret.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"

#define BUSY_RETRIES 50 /* a predecessor may still be closing */
#define BUSY_WAIT_US 100000

static const char *given(const char *text)
{
	return text[0] ? text : NULL;
}

static int refuse(const struct err *err, const char *what)
{
	char text[512];

	log_err(what, "%s", err_text(err, text, sizeof(text)));
	return EXIT_CONFIG;
}

/* ---- opening ---- */

static int open_remote(struct database *d, struct err *err)
{
	const struct config_database *c = d->conf.config;
	char password[SECRET_MAX] = "";
	const struct ncsdb_remote remote = {
		.endpoints = c->urls,
		.n_endpoints = c->n_urls,
		.ca = given(c->ca),
		.cert = given(c->cert),
		.key = given(c->key),
		.user = given(c->user),
		.password = c->user[0] ? password : NULL,
		.prefix = given(c->prefix),
		.deadline_ms = c->deadline_ms,
	};
	int r = c->user[0] ? secret_read(c->password_file, "/database/password_file", password, err)
			   : 0;

	r = r ?: ncsdb_open(d->conf.loop, &(struct ncsdb_conf){.remote = &remote}, &d->db, err);
	explicit_bzero(password, sizeof(password));
	return r;
}

static int open_local(struct database *d, struct err *err)
{
	const struct config_database *c = d->conf.config;
	const struct ncsdb_conf conf = {
		.dir = d->conf.dir,
		.reset = d->conf.reset,
		.map_size = (size_t)c->size_mb << 20,
		.max_keys = c->max_keys,
	};
	int r = -EBUSY;

	for (int i = 0; r == -EBUSY && i < BUSY_RETRIES; i++) {
		if (i)
			usleep(BUSY_WAIT_US);
		r = ncsdb_open(d->conf.loop, &conf, &d->db, err);
	}
	return r;
}

static int open_server(struct database *d, struct err *err)
{
	const struct config_database *c = d->conf.config;
	const struct ncsdb_server_conf conf = {
		.listen = c->urls,
		.n_listen = c->n_urls,
		.ca = given(c->ca),
		.cert = given(c->cert),
		.key = given(c->key),
		.insecure = c->insecure,
	};
	int r = ncsdb_server_open(d->conf.loop, d->db, &conf, &d->server, err);

	if (!r)
		log_info("database served", "address=%s port=%u addresses=%u tls=%s", c->urls[0],
			 ncsdb_server_port(d->server), c->n_urls,
			 !c->cert[0] ? "no"
			 : c->ca[0]  ? "mutual"
				     : "yes");
	return r;
}

/* ---- away and back ---- */

static struct ncsdb_follow_stats followers(const struct database *d)
{
	struct ncsdb_follow_stats sum = {.settled = d->srm && d->nsc && d->csc}, one;

	if (!sum.settled)
		return sum;
	srm_follow_stats(d->srm, &one);
	ncsdb_follow_sum(&sum, &one);
	nsc_follow_stats(d->nsc, &one);
	ncsdb_follow_sum(&sum, &one);
	csc_follow_stats(d->csc, &one);
	ncsdb_follow_sum(&sum, &one);
	return sum;
}

bool database_settled(const struct database *d)
{
	return followers(d).settled;
}

/* In sync: listed, and at the revision of the return, or as far as there is something to tell. A
 * follower that fails for now (its module has said so) is not waited for. */
static void on_settle(uv_timer_t *timer)
{
	struct database *d = timer->data;
	struct ncsdb_follow_stats f = followers(d);
	bool quiet = f.revision == d->seen;

	d->seen = f.revision;
	if (!f.settled || (f.revision < d->target && !quiet))
		return;
	uv_timer_stop(timer);
	view_go_on(d->conf.view, clock_us());
	log_info("database in sync", "revision=%" PRId64, f.revision);
	if (d->was_in_sync && d->conf.back)
		d->conf.back(d->conf.arg);
	d->was_in_sync = true;
}

static void on_state(void *arg, bool connected)
{
	struct database *d = arg;
	struct ncsdb_status s;

	ncsdb_status(d->db, &s);
	if (!connected) {
		view_stall(d->conf.view, clock_us());
		uv_timer_stop(&d->timer);
		log_warn("database lost", "endpoint=%s why=\"%s\"; forwarding goes on", s.endpoint,
			 s.why);
		return;
	}
	log_info("database connected", "endpoint=%s revision=%" PRId64, s.endpoint, s.revision);
	d->target = s.revision;
	d->seen = -1;
	uv_timer_start(&d->timer, on_settle, DATABASE_SETTLE_MS, DATABASE_SETTLE_MS);
}

static void on_patience_end(uv_timer_t *timer)
{
	struct database *d = timer->data;
	struct ncsdb_status s;

	ncsdb_status(d->db, &s);
	if (!s.connected)
		log_warn("database not reached", "endpoint=%s why=\"%s\"; goes on trying",
			 s.endpoint, s.why);
}

static void watch_state(struct database *d)
{
	view_stall(d->conf.view, clock_us());
	uv_timer_start(&d->timer, on_patience_end, DATABASE_PATIENCE_MS, 0);
	ncsdb_on_state(d->db, on_state, d);
}

/* ---- life ---- */

int database_open(struct database *d, const struct database_conf *conf)
{
	enum config_database_mode mode = conf->config->mode;
	struct err err = {0};

	d->conf = *conf;
	uv_timer_init(conf->loop, &d->timer);
	d->timer.data = d;
	if (mode == DATABASE_REMOTE ? open_remote(d, &err) : open_local(d, &err))
		return refuse(&err, "database not opened");
	if (mode == DATABASE_SERVED && open_server(d, &err))
		return refuse(&err, "database not served");
	if (mode == DATABASE_REMOTE)
		watch_state(d);
	return 0;
}

int database_hold(struct database *d, void (*held)(void *arg, int64_t lease), void *arg)
{
	return ncsdb_hold_start(d->conf.loop, d->db, d->conf.config->lease_ttl_s, held, arg,
				&d->hold);
}

int64_t database_lease(const struct database *d)
{
	return d->hold ? ncsdb_hold_lease(d->hold) : 0;
}

void database_close(struct database *d)
{
	if (!d->conf.loop)
		return;
	uv_close((uv_handle_t *)&d->timer, NULL);
	if (d->db)
		ncsdb_on_state(d->db, NULL, NULL);
	ncsdb_hold_stop(d->hold, false);
	ncsdb_server_close(d->server);
	ncsdb_close(d->db);
}
