/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libbpf's own messages, which hold the verifier's and netlink's words, into the log. */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dp/priv.h"
#include "util/log.h"
#include "util/own.h"

#define PRINT_LAST_LINES 12 /* of a verifier log: the end says what is wrong */

static bool print_quiet;

/* Where the last lines of text begin. */
static char *last_lines(char *text)
{
	char *at = text + strlen(text);
	int lines = 0;

	while (at > text && lines <= PRINT_LAST_LINES)
		if (*--at == '\n')
			lines++;
	return *at == '\n' ? at + 1 : at;
}

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	bool warn = level == LIBBPF_WARN && !print_quiet;
	OWN_PTR char *text = NULL;
	char *line, *rest;
	int len = vasprintf(&text, fmt, ap);

	if (len < 0) {
		text = NULL;
		return 0;
	}
	for (line = strtok_r(last_lines(text), "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (warn)
			log_warn("libbpf", "text=\"%s\"", line);
		else
			log_debug("libbpf", "text=\"%s\"", line);
	}
	return 0;
}

void dp_print_init(void)
{
	libbpf_set_print(print);
}

void dp_print_quiet(bool quiet)
{
	print_quiet = quiet;
}
