/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csc/csc_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/own.h"

/* A registration, keepalive or end of an agent under way. */
struct agent_request {
	struct agent_request *next, **link; /* in csc->requests */
	struct csc *csc;		    /* NULL: closed meanwhile */
	struct csc_lease_done done;
	char name[NAME_LEN];
	char *value;	    /* of its key */
	int64_t create_rev; /* of its key; 0 = new */
	int64_t lease;
	unsigned int ttl_s;
};

/* ---- requests ---- */

static struct agent_request *request_new(struct csc *csc, const char *name,
					 struct csc_lease_done done)
{
	struct agent_request *req = calloc(1, sizeof(*req));

	if (!req)
		return NULL;
	req->csc = csc;
	req->done = done;
	strcpy(req->name, name);
	req->next = csc->requests;
	req->link = &csc->requests;
	if (req->next)
		req->next->link = &req->next;
	csc->requests = req;
	return req;
}

static void request_free(struct agent_request *req)
{
	*req->link = req->next;
	if (req->next)
		req->next->link = req->link;
	free(req->value);
	free(req);
}

static void request_finish(struct agent_request *req, int status)
{
	struct csc_lease_done done = req->done;
	int64_t lease = req->lease;
	unsigned int ttl_s = req->ttl_s;

	request_free(req);
	if (done.done)
		done.done(done.arg, status, lease, ttl_s);
}

/* err is filled when r is a refusal to start. */
static int request_started(struct agent_request *req, int r, struct err *err)
{
	if (!r)
		return 0;
	request_free(req);
	return err_set(err, r, "", NULL, "database does not take it: %s", strerror(-r));
}

static int check_name(const char *name, struct err *err)
{
	if (name && name_valid(name))
		return 0;
	return err_set(err, -EINVAL, "/agent", name, "must be a name: [A-Za-z0-9._-]{1,63}");
}

static int refused(const char *name, int r, struct err *err)
{
	if (r)
		err_object(err, "agent %s", name ? name : "");
	return r;
}

/* ---- registering ---- */

static void on_revoked(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	/* If it fails the lease ends by itself. */
}

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct agent_request *req = arg;

	/* Somebody else was faster; its lease holds the name. */
	if (status == -ESTALE)
		status = -EEXIST;
	if (status && req->csc && req->create_rev == 0)
		ncsdb_lease_revoke(req->csc->db, req->lease, on_revoked, NULL);
	request_finish(req, status);
}

static int key_write(struct agent_request *req)
{
	struct ncsdb_write *w = ncsdb_write_new(&req->csc->agents.writer);
	struct ncsdb_write_done done = {on_written, req};

	ncsdb_write_fence(w, req->create_rev, CSC_AGENTS "%s", req->name);
	ncsdb_write_put(w, req->lease, req->value, CSC_AGENTS "%s", req->name);
	return ncsdb_write_commit(w, done, NULL);
}

static void on_granted(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	struct agent_request *req = arg;

	if (!status && !req->csc)
		status = -ECANCELED;
	if (!status) {
		req->lease = lease;
		req->ttl_s = ttl_s;
		status = key_write(req);
		if (!status)
			return;
		ncsdb_lease_revoke(req->csc->db, lease, on_revoked, NULL);
	}
	request_finish(req, status);
}

static void on_refreshed(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	struct agent_request *req = arg;

	if (!status && !req->csc)
		status = -ECANCELED;
	if (!status)
		status = key_write(req);
	else if (status == -ENOENT && req->csc)
		status = -EAGAIN; /* it ends just now */
	if (status)
		request_finish(req, status);
}

static int agent_value(const json_t *obj, unsigned int *ttl_s, char **value, struct err *err)
{
	json_t *out = json_object();
	int r = out ? csc_agent_read(obj, false, ttl_s, out, err) : -ENOMEM;

	if (!r) {
		*value = json_text(out);
		r = *value ? 0 : -ENOMEM;
	}
	json_decref(out);
	return r;
}

static int register_new(struct csc *csc, struct agent_request *req, struct err *err)
{
	int r;

	if (HASH_COUNT(csc->agent_names) >= CSC_MAX_AGENTS) {
		request_free(req);
		return err_set(err, -ENOSPC, "", NULL, "one too many: at most %d agents",
			       CSC_MAX_AGENTS);
	}
	r = ncsdb_lease_grant(csc->db, 0, req->ttl_s, on_granted, req);
	return request_started(req, r, err);
}

static int register_again(struct csc *csc, const struct csc_agent *agent, struct agent_request *req,
			  struct err *err)
{
	char text[16];
	int r;

	if (agent->ttl_s && req->ttl_s != agent->ttl_s) {
		snprintf(text, sizeof(text), "%u", req->ttl_s);
		request_free(req);
		return err_set(err, -EEXIST, "/ttl_s", text,
			       "must stay %u while the agent's lease lives; delete the agent first",
			       agent->ttl_s);
	}
	req->lease = agent->lease;
	req->create_rev = agent->create_rev;
	r = ncsdb_lease_keepalive(csc->db, agent->lease, on_refreshed, req);
	return request_started(req, r, err);
}

int csc_agent_put(struct csc *csc, const char *agent, const json_t *obj, struct csc_lease_done done,
		  struct err *err)
{
	OWN_PTR char *value = NULL;
	const struct csc_agent *known;
	struct agent_request *req;
	unsigned int ttl_s;
	int r = check_name(agent, err);

	if (!r)
		r = agent_value(obj, &ttl_s, &value, err);
	if (r)
		return refused(agent, r, err);
	req = request_new(csc, agent, done);
	if (!req)
		return refused(agent, err_set(err, -ENOMEM, "", NULL, "no memory"), err);
	req->value = TAKE_PTR(value);
	req->ttl_s = ttl_s;
	known = csc_agent_by_name(csc, agent);
	r = known ? register_again(csc, known, req, err) : register_new(csc, req, err);
	return refused(agent, r, err);
}

/* ---- keeping and ending ---- */

static void on_lease(void *arg, int status, int64_t lease, unsigned int ttl_s)
{
	request_finish(arg, status);
}

static int lease_request(struct csc *csc, const char *name, struct csc_lease_done done,
			 struct agent_request **out, struct err *err)
{
	const struct csc_agent *agent;
	int r = check_name(name, err);

	if (r)
		return refused(name, r, err);
	agent = csc_agent_by_name(csc, name);
	if (!agent)
		return refused(name, err_set(err, -ENOENT, "", NULL, "has no lease: register it"),
			       err);
	*out = request_new(csc, name, done);
	if (!*out)
		return refused(name, err_set(err, -ENOMEM, "", NULL, "no memory"), err);
	(*out)->lease = agent->lease;
	(*out)->ttl_s = agent->ttl_s;
	return 0;
}

int csc_agent_keepalive(struct csc *csc, const char *agent, struct csc_lease_done done,
			struct err *err)
{
	struct agent_request *req;
	int r = lease_request(csc, agent, done, &req, err);

	if (r)
		return r;
	r = ncsdb_lease_keepalive(csc->db, req->lease, on_lease, req);
	return refused(agent, request_started(req, r, err), err);
}

int csc_agent_del(struct csc *csc, const char *agent, struct csc_lease_done done, struct err *err)
{
	struct agent_request *req;
	int r = lease_request(csc, agent, done, &req, err);

	if (r)
		return r;
	r = ncsdb_lease_revoke(csc->db, req->lease, on_lease, req);
	return refused(agent, request_started(req, r, err), err);
}

void csc_requests_fini(struct csc *csc)
{
	struct agent_request *req;

	/* Those under way are answered by the database, without us. */
	while ((req = csc->requests)) {
		csc->requests = req->next;
		req->csc = NULL;
		req->next = NULL;
		req->link = &req->next;
	}
}
