/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source "domains": every domain a PID with its prefixes and properties, every link between two
 * that are there. */
#include "broker/broker_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct domains_entry {
	struct domain *domain;		   /* a reference */
	uint32_t first_prefix, n_prefixes; /* those that it has before all others */
	uint32_t pid;
};

/* ---- on the loop ---- */

static void collect_domains(const struct broker *b, struct domains *d)
{
	struct domain *domain = radix_seek(&b->domains, "", false);
	size_t n_prefixes = 0;

	for (; domain; domain = radix_seek(&b->domains, domain->id, true)) {
		struct domains_entry *entry = &d->v[d->n++];

		domain->refs++;
		*entry = (struct domains_entry){.domain = domain, .first_prefix = n_prefixes};
		for (uint32_t i = 0; i < domain->n_prefixes; i++) {
			if (owners_first(&domain->prefixes[i]))
				d->prefixes[n_prefixes++] = *owners_prefix(&domain->prefixes[i]);
			else
				d->lost_prefixes++;
		}
		entry->n_prefixes = n_prefixes - entry->first_prefix;
	}
}

static void collect_links(const struct broker *b, struct domains *d)
{
	struct link *link = radix_seek(&b->links, "", false);
	char key[LINK_KEY_LEN];

	while (link) {
		link->refs++;
		d->links[d->n_links++] = link;
		link = radix_seek(&b->links, broker_link_key(link->a, link->b, key), true);
	}
}

int broker_domains_collect(const struct broker *b, struct domains **out)
{
	struct domains *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->calendar = b->conf.calendar;
	d->v = calloc(b->domains.count + 1, sizeof(*d->v));
	d->links = calloc(b->links.count + 1, sizeof(struct link *));
	d->prefixes = calloc(b->n_prefixes + 1, sizeof(*d->prefixes));
	if (!d->v || !d->links || !d->prefixes) {
		broker_domains_free(d);
		return -ENOMEM;
	}
	collect_domains(b, d);
	collect_links(b, d);
	*out = d;
	return 0;
}

void broker_domains_free(struct domains *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		broker_domain_unref(d->v[i].domain);
	for (size_t i = 0; i < d->n_links; i++)
		broker_link_unref(d->links[i]);
	free(d->v);
	free(d->links);
	free(d->prefixes);
	free(d);
}

/* ---- in the thread ---- */

static int add_domain(const struct domains *d, struct alto_builder *builder,
		      struct domains_entry *entry)
{
	const struct domain *domain = entry->domain;
	int r = alto_builder_pid(builder, domain->id, domain->transit, &entry->pid);

	for (uint32_t i = 0; !r && i < entry->n_prefixes; i++)
		r = alto_builder_prefix(builder, entry->pid, &d->prefixes[entry->first_prefix + i]);
	for (int i = 0; !r && i < BROKER_PROP_MAX; i++)
		if (domain->props[i])
			r = alto_builder_pid_prop(builder, entry->pid, broker_prop_names[i],
						  json_incref(domain->props[i]));
	return r;
}

static int by_id(const void *key, const void *entry)
{
	return strcmp(key, ((const struct domains_entry *)entry)->domain->id);
}

static const struct domains_entry *find(const struct domains *d, const char *id)
{
	return bsearch(id, d->v, d->n, sizeof(*d->v), by_id);
}

/* A directed link that is there already wins for its direction. */
static int add_way(struct alto_builder *builder, const struct link *link, uint32_t from,
		   uint32_t to)
{
	struct alto_link way = {.from = from, .to = to, .calendar = link->def.calendar};
	int r;

	memcpy(way.value, link->def.value, sizeof(way.value));
	r = alto_builder_link(builder, &way);
	return r == -EEXIST ? 0 : r;
}

static int add_link(struct domains *d, struct alto_builder *builder, const struct link *link)
{
	const struct domains_entry *from = find(d, link->a), *to = find(d, link->b);
	int r;

	if (!from || !to) {
		d->unused_links++;
		return 0;
	}
	r = add_way(builder, link, from->pid, to->pid);
	if (!r && !link->def.directed)
		r = add_way(builder, link, to->pid, from->pid);
	return r;
}

static int add_links(struct domains *d, struct alto_builder *builder, bool directed)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->n_links; i++)
		if (d->links[i]->def.directed == directed)
			r = add_link(d, builder, d->links[i]);
	return r;
}

static int fill(struct domains *d, struct alto_builder *builder)
{
	int r = alto_builder_calendar(builder, &d->calendar);

	for (int i = 0; !r && i < BROKER_PROP_MAX; i++)
		r = alto_builder_offer_prop(builder, broker_prop_names[i]);
	for (size_t i = 0; !r && i < d->n; i++)
		r = add_domain(d, builder, &d->v[i]);
	if (!r)
		r = add_links(d, builder, true);
	return r ? r : add_links(d, builder, false);
}

int broker_domains_source(struct domains *d, struct alto_source **out)
{
	static const struct alto_builder_conf conf = {
		.stat = "",
		.cost_source = "nominal",
		.service_graph = true,
		.metrics = 1u << ALTO_DELAY_OW | 1u << ALTO_DELAY_RT | 1u << ALTO_LOSSRATE |
			   1u << ALTO_BW_RESIDUAL,
	};
	struct alto_builder *builder;
	int r = alto_builder_new("domains", &builder);

	if (r)
		return r;
	r = fill(d, builder);
	if (r) {
		alto_builder_free(builder);
		return r;
	}
	return alto_builder_finish(builder, &conf, out);
}
