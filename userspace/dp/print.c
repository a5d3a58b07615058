/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The libraries' own messages, which hold the verifier's and netlink's words, into the log. */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "dp/priv.h"
#include "util/log.h"
#include "util/own.h"

#define PRINT_LAST_LINES 12 /* of a verifier log: the end says what is wrong */

static int print_quiet; /* callers that want it */

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

static int print_lines(const char *library, bool warn, const char *fmt, va_list ap)
{
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
			log_warn(library, "text=\"%s\"", line);
		else
			log_debug(library, "text=\"%s\"", line);
	}
	return 0;
}

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return print_lines("libbpf", level == LIBBPF_WARN && !print_quiet, fmt, ap);
}

/* What it gives up for is in the error that it returns. */
static int print_libxdp(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	return print_lines("libxdp", false, fmt, ap);
}

void dp_print_init(void)
{
	libxdp_set_print(print_libxdp);
	libbpf_set_print(print);
}

void dp_print_quiet(bool quiet)
{
	print_quiet += quiet ? 1 : -1;
}
