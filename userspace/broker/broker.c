/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "broker/broker_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

/* ---- life ---- */

static void on_closed(uv_handle_t *handle)
{
	struct broker *b = handle->data;

	if (--b->handles == 0)
		free(b);
}

static void timer_open(struct broker *b, uv_timer_t *timer)
{
	uv_timer_init(b->conf.loop, timer);
	timer->data = b;
	b->handles++;
}

static int check_conf(const struct broker_conf *conf, struct err *err)
{
	const struct alto_calendar *cal = &conf->calendar;

	if (!conf->domains && !conf->view)
		return err_set(err, -EINVAL, "/domains", "false",
			       "must be true where there is no view: there would be no map");
	if (cal->n_intervals > ALTO_INTERVALS_MAX || (cal->n_intervals && !cal->interval_s))
		return err_set(err, -EINVAL, "/calendar", NULL,
			       "must have at most %d intervals of at least 1 s",
			       ALTO_INTERVALS_MAX);
	return 0;
}

/* What is known already is what there is. */
static void begin(struct broker *b)
{
	b->ready = true;
	broker_dirty(b, BROKER_S_SAND);
}

int broker_open(const struct broker_conf *conf, struct broker **out, struct err *err)
{
	struct broker *b;
	int r = check_conf(conf, err);

	if (r)
		return err_object(err, "broker");
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(err, -ENOMEM, "", NULL, "no memory");
	b->conf = *conf;
	b->dirty[BROKER_S_DOMAINS] = conf->domains;
	b->dirty[BROKER_S_SAND] = conf->view;
	timer_open(b, &b->timer);
	timer_open(b, &b->age);
	uv_unref((uv_handle_t *)&b->age);
	for (int i = 0; i < BROKER_P_MAX; i++) {
		b->prefix[i].broker = b;
		ncsdb_writer_init(&b->prefix[i].writer, conf->db);
	}
	if (!conf->domains)
		begin(b);
	else
		r = broker_follow_all(b);
	if (r) {
		broker_close(b);
		return err_set(err, r, "", NULL, "domains and links cannot be followed: %s",
			       strerror(-r));
	}
	*out = b;
	return 0;
}

void broker_close(struct broker *b)
{
	if (!b)
		return;
	b->changed = NULL;
	broker_replace_leave(b);
	broker_make_leave(b);
	for (int i = 0; i < BROKER_P_MAX; i++) {
		ncsdb_follow_stop(b->prefix[i].follow);
		ncsdb_writer_fini(&b->prefix[i].writer);
		broker_waiting_free(&b->prefix[i]);
	}
	broker_holds_free(b);
	broker_objects_fini(b);
	alto_snapshot_put(b->snapshot);
	for (int i = 0; i < BROKER_S_MAX; i++)
		alto_source_put(b->sources[i]);
	uv_close((uv_handle_t *)&b->timer, on_closed);
	uv_close((uv_handle_t *)&b->age, on_closed);
}

/* ---- reading back ---- */

json_t *broker_item_json(const struct broker_item *item)
{
	json_t *obj = NULL;

	json_parse(item->text, strlen(item->text), &obj, NULL);
	return obj;
}

static struct broker_item domain_item(const struct domain *domain)
{
	return (struct broker_item){
		.id = domain->id, .text = domain->text, .revision = domain->revision};
}

static struct broker_item link_item(const struct link *link)
{
	return (struct broker_item){
		.id = link->a, .b = link->b, .text = link->text, .revision = link->revision};
}

bool broker_domain(const struct broker *b, const char *id, struct broker_item *out)
{
	const struct domain *domain = broker_domain_at(b, id);

	if (domain)
		*out = domain_item(domain);
	return domain;
}

bool broker_link(const struct broker *broker, const char *a, const char *b, struct broker_item *out)
{
	const struct link *link = broker_link_at(broker, a, b);

	if (link)
		*out = link_item(link);
	return link;
}

void broker_domains_each(const struct broker *b, const char *after,
			 bool (*each)(void *arg, const struct broker_item *item), void *arg)
{
	const struct domain *domain = radix_seek(&b->domains, after ? after : "", after);

	for (; domain; domain = radix_seek(&b->domains, domain->id, true)) {
		const struct broker_item item = domain_item(domain);

		if (!each(arg, &item))
			return;
	}
}

void broker_links_each(const struct broker *b, const char *after_a, const char *after_b,
		       bool (*each)(void *arg, const struct broker_item *item), void *arg)
{
	char key[LINK_KEY_LEN] = "";
	const struct link *link;

	if (after_a)
		broker_link_key(after_a, after_b ? after_b : "", key);
	link = radix_seek(&b->links, key, after_a);
	while (link) {
		const struct broker_item item = link_item(link);

		if (!each(arg, &item))
			return;
		link = radix_seek(&b->links, broker_link_key(link->a, link->b, key), true);
	}
}

/* The next that leads from id, in the order of links. a NULL: the first. */
static const struct link *next_from(const struct broker *broker, const char *id, const char *a,
				    const char *b)
{
	char key[LINK_KEY_LEN], first[LINK_KEY_LEN];
	const struct link *link;

	broker_link_key(id, "", first);
	broker_link_key(a ? a : "", a ? b : "", key);
	if (!a || strcmp(key, first) < 0)
		link = radix_seek(&broker->links, first, false);
	else
		link = radix_seek(&broker->links, key, true);
	return link && strcmp(link->a, id) == 0 ? link : NULL;
}

/* The next that leads to id. */
static const struct link *next_to(const struct broker *broker, const char *id, const char *a,
				  const char *b)
{
	char key[LINK_END_LEN];
	const struct link *link;

	if (a)
		link = radix_seek(&broker->links_to, broker_link_end(a, id, key),
				  strcmp(id, b) <= 0);
	else
		link = radix_seek(&broker->links_to, broker_link_key(id, "", key), false);
	return link && strcmp(link->b, id) == 0 ? link : NULL;
}

static const struct link *earlier(const struct link *x, const struct link *y)
{
	char kx[LINK_KEY_LEN], ky[LINK_KEY_LEN];

	if (!x || !y)
		return x ? x : y;
	return strcmp(broker_link_key(x->a, x->b, kx), broker_link_key(y->a, y->b, ky)) < 0 ? x : y;
}

void broker_links_of(const struct broker *broker, const char *id, const char *after_a,
		     const char *after_b, bool (*each)(void *arg, const struct broker_item *item),
		     void *arg)
{
	const char *a = after_a, *b = after_b ? after_b : "";
	const struct link *link;
	struct broker_item item;

	for (;;) {
		link = earlier(next_from(broker, id, a, b), next_to(broker, id, a, b));
		if (!link)
			return;
		item = link_item(link);
		if (!each(arg, &item))
			return;
		a = link->a;
		b = link->b;
	}
}

/* ---- what there is ---- */

struct alto_snapshot *broker_snapshot(const struct broker *b)
{
	return b->snapshot;
}

void broker_on_change(struct broker *b, void (*changed)(void *arg), void *arg)
{
	b->changed = changed;
	b->changed_arg = arg;
}

void broker_view_changed(struct broker *b)
{
	if (b->conf.view)
		broker_dirty(b, BROKER_S_SAND);
}

void broker_stats(const struct broker *b, struct broker_stats *out)
{
	*out = b->stats;
	out->refused = b->refusals.count;
	out->domains = b->domains.count;
	out->links = b->links.count;
}

void broker_follow_stats(const struct broker *b, struct ncsdb_follow_stats *out)
{
	*out = FOLLOW_STATS_NONE;
	for (int i = 0; i < BROKER_P_MAX; i++)
		ncsdb_follow_add(b->prefix[i].follow, out);
}
