/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "san-agent/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "util/own.h"

#define PATH_LEN 1024

int read_text(const char *dir, const char *name, char *buf, size_t size)
{
	OWN_FD int fd = -1;
	char path[PATH_LEN];
	size_t len = 0;
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	/* a FIFO in the place of a pid file must not hold up the loop */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return 0;
}

int parse_u64(const char *text, uint64_t *out)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || (*end && !strchr(" \t\n", *end)))
		return -EINVAL;
	*out = value;
	return 0;
}

int read_u64(const char *dir, const char *name, uint64_t *out)
{
	char text[64];
	int rc = read_text(dir, name, text, sizeof(text));

	return rc ? rc : parse_u64(text, out);
}

int parse_key(const char *text, const char *key, uint64_t *out)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) || !strchr(" \t:", line[len]) || !line[len])
			continue;
		return parse_u64(line + len + strspn(line + len, " \t:"), out);
	}
	return -ENOENT;
}

int read_key(const char *dir, const char *name, const char *key, uint64_t *out)
{
	OWN_PTR char *text = malloc(READ_MAX);
	int rc = text ? read_text(dir, name, text, READ_MAX) : -ENOMEM;

	return rc ? rc : parse_key(text, key, out);
}
