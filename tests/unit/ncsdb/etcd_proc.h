/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real etcd of one member as a child process, with a directory of its own; gone with the test. */
#ifndef TESTS_UNIT_NCSDB_ETCD_PROC_H
#define TESTS_UNIT_NCSDB_ETCD_PROC_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ETCD_DIRS "/dev/shm/sand-etcd-" /* then the test's pid */

struct etcd_proc {
	pid_t pid;
	uint16_t port, peer_port;
	bool tls;
	char dir[96], url[64];
};

static __attribute__((unused)) bool etcd_installed(void)
{
	return access("/usr/bin/etcd", X_OK) == 0 && access("/usr/bin/etcdctl", X_OK) == 0 &&
	       access("/usr/bin/certtool", X_OK) == 0;
}

static __attribute__((unused)) uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&a, len) || getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	close(fd);
	return ntohs(a.sin_port);
}

static __attribute__((unused)) void run_in(const struct etcd_proc *p, const char *script)
{
	char command[2048];

	snprintf(command, sizeof(command),
		 "cd '%s' && export ETCDCTL_API=3 && E='etcdctl --endpoints %s %s' && { %s; } "
		 ">>log 2>&1",
		 p->dir, p->url, p->tls ? "--cacert ca.pem --cert cert.pem --key key.pem" : "",
		 script);
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

/* ca.pem, cert.pem and key.pem: for server and client, of 127.0.0.1. */
static __attribute__((unused)) void make_certificates(const struct etcd_proc *p)
{
	run_in(p,
	       "printf 'cn = \"test ca\"\\nca\\ncert_signing_key\\nexpiration_days = 2\\n' >ca.t;"
	       "printf 'cn = \"test\"\\nip_address = 127.0.0.1\\ndns_name = localhost\\n"
	       "signing_key\\ntls_www_server\\ntls_www_client\\nexpiration_days = 2\\n' >c.t;"
	       "K='certtool --generate-privkey --key-type ecdsa';"
	       "$K --outfile cakey.pem && $K --outfile key.pem &&"
	       "certtool --generate-self-signed --load-privkey cakey.pem --template ca.t "
	       "--outfile ca.pem && certtool --generate-certificate --load-privkey key.pem "
	       "--load-ca-certificate ca.pem --load-ca-privkey cakey.pem --template c.t "
	       "--outfile cert.pem");
}

static __attribute__((unused)) void etcd_exec(const struct etcd_proc *p)
{
	char peer[64], cluster[80], data[128];
	const char *argv[32] = {"etcd",
				"--name",
				"t",
				"--data-dir",
				data,
				"--listen-client-urls",
				p->url,
				"--advertise-client-urls",
				p->url,
				"--listen-peer-urls",
				peer,
				"--initial-advertise-peer-urls",
				peer,
				"--initial-cluster",
				cluster,
				"--heartbeat-interval=20",
				"--election-timeout=200",
				"--log-level=error"};
	static const char *const tls[] = {"--client-cert-auth", "--trusted-ca-file=ca.pem",
					  "--cert-file=cert.pem", "--key-file=key.pem"};
	size_t n = 18;
	int log;

	snprintf(data, sizeof(data), "%s/data", p->dir);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%u", p->peer_port);
	snprintf(cluster, sizeof(cluster), "t=%s", peer);
	for (size_t i = 0; p->tls && i < 4; i++)
		argv[n++] = tls[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chdir(p->dir))
		_exit(1);
	log = open("etcd.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, 1);
	dup2(log, 2);
	execv("/usr/bin/etcd", (char *const *)argv);
	_exit(127);
}

/* Also again, on the same data. */
static __attribute__((unused)) void etcd_spawn(struct etcd_proc *p)
{
	p->pid = fork();
	if (p->pid == 0)
		etcd_exec(p);
}

/* What tests that were killed have left: the name says whose it was. */
static __attribute__((unused)) void reap_directories(void)
{
	if (system("for d in " ETCD_DIRS "*-*; do p=${d#" ETCD_DIRS "}; "
		   "[ -d \"$d\" ] && ! [ -d \"/proc/${p%%-*}\" ] && rm -rf \"$d\"; done; true"))
		abort();
}

static __attribute__((unused)) void etcd_start(struct etcd_proc *p, bool tls)
{
	*p = (struct etcd_proc){.port = free_port(), .peer_port = free_port(), .tls = tls};
	reap_directories();
	snprintf(p->dir, sizeof(p->dir), ETCD_DIRS "%d-XXXXXX", (int)getpid());
	if (!mkdtemp(p->dir))
		abort();
	snprintf(p->url, sizeof(p->url), "http%s://127.0.0.1:%u", tls ? "s" : "", p->port);
	if (tls)
		make_certificates(p);
	etcd_spawn(p);
}

static __attribute__((unused)) void etcd_kill(struct etcd_proc *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	p->pid = 0;
}

static __attribute__((unused)) void etcd_stop(struct etcd_proc *p)
{
	char command[128];

	if (!p->dir[0])
		return;
	etcd_kill(p);
	snprintf(command, sizeof(command), "rm -rf '%s'", p->dir);
	if (system(command))
		fprintf(stderr, "%s stays\n", p->dir);
	p->dir[0] = '\0';
}

#endif
