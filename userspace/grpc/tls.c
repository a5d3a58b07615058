/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/tls.h"
#include "util/own.h"

/* HTTP/2 wants ciphers with authentication (RFC 9113, 9.2.2). */
#define PRIORITY                                                                                   \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:"  \
	"+AES-128-GCM:-RSA"

struct grpc_tls {
	unsigned int refs;
	bool server, verify;
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
};

struct tls_io {
	struct grpc_tls *tls;
	gnutls_session_t session;
	struct bytes *out;
	const uint8_t *in;
	size_t in_len;
	char host[GRPC_HOST_MAX];
	gnutls_typed_vdata_st verify[2];
};

static int conf_error(struct err *err, const char *field, const char *file, int ret)
{
	return err_set(err, -EINVAL, field, file, "cannot be used: %s", gnutls_strerror(ret));
}

static int load_ca(struct grpc_tls *tls, const char *file, struct err *err)
{
	int ret;

	if (!file) {
		ret = tls->server ? 0 : gnutls_certificate_set_x509_system_trust(tls->cred);
		return ret < 0 ? conf_error(err, "/tls/ca", "the system's", ret) : 0;
	}
	ret = gnutls_certificate_set_x509_trust_file(tls->cred, file, GNUTLS_X509_FMT_PEM);
	if (ret < 0)
		return conf_error(err, "/tls/ca", file, ret);
	if (!ret)
		return err_set(err, -EINVAL, "/tls/ca", file, "must hold a certificate (PEM)");
	return 0;
}

static int check_cert(const char *file, const gnutls_datum_t *pem, struct err *err)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned int n = 0;
	int ret = gnutls_x509_crt_list_import2(&list, &n, pem, GNUTLS_X509_FMT_PEM, 0);

	if (ret < 0)
		return conf_error(err, "/tls/cert", file, ret);
	for (unsigned int i = 0; i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	return 0;
}

static int use_pair(struct grpc_tls *tls, const struct grpc_tls_conf *conf,
		    const gnutls_datum_t pem[2], struct err *err)
{
	int ret = check_cert(conf->cert, &pem[0], err);

	if (ret)
		return ret;
	ret = gnutls_certificate_set_x509_key_mem(tls->cred, &pem[0], &pem[1], GNUTLS_X509_FMT_PEM);
	return ret < 0 ? conf_error(err, "/tls/key", conf->key, ret) : 0;
}

static int load_pair(struct grpc_tls *tls, const struct grpc_tls_conf *conf, struct err *err)
{
	gnutls_datum_t pem[2] = {{NULL, 0}, {NULL, 0}};
	int ret;

	if (!conf->cert && !conf->key && !tls->server)
		return 0;
	if (!conf->cert)
		return err_set(err, -EINVAL, "/tls/cert", "", "is missing");
	if (!conf->key)
		return err_set(err, -EINVAL, "/tls/key", "", "is missing");
	ret = gnutls_load_file(conf->cert, &pem[0]);
	if (ret < 0)
		return conf_error(err, "/tls/cert", conf->cert, ret);
	ret = gnutls_load_file(conf->key, &pem[1]);
	ret = ret < 0 ? conf_error(err, "/tls/key", conf->key, ret) : use_pair(tls, conf, pem, err);
	if (pem[1].data)
		gnutls_memset(pem[1].data, 0, pem[1].size);
	gnutls_free(pem[0].data);
	gnutls_free(pem[1].data);
	return ret;
}

int grpc_tls_new(const struct grpc_tls_conf *conf, bool server, struct grpc_tls **out,
		 struct err *err)
{
	struct grpc_tls *tls = calloc(1, sizeof(*tls));
	int ret;

	if (!tls)
		return err_set(err, -ENOMEM, "", "", "no memory");
	*tls = (struct grpc_tls){.refs = 1, .server = server, .verify = !server || conf->ca};
	if (gnutls_certificate_allocate_credentials(&tls->cred) < 0 ||
	    gnutls_priority_init(&tls->priority, PRIORITY, NULL) < 0)
		ret = err_set(err, -ENOMEM, "", "", "no memory");
	else
		ret = load_ca(tls, conf->ca, err);
	if (!ret)
		ret = load_pair(tls, conf, err);
	if (ret) {
		grpc_tls_free(tls);
		return ret;
	}
	*out = tls;
	return 0;
}

struct grpc_tls *tls_ref(struct grpc_tls *tls)
{
	if (tls)
		tls->refs++;
	return tls;
}

void grpc_tls_free(struct grpc_tls *tls)
{
	if (!tls || --tls->refs)
		return;
	if (tls->cred)
		gnutls_certificate_free_credentials(tls->cred);
	if (tls->priority)
		gnutls_priority_deinit(tls->priority);
	free(tls);
}

/* ---- a session ---- */

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	struct tls_io *io = ptr;

	if (bytes_add(io->out, data, len)) {
		gnutls_transport_set_errno(io->session, ENOMEM);
		return -1;
	}
	return (ssize_t)len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	struct tls_io *io = ptr;
	size_t n = len < io->in_len ? len : io->in_len;

	if (!n) {
		gnutls_transport_set_errno(io->session, EAGAIN);
		return -1;
	}
	memcpy(data, io->in, n);
	io->in += n;
	io->in_len -= n;
	return (ssize_t)n;
}

/* Data is there or it is not: nothing ever waits. */
static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	struct tls_io *io = ptr;

	return io->in_len ? 1 : 0;
}

static bool literal(const char *host)
{
	uint8_t addr[16];

	return inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1;
}

static void set_verify(struct tls_io *io)
{
	bool server = io->tls->server;
	static char client_auth[] = GNUTLS_KP_TLS_WWW_CLIENT;
	static char server_auth[] = GNUTLS_KP_TLS_WWW_SERVER;

	if (!io->tls->verify)
		return;
	io->verify[0].type = GNUTLS_DT_KEY_PURPOSE_OID;
	io->verify[0].data = (unsigned char *)(server ? client_auth : server_auth);
	io->verify[1].type = GNUTLS_DT_DNS_HOSTNAME;
	io->verify[1].data = (unsigned char *)io->host;
	gnutls_session_set_verify_cert2(io->session, io->verify, server ? 1 : 2, 0);
	if (server)
		gnutls_certificate_server_set_request(io->session, GNUTLS_CERT_REQUIRE);
}

static int set_up(struct tls_io *io)
{
	gnutls_datum_t h2 = {(unsigned char *)"h2", 2};
	gnutls_session_t s = io->session;

	if (gnutls_priority_set(s, io->tls->priority) < 0 ||
	    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, io->tls->cred) < 0 ||
	    gnutls_alpn_set_protocols(s, &h2, 1, GNUTLS_ALPN_MANDATORY) < 0)
		return -ENOMEM;
	if (!io->tls->server && !literal(io->host) &&
	    gnutls_server_name_set(s, GNUTLS_NAME_DNS, io->host, strlen(io->host)) < 0)
		return -ENOMEM;
	set_verify(io);
	gnutls_transport_set_ptr(s, io);
	gnutls_transport_set_push_function(s, push);
	gnutls_transport_set_pull_function(s, pull);
	gnutls_transport_set_pull_timeout_function(s, pull_timeout);
	gnutls_handshake_set_timeout(s, GNUTLS_INDEFINITE_TIMEOUT);
	return 0;
}

int tls_io_new(struct grpc_tls *tls, const char *host, struct bytes *out, struct tls_io **result)
{
	struct tls_io *io = calloc(1, sizeof(*io));
	unsigned int flags =
		(tls->server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;

	if (!io)
		return -ENOMEM;
	io->tls = tls_ref(tls);
	io->out = out;
	snprintf(io->host, sizeof(io->host), "%s", host ? host : "");
	if (gnutls_init(&io->session, flags) < 0 || set_up(io)) {
		tls_io_free(io);
		return -ENOMEM;
	}
	*result = io;
	return 0;
}

void tls_io_free(struct tls_io *io)
{
	if (!io)
		return;
	if (io->session)
		gnutls_deinit(io->session);
	grpc_tls_free(io->tls);
	free(io);
}

void tls_io_fill(struct tls_io *io, const uint8_t *data, size_t len)
{
	io->in = data;
	io->in_len = len;
}

static void explain(struct tls_io *io, int ret, char *why, size_t size)
{
	gnutls_datum_t text = {NULL, 0};
	unsigned int status;

	if (ret == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
		status = gnutls_session_get_verify_cert_status(io->session);
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
		snprintf(why, size, "TLS: certificate of %s refused: %s",
			 io->tls->server ? "the client" : io->host,
			 text.data ? (const char *)text.data : "");
		gnutls_free(text.data);
	} else if (ret == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		const char *alert = gnutls_alert_get_name(gnutls_alert_get(io->session));

		snprintf(why, size, "TLS: the peer refuses: %s", alert ? alert : "unknown alert");
	} else {
		snprintf(why, size, "TLS: %s", gnutls_strerror(ret));
	}
}

static int fail(struct tls_io *io, int ret, char *why, size_t size)
{
	explain(io, ret, why, size);
	gnutls_alert_send_appropriate(io->session, ret); /* only appended to the queue */
	return -EPROTO;
}

int tls_io_handshake(struct tls_io *io, char *why, size_t size)
{
	gnutls_datum_t chosen = {NULL, 0};
	int ret;

	do
		ret = gnutls_handshake(io->session);
	while (ret == GNUTLS_E_INTERRUPTED || ret == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (ret == GNUTLS_E_AGAIN)
		return 0;
	if (ret < 0)
		return fail(io, ret, why, size);
	if (gnutls_alpn_get_selected_protocol(io->session, &chosen) < 0 || chosen.size != 2 ||
	    memcmp(chosen.data, "h2", 2) != 0) {
		snprintf(why, size, "TLS: the peer does not speak h2 (ALPN)");
		return -EPROTO;
	}
	return 1;
}

ssize_t tls_io_read(struct tls_io *io, uint8_t *buf, size_t size, char *why, size_t why_size)
{
	ssize_t ret;

	/* GNUTLS_E_AGAIN also stands for a record that held no data (a ticket of TLS 1.3). */
	do
		ret = gnutls_record_recv(io->session, buf, size);
	while (ret == GNUTLS_E_INTERRUPTED || ret == GNUTLS_E_WARNING_ALERT_RECEIVED ||
	       (ret == GNUTLS_E_AGAIN && io->in_len));
	if (ret >= 0)
		return ret;
	return ret == GNUTLS_E_AGAIN ? -EAGAIN : fail(io, (int)ret, why, why_size);
}

int tls_io_write(struct tls_io *io, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = gnutls_record_send(io->session, data, len);

		if (n < 0)
			return -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}
