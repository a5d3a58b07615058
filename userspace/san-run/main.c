/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * san-run: starts a program so that its IPv6 sockets carry a SAN header. Finds libsan-run.so, sets
 * the environment that preload.c reads, passes CAP_NET_RAW on when san-run has it as a file
 * capability, and becomes the program.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "util/name.h"
#include "util/own.h"

#define EXIT_USAGE 2
#define EXIT_SAN_RUN 125   /* san-run itself failed */
#define EXIT_NOT_RUN 126   /* found, cannot be executed */
#define EXIT_NOT_FOUND 127 /* as shells do */

static const char usage[] =
	"Usage: san-run [--carrier doh|hbh] SERVICE-ID -- PROGRAM [ARGUMENT...]\n"
	"\n"
	"Runs PROGRAM so that every IPv6 TCP and UDP socket it opens carries a SAN header\n"
	"with SERVICE-ID. A service-aware provider edge steers its packets to the best\n"
	"instance of that service; other routers ignore the header.\n"
	"\n"
	"  --carrier doh   in a Destination Options header (default)\n"
	"  --carrier hbh   in a Hop-by-Hop Options header\n"
	"  --version       print the version\n"
	"  --help          this text\n"
	"\n"
	"Examples:\n"
	"  san-run 0x101 -- curl http://[2001:db8:5::101]/\n"
	"  san-run 257 -- python3 client.py       # 257 is 0x101\n"
	"\n"
	"Linux lets only CAP_NET_RAW set these headers: run san-run as root, or once\n"
	"  setcap cap_net_raw+p /usr/local/bin/san-run\n"
	"san-run then passes that capability on to PROGRAM.\n"
	"\n"
	"Only dynamically linked programs that call the C library's socket() can be helped:\n"
	"not statically linked ones, not Go programs, not set-user-ID ones.\n"
	"$SAN_RUN_LIB names the library to preload if it is not found by itself.\n"
	"\n"
	"Exit status: the program's own; 2 usage, 125 san-run failed, 126 PROGRAM cannot be\n"
	"executed, 127 PROGRAM not found.\n";

struct options {
	const char *carrier;
	char id[SVC_ID_TEXT];
	char **program;
};

static int refuse(const char *what)
{
	fprintf(stderr, "san-run: %s\nsan-run: try `san-run --help`\n", what);
	return EXIT_USAGE;
}

static int refuse_value(const char *what, const char *value, const char *want)
{
	char line[256];

	snprintf(line, sizeof(line), "%s \"%.64s\" %s", what, value, want);
	return refuse(line);
}

static int take_id(const char *text, struct options *opt)
{
	uint64_t id;

	if (svc_id_parse(text, &id))
		return refuse_value(
			"service ID", text,
			"must be 0x1..0xffffffffffffffff or the same in decimal, not 0");
	svc_id_text(id, opt->id);
	return 0;
}

static int parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{"carrier", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{},
	};
	int c, rc;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+hV", longs, NULL)) != -1) {
		if (c == 'h' || c == 'V') {
			fputs(c == 'h' ? usage : "san-run " SAN_VERSION_TEXT "\n", stdout);
			exit(EXIT_SUCCESS);
		}
		if (c != 'c')
			return refuse_value("option", argv[optind - 1],
					    "is unknown or lacks its value");
		opt->carrier = optarg;
	}
	if (strcmp(opt->carrier, "doh") && strcmp(opt->carrier, "hbh"))
		return refuse_value("carrier", opt->carrier, "must be doh or hbh");
	if (optind >= argc)
		return refuse("the service ID is missing");
	rc = take_id(argv[optind++], opt);
	if (rc)
		return rc;
	if (optind < argc && !strcmp(argv[optind], "--"))
		optind++;
	if (optind >= argc)
		return refuse("the program to run is missing");
	opt->program = argv + optind;
	return 0;
}

/* The library next to this very binary comes before an installed one: they always match. */
static bool find_library(char *path, size_t size)
{
	static const char *const near[] = {"../lib/sand/libsan-run.so", "../lib/libsan-run.so"};
	const char *given = getenv("SAN_RUN_LIB");
	char self[PATH_MAX];
	ssize_t len;

	if (given && *given) {
		snprintf(path, size, "%s", given);
		return access(path, R_OK) == 0;
	}
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0) {
		self[len] = '\0';
		dirname(self);
		for (size_t i = 0; i < ARRAY_SIZE(near); i++) {
			snprintf(path, size, "%s/%s", self, near[i]);
			if (access(path, R_OK) == 0)
				return true;
		}
	}
	snprintf(path, size, SAN_PREFIX "/lib/sand/libsan-run.so");
	return access(path, R_OK) == 0;
}

static int set_environment(const struct options *opt, const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	OWN_PTR char *preload = NULL;
	int n;

	n = asprintf(&preload, "%s%s%s", library, before && *before ? ":" : "",
		     before ? before : "");
	if (n < 0) {
		preload = NULL;
		return -ENOMEM;
	}
	if (setenv("LD_PRELOAD", preload, 1) || setenv("SAN_SERVICE_ID", opt->id, 1) ||
	    setenv("SAN_CARRIER", opt->carrier, 1))
		return -errno;
	return 0;
}

/*
 * With a file capability the program would lose CAP_NET_RAW at exec. The ambient set carries it
 * over, and does not make the loader distrust LD_PRELOAD as set-user-ID would. Without the
 * capability this does nothing; preload.c says so when the header cannot be set.
 */
static void pass_capability(void)
{
	static const cap_value_t raw[] = {CAP_NET_RAW};
	cap_t caps;

	if (geteuid() == 0)
		return;
	caps = cap_get_proc();
	if (caps && !cap_set_flag(caps, CAP_INHERITABLE, 1, raw, CAP_SET) && !cap_set_proc(caps))
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
	cap_free(caps);
}

int main(int argc, char **argv)
{
	struct options opt = {.carrier = "doh"};
	char library[PATH_MAX + 64];
	int rc = parse(argc, argv, &opt);

	if (rc)
		return rc;
	if (!find_library(library, sizeof(library))) {
		fprintf(stderr, "san-run: cannot read %s: set SAN_RUN_LIB to libsan-run.so\n",
			library);
		return EXIT_SAN_RUN;
	}
	if (set_environment(&opt, library)) {
		fprintf(stderr, "san-run: cannot set the environment: %m\n");
		return EXIT_SAN_RUN;
	}
	pass_capability();
	execvp(opt.program[0], opt.program);
	rc = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
	fprintf(stderr, "san-run: %s: %m\n", opt.program[0]);
	return rc;
}
