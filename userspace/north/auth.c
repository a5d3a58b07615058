/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks: principals, and what each listener serves to whom. */
#include <errno.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "north/tls.h"

#define SAY_EVERY_US 10000000 /* failed authentications in the log */

/* ---- principals ---- */

static int refuse(struct err *err, const struct north_principal *p, const char *want)
{
	err_set(err, -EINVAL, "", NULL, "%s", want);
	err_object(err, "principal %s", p->name ? p->name : "(no name)");
	return -EINVAL;
}

/* Tenants are known to the listeners of intent only, all others to those of ALTO only. */
static int check_role(const struct north_principal *p, int which, struct err *err)
{
	if (which == ACCESS_NEMO)
		return p->role == NORTH_TENANT ? 0 : refuse(err, p, "must be a tenant");
	if ((unsigned int)p->role >= NORTH_ROLE_MAX || p->role == NORTH_TENANT)
		return refuse(err, p, "must be a reader, a domain or an administrator");
	return 0;
}

static int check(const struct north_principal *v, unsigned int i, int which, struct err *err)
{
	const struct north_principal *p = &v[i];

	if (!p->name || !p->name[0] || strlen(p->name) >= ALTO_NAME_LEN)
		return refuse(err, p, "must have a name of 1 to 64 bytes");
	if (check_role(p, which, err))
		return -EINVAL;
	if (!p->has_token && !p->certificate)
		return refuse(err, p, "must have a token or a certificate");
	for (unsigned int k = 0; k < i; k++) {
		if (p->has_token && v[k].has_token &&
		    memcmp(p->token_sha256, v[k].token_sha256, sizeof(p->token_sha256)) == 0)
			return refuse(err, p, "must have a token that no other one has");
		if (p->certificate && v[k].certificate &&
		    strcmp(p->certificate, v[k].certificate) == 0)
			return refuse(err, p, "must have a certificate that no other one has");
	}
	return 0;
}

static int copy(struct north_principal *to, const struct north_principal *from)
{
	*to = *from;
	to->name = strdup(from->name);
	to->certificate = from->certificate ? strdup(from->certificate) : NULL;
	return to->name && (to->certificate || !from->certificate) ? 0 : -ENOMEM;
}

int auth_open(struct north *north, int which, const struct north_access *conf, struct err *err)
{
	struct auth *auth = &north->access[which].auth;
	int r = 0;

	auth->known_only = conf->known_only || which == ACCESS_NEMO;
	if (conf->n_principals > NORTH_PRINCIPALS_MAX)
		return err_set(err, -ENOSPC, "", NULL, "at most %d principals, are %u",
			       NORTH_PRINCIPALS_MAX, conf->n_principals);
	for (unsigned int i = 0; r == 0 && i < conf->n_principals; i++)
		r = check(conf->principals, i, which, err);
	if (r || !conf->n_principals)
		return r;
	auth->v = calloc(conf->n_principals, sizeof(*auth->v));
	for (unsigned int i = 0; auth->v && r == 0 && i < conf->n_principals; i++) {
		auth->n++;
		r = copy(&auth->v[i], &conf->principals[i]);
	}
	return r || !auth->v ? err_set(err, -ENOMEM, "", NULL, "no memory") : 0;
}

void auth_fini(struct auth *auth)
{
	for (unsigned int i = 0; i < auth->n; i++) {
		free((char *)auth->v[i].name);
		free((char *)auth->v[i].certificate);
	}
	free(auth->v);
}

/* ---- credentials ---- */

/* All are compared, whole: the time says nothing of which one, or how far it fits. */
static const struct north_principal *by_token(const struct auth *auth, const char *token)
{
	const struct north_principal *found = NULL;
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(token), (const uint8_t *)token);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (unsigned int i = 0; i < auth->n; i++) {
		if (memeql_sec(digest, auth->v[i].token_sha256, sizeof(digest)) &&
		    auth->v[i].has_token)
			found = &auth->v[i];
	}
	return found;
}

/* RFC 6750, 2.1; "" if there is another scheme, which nobody here knows. */
static const char *bearer(const char *header)
{
	if (strncasecmp(header, "Bearer", 6) != 0 || header[6] != ' ')
		return "";
	header += 6;
	return header + strspn(header, " ");
}

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key,
				    const char *value)
{
	*(unsigned int *)cls += strcasecmp(key, "Authorization") == 0;
	return MHD_YES;
}

/* 0 and *found (NULL: nobody said who he is), or -EPERM: said, and not true. */
static int identify(struct req *req, const struct auth *auth, const struct north_principal **found)
{
	const char *header = rest_asked(req->conn, "Authorization");
	unsigned int n = 0;

	*found = NULL;
	MHD_get_connection_values(req->conn, MHD_HEADER_KIND, count_header, &n);
	tls_certify(req->from, auth);
	if (req->from->untrusted || n > 1)
		return -EPERM;
	if (n) {
		*found = by_token(auth, bearer(header ? header : ""));
		return *found ? 0 : -EPERM;
	}
	*found = req->from->principal;
	return 0;
}

/* ---- scopes ---- */

enum scope { SCOPE_REST, SCOPE_ALTO, SCOPE_BROKER, SCOPE_NEMO };

static enum scope scope_of(const char *first, const char *second)
{
	if (strcmp(first, "v1") == 0 && strcmp(second, "nemo") == 0)
		return SCOPE_NEMO;
	if (strcmp(first, "alto") == 0)
		return SCOPE_ALTO;
	return strcmp(first, "broker") == 0 ? SCOPE_BROKER : SCOPE_REST;
}

static void say_failed(struct req *req, struct auth *auth)
{
	uint64_t now_us = clock_us();

	auth->failed++;
	if (auth->said_us && now_us - auth->said_us < SAY_EVERY_US) {
		auth->unsaid++;
		return;
	}
	log_warn("authentication failed", "peer=%s method=%s path=%s unsaid=%llu", req->peer,
		 req->method, req->path, (unsigned long long)auth->unsaid);
	auth->said_us = now_us;
	auth->unsaid = 0;
}

/* Always the same words: not which part was missing or wrong. */
static void unauthorized(struct req *req, struct auth *auth, bool failed)
{
	struct err err = {0};

	if (failed)
		say_failed(req, auth);
	err_set(&err, -EPERM, "", NULL,
		"must come with a bearer token or a client certificate that is known here");
	err_object(&err, "request");
	rest_header(req, "WWW-Authenticate", "Bearer realm=\"sand\"");
	rest_problem(req, 401, &err);
}

static void not_here(struct req *req)
{
	struct err err = {0};

	err_set(&err, -ENOENT, "", req->path, "no such resource");
	rest_fail(req, &err);
}

/* Of the listener; on loopback, of what is asked for. */
static struct access *access_of(struct req *req, enum scope scope)
{
	if (req->from->only)
		return req->from->only;
	return &req->north->access[scope == SCOPE_NEMO ? ACCESS_NEMO : ACCESS_ALTO];
}

static bool is_served(const struct req *req, const struct access *access, enum scope scope)
{
	bool nemo = access == &req->north->access[ACCESS_NEMO];

	return scope != SCOPE_REST && nemo == (scope == SCOPE_NEMO);
}

/* A browser sends its user's certificate with whatever any site asks for: changes must come from a
 * page of this server, or from no page at all. */
static bool is_own_page(const struct req *req)
{
	const char *site = rest_asked(req->conn, "Sec-Fetch-Site"),
		   *origin = rest_asked(req->conn, "Origin");
	const char *host = rest_asked(req->conn, "Host");
	const char *from = origin ? strstr(origin, "://") : NULL;

	if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	return !origin || (from && host && strcasecmp(from + 3, host) == 0);
}

/* False: answered. */
static bool admit_page(struct req *req, enum scope scope, const struct north_principal *who)
{
	struct err err = {0};
	bool by_certificate = who && !rest_asked(req->conn, "Authorization");

	if (req->verb == REST_GET || scope == SCOPE_ALTO || !by_certificate || is_own_page(req))
		return true;
	err_set(&err, -EPERM, "", NULL,
		"must not come from a page of another site: a certificate says who asks");
	err_object(&err, "request");
	rest_fail(req, &err);
	return false;
}

bool auth_admit(struct req *req, const char *first, const char *second)
{
	const struct north_principal *who = NULL;
	enum scope scope = scope_of(first, second);
	struct access *access = access_of(req, scope);
	bool needed = scope == SCOPE_BROKER || access->auth.known_only;
	int r;

	req->role = NORTH_ADMIN;
	if (!req->from->tcp || (scope == SCOPE_REST && !req->from->only))
		return true;
	r = identify(req, &access->auth, &who);
	if (r || (needed && !who)) {
		unauthorized(req, &access->auth, r != 0);
		return false;
	}
	req->role = who ? who->role : NORTH_READER;
	snprintf(req->who, sizeof(req->who), "%s", who ? who->name : "");
	if (!is_served(req, access, scope)) {
		not_here(req);
		return false;
	}
	return admit_page(req, scope, who);
}

bool auth_broker(struct req *req)
{
	struct err err = {0};

	if (!req->north->conf.broker)
		err_set(&err, -ENOENT, "", req->path, "is not configured: there is no broker");
	else if (req->role == NORTH_READER)
		err_set(&err, -EPERM, "", NULL,
			"is for domains and administrators, %s is neither: it reads maps only",
			req->who);
	else
		return true;
	rest_fail(req, &err);
	return false;
}
