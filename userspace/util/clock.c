/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/own.h"

#define BOOT_ID_LEN 36
#define YEAR_9999_S INT64_C(253402300799) /* its last second */

uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int clock_boot_id(char out[BOOT_ID_LEN + 1])
{
	OWN_FD int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char buf[BOOT_ID_LEN];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf));
	if (n != BOOT_ID_LEN)
		return n < 0 ? -errno : -EIO;
	memcpy(out, buf, BOOT_ID_LEN);
	out[BOOT_ID_LEN] = '\0';
	return 0;
}

int64_t clock_real_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts); /* not time(): that may lag behind a timer */
	return ts.tv_sec;
}

const char *clock_rfc3339(int64_t real_s, char buf[CLOCK_RFC3339])
{
	time_t t = real_s;
	struct tm tm;

	if (real_s > YEAR_9999_S || !gmtime_r(&t, &tm) ||
	    !strftime(buf, CLOCK_RFC3339, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(buf, "9999-12-31T23:59:59Z");
	return buf;
}
