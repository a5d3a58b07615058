/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/keeper.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sand/child.h"
#include "sand/sandbox.h"
#include "util/clock.h"
#include "util/log.h"

struct keeper {
	const struct options *o;
	int fd;		  /* the child's end of the socket pair */
	sigset_t blocked; /* signals that are read from signal_fd */
	int signal_fd;
	bool stop; /* asked for by a signal, or by the parent closing its end */
};

/* Waits for a signal or the parent's end, at most ms (-1 = for ever). */
static void wait_event(struct keeper *k, int ms)
{
	struct pollfd p[] = {{.fd = k->signal_fd, .events = POLLIN}, {.fd = k->stop ? -1 : k->fd}};
	struct signalfd_siginfo info;

	if (poll(p, 2, ms) <= 0)
		return;
	if (p[1].revents & (POLLHUP | POLLERR))
		k->stop = true;
	if ((p[0].revents & POLLIN) && read(k->signal_fd, &info, sizeof(info)) == sizeof(info) &&
	    info.ssi_signo != SIGCHLD)
		k->stop = true;
}

static uint64_t clock_ms(void)
{
	return clock_us() / 1000;
}

/* The forked child: own signal mask, dies with the keeper. */
static pid_t start_child(const struct keeper *k, const struct options *o)
{
	pid_t keeper = getpid(), pid = fork();

	if (pid)
		return pid;
	close(k->signal_fd);
	signal(SIGINT, SIG_IGN); /* from a terminal it reaches everybody: the keeper passes it on */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != keeper)
		_exit(EXIT_FAILURE);
	sigprocmask(SIG_UNBLOCK, &k->blocked, NULL);
	_exit(child_run(o, k->fd));
}

/* Waits for the child's end; its wait status. A child that is told to stop and does not is killed:
 * nobody else could do it. */
static int wait_child(struct keeper *k, pid_t pid)
{
	uint64_t told_ms = 0;
	bool killed = false;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (k->stop && !told_ms) {
			told_ms = clock_ms();
			kill(pid, SIGTERM);
		} else if (k->stop && !killed && clock_ms() - told_ms >= KEEPER_STOP_MS) {
			log_err("child does not stop, killed", "pid=%d waited_ms=%d", pid,
				KEEPER_STOP_MS);
			killed = true;
			kill(pid, SIGKILL);
		}
		wait_event(k, k->stop ? KEEPER_STOP_MS / 10 : -1);
	}
	return status;
}

/* Pauses ms, or until a stop is asked for. */
static void pause_ms(struct keeper *k, unsigned int ms)
{
	uint64_t end = clock_ms() + ms;

	for (uint64_t now = clock_ms(); !k->stop && now < end; now = clock_ms())
		wait_event(k, (int)(end - now));
}

static void say_end(pid_t pid, int status, unsigned int ms)
{
	if (pid < 0)
		log_err("child not started", "restart_ms=%u", ms);
	else if (WIFSIGNALED(status))
		log_err("child crashed", "pid=%d signal=\"%s\" restart_ms=%u", pid,
			strsignal(WTERMSIG(status)), ms);
	else
		log_err("child failed", "pid=%d status=%d restart_ms=%u", pid, WEXITSTATUS(status),
			ms);
}

static int keep(struct keeper *k)
{
	struct options again = *k->o;
	unsigned int ms = KEEPER_BACKOFF_MIN_MS;

	for (;; again.reset = false) {
		uint64_t begin_ms = clock_ms();
		pid_t pid = start_child(k, &again);
		int status = pid < 0 ? 0 : wait_child(k, pid);

		if (!k->stop)
			wait_event(k, 0); /* it may have ended because its parent did */
		if (k->stop)
			return pid > 0 && WIFSIGNALED(status) ? EXIT_FAILURE : EXIT_SUCCESS;
		if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG)
			return EXIT_CONFIG;
		if (clock_ms() - begin_ms > KEEPER_CALM_S * 1000)
			ms = KEEPER_BACKOFF_MIN_MS;
		say_end(pid, status, ms);
		pause_ms(k, ms);
		if (k->stop)
			return EXIT_SUCCESS;
		ms = ms * 2 > KEEPER_BACKOFF_MAX_MS ? KEEPER_BACKOFF_MAX_MS : ms * 2;
	}
}

int keeper_run(const struct options *o, int fd)
{
	struct keeper k = {.o = o, .fd = fd};
	pid_t parent = getppid();

	log_init("sand-keeper", LOG_INFO);
	sigemptyset(&k.blocked);
	sigaddset(&k.blocked, SIGTERM);
	sigaddset(&k.blocked, SIGINT);
	sigaddset(&k.blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &k.blocked, NULL);
	k.signal_fd = signalfd(-1, &k.blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k.signal_fd < 0) {
		log_err("keeper not started", "step=signalfd");
		return EXIT_FAILURE;
	}
	if (sandbox_drop(o->uid, o->gid))
		return EXIT_FAILURE;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return EXIT_SUCCESS;
	return keep(&k);
}
