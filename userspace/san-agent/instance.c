/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/instance.h"

#include <stdlib.h>
#include <string.h>

void instance_bands(struct instance *inst, const struct agent_conf *agent)
{
	for (int i = 0; i < MEASURE_MAX; i++)
		inst->values[i].band = agent->dead_band[i];
}

static void set_values(struct instance *inst, const struct agent_conf *agent)
{
	memset(inst->values, 0, sizeof(inst->values));
	for (int i = 0; i < MEASURE_MAX; i++)
		strcpy(inst->values[i].name, measure_names[i]);
	for (unsigned int i = 0; i < inst->conf.n_constants; i++) {
		struct value *value = &inst->values[MEASURE_MAX + i];

		strcpy(value->name, inst->conf.constants[i].name);
		value->milli = inst->conf.constants[i].milli;
		value->known = true;
	}
	inst->n_values = MEASURE_MAX + inst->conf.n_constants;
	instance_bands(inst, agent);
}

void instance_change(struct instance *inst, const struct instance_conf *conf,
		     const struct agent_conf *agent)
{
	char id[SVC_ID_TEXT];

	probe_close(inst->probe);
	inst->probe = NULL;
	memcpy(&inst->conf, conf, sizeof(inst->conf));
	meter_reset(&inst->meter);
	snprintf(inst->label, sizeof(inst->label), "%s/%s", svc_id_text(conf->service, id),
		 conf->name);
	inst->health_known = inst->up = conf->probe.kind == PROBE_NONE;
	if (!IN6_IS_ADDR_UNSPECIFIED(&conf->sid))
		inst->sid = conf->sid;
	set_values(inst, agent);
}

struct instance *instance_new(const struct instance_conf *conf, const struct agent_conf *agent)
{
	struct instance *inst = calloc(1, sizeof(*inst));

	if (inst)
		instance_change(inst, conf, agent);
	return inst;
}

void instance_free(struct instance *inst)
{
	if (!inst)
		return;
	probe_close(inst->probe);
	meter_reset(&inst->meter);
	free(inst);
}

void instance_sample(struct instance *inst, struct meter_env *env, uint64_t now_us,
		     unsigned int alpha_permille)
{
	const struct load *load = &inst->meter.load;

	meter_read(&inst->meter, env, &inst->conf.source, now_us, alpha_permille);
	for (int i = 0; i < MEASURE_MAX; i++) {
		inst->values[i].known = load->known[i];
		inst->values[i].milli = load->milli[i];
	}
	meter_log_unknown(&inst->meter, inst->label);
}

bool instance_is(const struct instance *inst, const struct instance_conf *conf)
{
	return inst->conf.service == conf->service && !strcmp(inst->conf.name, conf->name);
}
