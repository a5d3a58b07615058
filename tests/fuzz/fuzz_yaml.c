/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a YAML file: refused with an error, or a document whose every pointer has a line.
 * The same bytes as the daemon's configuration: refused with an error that says what would be
 * right, or a configuration within its limits.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../userspace/altoc/conf.c"
#include "../../userspace/sand/config.c"
#include "../../userspace/sand/config_access.c"
#include "../../userspace/sand/config_address.c"
#include "../../userspace/sand/config_alto.c"
#include "../../userspace/sand/config_alto_source.c"
#include "../../userspace/sand/config_database.c"
#include "../../userspace/sand/config_iface.c"
#include "../../userspace/sand/config_nemo.c"
#include "../../userspace/sand/config_objects.c"
#include "../../userspace/sand/config_srv6.c"

struct altoc_times altoc_times; /* nothing is timed here */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void try_yaml(FILE *file)
{
	struct yaml_doc *doc = NULL;
	struct err err = {0};
	int r = yaml_load(file, &doc, &err);

	must(r == 0 || (!doc && err.want[0]));
	must(r != 0 || (yaml_root(doc) && yaml_line(doc, "/services/0/id") >= 1));
	yaml_free(doc);
}

static void check_database(const struct config_database *db)
{
	must(db->n_urls <= NCSDB_ENDPOINTS_MAX);
	must(db->mode == DATABASE_REMOTE || db->n_urls <= NCSDB_LISTEN_MAX);
	must((db->mode == DATABASE_LOCAL) == !db->n_urls);
	must(!db->cert[0] == !db->key[0] && !db->user[0] == !db->password_file[0]);
	must(db->deadline_ms >= 100 && db->lease_ttl_s >= NCSDB_LEASE_TTL_MIN_S);
	for (unsigned int i = 0; i < db->n_urls; i++)
		must(strrchr(db->urls[i], ':') != NULL);
}

static void check_config(const struct config *c)
{
	must(name_valid(c->name));
	check_database(&c->database);
	must(c->n_groups >= 1 && c->n_groups <= SAN_MAX_GROUPS);
	must(c->ncc.n_ifaces <= CONFIG_MAX_IFACES && c->n_sids <= CONFIG_MAX_SIDS + 1);
	must(c->ncc.n_prefixes <= SAN_MAX_BLOCKS + SAN_MAX_INSIDE);
	for (unsigned int i = 0; i < c->ncc.n_ifaces; i++)
		must(c->ifaces[i].group < c->n_groups && c->ifaces[i].name[0]);
	for (unsigned int i = 0; i < c->ncc.n_prefixes; i++)
		must(c->prefixes[i].len >= 1 && c->prefixes[i].len <= 128);
	for (unsigned int i = 0; i < c->n_sids; i++)
		must(c->sids[i].behaviour && c->sids[i].behaviour < SAN_BEHAVIOUR_MAX);
	must(c->ncc.config.sample <= CONFIG_MAX_SAMPLE && c->ncc.config.max_slots >= 256);
}

static void try_config(FILE *file)
{
	struct config *c = NULL;
	struct err err = {0};
	int r = config_load(file, "fuzz", &c, &err);

	must(r ? !c && err.want[0] && err.object[0] : c != NULL);
	if (c)
		check_config(c);
	config_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;

	if (!file)
		return 0;
	try_yaml(file);
	rewind(file);
	try_config(file);
	fclose(file);
	return 0;
}
