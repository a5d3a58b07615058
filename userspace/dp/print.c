/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libbpf's own messages, which hold the verifier's and netlink's words, into the log. */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dp/priv.h"
#include "util/log.h"

static bool print_quiet;

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[2048];
	size_t len;

	vsnprintf(text, sizeof(text), fmt, ap);
	len = strlen(text);
	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	if (level == LIBBPF_WARN && !print_quiet)
		log_warn("libbpf", "text=\"%s\"", text);
	else
		log_debug("libbpf", "text=\"%s\"", text);
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
