/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/register.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/class.h"
#include "util/json.h"
#include "util/log.h"
#include "util/own.h"

enum kind { GATEWAY, SERVICE, CLASS, PATH, NETWORK, KINDS };

static const char *const kinds[KINDS] = {"gateway", "service", "class", "path", "network"};

/* A configured object: stored once, and again when the database was away. */
struct item {
	struct registration *reg;
	enum kind kind;
	const json_t *obj; /* the configuration's */
	bool stored;	   /* or was there as configured, or is told by somebody else */
	bool flying, said; /* said: refused for good, in the log */
	uint64_t due_ms;   /* uv_now(): not before */
	uint64_t wait_ms;  /* from the last refusal to the next try */
};

struct registration {
	struct registration_conf conf;
	void (*done)(void *arg);
	void *arg;
	struct item *items;
	size_t n_items;
	unsigned int pending; /* writes under way, and 1 while they are being asked for */
	unsigned int failed;  /* of this round, that may succeed later */
	int why;	      /* of the last of them */
	uint64_t round;	      /* number */
	bool in_trouble;      /* said in the log */
	int64_t lease;	      /* of the own gateway; 0 = none yet */
	bool held;	      /* the own gateway was written, or refused */
	bool holding;	      /* it is being written */
	bool hold_said;	      /* that it was refused, in the log */
	uint64_t hold_due_ms, hold_wait_ms;
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
	if (!reg->conf.config->is_gateway || reg->held)
		say_done(reg);
}

static uint64_t now_ms(const struct registration *reg)
{
	return uv_now(reg->conf.loop);
}

static uint64_t longer(uint64_t wait_ms)
{
	if (!wait_ms)
		return REGISTER_REFRESH_MS;
	return wait_ms * 2 < REGISTER_WAIT_MAX_MS ? wait_ms * 2 : REGISTER_WAIT_MAX_MS;
}

/* What may pass is tried again with the next refresh; what is refused for good more and more
 * seldom: somebody may change what it is refused for. */
static void refused(struct item *item, int status, const char *text)
{
	struct registration *reg = item->reg;

	if (may_pass(status)) {
		reg->failed++;
		reg->why = status;
		return;
	}
	item->wait_ms = longer(item->wait_ms);
	item->due_ms = now_ms(reg) + item->wait_ms;
	if (!item->said)
		log_err("configured object refused", "kind=%s %s", kinds[item->kind], text);
	item->said = true;
}

/* Others may write what is configured here, too: -ESTALE, somebody tells of this gateway. */
static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct item *item = arg;
	struct registration *reg = item->reg;
	char text[64];

	item->flying = false;
	if (!status || (status == -ESTALE && item->kind == GATEWAY)) {
		item->stored = true;
		item->wait_ms = 0;
	} else if (!reg->closed) {
		snprintf(text, sizeof(text), "error=\"%s\"", strerror(-status));
		refused(item, status, text);
	}
	finish_one(reg);
}

static bool is_shared(const struct registration *reg)
{
	return reg->conf.config->database.mode != DATABASE_LOCAL;
}

/* ---- one object of each kind: 0: asked for; 1: nothing to do; or -errno ---- */

static int put_service(struct item *item, struct ncsdb_write_done done, struct err *err)
{
	const struct registration_conf *conf = &item->reg->conf;
	OWN_PTR struct service *svc = NULL;
	const struct view_service *known;
	int r = service_from_json(item->obj, 0, &svc, err);

	if (r)
		return r;
	known = view_service(conf->view, svc->id);
	if (known && known->registered && service_equal(known->def, svc))
		return 1;
	return srm_service_put(conf->srm, svc->id, item->obj, ANY_REVISION, done, err);
}

static int put_class(struct item *item, struct ncsdb_write_done done, struct err *err)
{
	const struct registration_conf *conf = &item->reg->conf;
	const struct view_class *known;
	struct plan_class rule;
	int r = class_from_json(item->obj, NULL, &rule, err);

	if (r)
		return r;
	known = view_class(conf->view, rule.name);
	if (known && !memcmp(&known->def, &rule, sizeof(rule)))
		return 1;
	return srm_class_put(conf->srm, rule.name, item->obj, ANY_REVISION, done, err);
}

/* This host's own, or one that is known in a shared database: its own sand tells of it. */
static bool is_told(const struct registration *reg, const struct gateway *gw)
{
	const struct config *config = reg->conf.config;

	if (config->is_gateway && strcmp(gw->name, config->gateway.name) == 0)
		return true;
	return is_shared(reg) && view_gateway(reg->conf.view, gw->name);
}

static int put_gateway(struct item *item, struct ncsdb_write_done done, struct err *err)
{
	const struct registration *reg = item->reg;
	const struct view_gateway *known;
	struct gateway gw;
	int r = gateway_from_json(item->obj, NULL, &gw, err);

	if (r)
		return r;
	known = view_gateway(reg->conf.view, gw.name);
	if (is_told(reg, &gw) || (known && !memcmp(&known->def, &gw, sizeof(gw))))
		return 1;
	return nsc_gateway_put(reg->conf.nsc, gw.name, item->obj, is_shared(reg) ? 0 : ANY_REVISION,
			       done, err);
}

static int put_path(struct item *item, struct ncsdb_write_done done, struct err *err)
{
	const struct registration_conf *conf = &item->reg->conf;
	struct path_key key = {NULL, NULL, NULL};
	const struct view_path *known;
	struct path path;
	int r = path_from_json(item->obj, key, &path, err);

	if (r)
		return r;
	key = (struct path_key){path.ingress, path.gateway, path.name};
	known = view_path(conf->view, key);
	if (known && known->defined && !memcmp(&known->def, &path, sizeof(path)))
		return 1;
	return nsc_path_put(conf->nsc, key, item->obj, ANY_REVISION, done, err);
}

/* In a shared database each ingress tells of its own paths. */
static int put_network(struct item *item, struct ncsdb_write_done done, struct err *err)
{
	const struct registration *reg = item->reg;
	char key[3][NAME_LEN];
	json_t *attrs;
	int r = config_network(item->obj, key, &attrs, err);

	if (r)
		return r;
	if (is_shared(reg) && strcmp(key[0], reg->conf.config->name) != 0)
		return 1;
	return nsc_status_put(reg->conf.nsc, (struct path_key){key[0], key[1], key[2]}, attrs, done,
			      err);
}

static int (*const puts_of[KINDS])(struct item *item, struct ncsdb_write_done done,
				   struct err *err) = {
	[GATEWAY] = put_gateway, [SERVICE] = put_service, [CLASS] = put_class,
	[PATH] = put_path,	 [NETWORK] = put_network,
};

static void put_item(struct item *item)
{
	struct err err = {0};
	char text[512];
	int r = puts_of[item->kind](item, (struct ncsdb_write_done){on_written, item}, &err);

	if (r == 0) {
		item->flying = true;
		item->reg->pending++;
	} else if (r == 1) {
		item->stored = true;
	} else {
		refused(item, r, err_text(&err, text, sizeof(text)));
	}
}

/* ---- this host's own gateway ---- */

static void on_held(void *arg, int status, int64_t revision, bool created)
{
	struct registration *reg = arg;

	if (status && !reg->closed && status != -ECANCELED && !reg->hold_said)
		log_warn("own gateway not stored", "error=\"%s\"", strerror(-status));
	reg->hold_said = status != 0;
	reg->held = true;
	reg->holding = false;
	finish_one(reg);
}

static void put_own_gateway(struct registration *reg)
{
	const struct gateway *gw = &reg->conf.config->gateway;
	json_t *obj = gateway_to_json(gw);
	struct err err = {0};
	char text[512];
	int r = nsc_gateway_hold(reg->conf.nsc, gw->name, obj, reg->lease,
				 (struct ncsdb_write_done){on_held, reg}, &err);

	json_decref(obj);
	reg->holding = r == 0;
	reg->pending += r == 0;
	if (r && !reg->hold_said)
		log_warn("own gateway not stored", "%s", err_text(&err, text, sizeof(text)));
	reg->hold_said |= r != 0;
}

/* It may have been deleted by hand, or with a cluster's data, or written without our lease. */
static bool own_gateway_missing(const struct registration *reg)
{
	const struct gateway *gw = &reg->conf.config->gateway;
	const struct view_gateway *known;

	if (!reg->conf.config->is_gateway || !reg->lease || reg->holding)
		return false;
	known = view_gateway(reg->conf.view, gw->name);
	return !known || memcmp(&known->def, gw, sizeof(*gw)) ||
	       nsc_gateway_held(reg->conf.nsc) != reg->lease;
}

/* More and more seldom, if it is never as it should be: another host may have the same name. */
static void check_own_gateway(struct registration *reg)
{
	uint64_t now = now_ms(reg);

	if (!own_gateway_missing(reg)) {
		if (now >= reg->hold_due_ms)
			reg->hold_wait_ms = 0;
		return;
	}
	if (now < reg->hold_due_ms)
		return;
	reg->hold_wait_ms = longer(reg->hold_wait_ms);
	reg->hold_due_ms = now + reg->hold_wait_ms;
	put_own_gateway(reg);
}

/* ---- rounds ---- */

static bool is_due(const struct item *item)
{
	return !item->stored && !item->flying && now_ms(item->reg) >= item->due_ms;
}

/* What is not stored yet: once stored, others may change it. */
static void put_round(struct registration *reg)
{
	reg->pending++;
	reg->failed = 0;
	reg->round++;
	check_own_gateway(reg);
	for (size_t i = 0; i < reg->n_items; i++)
		if (is_due(&reg->items[i]))
			put_item(&reg->items[i]);
	finish_one(reg);
}

/* A configured value is true as long as it is configured: it does not age. */
static void refresh_network(struct registration *reg)
{
	struct err err = {0};

	for (size_t i = 0; i < reg->n_items; i++)
		if (reg->items[i].kind == NETWORK && reg->items[i].stored)
			put_network(&reg->items[i], (struct ncsdb_write_done){NULL, NULL}, &err);
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

static void on_refresh(uv_timer_t *timer)
{
	struct registration *reg = timer->data;

	if (!connected(reg))
		return;
	refresh_network(reg);
	if (!reg->pending)
		put_round(reg);
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
	for (size_t i = 0; i < reg->n_items; i++) {
		reg->items[i].stored = false;
		reg->items[i].due_ms = reg->items[i].wait_ms = 0;
	}
	reg->hold_due_ms = 0;
}

static void add_items(struct registration *reg, enum kind kind, const json_t *all)
{
	const json_t *obj;
	size_t i;

	json_array_foreach(all, i, obj)
		reg->items[reg->n_items++] = (struct item){.reg = reg, .kind = kind, .obj = obj};
}

static int make_items(struct registration *reg)
{
	const struct config *config = reg->conf.config;
	const json_t *const all[KINDS] = {
		[GATEWAY] = config->gateways, [SERVICE] = config->services,
		[CLASS] = config->classes,    [PATH] = config->paths,
		[NETWORK] = config->network,
	};
	size_t n = 1;

	for (int i = 0; i < KINDS; i++)
		n += json_array_size(all[i]);
	reg->items = calloc(n, sizeof(*reg->items));
	if (!reg->items)
		return -ENOMEM;
	for (int i = 0; i < KINDS; i++)
		add_items(reg, i, all[i]);
	return 0;
}

struct registration *registration_start(const struct registration_conf *conf,
					void (*done)(void *arg), void *arg)
{
	struct registration *reg = calloc(1, sizeof(*reg));

	if (!reg)
		return NULL;
	reg->conf = *conf;
	if (make_items(reg)) {
		free(reg);
		return NULL;
	}
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
	if (reg)
		free(reg->items);
	free(reg);
}
