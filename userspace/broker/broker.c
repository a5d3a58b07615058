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
	}
	broker_holds_free(b);
	broker_objects_fini(b);
	json_decref(b->shown);
	alto_snapshot_put(b->snapshot);
	for (int i = 0; i < BROKER_S_MAX; i++)
		alto_source_put(b->sources[i]);
	uv_close((uv_handle_t *)&b->timer, on_closed);
	uv_close((uv_handle_t *)&b->age, on_closed);
}

/* ---- reading back ---- */

static bool item_show(const struct broker *broker, const char *text, struct broker_item *item)
{
	struct broker *b = (struct broker *)broker; /* what is shown is no state */
	json_t *obj;

	if (json_parse(text, strlen(text), &obj, NULL))
		return false;
	json_decref(b->shown);
	b->shown = obj;
	item->obj = obj;
	return true;
}

static bool domain_item(const struct broker *b, const struct domain *domain,
			struct broker_item *item)
{
	*item = (struct broker_item){.id = domain->id, .revision = domain->revision};
	return item_show(b, domain->text, item);
}

static bool link_item(const struct broker *b, const struct link *link, struct broker_item *item)
{
	*item = (struct broker_item){.id = link->a, .b = link->b, .revision = link->revision};
	return item_show(b, link->text, item);
}

bool broker_domain(const struct broker *b, const char *id, struct broker_item *out)
{
	const struct domain *domain = broker_domain_at(b, id);

	return domain && domain_item(b, domain, out);
}

bool broker_link(const struct broker *broker, const char *a, const char *b, struct broker_item *out)
{
	const struct link *link = broker_link_at(broker, a, b);

	return link && link_item(broker, link, out);
}

void broker_domains_each(const struct broker *b, const char *after,
			 bool (*each)(void *arg, const struct broker_item *item), void *arg)
{
	const struct domain *domain = radix_seek(&b->domains, after ? after : "", after);
	struct broker_item item;

	for (; domain; domain = radix_seek(&b->domains, domain->id, true))
		if (domain_item(b, domain, &item) && !each(arg, &item))
			return;
}

void broker_links_each(const struct broker *b, const char *after_a, const char *after_b,
		       bool (*each)(void *arg, const struct broker_item *item), void *arg)
{
	char key[LINK_KEY_LEN] = "";
	const struct link *link;
	struct broker_item item;

	if (after_a)
		broker_link_key(after_a, after_b ? after_b : "", key);
	link = radix_seek(&b->links, key, after_a);
	while (link) {
		if (link_item(b, link, &item) && !each(arg, &item))
			return;
		link = radix_seek(&b->links, broker_link_key(link->a, link->b, key), true);
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
