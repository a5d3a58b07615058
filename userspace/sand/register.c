/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/register.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/class.h"
#include "util/json.h"
#include "util/log.h"
#include "util/own.h"

struct registration {
	struct registration_conf conf;
	void (*done)(void *arg);
	void *arg;
	unsigned int pending; /* writes under way, and 1 while they are being asked for */
	unsigned int failed;  /* of this round, that may succeed later */
	int why;	      /* of the last of them */
	uint64_t round;	      /* number */
	bool again;	      /* another round is wanted */
	bool in_trouble;      /* said in the log */
	int64_t lease;	      /* of the own gateway; 0 = none yet */
	bool held;	      /* the own gateway was written, or refused */
	uv_idle_t idle;
	uv_timer_t refresh, patience;
	bool closed; /* late answers are nobody's any more */
};

/* Refused now, perhaps not later. */
static bool may_pass(int code)
{
	return code == -ETIMEDOUT || code == -EHOSTUNREACH || code == -EAGAIN || code == -ENOSPC ||
	       code == -EROFS || code == -EIO || code == -ENOMEM;
}

static void say_done(struct registration *reg)
{
	void (*done)(void *) = reg->done;

	reg->done = NULL;
	uv_timer_stop(&reg->patience);
	if (done)
		done(reg->arg);
}

static void say_trouble(struct registration *reg)
{
	if (reg->failed && !reg->in_trouble)
		log_warn("configured objects not stored", "count=%u error=\"%s\" retry_ms=%d",
			 reg->failed, strerror(-reg->why), REGISTER_REFRESH_MS);
	else if (!reg->failed && reg->in_trouble)
		log_info("configured objects stored", "round=%ju", (uintmax_t)reg->round);
	reg->in_trouble = reg->failed > 0;
}

static void finish_one(struct registration *reg)
{
	if (--reg->pending || reg->closed)
		return;
	say_trouble(reg);
	reg->again |= reg->failed > 0;
	if (!reg->conf.config->is_gateway || reg->held)
		say_done(reg);
}

static void failed(struct registration *reg, int status)
{
	reg->failed++;
	reg->why = status;
}

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct registration *reg = arg;

	if (status && may_pass(status))
		failed(reg, status);
	else if (status && !reg->closed)
		log_err("configured object not stored", "error=\"%s\"", strerror(-status));
	finish_one(reg);
}

/* A write was asked for: r = 0, or refused with err. */
static void asked(struct registration *reg, int r, const struct err *err)
{
	char text[512];

	if (r == 0)
		reg->pending++;
	else if (may_pass(r))
		failed(reg, r);
	else if (reg->round == 1)
		log_err("configured object refused", "%s", err_text(err, text, sizeof(text)));
}

static void put_service(struct registration *reg, const json_t *obj)
{
	OWN_PTR struct service *svc = NULL;
	struct err err = {0};
	const struct view_service *known;

	if (service_from_json(obj, 0, &svc, &err))
		return asked(reg, err.code, &err);
	known = view_service(reg->conf.view, svc->id);
	if (known && known->registered && service_equal(known->def, svc))
		return;
	asked(reg,
	      srm_service_put(reg->conf.srm, svc->id, obj, ANY_REVISION,
			      (struct ncsdb_write_done){on_written, reg}, &err),
	      &err);
}

static void put_class(struct registration *reg, const json_t *obj)
{
	const struct view_class *known;
	struct plan_class rule;
	struct err err = {0};

	if (class_from_json(obj, NULL, &rule, &err))
		return asked(reg, err.code, &err);
	known = view_class(reg->conf.view, rule.name);
	if (known && !memcmp(&known->def, &rule, sizeof(rule)))
		return;
	asked(reg,
	      srm_class_put(reg->conf.srm, rule.name, obj, ANY_REVISION,
			    (struct ncsdb_write_done){on_written, reg}, &err),
	      &err);
}

static void put_gateway(struct registration *reg, const struct gateway *gw)
{
	const struct view_gateway *known = view_gateway(reg->conf.view, gw->name);
	struct err err = {0};
	json_t *obj;

	if (known && !memcmp(&known->def, gw, sizeof(*gw)))
		return;
	obj = gateway_to_json(gw);
	asked(reg,
	      nsc_gateway_put(reg->conf.nsc, gw->name, obj, ANY_REVISION,
			      (struct ncsdb_write_done){on_written, reg}, &err),
	      &err);
	json_decref(obj);
}

static void put_path(struct registration *reg, const json_t *obj)
{
	struct path_key key = {NULL, NULL, NULL};
	const struct view_path *known;
	struct err err = {0};
	struct path path;

	if (path_from_json(obj, key, &path, &err))
		return asked(reg, err.code, &err);
	key = (struct path_key){path.ingress, path.gateway, path.name};
	known = view_path(reg->conf.view, key);
	if (known && known->defined && !memcmp(&known->def, &path, sizeof(path)))
		return;
	asked(reg,
	      nsc_path_put(reg->conf.nsc, key, obj, ANY_REVISION,
			   (struct ncsdb_write_done){on_written, reg}, &err),
	      &err);
}

static void put_network(struct registration *reg, struct ncsdb_write_done done)
{
	char key[3][NAME_LEN];
	json_t *obj, *attrs;
	size_t i;

	json_array_foreach(reg->conf.config->network, i, obj) {
		struct err err = {0};
		int r = config_network(obj, key, &attrs, &err);

		if (!r)
			r = nsc_status_put(reg->conf.nsc, (struct path_key){key[0], key[1], key[2]},
					   attrs, done, &err);
		if (done.arg || r)
			asked(reg, r, &err);
	}
}

/* ---- this host's own gateway ---- */

static void on_held(void *arg, int status, int64_t revision, bool created)
{
	struct registration *reg = arg;

	if (status && !reg->closed && status != -ECANCELED)
		log_warn("own gateway not stored", "error=\"%s\"", strerror(-status));
	reg->again |= status && may_pass(status);
	reg->held = true;
	finish_one(reg);
}

static void put_own_gateway(struct registration *reg)
{
	const struct gateway *gw = &reg->conf.config->gateway;
	json_t *obj = gateway_to_json(gw);
	struct err err = {0};

	asked(reg,
	      nsc_gateway_hold(reg->conf.nsc, gw->name, obj, reg->lease,
			       (struct ncsdb_write_done){on_held, reg}, &err),
	      &err);
	json_decref(obj);
}

/* It may have been deleted by hand, or with a cluster's data. */
static bool own_gateway_missing(const struct registration *reg)
{
	const struct gateway *gw = &reg->conf.config->gateway;
	const struct view_gateway *known;

	if (!reg->conf.config->is_gateway || !reg->lease)
		return false;
	known = view_gateway(reg->conf.view, gw->name);
	return !known || memcmp(&known->def, gw, sizeof(*gw));
}

/* This host's own, or one that is known in a shared database: its own sand tells of it. */
static bool is_told(const struct registration *reg, const struct gateway *gw)
{
	const struct config *config = reg->conf.config;

	if (config->is_gateway && strcmp(gw->name, config->gateway.name) == 0)
		return true;
	return config->database.mode != DATABASE_LOCAL && view_gateway(reg->conf.view, gw->name);
}

/* ---- rounds ---- */

static void put_round(struct registration *reg)
{
	const struct config *config = reg->conf.config;
	struct gateway gw;
	size_t i;
	json_t *obj;

	reg->pending++;
	reg->failed = 0;
	reg->again = false;
	reg->round++;
	if (own_gateway_missing(reg))
		put_own_gateway(reg);
	json_array_foreach(config->gateways, i, obj)
		if (!gateway_from_json(obj, NULL, &gw, NULL) && !is_told(reg, &gw))
			put_gateway(reg, &gw);
	json_array_foreach(config->services, i, obj)
		put_service(reg, obj);
	json_array_foreach(config->classes, i, obj)
		put_class(reg, obj);
	json_array_foreach(config->paths, i, obj)
		put_path(reg, obj);
	put_network(reg, (struct ncsdb_write_done){on_written, reg});
	finish_one(reg);
}

static void on_first_round(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	put_round(idle->data);
}

static bool connected(const struct registration *reg)
{
	struct ncsdb_status status;

	ncsdb_status(reg->conf.db, &status);
	return status.connected;
}

/* A configured value is true as long as it is configured: it does not age. */
static void on_refresh(uv_timer_t *timer)
{
	struct registration *reg = timer->data;

	if (!connected(reg))
		return;
	if (reg->again && !reg->pending)
		put_round(reg);
	else
		put_network(reg, (struct ncsdb_write_done){NULL, NULL});
}

static void on_patience_end(uv_timer_t *timer)
{
	say_done(timer->data);
}

void registration_hold(struct registration *reg, int64_t lease)
{
	reg->lease = lease;
	reg->pending++;
	put_own_gateway(reg);
	finish_one(reg);
}

void registration_again(struct registration *reg)
{
	reg->again = true;
}

struct registration *registration_start(const struct registration_conf *conf,
					void (*done)(void *arg), void *arg)
{
	struct registration *reg = calloc(1, sizeof(*reg));

	if (!reg)
		return NULL;
	reg->conf = *conf;
	reg->done = done;
	reg->arg = arg;
	uv_idle_init(conf->loop, &reg->idle);
	uv_timer_init(conf->loop, &reg->refresh);
	uv_timer_init(conf->loop, &reg->patience);
	reg->idle.data = reg->refresh.data = reg->patience.data = reg;
	uv_idle_start(&reg->idle, on_first_round);
	uv_timer_start(&reg->refresh, on_refresh, REGISTER_REFRESH_MS, REGISTER_REFRESH_MS);
	uv_timer_start(&reg->patience, on_patience_end, REGISTER_PATIENCE_MS, 0);
	return reg;
}

void registration_close(struct registration *reg)
{
	reg->closed = true;
	uv_close((uv_handle_t *)&reg->idle, NULL);
	uv_close((uv_handle_t *)&reg->refresh, NULL);
	uv_close((uv_handle_t *)&reg->patience, NULL);
}

void registration_free(struct registration *reg)
{
	free(reg);
}
