/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "broker/broker_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "util/json.h"
#include "util/own.h"

/* The prefixes that a write under way asks for. */
struct broker_hold {
	struct broker_hold *prev, *next;
	uint32_t n;
	struct owner *prefixes;
	char id[];
};

static void hold_free(struct broker *b, struct broker_hold *hold)
{
	for (uint32_t i = 0; i < hold->n; i++)
		owners_drop(&b->owners, &hold->prefixes[i]);
	DL_DELETE(b->holds, hold);
	free(hold->prefixes);
	free(hold);
}

static void release_hold(void *arg, void *hold)
{
	hold_free(arg, hold);
}

/* Those whose writes are still under way: nobody releases them any more. */
void broker_holds_free(struct broker *b)
{
	while (b->holds)
		hold_free(b, b->holds);
}

static int hold_new(struct broker *b, const char *id, const struct domain_def *def,
		    struct broker_hold **out)
{
	struct broker_hold *hold = calloc(1, sizeof(*hold) + strlen(id) + 1);

	if (!hold)
		return -ENOMEM;
	DL_APPEND(b->holds, hold);
	strcpy(hold->id, id);
	hold->prefixes = calloc(def->n_prefixes + 1, sizeof(*hold->prefixes));
	for (uint32_t i = 0; hold->prefixes && i < def->n_prefixes; i++) {
		hold->prefixes[i] = (struct owner){.id = hold->id, .revision = OWNER_PENDING};
		if (owners_add(&b->owners, &def->prefixes[i], &hold->prefixes[i]))
			break;
		hold->n++;
	}
	if (hold->n < def->n_prefixes || !hold->prefixes) {
		hold_free(b, hold);
		return -ENOMEM;
	}
	*out = hold;
	return 0;
}

static int check_open(const struct broker *b, struct err *err)
{
	if (b->conf.domains)
		return broker_check_known(b, false, err);
	return err_set(err, -EINVAL, "", NULL, "cannot be kept: this broker has no domains");
}

/* ---- domains ---- */

static int domain_refused(const char *id, int r, struct err *err)
{
	if (r)
		err_object(err, "domain %s", id ? id : "");
	return r;
}

static int domain_may(const struct broker *b, const char *who, const char *id, struct err *err)
{
	int r = check_open(b, err);

	if (!r)
		r = broker_parse_id("/id", id, err);
	if (r || !who[0] || strcmp(who, id) == 0)
		return r;
	return err_set(err, -EACCES, "", NULL, "is not to be written by domain %s", who);
}

static int check_prefixes(const struct broker *b, const char *id, const struct domain_def *def,
			  struct err *err)
{
	const struct domain *old = broker_domain_at(b, id);
	size_t have = b->n_prefixes - (old ? old->n_prefixes : 0);
	char text[ALTO_ENDPOINT_LEN];

	for (uint32_t i = 0; i < def->n_prefixes; i++) {
		const struct alto_prefix *prefix = &def->prefixes[i];
		const char *other = owners_other(&b->owners, prefix, id);

		if (other)
			return err_set(err, -EEXIST, "/prefixes", alto_prefix_text(prefix, text),
				       "must be of one domain only: domain %s has it", other);
	}
	return broker_prefix_room(have + def->n_prefixes, err);
}

static int domain_write(struct broker *b, const char *id, const struct domain_def *def,
			const json_t *obj, struct ncsdb_write **out, struct err *err)
{
	OWN_PTR char *text = json_text(obj);
	struct broker_hold *hold;
	struct ncsdb_write *w;
	int r = hold_new(b, id, def, &hold);

	if (r)
		return err_set(err, r, "", NULL, "cannot be kept: no memory");
	w = ncsdb_write_new(&b->prefix[BROKER_P_DOMAINS].writer);
	ncsdb_write_hold(w, release_hold, b, hold);
	ncsdb_write_put(w, 0, text, BROKER_DOMAINS "%s", id);
	*out = w;
	return 0;
}

static int domain_put(struct broker *b, const char *id, const json_t *obj, struct ncsdb_write **out,
		      struct err *err)
{
	struct domain_def def;
	int r = broker_parse_domain(obj, &def, err);

	if (r)
		return r;
	r = check_prefixes(b, id, &def, err);
	if (!r)
		r = broker_room(b->domains.count, broker_domain_at(b, id), broker_limits.domains,
				"domains", err);
	if (!r)
		r = domain_write(b, id, &def, obj, out, err);
	domain_def_fini(&def);
	return r;
}

int broker_domain_put(struct broker *b, const char *who, const char *id, const json_t *obj,
		      int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w = NULL;
	int r = domain_may(b, who, id, err);

	if (!r)
		r = domain_put(b, id, obj, &w, err);
	if (!r) {
		ncsdb_write_if(w, if_revision, BROKER_DOMAINS "%s", id);
		r = ncsdb_write_commit(w, done, err);
	}
	return domain_refused(id, r, err);
}

int broker_domain_del(struct broker *b, const char *who, const char *id, int64_t if_revision,
		      struct ncsdb_write_done done, struct err *err)
{
	struct ncsdb_write *w;
	int r = domain_may(b, who, id, err);

	if (!r) {
		w = ncsdb_write_new(&b->prefix[BROKER_P_DOMAINS].writer);
		ncsdb_write_if(w, if_revision, BROKER_DOMAINS "%s", id);
		ncsdb_write_del(w, BROKER_DOMAINS "%s", id);
		r = ncsdb_write_commit(w, done, err);
	}
	return domain_refused(id, r, err);
}

/* ---- links ---- */

static int link_refused(const char *a, const char *b, int r, struct err *err)
{
	if (r)
		err_object(err, "link %s/%s", a ? a : "", b ? b : "");
	return r;
}

static int link_may(const struct broker *broker, const char *who, const char *a, const char *b,
		    struct err *err)
{
	int r = check_open(broker, err);

	if (!r)
		r = broker_parse_id("/a", a, err);
	if (!r)
		r = broker_parse_id("/b", b, err);
	if (!r && strcmp(a, b) == 0)
		r = err_set(err, -EINVAL, "/b", b, "must be another domain");
	if (r || !who[0] || strcmp(who, a) == 0 || strcmp(who, b) == 0)
		return r;
	return err_set(err, -EACCES, "", NULL, "is not to be written by domain %s", who);
}

/* Where a link is stored. */
struct place {
	const char *a, *b;
};

static struct place place_of(const struct link_def *def, const char *a, const char *b)
{
	if (!def->directed && strcmp(a, b) > 0)
		return (struct place){b, a};
	return (struct place){a, b};
}

/* The resource a/b is what broker_link() finds: that is what the condition is about. A symmetric
 * one that is put as b/a takes the place of a directed one there. */
static struct ncsdb_write *link_write(struct broker *broker, struct place at,
				      const struct link *old, int64_t if_revision, const char *text)
{
	struct ncsdb_write *w = ncsdb_write_new(&broker->prefix[BROKER_P_LINKS].writer);

	ncsdb_write_if(w, if_revision, BROKER_LINKS "%s/%s", old ? old->a : at.a,
		       old ? old->b : at.b);
	ncsdb_write_put(w, 0, text, BROKER_LINKS "%s/%s", at.a, at.b);
	if (old && old->def.directed && strcmp(old->a, at.b) == 0)
		ncsdb_write_del(w, BROKER_LINKS "%s/%s", old->a, old->b);
	return w;
}

/* A domain that adds a link has only so many, lest one of them takes all there may be. */
static int own_room(const struct broker *b, const char *who, const char *key, struct err *err)
{
	unsigned int max = broker_limits.own_links;

	if (!who[0] || radix_get(&b->links, key) || broker_links_count(b, who) < max)
		return 0;
	return err_set(err, -ENOSPC, "", NULL, "one too many: at most %u links of domain %s", max,
		       who);
}

int broker_link_put(struct broker *broker, const char *who, const char *a, const char *b,
		    const json_t *obj, int64_t if_revision, struct ncsdb_write_done done,
		    struct err *err)
{
	OWN_PTR char *text = NULL;
	char key[LINK_KEY_LEN];
	struct link_def def;
	struct place at;
	int r = link_may(broker, who, a, b, err);

	if (!r)
		r = broker_parse_link(obj, &broker->conf.calendar, &def, err);
	if (r)
		return link_refused(a, b, r, err);
	at = place_of(&def, a, b);
	r = own_room(broker, who, broker_link_key(at.a, at.b, key), err);
	if (!r)
		r = broker_link_room(broker, key, def.calendar, err);
	link_def_fini(&def);
	if (!r) {
		text = json_text(obj);
		r = ncsdb_write_commit(
			link_write(broker, at, broker_link_at(broker, a, b), if_revision, text),
			done, err);
	}
	return link_refused(a, b, r, err);
}

int broker_link_del(struct broker *broker, const char *who, const char *a, const char *b,
		    int64_t if_revision, struct ncsdb_write_done done, struct err *err)
{
	const struct link *old;
	struct ncsdb_write *w;
	int r = link_may(broker, who, a, b, err);

	if (!r) {
		old = broker_link_at(broker, a, b);
		w = ncsdb_write_new(&broker->prefix[BROKER_P_LINKS].writer);
		ncsdb_write_if(w, if_revision, BROKER_LINKS "%s/%s", old ? old->a : a,
			       old ? old->b : b);
		ncsdb_write_del(w, BROKER_LINKS "%s/%s", old ? old->a : a, old ? old->b : b);
		r = ncsdb_write_commit(w, done, err);
	}
	return link_refused(a, b, r, err);
}
