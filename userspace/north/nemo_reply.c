/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /v1/nemo: scripts that are checked, planned, applied; what came of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "north/nemo.h"
#include "north/share.h"

/* ---- what is said about a script ---- */

/* [{"code", "at", "reason"}]; NULL: no memory. */
static json_t *nemo_warnings_json(const struct nemo_diags *diags)
{
	json_t *list = json_array();
	char at[24];

	for (unsigned int i = 0; list && diags && i < diags->n; i++) {
		const struct nemo_diag *d = &diags->v[i];

		if (!d->is_warning)
			continue;
		snprintf(at, sizeof(at), "%u:%u", d->at.line, d->at.column);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "code",
						      nemo_warning_names[d->warning], "at", at,
						      "reason", d->reason ?: ""));
	}
	return list;
}

/* Members of the errors' own form stand in the problem. */
void nemo_refused(struct req *req, const struct nemo_diags *diags, json_t *more)
{
	const struct nemo_diag *first = NULL;
	json_t *all = nemo_errors_json(diags);
	struct err err = {0};

	for (unsigned int i = 0; !first && i < diags->n; i++)
		first = diags->v[i].is_warning ? NULL : &diags->v[i];
	if (first)
		err_set(&err, -EINVAL, "", NULL, "%u:%u: %.120s", first->at.line, first->at.column,
			first->reason ?: "");
	else
		err_set(&err, -ENOMEM, "", NULL, "no memory");
	err_object(&err, "script");
	if (all && more)
		json_object_update(all, more);
	json_decref(more);
	if (all)
		json_object_set_new(all, "warnings", nemo_warnings_json(diags));
	rest_problem_more(req, first ? 422 : 500, &err, all);
}

struct nemo_store *nemo_store_of(const char *text, size_t len, struct nemo_diags *diags, int *r)
{
	struct nemo_script *script = nemo_parse(text, len, diags);
	struct nemo_store *empty = nemo_store_new(), *after = NULL;

	*r = script && empty ? nemo_check(script, empty, &after, diags) : empty ? -EINVAL : -ENOMEM;
	nemo_store_free(empty);
	nemo_script_free(script);
	return after;
}

void nemo_check_post(struct req *req)
{
	const struct intent *intent = req->north->conf.intent;
	struct nemo_diags diags = {0};
	struct nemo_script *script;
	struct nemo_ask ask;

	if (!nemo_ask(req, &ask))
		return;
	script = nemo_parse(req->data ?: "", req->len, &diags);
	if (script && !ask.syntax)
		nemo_check(script, intent_store(intent, ask.tenant), NULL, &diags);
	nemo_diags_sort(&diags);
	if (!script || diags.errors || diags.no_memory)
		nemo_refused(req, &diags, NULL);
	else
		rest_json(req, 200, nemo_script_json(script, &diags));
	nemo_script_free(script);
	nemo_diags_fini(&diags);
}

/* ---- a change on its way ---- */

struct change {
	struct req *req; /* held */
	char tenant[NAME_LEN];
	bool dry_run;
	bool conditional; /* If-Match */
	bool counted;	  /* in its party's share */
};

static void change_free(struct change *c)
{
	struct req *req = c->req;

	if (c->counted && req->share)
		req->share->changes--;
	free(c);
	rest_put(req);
}

/* What both good and bad results have. */
static json_t *members_of(const struct intent_result *result)
{
	return json_pack("{s:I, s:i, s:i, s:O?}", "revision", (json_int_t)result->revision, "done",
			 (int)result->done, "units", (int)result->units, "changes",
			 result->changes);
}

static void done_well(const struct change *c, const struct intent_result *result)
{
	json_t *obj = members_of(result);

	if (obj && !c->dry_run) {
		json_object_set_new(obj, "commit", json_integer((json_int_t)result->commit));
		json_object_set_new(obj, "queries",
				    result->queries
					    ? json_incref(result->queries)
					    : nemo_answers(c->req->north->conf.enact, c->tenant,
							   result->script, result->len));
	}
	if (obj) {
		json_object_set_new(obj, "warnings", nemo_warnings_json(result->diags));
		json_object_set_new(obj, "legs",
				    result->legs ? nemo_legs_json(result->legs) : json_array());
	}
	snprintf(c->req->etag, sizeof(c->req->etag), "\"%llu\"",
		 (unsigned long long)result->revision);
	rest_json(c->req, 200, obj);
}

static bool is_script_wrong(const struct intent_result *result)
{
	return result->status == -EINVAL && result->diags && result->diags->errors;
}

/* Status of what is nobody's mistake but the state's. */
static unsigned int status_of(const struct change *c, int code)
{
	if (code == -EBUSY || code == -EEXIST)
		return 409;
	if (code == -ESTALE && !c->conditional)
		return 409;
	return rest_status_of(code);
}

/* Why a host refuses may be about other tenants' objects: the operator reads it in the log. */
static void hide_reason(const struct change *c, struct err *err)
{
	size_t n = strcspn(err->want, ":");
	char text[512];

	if (c->req->role != NORTH_TENANT || strncmp(err->object, "host ", 5) != 0 || !err->want[n])
		return;
	log_warn("a host refuses a commit", "tenant=%s why=\"%s\"", c->tenant,
		 err_text(err, text, sizeof(text)));
	err->field[0] = err->value[0] = '\0';
	snprintf(err->want, sizeof(err->want), "has no room for it, or cannot carry it");
}

static void failed(const struct change *c, const struct intent_result *result)
{
	struct err err = result->err;
	unsigned int status = status_of(c, result->status);

	hide_reason(c, &err);

	if (is_script_wrong(result)) {
		nemo_refused(c->req, result->diags, members_of(result));
		return;
	}
	if (!err.want[0])
		err_set(&err, result->status, "", NULL, "%s",
			result->status == -ESTALE ? "was changed by somebody else meanwhile"
						  : strerror(-result->status));
	if (status == 503)
		rest_retry_later(c->req);
	rest_problem_more(c->req, status, &err, members_of(result));
}

static void on_done(void *arg, const struct intent_result *result)
{
	struct change *c = arg;
	struct req *req = c->req;

	unsigned int status = !result->status		? 200
			      : is_script_wrong(result) ? 422
							: status_of(c, result->status);

	if (!c->dry_run)
		rest_audit(req, status, (int64_t)result->revision);
	if (req->north && !req->answered) {
		if (result->status)
			failed(c, result);
		else
			done_well(c, result);
	}
	change_free(c);
}

/* ---- asking for it ---- */

/* If-Match: the tenant's revision as GET /v1/nemo/export tells it; 0: nothing was ever committed.
 */
static int read_match(struct req *req, int64_t *if_revision, struct err *err)
{
	const char *tag = rest_asked(req->conn, "If-Match");
	size_t len = tag ? strlen(tag) : 0;
	uint64_t value = 0;
	char digits[24];

	*if_revision = ANY_REVISION;
	if (!tag || strcmp(tag, "*") == 0)
		return 0;
	snprintf(digits, sizeof(digits), "%.*s", len > 2 && len < 24 ? (int)len - 2 : 0, tag + 1);
	if (tag[0] != '"' || tag[len - 1] != '"' || rest_number(digits, 0, INT64_MAX, &value)) {
		err_set(err, -EINVAL, "If-Match", tag, "must be \"<revision>\" or *");
		return err_object(err, "request header");
	}
	*if_revision = (int64_t)value;
	return 0;
}

/* One tenant does not take all the places where commits wait. */
static int check_turn(struct req *req, struct err *err)
{
	if (req->role != NORTH_TENANT || req->share->changes < NEMO_CHANGES_MAX)
		return 0;
	rest_retry_later(req);
	return err_set(err, -EAGAIN, "", NULL,
		       "at most %d plans and commits of a tenant at once: try again later",
		       NEMO_CHANGES_MAX);
}

/* NULL: answered. */
static struct change *change_new(struct req *req, const struct nemo_ask *ask, int64_t *if_revision)
{
	struct change *c;
	struct err err = {0};

	if (read_match(req, if_revision, &err) || check_turn(req, &err)) {
		rest_fail(req, &err);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		rest_json(req, 500, NULL);
		return NULL;
	}
	c->counted = req->role == NORTH_TENANT;
	req->share->changes += c->counted;
	c->req = req;
	c->conditional = *if_revision != ANY_REVISION;
	snprintf(c->tenant, sizeof(c->tenant), "%s", ask->tenant);
	rest_hold(req);
	return c;
}

/* r: what intent returned for the change. */
static void begun(struct change *c, int r, struct err *err)
{
	struct req *req = c->req;

	if (r == 0)
		return;
	if (!err->want[0])
		err_set(err, r, "", NULL, "%s", strerror(-r));
	if (r == -EAGAIN)
		rest_retry_later(req);
	rest_problem(req, status_of(c, r), err);
	change_free(c);
}

static const char *who(const struct req *req)
{
	return req->who[0] ? req->who : req->peer;
}

static void apply(struct req *req, bool dry_run)
{
	struct nemo_ask ask;
	struct err err = {0};
	struct change *c;
	int64_t if_revision;

	if (!nemo_ask(req, &ask) || !nemo_queries_fit(req) ||
	    !(c = change_new(req, &ask, &if_revision)))
		return;
	const struct intent_apply order = {
		.tenant = ask.tenant,
		.by = who(req),
		.comment = ask.comment,
		.script = req->data ?: "",
		.len = req->len,
		.dry_run = dry_run,
		.if_revision = if_revision,
		.confirm_s = (unsigned int)ask.confirm_s,
	};
	c->dry_run = dry_run;
	begun(c, intent_apply(req->north->conf.intent, &order, on_done, c, &err), &err);
}

void nemo_plan_post(struct req *req)
{
	apply(req, true);
}

void nemo_apply_post(struct req *req)
{
	apply(req, false);
}

void nemo_rollback_post(struct req *req)
{
	struct nemo_ask ask;
	struct err err = {0};
	struct change *c;
	int64_t if_revision;

	if (!nemo_ask(req, &ask) || !(c = change_new(req, &ask, &if_revision)))
		return;
	begun(c,
	      intent_rollback(req->north->conf.intent, ask.tenant, who(req), ask.revision,
			      if_revision, on_done, c, &err),
	      &err);
}

void nemo_confirm_post(struct req *req)
{
	struct nemo_ask ask;
	struct err err = {0};

	if (!nemo_ask(req, &ask))
		return;
	rest_wrote(req,
		   intent_confirm(req->north->conf.intent, ask.tenant,
				  rest_write(req, rest_show_empty), &err),
		   &err);
}
