/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Webhooks: for each listener of a tenant one event at a time, in order, until it was taken (2xx);
 * failures are tried again, later each time. The leader delivers; where it begins says the database
 * (`delivered`), so that an event may come twice, with the same sequence number, but none is left
 * out while it is kept. A listener that is only a name, or a URL that is not allowed, is sent
 * nothing. A tenant has ENACT_CHANNELS_MAX of them at a time; events of others wait until one of
 * these has nothing to do.
 */
#include "enact/enact_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"
#include "util/own.h"

#define LOG_US (60 * UINT64_C(1000000))	      /* between lines about the same */
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

uint64_t enact_delivered_to(const struct enact *enact, const char *tenant, const char *listener)
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
	char to[ENACT_URL_SHOWN];

	ch->enact->stats.failed++;
	ch->failures++;
	err_clean(ch->why, sizeof(ch->why), why);
	if (first)
		log_warn("webhook fails, tried again", "tenant=%s to=\"%s\" why=\"%s\"", ch->tenant,
			 enact_url_show(ch->conf, ch->url, to, sizeof(to)), ch->why);
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
	ch->delay_ms = 0;
	ch->why[0] = '\0';
	intent_delivered_put(enact->intent, ch->tenant, enact_delivered_key(ch->listener, key),
			     ch->queue[ch->first], (struct ncsdb_write_done){0}, &err);
	ch->taken = ch->queue[ch->first++];
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
	const struct enact_channel *ch;
	char *body; /* NULL: it is no longer kept */
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

static bool on_event(void *arg, uint64_t sequence, const char *text)
{
	struct next *next = arg;
	json_t *event = NULL;

	if (sequence == next->ch->queue[next->ch->first] &&
	    json_parse(text, strlen(text), &event, NULL) == 0)
		next->body = body_of(next->ch, sequence, event);
	json_decref(event);
	return false;
}

static void kick(struct enact_channel *ch)
{
	struct enact *enact = ch->enact;
	struct next next = {.ch = ch};

	if (ch->job || !enact->leads || enact->closed || uv_is_active((uv_handle_t *)&ch->retry))
		return;
	while (!next.body && ch->first < ch->end) {
		intent_events(enact->intent, ch->tenant, ch->queue[ch->first] - 1, on_event, &next);
		ch->first += !next.body;
	}
	if (next.body)
		post(ch, next.body);
	free(next.body);
}

/* Those that are sent, or kept no longer, make room. */
static bool push(struct enact_channel *ch, uint64_t sequence)
{
	if (ch->end == ch->cap && ch->first > ch->cap / 2) {
		ch->end -= ch->first;
		memmove(ch->queue, ch->queue + ch->first, ch->end * sizeof(ch->queue[0]));
		ch->first = 0;
	}
	if (ch->end == ch->cap) {
		unsigned int cap = ch->cap ? 2 * ch->cap : 8;
		uint64_t *queue = reallocarray(ch->queue, cap, sizeof(queue[0]));

		if (!queue)
			return false;
		ch->queue = queue;
		ch->cap = cap;
	}
	ch->queue[ch->end++] = ch->last = sequence;
	while (!ch->job && ch->queue[ch->first] + intent_limits.events <= sequence)
		ch->first++;
	return true;
}

/* ---- channels ---- */

struct enact_channel *enact_channel_find(const struct enact *enact, const char *tenant,
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

static void on_closed(uv_handle_t *handle)
{
	struct enact_channel *ch = handle->data;

	enact_unref(ch->enact);
	free(ch->queue);
	free(ch);
}

static void halt(struct enact_channel *ch)
{
	fetch_cancel(ch->job);
	ch->job = NULL;
	uv_timer_stop(&ch->retry);
	ch->delay_ms = 0;
	ch->first = ch->end = 0;
	ch->last = ch->taken = 0;
}

static void channel_close(struct enact_channel *ch)
{
	HASH_DEL(ch->enact->channels, ch);
	halt(ch);
	uv_close((uv_handle_t *)&ch->retry, on_closed);
}

/* Nothing is to be sent, and the database knows what was. */
static bool is_idle(const struct enact_channel *ch)
{
	return !ch->job && ch->first == ch->end &&
	       enact_delivered_to(ch->enact, ch->tenant, ch->listener) >= ch->taken;
}

unsigned int enact_channels_of(const struct enact *enact, const char *tenant)
{
	struct enact_channel *ch;
	unsigned int n = 0;

	for (ch = enact->channels; ch; ch = ch->hh.next)
		n += strcmp(ch->tenant, tenant) == 0;
	return n;
}

static bool make_room(struct enact *enact, const char *tenant)
{
	struct enact_channel *ch;

	if (enact_channels_of(enact, tenant) < ENACT_CHANNELS_MAX)
		return true;
	for (ch = enact->channels; ch; ch = ch->hh.next) {
		if (strcmp(ch->tenant, tenant) != 0 || !is_idle(ch))
			continue;
		channel_close(ch);
		return true;
	}
	return false;
}

static struct enact_channel *channel_new(struct enact *enact, const char *tenant,
					 const char *listener, const struct enact_url *url)
{
	size_t size = strlen(tenant) + strlen(listener) + 2;
	struct enact_channel *ch = calloc(1, sizeof(*ch) + size);

	if (!ch)
		return NULL;
	ch->enact = enact;
	snprintf(ch->tenant, sizeof(ch->tenant), "%s", tenant);
	snprintf(ch->key, size, "%s/%s", tenant, listener);
	ch->listener = ch->key + strlen(tenant) + 1;
	ch->conf = url;
	ch->url = url->name ? url->url : ch->listener;
	uv_timer_init(enact->conf.loop, &ch->retry);
	ch->retry.data = ch;
	enact->handles++;
	HASH_ADD_STR(enact->channels, key, ch);
	return ch;
}

static void on_rescan(uv_timer_t *timer);

/* Its events are found again later. */
static void too_many(struct enact *enact, const char *tenant)
{
	uint64_t now_us = clock_us();

	uv_timer_start(&enact->rescan, on_rescan, ENACT_RESCAN_MS, 0);
	if (enact->rescan_logged_us && now_us - enact->rescan_logged_us < LOG_US)
		return;
	enact->rescan_logged_us = now_us;
	log_warn("webhooks wait", "tenant=%s why=\"%d listeners are served at a time\"", tenant,
		 ENACT_CHANNELS_MAX);
}

/* NULL: there is nowhere to send it, or not now. */
static struct enact_channel *channel_get(struct enact *enact, const char *tenant,
					 const char *listener)
{
	struct enact_channel *ch = enact_channel_find(enact, tenant, listener);
	const struct enact_url *url;
	char why[160];

	if (ch)
		return ch;
	url = enact_url_find(&enact->conf, listener, why, sizeof(why));
	if (!url)
		return NULL;
	if (make_room(enact, tenant))
		return channel_new(enact, tenant, listener, url);
	too_many(enact, tenant);
	return NULL;
}

static void hand_over(struct enact *enact, const char *tenant, uint64_t sequence, const char *text)
{
	json_t *event = NULL;
	const char *listener;
	struct enact_channel *ch;

	if (json_parse(text, strlen(text), &event, NULL))
		return;
	listener = json_string_value(json_object_get(event, "listener"));
	if (listener && listener[0] && sequence > enact_delivered_to(enact, tenant, listener)) {
		ch = channel_get(enact, tenant, listener);
		if (ch && sequence > ch->last && push(ch, sequence))
			kick(ch);
	}
	json_decref(event);
}

static void on_new_event(void *arg, const char *tenant, uint64_t sequence, const char *text)
{
	struct enact *enact = arg;

	if (enact->leads && enact->fetch)
		hand_over(enact, tenant, sequence, text);
}

/* ---- leading ---- */

struct scan {
	struct enact *enact;
	const char *tenant;
};

static bool on_old_event(void *arg, uint64_t sequence, const char *text)
{
	struct scan *scan = arg;

	hand_over(scan->enact, scan->tenant, sequence, text);
	return true;
}

static void scan(struct enact *enact, const char *tenant)
{
	intent_events(enact->intent, tenant, 0, on_old_event, &(struct scan){enact, tenant});
}

/* Of those that had too many. */
static void on_rescan(uv_timer_t *timer)
{
	struct enact *enact = timer->data;

	for (unsigned int i = 0; enact->leads && i < enact->head.n; i++)
		if (enact_channels_of(enact, enact->head.tenants[i].name) >= ENACT_CHANNELS_MAX)
			scan(enact, enact->head.tenants[i].name);
}

void enact_hooks_lead(struct enact *enact, bool leads)
{
	struct enact_channel *ch;

	if (!leads) {
		uv_timer_stop(&enact->rescan);
		for (ch = enact->channels; ch; ch = ch->hh.next)
			halt(ch);
		return;
	}
	for (unsigned int i = 0; enact->fetch && i < enact->head.n; i++)
		scan(enact, enact->head.tenants[i].name);
}

void enact_hooks_open(struct enact *enact)
{
	enact->listen.event = on_new_event;
	enact->listen.arg = enact;
	intent_listen(enact->intent, &enact->listen);
}

void enact_hooks_close(struct enact *enact)
{
	struct enact_channel *ch, *next;

	if (enact->intent)
		intent_unlisten(enact->intent, &enact->listen);
	HASH_ITER(hh, enact->channels, ch, next)
		channel_close(ch);
	fetch_close(enact->fetch);
	enact->fetch = NULL;
}
