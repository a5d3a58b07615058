/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificates for a test, made by certtool in a directory of its own. */
#ifndef TESTS_GRPC_CERTS_H
#define TESTS_GRPC_CERTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct certs {
	char dir[256];
	char path[8][512]; /* of the last calls of cert_path() */
	unsigned int next;
};

static inline const char *cert_path(struct certs *c, const char *file)
{
	char *path = c->path[c->next++ % 8];

	strcpy(path, c->dir);
	strcat(path, "/");
	return strncat(path, file, 200);
}

static inline int certs_run(const struct certs *c, const char *command)
{
	char line[2048];

	snprintf(line, sizeof(line), "cd '%s' && { %s; } >>log 2>&1", c->dir, command);
	return system(line);
}

/* name.crt, name.key, signed by ca; template lines are separated by \n. */
static inline int certs_make(const struct certs *c, const char *name, const char *ca,
			     const char *template)
{
	char command[1500], sign[200];

	snprintf(sign, sizeof(sign),
		 ca ? "-c --load-ca-certificate %s.crt --load-ca-privkey %s.key" : "-s", ca, ca);
	snprintf(command, sizeof(command),
		 "printf '%s' > %s.tmpl && certtool -p --ecc --outfile %s.key && "
		 "certtool %s --load-privkey %s.key --template %s.tmpl --outfile %s.crt",
		 template, name, name, sign, name, name, name);
	return certs_run(c, command);
}

/* ca, other (another one), server, expired, client, stranger (signed by other). 0 if all are there.
 */
static inline int certs_open(struct certs *c)
{
	static const char end[] = "cn=x\\ndns_name=localhost\\nip_address=127.0.0.1\\n"
				  "tls_www_server\\nexpiration_days=10\\n";
	static const char user[] = "cn=user\\ntls_www_client\\nexpiration_days=10\\n";
	const char *tmp = getenv("TMPDIR");
	int ret;

	memset(c, 0, sizeof(*c));
	snprintf(c->dir, sizeof(c->dir), "%s/grpc-certs-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(c->dir))
		return -1;
	ret = certs_make(c, "ca", NULL, "cn=ca\\nca\\ncert_signing_key\\nexpiration_days=10\\n");
	ret |= certs_make(c, "other", NULL,
			  "cn=other\\nca\\ncert_signing_key\\nexpiration_days=10\\n");
	ret |= certs_make(c, "server", "ca", end);
	ret |= certs_make(c, "client", "ca", user);
	ret |= certs_make(c, "stranger", "other", user);
	ret |= certs_make(c, "expired", "ca",
			  "cn=x\\ndns_name=localhost\\nip_address=127.0.0.1\\ntls_www_server\\n"
			  "activation_date=\"2020-01-01 00:00:00 UTC\"\\n"
			  "expiration_date=\"2020-02-01 00:00:00 UTC\"\\n");
	return ret;
}

static inline void certs_close(struct certs *c)
{
	char line[300];

	snprintf(line, sizeof(line), "rm -rf '%s'", c->dir);
	if (system(line))
		fprintf(stderr, "cannot remove %s\n", c->dir);
}

#endif
