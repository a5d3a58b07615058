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
	uv_idle_t idle;
	uv_timer_t refresh;
	bool closed; /* late answers are nobody's any more */
};

static void finish_one(struct registration *reg)
{
	if (--reg->pending == 0 && !reg->closed)
		reg->done(reg->arg);
}

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct registration *reg = arg;

	if (status && !reg->closed)
		log_err("configured object not stored", "error=\"%s\"", strerror(-status));
	finish_one(reg);
}

/* A write was asked for: r = 0, or refused with err. */
static void asked(struct registration *reg, int r, const struct err *err)
{
	char text[512];

	if (r == 0) {
		reg->pending++;
		return;
	}
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

/* A configured value is true as long as it is configured: it does not age. */
static void on_refresh(uv_timer_t *timer)
{
	put_network(timer->data, (struct ncsdb_write_done){NULL, NULL});
}

static void put_all(uv_idle_t *idle)
{
	struct registration *reg = idle->data;
	const struct config *config = reg->conf.config;
	struct gateway gw;
	size_t i;
	json_t *obj;

	uv_idle_stop(idle);
	if (config->is_gateway)
		put_gateway(reg, &config->gateway);
	json_array_foreach(config->gateways, i, obj)
		if (!gateway_from_json(obj, NULL, &gw, NULL))
			put_gateway(reg, &gw);
	json_array_foreach(config->services, i, obj)
		put_service(reg, obj);
	json_array_foreach(config->classes, i, obj)
		put_class(reg, obj);
	json_array_foreach(config->paths, i, obj)
		put_path(reg, obj);
	put_network(reg, (struct ncsdb_write_done){on_written, reg});
	uv_timer_start(&reg->refresh, on_refresh, REGISTER_REFRESH_MS, REGISTER_REFRESH_MS);
	finish_one(reg);
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
	reg->pending = 1;
	uv_idle_init(conf->loop, &reg->idle);
	uv_timer_init(conf->loop, &reg->refresh);
	reg->idle.data = reg->refresh.data = reg;
	uv_idle_start(&reg->idle, put_all);
	return reg;
}

void registration_close(struct registration *reg)
{
	reg->closed = true;
	uv_close((uv_handle_t *)&reg->idle, NULL);
	uv_close((uv_handle_t *)&reg->refresh, NULL);
}

void registration_free(struct registration *reg)
{
	free(reg);
}
