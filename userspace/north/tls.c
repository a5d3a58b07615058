/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "north/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/socket.h>

#include "grpc/grpc.h"

/* ---- files ---- */

static int load(const char *file, char **out, struct err *err)
{
	gnutls_datum_t data = {NULL, 0};
	int r = file ? gnutls_load_file(file, &data) : 0;

	if (r < 0)
		return err_set(err, -EINVAL, "", file, "cannot be used: %s", gnutls_strerror(r));
	*out = (char *)data.data; /* NUL-terminated */
	return 0;
}

/* libmicrohttpd says only that it does not start: the files are tried before. */
int tls_load(const struct north_access *conf, struct tls_files *out, struct err *err)
{
	struct grpc_tls *tls = NULL;
	int r = grpc_tls_new(
		&(struct grpc_tls_conf){.ca = conf->ca, .cert = conf->cert, .key = conf->key}, true,
		&tls, err);

	grpc_tls_free(tls);
	r = r ? r : load(conf->cert, &out->cert, err);
	r = r ? r : load(conf->key, &out->key, err);
	return r ? r : load(conf->ca, &out->ca, err);
}

void tls_files_fini(struct tls_files *files)
{
	if (files->key)
		gnutls_memset(files->key, 0, strlen(files->key));
	gnutls_free(files->cert);
	gnutls_free(files->key);
	gnutls_free(files->ca);
}

/* ---- a connection ---- */

static gnutls_session_t session_of(const struct conn *conn)
{
	const union MHD_ConnectionInfo *info =
		conn->tls && conn->mhd
			? MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)
			: NULL;

	return info ? info->tls_session : NULL;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	struct conn *conn = ptr;
	ssize_t n = recv(conn->fd, data, len, 0);

	conn->north->moved += n >= 0;
	return n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	struct conn *conn = ptr;
	ssize_t n = send(conn->fd, data, len, MSG_NOSIGNAL);

	conn->north->moved += n >= 0;
	return n;
}

void tls_begin(struct conn *conn)
{
	gnutls_session_t session = session_of(conn);

	if (!session)
		return;
	gnutls_transport_set_ptr(session, conn);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_push_function(session, push);
}

bool tls_send(const struct conn *conn, const char *text, size_t len)
{
	gnutls_session_t session = session_of(conn);
	ssize_t n;

	if (!session)
		return false;
	do /* refused before the handshake is done */
		n = gnutls_record_send(session, text, len);
	while (n == GNUTLS_E_INTERRUPTED);
	return n == (ssize_t)len;
}

/* ---- certificates ---- */

static const struct north_principal *find_name(const struct auth *auth, const char *name,
					       size_t len)
{
	for (unsigned int i = 0; i < auth->n; i++) {
		const char *known = auth->v[i].certificate;

		if (known && strlen(known) == len && memcmp(known, name, len) == 0)
			return &auth->v[i];
	}
	return NULL;
}

static const struct north_principal *find_by_names(const struct auth *auth, gnutls_x509_crt_t crt)
{
	const struct north_principal *found = NULL;
	char name[256];
	size_t len;
	int r = 0;

	for (unsigned int i = 0; !found && r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
		len = sizeof(name);
		r = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);
		if (r == GNUTLS_SAN_DNSNAME)
			found = find_name(auth, name, len);
		else if (r < 0 && r != GNUTLS_E_SHORT_MEMORY_BUFFER)
			break;
	}
	len = sizeof(name);
	if (!found &&
	    gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) == 0)
		found = find_name(auth, name, len);
	return found;
}

static const struct north_principal *find_by_cert(const struct auth *auth,
						  const gnutls_datum_t *der)
{
	const struct north_principal *found = NULL;
	gnutls_x509_crt_t crt;

	if (gnutls_x509_crt_init(&crt))
		return NULL;
	if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0)
		found = find_by_names(auth, crt);
	gnutls_x509_crt_deinit(crt);
	return found;
}

static bool is_trusted(gnutls_session_t session)
{
	static char client_auth[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)client_auth,
	};
	unsigned int status = 0;

	return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
}

void tls_certify(struct conn *conn, const struct auth *auth)
{
	gnutls_session_t session = session_of(conn);
	const gnutls_datum_t *chain;
	unsigned int n = 0;

	if (conn->certified || !session)
		return;
	conn->certified = true;
	chain = gnutls_certificate_get_peers(session, &n);
	if (!chain || n == 0)
		return;
	conn->untrusted = !is_trusted(session);
	if (!conn->untrusted)
		conn->principal = find_by_cert(auth, &chain[0]);
}
