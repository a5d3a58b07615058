/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "ncc/apply.h"
#include "sand/child.h"
#include "sand/config.h"
#include "sand/keeper.h"
#include "sand/lock.h"
#include "sand/sandbox.h"
#include "util/log.h"
#include "util/own.h"

#define SOCKET_BUFFER (1 << 20)
#define STOP_PATIENCE_MS 5000
#define BPFFS "/sys/fs/bpf"

struct parent {
	uv_loop_t loop;
	uv_signal_t term, intr, chld;
	uv_timer_t patience;
	struct apply *apply;
	struct child *child; /* --single */
	pid_t keeper;
	int code;
};

static int failed(const char *what, const char *object)
{
	int code = errno;

	log_err(what, "path=%s error=\"%s\"", object, strerror(code));
	return -code;
}

/* mkdir -p, owned by uid:gid, mode 0755 for the socket's clients. */
static int make_dir(const char *path, uid_t uid, gid_t gid)
{
	char part[256];
	size_t len = strlen(path);

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return failed("directory not made", path);
	}
	for (size_t i = 1; i <= len; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return failed("directory not made", part);
	}
	return chown(path, uid, gid) ? failed("directory not owned", path) : 0;
}

/* The state directory's files may belong to another user of an earlier start. The directory is the
 * child's: a link in it may lead to a file that must not become the child's. */
static int own_files(const char *dir, uid_t uid, gid_t gid)
{
	static const char *const files[] = {"data.mdb", "lock.mdb", "lock"};
	char path[300];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		OWN_FD int fd = -1;
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || fstat(fd, &st))
			return failed("file not owned", path);
		errno = EMLINK;
		if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || fchown(fd, uid, gid))
			return failed("file not owned", path);
	}
	return 0;
}

static int mount_bpffs(const char *pin_dir)
{
	struct statfs fs;

	if (strncmp(pin_dir, BPFFS "/", sizeof(BPFFS)))
		return 0;
	if (!statfs(BPFFS, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return failed("bpffs not mounted", BPFFS);
	log_info("bpffs mounted", "path=%s", BPFFS);
	return 0;
}

static int prepare(const struct options *o)
{
	return make_dir(o->run_dir, o->uid, o->gid) ?: make_dir(o->state_dir, o->uid, o->gid)
	       ?: own_files(o->state_dir, o->uid, o->gid) ?: mount_bpffs(o->pin_dir);
}

static int make_pair(int fds[2])
{
	int size = SOCKET_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
		return failed("socket pair not made", "-");
	for (int i = 0; i < 2; i++) { /* FORCE needs the capability that is still held here */
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
			return failed("socket buffer not set", "-");
	}
	return 0;
}

static void on_ready(void *arg)
{
	sd_notify(0, "READY=1");
	log_info("ready", "%s", "first plan applied");
}

static void on_patience_end(uv_timer_t *timer)
{
	struct parent *p = timer->data;

	log_err("child does not stop", "waited_ms=%d", STOP_PATIENCE_MS);
	p->code = EXIT_FAILURE;
	uv_stop(&p->loop);
}

/* The child is another user's, out of reach of this process's signals: closing the socket tells it.
 */
static void on_stop(uv_signal_t *handle, int signum)
{
	struct parent *p = handle->data;

	sd_notify(0, "STOPPING=1");
	if (p->keeper <= 0) {
		uv_stop(&p->loop);
		return;
	}
	if (p->apply)
		apply_close(p->apply);
	p->apply = NULL;
	uv_timer_start(&p->patience, on_patience_end, STOP_PATIENCE_MS, 0);
}

static void on_keeper_end(uv_signal_t *handle, int signum)
{
	struct parent *p = handle->data;
	int status;

	if (p->keeper <= 0 || waitpid(p->keeper, &status, WNOHANG) != p->keeper)
		return;
	p->keeper = 0;
	p->code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
	uv_stop(&p->loop);
}

static void watch_signal(struct parent *p, uv_signal_t *handle, uv_signal_cb cb, int signum)
{
	uv_signal_init(&p->loop, handle);
	handle->data = p;
	uv_signal_start(handle, cb, signum);
}

static int open_apply(struct parent *p, const struct options *o, int fd)
{
	struct err err = {0};
	char text[512];

	signal(SIGPIPE, SIG_IGN);
	uv_timer_init(&p->loop, &p->patience);
	p->patience.data = p;
	watch_signal(p, &p->term, on_stop, SIGTERM);
	watch_signal(p, &p->intr, on_stop, SIGINT);
	watch_signal(p, &p->chld, on_keeper_end, SIGCHLD);
	if (apply_open(&(struct apply_conf){.loop = &p->loop, .fd = fd, .pin_dir = o->pin_dir},
		       &p->apply, &err)) {
		log_err("kernel not reached", "%s", err_text(&err, text, sizeof(text)));
		return EXIT_FAILURE;
	}
	apply_on_ready(p->apply, on_ready, p);
	return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int run(struct parent *p, int code)
{
	if (!code)
		uv_run(&p->loop, UV_RUN_DEFAULT);
	if (p->child)
		child_close(p->child);
	if (p->apply)
		apply_close(p->apply);
	uv_walk(&p->loop, close_handle, NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	if (p->child)
		child_free(p->child);
	uv_loop_close(&p->loop);
	return code ?: p->code > 0 ? p->code : EXIT_SUCCESS;
}

int parent_run(const struct options *o)
{
	struct parent p = {0};
	struct locks locks;
	int fds[2], code;

	log_init("sand", LOG_INFO);
	code = lock_take(o->pin_dir, o->config, &locks);
	if (code)
		return code == -EBUSY ? EXIT_BUSY : EXIT_FAILURE;
	if (prepare(o) || make_pair(fds))
		return EXIT_FAILURE;
	p.keeper = fork();
	if (p.keeper < 0) {
		failed("keeper not started", "-");
		return EXIT_FAILURE;
	}
	if (p.keeper == 0) {
		lock_forget(&locks);
		close(fds[0]);
		_exit(keeper_run(o, fds[1]));
	}
	close(fds[1]);
	if (sandbox_parent(o->dispatcher) || uv_loop_init(&p.loop))
		return EXIT_FAILURE;
	code = open_apply(&p, o, fds[0]);
	on_keeper_end(&p.chld, SIGCHLD); /* it may have failed before the signal was watched */
	return run(&p, code);
}

int parent_single(const struct options *o)
{
	struct parent p = {.code = -1};
	struct locks locks;
	int fds[2], code;

	log_init("sand", LOG_INFO);
	code = lock_take(o->pin_dir, o->config, &locks);
	if (code)
		return code == -EBUSY ? EXIT_BUSY : EXIT_FAILURE;
	if (prepare(o) || make_pair(fds) || uv_loop_init(&p.loop))
		return EXIT_FAILURE;
	code = open_apply(&p, o, fds[0]);
	if (!code)
		code = child_open(&p.loop, o, fds[1], &p.code, &p.child);
	return run(&p, code);
}

/* The configuration says which table and rule are ours; it is read with privileges here, on
 * request. */
int parent_unload(const struct options *o)
{
	struct config *config = NULL;
	struct locks locks;
	struct err err = {0};
	char text[512];
	FILE *file;
	int r;

	log_init("sand", LOG_INFO);
	r = lock_take(o->pin_dir, o->config, &locks);
	if (r)
		return r == -EBUSY ? EXIT_BUSY : EXIT_FAILURE;
	file = fdopen(o->config_fd, "r");
	if (!file || config_load(file, o->config, &config, &err)) {
		log_err("configuration wrong", "%s", err_text(&err, text, sizeof(text)));
		return EXIT_CONFIG;
	}
	r = apply_unload(o->pin_dir, &config->ncc.config, &err);
	config_free(config);
	if (r) {
		log_err("not unloaded", "%s", err_text(&err, text, sizeof(text)));
		return EXIT_FAILURE;
	}
	log_info("unloaded", "pin_dir=%s", o->pin_dir);
	return EXIT_SUCCESS;
}
