/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/own.h"

static const struct {
	const char *name;
	int priority; /* syslog(3), as sd-daemon(3) prefixes it */
} levels[] = {
	[LOG_ERROR] = {"error", 3},
	[LOG_WARNING] = {"warning", 4},
	[LOG_INFO] = {"info", 6},
	[LOG_DEBUG_LEVEL] = {"debug", 7},
};

_Static_assert(ARRAY_SIZE(levels) == LOG_LEVEL_MAX, "every level has a name");

static const char *log_who = "sand";
static enum log_level log_max = LOG_INFO;
static bool log_journal;

/* $JOURNAL_STREAM is inherited by everybody below a unit: only its device and inode tell whether
 * this stderr is still the journal. */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!text || sscanf(text, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st))
		return false;
	return st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *who, enum log_level level)
{
	log_who = who;
	log_max = level;
	log_journal = stderr_is_journal();
}

int log_level_parse(const char *text, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int log_head(char *line, size_t size, enum log_level level, const char *msg)
{
	char now[32] = "";
	struct timespec ts;
	struct tm tm;

	if (log_journal)
		return snprintf(line, size, "<%d>level=%s who=%s msg=\"%s\"",
				levels[level].priority, levels[level].name, log_who, msg);
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(line, size, "%s.%03ldZ level=%s who=%s msg=\"%s\"", now,
			ts.tv_nsec / 1000000, levels[level].name, log_who, msg);
}

/* Ends the line: one line only, cut lines say so. Returns its length. */
static size_t log_seal(char *line, size_t len)
{
	if (len > LOG_LINE_MAX - 1) {
		len = LOG_LINE_MAX - 1;
		memcpy(line + len - 3, "...", 3);
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len] = '\n';
	return len + 1;
}

void log_write(enum log_level level, const char *msg, const char *fmt, ...)
{
	char line[LOG_LINE_MAX + 1];
	int saved = errno;
	size_t len;
	va_list ap;

	if (level > log_max || level >= LOG_LEVEL_MAX)
		return;
	len = (size_t)log_head(line, sizeof(line), level, msg);
	if (len < LOG_LINE_MAX) {
		fmt += strspn(fmt, " ");
		if (*fmt)
			line[len++] = ' ';
		va_start(ap, fmt);
		len += (size_t)vsnprintf(line + len, sizeof(line) - len, fmt, ap);
		va_end(ap);
	}
	len = log_seal(line, len);
	/* Nothing can be said about a log that cannot be written. */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = saved;
	errno = saved;
}
