/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains and links as they are stored, in the order of their names. */
#include "broker/broker_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct broker_limits broker_limits = {
	.domains = BROKER_DOMAINS_MAX,
	.links = BROKER_LINKS_MAX,
	.prefixes = BROKER_PREFIXES_MAX,
	.instances = BROKER_INSTANCES_MAX,
	.own_links = BROKER_OWN_LINKS_MAX,
};

int broker_room(size_t have, bool exists, size_t limit, const char *what, struct err *err)
{
	if (exists || have < limit)
		return 0;
	return err_set(err, -ENOSPC, "", NULL, "one too many: at most %zu %s", limit, what);
}

int broker_prefix_room(size_t n, struct err *err)
{
	if (n <= broker_limits.prefixes)
		return 0;
	return err_set(err, -ENOSPC, "/prefixes", NULL, "too many: at most %u of all domains",
		       broker_limits.prefixes);
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "", NULL, "cannot be kept: no memory");
}

/* ---- domains ---- */

void broker_domain_unref(struct domain *domain)
{
	if (!domain || --domain->refs)
		return;
	for (int i = 0; i < BROKER_PROP_MAX; i++)
		json_decref(domain->props[i]);
	free(domain->text);
	free(domain);
}

/* It is not stored any more; who builds a source may still have it. */
static void domain_leave(struct broker *b, struct domain *domain)
{
	if (!domain)
		return;
	for (uint32_t i = 0; i < domain->n_prefixes; i++)
		owners_drop(&b->owners, &domain->prefixes[i]);
	b->n_prefixes -= domain->n_prefixes;
	b->prefix[BROKER_P_DOMAINS].room = true;
	free(domain->prefixes);
	broker_domain_unref(domain);
}

static int take_prefixes(struct broker *b, struct domain *domain, const struct domain_def *def)
{
	domain->prefixes = calloc(def->n_prefixes + 1, sizeof(*domain->prefixes));
	if (!domain->prefixes)
		return -ENOMEM;
	for (uint32_t i = 0; i < def->n_prefixes; i++) {
		struct owner *owner = &domain->prefixes[i];

		*owner = (struct owner){.id = domain->id, .revision = domain->created};
		if (owners_add(&b->owners, &def->prefixes[i], owner))
			return -ENOMEM;
		domain->n_prefixes++;
		b->n_prefixes++;
	}
	return 0;
}

static struct domain *domain_new(struct broker *b, const char *id, const struct ncsdb_kv *kv,
				 struct domain_def *def)
{
	struct domain *domain = calloc(1, sizeof(*domain) + strlen(id) + 1);

	if (!domain)
		return NULL;
	domain->refs = 1;
	strcpy(domain->id, id);
	domain->created = kv->create_rev;
	domain->revision = kv->mod_rev;
	domain->transit = def->transit;
	domain->text = strndup(kv->value, kv->value_len);
	if (!domain->text || take_prefixes(b, domain, def)) {
		domain_leave(b, domain);
		return NULL;
	}
	memcpy(domain->props, def->props, sizeof(domain->props));
	memset(def->props, 0, sizeof(def->props));
	return domain;
}

struct domain *broker_domain_at(const struct broker *b, const char *id)
{
	return radix_get(&b->domains, id);
}

int broker_domain_store(struct broker *b, const char *id, const struct ncsdb_kv *kv,
			struct domain_def *def, struct err *err)
{
	struct domain *old = broker_domain_at(b, id), *domain;
	size_t prefixes = b->n_prefixes - (old ? old->n_prefixes : 0) + def->n_prefixes;
	int r = broker_room(b->domains.count, old, broker_limits.domains, "domains", err);

	if (!r)
		r = broker_prefix_room(prefixes, err);
	if (r)
		return r;
	domain = domain_new(b, id, kv, def);
	if (!domain || radix_reserve(&b->domains, id)) {
		domain_leave(b, domain);
		return no_memory(err);
	}
	radix_set(&b->domains, id, domain);
	domain_leave(b, old);
	return 0;
}

void broker_domain_drop(struct broker *b, const char *id)
{
	domain_leave(b, radix_remove(&b->domains, id));
}

/* ---- links ---- */

void broker_link_unref(struct link *link)
{
	if (!link || --link->refs)
		return;
	link_def_fini(&link->def);
	free(link->text);
	free(link);
}

static void link_leave(struct broker *b, struct link *link)
{
	if (!link)
		return;
	b->n_calendars -= link->counted;
	b->prefix[BROKER_P_LINKS].room = true;
	broker_link_unref(link);
}

const char *broker_link_key(const char *a, const char *b, char key[LINK_KEY_LEN])
{
	char *end = memccpy(key, a, '\0', ALTO_NAME_LEN);

	if (end)
		end[-1] = '/';
	if (!end || !memccpy(end, b, '\0', LINK_KEY_LEN - (end - key)))
		key[0] = '\0'; /* of no link */
	return key;
}

const char *broker_link_end(const char *a, const char *b, char key[LINK_END_LEN])
{
	broker_link_key(b, a, key);
	if (key[0])
		strcat(key, "/");
	return key;
}

static size_t count_below(const struct radix *tree, const char *id)
{
	char first[ALTO_NAME_LEN + 1], behind[ALTO_NAME_LEN + 1];

	if (strlen(id) >= ALTO_NAME_LEN)
		return 0;
	stpcpy(stpcpy(first, id), "/");
	stpcpy(stpcpy(behind, id), "0"); /* the character after '/' */
	return radix_count_from(tree, first, false) - radix_count_from(tree, behind, false);
}

size_t broker_links_count(const struct broker *b, const char *id)
{
	return count_below(&b->links, id) + count_below(&b->links_to, id);
}

static struct link *link_new(const char *key, const struct ncsdb_kv *kv, struct link_def *def)
{
	struct link *link = calloc(1, sizeof(*link) + strlen(key) + 1);
	char *slash;

	if (!link)
		return NULL;
	link->refs = 1;
	strcpy(link->a, key);
	slash = strchr(link->a, '/');
	*slash = '\0';
	link->b = slash + 1;
	link->revision = kv->mod_rev;
	link->text = strndup(kv->value, kv->value_len);
	if (!link->text) {
		free(link);
		return NULL;
	}
	link->def = *def;
	*def = (struct link_def){0};
	return link;
}

int broker_link_room(const struct broker *b, const char *key, bool calendar, struct err *err)
{
	const struct link *old = radix_get(&b->links, key);
	unsigned int n = b->conf.calendar.n_intervals;
	int r = broker_room(b->links.count, old, broker_limits.links, "links", err);

	if (r || !calendar)
		return r;
	return broker_room(b->n_calendars, old && old->counted, ALTO_CALENDAR_VALUES_MAX / 2 / n,
			   "links with a calendar", err);
}

int broker_link_store(struct broker *b, const char *key, const struct ncsdb_kv *kv,
		      struct link_def *def, struct err *err)
{
	struct link *old = radix_get(&b->links, key), *link;
	int r = broker_link_room(b, key, def->calendar, err);
	char end[LINK_END_LEN];

	if (r)
		return r;
	link = link_new(key, kv, def);
	if (!link || radix_reserve(&b->links, key) ||
	    radix_reserve(&b->links_to, broker_link_end(link->a, link->b, end))) {
		link_leave(b, link);
		return no_memory(err);
	}
	radix_set(&b->links, key, link);
	radix_set(&b->links_to, end, link);
	link->counted = link->def.calendar;
	b->n_calendars += link->counted;
	link_leave(b, old);
	return 0;
}

void broker_link_drop(struct broker *b, const char *key)
{
	struct link *link = radix_remove(&b->links, key);
	char end[LINK_END_LEN];

	if (link)
		radix_remove(&b->links_to, broker_link_end(link->a, link->b, end));
	link_leave(b, link);
}

struct link *broker_link_at(const struct broker *b, const char *a, const char *b_)
{
	char key[LINK_KEY_LEN];
	struct link *link = radix_get(&b->links, broker_link_key(a, b_, key));

	if (link || strcmp(a, b_) < 0)
		return link;
	link = radix_get(&b->links, broker_link_key(b_, a, key));
	return link && !link->def.directed ? link : NULL;
}

void broker_objects_fini(struct broker *b)
{
	struct domain *domain;
	struct link *link;

	while ((domain = radix_seek(&b->domains, "", false)))
		broker_domain_drop(b, domain->id);
	while ((link = radix_seek(&b->links, "", false))) {
		char key[LINK_KEY_LEN];

		broker_link_drop(b, broker_link_key(link->a, link->b, key));
	}
	radix_fini(&b->domains);
	radix_fini(&b->links);
	radix_fini(&b->links_to);
}
