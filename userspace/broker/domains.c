/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source "domains": every domain a PID with its prefixes and properties, every link between two
 * that are there. */
#include "broker/broker_int.h"

#include <errno.h>
#include <string.h>

static int add_prefixes(struct broker *b, struct alto_builder *builder, const struct domain *domain)
{
	for (uint32_t i = 0; i < domain->n_prefixes; i++) {
		const struct owner *owner = &domain->prefixes[i];
		int r = 0;

		if (owners_first(owner))
			r = alto_builder_prefix(builder, domain->pid, owners_prefix(owner));
		else
			b->stats.lost_prefixes++;
		if (r)
			return r;
	}
	return 0;
}

static int add_domain(struct broker *b, struct alto_builder *builder, struct domain *domain)
{
	int r = alto_builder_pid(builder, domain->id, domain->transit, &domain->pid);

	if (!r)
		r = add_prefixes(b, builder, domain);
	for (int i = 0; !r && i < BROKER_PROP_MAX; i++)
		if (domain->props[i])
			r = alto_builder_pid_prop(builder, domain->pid, broker_prop_names[i],
						  json_incref(domain->props[i]));
	return r;
}

static int add_way(struct alto_builder *builder, const struct link *link, uint32_t from,
		   uint32_t to)
{
	struct alto_link way = {.from = from, .to = to, .calendar = link->def.calendar};

	memcpy(way.value, link->def.value, sizeof(way.value));
	return alto_builder_link(builder, &way);
}

/* There is a directed link the other way: it wins for that. */
static bool has_directed_back(const struct broker *b, const struct link *link)
{
	char key[LINK_KEY_LEN];

	return radix_get(&b->links, broker_link_key(link->b, link->a, key));
}

static int add_link(struct broker *b, struct alto_builder *builder, const struct link *link)
{
	const struct domain *from = broker_domain_at(b, link->a),
			    *to = broker_domain_at(b, link->b);
	int r;

	if (!from || !to) {
		b->stats.unused_links++;
		return 0;
	}
	r = add_way(builder, link, from->pid, to->pid);
	if (!r && !link->def.directed && !has_directed_back(b, link))
		r = add_way(builder, link, to->pid, from->pid);
	return r;
}

static int fill(struct broker *b, struct alto_builder *builder)
{
	struct domain *domain = radix_seek(&b->domains, "", false);
	const struct link *link = radix_seek(&b->links, "", false);
	char key[LINK_KEY_LEN];
	int r = alto_builder_calendar(builder, &b->conf.calendar);

	b->stats.lost_prefixes = b->stats.unused_links = 0;
	for (; !r && domain; domain = radix_seek(&b->domains, domain->id, true))
		r = add_domain(b, builder, domain);
	while (!r && link) {
		r = add_link(b, builder, link);
		link = radix_seek(&b->links, broker_link_key(link->a, link->b, key), true);
	}
	return r;
}

int broker_domains_source(struct broker *b, struct alto_source **out)
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
	r = fill(b, builder);
	if (r) {
		alto_builder_free(builder);
		return r;
	}
	return alto_builder_finish(builder, &conf, out);
}
