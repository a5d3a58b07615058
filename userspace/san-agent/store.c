/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "san-agent/store_int.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* ---- life ---- */

static void free_if_done(struct store *store)
{
	if (!store->closing || store->requests || store->open_timers)
		return;
	free(store->value);
	free(store);
}

void store_begin(struct store *store)
{
	store->requests++;
}

void store_end(struct store *store)
{
	store->requests--;
	free_if_done(store);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct store *store = handle->data;

	store->open_timers--;
	free_if_done(store);
}

static void close_store(struct sink *sink)
{
	struct store *store = (struct store *)sink;

	store->closing = true;
	for (unsigned int i = 0; i < AGENT_MAX_INSTANCES; i++)
		store_service_put(store->slots[i].service);
	ncsdb_on_state(store->db, NULL, NULL);
	ncsdb_hold_stop(store->hold, false);
	ncsdb_close(store->db);
	uv_close((uv_handle_t *)&store->batch_timer, on_timer_closed);
	uv_close((uv_handle_t *)&store->name_timer, on_timer_closed);
}

/* ---- turns ---- */

static void on_batch_timer(uv_timer_t *timer)
{
	struct store *store = timer->data;

	store_flush(store, clock_us());
}

void store_kick(struct store *store)
{
	if (store->goodbye || store->closing || uv_is_active((uv_handle_t *)&store->batch_timer))
		return;
	uv_timer_start(&store->batch_timer, on_batch_timer, store->conf->batch_ms, 0);
}

void store_stir(struct store *store)
{
	store->stirred = true;
	store_kick(store);
}

/* Loss of the connection is said by on_state(); a refusal, here. */
void store_failed(struct store *store, int status)
{
	store->retry_us = clock_us() + store->backoff_us;
	store->backoff_us *= 2;
	if (store->backoff_us > STORE_RETRY_MAX_US)
		store->backoff_us = STORE_RETRY_MAX_US;
	if (status == -ECANCELED || status == -ETIMEDOUT || status == -EHOSTUNREACH ||
	    status == -ENOENT || store->refused_said)
		return;
	store->refused_said = true;
	log_warn("database refuses", "agent=%s why=\"%s\"", store->conf->agent, strerror(-status));
}

void store_worked(struct store *store)
{
	store->backoff_us = STORE_RETRY_MIN_US;
	if (store->refused_said)
		log_info("database takes writes again", "agent=%s", store->conf->agent);
	store->refused_said = false;
}

static void on_state(void *arg, bool connected)
{
	struct store *store = arg;
	struct ncsdb_status status;

	store->connected = connected;
	ncsdb_status(store->db, &status);
	if (!connected) {
		log_warn("database lost", "endpoint=%s why=\"%s\"", status.endpoint, status.why);
		return;
	}
	log_info("database connected", "endpoint=%s revision=%" PRId64, status.endpoint,
		 status.revision);
	store->retry_us = 0;
	store->backoff_us = STORE_RETRY_MIN_US;
	store_stir(store);
}

const char *store_instance_key(const struct instance *inst, const char *field,
			       char buf[STORE_KEY_MAX])
{
	char id[SVC_ID_TEXT];

	snprintf(buf, STORE_KEY_MAX, STORE_STATUS "%s/%s/%s", svc_id_text(inst->conf.service, id),
		 inst->conf.name, field);
	return buf;
}

/* ---- as a sink ---- */

static void kick(struct sink *sink)
{
	store_kick((struct store *)sink);
}

static void set_conf(struct sink *sink, const struct agent_conf *conf)
{
	((struct store *)sink)->conf = conf;
	store_stir((struct store *)sink); /* intervals and dead bands */
}

static void set_attrs(struct store_slot *ls, const struct instance *inst)
{
	for (unsigned int i = 0; i < inst->n_values; i++) {
		if (attr_intern(inst->values[i].name, &ls->attrs[i]))
			ls->attrs[i] = WORTH_ANY;
	}
}

static void renew(struct sink *sink, unsigned int slot)
{
	struct store *store = (struct store *)sink;
	struct store_slot *ls = &store->slots[slot];
	const struct instance *inst = store->env.roster->slots[slot];
	struct store_service *former = ls->service;

	ls->service = store_service_get(store, inst->conf.service);
	store_service_put(former);
	ls->put = false;
	ls->renewed = ls->flying;
	ls->retry_us = 0;
	memset(ls->gates, 0, sizeof(ls->gates));
	set_attrs(ls, inst);
	store_stir(store);
}

static bool cleared(const struct sink *sink, unsigned int slot)
{
	const struct store_slot *ls = &((const struct store *)sink)->slots[slot];

	return !ls->there && !ls->flying && !ls->state_busy;
}

static bool settled(const struct sink *sink)
{
	const struct store *store = (const struct store *)sink;

	for (unsigned int i = 0; i < store->env.roster->n; i++) {
		const struct instance *inst = store->env.roster->slots[i];

		if (inst && !inst->leaving && !store->slots[i].put)
			return false;
	}
	return store_registered(store);
}

static void goodbye(struct sink *sink)
{
	store_goodbye((struct store *)sink);
}

static bool finished(const struct sink *sink)
{
	return ((const struct store *)sink)->finished;
}

static const struct sink_ops store_ops = {
	.kick = kick,
	.set_conf = set_conf,
	.renew = renew,
	.cleared = cleared,
	.settled = settled,
	.goodbye = goodbye,
	.finished = finished,
	.close = close_store,
};

/* ---- opening ---- */

static char *agent_value(const struct agent_conf *conf)
{
	char host[256] = "", started[32];
	time_t now = time(NULL);
	struct tm tm;
	json_t *obj;
	char *text;

	gethostname(host, sizeof(host) - 1);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	obj = json_pack("{s:s, s:s, s:s, s:i}", "host", host, "version", SAN_VERSION_TEXT,
			"started", started, "ttl_s", (int)conf->ttl_s);
	text = obj ? json_text(obj) : NULL;
	json_decref(obj);
	return text;
}

static void init_timer(struct store *store, uv_timer_t *timer)
{
	uv_timer_init(store->env.loop, timer);
	timer->data = store;
	store->open_timers++;
}

int store_open_with(const struct sink_env *env, const struct agent_conf *conf, struct ncsdb *db,
		    struct sink **out)
{
	struct store *store = calloc(1, sizeof(*store));
	struct ncsdb_status status;

	if (store)
		store->value = agent_value(conf);
	if (!store || !store->value) {
		free(store);
		ncsdb_close(db);
		return -ENOMEM;
	}
	store->sink = (struct sink){.ops = &store_ops, .name = STORE_NAME};
	store->env = *env;
	store->conf = conf;
	store->db = db;
	store->backoff_us = STORE_RETRY_MIN_US;
	init_timer(store, &store->batch_timer);
	init_timer(store, &store->name_timer);
	ncsdb_status(db, &status);
	store->connected = status.connected;
	ncsdb_on_state(db, on_state, store);
	store_name_start(store);
	*out = &store->sink;
	return 0;
}

static const char *given(const char *text)
{
	return *text ? text : NULL;
}

static int open_db(const struct sink_env *env, const struct database_conf *conf, struct ncsdb **out,
		   struct err *err)
{
	char password[DATABASE_PASSWORD_MAX] = "";
	const char *endpoints[NCSDB_ENDPOINTS_MAX];
	const struct ncsdb_remote remote = {
		.endpoints = endpoints,
		.n_endpoints = conf->n_endpoints,
		.ca = given(conf->ca),
		.cert = given(conf->cert),
		.key = given(conf->key),
		.user = given(conf->user),
		.password = *conf->user ? password : NULL,
		.prefix = given(conf->prefix),
		.deadline_ms = conf->deadline_ms,
	};
	int rc = *conf->user ? database_password(conf->password_file, password, err) : 0;

	for (unsigned int i = 0; i < conf->n_endpoints; i++)
		endpoints[i] = conf->endpoints[i];
	if (!rc)
		rc = ncsdb_open(env->loop, &(struct ncsdb_conf){.remote = &remote}, out, err);
	explicit_bzero(password, sizeof(password));
	return rc;
}

int store_open(const struct sink_env *env, const struct agent_conf *conf, struct sink **out,
	       struct err *err)
{
	struct ncsdb *db;
	int rc = open_db(env, &conf->database, &db, err);

	rc = rc ?: store_open_with(env, conf, db, out);
	if (rc == -ENOMEM)
		err_set(err, rc, "", "", "out of memory");
	return rc;
}
