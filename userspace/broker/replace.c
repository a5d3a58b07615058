/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything at once: checked as a whole against nothing but itself, then what differs from what is
 * stored is written, NCSDB_TXN_MAX changes or about PART_BYTES a revision, a few revisions at a
 * time.
 */
#include "broker/broker_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/own.h"

#define FLYING_MAX 8
#define PART_BYTES (1u << 20) /* of values in one revision, but for one that is larger itself */

struct change {
	char *key, *value; /* value NULL: deleted */
};

struct replacement {
	struct broker *broker; /* NULL: it is gone */
	struct ncsdb_write_done done;
	struct change *v; /* domains, then links */
	size_t n, cap, n_domains, at;
	unsigned int flying;
	int status;
	int64_t revision;
};

static void replacement_free(struct replacement *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->v[i].key);
		free(all->v[i].value);
	}
	free(all->v);
	free(all);
}

/* Takes value; NULL: a deletion. */
static int change_add(struct replacement *all, const char *prefix, const char *name, char *value)
{
	struct change *change;

	if (all->n == all->cap) {
		size_t cap = all->cap ? 2 * all->cap : 64;
		struct change *v = reallocarray(all->v, cap, sizeof(*v));

		if (!v) {
			free(value);
			return -ENOMEM;
		}
		all->v = v;
		all->cap = cap;
	}
	change = &all->v[all->n];
	*change = (struct change){.value = value};
	if (asprintf(&change->key, "%s%s", prefix, name) < 0) {
		free(value);
		return -ENOMEM;
	}
	all->n++;
	return 0;
}

/* Nothing if that is stored already. */
static int change_put(struct replacement *all, const char *prefix, const char *name,
		      const json_t *obj, const char *stored)
{
	char *text = json_text(obj);

	if (!text)
		return -ENOMEM;
	if (stored && strcmp(stored, text) == 0) {
		free(text);
		return 0;
	}
	return change_add(all, prefix, name, text);
}

/* ---- checking ---- */

/* Prefixes of a domain that was looked at. */
struct seen {
	struct seen *next;
	uint32_t n;
	struct owner prefixes[];
};

struct look {
	struct broker *broker;
	struct replacement *all;
	struct owners owners;
	struct seen *seen;
	struct radix links; /* keys that were looked at */
	size_t n_prefixes, n_calendars;
};

static void look_fini(struct look *look)
{
	struct seen *seen;

	while ((seen = look->seen)) {
		for (uint32_t i = 0; i < seen->n; i++)
			owners_drop(&look->owners, &seen->prefixes[i]);
		look->seen = seen->next;
		free(seen);
	}
	radix_fini(&look->links);
}

static int look_prefixes(struct look *look, const char *id, const struct domain_def *def,
			 struct err *err)
{
	struct seen *seen = calloc(1, sizeof(*seen) + def->n_prefixes * sizeof(struct owner));
	char text[ALTO_ENDPOINT_LEN];

	if (!seen)
		return -ENOMEM;
	seen->next = look->seen;
	look->seen = seen;
	for (uint32_t i = 0; i < def->n_prefixes; i++) {
		const struct alto_prefix *prefix = &def->prefixes[i];
		const char *other = owners_other(&look->owners, prefix, id);

		if (other)
			return err_set(err, -EEXIST, "/prefixes", alto_prefix_text(prefix, text),
				       "must be of one domain only: domain %s has it", other);
		seen->prefixes[i] = (struct owner){.id = id};
		if (owners_add(&look->owners, prefix, &seen->prefixes[i]))
			return -ENOMEM;
		seen->n++;
	}
	look->n_prefixes += def->n_prefixes;
	return broker_prefix_room(look->n_prefixes, err);
}

static int look_domain(struct look *look, const char *id, const json_t *obj, struct err *err)
{
	const struct domain *stored = broker_domain_at(look->broker, id);
	struct domain_def def;
	int r = broker_parse_id("/id", id, err);

	if (!r)
		r = broker_parse_domain(obj, &def, err);
	if (!r) {
		r = look_prefixes(look, id, &def, err);
		domain_def_fini(&def);
	}
	if (!r)
		r = change_put(look->all, BROKER_DOMAINS, id, obj, stored ? stored->text : NULL);
	if (r)
		err_object(err, "domain %s", id);
	return r;
}

static int link_ends(const json_t *obj, const char **a, const char **b, struct err *err)
{
	int r = json_is_obj(obj, err);

	if (!r)
		r = json_get_str(obj, "a", JSON_REQUIRED, a, err);
	if (!r)
		r = json_get_str(obj, "b", JSON_REQUIRED, b, err);
	if (!r)
		r = broker_parse_id("/a", *a, err);
	if (!r)
		r = broker_parse_id("/b", *b, err);
	if (!r && strcmp(*a, *b) == 0)
		r = err_set(err, -EINVAL, "/b", *b, "must be another domain");
	return r;
}

static int look_link_at(struct look *look, const char *key, const json_t *obj, struct err *err)
{
	const struct link *stored = radix_get(&look->broker->links, key);

	if (radix_get(&look->links, key))
		return err_set(err, -EEXIST, "", NULL, "must be there once only");
	if (radix_reserve(&look->links, key))
		return -ENOMEM;
	radix_set(&look->links, key, look);
	return change_put(look->all, BROKER_LINKS, key, obj, stored ? stored->text : NULL);
}

/* value: without the names of its ends. */
static int look_link_value(struct look *look, const char *a, const char *b, const json_t *value,
			   struct err *err)
{
	char key[LINK_KEY_LEN];
	struct link_def def;
	int r = broker_parse_link(value, &look->broker->conf.calendar, &def, err);
	bool swap;

	if (!r && def.calendar)
		r = broker_room(look->n_calendars++, false,
				ALTO_CALENDAR_VALUES_MAX / 2 /
					look->broker->conf.calendar.n_intervals,
				"links with a calendar", err);
	if (!r) {
		swap = !def.directed && strcmp(a, b) > 0;
		link_def_fini(&def);
		broker_link_key(swap ? b : a, swap ? a : b, key);
		r = look_link_at(look, key, value, err);
	}
	if (r)
		err_object(err, "link %s/%s", a, b);
	return r;
}

static int look_link(struct look *look, size_t i, const json_t *obj, struct err *err)
{
	const char *a = NULL, *b = NULL;
	int r = link_ends(obj, &a, &b, err);
	json_t *value;

	if (r) {
		err_prefix(err, "/links/%zu", i);
		return r;
	}
	value = json_copy((json_t *)obj);
	if (!value)
		return -ENOMEM;
	json_object_del(value, "a");
	json_object_del(value, "b");
	r = look_link_value(look, a, b, value, err);
	json_decref(value);
	return r;
}

static int look_domains(struct look *look, json_t *domains, struct err *err)
{
	const struct domain *domain = radix_seek(&look->broker->domains, "", false);
	const char *id;
	json_t *obj;
	int r = 0;

	json_object_foreach(domains, id, obj) {
		r = look_domain(look, id, obj, err);
		if (r)
			return r;
	}
	for (; domain && !r; domain = radix_seek(&look->broker->domains, domain->id, true))
		if (!json_object_get(domains, domain->id))
			r = change_add(look->all, BROKER_DOMAINS, domain->id, NULL);
	look->all->n_domains = look->all->n;
	return r;
}

static int look_links(struct look *look, const json_t *links, struct err *err)
{
	const struct link *link = radix_seek(&look->broker->links, "", false);
	char key[LINK_KEY_LEN];
	int r = 0;

	for (size_t i = 0; i < json_array_size(links); i++) {
		r = look_link(look, i, json_array_get(links, i), err);
		if (r)
			return r;
	}
	while (link && !r) {
		broker_link_key(link->a, link->b, key);
		if (!radix_get(&look->links, key))
			r = change_add(look->all, BROKER_LINKS, key, NULL);
		link = radix_seek(&look->broker->links, key, true);
	}
	return r;
}

static int look_sizes(const json_t *domains, const json_t *links, struct err *err)
{
	size_t max = broker_limits.domains;

	if (max > BROKER_REPLACE_MAX)
		max = BROKER_REPLACE_MAX;
	if (json_object_size(domains) > max)
		return err_set(err, -ENOSPC, "/domains", NULL, "must have at most %zu domains",
			       max);
	if (json_array_size(links) > broker_limits.links)
		return err_set(err, -ENOSPC, "/links", NULL, "must have at most %u links",
			       broker_limits.links);
	return 0;
}

static int look_all(struct look *look, const json_t *obj, struct err *err)
{
	static const char *const members[] = {"domains", "links", NULL};
	json_t *domains, *links;
	int r = json_is_obj(obj, err);

	if (!r)
		r = json_only(obj, members, err);
	if (!r)
		r = json_get_object(obj, "domains", JSON_REQUIRED, &domains, err);
	if (!r)
		r = json_get_array(obj, "links", JSON_OPTIONAL, &links, err);
	if (!r)
		r = look_sizes(domains, links, err);
	if (!r)
		r = look_domains(look, domains, err);
	return r ? r : look_links(look, links, err);
}

static int check(struct broker *b, const char *who, const json_t *obj, struct replacement *all,
		 struct err *err)
{
	struct look look = {.broker = b, .all = all};
	int r;

	if (!b->conf.domains)
		return err_set(err, -EINVAL, "", NULL,
			       "cannot be kept: this broker has no domains");
	if (who[0])
		return err_set(err, -EACCES, "", NULL,
			       "all domains are not to be written by domain %s", who);
	if (b->replacing)
		return err_set(err, -EAGAIN, "", NULL, "another replacement is under way");
	r = broker_check_known(b, true, err);
	if (r)
		return r;
	r = look_all(&look, obj, err);
	look_fini(&look);
	if (r == -ENOMEM)
		err_set(err, r, "", NULL, "cannot be kept: no memory");
	return r;
}

/* ---- writing ---- */

static void send_more(struct replacement *all);

/* Nothing is under way any more, and nothing more is to be sent. */
static void finish(struct replacement *all)
{
	struct broker *b = all->broker;
	struct ncsdb_write_done done = all->done;
	int64_t revision = all->revision;
	int status = all->status;

	if (b) {
		b->replacing = NULL;
		if (b->dirty[BROKER_S_DOMAINS])
			broker_dirty(b, BROKER_S_DOMAINS);
		if (b->dirty[BROKER_S_SAND])
			broker_dirty(b, BROKER_S_SAND);
	}
	replacement_free(all);
	if (done.done)
		done.done(done.arg, status, status ? 0 : revision, false);
}

static void on_part(void *arg, int status, int64_t revision, bool created)
{
	struct replacement *all = arg;

	all->flying--;
	/* Somebody else has deleted it meanwhile: that is what was wanted. */
	if (status && status != -ENOENT && !all->status)
		all->status = status;
	if (revision > all->revision)
		all->revision = revision;
	send_more(all);
	if (!all->flying)
		finish(all);
}

/* As many as fit into one revision, of one prefix. */
static struct ncsdb_write *next_part(struct replacement *all)
{
	bool domains = all->at < all->n_domains;
	size_t end = domains ? all->n_domains : all->n;
	enum broker_prefix prefix = domains ? BROKER_P_DOMAINS : BROKER_P_LINKS;
	size_t bytes = 0;
	struct ncsdb_write *w = ncsdb_write_new(&all->broker->prefix[prefix].writer);

	for (int i = 0; i < NCSDB_TXN_MAX && all->at < end; i++, all->at++) {
		const struct change *change = &all->v[all->at];

		bytes += change->value ? strlen(change->value) : 0;
		if (i && bytes > PART_BYTES)
			break;
		if (change->value)
			ncsdb_write_put(w, 0, change->value, "%s", change->key);
		else
			ncsdb_write_del(w, "%s", change->key);
	}
	ncsdb_write_may_be_absent(w);
	return w;
}

static int send_part(struct replacement *all, struct err *err)
{
	int r = ncsdb_write_commit(next_part(all), (struct ncsdb_write_done){on_part, all}, err);

	if (!r)
		all->flying++;
	return r;
}

static void send_more(struct replacement *all)
{
	if (!all->broker && !all->status && all->at < all->n)
		all->status = -ECANCELED;
	while (all->at < all->n && !all->status && all->flying < FLYING_MAX)
		all->status = send_part(all, NULL);
}

int broker_replace(struct broker *b, const char *who, const json_t *obj,
		   struct ncsdb_write_done done, struct err *err)
{
	struct replacement *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return err_set(err, -ENOMEM, "", NULL, "cannot be kept: no memory");
	all->broker = b;
	all->done = done;
	r = check(b, who, obj, all, err);
	/* At least one: nothing to do is answered from the loop, too. */
	if (!r)
		r = send_part(all, err);
	if (r) {
		replacement_free(all);
		return r;
	}
	b->replacing = all;
	send_more(all);
	return 0;
}

void broker_replace_leave(struct broker *b)
{
	if (b->replacing)
		b->replacing->broker = NULL;
	b->replacing = NULL;
}
