/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structured log on stderr, one line an event: time, level, fixed message, key=value behind it.
 * Used by who gives up or changes state; codecs, model, ncsdb and ssc return errors instead.
 *
 *   log_info("child started", "pid=%d session=%u", pid, session);
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG_LEVEL };

/* who: "sand", "sand-child": a field of every line. Default level info. */
void log_init(const char *who, enum log_level level);
/* "error" "warning" "info" "debug" -> level; -EINVAL. */
int log_level_parse(const char *text, enum log_level *level);
void log_write(enum log_level level, const char *msg, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_err(msg, ...) log_write(LOG_ERROR, msg, __VA_ARGS__)
#define log_warn(msg, ...) log_write(LOG_WARNING, msg, __VA_ARGS__)
#define log_info(msg, ...) log_write(LOG_INFO, msg, __VA_ARGS__)
#define log_debug(msg, ...) log_write(LOG_DEBUG_LEVEL, msg, __VA_ARGS__)

#endif
