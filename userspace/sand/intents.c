/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/intents.h"

#include <stdio.h>
#include <string.h>

#include "sand/options.h"
#include "util/log.h"

static int refuse(const struct err *err, const char *what)
{
	char text[512];

	log_err(what, "%s", err_text(err, text, sizeof(text)));
	return EXIT_CONFIG;
}

static int read_tokens(struct intents *m, const struct config_nemo *config, struct err *err)
{
	char field[64];

	for (unsigned int i = 0; i < config->n_urls; i++) {
		m->urls[i] = config->urls[i];
		if (!config->token_files[i])
			continue;
		snprintf(field, sizeof(field), "/nemo/%s", m->urls[i].name ?: m->urls[i].url);
		if (secret_read(config->token_files[i], field, m->tokens[i], err))
			return err->code;
		m->urls[i].token = m->tokens[i];
	}
	return 0;
}

static int on_prepare(void *arg, const struct intent_head *head, struct err *err)
{
	struct intents *m = arg;

	return enact_prepare(m->enact, head, err);
}

static void on_flip(void *arg, const struct intent_head *head)
{
	struct intents *m = arg;

	enact_flip(m->enact, head);
}

static void on_leader(void *arg, bool leads)
{
	struct intents *m = arg;

	enact_leader(m->enact, leads);
}

static void on_synced(void *arg)
{
	struct intents *m = arg;

	m->synced(m->arg);
}

int intents_open(struct intents *m, const struct intents_conf *conf)
{
	const struct config_nemo *config = conf->config;
	struct err err = {0};
	int r;

	if (!config->obj)
		return 0;
	m->synced = conf->synced;
	m->arg = conf->arg;
	r = read_tokens(m, config, &err);
	r = r
		    ?: enact_open(
			       &(struct enact_conf){
				       .loop = conf->loop,
				       .view = conf->view,
				       .ncc = conf->ncc,
				       .host = conf->host,
				       .is_ingress = conf->is_ingress,
				       .zone = config->zone,
				       .urls = m->urls,
				       .n_urls = config->n_urls,
			       },
			       &m->enact, &err);
	if (r)
		return refuse(&err, "intent not enacted");
	r = intent_open(
		&(struct intent_conf){
			.loop = conf->loop,
			.db = conf->db,
			.view = conf->view,
			.host = conf->host,
			.tenants = config->tenants,
			.n_tenants = config->n_tenants,
			.testbed = config->testbed,
			.prepare = on_prepare,
			.flip = on_flip,
			.leader = on_leader,
			.synced = on_synced,
			.arg = m,
		},
		&m->intent, &err);
	if (r)
		return refuse(&err, "intent not followed");
	enact_follow(m->enact, m->intent);
	return 0;
}

bool intents_settled(const struct intents *m)
{
	struct ncsdb_follow_stats stats = FOLLOW_STATS_NONE;

	if (m->intent)
		intent_follow_stats(m->intent, &stats);
	return stats.settled;
}

void intents_close(struct intents *m)
{
	if (m->enact)
		enact_close(m->enact);
	if (m->intent)
		intent_close(m->intent);
	explicit_bzero(m->tokens, sizeof(m->tokens));
}
