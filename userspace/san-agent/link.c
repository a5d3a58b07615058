/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "san-agent/link_int.h"
#include "san-agent/request.h"
#include "util/clock.h"
#include "util/log.h"

_Static_assert(sizeof(((struct job *)0)->path) == REQUEST_PATH_MAX, "paths fit");

void link_forget(struct link *link)
{
	link->registered = false;
	for (unsigned int i = 0; i < link->env.roster->n; i++) {
		memset(&link->slots[i], 0, sizeof(link->slots[i]));
		link->slots[i].line = -1;
	}
}

static bool asking_about(const struct link *link, unsigned int slot)
{
	return link->busy && link->job.kind == JOB_INSTANCE && link->job.slot == slot;
}

void link_renew(struct link *link, unsigned int slot)
{
	struct link_slot *ls = &link->slots[slot];

	memset(ls, 0, sizeof(*ls));
	ls->line = -1;
	ls->renewed = asking_about(link, slot);
}

static void renew(struct sink *sink, unsigned int slot)
{
	link_renew((struct link *)sink, slot);
}

static bool cleared(const struct sink *sink, unsigned int slot)
{
	const struct link *link = (const struct link *)sink;

	return !link->registered || (!link->slots[slot].put && !asking_about(link, slot));
}

/* ---- which request is next ---- */

static bool may_register(const struct link *link, const struct instance *inst)
{
	if (inst->leaving || !inst->health_known)
		return false;
	/* A server that cannot reach the instance has no use for it: the SID comes first. */
	return link->sink.allocates || !link->conf->has_gateway_server ||
	       !IN6_IS_ADDR_UNSPECIFIED(&inst->sid);
}

static bool settled(const struct sink *sink)
{
	const struct link *link = (const struct link *)sink;

	for (unsigned int i = 0; i < link->env.roster->n; i++) {
		const struct instance *inst = link->env.roster->slots[i];

		if (inst && !inst->leaving && !link->slots[i].put)
			return false;
	}
	return link->registered;
}

static void make_agent(struct link *link, enum job_kind kind)
{
	static const struct {
		const char *method, *tail;
	} table[] = {
		[JOB_AGENT] = {"PUT", ""},
		[JOB_KEEPALIVE] = {"POST", "/keepalive"},
		[JOB_GOODBYE] = {"DELETE", ""},
	};
	struct job *job = &link->job;

	job->kind = kind;
	job->method = table[kind].method;
	request_agent_path(link->conf->agent, table[kind].tail, job->path);
	if (kind == JOB_AGENT)
		job->body = request_agent(link->conf->ttl_s);
}

static bool make_instance(struct link *link, uint64_t now_us)
{
	struct job *job = &link->job;

	for (unsigned int i = 0; i < link->env.roster->n; i++) {
		const struct instance *inst = link->env.roster->slots[i];
		const struct link_slot *ls = &link->slots[i];
		bool leave = inst && inst->leaving && ls->put;

		if (!inst || now_us < ls->retry_us || (!leave && (ls->put || inst->leaving)))
			continue;
		if (!leave && !may_register(link, inst))
			continue;
		job->kind = leave ? JOB_LEAVE : JOB_INSTANCE;
		job->method = leave ? "DELETE" : "PUT";
		job->slot = i;
		request_instance_path(&inst->conf, job->path);
		/* The gateway decides about a SID that nobody configured, also the next time. */
		if (!leave)
			job->body = request_instance(inst, link->conf->gateway, link->lease,
						     link->sink.allocates ? &inst->conf.sid
									  : &inst->sid);
		return true;
	}
	return false;
}

/* Adds the values that are worth it; false = none. */
static bool add_values(const struct link *link, const struct instance *inst, struct link_slot *ls,
		       json_t *attrs)
{
	ls->sending = 0;
	for (unsigned int i = 0; i < inst->n_values; i++) {
		const struct value *value = &inst->values[i];
		const struct gate_rule rule = {
			.band = value->band,
			.min_us = link->conf->min_interval_ms * 1000ull,
			.max_us = link->conf->max_age_ms * 1000ull,
		};

		if (!value->known ||
		    !gate_due(&ls->gates[i], value->milli, link->job.made_us, &rule))
			continue;
		json_object_set_new(attrs, value->name, request_number(value->milli));
		ls->milli[i] = value->milli;
		ls->sending |= 1u << i;
	}
	ls->sending_up = inst->up;
	if (inst->up != ls->told_up)
		json_object_set_new(attrs, "state", json_string(inst->up ? "up" : "down"));
	return json_object_size(attrs) > 0;
}

static bool make_status(struct link *link)
{
	json_t *batch = json_array();

	for (unsigned int i = 0; i < link->env.roster->n; i++) {
		const struct instance *inst = link->env.roster->slots[i];
		struct link_slot *ls = &link->slots[i];
		json_t *line;

		ls->line = -1;
		if (!inst || inst->leaving || !ls->put)
			continue;
		line = request_status(&inst->conf);
		if (add_values(link, inst, ls, json_object_get(line, "attributes")) &&
		    !json_array_append(batch, line))
			ls->line = (int)json_array_size(batch) - 1;
		json_decref(line);
	}
	if (!json_array_size(batch)) {
		json_decref(batch);
		return false;
	}
	link->job.kind = JOB_STATUS;
	link->job.method = "POST";
	link->job.body = batch;
	strcpy(link->job.path, "/v1/status");
	return true;
}

static bool make_job(struct link *link, uint64_t now_us)
{
	memset(&link->job, 0, sizeof(link->job));
	link->job.made_us = now_us;
	if (link->goodbye) {
		make_agent(link, JOB_GOODBYE);
		return true;
	}
	if (now_us < link->retry_us)
		return false;
	if (!link->registered) {
		make_agent(link, link->must_delete ? JOB_GOODBYE : JOB_AGENT);
		return true;
	}
	if (now_us >= link->keepalive_us) {
		make_agent(link, JOB_KEEPALIVE);
		return true;
	}
	return make_instance(link, now_us) || make_status(link);
}

/* ---- running it ---- */

static void kick(struct link *link);

static void work(uv_work_t *req)
{
	struct link *link = req->data;
	struct job *job = &link->job;

	job->rc = http_call(link->http, job->method, job->path, job->body, &job->status,
			    &job->answer, &job->err);
}

static void after_work(uv_work_t *req, int status)
{
	struct link *link = req->data;
	struct job *job = &link->job;

	if (status)
		job->rc = -ECANCELED;
	link->busy = false;
	link_answer(link, clock_us());
	json_decref(job->body);
	json_decref(job->answer);
	kick(link);
	link->env.on_turn(link->env.arg);
}

static void kick(struct link *link)
{
	if (link->busy || link->finished)
		return;
	if (link->goodbye && !link->registered) {
		link->finished = true;
		return;
	}
	if (!make_job(link, clock_us()))
		return;
	link->job.work.data = link;
	link->busy = !uv_queue_work(link->env.loop, &link->job.work, work, after_work);
	if (!link->busy)
		json_decref(link->job.body);
}

/* ---- as a sink ---- */

static void kick_sink(struct sink *sink)
{
	kick((struct link *)sink);
}

static void set_conf(struct sink *sink, const struct agent_conf *conf)
{
	((struct link *)sink)->conf = conf;
}

static void goodbye(struct sink *sink)
{
	struct link *link = (struct link *)sink;

	link->goodbye = true;
	kick(link);
}

static bool finished(const struct sink *sink)
{
	return ((const struct link *)sink)->finished;
}

static void close_link(struct sink *sink)
{
	struct link *link = (struct link *)sink;

	http_close(link->http);
	free(link);
}

static const struct sink_ops link_ops = {
	.kick = kick_sink,
	.set_conf = set_conf,
	.renew = renew,
	.cleared = cleared,
	.settled = settled,
	.goodbye = goodbye,
	.finished = finished,
	.close = close_link,
};

int link_open(const struct sink_env *env, const char *endpoint, bool allocates,
	      const struct agent_conf *conf, struct sink **out, struct err *err)
{
	struct link *link = calloc(1, sizeof(*link));
	int rc;

	if (!link)
		return err_set(err, -ENOMEM, "", "", "out of memory");
	link->env = *env;
	link->conf = conf;
	link->backoff_us = LINK_RETRY_MIN_US;
	snprintf(link->endpoint, sizeof(link->endpoint), "%s", endpoint);
	link->sink = (struct sink){&link_ops, link->endpoint, allocates};
	link_forget(link);
	rc = http_open(endpoint, (long)conf->timeout_ms, &link->http, err);
	if (rc) {
		free(link);
		return rc;
	}
	http_repeat_all(link->http); /* a value or a sign of life told twice is told */
	*out = &link->sink;
	return 0;
}
