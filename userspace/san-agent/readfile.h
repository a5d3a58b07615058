/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files of /proc and cgroup directories: one value, or "key value" lines. All: 0 or -errno,
 * -EINVAL where the text is not what was asked for ("max", "-1"). */
#ifndef SAN_AGENT_READFILE_H
#define SAN_AGENT_READFILE_H

#include <stddef.h>
#include <stdint.h>

#define READ_MAX (16u << 10)

/* dir/name as a NUL-terminated text without its last newline, cut at size. */
int read_text(const char *dir, const char *name, char *buf, size_t size);
int read_u64(const char *dir, const char *name, uint64_t *out);
/* The number behind key at the beginning of a line. -ENOENT: no such line. */
int read_key(const char *dir, const char *name, const char *key, uint64_t *out);
int parse_key(const char *text, const char *key, uint64_t *out);
/* Digits up to white space or the end. */
int parse_u64(const char *text, uint64_t *out);

#endif
