/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real etcd answers: Maintenance/Status in clear text and with certificates on both sides. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <fcntl.h>

#include "pair.h"
#include "certs.h"

static struct certs certs;

static uint16_t free_port(void)
{
	struct pair p;
	uint16_t port;

	pair_init(&p);
	pair_serve(&p);
	port = grpc_server_port(p.server);
	pair_fini(&p);
	return port;
}

static pid_t etcd_start(uint16_t port, bool tls)
{
	char url[64], peer[64], cluster[80], data[300];
	uint16_t peer_port = free_port();
	pid_t pid;
	int log;

	snprintf(url, sizeof(url), "%s://127.0.0.1:%u", tls ? "https" : "http", port);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%u", peer_port);
	snprintf(cluster, sizeof(cluster), "t=%s", peer);
	snprintf(data, sizeof(data), "%s/data-%u", certs.dir, port);
	const char *argv[24] = {"etcd",
				"--name=t",
				"--data-dir",
				data,
				"--listen-client-urls",
				url,
				"--advertise-client-urls",
				url,
				"--listen-peer-urls",
				peer,
				"--initial-advertise-peer-urls",
				peer,
				"--initial-cluster",
				cluster};
	if (tls) {
		argv[14] = "--client-cert-auth";
		argv[15] = "--cert-file";
		argv[16] = cert_path(&certs, "both.crt");
		argv[17] = "--key-file";
		argv[18] = cert_path(&certs, "both.key");
		argv[19] = "--trusted-ca-file";
		argv[20] = cert_path(&certs, "ca.crt");
	}
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
	log = open(cert_path(&certs, "etcd.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, 1);
	dup2(log, 2);
	execvp(argv[0], (char **)argv);
	_exit(127);
}

/* etcd needs a moment: channels are opened until one comes up. */
static void connect_patiently(struct pair *p)
{
	while (!p->ups && !p->timed_out) {
		unsigned int downs = p->downs;

		pair_connect(p);
		pair_until(p, p->ups || p->downs > downs);
		if (p->ups)
			break;
		grpc_channel_close(p->ch);
		p->ch = NULL;
		usleep(50000);
	}
	assert_int_equal(p->ups, 1);
}

static void ask_status(struct pair *p)
{
	struct result r = {0}, none = {0};

	assert_int_equal(call_start(p, &r, "/etcdserverpb.Maintenance/Status", 5000), 0);
	assert_int_equal(grpc_call_send(r.call, "", 0, true), 0);
	pair_until(p, r.ends);
	assert_int_equal(r.status, GRPC_OK);
	assert_int_equal(r.messages, 1);
	assert_non_null(memmem(r.last, r.last_len, "3.", 2)); /* its version */
	call_begin(p, &none, "/etcdserverpb.Nothing/Status");
	assert_int_equal(grpc_call_send(none.call, "", 0, true), 0);
	pair_until(p, none.ends);
	assert_int_equal(none.status, GRPC_UNIMPLEMENTED);
	free(r.last);
}

static void with_etcd(bool tls)
{
	struct pair p;
	pid_t pid;
	int status;

	pair_init(&p);
	p.channel.port = free_port();
	if (tls) {
		const struct grpc_tls_conf conf = {cert_path(&certs, "ca.crt"),
						   cert_path(&certs, "client.crt"),
						   cert_path(&certs, "client.key")};

		assert_int_equal(grpc_tls_new(&conf, false, &p.client_tls, NULL), 0);
	}
	pid = etcd_start(p.channel.port, tls);
	connect_patiently(&p);
	ask_status(&p);
	kill(pid, SIGTERM);
	pair_until(&p, !grpc_channel_up(p.ch));
	waitpid(pid, &status, 0);
	pair_fini(&p);
}

static void test_clear(void **state)
{
	with_etcd(false);
}

static void test_tls(void **state)
{
	with_etcd(true);
}

static int setup(void **state)
{
	/* etcd's own gateway is a client with the server's certificate. */
	return certs_open(&certs) ||
	       certs_make(&certs, "both", "ca",
			  "cn=x\\ndns_name=localhost\\nip_address=127.0.0.1\\n"
			  "tls_www_server\\ntls_www_client\\nexpiration_days=10\\n");
}

static int teardown(void **state)
{
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_tls),
	};

	if (system("etcd --version >/dev/null 2>&1 && certtool --version >/dev/null 2>&1")) {
		printf("etcd or certtool is not installed: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
