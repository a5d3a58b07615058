/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/nemo: whose objects are meant, and what can be read of them. */
#include "north/nemo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what is asked for ---- */

bool nemo_admit_req(struct req *req)
{
	struct err err = {0};

	if (!req->north->conf.intent) {
		err_set(&err, -ENOENT, "", req->path, "is not configured: there is no intent");
	} else if (!intent_synced(req->north->conf.intent)) {
		err_set(&err, -EAGAIN, "", NULL, "intent was not read from the database yet");
		rest_retry_later(req);
	} else {
		return true;
	}
	rest_fail(req, &err);
	return false;
}

struct enact *nemo_enact(struct req *req)
{
	struct err err = {0};

	if (req->north->conf.enact)
		return req->north->conf.enact;
	err_set(&err, -ENOENT, "", req->path, "is not configured: this host enacts no intent");
	rest_fail(req, &err);
	return NULL;
}

static int read_text(const char *field, const char *value, char *buf, size_t size, struct err *err)
{
	if (strlen(value) >= size)
		return err_set(err, -EINVAL, field, value, "must be at most %zu bytes", size - 1);
	strcpy(buf, value);
	return 0;
}

static int read_count(const char *field, const char *value, uint64_t *out, struct err *err)
{
	if (rest_number(value, 0, INT64_MAX, out) == 0)
		return 0;
	return err_set(err, -EINVAL, field, value, "must be a number, 0 or more");
}

static int read_confirm(const char *value, uint64_t *out, struct err *err)
{
	if (rest_number(value, 1, INTENT_CONFIRM_MAX_S, out) == 0)
		return 0;
	return err_set(err, -EINVAL, "?confirm", value, "must be seconds, 1..%d",
		       INTENT_CONFIRM_MAX_S);
}

static int read_texts(struct nemo_ask *ask, const char *name, const char *value, struct err *err)
{
	if (strcmp(name, "tenant") == 0)
		return read_text("?tenant", value, ask->name, sizeof(ask->name), err);
	if (strcmp(name, "comment") == 0)
		return read_text("?comment", value, ask->comment, sizeof(ask->comment), err);
	if (strcmp(name, "packet") == 0)
		return read_text("?packet", value, ask->packet, sizeof(ask->packet), err);
	return read_text("?time", value, ask->time, sizeof(ask->time), err);
}

/* The router lets through what the resource takes. */
static int read_parameter(void *arg, const char *name, const char *value, struct err *err)
{
	struct nemo_ask *ask = arg;

	if (strcmp(name, "confirm") == 0)
		return read_confirm(value, &ask->confirm_s, err);
	if (strcmp(name, "revision") == 0)
		return read_count("?revision", value, &ask->revision, err);
	if (strcmp(name, "syntax") == 0)
		return rest_flag(name, value, &ask->syntax, err);
	if (strcmp(name, "kept") == 0)
		return rest_flag(name, value, &ask->kept, err);
	if (strcmp(name, "from") == 0) {
		ask->has_from = true;
		return read_count("?from", value, &ask->from, err);
	}
	if (strcmp(name, "to") == 0) {
		ask->has_to = true;
		return read_count("?to", value, &ask->to, err);
	}
	if (strcmp(name, "after") == 0) {
		ask->has_after = true;
		return read_count("?after", value, &ask->after, err);
	}
	return read_texts(ask, name, value, err);
}

/* 0; -EPERM: somebody else's, whether there is such a tenant or not; -ENOENT. */
static int find_tenant(const struct req *req, struct nemo_ask *ask, struct err *err)
{
	bool own = req->role == NORTH_TENANT;

	if (own && ask->name[0] && strcmp(ask->name, req->who) != 0)
		return err_set(err, -EPERM, "?tenant", ask->name,
			       "must be %s, who asks, or be left out", req->who);
	ask->tenant = own ? req->who : ask->name[0] ? ask->name : NEMO_DEFAULT_TENANT;
	if (intent_knows(req->north->conf.intent, ask->tenant))
		return 0;
	return err_set(err, -ENOENT, "?tenant", ask->tenant,
		       "must be a tenant that is configured on this host");
}

bool nemo_ask(struct req *req, struct nemo_ask *ask)
{
	struct err err = {0};

	*ask = (struct nemo_ask){0};
	if (!rest_query(req, read_parameter, ask))
		return false;
	if (find_tenant(req, ask, &err)) {
		rest_fail(req, &err);
		return false;
	}
	snprintf(req->object, sizeof(req->object), "tenant %s", ask->tenant);
	return true;
}

void nemo_items(struct req *req, json_t *items)
{
	rest_json(req, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}

/* ---- revisions ---- */

static json_t *item_json(const struct intent_item *item)
{
	json_t *obj = json_pack("{s:I, s:s, s:s, s:s, s:b}", "revision", (json_int_t)item->revision,
				"time", item->time ?: "", "by", item->by ?: "", "comment",
				item->comment ?: "", "in_force", (int)item->in_force);

	if (obj && item->rollback_of)
		json_object_set_new(obj, "rollback_of",
				    json_integer((json_int_t)item->rollback_of));
	return obj;
}

static bool add_item(void *arg, const struct intent_item *item)
{
	return json_array_append_new(arg, item_json(item)) == 0;
}

void nemo_history_get(struct req *req)
{
	const struct intent *intent = req->north->conf.intent;
	struct nemo_ask ask;
	json_t *items;

	if (!nemo_ask(req, &ask))
		return;
	items = json_array();
	intent_history(intent, ask.tenant, add_item, items);
	rest_json(req, 200,
		  json_pack("{s:s, s:I, s:o, s:o}", "tenant", ask.tenant, "revision",
			    (json_int_t)intent_revision(intent, ask.tenant), "confirm",
			    intent_confirm_json(intent, ask.tenant) ?: json_null(), "items",
			    items));
}

static void no_revision(struct req *req, const char *field, uint64_t revision, int r)
{
	struct err err = {0};
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)revision);
	if (r == -ENOENT)
		err_set(&err, r, field, text, "must be a revision that is kept: see the history");
	else
		err_set(&err, r, field, text, "cannot be read: %s", strerror(-r));
	rest_fail(req, &err);
}

void nemo_revision_get(struct req *req)
{
	uint64_t revision = 0;
	struct nemo_ask ask;
	int r = 0;
	char *text;

	if (!nemo_ask(req, &ask))
		return;
	if (rest_number(req->param[0], 1, INT64_MAX, &revision)) {
		no_revision(req, "", revision, -ENOENT);
		return;
	}
	text = intent_script(req->north->conf.intent, ask.tenant, revision, &r);
	if (text)
		rest_plain(req, text, "text/plain; charset=utf-8");
	else
		no_revision(req, "", revision, r);
}

void nemo_export_get(struct req *req)
{
	const struct intent *intent = req->north->conf.intent;
	struct nemo_ask ask;

	if (!nemo_ask(req, &ask))
		return;
	snprintf(req->etag, sizeof(req->etag), "\"%llu\"",
		 (unsigned long long)intent_revision(intent, ask.tenant));
	rest_plain(req, nemo_export(intent_store(intent, ask.tenant)), "text/plain; charset=utf-8");
}

/* ---- diff ---- */

/* Objects of a kept revision, of none (0) or of what is in force. NULL: answered. */
static struct nemo_store *load(struct req *req, const struct nemo_ask *ask, const char *field,
			       uint64_t revision)
{
	const struct intent *intent = req->north->conf.intent;
	struct nemo_diags diags = {0};
	struct nemo_store *store;
	OWN_PTR char *text = NULL;
	int r = -ENOMEM;

	if (revision == intent_revision(intent, ask->tenant)) {
		store = nemo_store_copy(intent_store(intent, ask->tenant));
	} else if (revision == 0) {
		store = nemo_store_new();
	} else {
		text = intent_script(intent, ask->tenant, revision, &r);
		store = text ? nemo_store_of(text, strlen(text), &diags, &r) : NULL;
	}
	nemo_diags_fini(&diags);
	if (!store)
		no_revision(req, field, revision, r);
	return store;
}

void nemo_diff_get(struct req *req)
{
	struct nemo_store *from = NULL, *to = NULL;
	struct nemo_ask ask;
	uint64_t head;

	if (!nemo_ask(req, &ask))
		return;
	head = intent_revision(req->north->conf.intent, ask.tenant);
	ask.to = ask.has_to ? ask.to : head;
	ask.from = ask.has_from ? ask.from : ask.to ? ask.to - 1 : 0;
	from = load(req, &ask, "?from", ask.from);
	to = from ? load(req, &ask, "?to", ask.to) : NULL;
	if (to)
		rest_json(req, 200,
			  json_pack("{s:s, s:I, s:I, s:o}", "tenant", ask.tenant, "from",
				    (json_int_t)ask.from, "to", (json_int_t)ask.to, "changes",
				    nemo_diff(from, to)));
	nemo_store_free(from);
	nemo_store_free(to);
}

/* ---- what is in force ---- */

static void list(struct req *req, json_t *(*items)(const struct enact *enact, const char *tenant))
{
	struct nemo_ask ask;
	struct enact *enact;

	if (nemo_ask(req, &ask) && (enact = nemo_enact(req)))
		nemo_items(req, items(enact, ask.tenant));
}

void nemo_operations_get(struct req *req)
{
	list(req, enact_operations_json);
}

void nemo_connections_get(struct req *req)
{
	list(req, enact_connections_json);
}

void nemo_listeners_get(struct req *req)
{
	list(req, enact_listeners_json);
}

/* What a host cannot do may be about other tenants' objects. */
void nemo_hosts_get(struct req *req)
{
	struct err err = {0};
	struct nemo_ask ask;

	if (!nemo_ask(req, &ask))
		return;
	if (req->role == NORTH_ADMIN) {
		nemo_items(req, intent_hosts_json(req->north->conf.intent));
		return;
	}
	err_set(&err, -EPERM, "", NULL, "hosts are the operator's, on the unix socket");
	rest_fail(req, &err);
}

static json_t *counts(const struct nemo_store *store)
{
	unsigned int n[NEMO_OBJECT_MAX] = {0};
	json_t *obj = json_object();

	nemo_store_counts(store, n);
	for (int kind = 0; obj && kind < NEMO_OBJECT_MAX; kind++)
		json_object_set_new(obj, nemo_object_names[kind], json_integer(n[kind]));
	return obj;
}

static json_t *time_json(const struct north *n)
{
	char buf[32];

	return n->conf.enact ? json_string(enact_time(n->conf.enact, buf, sizeof(buf)))
			     : json_null();
}

void nemo_state_get(struct req *req)
{
	const struct intent *intent = req->north->conf.intent;
	struct intent_stats stats = {0};
	struct nemo_ask ask;

	if (!nemo_ask(req, &ask))
		return;
	intent_figures(intent, &stats);
	rest_json(req, 200,
		  json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:i, s:b}", "tenant", ask.tenant,
			    "revision", (json_int_t)intent_revision(intent, ask.tenant), "commit",
			    (json_int_t)intent_head(intent)->commit, "objects",
			    counts(intent_store(intent, ask.tenant)), "confirm",
			    intent_confirm_json(intent, ask.tenant) ?: json_null(), "time",
			    time_json(req->north), "hosts", (int)stats.hosts, "leads",
			    (int)stats.leads));
}

/* ---- explain ---- */

void nemo_explain_get(struct req *req)
{
	struct err err = {0};
	struct nemo_ask ask;
	struct enact *enact;
	json_t *told;

	if (!nemo_ask(req, &ask) || !(enact = nemo_enact(req)))
		return;
	told = enact_explain(enact, ask.tenant, ask.packet, ask.time[0] ? ask.time : "now", &err);
	if (told)
		rest_json(req, 200, told);
	else if (err.code)
		rest_fail(req, &err);
	else
		rest_json(req, 500, NULL);
}

/* ---- the clock of conditions ---- */

static void show_clock(struct req *req)
{
	rest_json(req, 200,
		  json_pack("{s:I, s:o}", "offset_s",
			    (json_int_t)intent_clock(req->north->conf.intent), "time",
			    time_json(req->north)));
}

void nemo_clock_get(struct req *req)
{
	struct nemo_ask ask;

	if (nemo_ask(req, &ask))
		show_clock(req);
}

static int read_clock(struct req *req, int64_t *offset_s, struct err *err)
{
	static const char *const members[] = {"offset_s", NULL};
	const struct json_range range = {-100 * 366 * 86400ll, 100 * 366 * 86400ll};
	int r = json_only(req->body, members, err);

	if (r == 0 && req->role != NORTH_ADMIN)
		r = err_set(err, -EPERM, "", NULL, "is set by the operator, on the unix socket");
	return r ? r : json_get_int(req->body, "offset_s", JSON_REQUIRED, range, offset_s, err);
}

void nemo_clock_put(struct req *req)
{
	struct err err = {0};
	struct nemo_ask ask;
	int64_t offset_s = 0;

	if (!nemo_ask(req, &ask))
		return;
	snprintf(req->object, sizeof(req->object), "clock");
	if (read_clock(req, &offset_s, &err)) {
		rest_fail(req, &err);
		return;
	}
	rest_wrote(req,
		   intent_clock_put(req->north->conf.intent, offset_s,
				    rest_write(req, rest_show_empty), &err),
		   &err);
}
