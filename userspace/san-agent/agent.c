/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "san-agent/instance.h"
#include "san-agent/link.h"
#include "san-agent/store.h"
#include "util/clock.h"
#include "util/log.h"

/* Old and new servers of a reload at the same time. */
#define MAX_SINKS (2 * AGENT_MAX_SERVERS)

struct agent {
	uv_loop_t *loop;
	struct agent_conf *conf;
	struct meter_env env;
	struct roster roster;
	struct sink *sinks[MAX_SINKS];
	bool parting[MAX_SINKS]; /* not configured any more */
	unsigned int n_sinks;
	unsigned int settled; /* sinks, as last told to the service manager */
	uv_timer_t sample_timer, kick_timer, stop_timer;
	bool stopping;
};

/* ---- telling the servers ---- */

/* The sinks that conf asks for: the database, or each of its servers. */
static unsigned int wanted(const struct agent_conf *conf)
{
	return conf->database.n_endpoints ? 1 : conf->n_servers;
}

static bool wanted_allocates(const struct agent_conf *conf, unsigned int i)
{
	return i == 0 && conf->has_gateway_server;
}

static const char *wanted_name(const struct agent_conf *conf, unsigned int i)
{
	return conf->database.n_endpoints ? STORE_NAME : conf->servers[i];
}

static void close_sink(struct sink *sink)
{
	sink->ops->close(sink);
}

static void tell_manager(struct agent *agent)
{
	unsigned int settled = 0;

	for (unsigned int i = 0; i < agent->n_sinks; i++)
		settled += !agent->parting[i] && agent->sinks[i]->ops->settled(agent->sinks[i]);
	if (settled == agent->settled)
		return;
	agent->settled = settled;
	sd_notifyf(0, "STATUS=registered with %u of %u servers", settled, wanted(agent->conf));
}

static bool cleared(const struct agent *agent, unsigned int slot)
{
	for (unsigned int i = 0; i < agent->n_sinks; i++) {
		if (!agent->parting[i] && !agent->sinks[i]->ops->cleared(agent->sinks[i], slot))
			return false;
	}
	return true;
}

static void sweep_instances(struct agent *agent)
{
	for (unsigned int i = 0; i < agent->roster.n; i++) {
		struct instance *inst = agent->roster.slots[i];

		if (!inst || !inst->leaving || !cleared(agent, i))
			continue;
		log_info("instance deregistered", "instance=%s", inst->label);
		instance_free(inst);
		agent->roster.slots[i] = NULL;
	}
	while (agent->roster.n && !agent->roster.slots[agent->roster.n - 1])
		agent->roster.n--;
}

static void sweep_sinks(struct agent *agent)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < agent->n_sinks; i++) {
		if (agent->parting[i] && agent->sinks[i]->ops->finished(agent->sinks[i])) {
			close_sink(agent->sinks[i]);
			continue;
		}
		agent->sinks[kept] = agent->sinks[i];
		agent->parting[kept++] = agent->parting[i];
	}
	agent->n_sinks = kept;
}

static void kick_all(struct agent *agent)
{
	for (unsigned int i = 0; i < agent->n_sinks; i++)
		agent->sinks[i]->ops->kick(agent->sinks[i]);
}

static void on_kick(uv_timer_t *timer)
{
	struct agent *agent = timer->data;

	sweep_sinks(agent);
	sweep_instances(agent);
	kick_all(agent);
}

static void renew_all(struct agent *agent, unsigned int slot)
{
	for (unsigned int i = 0; i < agent->n_sinks; i++)
		agent->sinks[i]->ops->renew(agent->sinks[i], slot);
}

static void on_sid(void *arg, struct instance *inst)
{
	struct agent *agent = arg;

	for (unsigned int slot = 0; slot < agent->roster.n; slot++) {
		if (agent->roster.slots[slot] != inst)
			continue;
		for (unsigned int i = 0; i < agent->n_sinks; i++) {
			if (!agent->sinks[i]->allocates)
				agent->sinks[i]->ops->renew(agent->sinks[i], slot);
		}
	}
}

static bool all_finished(const struct agent *agent)
{
	for (unsigned int i = 0; i < agent->n_sinks; i++) {
		if (!agent->sinks[i]->ops->finished(agent->sinks[i]))
			return false;
	}
	return true;
}

static void on_turn(void *arg)
{
	struct agent *agent = arg;

	if (agent->stopping) {
		if (all_finished(agent))
			uv_stop(agent->loop);
		return;
	}
	tell_manager(agent);
	kick_all(agent);
}

/* ---- instances ---- */

static void on_health(void *arg, bool up, const char *why)
{
	struct instance *inst = arg;

	inst->health_known = true;
	inst->up = up;
	inst->agent->roster.round++;
	log_info("instance health", "instance=%s state=%s why=\"%s\"", inst->label,
		 up ? "up" : "down", why);
	if (!inst->agent->stopping)
		kick_all(inst->agent);
}

static void on_sample(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	uint64_t now_us = clock_us();

	meter_env_next(&agent->env);
	for (unsigned int i = 0; i < agent->roster.n; i++) {
		struct instance *inst = agent->roster.slots[i];

		if (inst && !inst->leaving)
			instance_sample(inst, &agent->env, now_us, agent->conf->alpha_permille);
	}
	agent->roster.round++;
	kick_all(agent);
}

static int start_probe(struct agent *agent, struct instance *inst)
{
	if (inst->conf.probe.kind == PROBE_NONE)
		return 0;
	return probe_open(agent->loop, &inst->conf.probe, on_health, inst, &inst->probe);
}

static int find_slot(const struct agent *agent, const struct instance_conf *conf)
{
	for (int i = 0; i < AGENT_MAX_INSTANCES; i++) {
		const struct instance *inst = agent->roster.slots[i];

		if (conf ? inst && instance_is(inst, conf) : !inst)
			return i;
	}
	return -1;
}

static int add_instance(struct agent *agent, const struct instance_conf *conf)
{
	int slot = find_slot(agent, NULL);
	struct instance *inst = slot < 0 ? NULL : instance_new(conf, agent->conf);

	if (!inst)
		return -ENOMEM;
	inst->agent = agent;
	agent->roster.slots[slot] = inst;
	if (agent->roster.n <= (unsigned int)slot)
		agent->roster.n = (unsigned int)slot + 1;
	renew_all(agent, (unsigned int)slot);
	return start_probe(agent, inst);
}

static int take_instance(struct agent *agent, const struct instance_conf *conf)
{
	int slot = find_slot(agent, conf);
	struct instance *inst;

	if (slot < 0)
		return add_instance(agent, conf);
	inst = agent->roster.slots[slot];
	if (!inst->leaving && !memcmp(&inst->conf, conf, sizeof(*conf))) {
		instance_bands(inst, agent->conf);
		return 0;
	}
	inst->leaving = false;
	instance_change(inst, conf, agent->conf);
	renew_all(agent, (unsigned int)slot);
	return start_probe(agent, inst);
}

static bool configured(const struct agent_conf *conf, const struct instance *inst)
{
	for (unsigned int i = 0; i < conf->n_instances; i++) {
		if (instance_is(inst, &conf->instances[i]))
			return true;
	}
	return false;
}

static int take_instances(struct agent *agent)
{
	for (unsigned int i = 0; i < agent->roster.n; i++) {
		struct instance *inst = agent->roster.slots[i];

		if (!inst || inst->leaving || configured(agent->conf, inst))
			continue;
		inst->leaving = true;
		agent->roster.round++;
		probe_close(inst->probe);
		inst->probe = NULL;
	}
	for (unsigned int i = 0; i < agent->conf->n_instances; i++) {
		int rc = take_instance(agent, &agent->conf->instances[i]);

		if (rc)
			return rc;
	}
	return 0;
}

/* ---- sinks ---- */

static bool wants_sink(const struct agent_conf *conf, const struct sink *sink)
{
	for (unsigned int i = 0; i < wanted(conf); i++) {
		if (!strcmp(wanted_name(conf, i), sink->name) &&
		    wanted_allocates(conf, i) == sink->allocates)
			return true;
	}
	return false;
}

static struct sink *find_sink(const struct agent *agent, const char *endpoint)
{
	for (unsigned int i = 0; i < agent->n_sinks; i++) {
		if (!agent->parting[i] && !strcmp(agent->sinks[i]->name, endpoint))
			return agent->sinks[i];
	}
	return NULL;
}

static int open_sink(struct agent *agent, const struct agent_conf *conf, unsigned int i,
		     struct err *err)
{
	const struct sink_env env = {agent->loop, &agent->roster, on_sid, on_turn, agent};
	struct sink **out = &agent->sinks[agent->n_sinks];
	int rc;

	if (agent->n_sinks == MAX_SINKS)
		return err_set(err, -ENOSPC, "/servers", conf->servers[i],
			       "must wait: too many former servers are still told goodbye");
	if (conf->database.n_endpoints)
		rc = store_open(&env, conf, out, err);
	else
		rc = link_open(&env, conf->servers[i], wanted_allocates(conf, i), conf, out, err);
	if (!rc)
		agent->parting[agent->n_sinks++] = false;
	return rc;
}

/* New sinks for conf, not in use yet; failing leaves no trace. */
static int open_sinks(struct agent *agent, const struct agent_conf *conf, struct err *err)
{
	unsigned int before = agent->n_sinks;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < wanted(conf); i++) {
		struct sink *sink = find_sink(agent, wanted_name(conf, i));

		if (!sink || !wants_sink(conf, sink))
			rc = open_sink(agent, conf, i, err);
	}
	while (rc && agent->n_sinks > before)
		close_sink(agent->sinks[--agent->n_sinks]);
	return rc;
}

static void take_sinks(struct agent *agent)
{
	for (unsigned int i = 0; i < agent->n_sinks; i++) {
		agent->sinks[i]->ops->set_conf(agent->sinks[i], agent->conf);
		if (agent->parting[i] || wants_sink(agent->conf, agent->sinks[i]))
			continue;
		agent->parting[i] = true;
		agent->sinks[i]->ops->goodbye(agent->sinks[i]);
	}
}

/* Instances that are still being deregistered keep their slots. */
static int check_room(const struct agent *agent, const struct agent_conf *conf, struct err *err)
{
	unsigned int free_slots = 0, needed = 0;

	for (unsigned int i = 0; i < AGENT_MAX_INSTANCES; i++)
		free_slots += !agent->roster.slots[i];
	for (unsigned int i = 0; i < conf->n_instances; i++)
		needed += find_slot(agent, &conf->instances[i]) < 0;
	if (needed <= free_slots)
		return 0;
	return err_set(err, -ENOSPC, "/instances", "",
		       "must wait: %u are new, only %u are free while former ones are deregistered",
		       needed, free_slots);
}

/* ---- the whole ---- */

static int take_conf(struct agent *agent, struct agent_conf *conf, struct err *err)
{
	struct agent_conf *old = agent->conf;
	int rc = check_room(agent, conf, err);

	rc = rc ? rc : open_sinks(agent, conf, err);
	if (rc) {
		agent_conf_free(conf);
		return rc;
	}
	agent->conf = conf;
	take_sinks(agent);
	agent_conf_free(old);
	rc = take_instances(agent);
	if (rc)
		return err_set(err, rc, "/instances", "", "cannot be taken over: %s",
			       strerror(-rc));
	uv_timer_start(&agent->sample_timer, on_sample, 0, conf->interval_ms);
	uv_timer_start(&agent->kick_timer, on_kick, 0, AGENT_KICK_MS);
	return 0;
}

static void init_timer(struct agent *agent, uv_timer_t *timer)
{
	uv_timer_init(agent->loop, timer);
	timer->data = agent;
}

int agent_open(uv_loop_t *loop, struct agent_conf *conf, struct agent **out, struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int rc;

	if (!agent) {
		agent_conf_free(conf);
		return err_set(err, -ENOMEM, "", "", "out of memory");
	}
	agent->loop = loop;
	agent->settled = UINT32_MAX;
	meter_env_init(&agent->env);
	init_timer(agent, &agent->sample_timer);
	init_timer(agent, &agent->kick_timer);
	init_timer(agent, &agent->stop_timer);
	rc = take_conf(agent, conf, err);
	if (rc)
		return rc; /* the process ends with it */
	*out = agent;
	return 0;
}

int agent_reload(struct agent *agent, struct agent_conf *conf, struct err *err)
{
	int rc = agent_conf_reloadable(agent->conf, conf, err);

	if (rc) {
		agent_conf_free(conf);
		return rc;
	}
	return take_conf(agent, conf, err);
}

static void on_patience_lost(uv_timer_t *timer)
{
	struct agent *agent = timer->data;

	for (unsigned int i = 0; i < agent->n_sinks; i++) {
		if (!agent->sinks[i]->ops->finished(agent->sinks[i]))
			log_warn("server was not told goodbye", "server=%s", agent->sinks[i]->name);
	}
	uv_stop(agent->loop);
}

void agent_stop(struct agent *agent)
{
	if (agent->stopping)
		return;
	agent->stopping = true;
	uv_timer_stop(&agent->sample_timer);
	uv_timer_stop(&agent->kick_timer);
	uv_timer_start(&agent->stop_timer, on_patience_lost, AGENT_STOP_MS, 0);
	for (unsigned int i = 0; i < agent->n_sinks; i++)
		agent->sinks[i]->ops->goodbye(agent->sinks[i]);
	if (all_finished(agent))
		uv_stop(agent->loop);
}

static void on_closing_late(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* What closes frees itself in the loop; a name server that hangs must not hold up the end. */
static bool run_dry(struct agent *agent)
{
	uv_unref((uv_handle_t *)&agent->stop_timer);
	uv_timer_start(&agent->stop_timer, on_closing_late, AGENT_STOP_MS, 0);
	uv_run(agent->loop, UV_RUN_DEFAULT);
	if (uv_loop_alive(agent->loop))
		return false;
	uv_close((uv_handle_t *)&agent->stop_timer, NULL);
	uv_run(agent->loop, UV_RUN_NOWAIT);
	return true;
}

bool agent_close(struct agent *agent)
{
	if (!all_finished(agent))
		return false;
	for (unsigned int i = 0; i < agent->n_sinks; i++)
		close_sink(agent->sinks[i]);
	for (unsigned int i = 0; i < agent->roster.n; i++)
		instance_free(agent->roster.slots[i]);
	uv_close((uv_handle_t *)&agent->sample_timer, NULL);
	uv_close((uv_handle_t *)&agent->kick_timer, NULL);
	if (!run_dry(agent))
		return false;
	meter_env_fini(&agent->env);
	agent_conf_free(agent->conf);
	free(agent);
	return true;
}
