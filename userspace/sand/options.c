/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"sand - service-aware SRv6 provider edge\n"
	"\n"
	"usage: sand [options]\n"
	"  -c, --config FILE     configuration (default /etc/sand/sand.yaml)\n"
	"      --check           check the configuration and exit\n"
	"      --run-dir DIR     REST socket api.sock (default /run/sand)\n"
	"      --state-dir DIR   database (default /var/lib/sand)\n"
	"      --pin-dir DIR     BPF maps and links (default /sys/fs/bpf/sand)\n"
	"      --user NAME       unprivileged user of the deciding process (default sand)\n"
	"      --single          one privileged process, for debugging\n"
	"      --dispatcher      keep CAP_SYS_ADMIN in the privileged process: for the configuration's\n"
	"                        dataplane: {attach: dispatcher}\n"
	"      --reset           start with an empty database\n"
	"      --unload          detach, remove maps, routes and rule, and exit\n"
	"      --version         print the version and exit\n"
	"      --help            this text\n"
	"\n"
	"Runs in the foreground in the network namespace it is started in; logs to stderr; forwarding\n"
	"state stays when it stops: --unload removes it. Exit status: 0 stopped, 1 failed, 64 usage,\n"
	"75 another sand runs here, 77 not root, 78 configuration wrong (nothing was touched).\n";

enum {
	OPT_CHECK = 256,
	OPT_RUN,
	OPT_STATE,
	OPT_PIN,
	OPT_USER,
	OPT_SINGLE,
	OPT_RESET,
	OPT_UNLOAD,
	OPT_DISPATCHER
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"run-dir", required_argument, NULL, OPT_RUN},
	{"state-dir", required_argument, NULL, OPT_STATE},
	{"pin-dir", required_argument, NULL, OPT_PIN},
	{"user", required_argument, NULL, OPT_USER},
	{"single", no_argument, NULL, OPT_SINGLE},
	{"dispatcher", no_argument, NULL, OPT_DISPATCHER},
	{"reset", no_argument, NULL, OPT_RESET},
	{"unload", no_argument, NULL, OPT_UNLOAD},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* One option; returns an exit code or -1. */
static int option_set(struct options *o, int opt)
{
	switch (opt) {
	case 'c':
		o->config = optarg;
		return -1;
	case OPT_CHECK:
		o->check = true;
		return -1;
	case OPT_RUN:
		o->run_dir = optarg;
		return -1;
	case OPT_STATE:
		o->state_dir = optarg;
		return -1;
	case OPT_PIN:
		o->pin_dir = optarg;
		return -1;
	case OPT_USER:
		o->user = optarg;
		return -1;
	case OPT_SINGLE:
		o->single = true;
		return -1;
	case OPT_DISPATCHER:
		o->dispatcher = true;
		return -1;
	case OPT_RESET:
		o->reset = true;
		return -1;
	case OPT_UNLOAD:
		o->unload = true;
		return -1;
	case 'V':
		printf("sand %s\n", SAN_VERSION_TEXT);
		return 0;
	case 'h':
		fputs(help, stdout);
		return 0;
	default:
		fputs("sand: --help lists the options\n", stderr);
		return EXIT_USAGE;
	}
}

/* The capabilities that are kept, and the right to give up all others, come from root. */
static int need_root(const struct options *o)
{
	if (o->check || geteuid() == 0)
		return -1;
	fputs("sand: must be started as root: it attaches BPF programs and changes routes; only "
	      "--check works without\n",
	      stderr);
	return EXIT_NOPERM;
}

static int find_user(struct options *o)
{
	const struct passwd *pw;

	if (o->single || o->check || o->unload)
		return -1;
	pw = getpwnam(o->user);
	if (!pw || pw->pw_uid == 0) {
		fprintf(stderr,
			"sand: --user %s: %s; create one (useradd --system %s) or name another "
			"unprivileged user\n",
			o->user, pw ? "is root" : "no such user", pw ? "sand" : o->user);
		return EXIT_USAGE;
	}
	o->uid = pw->pw_uid;
	o->gid = pw->pw_gid;
	return -1;
}

static int open_config(struct options *o)
{
	o->config_fd = open(o->config, O_RDONLY | O_CLOEXEC);
	if (o->config_fd < 0) {
		fprintf(stderr, "sand: %s: %s; --config names the configuration\n", o->config,
			strerror(errno));
		return EXIT_CONFIG;
	}
	return -1;
}

int options_parse(int argc, char **argv, struct options *o)
{
	int opt, code;

	*o = (struct options){
		.config = "/etc/sand/sand.yaml",
		.config_fd = -1,
		.run_dir = "/run/sand",
		.state_dir = "/var/lib/sand",
		.pin_dir = "/sys/fs/bpf/sand",
		.user = "sand",
	};
	while ((opt = getopt_long(argc, argv, "c:hV", long_options, NULL)) != -1) {
		code = option_set(o, opt);
		if (code >= 0)
			return code;
	}
	if (optind < argc) {
		fprintf(stderr, "sand: unexpected argument \"%s\"; --help lists the options\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if ((code = need_root(o)) >= 0 || (code = find_user(o)) >= 0)
		return code;
	return open_config(o);
}
