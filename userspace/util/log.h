/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structured log on stderr, one line an event: time, level, fixed message, key=value behind it.
 * Used by who gives up or changes state; codecs, model, ncsdb and ssc return errors instead.
 *
 *   log_info("child started", "pid=%d session=%u", pid, session);
 *   2026-01-01T00:00:00.000Z level=info who=sand msg="child started" pid=12 session=1
 *
 * The format is a literal (may be left out); a value that can hold spaces is quoted by the caller.
 * Control characters become "?", so that nothing logged can start a line of its own; a line is cut
 * at LOG_LINE_MAX bytes and written by one write(2). Under the journal (stderr is $JOURNAL_STREAM)
 * the line starts with "<priority>" and leaves the time out. errno survives.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#define LOG_LINE_MAX 2048

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG_LEVEL, LOG_LEVEL_MAX };

/* who: "sand", "sand-child": a field of every line. Default level info. */
void log_init(const char *who, enum log_level level);
/* "error" "warning" "info" "debug" -> level; -EINVAL. */
int log_level_parse(const char *text, enum log_level *level);
void log_write(enum log_level level, const char *msg, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_err(msg, ...) log_write(LOG_ERROR, msg, " " __VA_ARGS__)
#define log_warn(msg, ...) log_write(LOG_WARNING, msg, " " __VA_ARGS__)
#define log_info(msg, ...) log_write(LOG_INFO, msg, " " __VA_ARGS__)
#define log_debug(msg, ...) log_write(LOG_DEBUG_LEVEL, msg, " " __VA_ARGS__)

#endif
