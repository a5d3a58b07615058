/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures of flows and connections, of every host, under its lease. */
#include "intent/intent_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define FIGURES_MAX 65536	  /* of this host */
#define AT_ONCE 100		  /* written in one transaction */
#define OBJECT_LEN (3 * NAME_LEN) /* object, or "connection.ingress.gateway" */
#define FIGURE_KEY_LEN (NAME_LEN + OBJECT_LEN)

struct figure {
	struct figure *prev, *next; /* of those that are to be written */
	struct figure *with;	    /* of those that are being written */
	uint64_t packets, bytes;
	bool dirty, gone;
	const char *object; /* in key */
	char key[FIGURE_KEY_LEN];
};

/* As util/name.h, but longer. */
static bool object_valid(const char *object)
{
	size_t len = strlen(object);

	return len && len < OBJECT_LEN &&
	       strspn(object, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789._-") == len;
}

static void dirty(struct intent *in, struct figure *figure)
{
	if (!figure->dirty)
		DL_APPEND(in->dirty, figure);
	figure->dirty = true;
}

int intent_stats_put(struct intent *in, const char *tenant, const char *object, uint64_t packets,
		     uint64_t bytes)
{
	struct figure *figure;
	char key[FIGURE_KEY_LEN];

	if (!name_valid(tenant) || !object_valid(object) || packets > INT64_MAX ||
	    bytes > INT64_MAX)
		return -EINVAL;
	snprintf(key, sizeof(key), "%s/%s", tenant, object);
	figure = radix_get(&in->figures, key);
	if (figure && figure->packets == packets && figure->bytes == bytes && !figure->gone)
		return 0;
	if (!figure) {
		if (in->figures.count >= FIGURES_MAX)
			return -ENOSPC;
		figure = calloc(1, sizeof(*figure));
		if (!figure || radix_reserve(&in->figures, key)) {
			free(figure);
			return -ENOMEM;
		}
		strcpy(figure->key, key);
		figure->object = figure->key + strlen(tenant) + 1;
		radix_set(&in->figures, key, figure);
	}
	figure->packets = packets;
	figure->bytes = bytes;
	figure->gone = false;
	dirty(in, figure);
	intent_kick(in);
	return 0;
}

static void each_figure(struct intent *in, void (*each)(struct intent *in, struct figure *figure))
{
	struct figure *figure = radix_seek(&in->figures, "", false);

	for (; figure; figure = radix_seek(&in->figures, figure->key, true))
		each(in, figure);
}

void intent_stats_again(struct intent *in)
{
	each_figure(in, dirty);
}

static void figure_check(struct intent *in, struct figure *figure)
{
	char tenant[NAME_LEN], name[OBJECT_LEN];
	const struct nemo_store *store;

	/* Of an object, or of a part of it behind a dot. */
	strcpy(name, figure->object);
	name[strcspn(name, ".")] = '\0';
	snprintf(tenant, sizeof(tenant), "%.*s", (int)(figure->object - figure->key - 1),
		 figure->key);
	store = intent_store(in, tenant);
	/* Of another object of that name it is only once somebody says so. */
	figure->gone = figure->gone || !store || !nemo_store_find(store, name);
	if (figure->gone)
		dirty(in, figure);
}

/* One that is gone is forgotten once its key is; what was not taken is written again. */
static void written(struct intent *in, bool taken)
{
	struct figure *figure = in->writing, *next;

	in->writing = NULL;
	for (; figure; figure = next) {
		next = figure->with;
		if (!taken) {
			dirty(in, figure);
		} else if (figure->gone && !figure->dirty) {
			radix_remove(&in->figures, figure->key);
			free(figure);
		}
	}
}

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct intent *in = arg;

	in->stats_busy = false;
	written(in, status == 0);
	if (status)
		in->stats_after_ms = intent_now(in) + INTENT_RETRY_MS;
	if (!in->closed)
		intent_step(in);
	intent_unref(in);
}

static void figure_write(struct intent *in, struct figure *figure, struct ncsdb_write *w,
			 int64_t lease)
{
	char text[96];

	DL_DELETE(in->dirty, figure);
	figure->dirty = false;
	figure->with = in->writing;
	in->writing = figure;
	if (figure->gone) {
		ncsdb_write_del(w, INTENT_KEYS "stats/%s/%s", in->conf.host, figure->key);
		return;
	}
	snprintf(text, sizeof(text), "{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
		 figure->packets, figure->bytes);
	ncsdb_write_put(w, lease, text, INTENT_KEYS "stats/%s/%s", in->conf.host, figure->key);
}

static void figures_write(struct intent *in, int64_t lease)
{
	struct ncsdb_write *w = ncsdb_write_new(&in->writer);

	ncsdb_write_may_be_absent(w);
	for (unsigned int n = 0; in->dirty && n < AT_ONCE; n++)
		figure_write(in, in->dirty, w, lease);
	in->stats_busy = true;
	in->refs++;
	if (ncsdb_write_commit(w, (struct ncsdb_write_done){on_written, in}, NULL)) {
		in->refs--;
		in->stats_busy = false;
		in->stats_after_ms = intent_now(in) + INTENT_RETRY_MS;
		written(in, false);
		intent_wake(in, in->stats_after_ms);
	}
}

void intent_stats_step(struct intent *in)
{
	int64_t lease = intent_lease(in);

	if (in->stats_rev != in->state->mod_rev) {
		in->stats_rev = in->state->mod_rev;
		each_figure(in, figure_check);
	}
	if (!in->dirty || in->stats_busy || !lease)
		return;
	if (intent_now(in) < in->stats_after_ms)
		intent_wake(in, in->stats_after_ms);
	else
		figures_write(in, lease);
}

void intent_stats_fini(struct intent *in)
{
	struct figure *figure;

	while ((figure = radix_seek(&in->figures, "", false))) {
		radix_remove(&in->figures, figure->key);
		free(figure);
	}
	radix_fini(&in->figures);
}

/* ---- of all hosts ---- */

void intent_stats_told(struct intent *in, const struct record *rec)
{
	const char *tenant = strchr(rec->key + strlen("stats/"), '/');
	const char *object = tenant ? strchr(tenant + 1, '/') : NULL;
	char name[NAME_LEN];

	if (!in->on_stats || !object || object - tenant > NAME_LEN)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(object - tenant - 1), tenant + 1);
	in->on_stats(in->on_stats_arg, name, object + 1);
}

bool intent_stats(const struct intent *in, const char *tenant, const char *object,
		  uint64_t *packets, uint64_t *bytes)
{
	const struct record *host = NULL;
	bool any = false;

	*packets = *bytes = 0;
	while ((host = intent_record_next(in, "hosts/", host))) {
		const struct record *rec = intent_record(in, "stats/%s/%s/%s",
							 intent_record_name(host), tenant, object);
		uint64_t counts[2];

		if (!rec || stored_counts_parse(rec->text, rec->len, counts, NULL))
			continue;
		*packets += counts[0];
		*bytes += counts[1];
		any = true;
	}
	return any;
}

void intent_on_stats(struct intent *in,
		     void (*changed)(void *arg, const char *tenant, const char *object), void *arg)
{
	in->on_stats = changed;
	in->on_stats_arg = arg;
}
