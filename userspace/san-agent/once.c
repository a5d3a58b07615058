/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/once.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "san-agent/meter.h"
#include "san-agent/request.h"
#include "util/clock.h"
#include "util/own.h"

static void read_all(const struct agent_conf *conf, struct meter *meters, struct meter_env *env)
{
	meter_env_next(env);
	for (unsigned int i = 0; i < conf->n_instances; i++)
		meter_read(&meters[i], env, &conf->instances[i].source, clock_us(), 1000);
}

static json_t *show(const struct instance_conf *inst, const struct meter *meter)
{
	json_t *out = request_status(inst), *attrs = json_object_get(out, "attributes");
	json_t *unknown = json_object();

	for (int i = 0; i < MEASURE_MAX; i++) {
		const struct load *load = &meter->load;

		if (load->known[i])
			json_object_set_new(attrs, measure_names[i],
					    request_number(load->milli[i]));
		else
			json_object_set_new(unknown, measure_names[i], json_string(load->why[i]));
	}
	for (unsigned int i = 0; i < inst->n_constants; i++)
		json_object_set_new(attrs, inst->constants[i].name,
				    request_number(inst->constants[i].milli));
	json_object_set_new(out, "unknown", unknown);
	return out;
}

int once(const struct agent_conf *conf)
{
	struct meter *meters = calloc(conf->n_instances, sizeof(*meters));
	struct meter_env env;
	json_t *list = json_array();

	if (!meters || !list) {
		free(meters);
		json_decref(list);
		return -ENOMEM;
	}
	meter_env_init(&env);
	read_all(conf, meters, &env);
	usleep(conf->interval_ms * 1000);
	read_all(conf, meters, &env);
	for (unsigned int i = 0; i < conf->n_instances; i++)
		json_array_append_new(list, show(&conf->instances[i], &meters[i]));
	json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	putchar('\n');
	json_decref(list);
	for (unsigned int i = 0; i < conf->n_instances; i++)
		meter_reset(&meters[i]);
	meter_env_fini(&env);
	free(meters);
	return 0;
}
