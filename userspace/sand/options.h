/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of sand: what the privileged parent must know before anything is parsed. */
#ifndef SAND_OPTIONS_H
#define SAND_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#define EXIT_USAGE 64  /* EX_USAGE */
#define EXIT_CONFIG 78 /* EX_CONFIG: the configuration is wrong, nothing was touched */
#define EXIT_BUSY 75   /* EX_TEMPFAIL: another sand runs here */
#define EXIT_NOPERM 77 /* EX_NOPERM: not started as root */

struct options {
	const char *config;    /* file name, for messages */
	int config_fd;	       /* opened by the parent */
	const char *run_dir;   /* REST socket; owned by the child's user */
	const char *state_dir; /* database; owned by the child's user */
	const char *pin_dir;
	const char *user; /* of the child */
	uid_t uid;
	gid_t gid;
	bool single, check, unload, reset;
	bool dispatcher; /* the parent may share interfaces with other XDP programs */
};

/* Fills *o from argv; on a mistake prints it and returns the exit code, -1 to go on. */
int options_parse(int argc, char **argv, struct options *o);

#endif
