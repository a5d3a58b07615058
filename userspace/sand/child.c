/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "north/north.h"
#include "sand/config.h"
#include "sand/database.h"
#include "sand/intents.h"
#include "sand/maps.h"
#include "sand/register.h"
#include "sand/sandbox.h"
#include "util/log.h"
#include "util/own.h"

struct child {
	uv_loop_t *loop;
	const struct options *o;
	struct config *config;
	int *code;
	struct database database;
	struct view view;
	struct srm *srm;
	struct nsc *nsc;
	struct csc *csc;
	struct ncc *ncc;
	struct orc *orc;
	struct maps maps;
	struct intents intents;
	struct north *north;
	struct registration *registration;
	unsigned int unsynced;
	uv_timer_t patience; /* until the start */
	uv_timer_t again;    /* what could not even be kept to be published is said again */
};

#define REPUBLISH_MS 1000
#define START_LOOK_MS 1000

static void give_up(struct child *c, int code)
{
	if (*c->code < 0)
		*c->code = code;
	uv_stop(c->loop);
}

static int fail(const struct err *err, const char *what, int code)
{
	char text[512];

	log_err(what, "%s", err_text(err, text, sizeof(text)));
	return code;
}

static void on_registered(void *arg)
{
	struct child *c = arg;

	if (c->intents.enact)
		enact_start(c->intents.enact);
	orc_start(c->orc);
	log_info("database synced", "services=%u gateways=%u paths=%u instances=%u",
		 HASH_COUNT(c->view.services), HASH_COUNT(c->view.gateways),
		 HASH_COUNT(c->view.paths), c->view.n_instances);
}

/* What this host says of itself lies under its lease: with another one it is said again. */
static void on_lease(void *arg, int64_t lease)
{
	struct child *c = arg;

	if (c->registration)
		registration_hold(c->registration, lease);
	orc_republish(c->orc);
}

static void on_back(void *arg)
{
	struct child *c = arg;

	if (c->registration)
		registration_again(c->registration);
}

static void on_say_again(uv_timer_t *timer)
{
	struct child *c = timer->data;

	orc_republish(c->orc);
}

/* Without a lease of its own nothing is said that would stay behind when this host is gone: the
 * next one has all said again. What is withdrawn needs none. */
static void on_aggregate(void *arg, uint64_t service, const struct aggregate *agg)
{
	struct child *c = arg;
	int64_t lease = database_lease(&c->database);
	struct err err = {0};
	char text[512];

	if (agg && !lease)
		return;
	if (!csc_aggregate_put(c->csc, service, agg, lease, &err))
		return;
	log_warn("aggregate not published", "%s", err_text(&err, text, sizeof(text)));
	if (err.code == -ENOMEM && !uv_is_active((uv_handle_t *)&c->again))
		uv_timer_start(&c->again, on_say_again, REPUBLISH_MS, 0);
}

static void start(struct child *c)
{
	uv_timer_stop(&c->patience);
	c->registration = registration_start(
		&(struct registration_conf){
			.loop = c->loop,
			.config = c->config,
			.db = c->database.db,
			.view = &c->view,
			.srm = c->srm,
			.nsc = c->nsc,
		},
		on_registered, c);
	if (!c->registration || (c->config->is_gateway && database_hold(&c->database, on_lease, c)))
		give_up(c, EXIT_FAILURE);
}

static void on_synced(void *arg)
{
	struct child *c = arg;

	if (!c->registration && !--c->unsynced)
		start(c);
}

/* What one follower cannot have now (a right that is missing) keeps nobody from the rest. */
static void on_patience_end(uv_timer_t *timer)
{
	struct child *c = timer->data;

	if (!c->registration && database_settled(&c->database) && intents_settled(&c->intents))
		start(c);
}

static void on_acked(void *arg, uint64_t generation, int result, const char *text)
{
	struct child *c = arg;

	if (c->intents.enact)
		enact_acked(c->intents.enact, generation, result, text);
	if (!result)
		return;
	log_err(generation ? "plan refused" : "configuration refused",
		"generation=%ju error=\"%s\" %s", (uintmax_t)generation, strerror(-result), text);
	if (!generation)
		give_up(c, EXIT_CONFIG);
}

static void on_hangup(void *arg)
{
	log_info("parent closed the socket", "%s", "stopping");
	give_up(arg, EXIT_SUCCESS);
}

static int load_config(struct child *c)
{
	struct err err = {0};
	FILE *file;
	int r;

	if (lseek(c->o->config_fd, 0, SEEK_SET) < 0)
		return EXIT_CONFIG;
	file = fdopen(dup(c->o->config_fd), "r");
	if (!file)
		return EXIT_FAILURE;
	r = config_load(file, c->o->config, &c->config, &err);
	fclose(file);
	if (r)
		return fail(&err, "configuration wrong", EXIT_CONFIG);
	log_init(c->o->single ? "sand" : "sand-child", c->config->log_level);
	return 0;
}

static int open_database(struct child *c)
{
	return database_open(&c->database, &(struct database_conf){
						   .loop = c->loop,
						   .config = &c->config->database,
						   .dir = c->o->state_dir,
						   .reset = c->o->reset,
						   .view = &c->view,
						   .back = on_back,
						   .arg = c,
					   });
}

static int open_writers(struct child *c)
{
	const struct csc_conf conf = {
		.gateway = c->config->is_gateway ? c->config->gateway.name : NULL,
		.locator = c->config->gateway.locator,
		.locator_len = c->config->gateway.locator_len,
	};
	struct ncsdb *db = c->database.db;
	int r;

	c->unsynced = 3 + !!c->config->nemo.obj;
	r = srm_open(db, &c->view, on_synced, c, &c->srm) ?:
	    nsc_open(db, &c->view, on_synced, c, &c->nsc) ?:
	    csc_open(db, &c->view, &conf, on_synced, c, &c->csc);
	if (r)
		log_err("database not followed", "error=\"%s\"", strerror(-r));
	c->database.srm = c->srm;
	c->database.nsc = c->nsc;
	c->database.csc = c->csc;
	uv_timer_start(&c->patience, on_patience_end, START_LOOK_MS, START_LOOK_MS);
	return r ? EXIT_FAILURE : 0;
}

static int open_control(struct child *c, int fd)
{
	const struct config *config = c->config;
	int r = ncc_open(c->loop, fd, &config->ncc, on_acked, c, &c->ncc);

	if (r) {
		log_err("parent not reached", "error=\"%s\"", strerror(-r));
		return EXIT_FAILURE;
	}
	ncc_on_hangup(c->ncc, on_hangup, c);
	r = orc_open(
		&(struct orc_conf){
			.loop = c->loop,
			.view = &c->view,
			.ncc = c->ncc,
			.ingress = config->is_ingress ? config->name : "",
			.gateway = config->is_gateway ? config->gateway.name : NULL,
			.sids = config->sids,
			.n_sids = config->n_sids,
			.groups = config->groups,
			.n_groups = config->n_groups,
			.publish = config->is_gateway ? on_aggregate : NULL,
			.arg = c,
		},
		&c->orc);
	return r ? EXIT_FAILURE : 0;
}

static int open_maps(struct child *c)
{
	return maps_open(&c->maps, &(struct maps_conf){
					   .loop = c->loop,
					   .config = &c->config->alto,
					   .db = c->database.db,
					   .view = &c->view,
					   .nsc = c->nsc,
					   .csc = c->csc,
				   });
}

static int open_intents(struct child *c)
{
	return intents_open(&c->intents, &(struct intents_conf){
						 .loop = c->loop,
						 .config = &c->config->nemo,
						 .host = c->config->name,
						 .is_ingress = c->config->is_ingress,
						 .db = c->database.db,
						 .view = &c->view,
						 .ncc = c->ncc,
						 .synced = on_synced,
						 .arg = c,
					 });
}

static int open_rest(struct child *c)
{
	char path[108];
	struct err err = {0};
	struct north_conf conf = {
		.loop = c->loop,
		.unix_path = c->config->rest_unix ? path : NULL,
		.tcp = c->config->rest_tcp[0] ? c->config->rest_tcp : NULL,
		.name = c->config->name,
		.db = c->database.db,
		.server = c->database.server,
		.view = &c->view,
		.srm = c->srm,
		.nsc = c->nsc,
		.csc = c->csc,
		.orc = c->orc,
		.ncc = c->ncc,
		.broker = c->maps.broker,
		.altoc = c->maps.altoc,
		.alto = c->config->alto.access.server,
		.intent = c->intents.intent,
		.enact = c->intents.enact,
		.nemo = c->config->nemo.access.server,
		.max_services = c->config->is_ingress ? c->config->ncc.config.max_services : 0,
	};

	if (snprintf(path, sizeof(path), "%s/api.sock", c->o->run_dir) >= (int)sizeof(path)) {
		log_err("run directory too long", "path=%s max=97", c->o->run_dir);
		return EXIT_CONFIG;
	}
	if (north_open(&conf, &c->north, &err))
		return fail(&err, "REST interface not opened", EXIT_CONFIG);
	return 0;
}

int child_open(uv_loop_t *loop, const struct options *o, int fd, int *code, struct child **out)
{
	struct child *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		close(fd);
		return EXIT_FAILURE;
	}
	c->loop = loop;
	c->o = o;
	c->code = code;
	view_init(&c->view);
	uv_timer_init(loop, &c->again);
	uv_timer_init(loop, &c->patience);
	c->again.data = c->patience.data = c;
	r = load_config(c);
	if (!r)
		r = open_database(c);
	if (r) {
		close(fd);
	} else {
		r = open_control(c, fd) ?: open_writers(c);
		r = r ?: open_maps(c) ?: open_intents(c) ?: open_rest(c);
	}
	*out = c;
	return r;
}

void child_close(struct child *c)
{
	uv_close((uv_handle_t *)&c->again, NULL);
	uv_close((uv_handle_t *)&c->patience, NULL);
	if (c->north)
		north_close(c->north);
	if (c->registration)
		registration_close(c->registration);
	maps_close(&c->maps);
	intents_close(&c->intents);
	if (c->orc)
		orc_close(c->orc);
	if (c->ncc)
		ncc_close(c->ncc);
	if (c->csc)
		csc_close(c->csc);
	if (c->nsc)
		nsc_close(c->nsc);
	if (c->srm)
		srm_close(c->srm);
	database_close(&c->database);
}

void child_free(struct child *c)
{
	registration_free(c->registration);
	view_fini(&c->view);
	config_free(c->config);
	free(c);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	uv_stop(handle->loop);
}

/* The keeper says it, too, when the parent has closed the socket: closing goes on. */
static void on_signal_again(uv_signal_t *handle, int signum)
{
}

int child_run(const struct options *o, int fd)
{
	struct child *child = NULL;
	uv_signal_t term;
	uv_loop_t loop;
	int code = -1, r;

	log_init("sand-child", LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&loop) || sandbox_seccomp())
		return EXIT_FAILURE;
	uv_signal_init(&loop, &term);
	uv_signal_start(&term, on_signal, SIGTERM);
	uv_unref((uv_handle_t *)&term);
	r = child_open(&loop, o, fd, &code, &child);
	if (!r)
		uv_run(&loop, UV_RUN_DEFAULT);
	uv_signal_start(&term, on_signal_again, SIGTERM);
	if (child) {
		child_close(child);
		uv_run(&loop, UV_RUN_DEFAULT);
		child_free(child);
	}
	uv_close((uv_handle_t *)&term, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return r ?: code < 0 ? EXIT_SUCCESS : code;
}
