/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Webhooks: for each listener of a tenant one event at a time, in order, until it was taken (2xx);
 * failures are tried again, later each time. The leader delivers; where it begins says the database
 * (`delivered`), so that an event may come twice, with the same sequence number, but none is left
 * out while it is kept. A listener that is only a name, or a URL that is not allowed, is sent
 * nothing.
 */
#include "enact/enact_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"
#include "util/own.h"

#define URL_SEED UINT64_C(0x6e656d6f2075726c) /* the same on all hosts */

static void kick(struct enact_channel *ch);

const char *enact_delivered_key(const char *listener, char key[NAME_LEN])
{
	if (name_valid(listener))
		snprintf(key, NAME_LEN, "%s", listener);
	else
		snprintf(key, NAME_LEN, "url.%016" PRIx64,
			 hash_seeded(URL_SEED, listener, strlen(listener)));
	return key;
}

static uint64_t delivered_to(const struct enact *enact, const char *tenant, const char *listener)
{
	char key[NAME_LEN];

	return intent_delivered(enact->intent, tenant, enact_delivered_key(listener, key));
}

static void on_retry(uv_timer_t *timer)
{
	kick(timer->data);
}

static void failed(struct enact_channel *ch, const char *why)
{
	bool first = !ch->why[0];

	ch->enact->stats.failed++;
	ch->failures++;
	err_clean(ch->why, sizeof(ch->why), why);
	if (first)
		log_warn("webhook fails, tried again", "tenant=%s url=\"%s\" why=\"%s\"",
			 ch->tenant, ch->url, ch->why);
	ch->delay_ms = ch->delay_ms ? 2 * ch->delay_ms : ENACT_RETRY_MS;
	if (ch->delay_ms > ENACT_RETRY_MAX_MS)
		ch->delay_ms = ENACT_RETRY_MAX_MS;
	uv_timer_start(&ch->retry, on_retry, ch->delay_ms, 0);
}

static void taken(struct enact_channel *ch)
{
	struct enact *enact = ch->enact;
	struct err err = {0};
	char key[NAME_LEN];

	enact->stats.delivered++;
	ch->scanned = ch->flying;
	ch->delay_ms = 0;
	ch->why[0] = '\0';
	intent_delivered_put(enact->intent, ch->tenant, enact_delivered_key(ch->listener, key),
			     ch->flying, (struct ncsdb_write_done){0}, &err);
	kick(ch);
}

static void on_done(void *arg, const struct fetch_answer *answer)
{
	struct enact_channel *ch = arg;
	char why[sizeof(struct err)];

	ch->job = NULL;
	if (!answer->status && answer->code / 100 == 2) {
		taken(ch);
		return;
	}
	if (answer->status)
		err_text(&answer->err, why, sizeof(why));
	else
		snprintf(why, sizeof(why), "answered %ld", answer->code);
	failed(ch, why);
}

/* What an answer says does not matter. */
static int on_piece(void *arg, const struct fetch_answer *head, const char *bytes, size_t len)
{
	return 0;
}

static void post(struct enact_channel *ch, const char *body)
{
	static const struct fetch_ops ops = {on_piece, on_done};
	struct fetch_conf conf = {
		.url = ch->url,
		.method = "POST",
		.content_type = "application/json",
		.body = body,
		.body_len = strlen(body),
		.token = ch->conf->token,
		.ca = ch->conf->ca,
		.connect_ms = ENACT_WEBHOOK_MS,
		.timeout_ms = ENACT_WEBHOOK_MS,
	};
	struct err err = {0};
	char why[sizeof(err)];

	if (fetch_start(ch->enact->fetch, &conf, &ops, ch, &ch->job, &err))
		failed(ch, err_text(&err, why, sizeof(why)));
}

/* ---- the next event ---- */

struct next {
	struct enact_channel *ch;
	char *body; /* NULL: there is none */
};

static char *body_of(const struct enact_channel *ch, uint64_t sequence, json_t *event)
{
	static const char *const members[] = {"notification", "time", "reason", "values"};
	json_t *out =
		json_pack("{s:s, s:I}", "tenant", ch->tenant, "sequence", (json_int_t)sequence);
	char *text = NULL;

	for (unsigned int i = 0; out && i < ARRAY_SIZE(members); i++) {
		json_t *value = json_object_get(event, members[i]);

		json_object_set_new(out, members[i], value ? json_incref(value) : json_null());
	}
	if (out)
		text = json_text(out);
	json_decref(out);
	return text;
}

static bool is_for(const json_t *event, const char *listener)
{
	const char *to = json_string_value(json_object_get(event, "listener"));

	return to && strcmp(to, listener) == 0;
}

static bool on_event(void *arg, uint64_t sequence, const char *text)
{
	struct next *next = arg;
	json_t *event = NULL;

	if (json_parse(text, strlen(text), &event, NULL) == 0 &&
	    is_for(event, next->ch->listener)) {
		next->body = body_of(next->ch, sequence, event);
		next->ch->flying = sequence;
	} else {
		next->ch->scanned = sequence;
	}
	json_decref(event);
	return !next->body;
}

static void kick(struct enact_channel *ch)
{
	struct enact *enact = ch->enact;
	struct next next = {.ch = ch};
	uint64_t delivered;

	if (ch->job || !ch->conf || !enact->leads || enact->closed ||
	    uv_is_active((uv_handle_t *)&ch->retry))
		return;
	delivered = delivered_to(enact, ch->tenant, ch->listener);
	if (delivered > ch->scanned)
		ch->scanned = delivered;
	intent_events(enact->intent, ch->tenant, ch->scanned, on_event, &next);
	if (next.body)
		post(ch, next.body);
	free(next.body);
}

/* ---- channels ---- */

static struct enact_channel *channel_find(const struct enact *enact, const char *tenant,
					  const char *listener)
{
	OWN_PTR char *key = NULL;
	struct enact_channel *ch = NULL;

	if (asprintf(&key, "%s/%s", tenant, listener) < 0) {
		key = NULL;
		return NULL;
	}
	HASH_FIND_STR(enact->channels, key, ch);
	return ch;
}

static struct enact_channel *channel_new(struct enact *enact, const char *tenant,
					 const char *listener)
{
	size_t size = strlen(tenant) + strlen(listener) + 2;
	struct enact_channel *ch;

	if (enact->n_channels == ENACT_CHANNELS_MAX)
		return NULL;
	ch = calloc(1, sizeof(*ch) + size);
	if (!ch)
		return NULL;
	ch->enact = enact;
	snprintf(ch->tenant, sizeof(ch->tenant), "%s", tenant);
	snprintf(ch->key, size, "%s/%s", tenant, listener);
	ch->listener = ch->key + strlen(tenant) + 1;
	ch->conf = enact_url_find(&enact->conf, ch->listener, ch->why, sizeof(ch->why));
	if (ch->conf)
		ch->url = ch->conf->name ? ch->conf->url : ch->listener;
	uv_timer_init(enact->conf.loop, &ch->retry);
	ch->retry.data = ch;
	enact->handles++;
	enact->n_channels++;
	HASH_ADD_STR(enact->channels, key, ch);
	return ch;
}

static void kick_listener(struct enact *enact, const char *tenant, const char *text)
{
	json_t *event = NULL;
	const char *listener;
	struct enact_channel *ch;

	if (json_parse(text, strlen(text), &event, NULL))
		return;
	listener = json_string_value(json_object_get(event, "listener"));
	if (listener && listener[0]) {
		ch = channel_find(enact, tenant, listener);
		if (!ch)
			ch = channel_new(enact, tenant, listener);
		if (ch)
			kick(ch);
	}
	json_decref(event);
}

static void on_new_event(void *arg, const char *tenant, uint64_t sequence, const char *text)
{
	struct enact *enact = arg;

	if (enact->leads && enact->fetch)
		kick_listener(enact, tenant, text);
}

/* ---- leading ---- */

struct scan {
	struct enact *enact;
	const char *tenant;
};

static bool on_old_event(void *arg, uint64_t sequence, const char *text)
{
	struct scan *scan = arg;

	kick_listener(scan->enact, scan->tenant, text);
	return true;
}

static void halt(struct enact_channel *ch)
{
	fetch_cancel(ch->job);
	ch->job = NULL;
	uv_timer_stop(&ch->retry);
	ch->delay_ms = 0;
	ch->scanned = 0;
}

void enact_hooks_lead(struct enact *enact, bool leads)
{
	struct enact_channel *ch;

	if (!leads) {
		for (ch = enact->channels; ch; ch = ch->hh.next)
			halt(ch);
		return;
	}
	for (unsigned int i = 0; enact->fetch && i < enact->head.n; i++) {
		struct scan scan = {enact, enact->head.tenants[i].name};

		intent_events(enact->intent, scan.tenant, 0, on_old_event, &scan);
	}
}

void enact_hooks_open(struct enact *enact)
{
	enact->listen.event = on_new_event;
	enact->listen.arg = enact;
	intent_listen(enact->intent, &enact->listen);
}

static void on_closed(uv_handle_t *handle)
{
	struct enact_channel *ch = handle->data;

	enact_unref(ch->enact);
	free(ch);
}

void enact_hooks_close(struct enact *enact)
{
	struct enact_channel *ch, *next;

	if (enact->intent)
		intent_unlisten(enact->intent, &enact->listen);
	HASH_ITER(hh, enact->channels, ch, next) {
		HASH_DEL(enact->channels, ch);
		halt(ch);
		uv_close((uv_handle_t *)&ch->retry, on_closed);
	}
	fetch_close(enact->fetch);
	enact->fetch = NULL;
}

/* ---- for north ---- */

struct waiting {
	const char *listener;
	json_int_t n;
};

static bool count_event(void *arg, uint64_t sequence, const char *text)
{
	struct waiting *waiting = arg;
	json_t *event = NULL;

	if (json_parse(text, strlen(text), &event, NULL) == 0)
		waiting->n += is_for(event, waiting->listener);
	json_decref(event);
	return true;
}

static json_t *listener_json(const struct enact *enact, const char *tenant, const char *listener)
{
	const struct enact_channel *ch = channel_find(enact, tenant, listener);
	uint64_t delivered = delivered_to(enact, tenant, listener);
	struct waiting waiting = {.listener = listener};
	const struct enact_url *url;
	char why[160];

	url = enact_url_find(&enact->conf, listener, why, sizeof(why));
	if (url)
		intent_events(enact->intent, tenant, delivered, count_event, &waiting);
	return json_pack("{s:s, s:s?, s:I, s:I, s:I, s:s}", "listener", listener, "url",
			 !url	     ? NULL
			 : url->name ? url->url
				     : listener,
			 "delivered", (json_int_t)delivered, "waiting", waiting.n, "failures",
			 (json_int_t)(ch ? ch->failures : 0), "why", ch && url ? ch->why : why);
}

json_t *enact_hooks_json(const struct enact *enact, const char *tenant)
{
	json_t *out = json_array(), *seen = json_object();

	for (unsigned int i = 0; i < enact->n_items; i++) {
		const struct enact_item *item = &enact->items[i];
		const char *listener = item->object->c.listener.text;

		if (!item->notification || strcmp(item->tenant->name, tenant) != 0 ||
		    json_object_get(seen, listener))
			continue;
		json_object_set_new(seen, listener, json_true());
		json_array_append_new(out, listener_json(enact, tenant, listener));
	}
	json_decref(seen);
	return out;
}
