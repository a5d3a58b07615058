/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This host's part in commits: it prepares the stage, says how far it is; and may lead. */
#include "intent/intent_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/own.h"

/* ---- the lease ---- */

static void on_held(void *arg, int64_t lease)
{
	struct intent *in = arg;

	in->host.again = true;
	intent_stats_again(in);
	intent_step(in);
}

int intent_host_start(struct intent *in)
{
	return ncsdb_hold_start(in->conf.loop, in->conf.db, intent_limits.lease_s, on_held, in,
				&in->host.hold);
}

void intent_host_stop(struct intent *in)
{
	ncsdb_hold_stop(in->host.hold, true);
	in->host.hold = NULL;
}

int64_t intent_lease(const struct intent *in)
{
	return in->host.hold ? ncsdb_hold_lease(in->host.hold) : 0;
}

bool intent_host_there(const struct intent *in)
{
	const struct record *rec = intent_record(in, "hosts/%s", in->conf.host);
	int64_t lease = intent_lease(in);

	return rec && lease && rec->lease == lease;
}

/* ---- the stage ---- */

/* A tenant that cannot be read in the head either is none of this commit's. */
static int stage_take(struct intent *in, const struct stored_stage *stage, struct err *err)
{
	const struct state_tenant *unread;
	struct state *state = NULL;
	int r = intent_state_new(in, &stage->to, 0, &state, err);

	if (!r)
		r = intent_state_read(in, state, SIZE_MAX, err);
	unread = r ? NULL : intent_state_unread(state, in->state);
	if (unread) {
		*err = unread->why;
		r = err->code;
	}
	if (r) {
		intent_state_free(state);
		return r;
	}
	intent_state_free(in->staged);
	in->staged = state;
	return in->conf.prepare ? in->conf.prepare(in->conf.arg, &state->head, err) : 0;
}

static void stage_answer(struct host_part *host, int r, struct err *err)
{
	char text[512];

	host->preparing = false;
	host->say.prepared = host->stage_commit;
	host->say.stage = host->stage;
	host->say.prepare_failed = r != 0;
	if (r && !err->want[0])
		err_set(err, r, "", NULL, "it cannot be carried: %s", strerror(-r));
	if (r)
		err_clean(host->prepare_why, sizeof(host->prepare_why),
			  err_text(err, text, sizeof(text)));
}

static void stage_prepare(struct intent *in, const struct stored_stage *stage,
			  const struct record *rec)
{
	struct host_part *host = &in->host;
	struct err err = {0};
	int r;

	host->stage = rec->create_rev;
	host->stage_commit = stage->commit;
	host->preparing = false; /* what comes meanwhile is of the one before: numbers repeat */
	r = stage_take(in, stage, &err);
	host->preparing = r == -EINPROGRESS;
	if (!host->preparing)
		stage_answer(host, r, &err);
}

void intent_prepared(struct intent *in, uint64_t commit)
{
	struct err nothing = {0};

	if (!in->host.preparing || commit != in->host.stage_commit)
		return;
	stage_answer(&in->host, 0, &nothing);
	intent_kick(in);
}

void intent_on_stage_gone(struct intent *in, void (*gone)(void *arg), void *arg)
{
	in->on_stage_gone = gone;
	in->on_stage_gone_arg = arg;
}

/* It is in force everywhere, or was taken back. */
static void stage_gone(struct intent *in)
{
	in->host.preparing = false;
	in->host.say.prepare_failed = false;
	intent_state_free(in->staged);
	in->staged = NULL;
	if (!in->host.stage)
		return;
	in->host.stage = 0;
	if (in->on_stage_gone)
		in->on_stage_gone(in->on_stage_gone_arg);
}

static void stage_follow(struct intent *in)
{
	const struct record *rec;
	struct stored_stage stage;

	if (!intent_stage(in, &stage, &rec)) {
		stage_gone(in);
		return;
	}
	if (stage.step != STORED_PREPARE)
		in->host.preparing = false;
	else if (in->host.stage != rec->create_rev)
		stage_prepare(in, &stage, rec);
	stored_stage_fini(&stage);
}

/* ---- saying so ---- */

static char *say_text(const struct host_part *host)
{
	bool prepare = host->say.prepare_failed, apply = host->say.apply_failed && !prepare;
	const char *why = prepare ? host->prepare_why : apply ? host->apply_why : host->part_why;
	json_t *obj = json_pack("{s:I, s:I, s:I, s:s}", "prepared", (json_int_t)host->say.prepared,
				"applied", (json_int_t)host->say.applied, "stage",
				(json_int_t)host->say.stage, "why", why);
	char *text;

	if (prepare || apply)
		json_object_set_new(obj, "failed", json_string(prepare ? "prepare" : "apply"));
	text = obj ? json_text(obj) : NULL;
	json_decref(obj);
	return text;
}

static void on_said(void *arg, int status, int64_t revision, bool created)
{
	struct intent *in = arg;

	in->host.saying = false;
	if (status) {
		in->host.again = true;
		in->host.after_ms = intent_now(in) + INTENT_RETRY_MS;
	}
	if (!in->closed)
		intent_step(in);
	intent_unref(in);
}

static void say_write(struct intent *in, int64_t lease, char *text)
{
	struct host_part *host = &in->host;
	struct ncsdb_write *w = ncsdb_write_new(&in->writer);

	ncsdb_write_put(w, lease, text, INTENT_KEYS "hosts/%s", in->conf.host);
	free(host->said);
	host->said = text;
	host->lease = lease;
	host->again = false;
	host->saying = true;
	in->refs++;
	if (ncsdb_write_commit(w, (struct ncsdb_write_done){on_said, in}, NULL) == 0)
		return;
	host->saying = false;
	host->again = true;
	host->after_ms = intent_now(in) + INTENT_RETRY_MS;
	intent_wake(in, host->after_ms);
	in->refs--;
}

/* What was not taken is not offered again at once. */
static bool too_soon(struct intent *in)
{
	if (intent_now(in) >= in->host.after_ms)
		return false;
	intent_wake(in, in->host.after_ms);
	return true;
}

static void say(struct intent *in)
{
	struct host_part *host = &in->host;
	int64_t lease = intent_lease(in);
	char *text;

	if (!lease || host->saying || too_soon(in))
		return;
	text = say_text(host);
	if (text && (host->again || host->lease != lease || !host->said ||
		     strcmp(text, host->said) != 0 || !intent_host_there(in)))
		say_write(in, lease, text);
	else
		free(text);
}

/* ---- the leader ---- */

static void on_lead(void *arg, int status, int64_t revision, bool created)
{
	struct intent *in = arg;

	in->host.asking = false;
	if (status && status != -ESTALE)
		in->host.after_ms = intent_now(in) + INTENT_RETRY_MS;
	if (!in->closed)
		intent_step(in);
	intent_unref(in);
}

static void lead_ask(struct intent *in, int64_t lease)
{
	struct ncsdb_write *w = ncsdb_write_new(&in->writer);
	json_t *obj = json_pack("{s:s}", "host", in->conf.host);
	OWN_PTR char *text = obj ? json_text(obj) : NULL;

	json_decref(obj);
	ncsdb_write_if(w, 0, INTENT_KEYS "leader");
	ncsdb_write_put(w, lease, text, INTENT_KEYS "leader");
	in->host.asking = true;
	in->refs++;
	if (ncsdb_write_commit(w, (struct ncsdb_write_done){on_lead, in}, NULL) == 0)
		return;
	in->host.asking = false;
	in->host.after_ms = intent_now(in) + INTENT_RETRY_MS;
	in->refs--;
}

/* Who has lost its lease leads no longer, also where the database does not answer. */
static void lead(struct intent *in)
{
	const struct record *rec = intent_record(in, "leader");
	int64_t lease = intent_lease(in);
	bool leads = rec && lease && rec->lease == lease;

	if (!rec && lease && !in->host.asking && !too_soon(in))
		lead_ask(in, lease);
	if (!rec || leads)
		intent_wake(in, intent_now(in) + intent_limits.lease_s * 1000 / 3);
	if (leads == in->host.leads)
		return;
	in->host.leads = leads;
	if (in->conf.leader)
		in->conf.leader(in->conf.arg, leads);
}

void intent_host_step(struct intent *in)
{
	intent_head_follow(in);
	if (in->closed || (in->reading && !in->told_synced))
		return;
	if (!in->reading)
		stage_follow(in);
	if (in->closed)
		return;
	say(in);
	lead(in);
}

/* ---- all hosts ---- */

static enum hosts_answer host_look(const struct hosts_look *look, const struct stored_host *host)
{
	if (look->stage && host->stage == look->stage && host->prepared == look->commit)
		return host->prepare_failed ? HOSTS_FAILED : HOSTS_DONE;
	if (!look->stage && host->applied == look->commit)
		return host->apply_failed ? HOSTS_FAILED : HOSTS_DONE;
	return HOSTS_WAIT;
}

static enum hosts_answer record_look(struct intent *in, struct hosts_look *look,
				     const struct record *rec)
{
	struct stored_host host;
	struct err err = {0};
	enum hosts_answer answer = HOSTS_WAIT;

	if (stored_host_parse(rec->text, rec->len, &host, &err))
		intent_refuse(in, rec, &err);
	else
		answer = host_look(look, &host);
	if (answer == HOSTS_DONE)
		return answer;
	err_clean(look->host, sizeof(look->host), intent_record_name(rec));
	err_clean(look->why, sizeof(look->why), answer == HOSTS_FAILED ? host.why : "");
	return answer;
}

/* A record that no lease holds is nobody's: it would be waited for, for ever. */
static bool is_host(const struct record *rec)
{
	char name[1][NAME_LEN];

	return rec->lease && ncsdb_key_split(rec->key, "hosts/", name, 1) == 1;
}

const struct record *intent_host_next(const struct intent *in, const struct record *rec)
{
	do
		rec = intent_record_next(in, "hosts/", rec);
	while (rec && !is_host(rec));
	return rec;
}

bool intent_host_alive(const struct intent *in, const char *name)
{
	const struct record *rec = intent_record(in, "hosts/%s", name);

	return rec && is_host(rec);
}

enum hosts_answer intent_hosts_look(struct intent *in, struct hosts_look *look)
{
	enum hosts_answer all = HOSTS_DONE;
	const struct record *rec = NULL;

	if (!intent_host_there(in)) {
		err_clean(look->host, sizeof(look->host), in->conf.host);
		return HOSTS_WAIT;
	}
	while ((rec = intent_host_next(in, rec))) {
		enum hosts_answer one;

		if (look->except && strcmp(look->except, intent_record_name(rec)) == 0)
			continue;
		one = record_look(in, look, rec);
		if (one == HOSTS_FAILED)
			return one;
		if (one == HOSTS_WAIT)
			all = one;
	}
	return all;
}

json_t *intent_hosts_json(const struct intent *in)
{
	json_t *array = json_array();
	const struct record *rec = NULL;

	while ((rec = intent_host_next(in, rec))) {
		struct stored_host host;

		if (stored_host_parse(rec->text, rec->len, &host, NULL))
			continue;
		json_array_append_new(array, json_pack("{s:s, s:I, s:I, s:s}", "host",
						       intent_record_name(rec), "prepared",
						       (json_int_t)host.prepared, "applied",
						       (json_int_t)host.applied, "why", host.why));
	}
	return array;
}
