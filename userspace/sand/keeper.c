/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sand/child.h"
#include "sand/sandbox.h"
#include "util/clock.h"
#include "util/log.h"

static bool parent_gone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

/* The forked child: own signal mask, dies with the keeper. */
static pid_t start_child(const struct options *o, int fd, const sigset_t *signals)
{
	pid_t keeper = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != keeper)
		_exit(EXIT_FAILURE);
	sigprocmask(SIG_UNBLOCK, signals, NULL);
	_exit(child_run(o, fd));
}

/* Waits for the child's end, passing SIGTERM on; *stop = it was asked for. Its wait status. */
static int wait_child(pid_t pid, const sigset_t *signals, bool *stop)
{
	int status, sig;

	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		sig = sigwaitinfo(signals, NULL);
		if (sig == SIGTERM || sig == SIGINT) {
			*stop = true;
			kill(pid, SIGTERM);
		}
	}
}

/* Sleeps ms; true when a stop was asked for meanwhile. */
static bool backoff(unsigned int ms, const sigset_t *signals)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
	int sig = sigtimedwait(signals, NULL, &ts);

	return sig == SIGTERM || sig == SIGINT;
}

static void say_crash(pid_t pid, int status, unsigned int ms)
{
	if (WIFSIGNALED(status))
		log_err("child crashed", "pid=%d signal=\"%s\" restart_ms=%u", pid,
			strsignal(WTERMSIG(status)), ms);
	else
		log_err("child failed", "pid=%d status=%d restart_ms=%u", pid, WEXITSTATUS(status),
			ms);
}

static int keep(const struct options *o, int fd, const sigset_t *signals)
{
	struct options again = *o;
	unsigned int ms = KEEPER_BACKOFF_MIN_MS;
	bool stop = false;

	for (;; again.reset = false) {
		uint64_t begin = clock_us();
		pid_t pid = start_child(&again, fd, signals);
		int status = pid < 0 ? 0 : wait_child(pid, signals, &stop);

		if (stop || parent_gone(fd))
			return EXIT_SUCCESS;
		if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG)
			return EXIT_CONFIG;
		if (clock_us() - begin > KEEPER_CALM_S * 1000000ull)
			ms = KEEPER_BACKOFF_MIN_MS;
		say_crash(pid, status, ms);
		if (backoff(ms, signals))
			return EXIT_SUCCESS;
		ms = ms * 2 > KEEPER_BACKOFF_MAX_MS ? KEEPER_BACKOFF_MAX_MS : ms * 2;
	}
}

int keeper_run(const struct options *o, int fd)
{
	pid_t parent = getppid();
	sigset_t signals;

	log_init("sand-keeper", LOG_INFO);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (sandbox_drop(o->uid, o->gid))
		return EXIT_FAILURE;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return EXIT_SUCCESS;
	return keep(o, fd, &signals);
}
