/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/maps.h"

#include <stdio.h>
#include <string.h>

#include "sand/options.h"
#include "sand/secret.h"
#include "util/log.h"

static int refuse(const struct err *err, const char *what)
{
	char text[512];

	log_err(what, "%s", err_text(err, text, sizeof(text)));
	return EXIT_CONFIG;
}

static void on_view(void *arg)
{
	broker_view_changed(arg);
}

static int open_broker(struct maps *m, const struct maps_conf *conf)
{
	const struct config_alto *config = conf->config;
	struct err err = {0};
	int r;

	if (!config->domains && !config->own)
		return 0;
	r = broker_open(
		&(struct broker_conf){
			.loop = conf->loop,
			.db = conf->db,
			.view = config->own ? conf->view : NULL,
			.domains = config->domains,
			.calendar = config->calendar,
		},
		&m->broker, &err);
	if (r)
		return refuse(&err, "ALTO maps not made");
	if (config->own) {
		conf->view->changed = on_view;
		conf->view->changed_arg = m->broker;
	}
	return 0;
}

/* The texts of tokens live as long as this call: altoc copies them. */
static int open_altoc(struct maps *m, const struct maps_conf *conf)
{
	const struct config_alto *config = conf->config;
	struct altoc_source sources[ALTOC_SOURCES_MAX];
	char tokens[ALTOC_SOURCES_MAX][SECRET_MAX], field[64];
	struct err err = {0};
	int r = 0;

	for (unsigned int i = 0; !r && i < config->n_sources; i++) {
		const struct config_alto_source *source = &config->sources[i];

		sources[i] = source->conf;
		if (!source->token_file)
			continue;
		snprintf(field, sizeof(field), "/alto/sources/%u/token_file", i);
		r = secret_read(source->token_file, field, tokens[i], &err);
		sources[i].token = tokens[i];
	}
	r = r
		    ?: altoc_open(
			       &(struct altoc_conf){
				       .loop = conf->loop,
				       .view = conf->view,
				       .nsc = conf->nsc,
				       .csc = conf->csc,
				       .sources = sources,
				       .n_sources = config->n_sources,
			       },
			       &m->altoc, &err);
	explicit_bzero(tokens, sizeof(tokens));
	return r ? refuse(&err, "ALTO sources not opened") : 0;
}

int maps_open(struct maps *m, const struct maps_conf *conf)
{
	int r;

	m->view = conf->view;
	if (!conf->config->obj)
		return 0;
	r = open_broker(m, conf);
	if (!r && conf->config->n_sources)
		r = open_altoc(m, conf);
	return r;
}

void maps_close(struct maps *m)
{
	if (!m->view)
		return;
	m->view->changed = NULL;
	altoc_close(m->altoc);
	if (m->broker)
		broker_close(m->broker);
}
