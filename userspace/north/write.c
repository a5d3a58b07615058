/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes: held until the database has answered, one log line each. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "north/rest.h"

void rest_audit(struct req *req, unsigned int status, int64_t revision)
{
	log_write(req->quiet ? LOG_DEBUG_LEVEL : LOG_INFO, "rest change",
		  " method=%s path=%s peer=%s%s%s status=%u revision=%" PRId64 " request=%" PRIu64,
		  req->method, req->path, req->peer, req->who[0] ? " principal=" : "", req->who,
		  status, revision, req->number);
}

static const char *why(int code)
{
	switch (code) {
	case -ESTALE:
		return "was written by somebody else meanwhile: its revision differs";
	case -EEXIST:
		return "was written by somebody else meanwhile: read it again";
	case -ENOENT:
		return "does not exist";
	case -ENOSPC:
		return "not stored: the limit on objects is reached, or the disk is full";
	case -EIO:
		return "not stored: the database's disk failed or is full, its log says more";
	case -EROFS:
		return "not stored: the database takes no writes, its log says why";
	case -ECANCELED:
		return "not stored: the database is being closed";
	case -EHOSTUNREACH:
		return "not stored: the database is not reached";
	case -ETIMEDOUT:
		return "may be stored or not: the database did not answer in time";
	case -EACCES:
		return "not stored: the database refuses this user or certificate";
	default:
		return strerror(-code);
	}
}

/* An unconditional PATCH that lost a race is no failed precondition of the client's. */
static int code_of(const struct req *req, int status)
{
	return status == -ESTALE && req->made_patch ? -EEXIST : status;
}

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	struct req *req = arg;
	int code = code_of(req, status);
	struct err err = {0};

	rest_audit(req, status ? rest_status_of(code) : created ? 201 : 200, revision);
	if (!req->north || req->answered) {
		rest_put(req);
		return;
	}
	if (status) {
		err_set(&err, code, "", NULL, "%s", why(code));
		rest_fail(req, &err);
	} else {
		req->show(req, created);
	}
	rest_put(req);
}

struct ncsdb_write_done rest_write(struct req *req, void (*show)(struct req *req, bool created))
{
	rest_hold(req);
	req->show = show;
	return (struct ncsdb_write_done){.done = on_written, .arg = req};
}

void rest_wrote(struct req *req, int r, struct err *err)
{
	if (r == 0)
		return;
	if (!err->code)
		err_set(err, r, "", NULL, "%s", why(r));
	rest_fail(req, err);
	rest_put(req);
}

void rest_show_empty(struct req *req, bool created)
{
	rest_empty(req, 204);
}

void rest_patch_condition(struct req *req, int64_t read, int64_t *if_revision)
{
	if (*if_revision != ANY_REVISION)
		return;
	req->made_patch = true;
	*if_revision = read;
}
