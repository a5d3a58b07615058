/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside north: what libmicrohttpd leaves to its user about TLS: files, client certificates. */
#ifndef NORTH_TLS_H
#define NORTH_TLS_H

#include "north/server.h"

#define TLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

struct tls_files {
	char *cert, *key, *ca; /* PEM; ca NULL = no client certificates */
};
/* -EINVAL: err names the file and what is wrong in it. */
int tls_load(const struct north_access *conf, struct tls_files *out, struct err *err);
void tls_files_fini(struct tls_files *files);
/* A connection begins: its bytes are counted in north->moved from here on. */
void tls_begin(struct conn *conn);
/* What fits at once; true: all of it. False also before the handshake is done. */
bool tls_send(const struct conn *conn, const char *text, size_t len);
/* Looks at the client's certificate, once: conn->principal, conn->untrusted. */
void tls_certify(struct conn *conn, const struct auth *auth);

#endif
